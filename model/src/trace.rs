//! A run's trace, and why there may be none.

use gainsay_canon::{Tensor, TensorType};
use gainsay_commitment::{Digest, StateList, TraceTree, TreeError};

use crate::typed::TypedProgram;
use crate::values::ComputeError;

/// Inputs that are not those of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Too few or too many.
    #[error("{found} inputs given, the program takes {expected}")]
    Count {
        /// How many the program takes.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// Of another type.
    #[error("input {name:?} is {found}, the program takes {expected}")]
    Type {
        /// The input's name.
        name: String,
        /// What the program takes.
        expected: TensorType,
        /// What was given.
        found: TensorType,
    },
}

/// Why a program was not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The inputs are not those of the program.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An operator could not be carried out.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// The trace has no tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A layer that the program does not have.
    #[error("layer {layer} of a program that has layers 1 to {last}")]
    Layer {
        /// The layer asked for.
        layer: u32,
        /// The last one.
        last: u32,
    },
    /// Tampering made a tensor of another type.
    #[error("tampering turned {expected} into {found}")]
    Tamper {
        /// The type it had.
        expected: TensorType,
        /// The type it has now.
        found: TensorType,
    },
}

/// The n + 1 states of one run and what it returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// `S_0 ..= S_n`.
    pub states: Vec<StateList>,
    /// The digests of the states: what one must keep to take part in a dispute.
    pub digests: Vec<Digest>,
    /// The values returned, in output order.
    pub outputs: Vec<Tensor>,
}

impl Trace {
    /// The tree over the states.
    ///
    /// # Errors
    /// Never for a trace that a runner made.
    pub fn tree(&self) -> Result<TraceTree, TreeError> {
        TraceTree::new(&self.digests)
    }

    /// The trace root.
    ///
    /// # Errors
    /// As for [`Trace::tree`].
    pub fn root(&self) -> Result<Digest, TreeError> {
        self.tree().map(|tree| tree.root())
    }
}

impl TypedProgram {
    /// Checks number, element types and shapes of inputs.
    ///
    /// # Errors
    /// The first input that does not fit.
    pub fn check_inputs(&self, inputs: &[Tensor]) -> Result<(), InputError> {
        let takes = &self.program().inputs;
        if takes.len() != inputs.len() {
            return Err(InputError::Count { expected: takes.len(), found: inputs.len() });
        }
        for (input, given) in takes.iter().zip(inputs) {
            if input.tensor != *given.tensor_type() {
                let (expected, found) = (input.tensor.clone(), given.tensor_type().clone());
                return Err(InputError::Type { name: input.name.clone(), expected, found });
            }
        }
        Ok(())
    }
}
