//! A state that is not of the program, hashed right.
//!
//! | what | how |
//! |---|---|
//! | told after a layer but the last, whose state admission checks | a list with a value missing, listed twice, exchanged with another, or of another type or shape |
//! | everything else | honest, outputs too |
//! | hopes for | a judge that computes from a state before looking at it |
//! | answers | everything but what a false list has no answer to |

use gainsay_player::RunSource;
use gainsay_player::rehearsal::{Malformed, malformed_state};

use super::{Assignment, ConductError, first_lie, layers};

/// An honest run with one state that it does not have; `None` if there is no state between the ends.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let last = assignment.layers();
    let how = seed.checked_rem(Malformed::ALL.len() as u64).unwrap_or(0) as usize;
    let Some(how) = Malformed::ALL.get(how) else { return Ok(None) };
    let told = layers(assignment, seed).filter(|layer| *layer < last).filter_map(|layer| {
        let (runner, inputs) = assignment.parts();
        let list = malformed_state(&runner, &inputs, layer, *how).transpose()?;
        let source = list.map_err(ConductError::from);
        Some(source.and_then(|list| Ok(RunSource::run(runner, inputs)?.with_list(layer, list)?)))
    });
    first_lie(honest, told)
}
