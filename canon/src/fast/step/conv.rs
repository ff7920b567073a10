//! Convolutions without their windows in memory; where the filters are constant, `filters` multiplies.
//!
//! The image is copied once with its padding, a plane per step of the stride (even and odd columns, say), so that under
//! one kernel element the inputs of neighbouring windows are neighbours: a tile of windows reads them where they lie,
//! each step of k at another offset. Windows are counted with the pitch of those planes; the few between the end of a row
//! and the start of the next belong to nobody and are dropped.

use std::ops::Range;

use super::super::Fast;
use super::super::simd::WIDEST;
use super::super::threads::Output;
use super::chain::{self, Block, Chain, Row, Run};
use super::filters::Filters;
use super::operand::Operands;
use super::scratch::{self, Scratch};
use super::tile::{ROWS, Scattered, WIDTH};
use super::view::Lines;
use crate::OperatorError;

/// The positions of the operands.
const X: usize = 0;
const W: usize = 1;

/// The extents of a convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extents {
    pub batch: usize,
    pub groups: usize,
    /// Input and output channels of one group.
    pub channels: usize,
    pub out: usize,
    pub input: [usize; 2],
    pub kernel: [usize; 2],
    pub output: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

/// A convolution with where everything lies.
#[derive(Debug)]
pub(super) struct Conv {
    pub extents: Extents,
    /// Of x, a line per image row.
    x: Lines,
    /// Of the weights, a line per output channel.
    w: Lines,
    /// The weights, where they are constant and packed.
    filters: Option<Filters>,
    /// The phases of rows and of columns that some kernel element meets.
    phases: [Vec<usize>; 2],
    /// Rows and columns of a plane.
    pub plane: [usize; 2],
    /// Where each step of k starts, in the planes of one group.
    pub offsets: Vec<usize>,
    pub furthest: usize,
    /// Whether x is the planes already.
    in_place: bool,
}

/// One task of the products.
struct Part {
    job: usize,
    image: usize,
    group: usize,
    /// Windows, counted with the pitch.
    windows: Range<usize>,
    /// Output channels of the group.
    out: Range<usize>,
}

impl Conv {
    /// `plain`: whether each image lies in memory in one piece.
    pub(super) fn new(
        extents: Extents,
        x: Lines,
        w: Lines,
        filters: Option<Filters>,
        plain: bool,
    ) -> Conv {
        let Extents { kernel, stride, dilation, output, .. } = extents;
        let reach = |axis: usize, i: usize| i * dilation[axis];
        let phases = [0, 1].map(|axis| {
            let mut met: Vec<usize> =
                (0..kernel[axis]).map(|i| reach(axis, i) % stride[axis]).collect();
            met.sort_unstable();
            met.dedup();
            met
        });
        let plane = [0, 1].map(|axis| output[axis] + reach(axis, kernel[axis] - 1) / stride[axis]);
        let size = plane[0] * plane[1];
        let place = |axis: usize, i: usize| {
            let at = reach(axis, i);
            let phase = phases[axis].partition_point(|&phase| phase < at % stride[axis]);
            (phase, at / stride[axis])
        };
        let mut offsets = Vec::with_capacity(extents.channels * kernel[0] * kernel[1]);
        for channel in 0..extents.channels {
            for i in 0..kernel[0] {
                for j in 0..kernel[1] {
                    let ((row_phase, row), (column_phase, column)) = (place(0, i), place(1, j));
                    let index =
                        (channel * phases[0].len() + row_phase) * phases[1].len() + column_phase;
                    offsets.push(index * size + row * plane[1] + column);
                }
            }
        }
        let in_place = kernel == [1, 1]
            && stride == [1, 1]
            && extents.padding == [0, 0]
            && (filters.is_some() || size.is_multiple_of(WIDEST))
            && plain;
        let furthest = offsets.iter().copied().max().unwrap_or(0);
        Conv { extents, x, w, filters, phases, plane, offsets, furthest, in_place }
    }

    /// Elements of the planes of one image.
    fn image_size(&self) -> usize {
        let planes = self.phases[0].len() * self.phases[1].len() * self.plane[0] * self.plane[1];
        self.extents.groups * self.extents.channels * planes
    }

    pub(super) fn run(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        let jobs = run.outputs.len();
        if self.in_place {
            return self.products(fast, operands, None, chain, run);
        }
        let mut shared = scratch::with(|scratch| std::mem::take(&mut scratch.shared));
        let size = self.image_size();
        let images = jobs * self.extents.batch;
        let planes = shared.of(images * size + WIDTH);
        let result = self.spread(fast, operands, images, planes);
        let result = result.and_then(|()| self.products(fast, operands, Some(planes), chain, run));
        scratch::with(|scratch| scratch.shared = shared);
        result
    }

