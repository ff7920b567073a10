//! A state that is not of the program, hashed right.
//!
//! | what | how |
//! |---|---|
//! | told after a layer but the last, whose state admission checks | a list with a value missing, listed twice, exchanged with another, or of another type or shape |
//! | everything else | honest, outputs too |
//! | hopes for | a judge that computes from a state before looking at it |
//! | answers | everything but what a false list has no answer to |

use gainsay_player::rehearsal::{Malformed, malformed_state};
use gainsay_player::{RunSource, TraceSource};

use super::{Assignment, ConductError, layers};

/// An honest run with one state that it does not have; `None` if there is no state between the ends.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let last = assignment.layers();
    let how = seed.checked_rem(Malformed::ALL.len() as u64).unwrap_or(0) as usize;
    let Some(how) = Malformed::ALL.get(how) else { return Ok(None) };
    for layer in layers(assignment, seed).filter(|layer| *layer < last) {
        let (runner, inputs) = assignment.parts();
        let Some(list) = malformed_state(&runner, &inputs, layer, *how)? else { continue };
        let source = RunSource::run(runner, inputs)?.with_list(layer, list)?;
        if source.root() != honest.root() {
            return Ok(Some(source));
        }
    }
    Ok(None)
}
