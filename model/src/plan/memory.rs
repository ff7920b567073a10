//! Memory from static lifetimes: which buffer holds which result.
//!
//! A result lives from the step that makes it until the last step that reads it, or that runs before a state listing it is
//! hashed. Buffers are reused within an element type: one of exactly the right length first (it is warm and keeps its
//! length), else the smallest that fits, else the largest grows. A step may overwrite an operand that dies with it, in the
//! chain, of an elementwise operator or of one that works on whole rows.

use std::collections::BTreeSet;

use gainsay_canon::{DType, TensorType};

use super::fusion::Draft;
use super::kinds;
use super::view::{Base, Seen};

/// The buffer of each result, and what the buffers hold at most.
pub(super) struct Memory {
    /// Per step.
    pub(super) places: Vec<Placed>,
    /// Per buffer: a type of as many elements as it ever holds.
    pub(super) buffers: Vec<TensorType>,
}

/// Where a step writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) buffer: usize,
    /// The step whose result is overwritten in place.
    pub(super) over: Option<usize>,
    /// The last step during which the result is there.
    pub(super) until: usize,
}

/// The buffers while the plan is made.
#[derive(Default)]
struct Buffers {
    /// Per buffer: element type, the most elements it held, the elements it holds.
    all: Vec<(DType, usize, usize)>,
    /// The free ones by element type and what they hold now, and by what they held at most.
    by_length: BTreeSet<(DType, usize, usize)>,
    by_capacity: BTreeSet<(DType, usize, usize)>,
}

impl Buffers {
    fn free(&mut self, buffer: usize) {
        if let Some(&(dtype, capacity, length)) = self.all.get(buffer) {
            self.by_length.insert((dtype, length, buffer));
            self.by_capacity.insert((dtype, capacity, buffer));
        }
    }

    fn take(&mut self, result: &TensorType) -> usize {
        let (dtype, length) = (result.dtype, result.elements().unwrap_or(0));
        let exact = self.by_length.range((dtype, length, 0)..=(dtype, length, usize::MAX));
        let least = (dtype, length, 0);
        let fits = || self.by_capacity.range(least..=(dtype, usize::MAX, usize::MAX)).next();
        let grows = || self.by_capacity.range((dtype, 0, 0)..least).next_back();
        let found = exact.last().or_else(fits).or_else(grows).map(|&(.., buffer)| buffer);
        let Some(buffer) = found else {
            self.all.push((dtype, length, length));
            return self.all.len() - 1;
        };
        if let Some((_, capacity, holds)) = self.all.get_mut(buffer) {
            self.by_length.remove(&(dtype, *holds, buffer));
            self.by_capacity.remove(&(dtype, *capacity, buffer));
            (*capacity, *holds) = ((*capacity).max(length), length);
        }
        buffer
    }
}

/// Assigns buffers; `until[step]` is the least that the step's result must last beyond what steps read.
pub(super) fn assign(drafts: &[Draft], mut until: Vec<usize>) -> Memory {
    until.resize(drafts.len(), 0);
    for (step, draft) in drafts.iter().enumerate() {
        for seen in draft.reads() {
            if let Base::Step(made) = seen.base
                && let Some(until) = until.get_mut(made)
            {
                *until = (*until).max(step);
            }
        }
    }
    let mut dying: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (made, &step) in until.iter().enumerate() {
        if let Some(dying) = dying.get_mut(step) {
            dying.push(made);
        }
    }
    let mut buffers = Buffers::default();
    let mut places: Vec<Placed> = Vec::with_capacity(drafts.len());
    for (step, (draft, dying)) in drafts.iter().zip(&dying).enumerate() {
        let until = until.get(step).copied().unwrap_or(step).max(step);
        let over = dying.iter().copied().find(|&made| {
            let of = drafts.get(made).map(|draft| &draft.result);
            made < step && of == Some(&draft.result) && may_overwrite(draft, made)
        });
        let buffer = match over.and_then(|made| places.get(made)) {
            Some(placed) => placed.buffer,
            None => buffers.take(&draft.result),
        };
        places.push(Placed { buffer, over, until });
        for &made in dying.iter().filter(|&&made| Some(made) != over) {
            if let Some(placed) = places.get(made) {
                buffers.free(placed.buffer);
            }
        }
    }
    let held = buffers.all.into_iter();
    let buffers = held.map(|(dtype, most, _)| TensorType::new(dtype, [most as u64])).collect();
    Memory { places, buffers }
}

/// Whether a step may write over the result of the step `made`, of the type of its own: every element of it is read before
/// its place is written.
fn may_overwrite(draft: &Draft, made: usize) -> bool {
    let is_it = |seen: &Seen| seen.base == Base::Step(made);
    let mut rooted = draft.operands.iter().enumerate().filter(|(_, seen)| is_it(seen));
    draft.layout.is_empty()
        && rooted.all(|(at, _)| kinds::overwrites(&draft.operator, at, &draft.result))
        && draft.reads().filter(|seen| is_it(seen)).all(|seen| seen.view.is_empty())
}
