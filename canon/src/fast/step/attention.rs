//! Attention without its scores in memory: a few queries at a time, all keys of one matrix packed.
//!
//! Keys that take no part must not be added as zeros (a zero's sign, an infinity), so values are taken in runs of keys
//! that do. In the softmax they can stand as -inf: exp gives +0, which changes no sum, or NaN where all is NaN anyway.

use std::ops::Range;

use super::super::Fast;
use super::super::elementary::tanh;
use super::super::simd::{Kernel, Simd, WIDEST};
use super::chain::{Block, Chain, Row, Run};
use super::lines::{exponentials, maximum};
use super::operand::{Matrix, Operands};
use super::scratch::{self, Scratch};
use super::tile::{Ahead, ROWS, Strip, WIDTH};
use super::view::Lines;
use super::visible::{Segment, Visible};
use crate::{Keys, OperatorError};

/// Queries of a task, at least, where a matrix is cut: packing its keys again must pay.
const QUERIES: usize = if cfg!(test) { 8 } else { 64 };

/// The positions of the operands.
const Q: usize = 0;
const K: usize = 1;
const V: usize = 2;
const BIAS: usize = 3;

/// Attention of `matrices` of `s` queries to `t` keys, for every job.
#[derive(Debug)]
pub(super) struct Attention {
    /// Of q, k, v and perhaps the bias.
    pub lines: Vec<Lines>,
    pub mask: Option<Lines>,
    pub matrices: usize,
    pub s: usize,
    pub t: usize,
    pub d: usize,
    pub e: usize,
    pub scale: f32,
    pub softcap: Option<f32>,
    pub keys: Keys,
}

/// What a task reads and writes.
struct Task<'a> {
    fast: &'a Fast,
    job: usize,
    matrix: usize,
    queries: Range<usize>,
    operands: &'a Operands<'a>,
    mask: Option<&'a [u8]>,
    chain: &'a Chain,
    run: &'a Run<'a>,
}

impl Attention {
    pub(super) fn run(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        masks: &[&[u8]],
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        let jobs = run.outputs.len();
        let matrices = self.matrices * jobs;
        let work = (matrices * self.s * self.t) as u64 * ((self.d + self.e) as u64 / 8 + 12);
        let threads = fast.threads.worthwhile(work);
        let wanted = if threads == 1 { 1 } else { (4 * threads).div_ceil(matrices) };
        let cuts = wanted.min(self.s.div_ceil(QUERIES));
        fast.threads.run(threads, matrices * cuts, |task| {
            let (index, cut) = (task / cuts, task % cuts);
            let (job, matrix) = (index / self.matrices, index % self.matrices);
            let queries = cut * self.s / cuts..(cut + 1) * self.s / cuts;
            let mask = masks.get(job).copied();
            let task = Task { fast, job, matrix, queries, operands, mask, chain, run };
            scratch::with(|scratch| self.task(&task, scratch));
        })
    }