    /// Copies the images into planes.
    fn spread(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        images: usize,
        planes: &mut [f32],
    ) -> Result<(), OperatorError> {
        let Extents { batch, groups, channels, input, .. } = self.extents;
        let all = groups * channels;
        let each = self.image_size() / all;
        let threads = fast.threads.worthwhile((images * all * each) as u64);
        let used = planes.len() - WIDTH;
        planes[used..].fill(0.0);
        let planes = Output::new(&mut planes[..used]);
        fast.threads.run(threads, images * all, |task| {
            let (image, channel) = (task / all, task % all);
            let (job, row) = (image / batch, (image % batch * all + channel) * input[0]);
            // SAFETY: each task has its own channel.
            let planes = unsafe { planes.part(task * each, (task + 1) * each) };
            scratch::with(|Scratch { spare, .. }| {
                self.spread_channel(operands, job, row, planes, spare);
            });
        })
    }

    /// Copies the channel whose first row is the `first` of x.
    fn spread_channel(
        &self,
        operands: &Operands<'_>,
        job: usize,
        first: usize,
        planes: &mut [f32],
        spare: &mut Vec<f32>,
    ) {
        let Extents { input, stride, padding, .. } = self.extents;
        let [height, pitch] = self.plane;
        spare.resize(spare.len().max(input[1]), 0.0);
        let mut planes = planes.chunks_exact_mut(height * pitch);
        for &row_phase in &self.phases[0] {
            let mut planes: Vec<&mut [f32]> = planes.by_ref().take(self.phases[1].len()).collect();
            for row in 0..height {
                let y = (row * stride[0] + row_phase).checked_sub(padding[0]);
                let to = planes.iter_mut().map(|plane| &mut plane[row * pitch..][..pitch]);
                let Some(y) = y.filter(|&y| y < input[0]) else {
                    to.for_each(|to| to.fill(0.0));
                    continue;
                };
                let from = if self.x.is_contiguous() {
                    // SAFETY: operands of a contraction are never the output.
                    unsafe { operands.slice(X, job, self.x.row(first + y), input[1]) }
                } else {
                    let line = &mut spare[..input[1]];
                    // SAFETY: as above.
                    unsafe { operands.copy(X, job, &self.x, first + y, 0..input[1], line) };
                    &*line
                };
                for (to, &phase) in to.zip(&self.phases[1]) {
                    spread_row(from, phase, stride[1], padding[1], to);
                }
            }
        }
    }

