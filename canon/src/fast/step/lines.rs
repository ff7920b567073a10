//! Steps that go through rows: elementwise operators, normalisations, softmax and reductions of the last axis.
//!
//! Each is one pass over memory: some rows, or a part of one, are read into a block that stays in the first cache.

use std::ops::Range;

use super::super::Fast;
use super::super::elementary::exp;
use super::super::rows::Reduce;
use super::super::simd::{Kernel, Simd, WIDEST, Wide};
use super::chain::{self, Block, Chain, Row, Run};
use super::operand::{Given, Operands};
use super::scratch::{self, Scratch};
use crate::reference::elementary::log;
use crate::{OperatorError, Reduction};

/// Elements of a block, where a row may be cut.
const BLOCK: usize = if cfg!(test) { 32 } else { 2_048 };
/// Elements of a task.
const TASK: usize = if cfg!(test) { 48 } else { 16_384 };

/// What is done with a row before the chain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    /// Nothing: elementwise operators are all in the chain.
    Copy,
    /// `d / sqrt(mean(d * d) + epsilon)` with `d = x - mean(x)`.
    Normalise {
        epsilon: f32,
    },
    Softmax,
    LogSoftmax,
    /// Each element of a row is the reduction of so many elements.
    Reduce {
        function: Reduction,
        length: usize,
    },
}

/// Rows of columns.
#[derive(Debug)]
pub(super) struct RowsOf {
    pub x: Given,
    pub function: Function,
    pub rows: usize,
    pub columns: usize,
    /// Work per element, in simple operations.
    pub weight: u64,
}

impl RowsOf {
    pub(super) fn run(
        &self,
        fast: &Fast,
        x: &Operands<'_>,
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        let jobs = run.outputs.len();
        let rows = self.rows * jobs;
        let may_cut = matches!(self.function, Function::Copy | Function::Reduce { .. });
        let part = if may_cut { self.columns.min(BLOCK) } else { self.columns };
        let parts = self.columns.div_ceil(part);
        let block_rows = match parts {
            1 => (BLOCK / part).clamp(1, chain::ROWS),
            _ => 1,
        };
        let blocks = rows.div_ceil(block_rows) * parts;
        let threads = fast.threads.worthwhile((rows * self.columns) as u64 * self.weight);
        let each = (TASK / (block_rows * part)).clamp(1, blocks.div_ceil(4 * threads).max(1));
        fast.threads.run(threads, blocks.div_ceil(each), |task| {
            scratch::with(|Scratch { block: memory, spare, .. }| {
                for block in task * each..blocks.min((task + 1) * each) {
                    let (first, cut) = (block / parts * block_rows, block % parts);
                    let columns = cut * part..self.columns.min((cut + 1) * part);
                    let width = columns.len().next_multiple_of(WIDEST);
                    let mut at = [Row::default(); chain::ROWS];
                    let count = block_rows.min(rows - first);
                    for (at, row) in at.iter_mut().zip(first..first + count) {
                        *at = Row { job: row / self.rows, row: row % self.rows };
                    }
                    let (at, values) = (&at[..count], memory.of(count * width));
                    for (row, values) in at.iter().zip(values.chunks_exact_mut(width)) {
                        self.fill(fast, x, *row, columns.clone(), values, spare);
                    }
                    let block = Block { values, width, rows: at, columns };
                    // SAFETY: blocks have different rows or columns; the caller holds the outputs; an operand that is
                    // the output has been read where this block writes.
                    unsafe { chain.finish(run, block, spare) };
                }
            });
        })
    }

    /// Writes a part of a row before the chain.
    fn fill(
        &self,
        fast: &Fast,
        x: &Operands<'_>,
        row: Row,
        columns: Range<usize>,
        values: &mut [f32],
        spare: &mut Vec<f32>,
    ) {
        let (lines, count) = (&self.x.lines, columns.len());
        let read = |row_of_x: usize, columns: Range<usize>, to: &mut [f32]| {
            // SAFETY: an operand that is the output is read only where the caller's block writes.
            unsafe { x.copy(0, row.job, lines, row_of_x, columns, to) };
        };
        match self.function {
            Function::Copy => read(row.row, columns, values),
            Function::Normalise { epsilon } => {
                read(row.row, columns, values);
                fast.vectors.run(Normalise { row: values, count, epsilon });
            }
            Function::Softmax | Function::LogSoftmax => {
                read(row.row, columns, values);
                values[count..].fill(f32::NEG_INFINITY);
                let log = matches!(self.function, Function::LogSoftmax);
                fast.vectors.run(Softmax { row: values, log });
            }
            Function::Reduce { function, length } => {
                for (column, value) in columns.zip(values) {
                    let row_of_x = row.row * self.columns + column;
                    let result = std::slice::from_mut(value);
                    if lines.is_contiguous() {
                        // SAFETY: as above.
                        let part = unsafe { x.slice(0, row.job, lines.row(row_of_x), length) };
                        fast.vectors.run(Reduce { function, x: part, length, y: result });
                    } else {
                        spare.resize(spare.len().max(length), 0.0);
                        read(row_of_x, 0..length, spare);
                        let part = &spare[..length];
                        fast.vectors.run(Reduce { function, x: part, length, y: result });
                    }
                }
            }
        }
    }
}