    fn task(&self, task: &Task<'_>, scratch: &mut Scratch) {
        let Attention { t, d, e, .. } = *self;
        let vectors = task.fast.vectors;
        let wide = t.next_multiple_of(WIDTH);
        let Scratch { block, panel, more, spare, .. } = scratch;
        let keys = panel.of(wide * d);
        // SAFETY: operands of attention are never the output.
        let [q, k, v] = [Q, K, V].map(|operand| unsafe {
            Matrix::new(task.operands, operand, task.job, &self.lines[operand])
        });
        for first in (0..t).step_by(WIDTH) {
            let rows = (task.matrix * t + first, WIDTH.min(t - first));
            k.pack_transposed(vectors, rows, d, &mut keys[first * d..], spare);
        }
        let values = more.of(e.next_multiple_of(WIDTH) * t);
        for first in (0..e).step_by(WIDTH) {
            let columns = first..e.min(first + WIDTH);
            v.pack(vectors, (task.matrix * t, t), columns, &mut values[first * t..]);
        }
        let block = block.of(ROWS * (wide + WIDTH + d));
        let (scores, rest) = block.split_at_mut(ROWS * wide);
        let (results, queries) = rest.split_at_mut(ROWS * WIDTH);
        let strips = task.queries.len().div_ceil(ROWS);
        let start_of =
            |strip: usize| task.queries.start + strip * task.queries.len() / strips.max(1);
        let first = task.matrix * self.s + task.queries.start;
        let regular = q.regular(first, task.queries.len(), d);
        let mut visible = Visible::default();
        for strip in 0..strips {
            let strip = start_of(strip)..start_of(strip + 1);
            let mut spares = queries.chunks_exact_mut(d);
            let a = std::array::from_fn(|r| {
                let row = (strip.start + r).min(strip.end - 1);
                match regular {
                    Some(regular) => regular.row(row - task.queries.start),
                    None => {
                        let spare = spares.next().unwrap_or_default();
                        q.row(task.matrix * self.s + row, d, spare)
                    }
                }
            });
            visible.turn(self, task.mask, &strip, |query| task.matrix * self.s + query);
            self.weights(task, &visible, a, keys, scores, spare);
            self.values(task, &visible, scores, values, results, spare);
        }
    }

    /// How many keys, the first ones, take part for a query before any mask.
    pub(super) fn seen(&self, query: usize) -> usize {
        match self.keys {
            Keys::All => self.t,
            Keys::Causal => (query + self.t + 1).saturating_sub(self.s).min(self.t),
        }
    }

    /// Writes the weights of a strip's keys; rows of scores are as wide as whole panels.
    fn weights(
        &self,
        task: &Task<'_>,
        visible: &Visible,
        a: [&[f32]; ROWS],
        keys: &[f32],
        scores: &mut [f32],
        spare: &mut Vec<f32>,
    ) {
        let strip = visible.strip();
        let Attention { t, d, .. } = *self;
        let wide = scores.len() / ROWS;
        let rows = strip.len();
        let seen = self.seen(strip.end - 1);
        for first in (0..seen).step_by(WIDTH) {
            let (columns, panel) = (WIDTH.min(t - first), &keys[first * d..]);
            let strip =
                Strip { a, rows, panel, k: d, columns, stride: wide, ahead: Ahead::NOTHING };
            strip.run(task.fast.vectors, 0..d, &mut scores[first..]);
        }
        let all = self.seen(strip.end - 1).max(1).next_multiple_of(WIDEST);
        for (query, row) in strip.clone().zip(scores.chunks_exact_mut(wide)) {
            let biased = self.lines.len() > BIAS;
            if biased {
                spare.clear();
                spare.resize(wide, 0.0);
                let (lines, index) = (&self.lines[BIAS], task.matrix * self.s + query);
                // SAFETY: operands of attention are never the output.
                unsafe { task.operands.copy(BIAS, task.job, lines, index, 0..t, spare) };
            }
            let bias = biased.then_some(spare.as_slice());
            let row = &mut row[..all];
            if biased || self.softcap.is_some() || self.scale != 1.0 {
                let (scale, softcap) = (self.scale, self.softcap);
                task.fast.vectors.run(Scores { row, scale, softcap, bias });
            }
            let mut hidden = 0;
            for run in visible.runs(query - strip.start) {
                row[hidden..run.start].fill(f32::NEG_INFINITY);
                hidden = run.end;
            }
            row[hidden..].fill(f32::NEG_INFINITY);
        }
        task.fast.vectors.run(Weights { rows: scores, width: wide, count: rows, all });
    }

