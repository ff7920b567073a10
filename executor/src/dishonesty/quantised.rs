//! The whole run on a cheaper copy of the model.
//!
//! | what | how |
//! |---|---|
//! | the copy's weights | rounded to bf16, to f16, or to 255 steps per tensor |
//! | everything else | honest |
//! | saves | memory and the bandwidth for it, which is what a run of a large model costs |
//! | answers | everything, with the copy's values |

use std::sync::Arc;

use gainsay_player::RunSource;
use gainsay_player::rehearsal::{Rounding, Treatment};

use super::{Assignment, ConductError, first_lie, other_model};

/// A run of a rounded model; `None` if no rounding makes a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let kernels = assignment.runner.kernels();
    let formats = Rounding::ALL.len();
    let first = seed.checked_rem(formats as u64).unwrap_or(0) as usize;
    let roundings = Rounding::ALL.into_iter().cycle().skip(first).take(formats);
    let told = roundings.map(|rounding| {
        let treatment = Treatment::Rounded(rounding);
        let runner = other_model(assignment, &mut |weight| {
            Ok(treatment.of(weight, kernels).unwrap_or_else(|| weight.clone()))
        })?;
        Ok(RunSource::run(Arc::new(runner), Arc::clone(&assignment.inputs))?)
    });
    first_lie(honest, told)
}
