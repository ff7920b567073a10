//! Two lies at different layers, the second one told of what follows from the first.
//!
//! | what | how |
//! |---|---|
//! | told after two layers, or two operators of a program's only one | one value off in each |
//! | in between and from there on | computed honestly |
//! | hopes for | a dispute, with an accomplice's root that shares the first lie, about the second one |
//! | answers | everything |

use std::collections::BTreeMap;
use std::sync::Arc;

use gainsay_model::Slot;
use gainsay_player::RunSource;
use gainsay_player::rehearsal::{Change, Changed, last_slot};

use super::{Assignment, ConductError, TRIES, first_lie, number};

/// A run with two values changed; `None` if that makes no difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let told = (0..TRIES).filter_map(|again| {
        let seed = seed.wrapping_add(again);
        let changes = two_slots(assignment, seed)?.map(|slot| (slot, Change::Value(seed)));
        let (runner, inputs) = assignment.parts();
        let told = Arc::new(Changed(BTreeMap::from(changes)));
        Some(RunSource::told(runner, inputs, told).map_err(ConductError::from))
    });
    first_lie(honest, told)
}

/// The last values of two layers, or two values of the only layer.
fn two_slots(assignment: &Assignment, seed: u64) -> Option<[Slot; 2]> {
    let program = assignment.runner.program();
    let two = |count: u32| {
        let first = number(&[b"first", &seed.to_le_bytes()]).checked_rem(u64::from(count))?;
        let others = u64::from(count.checked_sub(1)?);
        let after = number(&[b"second", &seed.to_le_bytes()]).checked_rem(others)? + 1;
        let second = (first + after) % u64::from(count);
        // Less than the count, so they fit.
        Some([first as u32, second as u32])
    };
    if let Some(layers) = two(program.layer_count()) {
        let [first, second] = layers.map(|layer| last_slot(program, layer + 1));
        return Some([first?, second?]);
    }
    let count = program.program().instructions.len() as u32;
    Some(two(count)?.map(|position| program.slot_of(position)))
}
