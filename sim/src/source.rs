//! The toy program as players and the arbiter know it: one's own tree to play from, and the truth.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use gainsay_canon::{DType, TensorType};
use gainsay_commitment::{Arity, Digest, NodeId, Opening, StateList};
use gainsay_model::{Evidence, EvidenceTensor, RunError, Slot};
use gainsay_player::{StepSource, TraceSource};
use gainsay_protocol::{DeepLayer, JobId, JobState};

use crate::toy::{self, Trace, Value};
use crate::toy_below::{Deep, Planted};

/// A trace that a player tells, as the real strategy asks for it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) trace: Trace,
    /// The layers over the budget.
    deep: Vec<DeepLayer>,
    /// What it says below them, if not what follows from its trace.
    planted: Planted,
    below: Mutex<BTreeMap<u32, Arc<ToldSteps>>>,
}

impl Told {
    pub(crate) fn new(trace: Trace, job: &JobState, planted: Planted) -> Self {
        Self { trace, deep: job.facts.below.clone(), planted, below: Mutex::default() }
    }

    /// Its steps of a layer over the budget.
    pub(crate) fn steps(&self, layer: u32) -> Option<Arc<ToldSteps>> {
        let deep = self.deep.iter().find(|deep| deep.layer == layer)?;
        let mut known = self.below.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = known.entry(layer).or_insert_with(|| {
            let count = deep.steps.len() as u32;
            Arc::new(ToldSteps(Deep::of(&self.trace, layer, count, &self.planted)))
        });
        Some(Arc::clone(steps))
    }
}

impl TraceSource for Told {
    fn root(&self) -> Digest {
        self.trace.root()
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.trace.reveal(node, arity)
    }

    fn opening(&self, index: u32) -> Option<Opening> {
        self.trace.open(index)
    }

    fn evidence(&self, layer: u32) -> Result<Option<Evidence>, RunError> {
        Ok(evidence_of(&self.trace, layer))
    }

    fn below(&self, layer: u32) -> Result<Option<Arc<dyn StepSource>>, RunError> {
        Ok(self.steps(layer).map(|steps| steps as Arc<dyn StepSource>))
    }
}

/// The steps of a layer that a player tells.
#[derive(Debug)]
pub(crate) struct ToldSteps(Deep);

impl ToldSteps {
    fn value(&self, step: u32) -> Option<&Vec<u8>> {
        self.0.values.get(usize::try_from(step).ok()?)
    }
}

impl StepSource for ToldSteps {
    fn root(&self) -> Digest {
        self.0.root()
    }

    fn steps(&self) -> u32 {
        self.0.steps
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.0.reveal(node, arity)
    }

    fn opening(&self, step: u32) -> Option<Opening> {
        self.0.open(step)
    }

    fn state(&self, step: u32) -> Option<(&StateList, Digest)> {
        let list = self.0.lists.get(usize::try_from(step).ok()?)?;
        Some((list, self.0.state(step)))
    }

    fn result(&self, step: u32) -> Result<Option<Vec<u8>>, RunError> {
        Ok(self.value(step).cloned())
    }

    fn operands(&self, step: u32) -> Result<Option<Vec<EvidenceTensor>>, RunError> {
        let before = step.checked_sub(1);
        let list = before.and_then(|before| Some((self.state(before)?.0, self.value(before)?)));
        let given = list.and_then(|(list, bytes)| {
            let (slot, tensor) = (list.0.first()?.0, vec![bytes.len() as u64]);
            let tensor = TensorType::new(DType::F32, tensor);
            Some(vec![EvidenceTensor { slot: Slot(slot), tensor, bytes: bytes.clone() }])
        });
        Ok(given)
    }

    /// A chunk of the toy's reads the whole value before it.
    fn slices(&self, step: u32, _chunk: u64) -> Result<Option<Vec<u8>>, RunError> {
        Ok(step.checked_sub(1).and_then(|before| self.value(before)).cloned())
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
    truths: RefCell<BTreeMap<JobId, Rc<Told>>>,
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

    /// The true run of a job, with what is below its layers.
    pub(crate) fn truth(&self, job: &JobState) -> Option<Rc<Told>> {
        if let Some(known) = self.truths.borrow().get(&job.id) {
            return Some(Rc::clone(known));
        }
        let trace = Trace::honest(job.facts.layers, self.input(job)?);
        let told = Rc::new(Told::new(trace, job, Planted::default()));
        self.truths.borrow_mut().insert(job.id, Rc::clone(&told));
        Some(told)
    }
}