/// `(x - mean) / sqrt(mean((x - mean)^2) + epsilon)` of the first `count` elements of a row of whole vectors.
struct Normalise<'a> {
    row: &'a mut [f32],
    count: usize,
    epsilon: f32,
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Normalise { row, count, epsilon } = self;
        let whole = count / WIDEST * WIDEST;
        let mut lanes = [s.splat(0.0); WIDEST];
        for part in row[..whole].chunks_exact(WIDEST) {
            for v in 0..WIDEST / S::LANES {
                lanes[v] = s.add(lanes[v], s.load(&part[v * S::LANES..]));
            }
        }
        let mut sums = unpack(s, &lanes);
        for (sum, x) in sums.iter_mut().zip(&row[whole..count]) {
            *sum += x;
        }
        let mean = tree(sums) / count as f32;
        let (of_all, mut lanes) = (s.splat(mean), [s.splat(0.0); WIDEST]);
        for part in row[..whole].chunks_exact_mut(WIDEST) {
            for v in 0..WIDEST / S::LANES {
                let part = &mut part[v * S::LANES..];
                let d = s.sub(s.load(part), of_all);
                lanes[v] = s.add(lanes[v], s.mul(d, d));
                s.store(part, d);
            }
        }
        let mut sums = unpack(s, &lanes);
        for (sum, x) in sums.iter_mut().zip(&mut row[whole..count]) {
            *x -= mean;
            *sum += *x * *x;
        }
        let root = s.sqrt(s.splat(tree(sums) / count as f32 + epsilon));
        for part in row.chunks_exact_mut(S::LANES) {
            let quotient = s.div(s.load(part), root);
            s.store(part, quotient);
        }
    }
}

/// Softmax of a row of whole vectors, -inf behind its end: the exponentials there are +0, which changes no sum, or NaN
/// where all is NaN anyway. A NaN is passed over by the maximum: it comes out of the sum.
struct Softmax<'a> {
    row: &'a mut [f32],
    log: bool,
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Softmax { row, log: differences } = self;
        let max = s.splat(maximum(s, row));
        let total = exponentials(s, row, max, differences);
        let divisor = s.splat(if differences { log(total) } else { total });
        for part in row.chunks_exact_mut(S::LANES) {
            let x = s.load(part);
            s.store(part, if differences { s.sub(x, divisor) } else { s.div(x, divisor) });
        }
    }
}

/// The largest element of whole vectors, -inf if there is none; NaNs are passed over.
#[inline(always)]
pub(super) fn maximum<S: Simd>(s: S, row: &[f32]) -> f32 {
    let mut lanes = [s.splat(f32::NEG_INFINITY); WIDEST];
    for part in row.chunks_exact(WIDEST) {
        for v in 0..WIDEST / S::LANES {
            lanes[v] = s.larger(s.load(&part[v * S::LANES..]), lanes[v]);
        }
    }
    let mut lanes = unpack(s, &lanes);
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            let (a, b) = (lanes[lane], lanes[lane + half]);
            lanes[lane] = if a > b { a } else { b };
        }
    }
    lanes[0]
}

/// Replaces every element of whole vectors by `exp(x - max)`, or by `x - max` where `differences` are wanted, and returns
/// the sum of the exponentials.
#[inline(always)]
pub(super) fn exponentials<S: Simd>(s: S, row: &mut [f32], max: S::F, differences: bool) -> f32 {
    let mut lanes = [s.splat(0.0); WIDEST];
    // Four vectors at a time: see `Wide`. Each lane still adds in ascending order.
    let wide = Wide::<S, 4>(s);
    let mut parts = row.chunks_exact_mut(4 * S::LANES.max(WIDEST / 4));
    for part in parts.by_ref() {
        for (quarter, part) in part.chunks_exact_mut(4 * S::LANES).enumerate() {
            let difference = wide.sub(wide.load(part), [max; 4]);
            let e = exp(wide, difference);
            for (i, &e) in e.iter().enumerate() {
                let lane = &mut lanes[(quarter * 4 + i) % (WIDEST / S::LANES)];
                *lane = s.add(*lane, e);
            }
            wide.store(part, if differences { difference } else { e });
        }
    }
    for part in parts.into_remainder().chunks_exact_mut(WIDEST) {
        for v in 0..WIDEST / S::LANES {
            let part = &mut part[v * S::LANES..];
            let difference = s.sub(s.load(part), max);
            let e = exp(s, difference);
            lanes[v] = s.add(lanes[v], e);
            s.store(part, if differences { difference } else { e });
        }
    }
    tree(unpack(s, &lanes))
}

#[inline(always)]
fn unpack<S: Simd>(s: S, lanes: &[S::F; WIDEST]) -> [f32; WIDEST] {
    let mut result = [0.0; WIDEST];
    for v in 0..WIDEST / S::LANES {
        s.store(&mut result[v * S::LANES..], lanes[v]);
    }
    result
}

/// The fixed tree over the lanes.
#[inline(always)]
fn tree(mut lanes: [f32; WIDEST]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}
