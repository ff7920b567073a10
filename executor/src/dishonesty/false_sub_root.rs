//! One story above a layer and another below it: what the steps are told to be does not lead to the layer's state.
//!
//! | what | how |
//! |---|---|
//! | told after a layer | one value off, and everything computed honestly from there |
//! | told below it | every value that does not outlive the layer is off, each told anew; the last state is the one above |
//! | where nothing is narrowed below the layer | as `wrong-layer` |
//! | answers | everything, with the values that it tells |

use gainsay_player::RunSource;
use gainsay_player::rehearsal::{false_steps, inner};

use super::{Assignment, ConductError, first_lie, layers};

/// A run with a false sub-root behind one layer; `None` if no layer makes a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let program = assignment.runner.program();
    let mut order: Vec<u32> = layers(assignment, seed).collect();
    // Layers with values of their own first: the others have no steps to tell falsely.
    order.sort_by_key(|layer| inner(program, *layer).is_empty());
    let told = order.into_iter().map(|layer| {
        let (runner, inputs) = assignment.parts();
        Ok(false_steps(runner, inputs, layer, seed)?)
    });
    first_lie(honest, told)
}
