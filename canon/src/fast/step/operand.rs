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
                2.. => {
                    let step = step.unsigned_abs();
                    // SAFETY: as above.
                    let from = unsafe { self.slice(operand, job, at, (count - 1) * step + 1) };
                    to.iter_mut().zip(from.iter().step_by(step)).for_each(|(to, from)| *to = *from);
                }
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

    /// Some rows whose columns lie one after another and which are equally far apart.
    pub(super) fn regular(&self, first: usize, rows: usize, columns: usize) -> Option<Regular<'a>> {
        let (start, step) = self.lines.regular(first, rows).filter(|_| rows > 0)?;
        if !self.lines.is_contiguous() {
            return None;
        }
        let len = (rows - 1) * step + columns;
        // SAFETY: not an output, so nobody writes it.
        let memory = unsafe { self.operands.slice(self.operand, self.job, start, len) };
        Some(Regular { memory, step, columns })
    }

    /// Packs `k` rows from the `first` on as the steps of a panel of these columns.
    pub(super) fn pack(
        &self,
        vectors: Vectors,
        (first, k): (usize, usize),
        columns: Range<usize>,
        panel: &mut [f32],
    ) {
        let regular = self.regular(first, k, columns.end);
        for (offset, width) in tile::tiles(vectors, columns.len()) {
            let count = width.min(columns.len() - offset);
            let from = columns.start + offset;
            for (row, to) in panel[offset * k..][..width * k].chunks_exact_mut(width).enumerate() {
                match regular {
                    Some(regular) => copy(&regular.row(row)[from..from + count], &mut to[..count]),
                    None => self.copy(first + row, from, &mut to[..count]),
                }
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
        let regular = self.regular(first, columns, k);
        spare.resize(spare.len().max(k), 0.0);
        for (offset, width) in tile::tiles(vectors, columns) {
            let part = &mut panel[offset * k..][..width * k];
            let count = width.min(columns - offset);
            let mut column = 0;
            while let (Some(regular), true) = (regular, column + 4 <= count) {
                // Four at a time, so that a step is visited less often.
                let rows: [&[f32]; 4] = std::array::from_fn(|i| regular.row(offset + column + i));
                let [a, b, c, d] = rows.map(|row| &row[..k]);
                for (step, to) in part.chunks_exact_mut(width).enumerate() {
                    to[column..column + 4].copy_from_slice(&[a[step], b[step], c[step], d[step]]);
                }
                column += 4;
            }
            for column in column..count {
                let from = self.row(first + offset + column, k, spare);
                for (to, from) in part.iter_mut().skip(column).step_by(width).zip(from) {
                    *to = *from;
                }
            }
            if count < width {
                part.chunks_exact_mut(width).for_each(|to| to[count..].fill(0.0));
            }
        }
    }
}

/// Equally distant rows of columns that lie one after another.
#[derive(Clone, Copy)]
pub(super) struct Regular<'a> {
    memory: &'a [f32],
    step: usize,
    columns: usize,
}

impl<'a> Regular<'a> {
    #[inline]
    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        &self.memory[row * self.step..][..self.columns]
    }
}

/// A short copy, for which a call would take longer than the copy.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let (from, of_from) = from.as_chunks::<16>();
    let (to, of_to) = to.as_chunks_mut::<16>();
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    of_to.iter_mut().zip(of_from).for_each(|(to, from)| *to = *from);
}
