//! Data movement: copies of runs instead of elements.

use super::strided::{Walk, signed};
use super::threads::Output;
use super::{Computed, Fast};
use crate::reference::filled;
use crate::shape::{broadcast_strides, extents, strides};
use crate::tensor::{Data, map_data};
use crate::{DType, OperatorError, Scalar, SliceRange, Tensor, TensorType};

/// The elements of a strided view that starts at `start` of `x`, row-major.
fn gather<T: Copy>(x: &[T], start: usize, shape: &[usize], strides: &[isize]) -> Vec<T> {
    let count = shape.iter().product();
    let mut result = Vec::with_capacity(count);
    if count == 0 {
        return result;
    }
    let walk = Walk::new(shape, [strides]);
    walk.each(0..walk.runs(), |_, [at]| {
        let at = start.wrapping_add_signed(at);
        match walk.strides[0] {
            1 => result.extend_from_slice(&x[at..at + walk.inner]),
            0 => result.extend(std::iter::repeat_n(x[at], walk.inner)),
            stride => result
                .extend((0..walk.inner).map(|i| x[at.wrapping_add_signed(i as isize * stride)])),
        }
    });
    result
}

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 24 } else { 32_768 };

/// A walk cut into tasks: several whole runs each, or a part of one run.
struct Parts {
    tasks: usize,
    runs: usize,
    /// Parts of one run.
    pieces: usize,
}

impl Parts {
    fn new(walk: &Walk<1>) -> Parts {
        let pieces = walk.inner.div_ceil(CHUNK).max(1);
        let runs = (CHUNK / walk.inner.max(1)).max(1);
        Parts { tasks: walk.runs().div_ceil(runs) * pieces, runs, pieces }
    }
}

impl Fast {
    /// [`gather`], shared between threads.
    fn viewed<T: Copy + Default + Send + Sync>(
        &self,
        x: &[T],
        start: usize,
        shape: &[usize],
        strides: &[isize],
    ) -> Result<Vec<T>, OperatorError> {
        let count = shape.iter().product();
        let threads = self.threads.worthwhile(count as u64);
        if threads == 1 || count == 0 {
            return Ok(gather(x, start, shape, strides));
        }
        let mut result = vec![T::default(); count];
        let walk = Walk::new(shape, [strides]);
        let parts = Parts::new(&walk);
        let output = Output::new(&mut result);
        self.threads.run(threads, parts.tasks, |task| {
            let first = task / parts.pieces * parts.runs;
            let length = walk.inner.div_ceil(parts.pieces);
            let begin = walk.inner.min(task % parts.pieces * length);
            let end = walk.inner.min(begin + length);
            walk.each(first..walk.runs().min(first + parts.runs), |run, [at]| {
                let to = (first + run) * walk.inner;
                // SAFETY: parts of different runs, and different parts of a run, do not overlap; each task runs once, and
                // `result` is borrowed until all of them have ended.
                let to = unsafe { output.part(to + begin, to + end) };
                let stride = walk.strides[0];
                let at = start.wrapping_add_signed(at + begin as isize * stride);
                match stride {
                    1 => to.copy_from_slice(&x[at..at + to.len()]),
                    0 if !to.is_empty() => to.fill(x[at]),
                    stride => {
                        for (i, to) in to.iter_mut().enumerate() {
                            *to = x[at.wrapping_add_signed(i as isize * stride)];
                        }
                    }
                }
            });
        })?;
        Ok(result)
    }

    pub(super) fn permute(&self, x: &Tensor, axes: &[u8], result: &TensorType) -> Computed {
        let of_x = signed(&strides(&extents(x.shape())));
        let permuted: Vec<isize> = axes.iter().map(|&axis| of_x[usize::from(axis)]).collect();
        let shape = extents(&result.shape);
        Ok(Some(map_data!(x.data(), v => self.viewed(v, 0, &shape, &permuted)?)))
    }

    pub(super) fn slice(&self, x: &Tensor, ranges: &[SliceRange], result: &TensorType) -> Computed {
        let shape = extents(&result.shape);
        let (start, stepped) = sliced(x, ranges, &shape);
        Ok(Some(map_data!(x.data(), v => self.viewed(v, start, &shape, &stepped)?)))
    }

    pub(super) fn expand(&self, x: &Tensor, result: &TensorType) -> Computed {
        let shape = extents(&result.shape);
        let repeated = signed(&broadcast_strides(&extents(x.shape()), &shape));
        Ok(Some(map_data!(x.data(), v => self.viewed(v, 0, &shape, &repeated)?)))
    }

    /// Windows along an axis are a view in which the axis appears twice.
    pub(super) fn unfold(
        &self,
        x: &Tensor,
        axis: usize,
        step: u64,
        result: &TensorType,
    ) -> Computed {
        let mut of_x = signed(&strides(&extents(x.shape())));
        let shape = extents(&result.shape);
        of_x.push(of_x[axis]);
        // One window may be any step from the next.
        of_x[axis] *= if shape[axis] > 1 { step as isize } else { 1 };
        Ok(Some(map_data!(x.data(), v => self.viewed(v, 0, &shape, &of_x)?)))
    }

