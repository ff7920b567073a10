//! Matrix products: rows as they lie in memory, columns in panels, which are packed once where the matrix is constant and
//! once per run where it is not. One pass over a panel serves the rows of all jobs that share it.

use std::ops::Range;

use super::super::Fast;
use super::chain::{self, Block, Chain, Row, Run};
use super::operand::{Matrix, Operands};
use super::pages::Region;
use super::scratch::{self, Scratch};
use super::streamed;
use super::tile::{self, Ahead, ROWS, Strip, WIDTH};
use super::view::Lines;
use crate::OperatorError;

/// Steps of k that a task takes through all its rows at once: with the rows, they stay in the second cache.
const STEPS: usize = if cfg!(test) { 8 } else { 512 };
/// Elements of the rows of a task, about, where panels are packed already: half of a second cache, so that they stay there
/// while panel after panel is multiplied.
const TASK: usize = if cfg!(test) { 240 } else { 1 << 17 };
/// Rows of a task, at most and at least: each panel must pay for being read.
const TASK_ROWS: [usize; 2] = if cfg!(test) { [12, 30] } else { [48, 192] };

/// The most rows for which a matrix is read where it lies.
const STREAMED: usize = 12;
/// Sums of a task that does so, about: they stay in the first cache.
const SUMS: usize = if cfg!(test) { WIDTH } else { 4_096 };

/// The positions of the operands.
const A: usize = 0;
const B: usize = 1;

/// A constant matrix `[k, n]` in panels.
#[derive(Debug)]
pub(super) struct Panels {
    packed: Region,
}

impl Panels {
    pub(super) fn new(fast: &Fast, k: usize, n: usize, matrix: &Matrix<'_>) -> Panels {
        let last = tile::padded(fast.vectors, n % WIDTH);
        let mut packed = fast.pages.take((n / WIDTH * WIDTH + last) * k);
        let length = (WIDTH * k).max(1);
        let pack = |start: usize, panel: &mut [f32]| {
            let first = start / length * WIDTH;
            matrix.pack(fast.vectors, (0, k), first..n.min(first + WIDTH), panel);
        };
        let threads = fast.threads.worthwhile((k * n) as u64);
        if fast.threads.chunks(threads, packed.get_mut(), length, pack).is_err() {
            // No thread could set up its arithmetic, and a copy needs none.
            let panels = packed.get_mut().chunks_mut(length).enumerate();
            panels.for_each(|(index, panel)| pack(index * length, panel));
        }
        Panels { packed }
    }
}

/// Where columns come from.
#[derive(Debug)]
pub(super) enum Columns {
    /// One constant matrix for all rows of all jobs.
    Packed(Panels),
    /// A matrix per product, a line per step of k.
    Steps(Lines),
    /// The same, a line per column.
    Transposed(Lines),
}

/// Products of `rows` rows each.
#[derive(Debug)]
pub(super) struct Product {
    /// A line per row of all products.
    pub a: Lines,
    pub b: Columns,
    pub products: usize,
    pub rows: usize,
    pub k: usize,
    pub n: usize,
}

/// What a task multiplies: rows counted through all products and jobs.
struct Part<'a> {
    rows: Range<usize>,
    columns: Range<usize>,
    panel: &'a [f32],
    /// How many panels further the next is that this thread reads.
    ahead: usize,
}