    fn products(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        planes: Option<&[f32]>,
        chain: &Chain,
        run: &Run<'_>,
    ) -> Result<(), OperatorError> {
        if let Some(filters) = &self.filters {
            return self.filtered(fast, filters, operands, planes, chain, run);
        }
        let Extents { batch, groups, out, output, .. } = self.extents;
        let jobs = run.outputs.len();
        let windows = (output[0] - 1) * self.plane[1] + output[1];
        let tiles = windows.div_ceil(WIDTH);
        let images = jobs * batch * groups;
        let work = (images * windows * out) as u64 * self.offsets.len() as u64 / 8;
        let threads = fast.threads.worthwhile(work);
        let wanted = if threads == 1 { 1 } else { (8 * threads).div_ceil(images * tiles) };
        let cuts = wanted.min(out.div_ceil(chain::ROWS)).max(1);
        fast.threads.run(threads, images * tiles * cuts, |task| {
            let (rest, cut) = (task / cuts, task % cuts);
            let (image, tile) = (rest / tiles, rest % tiles);
            let part = Part {
                job: image / groups / batch,
                image: image / groups % batch,
                group: image % groups,
                windows: tile * WIDTH..windows.min((tile + 1) * WIDTH),
                out: cut * out / cuts..(cut + 1) * out / cuts,
            };
            scratch::with(|scratch| {
                self.part(fast, operands, planes, &part, chain, run, scratch);
            });
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn part(
        &self,
        fast: &Fast,
        operands: &Operands<'_>,
        planes: Option<&[f32]>,
        part: &Part,
        chain: &Chain,
        run: &Run<'_>,
        Scratch { block, spare, .. }: &mut Scratch,
    ) {
        let Extents { groups, out, .. } = self.extents;
        let k = self.offsets.len();
        let b = self.planes_of(operands, planes, part.job, part.image, part.group);
        let furthest = self.furthest;
        let b = &b[part.windows.start..];
        let columns = self.pixel(part.windows.start)..self.pixel(part.windows.end);
        if columns.is_empty() {
            return;
        }
        let block = block.of(chain::ROWS * WIDTH);
        let groups_of_rows = part.out.len().div_ceil(chain::ROWS);
        let start_of =
            |of: &Range<usize>, index: usize, count: usize| of.start + index * of.len() / count;
        for index in 0..groups_of_rows {
            let rows = start_of(&part.out, index, groups_of_rows)
                ..start_of(&part.out, index + 1, groups_of_rows);
            let strips = rows.len().div_ceil(ROWS);
            for strip in 0..strips {
                let (from, to) =
                    (start_of(&rows, strip, strips), start_of(&rows, strip + 1, strips));
                let a = std::array::from_fn(|r| {
                    let row = part.group * out + (from + r).min(to - 1);
                    // SAFETY: operands of a contraction are never the output.
                    unsafe { operands.slice(W, part.job, self.w.row(row), k) }
                });
                let (offsets, windows) = (&self.offsets, part.windows.len());
                let strip =
                    Scattered { a, rows: to - from, b, offsets, furthest, columns: windows };
                strip.run(fast.vectors, &mut block[(from - rows.start) * WIDTH..]);
            }
            let values = &mut block[..rows.len() * WIDTH];
            self.close_up(&part.windows, values);
            let mut at = [Row::default(); chain::ROWS];
            for (at, row) in at.iter_mut().zip(rows.clone()) {
                let row = (part.image * groups + part.group) * out + row;
                *at = Row { job: part.job, row };
            }
            let rows = &at[..rows.len()];
            let block = Block { values, width: WIDTH, rows, columns: columns.clone() };
            // SAFETY: tasks have different rows or columns; the caller holds the outputs.
            unsafe { chain.finish(run, block, spare) };
        }
    }

    /// The planes of one group of an image, and what follows them.
    pub(super) fn planes_of<'a>(
        &self,
        operands: &Operands<'a>,
        planes: Option<&'a [f32]>,
        job: usize,
        image: usize,
        group: usize,
    ) -> &'a [f32] {
        let Extents { batch, groups, channels, input, .. } = self.extents;
        let size = self.image_size();
        match planes {
            Some(planes) => &planes[(job * batch + image) * size + group * size / groups..],
            None => {
                let row = (image * groups + group) * channels * input[0];
                // SAFETY: operands of a contraction are never the output.
                unsafe { operands.slice(X, job, self.x.row(row), size / groups) }
            }
        }
    }

    /// How many windows that exist come before this one.
    fn pixel(&self, window: usize) -> usize {
        let (pitch, width) = (self.plane[1], self.extents.output[1]);
        window / pitch * width + (window % pitch).min(width)
    }

    /// Drops the windows that do not exist from rows of a block.
    fn close_up(&self, windows: &Range<usize>, values: &mut [f32]) {
        let (pitch, width) = (self.plane[1], self.extents.output[1]);
        if pitch == width {
            return;
        }
        for row in values.chunks_exact_mut(WIDTH) {
            let (mut window, mut filled) = (windows.start, 0);
            while window < windows.end {
                let column = window % pitch;
                let end = windows.end.min(window - column + pitch);
                let count = width.min(end - (window - column)).saturating_sub(column);
                let from = window - windows.start;
                row.copy_within(from..from + count, filled);
                filled += count;
                window = end;
            }
        }
    }
}

/// Every `stride`-th element of a padded row, from `phase` on.
fn spread_row(from: &[f32], phase: usize, stride: usize, padding: usize, to: &mut [f32]) {
    // Elements of the row before the input starts, and before it ends.
    let before = padding.saturating_sub(phase).div_ceil(stride).min(to.len());
    let until =
        (from.len() + padding).saturating_sub(phase).div_ceil(stride).clamp(before, to.len());
    to[..before].fill(0.0);
    to[until..].fill(0.0);
    if before == until {
        return;
    }
    let from = &from[before * stride + phase - padding..];
    let to = &mut to[before..until];
    match stride {
        1 => to.copy_from_slice(&from[..to.len()]),
        2 => {
            let (last, pairs) = (to.len() - 1, from.as_chunks::<2>().0);
            for (to, from) in to.iter_mut().zip(pairs) {
                *to = from[0];
            }
            to[last] = from[last * 2];
        }
        _ => {
            for (to, from) in to.iter_mut().zip(from.iter().step_by(stride)) {
                *to = *from;
            }
        }
    }
}
