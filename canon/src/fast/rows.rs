//! Operators on rows: reductions and softmax along the last axes, 16 strided partial results at a time.
//!
//! Whatever is not at the end is permuted there first: the rows, and hence the bits, are the same.

use super::elementary::exp;
use super::simd::{Kernel, Simd, WIDEST};
use super::{Computed, Fast, movement};
use crate::reference::elementary::log;
use crate::reference::number::Number;
use crate::shape::extents;
use crate::tensor::Data;
use crate::{OperatorError, Reduction, Tensor, TensorType};

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 48 } else { 16_384 };

/// Sixteen lanes as vectors: the first `16 / LANES` of them.
type Lanes<S> = [<S as Simd>::F; WIDEST];

/// Joins a row into 16 lanes from `start`; `start` also stands in for what the last 16 lack, which changes no bit.
#[inline(always)]
fn join<S: Simd>(
    s: S,
    row: &[f32],
    start: f32,
    function: impl Fn(S::F, S::F) -> S::F,
) -> [f32; WIDEST] {
    let mut lanes: Lanes<S> = [s.splat(start); WIDEST];
    let mut whole = row.chunks_exact(WIDEST);
    for part in whole.by_ref() {
        for v in 0..WIDEST / S::LANES {
            lanes[v] = function(lanes[v], s.load(&part[v * S::LANES..]));
        }
    }
    let rest = whole.remainder();
    if !rest.is_empty() {
        let mut last = [start; WIDEST];
        last[..rest.len()].copy_from_slice(rest);
        for v in 0..WIDEST / S::LANES {
            lanes[v] = function(lanes[v], s.load(&last[v * S::LANES..]));
        }
    }
    unpack(s, &lanes)
}

#[inline(always)]
fn unpack<S: Simd>(s: S, lanes: &Lanes<S>) -> [f32; WIDEST] {
    let mut result = [0.0; WIDEST];
    for v in 0..WIDEST / S::LANES {
        s.store(&mut result[v * S::LANES..], lanes[v]);
    }
    result
}

/// The fixed tree over the lanes.
#[inline(always)]
fn tree(mut lanes: [f32; WIDEST], function: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = function(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}

#[inline(always)]
fn sum<S: Simd>(s: S, row: &[f32]) -> f32 {
    tree(join(s, row, 0.0, |a, b| s.add(a, b)), |a, b| a + b)
}

#[inline(always)]
fn largest<S: Simd>(s: S, row: &[f32]) -> f32 {
    tree(join(s, row, f32::NEG_INFINITY, |a, b| s.maximum(a, b)), Number::larger)
}

/// One result per row of `length`.
pub(super) struct Reduce<'a> {
    pub function: Reduction,
    pub x: &'a [f32],
    pub length: usize,
    pub y: &'a mut [f32],
}

impl Kernel for Reduce<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let length = self.length;
        for (i, y) in self.y.iter_mut().enumerate() {
            let row = &self.x[i * length..(i + 1) * length];
            let result = match self.function {
                Reduction::Sum => sum(s, row),
                Reduction::Product => tree(join(s, row, 1.0, |a, b| s.mul(a, b)), |a, b| a * b),
                Reduction::Mean => sum(s, row) / length as f32,
                Reduction::Max => largest(s, row),
                Reduction::Min => {
                    tree(join(s, row, f32::INFINITY, |a, b| s.minimum(a, b)), Number::smaller)
                }
            };
            *y = result.settle();
        }
    }
}

/// Softmax or log-softmax of every row of `length`.
struct Softmax<'a> {
    log: bool,
    x: &'a [f32],
    length: usize,
    y: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, y) in self.x.chunks_exact(self.length).zip(self.y.chunks_exact_mut(self.length)) {
            let max = largest(s, x);
            let total = exponentials(s, x, max, y, self.log);
            let divisor = if self.log { log(total) } else { total };
            each(s, y, |v| {
                let divisor = s.splat(divisor);
                s.settle(if self.log { s.sub(v, divisor) } else { s.div(v, divisor) })
            });
        }
    }
}

