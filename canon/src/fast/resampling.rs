//! Images between their pixels: columns of every row first, then rows, shared between threads.

use super::simd::{Kernel, Simd};
use super::{Computed, Fast};
use crate::reference::sampling::{Axis, Grid, Sample, Tap};
use crate::shape::extents;
use crate::tensor::Data;
use crate::{Corners, Interpolation, OperatorError, Outside, Tensor, TensorType};

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 24 } else { 8_192 };

/// Taps with their weights rounded.
type Taps<F> = Vec<Vec<(usize, F)>>;

fn rounded<F: Sample>(axis: &Axis, outputs: usize) -> Taps<F> {
    let tap = |tap: &Tap| (tap.index, F::rounded(tap.weight));
    (0..outputs).map(|index| axis.taps(index).iter().map(tap).collect()).collect()
}

/// Every row of `x` at the taps of its columns; copied where there is one tap and no weight.
struct AcrossColumns<'a, F> {
    x: &'a [F],
    width: usize,
    taps: &'a Taps<F>,
    copied: bool,
    y: &'a mut [F],
}

impl<F: Sample> Kernel for AcrossColumns<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let rows = self.x.chunks_exact(self.width);
        for (x, y) in rows.zip(self.y.chunks_exact_mut(self.taps.len())) {
            for (y, taps) in y.iter_mut().zip(self.taps) {
                *y = match taps.as_slice() {
                    &[(index, _)] if self.copied => x[index],
                    taps => taps.iter().fold(F::ZERO, |acc, &(at, weight)| x[at].fma(weight, acc)),
                };
            }
        }
    }
}

/// Rows of the result from rows of `x`, those of one plane, at the taps of the `first` row and those after it.
struct AcrossRows<'a, F> {
    x: &'a [F],
    width: usize,
    taps: &'a [Vec<(usize, F)>],
    copied: bool,
    y: &'a mut [F],
}

impl<F: Sample> Kernel for AcrossRows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (y, taps) in self.y.chunks_exact_mut(self.width).zip(self.taps) {
            for &(row, weight) in taps {
                let x = &self.x[row * self.width..][..self.width];
                if self.copied {
                    y.copy_from_slice(x);
                } else {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = x.fma(weight, *y));
                }
            }
            y.iter_mut().for_each(|y| *y = y.settle());
        }
    }
}

impl Fast {
    pub(super) fn interpolate(
        &self,
        mode: Interpolation,
        corners: Corners,
        x: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let (input, output) = (extents(x.shape()), extents(&result.shape));
        let axes = [2, 3].map(|axis| Axis::new(mode, corners, input[axis], output[axis]));
        let copied = matches!(mode, Interpolation::Nearest | Interpolation::NearestExact);
        match x.data() {
            Data::F32(v) => Ok(self.resampled(v, &input, &output, axes, copied)?.map(Data::F32)),
            Data::F64(v) => Ok(self.resampled(v, &input, &output, axes, copied)?.map(Data::F64)),
            _ => Ok(None),
        }
    }

    fn resampled<F: Sample + Send + Sync>(
        &self,
        x: &[F],
        input: &[usize],
        output: &[usize],
        [rows, columns]: [Axis; 2],
        copied: bool,
    ) -> Result<Option<Vec<F>>, OperatorError> {
        let (height, width, across) = (input[2], input[3], output[3]);
        let (between, total) = (x.len() / width * across, output.iter().product::<usize>());
        // A tall image that becomes a wide one.
        if between / 8 > x.len() + total {
            return Ok(None);
        }
        let (rows, columns) = (rounded(&rows, output[2]), rounded(&columns, across));
        let mut lines = vec![F::ZERO; between];
        let threads = self.threads.worthwhile(lines.len() as u64 * 4);
        let length = (CHUNK / across).max(1);
        self.threads.chunks(threads, &mut lines, length * across, |start, y| {
            let x = &x[start / across * width..];
            self.vectors.run(AcrossColumns { x, width, taps: &columns, copied, y });
        })?;
        let mut result = vec![F::ZERO; total];
        let length = (CHUNK / across).clamp(1, output[2]);
        let length =
            (1..=length).rev().find(|length| output[2].is_multiple_of(*length)).unwrap_or(1);
        self.threads.chunks(threads, &mut result, length * across, |start, y| {
            let (plane, first) = (start / across / output[2], start / across % output[2]);
            let x = &lines[plane * height * across..];
            let taps = &rows[first..first + length];
            self.vectors.run(AcrossRows { x, width: across, taps, copied, y });
        })?;
        Ok(Some(result))
    }

    pub(super) fn grid_sample(
        &self,
        (mode, outside, corners): (Interpolation, Outside, Corners),
        x: &Tensor,
        points: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let (input, output) = (extents(x.shape()), extents(&result.shape));
        let grid = Grid { mode, outside, corners, image: [input[2], input[3]] };
        match (x.data(), points.data()) {
            (Data::F32(x), Data::F32(points)) => {
                Ok(Some(Data::F32(self.sampled(x, points, &output, grid)?)))
            }
            (Data::F64(x), Data::F64(points)) => {
                Ok(Some(Data::F64(self.sampled(x, points, &output, grid)?)))
            }
            _ => Ok(None),
        }
    }

    fn sampled<F: Sample + Send + Sync>(
        &self,
        x: &[F],
        points: &[F],
        output: &[usize],
        grid: Grid,
    ) -> Result<Vec<F>, OperatorError> {
        let mut result = vec![F::ZERO; output.iter().product()];
        let (plane, pixels) = (output[2] * output[3], grid.image[0] * grid.image[1]);
        let threads = self.threads.worthwhile(result.len() as u64 * 20);
        self.threads.chunks(threads, &mut result, CHUNK, |start, y| {
            self.vectors.run(Sampled {
                x,
                points,
                grid,
                channels: output[1],
                plane,
                pixels,
                start,
                y,
            });
        })?;
        Ok(result)
    }
}

/// Some of the samples of an image at the points of its grid.
struct Sampled<'a, F> {
    x: &'a [F],
    points: &'a [F],
    grid: Grid,
    channels: usize,
    /// Samples of one channel, and its pixels.
    plane: usize,
    pixels: usize,
    start: usize,
    y: &'a mut [F],
}

impl<F: Sample> Kernel for Sampled<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (i, y) in self.y.iter_mut().enumerate() {
            let (plane, at) = ((self.start + i) / self.plane, (self.start + i) % self.plane);
            let point = 2 * (plane / self.channels * self.plane + at);
            let place =
                self.grid.place([self.points[point].widened(), self.points[point + 1].widened()]);
            *y = self.grid.sample(&self.x[plane * self.pixels..], place).settle();
        }
    }
}
