//! Walking broadcast and permuted operands: contiguous runs along the last axis, an odometer over the others.

/// A result shape and, per operand, strides that may be 0, negative or of any order; adjacent axes are merged where all
/// operands allow it, so that runs are as long as they can be.
pub(super) struct Walk<const K: usize> {
    /// Elements of one run.
    pub inner: usize,
    /// Stride of each operand within a run.
    pub strides: [isize; K],
    outer: Vec<(usize, [isize; K])>,
}

impl<const K: usize> Walk<K> {
    /// Operands with these strides per axis of `shape`.
    pub(super) fn new(shape: &[usize], strides: [&[isize]; K]) -> Walk<K> {
        let mut axes: Vec<(usize, [isize; K])> = Vec::with_capacity(shape.len());
        for (axis, &extent) in shape.iter().enumerate().filter(|&(_, &extent)| extent != 1) {
            let strides = strides.map(|strides| strides[axis]);
            match axes.last_mut() {
                // The axis before continues this one in every operand.
                Some((above, of_above))
                    if (0..K).all(|i| of_above[i] == strides[i] * extent as isize) =>
                {
                    *above *= extent;
                    *of_above = strides;
                }
                _ => axes.push((extent, strides)),
            }
        }
        let (inner, strides) = axes.pop().unwrap_or((1, [0; K]));
        Walk { inner, strides, outer: axes }
    }

    /// The number of runs.
    pub(super) fn runs(&self) -> usize {
        self.outer.iter().map(|&(extent, _)| extent).product()
    }

    /// Calls `visit` with each run in `runs`, counted from 0 there, and where it starts in every operand.
    #[inline(always)]
    pub(super) fn each(
        &self,
        runs: std::ops::Range<usize>,
        mut visit: impl FnMut(usize, [isize; K]),
    ) {
        let mut index = vec![0; self.outer.len()];
        let mut at = [0; K];
        let mut rest = runs.start;
        for (index, &(extent, strides)) in index.iter_mut().zip(&self.outer).rev() {
            *index = rest % extent;
            rest /= extent;
            for (at, stride) in at.iter_mut().zip(strides) {
                *at += *index as isize * stride;
            }
        }
        for run in 0..runs.len() {
            visit(run, at);
            for (index, &(extent, strides)) in index.iter_mut().zip(&self.outer).rev() {
                *index += 1;
                let wrapped = *index == extent;
                let moved = if wrapped { 1 - extent as isize } else { 1 };
                for (at, stride) in at.iter_mut().zip(strides) {
                    *at += moved * stride;
                }
                if !wrapped {
                    break;
                }
                *index = 0;
            }
        }
    }
}

/// Unsigned strides as signed ones.
pub(super) fn signed(strides: &[usize]) -> Vec<isize> {
    strides.iter().map(|&stride| stride as isize).collect()
}