    /// For every index before `axis`, the operands' blocks one after another.
    pub(super) fn concat(
        &self,
        operands: &[&Tensor],
        axis: usize,
        result: &TensorType,
    ) -> Computed {
        let count: usize = extents(&result.shape).iter().product();
        if self.threads.worthwhile(count as u64) == 1 {
            return Ok(Some(concat(operands, axis, result)));
        }
        macro_rules! join {
            ($($variant:ident)*) => {
                match result.dtype {
                    $(DType::$variant => {
                        let values = operands.iter().map(|x| match x.data() {
                            Data::$variant(values) => values.as_slice(),
                            _ => &[],
                        });
                        let values: Vec<_> = values.collect();
                        Data::$variant(self.joined(&values, operands, axis, count)?)
                    })*
                }
            };
        }
        Ok(Some(join!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool)))
    }

    /// Tasks are parts of one block of one operand.
    fn joined<T: Copy + Default + Send + Sync>(
        &self,
        values: &[&[T]],
        operands: &[&Tensor],
        axis: usize,
        count: usize,
    ) -> Result<Vec<T>, OperatorError> {
        let mut result = vec![T::default(); count];
        let outer: usize =
            operands.first().map_or(0, |x| extents(x.shape())[..axis].iter().product());
        let mut placed = 0;
        let mut tasks = Vec::new();
        for (values, x) in values.iter().zip(operands) {
            let block: usize = extents(x.shape())[axis..].iter().product();
            let parts = block.div_ceil(CHUNK);
            tasks.extend((0..parts).map(|part| {
                let range = part * CHUNK..block.min((part + 1) * CHUNK);
                (*values, block, placed, range)
            }));
            placed += block;
        }
        let threads = self.threads.worthwhile(count as u64);
        let output = Output::new(&mut result);
        let groups = (CHUNK / placed.max(1)).max(1);
        self.threads.run(threads, outer.div_ceil(groups) * tasks.len(), |task| {
            let (values, block, start, range) = &tasks[task % tasks.len()];
            let first = task / tasks.len() * groups;
            for index in first..outer.min(first + groups) {
                let (from, to) = (index * block, index * placed + start);
                // SAFETY: blocks of different operands and indices, and parts of a block, do not overlap; each task runs
                // once, and `result` is borrowed until all of them have ended.
                let to = unsafe { output.part(to + range.start, to + range.end) };
                to.copy_from_slice(&values[from + range.start..from + range.end]);
            }
        })?;
        Ok(result)
    }
}

/// Where a slice starts, and its strides.
fn sliced(x: &Tensor, ranges: &[SliceRange], shape: &[usize]) -> (usize, Vec<isize>) {
    let of_x = signed(&strides(&extents(x.shape())));
    let mut start = 0;
    let mut stepped = Vec::with_capacity(shape.len());
    for (axis, range) in ranges.iter().enumerate() {
        // A range of one element may have any step.
        let step = if shape[axis] > 1 { range.step as isize } else { 1 };
        let first = if range.step > 0 { range.start } else { range.end.saturating_sub(1) };
        start += first as usize * of_x[axis] as usize;
        stepped.push(step * of_x[axis]);
    }
    (start, stepped)
}

pub(super) fn permute(x: &Tensor, axes: &[u8], result: &TensorType) -> Data {
    let of_x = signed(&strides(&extents(x.shape())));
    let permuted: Vec<isize> = axes.iter().map(|&axis| of_x[usize::from(axis)]).collect();
    let shape = extents(&result.shape);
    map_data!(x.data(), v => gather(v, 0, &shape, &permuted))
}

/// Writes rows of `x` along its last axis into a filled result.
pub(super) fn pad(x: &Tensor, padding: &[(u64, u64)], value: Scalar, result: &TensorType) -> Data {
    let (shape, of_x) = (extents(&result.shape), extents(x.shape()));
    let mut data = filled(value, shape.iter().product());
    let of_result = strides(&shape);
    let start = padding
        .iter()
        .zip(&of_result)
        .map(|(&(before, _), stride)| before as usize * stride)
        .sum::<usize>();
    if x.element_count() == 0 {
        return data;
    }
    let walk = Walk::new(&of_x, [&signed(&strides(&of_x)), &signed(&of_result)]);
    macro_rules! place {
        ($($variant:ident)*) => {
            match (x.data(), &mut data) {
                $((Data::$variant(from), Data::$variant(to)) => walk.each(0..walk.runs(), |_, [source, target]| {
                    let (source, target) = (source as usize, start + target as usize);
                    if walk.strides == [1, 1] {
                        to[target..target + walk.inner].copy_from_slice(&from[source..source + walk.inner]);
                    } else {
                        let [of_source, of_target] = walk.strides.map(|stride| stride as usize);
                        for i in 0..walk.inner {
                            to[target + i * of_target] = from[source + i * of_source];
                        }
                    }
                }),)*
                _ => {}
            }
        };
    }
    place!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool);
    data
}

/// For every index before `axis`, the operands' blocks one after another.
fn concat(operands: &[&Tensor], axis: usize, result: &TensorType) -> Data {
    let shape = extents(&result.shape);
    let outer: usize = shape[..axis].iter().product();
    let blocks: Vec<usize> =
        operands.iter().map(|x| extents(x.shape())[axis..].iter().product()).collect();
    let count = shape.iter().product();
    macro_rules! join {
        ($($variant:ident)*) => {
            match result.dtype {
                $(DType::$variant => {
                    let mut joined = Vec::with_capacity(count);
                    for index in 0..outer {
                        for (x, &block) in operands.iter().zip(&blocks) {
                            if let Data::$variant(values) = x.data() {
                                joined.extend_from_slice(&values[index * block..(index + 1) * block]);
                            }
                        }
                    }
                    Data::$variant(joined)
                })*
            }
        };
    }
    join!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool)
}
