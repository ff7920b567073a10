//! The runner: a program of an artifact carried out, plainly or with its trace.
//!
//! [`Runner::run`] and [`Runner::trace`] give the same outputs; the trace also commits every state. How a
//! run is carried out (here: operator by operator, each value freed after its last reader) is this module's
//! own business and never changes a bit, so a planned, fused runner can take its place behind this API.

use std::sync::Arc;

use gainsay_canon::{Kernels, Tensor, TensorType};
use gainsay_commitment::{Digest, StateList, TraceTree, TreeError};

use crate::artifact::Artifact;
use crate::error::ArtifactError;
use crate::evidence::{Evidence, EvidenceTensor, Required};
use crate::program::Slot;
use crate::typed::TypedProgram;
use crate::values::{ComputeError, Values};

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
#[derive(Debug, thiserror::Error)]
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

/// A program of an artifact with kernels to run it on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Runner {
    artifact: Arc<Artifact>,
    program: Arc<TypedProgram>,
    kernels: Kernels,
}

impl Runner {
    /// A runner of the program at `program`.
    ///
    /// # Errors
    /// If the artifact has no such program.
    pub fn new(
        artifact: Arc<Artifact>,
        program: u32,
        kernels: Kernels,
    ) -> Result<Self, ArtifactError> {
        let count = artifact.programs().len();
        let missing = ArtifactError::NoProgram { index: program, count };
        let program = Arc::clone(artifact.program(program).ok_or(missing)?);
        Ok(Self { artifact, program, kernels })
    }

    /// The program.
    pub fn program(&self) -> &Arc<TypedProgram> {
        &self.program
    }

    /// The artifact.
    pub fn artifact(&self) -> &Arc<Artifact> {
        &self.artifact
    }

    /// The kernels.
    pub fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// Runs the program without committing to anything.
    ///
    /// # Errors
    /// If the inputs do not fit or an operator cannot be carried out.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        let mut values = self.start(inputs)?;
        for layer in self.program.layers() {
            values.run_layer(layer.instructions, &self.kernels)?;
        }
        Ok(values.outputs()?)
    }

    /// Runs the program and commits to every state.
    ///
    /// # Errors
    /// As for [`Runner::run`].
    pub fn trace(&self, inputs: &[Tensor]) -> Result<Trace, RunError> {
        self.trace_with(inputs, |_, _| Ok(()))
    }

    /// For rehearsals of dishonesty: a trace in which the last value of one layer (from 1 to n) is changed
    /// before anything reads it, and everything after it is computed honestly from the changed value.
    ///
    /// # Errors
    /// As for [`Runner::run`]; if there is no such layer; if the tensor comes back with another type.
    pub fn trace_tampered(
        &self,
        inputs: &[Tensor],
        layer: u32,
        tamper: impl FnOnce(&mut Tensor),
    ) -> Result<Trace, RunError> {
        let range = self.layer(layer)?.instructions;
        let slot = self.program.slot_of(range.end.saturating_sub(1));
        let mut tamper = Some(tamper);
        self.trace_with(inputs, |index, values| {
            let Some(tamper) = (if index == layer { tamper.take() } else { None }) else {
                return Ok(());
            };
            let tensor = values.fresh_tensor(slot).ok_or(ComputeError::Absent(slot))?;
            let expected = tensor.tensor_type().clone();
            tamper(tensor);
            let found = tensor.tensor_type().clone();
            if found == expected { Ok(()) } else { Err(RunError::Tamper { expected, found }) }
        })
    }

    /// What a replay of layer `layer` (from 1 to n) needs: the run up to it is made again.
    ///
    /// # Errors
    /// As for [`Runner::run`]; if there is no such layer.
    pub fn evidence(&self, inputs: &[Tensor], layer: u32) -> Result<Evidence, RunError> {
        let required = Required::of(&self.program, layer).ok_or(self.no_layer(layer))?;
        let mut values = self.start(inputs)?;
        for before in self.program.layers().iter().take(layer as usize - 1) {
            values.run_layer(before.instructions, &self.kernels)?;
        }
        let list = values.state(layer - 1)?;
        let given = |slot: Slot| {
            let tensor = values.tensor(slot).ok_or(ComputeError::Absent(slot))?;
            let (bytes, tensor) = (tensor.bytes().into_owned(), tensor.tensor_type().clone());
            Ok(EvidenceTensor { slot, tensor, bytes })
        };
        let tensors = required.state.into_iter().map(given).collect::<Result<_, ComputeError>>()?;
        Ok(Evidence { list, tensors })
    }

    fn layer(&self, layer: u32) -> Result<&crate::layers::Layer, RunError> {
        self.program.layer(layer).ok_or(self.no_layer(layer))
    }

    fn no_layer(&self, layer: u32) -> RunError {
        RunError::Layer { layer, last: self.program.layer_count() }
    }

    fn start<'a>(&'a self, inputs: &'a [Tensor]) -> Result<Values<'a>, InputError> {
        self.program.check_inputs(inputs)?;
        Ok(Values::new(&self.program, inputs, self.artifact.as_ref()))
    }

    /// Runs and commits; `after_layer` sees the values of each layer before they are hashed.
    fn trace_with(
        &self,
        inputs: &[Tensor],
        mut after_layer: impl FnMut(u32, &mut Values<'_>) -> Result<(), RunError>,
    ) -> Result<Trace, RunError> {
        let mut values = self.start(inputs)?;
        let mut states = vec![values.state(0)?];
        for (index, layer) in (1u32..).zip(self.program.layers()) {
            values.run_layer(layer.instructions, &self.kernels)?;
            after_layer(index, &mut values)?;
            states.push(values.state(index)?);
        }
        let digests = (0u32..).zip(&states).map(|(index, list)| list.digest(index)).collect();
        Ok(Trace { states, digests, outputs: values.outputs()? })
    }
}
