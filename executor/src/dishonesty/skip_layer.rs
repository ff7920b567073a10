//! A layer that is never run: its output is taken from its input.
//!
//! | what | how |
//! |---|---|
//! | told after the layer | a value of the same type that the layer reads, else zeros |
//! | from there on | computed honestly |
//! | saves | one layer's arithmetic |
//! | answers | everything |

use std::sync::Arc;

use gainsay_player::{RunSource, rehearsal};

use super::{Assignment, ConductError, first_lie, layers};

/// A run without one layer; `None` if no layer makes a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let told = layers(assignment, seed).map(|layer| {
        let (runner, inputs) = assignment.parts();
        let skipped = rehearsal::skipped(&runner, &inputs, layer)?;
        Ok(RunSource::told(runner, inputs, Arc::new(skipped))?)
    });
    first_lie(honest, told)
}
