//! Pooling over windows of `[batch, channel, height, width]`, each window sequential and row-major.

use super::number::Float;
use super::{Call, each_index};
use crate::shape::{adaptive_window, extents};
use crate::tensor::Data;
use crate::{OperatorError, PaddingCounts, Window2d};

type Computed = Result<Data, OperatorError>;

/// Where one window lies on one axis.
struct Positions {
    kernel: u64,
    stride: u64,
    padding: u64,
    dilation: u64,
    extent: u64,
}

impl Positions {
    fn new(window: &Window2d, axis: usize, extent: usize) -> Positions {
        Positions {
            kernel: window.kernel[axis],
            stride: window.stride[axis],
            padding: window.padding[axis],
            dilation: window.dilation[axis],
            extent: extent as u64,
        }
    }

    /// The inputs under window `index`, ascending, without padding.
    fn inside(&self, index: usize) -> impl Iterator<Item = usize> {
        let start = index as u64 * self.stride;
        let padded = (0..self.kernel).map(move |k| start + k * self.dilation);
        let within = padded.filter_map(|position| position.checked_sub(self.padding));
        within.filter(|&position| position < self.extent).map(|position| position as usize)
    }

    /// The elements under window `index` that lie in the padded input; dilation is 1.
    fn padded_count(&self, index: usize) -> u64 {
        let start = index as u64 * self.stride;
        let end = (start + self.kernel).min(self.extent + 2 * self.padding);
        end.saturating_sub(start)
    }
}

impl Call<'_> {
    fn planes<T>(
        &self,
        f32s: impl Fn(&[f32], [usize; 2]) -> T,
        f64s: impl Fn(&[f64], [usize; 2]) -> T,
    ) -> Result<T, OperatorError> {
        let x = self.operand(0)?;
        let shape = extents(x.shape());
        match x.data() {
            Data::F32(values) => Ok(f32s(values, [shape[2], shape[3]])),
            Data::F64(values) => Ok(f64s(values, [shape[2], shape[3]])),
            _ => Err(self.unsupported(x)),
        }
    }

    /// The maximum of what is inside; padding takes no part; an empty window is -inf.
    pub(super) fn max_pool(&self, window: &Window2d) -> Computed {
        let output = self.output_extents();
        self.planes(
            |x, image| Data::F32(max_pool(x, image, &output, window)),
            |x, image| Data::F64(max_pool(x, image, &output, window)),
        )
    }

    /// The sum of what is inside, divided once by the number of elements that count; 0 / 0 for an empty window.
    pub(super) fn average_pool(&self, window: &Window2d, counts: PaddingCounts) -> Computed {
        let output = self.output_extents();
        self.planes(
            |x, image| Data::F32(average_pool(x, image, &output, window, counts)),
            |x, image| Data::F64(average_pool(x, image, &output, window, counts)),
        )
    }

    /// Window `i` of `o` over `n` inputs reaches from `floor(i * n / o)` to `ceil((i + 1) * n / o)`, exclusive.
    pub(super) fn adaptive_average_pool(&self) -> Computed {
        let output = self.output_extents();
        self.planes(
            |x, image| Data::F32(adaptive_average_pool(x, image, &output)),
            |x, image| Data::F64(adaptive_average_pool(x, image, &output)),
        )
    }

    /// Where [`Call::max_pool`] finds its results in the flattened plane: the first NaN, else the first largest element.
    pub(super) fn arg_max_pool(&self, window: &Window2d) -> Computed {
        let output = self.output_extents();
        self.planes(
            |x, image| Data::I64(arg_max_pool(x, image, &output, window)),
            |x, image| Data::I64(arg_max_pool(x, image, &output, window)),
        )
    }

    pub(super) fn adaptive_average_pool3d(&self) -> Computed {
        let (x, output) = (self.operand(0)?, self.output_extents());
        let shape = extents(x.shape());
        let volume = [shape[2], shape[3], shape[4]];
        match x.data() {
            Data::F32(v) => Ok(Data::F32(adaptive_average_pool3d(v, volume, &output))),
            Data::F64(v) => Ok(Data::F64(adaptive_average_pool3d(v, volume, &output))),
            _ => Err(self.unsupported(x)),
        }
    }
}

