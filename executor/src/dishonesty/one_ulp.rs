//! Arithmetic that is almost the specified one, as another backend's is: honest by its own lights, and wrong.
//!
//! | what | how |
//! |---|---|
//! | told after a layer | the lowest bit of one element flipped |
//! | from there on | computed honestly |
//! | outputs | often the true ones: what is wrong is the trace |
//! | answers | everything |

use std::sync::Arc;

use gainsay_player::rehearsal::{Change, Changed, last_slot};
use gainsay_player::{RunSource, TraceSource};

use super::{Assignment, ConductError, layers};

/// A run with one bit off; `None` if there is none to flip.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    for layer in layers(assignment, seed) {
        let (runner, inputs) = assignment.parts();
        let Some(slot) = last_slot(runner.program(), layer) else { continue };
        let told = Arc::new(Changed::at(slot, Change::Ulp(seed)));
        let source = RunSource::told(runner, inputs, told)?;
        if source.root() != honest.root() {
            return Ok(Some(source));
        }
    }
    Ok(None)
}
