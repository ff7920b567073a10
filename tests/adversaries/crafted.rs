//! Trees that no run gives: states put together by hand, with the evidence that goes with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use gainsay_canon::Tensor;
use gainsay_commitment::{Arity, Digest, NodeId, Opening, TraceTree};
use gainsay_model::{Evidence, RunError};
use gainsay_player::{RunSource, StepSource, TraceSource, change_one_value};

use crate::hostile::Told;

/// A tree over any states; where nothing else is said, it answers as the run behind it.
#[derive(Debug)]
pub struct Crafted {
    run: RunSource,
    tree: TraceTree,
    states: Vec<Digest>,
    evidence: BTreeMap<u32, Evidence>,
}

impl Crafted {
    /// The states of a run, to be changed.
    pub fn of(run: RunSource) -> Self {
        let states = run.states().to_vec();
        let tree = TraceTree::new(&states).unwrap();
        Self { run, tree, states, evidence: BTreeMap::new() }
    }

    /// Another digest for a state.
    pub fn state(mut self, index: u32, digest: Digest) -> Self {
        self.states[index as usize] = digest;
        self.tree = TraceTree::new(&self.states).unwrap();
        self
    }

    /// Other digests from a state on.
    pub fn states_from(mut self, index: u32, others: &[Digest]) -> Self {
        for (at, digest) in others.iter().enumerate().skip(index as usize) {
            self.states[at] = *digest;
        }
        self.tree = TraceTree::new(&self.states).unwrap();
        self
    }

    /// What to give as evidence for a layer.
    pub fn evidence(mut self, layer: u32, evidence: Evidence) -> Self {
        self.evidence.insert(layer, evidence);
        self
    }

    pub fn told(self, outputs: Vec<Tensor>) -> Told {
        let layers = self.run.layers();
        let last_state = *self.states.last().unwrap();
        Told { source: Arc::new(self), layers, outputs, last_state }
    }
}

impl TraceSource for Crafted {
    fn root(&self) -> Digest {
        self.tree.root()
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.tree.reveal(node, arity).ok()
    }

    fn opening(&self, index: u32) -> Option<Opening> {
        self.tree.open(index).ok()
    }

    fn evidence(&self, layer: u32) -> Result<Option<Evidence>, RunError> {
        match self.evidence.get(&layer) {
            Some(evidence) => Ok(Some(evidence.clone())),
            None => self.run.evidence(layer),
        }
    }

    fn below(&self, layer: u32) -> Result<Option<Arc<dyn StepSource>>, RunError> {
        self.run.below(layer)
    }
}

/// The evidence for `layer` of a run whose state before it has one value off, as [`RunSource::tampered`] changes it.
pub fn evidence_after_lie(honest: &RunSource, layer: u32, seed: u64) -> Evidence {
    let mut evidence = TraceSource::evidence(honest, layer).unwrap().unwrap();
    let given = &mut evidence.tensors[0];
    let mut tensor = Tensor::from_bytes(&given.tensor, &given.bytes).unwrap();
    change_one_value(&mut tensor, seed);
    given.bytes = tensor.bytes().into_owned();
    let (slot, digest) = (given.slot.0, given.digest());
    for (number, listed) in &mut evidence.list.0 {
        if *number == slot {
            *listed = digest;
        }
    }
    evidence
}
