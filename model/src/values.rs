//! The values of one run, or of one layer's replay: the one place where operators are carried out.
//!
//! A value is held from the instruction that makes it until the last one that reads it, so that after a
//! layer exactly the live set is held. Each value is hashed at most once. A replay also holds values of
//! which it knows only the digest, because no instruction of its layer reads them.

use std::collections::BTreeMap;

use gainsay_canon::{Kernels, OperatorError, Tensor};
use gainsay_commitment::{Digest, StateList, content, tensor_digest};

use crate::artifact::WeightSource;
use crate::layers::InstructionRange;
use crate::program::{Instruction, Slot};
use crate::told::Moment;
use crate::typed::{Origin, TypedProgram};

/// The commitment to a tensor: `H(tensor; dtype, shape, content)`.
pub fn digest_of(tensor: &Tensor) -> Digest {
    tensor_digest(tensor.dtype() as u8, tensor.shape(), content(&tensor.bytes()))
}

/// The state that lists these inputs, or these outputs, by position.
pub fn port_state(tensors: &[Tensor]) -> StateList {
    StateList(
        (0u32..).zip(tensors).map(|(position, tensor)| (position, digest_of(tensor))).collect(),
    )
}

/// Why values cannot be computed or listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputeError {
    /// An operand, or a value to be listed, is not there.
    #[error("the value of slot {} is not at hand", .0.0)]
    Absent(Slot),
    /// The kernels refused.
    #[error("instruction {instruction} ({operator}): {source}")]
    Operator {
        /// Position in the program.
        instruction: u32,
        /// Its operator.
        operator: &'static str,
        /// The kernels' reason.
        #[source]
        source: OperatorError,
    },
    /// The kernels returned something else than the operator infers.
    #[error("instruction {instruction} ({operator}) did not give one tensor of its type")]
    Result {
        /// Position in the program.
        instruction: u32,
        /// Its operator.
        operator: &'static str,
    },
}

/// A value of which at least one of the two is known.
#[derive(Default)]
struct Held {
    tensor: Option<Tensor>,
    digest: Option<Digest>,
}