/// Writes `exp(x - max)`, or `x - max` where `differences` are wanted, and returns the sum of the exponentials.
///
/// The lanes beyond the end of the row are `exp(-inf - max)`: 0, which changes no sum, or NaN where all is NaN anyway.
#[inline(always)]
fn exponentials<S: Simd>(s: S, x: &[f32], max: f32, y: &mut [f32], differences: bool) -> f32 {
    let mut lanes: Lanes<S> = [s.splat(0.0); WIDEST];
    let max = s.splat(max);
    for (x, y) in x.chunks(WIDEST).zip(y.chunks_mut(WIDEST)) {
        let mut part = [f32::NEG_INFINITY; WIDEST];
        part[..x.len()].copy_from_slice(x);
        for v in 0..WIDEST / S::LANES {
            let difference = s.sub(s.load(&part[v * S::LANES..]), max);
            let e = exp(s, difference);
            lanes[v] = s.add(lanes[v], e);
            s.store(&mut part[v * S::LANES..], if differences { difference } else { e });
        }
        y.copy_from_slice(&part[..y.len()]);
    }
    tree(unpack(s, &lanes), |a, b| a + b)
}

/// Replaces every element.
#[inline(always)]
fn each<S: Simd>(s: S, y: &mut [f32], function: impl Fn(S::F) -> S::F) {
    let mut vectors = y.chunks_exact_mut(S::LANES);
    for y in vectors.by_ref() {
        let result = function(s.load(y));
        s.store(y, result);
    }
    let rest = vectors.into_remainder();
    if !rest.is_empty() {
        let mut last = [0.0; WIDEST];
        last[..rest.len()].copy_from_slice(rest);
        let result = function(s.load(&last));
        s.store(&mut last, result);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// The axes of `x` with `walked` at the end, in order; nothing if they are there.
pub(super) fn to_the_end(rank: usize, walked: &[u8]) -> Option<Vec<u8>> {
    let all = 0..rank as u8;
    let kept = all.clone().filter(|axis| !walked.contains(axis));
    let order: Vec<u8> = kept.chain(walked.iter().copied()).collect();
    (!order.iter().copied().eq(all)).then_some(order)
}

/// `x` with its axes in another order.
pub(super) fn permuted(x: &Tensor, order: &[u8]) -> Tensor {
    let shape: Vec<u64> = order.iter().map(|&axis| x.shape()[usize::from(axis)]).collect();
    let permuted = TensorType::new(x.dtype(), shape);
    let data = movement::permute(x, order, &permuted);
    Tensor::computed(permuted, data)
}

impl Fast {
    pub(super) fn reduce(
        &self,
        function: Reduction,
        axes: &[u8],
        x: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let moved = to_the_end(x.shape().len(), axes).map(|order| permuted(x, &order));
        let Some(values) = moved.as_ref().unwrap_or(x).as_f32() else { return Ok(None) };
        let shape = extents(x.shape());
        let length: usize = axes.iter().map(|&axis| shape[usize::from(axis)]).product();
        let mut output = vec![0.0; extents(&result.shape).iter().product()];
        let threads = self.threads.worthwhile(values.len() as u64);
        let rows = (CHUNK / length.max(1)).max(1);
        self.threads.chunks(threads, &mut output, rows, |start, y| {
            let x = &values[start * length..(start + y.len()) * length];
            self.vectors.run(Reduce { function, x, length, y });
        })?;
        Ok(Some(Data::F32(output)))
    }

    pub(super) fn softmax(&self, log: bool, axis: u8, x: &Tensor) -> Computed {
        let Some(order) = to_the_end(x.shape().len(), &[axis]) else {
            return self.softmax_rows(log, x).map(Some);
        };
        let moved = permuted(x, &order);
        let rows = Tensor::computed(moved.tensor_type().clone(), self.softmax_rows(log, &moved)?);
        // The inverse order.
        let mut back = vec![0; order.len()];
        for (position, &axis) in order.iter().enumerate() {
            back[usize::from(axis)] = position as u8;
        }
        Ok(Some(movement::permute(&rows, &back, x.tensor_type())))
    }

    fn softmax_rows(&self, log: bool, x: &Tensor) -> Result<Data, OperatorError> {
        let values = x.as_f32().unwrap_or(&[]);
        let length = extents(x.shape()).last().copied().unwrap_or(1).max(1);
        let mut output = vec![0.0; values.len()];
        let threads = self.threads.worthwhile(values.len() as u64 * 8);
        let rows = (CHUNK / length).max(1);
        self.threads.chunks(threads, &mut output, rows * length, |start, y| {
            let x = &values[start..start + y.len()];
            self.vectors.run(Softmax { log, x, length, y });
        })?;
        Ok(Data::F32(output))
    }
}
