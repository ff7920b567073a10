//! A synthetic run of as many steps as wanted: its states are lists of one tensor of eight bytes each.

use anyhow::Result;
use gainsay::commitment::{Digest, StateList, TraceTree, content};
use gainsay::protocol::{PortType, ProgramFacts, TensorRef};

/// One side's run: the true one, or one that is wrong from some state on.
pub struct Run {
    steps: u32,
    wrong_from: Option<u32>,
    /// The tree over its states.
    pub tree: TraceTree,
}

impl Run {
    /// Computes every state and the tree over them; `done` is told of every state.
    pub fn new(steps: u32, wrong_from: Option<u32>, done: impl Fn()) -> Result<Self> {
        let states: Vec<Digest> = (0..=steps)
            .map(|index| {
                done();
                list(steps, index, wrong_from).digest(index)
            })
            .collect();
        Ok(Self { steps, wrong_from, tree: TraceTree::new(&states)? })
    }

    /// The list of a state.
    pub fn list(&self, index: u32) -> StateList {
        list(self.steps, index, self.wrong_from)
    }

    /// The number and the tensor of a state.
    pub fn tensor(&self, index: u32) -> (u32, TensorRef) {
        (number(self.steps, index), tensor(index, self.wrong_from))
    }
}

/// What the registry would say of the program.
pub fn facts(steps: u32) -> ProgramFacts {
    let port = PortType { dtype: DTYPE, shape: vec![8] };
    ProgramFacts {
        layers: steps,
        inputs: vec![port.clone()],
        outputs: vec![port],
        below: Vec::new(),
    }
}

const DTYPE: u8 = 1;

fn list(steps: u32, index: u32, wrong_from: Option<u32>) -> StateList {
    StateList(vec![(number(steps, index), tensor(index, wrong_from).digest())])
}

/// A slot between the ends, a position at them.
fn number(steps: u32, index: u32) -> u32 {
    if index == steps { 0 } else { index }
}

fn tensor(index: u32, wrong_from: Option<u32>) -> TensorRef {
    let wrong = wrong_from.is_some_and(|first| index >= first);
    let value = (u64::from(index) << 1 | u64::from(wrong)).to_le_bytes();
    TensorRef { dtype: DTYPE, shape: vec![8], content: content(&value) }
}