    /// The weighted values of a strip, and what follows.
    fn values(
        &self,
        task: &Task<'_>,
        visible: &Visible,
        scores: &[f32],
        values: &[f32],
        results: &mut [f32],
        spare: &mut Vec<f32>,
    ) {
        let strip = visible.strip();
        let Attention { t, e, s, .. } = *self;
        let (wide, rows) = (scores.len() / ROWS, strip.len());
        for first in (0..e).step_by(WIDTH) {
            let columns = WIDTH.min(e - first);
            let width = columns.next_multiple_of(WIDEST);
            let panel = &values[first * t..];
            let results = &mut results[..rows * width];
            let strip_of = |queries: &Range<usize>| {
                let row = |r: usize| (queries.start + r).min(queries.end - 1);
                let a = std::array::from_fn(|r| &scores[row(r) * wide..][..t]);
                Strip {
                    a,
                    rows: queries.len(),
                    panel,
                    k: t,
                    columns,
                    stride: width,
                    ahead: Ahead::NOTHING,
                }
            };
            results.fill(0.0);
            for Segment { keys, queries } in visible.segments() {
                let to = &mut results[queries.start * width..];
                strip_of(queries).run(task.fast.vectors, keys.clone(), to);
            }
            for (to, weights) in results.chunks_exact_mut(width).zip(scores.chunks_exact(wide)) {
                if self.is_empty(weights) {
                    to.fill(0.0);
                }
            }
            let mut at = [Row::default(); ROWS];
            for (at, query) in at.iter_mut().zip(strip.clone()) {
                *at = Row { job: task.job, row: task.matrix * s + query };
            }
            let block = Block {
                values: results,
                width,
                rows: &at[..rows],
                columns: first..first + columns,
            };
            // SAFETY: tasks have different rows; the caller holds the outputs.
            unsafe { task.chain.finish(task.run, block, spare) };
        }
    }

    /// Whether a row of weights is marked as having no keys.
    fn is_empty(&self, weights: &[f32]) -> bool {
        weights[0] == f32::NEG_INFINITY
    }
}

/// Scales, bounds and biases a row of scores.
struct Scores<'a> {
    row: &'a mut [f32],
    scale: f32,
    softcap: Option<f32>,
    bias: Option<&'a [f32]>,
}

impl Kernel for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let scale = s.splat(self.scale);
        for (i, part) in self.row.chunks_exact_mut(S::LANES).enumerate() {
            let mut x = s.mul(s.load(part), scale);
            if let Some(cap) = self.softcap {
                let cap = s.splat(cap);
                x = s.mul(tanh(s, s.div(x, cap)), cap);
            }
            if let Some(bias) = self.bias {
                x = s.add(x, s.load(&bias[i * S::LANES..]));
            }
            s.store(part, x);
        }
    }
}

/// Softmax of some rows, in their first `all` elements, a multiple of 16: -inf where a key takes no part. A row whose
/// maximum is -inf gets -inf as its first weight. All rows at once, so that none waits for its own maximum and sum.
struct Weights<'a> {
    rows: &'a mut [f32],
    width: usize,
    count: usize,
    all: usize,
}

impl Kernel for Weights<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Weights { rows, width, count, all } = self;
        let (mut largest, mut totals) = ([0.0; ROWS], [0.0; ROWS]);
        for (row, max) in rows.chunks_exact(width).zip(&mut largest).take(count) {
            *max = maximum(s, &row[..all]);
        }
        let each = largest.iter().zip(&mut totals).take(count);
        for (row, (&max, total)) in rows.chunks_exact_mut(width).zip(each) {
            let row = &mut row[..all];
            if max == f32::NEG_INFINITY {
                // Nothing takes part, or what does is -inf or NaN.
                let nan = row.iter().any(|x| x.is_nan());
                row.fill(if nan { f32::NAN } else { f32::NEG_INFINITY });
                *total = 1.0;
            } else {
                *total = exponentials(s, row, s.splat(max), false);
            }
        }
        for (row, &total) in rows.chunks_exact_mut(width).zip(&totals).take(count) {
            let total = s.splat(total);
            for part in row[..all].chunks_exact_mut(S::LANES) {
                let weight = s.div(s.load(part), total);
                s.store(part, weight);
            }
        }
    }
}
