//! Two stories about one layer: what is told below it does not lead to what is told above.

use std::sync::Arc;

use gainsay_canon::Tensor;
use gainsay_model::{RunError, Runner, Slot, Telling, TypedProgram};

use super::{Change, Changed, Instead, Together, made_in};
use crate::source::RunSource;

/// The value that a layer ends with.
pub fn last_slot(program: &TypedProgram, layer: u32) -> Option<Slot> {
    Some(program.slot_of(program.layer(layer)?.instructions.end.checked_sub(1)?))
}

/// The values of a layer that nothing after it reads, ascending.
pub fn inner(program: &TypedProgram, layer: u32) -> Vec<Slot> {
    let Some(found) = program.layer(layer) else { return Vec::new() };
    let (range, outlive) = (found.instructions, made_in(program, layer));
    let made = (range.first..range.end).map(|position| program.slot_of(position));
    made.filter(|slot| !outlive.contains(slot)).collect()
}

/// A value off after layer `layer` (from 1 to n) and everything computed honestly from there; below the layer every value that
/// does not outlive it is off, each told anew, and the last state is the one above.
///
/// # Errors
/// As for [`RunSource::told`]; if there is no such layer.
pub fn false_steps(
    runner: Arc<Runner>,
    inputs: Arc<[Tensor]>,
    layer: u32,
    seed: u64,
) -> Result<RunSource, RunError> {
    let (program, last) = (runner.program(), runner.program().layer_count());
    let slot = last_slot(program, layer).ok_or(RunError::Layer { layer, last })?;
    let above: Arc<dyn Telling> = Arc::new(Changed::at(slot, Change::Value(seed)));
    let outlive = runner.values_told(&inputs, &made_in(program, layer), above.as_ref())?;
    let changes = inner(program, layer).into_iter().map(|slot| (slot, Change::Value(seed)));
    let changed = Changed(changes.collect());
    let below = Together(vec![Arc::new(Instead(outlive)), Arc::new(changed)]);
    Ok(RunSource::told(runner, inputs, above)?.with_steps(layer, Arc::new(below)))
}
