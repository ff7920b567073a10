//! A layer that is never run: its output is taken from its input.
//!
//! | what | how |
//! |---|---|
//! | told after the layer | a value of the same type that the layer reads, else zeros |
//! | from there on | computed honestly |
//! | saves | one layer's arithmetic |
//! | answers | everything |

use std::sync::Arc;

use gainsay_player::{RunSource, TraceSource, rehearsal};

use super::{Assignment, ConductError, layers};

/// A run without one layer; `None` if no layer makes a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    for layer in layers(assignment, seed) {
        let (runner, inputs) = assignment.parts();
        let skipped = rehearsal::skipped(&runner, &inputs, layer)?;
        let source = RunSource::told(runner, inputs, Arc::new(skipped))?;
        if source.root() != honest.root() {
            return Ok(Some(source));
        }
    }
    Ok(None)
}
