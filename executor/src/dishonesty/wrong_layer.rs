//! One value off after a chosen layer; everything after it is computed honestly from there. The cleverest lie there
//! is: it can answer everything, and only the replay of that one layer shows it.

use std::sync::Arc;

use gainsay_player::{RunSource, TraceSource};

use super::{Assignment, ConductError, TRIES, layers};

/// A run with a value changed after `layer`; `None` if no change makes a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    layer: u32,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    for again in 0..TRIES {
        let (runner, inputs) = (Arc::clone(&assignment.runner), Arc::clone(&assignment.inputs));
        let source = RunSource::tampered(runner, inputs, layer, seed.wrapping_add(again))?;
        if source.root() != honest.root() {
            return Ok(Some(source));
        }
    }
    Ok(None)
}

/// The same for the first layer, in the order of the seed, that makes a difference.
pub(super) fn somewhere(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    for layer in layers(assignment, seed) {
        if let Some(source) = run(assignment, honest, layer, seed)? {
            return Ok(Some(source));
        }
    }
    Ok(None)
}
