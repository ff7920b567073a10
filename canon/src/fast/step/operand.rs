//! Operands of a step: resolved once when it is prepared, to memory when it runs.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::threads::Output;
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
