//! The toy program as players and the arbiter know it: one's own tree to play from, and the truth.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gainsay_canon::{DType, TensorType};
use gainsay_commitment::{Arity, Digest, NodeId, Opening};
use gainsay_model::{Evidence, EvidenceTensor, RunError, Slot};
use gainsay_player::TraceSource;
use gainsay_protocol::JobState;

use crate::toy::{self, Trace, Value};

/// A trace that a player tells, as the real strategy asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Told(pub(crate) Trace);

impl TraceSource for Told {
    fn root(&self) -> Digest {
        self.0.root()
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.0.reveal(node, arity)
    }

    fn opening(&self, index: u32) -> Option<Opening> {
        self.0.open(index)
    }

    fn evidence(&self, layer: u32) -> Result<Option<Evidence>, RunError> {
        Ok(evidence_of(&self.0, layer))
    }
}

fn evidence_of(trace: &Trace, layer: u32) -> Option<Evidence> {
    let before = layer.checked_sub(1)?;
    let at = usize::try_from(before).ok()?;
    let (list, value) = (trace.lists.get(at)?.clone(), trace.values.get(at)?);
    let given = EvidenceTensor {
        slot: Slot(toy::number(trace.layers, before)),
        tensor: TensorType::new(DType::F32, vec![8]),
        bytes: value.to_vec(),
    };
    Some(Evidence { list, tensors: vec![given] })
}

/// Who knows the truth about every job: anybody who runs the program.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    inputs: BTreeMap<Digest, Value>,
    truths: RefCell<BTreeMap<(u32, Value), Rc<Trace>>>,
}

impl Oracle {
    pub(crate) fn new(inputs: impl Iterator<Item = Value>) -> Self {
        let inputs = inputs.map(|value| (toy::tensor(value).content, value)).collect();
        Self { inputs, truths: RefCell::default() }
    }

    /// The input of a job.
    pub(crate) fn input(&self, job: &JobState) -> Option<Value> {
        self.inputs.get(&job.job.inputs.first()?.content).copied()
    }

    /// The true run of a job.
    pub(crate) fn truth(&self, job: &JobState) -> Option<Rc<Trace>> {
        let (layers, input) = (job.facts.layers, self.input(job)?);
        let mut truths = self.truths.borrow_mut();
        let known = truths.entry((layers, input));
        Some(Rc::clone(known.or_insert_with(|| Rc::new(Trace::honest(layers, input)))))
    }
}
