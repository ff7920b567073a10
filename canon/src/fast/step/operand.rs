//! Operands of a step: resolved once when it is prepared, to memory when it runs.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::simd::Vectors;
use super::super::threads::Output;
use super::tile;
use super::view::Lines;
use crate::Source;

/// An operand and how it is read.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub source: Source,
    pub lines: Lines,
}

/// The memory of one operand of one job.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    start: *const f32,
    len: usize,
}

impl Memory {
    pub(super) fn of(values: &[f32]) -> Memory {
        Memory { start: values.as_ptr(), len: values.len() }
    }

    /// An output that is read where it is written.
    pub(super) fn written(output: &Output<f32>) -> Memory {
        Memory { start: output.at(0), len: output.len() }
    }
}

/// The memory of several operands of all jobs, borrowed for `'a`; some of it may be an output that is written meanwhile.
pub(super) struct Operands<'a> {
    /// Those of the first job, then those of the second, and so on.
    memory: Vec<Memory>,
    each: usize,
    borrowed: PhantomData<&'a [f32]>,
}

// SAFETY: memory is read by the contracts of the methods below.
unsafe impl Sync for Operands<'_> {}

impl<'a> Operands<'a> {
    /// # Safety
    /// The memory stays allocated for `'a`.
    pub(super) unsafe fn new(memory: Vec<Memory>, each: usize) -> Operands<'a> {
        Operands { memory, each, borrowed: PhantomData }
    }

    /// Part of an operand.
    ///
    /// # Safety
    /// Nobody writes it while the result lives.
    #[inline]
    pub(super) unsafe fn slice(
        &self,
        operand: usize,
        job: usize,
        start: usize,
        len: usize,
    ) -> &'a [f32] {
        let memory = self.memory[job * self.each + operand];
        assert!(start <= memory.len && len <= memory.len - start, "a part of an operand");
        // SAFETY: inside the operand by the assertion, allocated by the contract of `new`, not written by this one's.
        unsafe { std::slice::from_raw_parts(memory.start.add(start), len) }
    }

    /// Copies some columns of a row.
    ///
    /// # Safety
    /// Nobody writes them meanwhile.
    pub(super) unsafe fn copy(
        &self,
        operand: usize,
        job: usize,
        lines: &Lines,
        row: usize,
        columns: Range<usize>,
        to: &mut [f32],
    ) {
        let start = lines.row(row);
        let (mut column, mut filled) = (columns.start, 0);
        while column < columns.end {
            let (count, step) = lines.run(column, columns.end - column);
            let at = start.wrapping_add_signed(lines.column(column));
            let to = &mut to[filled..filled + count];
            match step {
                // SAFETY: by this function's contract.
                1 => to.copy_from_slice(unsafe { self.slice(operand, job, at, count) }),
                // SAFETY: as above.
                0 => to.fill(unsafe { self.slice(operand, job, at, 1) }[0]),
                _ => {
                    for (i, to) in to.iter_mut().enumerate() {
                        let at = at.wrapping_add_signed(i as isize * step);
                        // SAFETY: as above.
                        *to = unsafe { self.slice(operand, job, at, 1) }[0];
                    }
                }
            }
            column += count;
            filled += count;
        }
    }
}

/// One operand of one job as rows.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    operands: &'a Operands<'a>,
    operand: usize,
    job: usize,
    lines: &'a Lines,
}

impl<'a> Matrix<'a> {
    /// # Safety
    /// The operand is not an output.
    pub(super) unsafe fn new(
        operands: &'a Operands<'a>,
        operand: usize,
        job: usize,
        lines: &'a Lines,
    ) -> Matrix<'a> {
        Matrix { operands, operand, job, lines }
    }

    /// Some columns of a row, if they lie in memory one after another.
    #[inline]
    pub(super) fn slice(&self, row: usize, first: usize, count: usize) -> Option<&'a [f32]> {
        let start = self.lines.row(row) + first;
        // SAFETY: not an output, so nobody writes it.
        self.lines
            .is_contiguous()
            .then(|| unsafe { self.operands.slice(self.operand, self.job, start, count) })
    }

    /// Copies some columns of a row.
    pub(super) fn copy(&self, row: usize, first: usize, to: &mut [f32]) {
        match self.slice(row, first, to.len()) {
            Some(from) => to.copy_from_slice(from),
            // SAFETY: not an output, so nobody writes it.
            None => unsafe {
                let columns = first..first + to.len();
                self.operands.copy(self.operand, self.job, self.lines, row, columns, to);
            },
        }
    }

    /// Some columns of a row, copied to `spare` where they do not lie one after another.
    pub(super) fn row<'b>(&self, row: usize, count: usize, spare: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        match self.slice(row, 0, count) {
            Some(slice) => slice,
            None => {
                let to = &mut spare[..count];
                self.copy(row, 0, to);
                to
            }
        }
    }

    /// Packs `k` rows from the `first` on as the steps of a panel of these columns.
    pub(super) fn pack(
        &self,
        vectors: Vectors,
        (first, k): (usize, usize),
        columns: Range<usize>,
        panel: &mut [f32],
    ) {
        for (offset, width) in tile::tiles(vectors, columns.len()) {
            let count = width.min(columns.len() - offset);
            let part = panel[offset * k..][..width * k].chunks_exact_mut(width);
            for (row, to) in (first..first + k).zip(part) {
                self.copy(row, columns.start + offset, &mut to[..count]);
                to[count..].fill(0.0);
            }
        }
    }

    /// Packs the rows from the `first` on as the columns of a panel of `k` steps.
    pub(super) fn pack_transposed(
        &self,
        vectors: Vectors,
        (first, columns): (usize, usize),
        k: usize,
        panel: &mut [f32],
        spare: &mut Vec<f32>,
    ) {
        spare.resize(spare.len().max(k), 0.0);
        for (offset, width) in tile::tiles(vectors, columns) {
            let part = &mut panel[offset * k..][..width * k];
            for column in 0..width {
                let to = part.iter_mut().skip(column).step_by(width);
                if offset + column < columns {
                    let from = self.row(first + offset + column, k, spare);
                    to.zip(from).for_each(|(to, from)| *to = *from);
                } else {
                    to.for_each(|to| *to = 0.0);
                }
            }
        }
    }
}
