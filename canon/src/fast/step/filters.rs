//! Convolutions with constant filters: these are packed once as the columns of products, windows are the rows.
//!
//! A window's elements are read where they lie in the planes of its image, each step of k at another offset, so nothing is
//! computed for windows that do not exist. Blocks are turned round before they are finished: results lie in memory channel
//! by channel.

use std::ops::Range;

use super::super::Fast;
use super::chain::{self, Block, Chain, Row, Run};
use super::conv::Conv;
use super::operand::{Matrix, Operands};
use super::pages::Region;
use super::scratch::{self, Scratch};
use super::tile::{self, Gathered, ROWS, Transposed, WIDTH};
use crate::OperatorError;

/// Steps of k that a task takes through all its windows at once.
const STEPS: usize = if cfg!(test) { 8 } else { 512 };
/// Windows of a task, at most: a multiple of [`WIDTH`].
const WINDOWS: usize = if cfg!(test) { WIDTH } else { 4 * WIDTH };
/// Fewer output channels of a group are not worth a vector of their own.
pub(super) const LEAST: usize = 12;

/// The filters of all groups in panels of [`WIDTH`] output channels.
#[derive(Debug)]
pub(super) struct Filters {
    packed: Region,
    k: usize,
    out: usize,
}

/// One task of the products.
struct Part<'a> {
    job: usize,
    image: usize,
    group: usize,
    windows: Range<usize>,
    /// Output channels of the group.
    out: Range<usize>,
    panel: &'a [f32],
}

impl Filters {
    /// `weights`: a line per output channel.
    pub(super) fn new(
        fast: &Fast,
        groups: usize,
        [out, k]: [usize; 2],
        weights: &Matrix<'_>,
    ) -> Filters {
        let mut packed = fast.pages.take(groups * Self::group(fast, out, k));
        let mut spare = vec![];
        if k > 0 {
            let of_groups = packed.get_mut().chunks_exact_mut(Self::group(fast, out, k));
            for (group, panels) in of_groups.enumerate() {
                for (panel, first) in panels.chunks_mut(WIDTH * k).zip((0..out).step_by(WIDTH)) {
                    let rows = (group * out + first, WIDTH.min(out - first));
                    weights.pack_transposed(fast.vectors, rows, k, panel, &mut spare);
                }
            }
        }
        Filters { packed, k, out }
    }

    /// Elements of the panels of a group.
    fn group(fast: &Fast, out: usize, k: usize) -> usize {
        (out / WIDTH * WIDTH + tile::padded(fast.vectors, out % WIDTH)) * k
    }

    fn panel(&self, fast: &Fast, group: usize, out: &Range<usize>) -> &[f32] {
        let start = group * Self::group(fast, self.out, self.k) + out.start * self.k;
        &self.packed.get()[start..start + tile::padded(fast.vectors, out.len()) * self.k]
    }
}

impl Conv {
    pub(super) fn filtered(
        &self,
        fast: &Fast,
        filters: &Filters,
        operands: &Operands<'_>,
        planes: Option<&[f32]>,
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        let windows = self.extents.output.iter().product::<usize>();
        let images = run.outputs.len() * self.extents.batch * self.extents.groups;
        let (out, panels) = (filters.out, filters.out.div_ceil(WIDTH));
        let work = (images * windows * out) as u64 * filters.k as u64 / 8;
        let threads = fast.threads.worthwhile(work);
        let wanted = if threads == 1 { 1 } else { (4 * threads).div_ceil(images * panels) };
        let tiles = windows.div_ceil(WIDTH);
        let cuts = wanted.min(tiles).max(tiles.div_ceil(WINDOWS / WIDTH));
        fast.threads.run(threads, panels * images * cuts, |task| {
            let (panel, rest) = (task / (images * cuts), task % (images * cuts));
            let (image, cut) = (rest / cuts, rest % cuts);
            let window = |cut: usize| windows.min(cut * tiles / cuts * WIDTH);
            let (group, out) =
                (image % self.extents.groups, panel * WIDTH..out.min((panel + 1) * WIDTH));
            let image = image / self.extents.groups;
            let part = Part {
                job: image / self.extents.batch,
                image: image % self.extents.batch,
                group,
                windows: window(cut)..window(cut + 1),
                panel: filters.panel(fast, group, &out),
                out,
            };
            scratch::with(|scratch| {
                let planes = self.planes_of(operands, planes, part.job, part.image, part.group);
                self.filtered_part(fast, &part, planes, chain, run, scratch);
            });
        })
    }

    fn filtered_part(
        &self,
        fast: &Fast,
        part: &Part<'_>,
        planes: &[f32],
        chain: &Chain,
        run: &Run<'_>,
        Scratch { block, more, spare, .. }: &mut Scratch,
    ) {
        let (windows, columns) = (&part.windows, part.out.len());
        let block = block.of(windows.len().next_multiple_of(WIDTH) * WIDTH);
        let turned = more.of(WIDTH * WIDTH);
        let (k, width) = (self.offsets.len(), self.extents.output[1]);
        let strips = windows.len().div_ceil(ROWS);
        let start_of = |strip: usize| strip * windows.len() / strips.max(1);
        // Without steps, +0 everywhere.
        let all = if k == 0 { 0..1 } else { 0..k };
        for steps in all.step_by(STEPS).map(|first| first..k.min(first + STEPS)) {
            for strip in 0..strips {
                let (from, to) = (start_of(strip), start_of(strip + 1));
                let starts = std::array::from_fn(|r| {
                    let window = windows.start + (from + r).min(to - 1);
                    window / width * self.plane[1] + window % width
                });
                let (offsets, furthest) = (&self.offsets, self.furthest);
                let (rows, panel, a) = (to - from, part.panel, planes);
                let strip = Gathered { a, starts, rows, offsets, furthest, panel, columns };
                strip.run(fast.vectors, steps.clone(), &mut block[from * WIDTH..]);
            }
        }
        for first in (0..windows.len()).step_by(WIDTH) {
            let square = &block[first * WIDTH..][..WIDTH * WIDTH];
            fast.vectors.run(Transposed { from: square, to: turned });
            let last = windows.len().min(first + WIDTH);
            let pixels = windows.start + first..windows.start + last;
            let blocks = turned.chunks_mut(chain::ROWS * WIDTH);
            for (values, from) in blocks.zip((0..columns).step_by(chain::ROWS)) {
                let count = chain::ROWS.min(columns - from);
                let mut at = [Row::default(); chain::ROWS];
                for (at, channel) in at.iter_mut().zip(part.out.start + from..) {
                    let row = (part.image * self.extents.groups + part.group) * self.extents.out;
                    *at = Row { job: part.job, row: row + channel };
                }
                let block = Block {
                    values: &mut values[..count * WIDTH],
                    width: WIDTH,
                    rows: &at[..count],
                    columns: pixels.clone(),
                };
                // SAFETY: tasks have different rows or columns; the caller holds the outputs.
                unsafe { chain.finish(run, block, spare) };
            }
        }
    }
}
