//! A layer run step by step: what a side of a dispute commits to below it, and the values it gives as evidence.

use gainsay_canon::Tensor;
use gainsay_commitment::{Digest, StateList};

use super::steps::Steps;
use crate::layers::InstructionRange;
use crate::program::Slot;
use crate::runner::Runner;
use crate::told::{Moment, Telling, told};
use crate::trace::RunError;
use crate::typed::Origin;
use crate::values::{ComputeError, Values, digest_of};

/// The states below one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubTrace {
    /// The lists of `D_0 ..= D_m`.
    pub lists: Vec<StateList>,
    /// `D_0 ..= D_m`.
    pub digests: Vec<Digest>,
}

/// What one step reads of earlier instructions and what it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepValues {
    /// The list of the state before it.
    pub before: StateList,
    /// The values of earlier instructions that it reads, ascending, each once.
    pub operands: Vec<(Slot, Tensor)>,
    /// What it gives.
    pub result: Tensor,
}

impl Runner {
    /// The states below layer `layer` (from 1 to n): the run up to it is made again.
    ///
    /// # Errors
    /// As for [`Runner::evidence`]; if a value of another type is told.
    pub fn sub_trace(
        &self,
        inputs: &[Tensor],
        layer: u32,
        telling: Option<&dyn Telling>,
    ) -> Result<SubTrace, RunError> {
        let mut found = SubTrace { lists: Vec::new(), digests: Vec::new() };
        let steps = self.steps(layer)?;
        self.step_through(inputs, steps, steps.count(), telling, &mut |step, list, _| {
            found.digests.push(steps.digest(step, list));
            found.lists.push(list.clone());
        })?;
        Ok(found)
    }

    /// The values around step `step` (from 1 to m) of layer `layer`.
    ///
    /// # Errors
    /// As for [`Runner::sub_trace`]; if there is no such step.
    pub fn step_values(
        &self,
        inputs: &[Tensor],
        (layer, step): (u32, u32),
        telling: Option<&dyn Telling>,
    ) -> Result<StepValues, RunError> {
        let steps = self.steps(layer)?;
        let own = steps.slot(step).ok_or(self.no_layer(layer))?;
        let reads = steps.reads(step);
        let (mut before, mut operands, mut result) = (StateList::default(), Vec::new(), None);
        self.step_through(inputs, steps, step, telling, &mut |at, list, values| {
            if at + 1 == step {
                before = list.clone();
                let tensor = |slot: &Slot| Some((*slot, values.tensor(*slot)?.clone()));
                operands = reads.iter().filter_map(tensor).collect();
            } else if at == step {
                result = values.tensor(own).cloned();
            }
        })?;
        let result = result.ok_or(ComputeError::Absent(own))?;
        Ok(StepValues { before, operands, result })
    }

    fn steps(&self, layer: u32) -> Result<Steps<'_>, RunError> {
        Steps::of(self.program(), layer).ok_or(self.no_layer(layer))
    }

    /// Runs the first `count` steps of a layer and shows the list and the values after each, and before the first.
    fn step_through(
        &self,
        inputs: &[Tensor],
        steps: Steps<'_>,
        count: u32,
        telling: Option<&dyn Telling>,
        see: &mut dyn FnMut(u32, &StateList, &Values<'_>),
    ) -> Result<(), RunError> {
        let (program, artifact) = (self.program().as_ref(), self.artifact().as_ref());
        let evidence = match telling {
            None => self.evidence(inputs, steps.layer())?,
            Some(telling) => self.evidence_told(inputs, steps.layer(), telling)?,
        };
        let mut values = Values::new(program, inputs, artifact);
        for given in evidence.tensors {
            let tensor = Tensor::from_bytes(&given.tensor, &given.bytes);
            values.hold_tensor(given.slot, tensor.map_err(|_| ComputeError::Absent(given.slot))?);
        }
        let ambient = |slot: Slot| match program.origin(slot)? {
            Origin::Input(position) => inputs.get(position as usize).map(digest_of),
            Origin::Weight(position) => {
                artifact.weight_digest(*program.program().weights.get(position as usize)?)
            }
            Origin::Instruction(_) => None,
        };
        let mut list = evidence.list;
        see(0, &list, &values);
        for step in 1..=count {
            let absent = ComputeError::Absent(Slot(step));
            let first = steps.position(step).ok_or(absent.clone())?;
            let slot = program.slot_of(first);
            let tell = &mut |moment: &Moment<'_>, computed| match telling {
                None => Ok(computed),
                Some(telling) => told(telling, moment, computed),
            };
            let range = InstructionRange { first, end: first + 1 };
            values.run_telling(range, self.kernels(), tell)?;
            let value = values.tensor(slot).map(digest_of).ok_or(ComputeError::Absent(slot))?;
            list = steps.after(step, &list, value, &ambient).map_err(|_| absent)?;
            see(step, &list, &values);
        }
        Ok(())
    }
}
