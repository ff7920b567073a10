//! Data movement: copies of runs instead of elements.

use super::strided::{Walk, signed};
use crate::reference::filled;
use crate::shape::{broadcast_strides, extents, strides};
use crate::tensor::{Data, map_data};
use crate::{DType, Scalar, SliceRange, Tensor, TensorType};

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

pub(super) fn permute(x: &Tensor, axes: &[u8], result: &TensorType) -> Data {
    let of_x = signed(&strides(&extents(x.shape())));
    let permuted: Vec<isize> = axes.iter().map(|&axis| of_x[usize::from(axis)]).collect();
    let shape = extents(&result.shape);
    map_data!(x.data(), v => gather(v, 0, &shape, &permuted))
}

pub(super) fn slice(x: &Tensor, ranges: &[SliceRange], result: &TensorType) -> Data {
    let of_x = signed(&strides(&extents(x.shape())));
    let shape = extents(&result.shape);
    let mut start = 0;
    let mut stepped = Vec::with_capacity(shape.len());
    for (axis, range) in ranges.iter().enumerate() {
        // A range of one element may have any step.
        let step = if shape[axis] > 1 { range.step as isize } else { 1 };
        let first = if range.step > 0 { range.start } else { range.end.saturating_sub(1) };
        start += first as usize * of_x[axis] as usize;
        stepped.push(step * of_x[axis]);
    }
    map_data!(x.data(), v => gather(v, start, &shape, &stepped))
}

pub(super) fn expand(x: &Tensor, result: &TensorType) -> Data {
    let shape = extents(&result.shape);
    let repeated = signed(&broadcast_strides(&extents(x.shape()), &shape));
    map_data!(x.data(), v => gather(v, 0, &shape, &repeated))
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
pub(super) fn concat(operands: &[&Tensor], axis: usize, result: &TensorType) -> Data {
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
