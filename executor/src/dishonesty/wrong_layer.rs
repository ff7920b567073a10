//! One value off after a chosen layer; everything after it is computed honestly from there. The cleverest lie there
//! is: it can answer everything, and only the replay of that one layer shows it.

use std::sync::Arc;

use gainsay_player::{RunSource, TraceSource};

use super::{Assignment, ConductError};

/// How many values are tried before giving up on making a difference.
const TRIES: u64 = 16;

/// The layer that a lie of that seed changes.
pub(super) fn layer(assignment: &Assignment, seed: u64) -> u32 {
    let layers = u64::from(assignment.layers());
    // Less than the number of layers, so it fits.
    1 + seed.checked_rem(layers).and_then(|layer| u32::try_from(layer).ok()).unwrap_or(0)
}

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
