//! Sorting, and running results, along an axis.

use super::Call;
use super::number::Number;
use super::reduction::Rows;
use crate::shape::{extents, strides};
use crate::tensor::Data;
use crate::{OperatorError, Order, Reduction, Tensor};

type Computed = Result<Data, OperatorError>;

/// Where a float stands among those of its width, from its bits: less means smaller, -0 below +0; nothing for NaN.
/// `infinity` are the bits of infinity, `sign` the sign bit.
pub(crate) fn rank(bits: u64, infinity: u64, sign: u64) -> Option<i64> {
    let magnitude = bits & !sign;
    let above = magnitude as i64;
    (magnitude <= infinity).then_some(if bits & sign == 0 { above } else { -1 - above })
}

/// [`rank`] of an `f32`.
pub(crate) fn rank_f32(x: f32) -> Option<i64> {
    rank(x.to_bits().into(), 0x7f80_0000, 1 << 31)
}

/// [`rank`] of an `f64`.
pub(crate) fn rank_f64(x: f64) -> Option<i64> {
    rank(x.to_bits(), 0x7ff0_0000_0000_0000, 1 << 63)
}

/// [`rank`] of the bits of an `f16`.
pub(crate) fn rank_f16(bits: u16) -> Option<i64> {
    rank(bits.into(), 0x7c00, 1 << 15)
}

/// [`rank`] of the bits of a `bf16`.
pub(crate) fn rank_bf16(bits: u16) -> Option<i64> {
    rank(bits.into(), 0x7f80, 1 << 15)
}

/// The indices that sort a row: stable, NaN (without a rank) last in both orders.
fn sorted<T: Copy, K: Ord>(row: &[T], order: Order, rank: impl Fn(T) -> Option<K>) -> Vec<usize> {
    let (mut numbers, mut last) = (Vec::with_capacity(row.len()), Vec::new());
    for (index, &x) in row.iter().enumerate() {
        match rank(x) {
            Some(rank) => numbers.push((rank, index)),
            None => last.push(index),
        }
    }
    match order {
        Order::Ascending => numbers.sort_by(|(a, _), (b, _)| a.cmp(b)),
        Order::Descending => numbers.sort_by(|(a, _), (b, _)| b.cmp(a)),
    }
    numbers.into_iter().map(|(_, index)| index).chain(last).collect()
}

/// Replaces every row along `axis` by `function` of it.
fn along<T: Copy, U: Copy>(
    x: &Tensor,
    values: &[T],
    axis: usize,
    zero: U,
    function: impl Fn(&[T]) -> Vec<U>,
) -> Vec<U> {
    let shape = extents(x.shape());
    let stride = strides(&shape)[axis];
    let mut result = vec![zero; values.len()];
    if values.is_empty() {
        return result;
    }
    let mut count = 0;
    Rows::new(x, &[axis]).each(values, |row| {
        // The count-th row starts at index (count / stride, 0, count % stride) of [outer, axis, inner].
        let start = count / stride * stride * shape[axis] + count % stride;
        for (i, value) in function(row).into_iter().enumerate() {
            result[start + i * stride] = value;
        }
        count += 1;
    });
    result
}

/// `$body` with `$v` bound to the elements and `$rank` to what ranks them.
macro_rules! ranked {
    ($data:expr, $wrap:ident, ($v:ident, $rank:ident) => $body:expr) => {
        match $data {
            Data::F32($v) => {
                let $rank = rank_f32;
                $wrap!(F32, $body)
            }
            Data::F64($v) => {
                let $rank = rank_f64;
                $wrap!(F64, $body)
            }
            Data::F16($v) => {
                let $rank = rank_f16;
                $wrap!(F16, $body)
            }
            Data::BF16($v) => {
                let $rank = rank_bf16;
                $wrap!(BF16, $body)
            }
            Data::I8($v) => {
                let $rank = Some;
                $wrap!(I8, $body)
            }
            Data::I16($v) => {
                let $rank = Some;
                $wrap!(I16, $body)
            }
            Data::I32($v) => {
                let $rank = Some;
                $wrap!(I32, $body)
            }
            Data::I64($v) => {
                let $rank = Some;
                $wrap!(I64, $body)
            }
            Data::U8($v) => {
                let $rank = Some;
                $wrap!(U8, $body)
            }
            Data::U16($v) => {
                let $rank = Some;
                $wrap!(U16, $body)
            }
            Data::U32($v) => {
                let $rank = Some;
                $wrap!(U32, $body)
            }
            Data::U64($v) => {
                let $rank = Some;
                $wrap!(U64, $body)
            }
            Data::Bool($v) => {
                let $rank = Some;
                $wrap!(Bool, $body)
            }
        }
    };
}
macro_rules! same {
    ($variant:ident, $body:expr) => {
        Data::$variant($body)
    };
}
macro_rules! indices {
    ($variant:ident, $body:expr) => {
        Data::I64($body)
    };
}

impl Call<'_> {
    pub(super) fn sort(&self, axis: usize, order: Order) -> Computed {
        let x = self.operand(0)?;
        Ok(ranked!(x.data(), same, (v, rank) => along(x, v, axis, Default::default(), |row| {
            sorted(row, order, rank).into_iter().map(|index| row[index]).collect()
        })))
    }

    pub(super) fn arg_sort(&self, axis: usize, order: Order) -> Computed {
        let x = self.operand(0)?;
        Ok(ranked!(x.data(), indices, (v, rank) => along(x, v, axis, 0, |row| {
            sorted(row, order, rank).into_iter().map(|index| index as i64).collect()
        })))
    }

    pub(super) fn cumulative(&self, function: Reduction, axis: usize) -> Computed {
        let x = self.operand(0)?;
        macro_rules! numbers {
            ($($variant:ident)*) => {
                match x.data() {
                    $(Data::$variant(v) => {
                        Ok(Data::$variant(along(x, v, axis, Number::ZERO, |row| running(function, row))))
                    })*
                    _ => Err(self.unsupported(x)),
                }
            };
        }
        numbers!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64)
    }
}

/// One step of a running result; there is no running mean.
pub(crate) fn joined<N: Number>(function: Reduction, so_far: N, x: N) -> N {
    match function {
        Reduction::Sum | Reduction::Mean => so_far.add(x),
        Reduction::Product => so_far.mul(x),
        Reduction::Max => so_far.larger(x),
        Reduction::Min => so_far.smaller(x),
    }
}

fn running<N: Number>(function: Reduction, row: &[N]) -> Vec<N> {
    let mut so_far = None;
    let step = |&x: &N| {
        let next = so_far.map_or(x, |so_far| joined(function, so_far, x));
        so_far = Some(next);
        next.settle()
    };
    row.iter().map(step).collect()
}
