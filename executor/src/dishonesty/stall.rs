//! Claims wrongly and never answers: it bets that nobody looks, and loses by the clock when somebody does.

use std::sync::Arc;

use gainsay_player::RunSource;

use super::{Assignment, ConductError, Defence, Performance, wrong_layer};

/// A wrong claim that is not defended; `None` if no change makes a difference.
pub(super) fn perform(
    assignment: &Assignment,
    honest: &RunSource,
    layer: u32,
    seed: u64,
) -> Result<Option<Performance>, ConductError> {
    let source = wrong_layer::run(assignment, honest, layer, seed)?;
    Ok(source.map(|source| Performance {
        outputs: source.outputs().to_vec(),
        source: Arc::new(source),
        defence: Defence::Silent,
    }))
}
