//! Rows times a constant matrix: packed once, one pass over its panels for the rows of all jobs.

use super::super::Fast;
use super::chain::{self, Block, Chain, Row, Run};
use super::operand::{Given, Operands};
use super::scratch::{self, Lined, Scratch};
use super::tile::{self, ROWS, Strip, WIDTH};
use crate::OperatorError;

/// Steps of k that a task takes through all its rows at once: with the rows, they stay in the second cache.
const STEPS: usize = if cfg!(test) { 8 } else { 512 };
/// Rows of a task, at most.
const TASK_ROWS: usize = if cfg!(test) { 30 } else { 192 };

/// A matrix `[k, n]` in panels.
#[derive(Debug)]
pub(super) struct Panels {
    pub k: usize,
    pub n: usize,
    packed: Lined,
}

impl Panels {
    /// Packs `[k, n]`, of which `row(k, first, to)` writes the columns from `first` on.
    pub(super) fn new(
        fast: &Fast,
        k: usize,
        n: usize,
        row: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> Panels {
        let mut packed = Lined::default();
        let last = tile::padded(fast.vectors, n % WIDTH);
        let all = packed.of((n / WIDTH * WIDTH + last) * k);
        for (index, panel) in all.chunks_mut(WIDTH * k).enumerate() {
            let first = index * WIDTH;
            let columns = WIDTH.min(n - first);
            tile::pack(fast.vectors, k, columns, panel, |k, to| row(k, first, to));
        }
        Panels { k, n, packed }
    }

    /// The panel of the columns from `index * WIDTH` on, `wide` elements per step.
    fn panel(&self, index: usize, wide: usize) -> &[f32] {
        let start = index * WIDTH * self.k;
        &self.packed.get(start + wide * self.k)[start..]
    }
}

/// `x [rows, k] x w [k, n]` for every job.
#[derive(Debug)]
pub(super) struct Linear {
    pub x: Given,
    pub w: Panels,
    pub rows: usize,
}

/// One task.
struct Part {
    panel: usize,
    rows: std::ops::Range<usize>,
}

impl Linear {
    pub(super) fn run(
        &self,
        fast: &Fast,
        jobs: usize,
        x: &Operands<'_>,
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        let rows = self.rows * jobs;
        let panels = self.w.n.div_ceil(WIDTH);
        let work = (rows * self.w.n) as u64 * self.w.k as u64 / 8;
        let threads = fast.threads.worthwhile(work);
        // About four tasks per thread where there are that many rows.
        let wanted = if threads == 1 { 1 } else { (4 * threads).div_ceil(panels) };
        let chunks = rows.div_ceil(TASK_ROWS).max(wanted.min(rows.div_ceil(chain::ROWS)));
        fast.threads.run(threads, panels * chunks, |task| {
            let (panel, chunk) = (task / chunks, task % chunks);
            let part = Part { panel, rows: chunk * rows / chunks..(chunk + 1) * rows / chunks };
            scratch::with(|scratch| self.part(fast, &part, x, chain, run, scratch));
        })
    }

    fn part(
        &self,
        fast: &Fast,
        part: &Part,
        x: &Operands<'_>,
        chain: &Chain,
        run: &Run<'_>,
        scratch: &mut Scratch,
    ) {
        let (k, first) = (self.w.k, part.panel * WIDTH);
        let columns = WIDTH.min(self.w.n - first);
        let panel = self.w.panel(part.panel, tile::padded(fast.vectors, columns));
        let strips = part.rows.len().div_ceil(ROWS);
        let start_of = |strip: usize| part.rows.start + strip * part.rows.len() / strips;
        let block = scratch.block.of((strips * ROWS).max(chain::ROWS) * WIDTH);
        for steps in (0..k).step_by(STEPS) {
            let steps = steps..k.min(steps + STEPS);
            for group in (0..strips).step_by(chain::ROWS / ROWS) {
                let last = strips.min(group + chain::ROWS / ROWS);
                let (begin, end) = (start_of(group), start_of(last));
                let block = &mut block[(begin - part.rows.start) * WIDTH..];
                for strip in group..last {
                    let (from, to) = (start_of(strip), start_of(strip + 1));
                    let a = std::array::from_fn(|r| {
                        let row = (from + r).min(to - 1);
                        let start = self.x.lines.row(row % self.rows);
                        // SAFETY: operands of a contraction are never the output.
                        unsafe { x.slice(0, row / self.rows, start, k) }
                    });
                    let strip = Strip { a, rows: to - from, panel, k, columns, stride: WIDTH };
                    strip.run(fast.vectors, steps.clone(), &mut block[(from - begin) * WIDTH..]);
                }
                if steps.end == k {
                    let mut rows = [Row::default(); chain::ROWS];
                    for (row, index) in rows.iter_mut().zip(begin..end) {
                        *row = Row { job: index / self.rows, row: index % self.rows };
                    }
                    let count = end - begin;
                    let block = Block {
                        values: &mut block[..count * WIDTH],
                        width: WIDTH,
                        rows: &rows[..count],
                        columns: first..first + columns,
                    };
                    // SAFETY: tasks have different rows or columns; the caller holds the outputs.
                    unsafe { chain.finish(run, block, &mut scratch.spare) };
                }
            }
        }
    }
}
