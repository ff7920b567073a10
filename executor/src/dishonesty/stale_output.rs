//! The run of an earlier job, told of this one.
//!
//! | what | how |
//! |---|---|
//! | told before the first layer | the job's own inputs: anything else is refused at the door |
//! | from there on | states and outputs of a run on other inputs, here the job's own in another order |
//! | saves | the whole run, where the earlier one is at hand |
//! | answers | everything |

use std::sync::Arc;

use gainsay_canon::{Tensor, TensorError};
use gainsay_model::port_state;
use gainsay_player::RunSource;

use super::{Assignment, ConductError, TRIES, first_lie};

/// A run on other inputs under this job's first state; `None` if no other inputs make a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let told = (0..TRIES).map(|again| {
        let by = seed.wrapping_add(again);
        let inputs = assignment.inputs.iter().map(|input| turned(input, by));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let source = RunSource::run(Arc::clone(&assignment.runner), inputs.into())?;
        Ok(source.with_list(0, port_state(&assignment.inputs))?)
    });
    first_lie(honest, told)
}

/// The same elements, beginning with another one: what was valid as an input still is.
fn turned(input: &Tensor, by: u64) -> Result<Tensor, TensorError> {
    let mut bytes = input.bytes().into_owned();
    let others = (input.element_count() as u64).saturating_sub(1);
    // Less than the number of elements, so it fits.
    let by = by.checked_rem(others).map_or(0, |by| by as usize + 1);
    bytes.rotate_left(by * input.dtype().size_bytes());
    Tensor::from_bytes(input.tensor_type(), &bytes)
}
