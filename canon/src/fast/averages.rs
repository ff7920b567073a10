//! Average pooling and places of maxima: windows one after another as the reference has them, shared between threads.

use super::pooling::Axis;
use super::{Computed, Fast};
use crate::reference::number::Float;
use crate::shape::{adaptive_window, extents};
use crate::tensor::Data;
use crate::{OperatorError, PaddingCounts, Tensor, TensorType, Window2d};

/// Windows per task.
const CHUNK: usize = if cfg!(test) { 12 } else { 1_024 };

/// `$body` with `$v` bound to floats, wrapped as `$wrap` says.
macro_rules! floats {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            Data::F32($v) => Data::F32($body),
            Data::F64($v) => Data::F64($body),
            _ => return Ok(None),
        }
    };
}

impl Fast {
    /// Every window of every plane; `window` gets the plane, the place in the result, and gives the result.
    fn windows<T: Copy + Sync, R: Copy + Default + Send>(
        &self,
        x: &[T],
        plane: usize,
        output: &[usize],
        cost: u64,
        window: impl Fn(&[T], [usize; 3]) -> R + Sync,
    ) -> Result<Vec<R>, OperatorError> {
        let of_plane: usize = output[2..].iter().product();
        let (height, width) = (output[output.len() - 2], output[output.len() - 1]);
        let mut result = vec![R::default(); output.iter().product()];
        let threads = self.threads.worthwhile((result.len() as u64).saturating_mul(cost));
        self.threads.chunks(threads, &mut result, CHUNK, |start, part| {
            for (i, to) in part.iter_mut().enumerate() {
                let (index, at) = ((start + i) / of_plane, (start + i) % of_plane);
                let place = [at / width / height, at / width % height, at % width];
                *to = window(&x[index * plane..(index + 1) * plane], place);
            }
        })?;
        Ok(result)
    }

    pub(super) fn average_pool(
        &self,
        window: &Window2d,
        counts: PaddingCounts,
        x: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let (input, output) = (extents(x.shape()), extents(&result.shape));
        let axes = [0, 1].map(|axis| Axis::new(window, axis, input[2 + axis]));
        let plane = input[2] * input[3];
        let cost = window.kernel[0].saturating_mul(window.kernel[1]);
        Ok(Some(
            floats!(x.data(), v => self.windows(v, plane, &output, cost, |x, [_, row, column]| {
            average(x, axes, [row, column], counts)
        })?),
        ))
    }

    pub(super) fn arg_max_pool(
        &self,
        window: &Window2d,
        x: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let (input, output) = (extents(x.shape()), extents(&result.shape));
        let axes = [0, 1].map(|axis| Axis::new(window, axis, input[2 + axis]));
        let plane = input[2] * input[3];
        let cost = window.kernel[0].saturating_mul(window.kernel[1]);
        macro_rules! places {
            ($v:ident) => {
                self.windows($v, plane, &output, cost, |x, [_, row, column]| {
                    place_of_largest(x, axes, [row, column])
                })?
            };
        }
        Ok(Some(Data::I64(match x.data() {
            Data::F32(v) => places!(v),
            Data::F64(v) => places!(v),
            _ => return Ok(None),
        })))
    }

    /// Over two or three spatial axes.
    pub(super) fn adaptive_average_pool(&self, x: &Tensor, result: &TensorType) -> Computed {
        let (input, output) = (extents(x.shape()), extents(&result.shape));
        let three = |from: &[usize]| match from {
            &[height, width] => [1, height, width],
            from => [from[0], from[1], from[2]],
        };
        let (from, to) = (three(&input[2..]), three(&output[2..]));
        let plane = from.iter().product();
        let cost = (plane as u64 / to.iter().product::<usize>() as u64).max(1);
        Ok(Some(floats!(x.data(), v => self.windows(v, plane, &output, cost, |x, at| {
            adaptive(x, [0, 1, 2].map(|axis| adaptive_window(at[axis], from[axis], to[axis])), from)
        })?)))
    }
}

#[inline(always)]
fn average<F: Float>(x: &[F], axes: [Axis; 2], at: [usize; 2], counts: PaddingCounts) -> F {
    let [rows, columns] = axes;
    let mut sum = F::ZERO;
    let (mut height, mut width) = (0, 0);
    for row in rows.inside(at[0]) {
        (height, width) = (height + 1, 0);
        for column in columns.inside(at[1]) {
            width += 1;
            sum = sum.add(x[row * columns.extent + column]);
        }
    }
    let count = match counts {
        PaddingCounts::No => height * width,
        PaddingCounts::Yes => rows.padded_count(at[0]) * columns.padded_count(at[1]),
    };
    sum.div(F::from_count(count)).settle()
}

#[inline(always)]
fn place_of_largest<F: Float>(x: &[F], [rows, columns]: [Axis; 2], at: [usize; 2]) -> i64 {
    let mut best: Option<usize> = None;
    for row in rows.inside(at[0]) {
        for column in columns.inside(at[1]) {
            let place = row * columns.extent + column;
            let better =
                |best: usize| !x[best].is_nan() && (x[place].is_nan() || x[best].below(x[place]));
            if best.is_none_or(better) {
                best = Some(place);
            }
        }
    }
    best.map_or(-1, |best| best as i64)
}

#[inline(always)]
fn adaptive<F: Float>(x: &[F], windows: [(usize, usize); 3], extents: [usize; 3]) -> F {
    let [(front, back), (top, bottom), (left, right)] = windows;
    let mut sum = F::ZERO;
    for z in front..back {
        for y in top..bottom {
            let row = &x[(z * extents[1] + y) * extents[2]..];
            sum = row[left..right].iter().fold(sum, |sum, &x| sum.add(x));
        }
    }
    let count = (back - front) * (bottom - top) * (right - left);
    sum.div(F::from_count(count)).settle()
}
