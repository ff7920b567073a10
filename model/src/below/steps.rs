//! The steps of a layer and the lists of the states between them.

use std::collections::BTreeMap;

use gainsay_canon::{Operator, TensorType};
use gainsay_commitment::{Digest, StateList, inner_state_digest};

use super::reads::JudgedBy;
use crate::layers::InstructionRange;
use crate::program::{Instruction, Slot};
use crate::typed::{Origin, TypedProgram};

/// The steps of one layer: its instructions, numbered from 1 to m.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    program: &'a TypedProgram,
    layer: u32,
    range: InstructionRange,
}

/// Why there is no state after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepsError {
    /// The layer has no such step.
    #[error("the layer has no step {0}")]
    Step(u32),
    /// The state before does not list what the one after it does.
    #[error("slot {} is not listed before the step", .0.0)]
    Unlisted(Slot),
}

impl<'a> Steps<'a> {
    /// The steps of layer `layer` (from 1 to n); `None` if there is no such layer.
    pub fn of(program: &'a TypedProgram, layer: u32) -> Option<Self> {
        Some(Self { program, layer, range: program.layer(layer)?.instructions })
    }

    /// m: how many there are, at least 1.
    pub fn count(self) -> u32 {
        self.range.end.saturating_sub(self.range.first)
    }

    /// The layer.
    pub fn layer(self) -> u32 {
        self.layer
    }

    /// The position of a step's instruction in the program.
    pub fn position(self, step: u32) -> Option<u32> {
        let before = step.checked_sub(1)?;
        (step <= self.count()).then(|| self.range.first + before)
    }

    /// A step's instruction.
    pub fn instruction(self, step: u32) -> Option<&'a Instruction> {
        self.program.program().instructions.get(self.position(step)? as usize)
    }

    /// The value that a step gives.
    pub fn slot(self, step: u32) -> Option<Slot> {
        self.position(step).map(|position| self.program.slot_of(position))
    }

    /// The type of the value that a step gives.
    pub fn result(self, step: u32) -> Option<&'a TensorType> {
        self.program.type_of(self.slot(step)?)
    }

    /// How a step is judged.
    pub fn judged_by(self, step: u32) -> Option<JudgedBy> {
        let instruction = self.instruction(step)?;
        // What is indexed by itself cannot be opened in two turns.
        let own_index = match (&instruction.operator, instruction.operands.as_slice()) {
            (Operator::Gather { .. } | Operator::Take { .. }, [x, indices]) => x == indices,
            _ => false,
        };
        Some(if own_index { JudgedBy::Whole } else { JudgedBy::of(&instruction.operator) })
    }

    /// Values of earlier instructions that a step reads, ascending, each once.
    pub fn reads(self, step: u32) -> Vec<Slot> {
        let operands = self.instruction(step).map(|found| found.operands.as_slice());
        let made =
            |slot: &&Slot| matches!(self.program.origin(**slot), Some(Origin::Instruction(_)));
        let mut slots: Vec<Slot> =
            operands.unwrap_or_default().iter().filter(made).copied().collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The numbers that the list of `D_step` has, in order.
    pub fn numbers(self, step: u32) -> Option<Vec<u32>> {
        if step == 0 {
            return self.program.state_numbers(self.layer.checked_sub(1)?);
        }
        if step >= self.count() {
            return if step == self.count() {
                self.program.state_numbers(self.layer)
            } else {
                None
            };
        }
        let end = self.range.first + step;
        let made = (0..end).map(|position| self.program.slot_of(position));
        let live = made.filter(|slot| self.program.needed_until(*slot) > end);
        Some(live.map(|slot| slot.0).collect())
    }

    /// `D_step`: of the ends of the layer the states of the trace.
    pub fn digest(self, step: u32, list: &StateList) -> Digest {
        if step == 0 {
            list.digest(self.layer.saturating_sub(1))
        } else if step >= self.count() {
            list.digest(self.layer)
        } else {
            inner_state_digest(self.layer, step, list)
        }
    }

    /// The list of `D_step`, from that of the state before it and the digest of what the step gives. `ambient` has the
    /// digests of inputs and weights, which a program may return.
    ///
    /// # Errors
    /// If there is no such step, or the list before is not one of the program.
    pub fn after(
        self,
        step: u32,
        before: &StateList,
        value: Digest,
        ambient: &dyn Fn(Slot) -> Option<Digest>,
    ) -> Result<StateList, StepsError> {
        let own = self.slot(step).ok_or(StepsError::Step(step))?;
        let mut known: BTreeMap<u32, Digest> = BTreeMap::from([(own.0, value)]);
        // The first state of a program lists its inputs by position, which are their slots.
        known.extend(before.0.iter().copied());
        let returned = step == self.count() && self.layer == self.program.layer_count();
        let outputs = &self.program.program().outputs;
        let numbers = self.numbers(step).ok_or(StepsError::Step(step))?;
        let entry = |number: u32| {
            let slot = match outputs.get(number as usize) {
                Some(output) if returned => output.slot,
                _ => Slot(number),
            };
            let found = match self.program.origin(slot) {
                Some(Origin::Input(_) | Origin::Weight(_)) => ambient(slot),
                _ => known.get(&slot.0).copied(),
            };
            Ok((number, found.ok_or(StepsError::Unlisted(slot))?))
        };
        numbers.into_iter().map(entry).collect::<Result<_, _>>().map(StateList)
    }
}
