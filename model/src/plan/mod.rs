//! Plans: how a program is carried out, decided once.
//!
//! A plan cuts a program into [steps](gainsay_canon::StepSpec) that mean their instructions one by one, so that no choice made
//! here can change a bit, and says in which buffer each result lies. It depends on the program and its cuts only. Values
//! listed in a state lie in memory as they are hashed when the layer ends. `prepare` turns a plan into kernels with packed
//! weights; `execute` runs them, for several jobs at once, in memory that `workspace` lends.

mod describe;
mod execute;
mod fusion;
mod hashing;
mod kinds;
mod lower;
mod memory;
mod prepare;
mod timing;
mod view;
mod workspace;

use std::collections::BTreeMap;

use gainsay_canon::{StepSpec, TensorType};

pub use self::describe::{PlanDescription, StepDescription};
pub(crate) use self::execute::Lockstep;
pub(crate) use self::fusion::Constant;
pub(crate) use self::prepare::Prepared;
pub use self::timing::TraceTiming;
pub(crate) use self::timing::{Stopwatch, Watch};
use crate::program::Slot;
use crate::typed::TypedProgram;
use crate::values::ComputeError;

/// Where a program is cut: after each cut everything live lies in memory and can be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// After every layer, as a trace has it.
    Layers,
    /// After every instruction that computes something: the finest trace there is. Those that only move data belong to the
    /// one after them, at the end to the one before.
    Operators,
}

/// How a program is carried out; see the module.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) steps: Vec<PlannedStep>,
    pub(crate) constants: Vec<Constant>,
    /// Per buffer: a type of as many elements as it ever holds.
    pub(crate) buffers: Vec<TensorType>,
    /// The values that some state lists or that are returned.
    pub(crate) kept: Vec<KeptValue>,
    /// By slot: which of `kept`.
    pub(crate) kept_at: BTreeMap<Slot, usize>,
    /// `S_0` to `S_n`.
    pub(crate) boundaries: Vec<Boundary>,
    /// The values returned, as positions in `kept`, and whether the buffer can be given away.
    pub(crate) outputs: Vec<PlannedOutput>,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Input(u32),
    Constant(usize),
    Buffer(usize),
}

/// One step with what it reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct PlannedStep {
    pub(crate) spec: StepSpec,
    /// What `Source::Value` counts.
    pub(crate) values: Vec<ReadValue>,
    /// What `Source::Constant` counts, as positions in the plan's constants.
    pub(crate) constants: Vec<usize>,
    pub(crate) buffer: usize,
    pub(crate) result: TensorType,
    /// The step whose result is overwritten in place.
    pub(crate) over: Option<usize>,
    /// The last step during which the result is there.
    pub(crate) until: usize,
    /// The root, then links and layout.
    pub(crate) instructions: Vec<u32>,
}

impl PlannedStep {
    /// The instruction that an error is reported for.
    pub(crate) fn instruction(&self) -> u32 {
        self.instructions.first().copied().unwrap_or(0)
    }
}

/// An operand that is no constant.
#[derive(Clone, Debug)]
pub(crate) struct ReadValue {
    pub(crate) place: Place,
    /// The step that made it, if one did.
    pub(crate) made_by: Option<usize>,
    pub(crate) tensor: TensorType,
}

/// A value as a state lists it.
#[derive(Clone, Debug)]
pub(crate) struct KeptValue {
    pub(crate) place: Place,
    pub(crate) tensor: TensorType,
    /// Values that are one tensor under several shapes share their content.
    pub(crate) content: usize,
}

/// A state: after how many steps, and what it lists.
#[derive(Clone, Debug)]
pub(crate) struct Boundary {
    pub(crate) steps_end: usize,
    /// The number in the list, and which of the kept values.
    pub(crate) list: Vec<(u32, usize)>,
}

/// A value returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedOutput {
    pub(crate) kept: usize,
    /// Nobody needs the buffer afterwards, and it is no larger than the value.
    pub(crate) give_away: bool,
}

impl Plan {
    /// The plan of a program cut so.
    ///
    /// # Errors
    /// Never for a valid program.
    pub fn new(program: &TypedProgram, cuts: Cuts) -> Result<Self, ComputeError> {
        let ends: Vec<u32> = match cuts {
            Cuts::Layers => program.layers().iter().map(|layer| layer.instructions.end).collect(),
            Cuts::Operators => operator_ends(program),
        };
        lower::lower(program, &ends)
    }

    /// Bytes of memory for one job beside inputs and constants, the values returned included.
    pub fn planned_bytes(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.byte_len().unwrap_or(0) as u64).sum()
    }

    /// The number of steps.
    pub fn step_count(&self) -> usize {
        self.steps.len()
    }
}

/// After how many instructions the finest trace is cut.
fn operator_ends(program: &TypedProgram) -> Vec<u32> {
    let computing = (1u32..).zip(program.costs()).filter(|(_, cost)| **cost > 0);
    let mut ends: Vec<u32> = computing.map(|(end, _)| end).collect();
    ends.pop();
    ends.push(program.costs().len() as u32);
    ends
}

#[cfg(test)]
mod tests;