impl Product {
    pub(super) fn run(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        let products = self.products * run.outputs.len();
        let panels = self.n.div_ceil(WIDTH);
        let work = (products * self.rows * self.n) as u64 * self.k as u64 / 8;
        let threads = fast.threads.worthwhile(work);
        let wanted = if threads == 1 { 1 } else { 4 * threads };
        let columns_of = |panel: usize| panel * WIDTH..self.n.min((panel + 1) * WIDTH);
        if let Columns::Packed(packed) = &self.b {
            let rows = products * self.rows;
            let cuts = wanted.div_ceil(panels).min(rows.div_ceil(chain::ROWS));
            let [least, most] = TASK_ROWS;
            let cuts = cuts.max(rows.div_ceil((TASK / self.k).clamp(least, most)));
            return fast.threads.run(threads, panels * cuts, |task| {
                let (cut, panel) = (task / panels, task % panels);
                let columns = columns_of(panel);
                let start = panel * WIDTH * self.k;
                let len = tile::padded(fast.vectors, columns.len()) * self.k;
                let panel = &packed.packed.get()[start..start + len];
                // Tasks are taken in turns. Behind the last panel are the weights of the next step.
                let rows = cut * rows / cuts..(cut + 1) * rows / cuts;
                let part = Part { rows, columns, panel, ahead: threads };
                scratch::with(|scratch| self.part(fast, operands, &part, chain, run, scratch));
            });
        }
        if let Columns::Steps(lines) = &self.b
            && self.rows <= STREAMED
            && lines.is_contiguous()
        {
            return self.streamed(fast, operands, lines, chain, run);
        }
        // A task packs its panel: rows are cut only where there are few panels.
        let cuts = wanted.div_ceil(products * panels).min(self.rows.div_ceil(4 * chain::ROWS));
        fast.threads.run(threads, products * panels * cuts, |task| {
            let (index, cut) = (task / cuts, task % cuts);
            let (product, panel) = (index / panels, index % panels);
            let rows = |cut: usize| product * self.rows + cut * self.rows / cuts;
            scratch::with(|scratch| {
                let mut memory = std::mem::take(&mut scratch.panel);
                let columns = columns_of(panel);
                let panel = memory.of(WIDTH * self.k);
                self.pack(fast, operands, product, &columns, panel, &mut scratch.spare);
                let part = Part { rows: rows(cut)..rows(cut + 1), columns, panel, ahead: 0 };
                self.part(fast, operands, &part, chain, run, scratch);
                scratch.panel = memory;
            });
        })
    }

    /// Few rows: the matrix is read once, where it lies.
    fn streamed(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        lines: &Lines,
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        let products = self.products * run.outputs.len();
        let threads = fast.threads.worthwhile((products * self.k * self.n) as u64);
        // Long pieces of rows: memory is read in order.
        let wanted = threads.div_ceil(products);
        let most = (SUMS / self.rows.max(1)).next_multiple_of(WIDTH);
        let width = self.n.div_ceil(wanted).next_multiple_of(WIDTH).min(most);
        let cuts = self.n.div_ceil(width);
        fast.threads.run(threads, products * cuts, |task| {
            let (index, cut) = (task / cuts, task % cuts);
            let (job, product) = (index / self.products, index % self.products);
            let columns = cut * width..self.n.min((cut + 1) * width);
            // SAFETY: operands of a contraction are never the output.
            let [a, b] = [(A, &self.a), (B, lines)]
                .map(|(operand, lines)| unsafe { Matrix::new(operands, operand, job, lines) });
            scratch::with(|Scratch { block, more, spare, .. }| {
                let mut copies = more.of(self.rows * self.k.max(1)).chunks_exact_mut(self.k.max(1));
                let mut rows = [&[][..]; STREAMED];
                let mut at = [Row::default(); STREAMED];
                for (r, (row, at)) in rows.iter_mut().zip(&mut at).take(self.rows).enumerate() {
                    let copy = copies.next().unwrap_or_default();
                    *row = a.row(product * self.rows + r, self.k, copy);
                    *at = Row { job, row: product * self.rows + r };
                }
                let values = block.of(self.rows * width);
                let row_of_b =
                    |step| b.slice(product * self.k + step, columns.start, columns.len());
                let a = &rows[..self.rows];
                streamed::Streamed { a, b: &row_of_b, k: self.k, columns: columns.len() }.run(
                    fast.vectors,
                    values,
                    width,
                );
                let block = Block { values, width, rows: &at[..self.rows], columns };
                // SAFETY: tasks have different rows or columns; the caller holds the outputs.
                unsafe { chain.finish(run, block, spare) };
            });
        })
    }

