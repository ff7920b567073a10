//! Claims wrongly and never answers: it bets that nobody looks, and loses by the clock when somebody does.

use gainsay_player::RunSource;

use super::{Assignment, ConductError, Defence, MadeUp, Performance, wrong_layer};

/// A wrong claim that is not defended; `None` if no change makes a difference.
pub(super) fn perform(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<MadeUp>, ConductError> {
    let source = wrong_layer::somewhere(assignment, honest, seed)?;
    Ok(source.map(|source| {
        let made_up = MadeUp::of(source, honest);
        let performance = Performance { defence: Defence::Silent, ..made_up.performance };
        MadeUp { performance, ..made_up }
    }))
}
