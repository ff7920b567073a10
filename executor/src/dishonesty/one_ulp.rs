//! Arithmetic that is almost the specified one, as another backend's is: honest by its own lights, and wrong.
//!
//! | what | how |
//! |---|---|
//! | told after a layer | the lowest bit of one element flipped |
//! | from there on | computed honestly |
//! | outputs | often the true ones: what is wrong is the trace |
//! | answers | everything |

use std::sync::Arc;

use gainsay_player::RunSource;
use gainsay_player::rehearsal::{Change, Changed, last_slot};

use super::{Assignment, ConductError, first_lie, layers};

/// A run with one bit off; `None` if there is none to flip.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let program = assignment.runner.program();
    let slots = layers(assignment, seed).filter_map(|layer| last_slot(program, layer));
    let told = slots.map(|slot| {
        let (runner, inputs) = assignment.parts();
        let told = Arc::new(Changed::at(slot, Change::Ulp(seed)));
        Ok(RunSource::told(runner, inputs, told)?)
    });
    first_lie(honest, told)
}
