//! States that are not of the program, and hash right.

use std::collections::BTreeSet;

use gainsay_canon::{DType, Tensor};
use gainsay_commitment::{Digest, StateList, content, tensor_digest};
use gainsay_model::{RunError, Runner, Slot};

use super::Truth;

/// What is wrong with a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The first value is not listed.
    Missing,
    /// The last value is listed twice.
    Twice,
    /// The values of two slots are exchanged; of a single one, its slot is another.
    Exchanged,
    /// The first value has the same bits and another element type.
    Type,
    /// The first value has its elements in one row.
    Shape,
}

impl Malformed {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Missing, Self::Twice, Self::Exchanged, Self::Type, Self::Shape];
}

/// The list of state `layer` (from 1 to n-1) of an honest run, made into one that is not the program's; `None` if nothing is
/// live there.
///
/// # Errors
/// If the run cannot be made; if there is no such state.
pub fn malformed_state(
    runner: &Runner,
    inputs: &[Tensor],
    layer: u32,
    how: Malformed,
) -> Result<Option<StateList>, RunError> {
    let list = runner.evidence(inputs, layer.saturating_add(1))?.list;
    let Some(first) = list.0.first().map(|(slot, _)| Slot(*slot)) else { return Ok(None) };
    let values = runner.values_told(inputs, &BTreeSet::from([first]), &Truth)?;
    Ok(values.get(&first).map(|value| malformed(list, value, how)))
}

/// A list that is not the program's, from the one that is; `first` is the value of its first entry.
pub fn malformed(mut list: StateList, first: &Tensor, how: Malformed) -> StateList {
    let entries = &mut list.0;
    let digest =
        |dtype: DType, shape: &[u64]| tensor_digest(dtype as u8, shape, content(&first.bytes()));
    let (unsigned, signed) = match first.dtype().size_bytes() {
        1 => (DType::U8, DType::I8),
        2 => (DType::U16, DType::I16),
        4 => (DType::U32, DType::I32),
        _ => (DType::U64, DType::I64),
    };
    let bits = if first.dtype() == unsigned { signed } else { unsigned };
    match how {
        Malformed::Missing => drop((!entries.is_empty()).then(|| entries.remove(0))),
        Malformed::Twice => entries.extend(entries.last().copied()),
        Malformed::Exchanged => exchange(entries),
        Malformed::Type => set_first(entries, digest(bits, first.shape())),
        Malformed::Shape => {
            // One more axis than it has is another shape, whatever it has.
            let shape: Vec<u64> = [1].into_iter().chain(first.shape().iter().copied()).collect();
            set_first(entries, digest(first.dtype(), &shape));
        }
    }
    list
}

fn set_first(entries: &mut [(u32, Digest)], digest: Digest) {
    if let Some((_, first)) = entries.first_mut() {
        *first = digest;
    }
}

fn exchange(entries: &mut [(u32, Digest)]) {
    match entries {
        [(number, _)] => *number = number.wrapping_add(1),
        [first, .., last] if first.1 != last.1 => std::mem::swap(&mut first.1, &mut last.1),
        [first, .., last] => std::mem::swap(&mut first.0, &mut last.0),
        [] => {}
    }
}
