//! Other values in place of those of some instructions: a skipped layer, or states of another run.

use std::collections::{BTreeMap, BTreeSet};

use gainsay_canon::Tensor;
use gainsay_model::{Moment, Required, RunError, Runner, Slot, Telling, TypedProgram};

use super::Truth;

/// Values told in place of those of some instructions.
#[derive(Clone, Debug, Default)]
pub struct Instead(pub BTreeMap<Slot, Tensor>);

impl Telling for Instead {
    fn tell(&self, moment: &Moment<'_>, _computed: &Tensor) -> Option<Tensor> {
        self.0.get(&moment.slot).cloned()
    }
}

/// The values made in layer `layer` (from 1 to n) that outlive it, ascending.
pub fn made_in(program: &TypedProgram, layer: u32) -> BTreeSet<Slot> {
    let Some(found) = program.layer(layer) else { return BTreeSet::new() };
    let range = found.instructions;
    let made = (range.first..range.end).map(|position| program.slot_of(position));
    made.filter(|slot| program.needed_until(*slot) > range.end).collect()
}

/// Layer `layer` skipped: what outlives it is a value of the same type that it reads, else zeros.
///
/// # Errors
/// If the run up to it cannot be made; if there is no such layer.
pub fn skipped(runner: &Runner, inputs: &[Tensor], layer: u32) -> Result<Instead, RunError> {
    let program = runner.program();
    let last = program.layer_count();
    let required = Required::of(program, layer).ok_or(RunError::Layer { layer, last })?;
    let reads: BTreeSet<Slot> = required.state.iter().copied().collect();
    let before = runner.values_told(inputs, &reads, &Truth)?;
    let given = required.inputs.iter().filter_map(|position| inputs.get(*position as usize));
    let read: Vec<&Tensor> = before.values().chain(given).collect();
    let told = |slot: Slot| {
        let of = program.type_of(slot)?;
        let same = read.iter().find(|tensor| tensor.tensor_type() == of).copied().cloned();
        Some((slot, same.or_else(|| Tensor::zeros(of).ok())?))
    };
    Ok(Instead(made_in(program, layer).into_iter().filter_map(told).collect()))
}