/// The elements of the plane that `index` is in, at every (row, column), row-major.
fn window<'a, F: Float>(
    x: &'a [F],
    [height, width]: [usize; 2],
    plane: usize,
    rows: impl Iterator<Item = usize> + 'a,
    columns: impl Iterator<Item = usize> + Clone + 'a,
) -> impl Iterator<Item = F> + 'a {
    rows.flat_map(move |row| columns.clone().map(move |column| (row, column)))
        .map(move |(row, column)| x[(plane * height + row) * width + column])
}

fn max_pool<F: Float>(x: &[F], image: [usize; 2], output: &[usize], shape: &Window2d) -> Vec<F> {
    let [rows, columns] = [0, 1].map(|axis| Positions::new(shape, axis, image[axis]));
    let mut result = Vec::with_capacity(output.iter().product());
    each_index(output, |index| {
        let plane = index[0] * output[1] + index[1];
        let columns: Vec<usize> = columns.inside(index[3]).collect();
        let elements = window(x, image, plane, rows.inside(index[2]), columns.into_iter());
        result.push(elements.fold(F::NEGATIVE_INFINITY, F::larger).settle());
    });
    result
}

fn average_pool<F: Float>(
    x: &[F],
    image: [usize; 2],
    output: &[usize],
    shape: &Window2d,
    counts: PaddingCounts,
) -> Vec<F> {
    let [rows, columns] = [0, 1].map(|axis| Positions::new(shape, axis, image[axis]));
    let mut result = Vec::with_capacity(output.iter().product());
    each_index(output, |index| {
        let plane = index[0] * output[1] + index[1];
        let inside: Vec<usize> = columns.inside(index[3]).collect();
        let count = match counts {
            PaddingCounts::No => rows.inside(index[2]).count() * inside.len(),
            PaddingCounts::Yes => {
                (rows.padded_count(index[2]) * columns.padded_count(index[3])) as usize
            }
        };
        let elements = window(x, image, plane, rows.inside(index[2]), inside.into_iter());
        result.push(elements.fold(F::ZERO, F::add).div(F::from_count(count)).settle());
    });
    result
}

fn adaptive_average_pool<F: Float>(x: &[F], image: [usize; 2], output: &[usize]) -> Vec<F> {
    let mut result = Vec::with_capacity(output.iter().product());
    each_index(output, |index| {
        let plane = index[0] * output[1] + index[1];
        let (top, bottom) = adaptive_window(index[2], image[0], output[2]);
        let (left, right) = adaptive_window(index[3], image[1], output[3]);
        let elements = window(x, image, plane, top..bottom, left..right);
        let count = F::from_count((bottom - top) * (right - left));
        result.push(elements.fold(F::ZERO, F::add).div(count).settle());
    });
    result
}

fn arg_max_pool<F: Float>(
    x: &[F],
    image: [usize; 2],
    output: &[usize],
    shape: &Window2d,
) -> Vec<i64> {
    let [rows, columns] = [0, 1].map(|axis| Positions::new(shape, axis, image[axis]));
    let mut result = Vec::with_capacity(output.iter().product());
    each_index(output, |index| {
        let plane = &x[(index[0] * output[1] + index[1]) * image[0] * image[1]..];
        let columns: Vec<usize> = columns.inside(index[3]).collect();
        let mut best: Option<usize> = None;
        for row in rows.inside(index[2]) {
            for column in &columns {
                let at = row * image[1] + column;
                let better = |best: usize| {
                    !plane[best].is_nan() && (plane[at].is_nan() || plane[best].below(plane[at]))
                };
                if best.is_none_or(better) {
                    best = Some(at);
                }
            }
        }
        result.push(best.map_or(-1, |best| best as i64));
    });
    result
}

fn adaptive_average_pool3d<F: Float>(x: &[F], volume: [usize; 3], output: &[usize]) -> Vec<F> {
    let mut result = Vec::with_capacity(output.iter().product());
    each_index(output, |index| {
        let plane = &x[(index[0] * output[1] + index[1]) * volume.iter().product::<usize>()..];
        let [depth, height, width] = [0, 1, 2].map(|axis| {
            let (start, end) = adaptive_window(index[2 + axis], volume[axis], output[2 + axis]);
            start..end
        });
        let count = F::from_count(depth.len() * height.len() * width.len());
        let mut sum = F::ZERO;
        for z in depth {
            for y in height.clone() {
                for x in width.clone() {
                    sum = sum.add(plane[(z * volume[1] + y) * volume[2] + x]);
                }
            }
        }
        result.push(sum.div(count).settle());
    });
    result
}
