//! Windows as columns, and continued ends: rows are copied, and shared between threads.

use super::image::copy_run;
use super::{Computed, Fast};
use crate::reference::windows::extended;
use crate::shape::{extents, strides};
use crate::tensor::map_data;
use crate::{Extension, OperatorError, Tensor, TensorType};

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 24 } else { 16_384 };

/// Windows over images.
struct Columns {
    channels: usize,
    image: [usize; 2],
    kernel: [usize; 2],
    output: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
}

impl Columns {
    /// Row `index` of the result, counted through all images.
    fn row<T: Copy + Default>(&self, x: &[T], index: usize, to: &mut [T]) {
        let window = self.kernel[0] * self.kernel[1];
        let (image, k) = (index / (self.channels * window), index % (self.channels * window));
        let plane = image * self.channels + k / window;
        let at = [k / self.kernel[1] % self.kernel[0], k % self.kernel[1]];
        for (row, to) in to.chunks_exact_mut(self.output[1]).enumerate() {
            let y = row * self.stride[0] + at[0] * self.dilation[0];
            match y.checked_sub(self.padding[0]).filter(|&y| y < self.image[0]) {
                Some(y) => {
                    let line = (plane * self.image[0] + y) * self.image[1];
                    let line = &x[line..line + self.image[1]];
                    copy_run(line, at[1] * self.dilation[1], self.stride[1], self.padding[1], to);
                }
                None => to.fill(T::default()),
            }
        }
    }
}

impl Fast {
    /// Attributes are kernel, stride, padding and dilation.
    pub(super) fn unfold2d(
        &self,
        attributes: [&[u64; 2]; 4],
        x: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let shape = extents(x.shape());
        let [kernel, stride, padding, dilation] = attributes.map(|pair| pair.map(|v| v as usize));
        let image = [shape[2], shape[3]];
        let windows = |axis: usize| {
            let span = dilation[axis] * (kernel[axis] - 1) + 1;
            (image[axis] + 2 * padding[axis] - span) / stride[axis] + 1
        };
        let output = [windows(0), windows(1)];
        let columns =
            Columns { channels: shape[1], image, kernel, output, stride, padding, dilation };
        let count = extents(&result.shape).iter().product();
        Ok(Some(map_data!(x.data(), v => self.rows(count, output[0] * output[1], |index, to| {
            columns.row(v, index, to);
        })?)))
    }

    /// A result of `count` elements in rows of `length`.
    fn rows<T: Copy + Default + Send>(
        &self,
        count: usize,
        length: usize,
        row: impl Fn(usize, &mut [T]) + Sync,
    ) -> Result<Vec<T>, OperatorError> {
        let mut result = vec![T::default(); count];
        let threads = self.threads.worthwhile(count as u64);
        let rows = (CHUNK / length).max(1);
        self.threads.chunks(threads, &mut result, rows * length, |start, part| {
            for (i, to) in part.chunks_exact_mut(length).enumerate() {
                row(start / length + i, to);
            }
        })?;
        Ok(result)
    }

    pub(super) fn extend(
        &self,
        padding: &[(u64, u64)],
        mode: Extension,
        x: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let (shape, of_x) = (extents(x.shape()), strides(&extents(x.shape())));
        let output = extents(&result.shape);
        let Some((&length, outer)) = output.split_last() else {
            return Ok(Some(x.data().clone()));
        };
        let last = outer.len();
        let before: Vec<usize> = padding.iter().map(|&(before, _)| before as usize).collect();
        let start = |mut index: usize| {
            let mut at = 0;
            for axis in (0..last).rev() {
                let within = index % output[axis];
                at += extended(within, before[axis], shape[axis], mode) * of_x[axis];
                index /= output[axis];
            }
            at
        };
        let count = output.iter().product();
        Ok(Some(map_data!(x.data(), v => self.rows(count, length, |index, to| {
            let from = &v[start(index)..][..shape[last]];
            let inside = before[last]..before[last] + from.len();
            to[inside.clone()].copy_from_slice(from);
            for i in (0..inside.start).chain(inside.end..length) {
                to[i] = from[extended(i, before[last], from.len(), mode)];
            }
        })?)))
    }
}
