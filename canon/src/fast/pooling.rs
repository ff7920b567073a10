//! Maximum pooling: rows of a window joined as vectors, then columns. The maximum has no order, so this changes no bit.

use super::simd::{Kernel, Simd, WIDEST};
use super::{Computed, Fast};
use crate::shape::extents;
use crate::tensor::Data;
use crate::{Tensor, TensorType, Window2d};

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 12 } else { 4_096 };

/// Windows along one axis.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    pub extent: usize,
}

impl Axis {
    pub(super) fn new(window: &Window2d, axis: usize, extent: usize) -> Axis {
        Axis {
            kernel: window.kernel[axis] as usize,
            stride: window.stride[axis] as usize,
            padding: window.padding[axis] as usize,
            dilation: window.dilation[axis] as usize,
            extent,
        }
    }

    /// The inputs under window `index`: ascending, without padding.
    #[inline(always)]
    pub(super) fn inside(self, index: usize) -> impl Iterator<Item = usize> {
        let start = index * self.stride;
        // The first kernel element behind the padding, and the first behind the input.
        let first = self.padding.saturating_sub(start).div_ceil(self.dilation);
        let behind = (self.padding + self.extent).saturating_sub(start).div_ceil(self.dilation);
        let (padding, dilation) = (self.padding, self.dilation);
        (first..behind.min(self.kernel)).map(move |k| start + k * dilation - padding)
    }
}

impl Axis {
    /// The elements under window `index` that lie in the padded input; dilation is 1.
    pub(super) fn padded_count(self, index: usize) -> usize {
        let start = index * self.stride;
        (start + self.kernel).min(self.extent + 2 * self.padding).saturating_sub(start)
    }
}

/// Some rows of the result of one plane after another.
struct MaxPool<'a> {
    x: &'a [f32],
    rows: Axis,
    columns: Axis,
    /// Height and width of the result.
    output: [usize; 2],
    /// The first row of the result, counted through all planes.
    first: usize,
    y: &'a mut [f32],
}

impl Kernel for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [height, width] = self.output;
        let Axis { kernel, stride, padding, dilation, extent: input } = self.columns;
        let plane = self.rows.extent * input;
        // Windows one element apart, of which each `stride`-th is wanted: vectors know nothing of strides.
        let starts = (width.saturating_sub(1) * stride + 1).next_multiple_of(WIDEST);
        let (filled, reach) = (input.next_multiple_of(WIDEST), (kernel.max(1) - 1) * dilation);
        let mut joined = vec![f32::NEG_INFINITY; (padding + filled).max(starts + reach)];
        let mut across = vec![0.0; starts];
        for (i, y) in self.y.chunks_exact_mut(width).enumerate() {
            let row = self.first + i;
            let x = &self.x[row / height * plane..][..plane];
            joined[padding..][..filled].fill(f32::NEG_INFINITY);
            for from in self.rows.inside(row % height) {
                maxima(s, &mut joined[padding..][..filled], &x[from * input..][..input]);
            }
            for (i, across) in across.chunks_exact_mut(S::LANES).enumerate() {
                let mut largest = s.splat(f32::NEG_INFINITY);
                for k in 0..kernel {
                    largest = s.maximum(largest, s.load(&joined[i * S::LANES + k * dilation..]));
                }
                s.store(across, largest);
            }
            for (y, largest) in y.iter_mut().zip(across.iter().step_by(stride)) {
                *y = *largest;
            }
        }
    }
}

/// `joined = max(joined, row)`.
#[inline(always)]
fn maxima<S: Simd>(s: S, joined: &mut [f32], row: &[f32]) {
    let mut vectors = row.chunks_exact(S::LANES);
    let mut joined = joined.chunks_exact_mut(S::LANES);
    for (row, joined) in vectors.by_ref().zip(joined.by_ref()) {
        let result = s.maximum(s.load(joined), s.load(row));
        s.store(joined, result);
    }
    if let (rest @ [_, ..], Some(joined)) = (vectors.remainder(), joined.next()) {
        let mut last = [f32::NEG_INFINITY; WIDEST];
        last[..rest.len()].copy_from_slice(rest);
        let result = s.maximum(s.load(joined), s.load(&last));
        s.store(joined, result);
    }
}

impl Fast {
    pub(super) fn max_pool(&self, window: &Window2d, x: &Tensor, result: &TensorType) -> Computed {
        let Some(values) = x.as_f32() else { return Ok(None) };
        let (input, shape) = (extents(x.shape()), extents(&result.shape));
        let [rows, columns] = [0, 1].map(|axis| Axis::new(window, axis, input[2 + axis]));
        let output = [shape[2], shape[3]];
        let mut pooled = vec![0.0; shape.iter().product()];
        let cost =
            (pooled.len() as u64).saturating_mul(window.kernel[0].saturating_mul(window.kernel[1]));
        let threads = self.threads.worthwhile(cost);
        let rows_per_task = (CHUNK / output[1].max(1)).max(1);
        self.threads.chunks(threads, &mut pooled, rows_per_task * output[1], |start, y| {
            let first = start / output[1];
            self.vectors.run(MaxPool { x: values, rows, columns, output, first, y });
        })?;
        Ok(Some(Data::F32(pooled)))
    }
}
