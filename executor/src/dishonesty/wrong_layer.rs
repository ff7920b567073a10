//! One value off after a chosen layer; everything after it is computed honestly from there. The cleverest lie there
//! is: it can answer everything, and only the replay of that one layer shows it.

use gainsay_player::RunSource;

use super::{Assignment, ConductError, TRIES, first_lie, layers};

/// A run with a value changed after `layer`; `None` if no change makes a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    layer: u32,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let told = (0..TRIES).map(|again| {
        let (runner, inputs) = assignment.parts();
        Ok(RunSource::tampered(runner, inputs, layer, seed.wrapping_add(again))?)
    });
    first_lie(honest, told)
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