    fn pack(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        product: usize,
        columns: &Range<usize>,
        panel: &mut [f32],
        spare: &mut Vec<f32>,
    ) {
        let (job, product) = (product / self.products, product % self.products);
        // SAFETY: operands of a contraction are never the output.
        let matrix = |lines| unsafe { Matrix::new(operands, B, job, lines) };
        match &self.b {
            Columns::Packed(_) => {}
            Columns::Steps(lines) => {
                let steps = (product * self.k, self.k);
                matrix(lines).pack(fast.vectors, steps, columns.clone(), panel);
            }
            Columns::Transposed(lines) => {
                let rows = (product * self.n + columns.start, columns.len());
                matrix(lines).pack_transposed(fast.vectors, rows, self.k, panel, spare);
            }
        }
    }

    fn part(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        part: &Part<'_>,
        chain: &Chain,
        run: &Run<'_>,
        scratch: &mut Scratch,
    ) {
        let (k, of_job) = (self.k, self.rows * self.products);
        let columns = part.columns.len();
        let strips = part.rows.len().div_ceil(ROWS);
        let start_of = |strip: usize| part.rows.start + strip * part.rows.len() / strips;
        let Scratch { block, more, spare, .. } = scratch;
        let block = block.of((strips * ROWS).max(chain::ROWS) * WIDTH);
        let copies = if self.a.is_contiguous() { &mut [] } else { more.of(ROWS * k) };
        // SAFETY: operands of a contraction are never the output.
        let matrix = |job: usize| unsafe { Matrix::new(operands, A, job, &self.a) };
        let (job, first) = (part.rows.start / of_job, part.rows.start % of_job);
        let one_job = first + part.rows.len() <= of_job;
        let regular = matrix(job).regular(first, part.rows.len(), k).filter(|_| one_job);
        for steps in (0..k).step_by(STEPS) {
            let steps = steps..k.min(steps + STEPS);
            for group in (0..strips).step_by(chain::ROWS / ROWS) {
                let last = strips.min(group + chain::ROWS / ROWS);
                let (begin, end) = (start_of(group), start_of(last));
                let block = &mut block[(begin - part.rows.start) * WIDTH..];
                for strip in group..last {
                    let (from, to) = (start_of(strip), start_of(strip + 1));
                    let mut copies = copies.chunks_exact_mut(k);
                    let a = std::array::from_fn(|r| {
                        let row = (from + r).min(to - 1);
                        if let Some(regular) = regular {
                            return regular.row(row - part.rows.start);
                        }
                        let spare = copies.next().unwrap_or_default();
                        matrix(row / of_job).row(row % of_job, k, spare)
                    });
                    let (rows, panel) = (to - from, part.panel);
                    let ahead = Ahead { panel: part.ahead * WIDTH * k, strip, strips };
                    let strip = Strip { a, rows, panel, k, columns, stride: WIDTH, ahead };
                    strip.run(fast.vectors, steps.clone(), &mut block[(from - begin) * WIDTH..]);
                }
                if steps.end == k {
                    let mut rows = [Row::default(); chain::ROWS];
                    for (row, index) in rows.iter_mut().zip(begin..end) {
                        *row = match one_job {
                            true => Row { job, row: index - job * of_job },
                            false => Row { job: index / of_job, row: index % of_job },
                        };
                    }
                    let count = end - begin;
                    let block = Block {
                        values: &mut block[..count * WIDTH],
                        width: WIDTH,
                        rows: &rows[..count],
                        columns: part.columns.clone(),
                    };
                    // SAFETY: tasks have different rows or columns; the caller holds the outputs.
                    unsafe { chain.finish(run, block, spare) };
                }
            }
        }
    }
}