/// See the module.
pub(crate) struct Values<'a> {
    program: &'a TypedProgram,
    inputs: &'a [Tensor],
    input_digests: Vec<Option<Digest>>,
    weights: &'a (dyn WeightSource + 'a),
    held: BTreeMap<Slot, Held>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(
        program: &'a TypedProgram,
        inputs: &'a [Tensor],
        weights: &'a (dyn WeightSource + 'a),
    ) -> Self {
        let input_digests = vec![None; inputs.len()];
        Self { program, inputs, input_digests, weights, held: BTreeMap::new() }
    }

    /// Holds a value of which only the digest is known.
    pub(crate) fn hold_digest(&mut self, slot: Slot, digest: Digest) {
        self.held.entry(slot).or_default().digest = Some(digest);
    }

    /// Holds a value.
    pub(crate) fn hold_tensor(&mut self, slot: Slot, tensor: Tensor) {
        self.held.entry(slot).or_default().tensor = Some(tensor);
    }

    /// The value of a slot, if its bytes are at hand.
    pub(crate) fn tensor(&self, slot: Slot) -> Option<&Tensor> {
        match self.program.origin(slot)? {
            Origin::Input(position) => self.inputs.get(position as usize),
            Origin::Weight(position) => {
                self.weights.weight(*self.program.program().weights.get(position as usize)?)
            }
            Origin::Instruction(_) => self.held.get(&slot)?.tensor.as_ref(),
        }
    }

    /// Runs the instructions of a layer.
    pub(crate) fn run_layer(
        &mut self,
        layer: InstructionRange,
        kernels: &Kernels,
    ) -> Result<(), ComputeError> {
        self.run_telling(layer, kernels, &mut |_, computed| Ok(computed))
    }

    /// The same with what `tell` makes of each value, before anything reads it.
    pub(crate) fn run_telling<E: From<ComputeError>>(
        &mut self,
        layer: InstructionRange,
        kernels: &Kernels,
        tell: &mut (impl FnMut(&Moment<'_>, Tensor) -> Result<Tensor, E> + ?Sized),
    ) -> Result<(), E> {
        let program = self.program;
        for (position, instruction) in layer.positions().zip(program.instructions(layer)) {
            let result = self.compute(position, instruction, kernels, tell)?;
            self.hold_tensor(program.slot_of(position), result);
            for slot in &instruction.operands {
                if program.needed_until(*slot) == position + 1 {
                    self.held.remove(slot);
                }
            }
        }
        Ok(())
    }

    fn compute<E: From<ComputeError>>(
        &self,
        position: u32,
        instruction: &Instruction,
        kernels: &Kernels,
        tell: &mut (impl FnMut(&Moment<'_>, Tensor) -> Result<Tensor, E> + ?Sized),
    ) -> Result<Tensor, E> {
        let operands: Vec<&Tensor> = instruction
            .operands
            .iter()
            .map(|&slot| self.tensor(slot).ok_or(ComputeError::Absent(slot)))
            .collect::<Result<_, _>>()?;
        let operator = instruction.operator.name();
        let refused = |source| ComputeError::Operator { instruction: position, operator, source };
        let mut results = kernels.run(&instruction.operator, &operands).map_err(refused)?;
        let slot = self.program.slot_of(position);
        let expected = self.program.type_of(slot);
        match (results.pop(), results.is_empty()) {
            (Some(result), true) if Some(result.tensor_type()) == expected => {
                tell(&Moment { slot, instruction, operands: &operands, kernels }, result)
            }
            _ => Err(ComputeError::Result { instruction: position, operator }.into()),
        }
    }

    /// `S_layer`, once the instructions of layers 1 to `layer` have run.
    pub(crate) fn state(&mut self, layer: u32) -> Result<StateList, ComputeError> {
        if layer == 0 {
            let inputs = 0..self.inputs.len() as u32;
            return self.list(inputs.map(|position| (position, Slot(position))));
        }
        if layer == self.program.layer_count() {
            let outputs = (0u32..).zip(&self.program.program().outputs);
            return self.list(outputs.map(|(position, output)| (position, output.slot)));
        }
        let live: Vec<Slot> = self.held.keys().copied().collect();
        self.list(live.into_iter().map(|slot| (slot.0, slot)))
    }

    fn list(
        &mut self,
        slots: impl Iterator<Item = (u32, Slot)>,
    ) -> Result<StateList, ComputeError> {
        slots
            .map(|(number, slot)| Ok((number, self.digest(slot)?)))
            .collect::<Result<_, _>>()
            .map(StateList)
    }

    /// The tensor digest of a slot's value, computed at most once for inputs and instruction values.
    fn digest(&mut self, slot: Slot) -> Result<Digest, ComputeError> {
        let absent = ComputeError::Absent(slot);
        match self.program.origin(slot) {
            Some(Origin::Input(position)) => {
                let tensor = self.inputs.get(position as usize);
                let known = self.input_digests.get_mut(position as usize);
                let (tensor, known) = tensor.zip(known).ok_or(absent)?;
                Ok(*known.get_or_insert_with(|| digest_of(tensor)))
            }
            Some(Origin::Weight(_)) => self.tensor(slot).map(digest_of).ok_or(absent),
            Some(Origin::Instruction(_)) => match self.held.get_mut(&slot) {
                Some(Held { digest: Some(digest), .. }) => Ok(*digest),
                Some(Held { tensor: Some(tensor), digest }) => {
                    Ok(*digest.insert(digest_of(tensor)))
                }
                _ => Err(absent),
            },
            None => Err(absent),
        }
    }

    /// The values returned, in output order.
    pub(crate) fn outputs(mut self) -> Result<Vec<Tensor>, ComputeError> {
        let outputs = &self.program.program().outputs;
        let mut returned = Vec::with_capacity(outputs.len());
        for (position, output) in outputs.iter().enumerate() {
            let again = outputs.iter().skip(position + 1).any(|later| later.slot == output.slot);
            let held = if again { None } else { self.held.remove(&output.slot) };
            let taken = held.and_then(|held| held.tensor);
            let tensor = taken.or_else(|| self.tensor(output.slot).cloned());
            returned.push(tensor.ok_or(ComputeError::Absent(output.slot))?);
        }
        Ok(returned)
    }
}
