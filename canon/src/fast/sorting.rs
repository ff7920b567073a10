//! Sorting and running results along an axis, rows shared between threads.
//!
//! Elements become unsigned keys in the order that the reference ranks them in; key and index together in one integer
//! make an unstable sort stable.

use super::threads::Output;
use super::{Computed, Fast, movement, rows};
use crate::reference::number::Number;
use crate::reference::sorting::{joined, rank_bf16, rank_f16, rank_f32, rank_f64};
use crate::shape::extents;
use crate::tensor::Data;
use crate::{DType, OperatorError, Order, Reduction, Tensor, TensorType};

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 24 } else { 16_384 };
/// Bits that hold an index: there are fewer than 2^31 elements.
const INDEX: u32 = 31;

/// A key and an index in one integer: up to 33 bits of key in the narrow one, 65 in the wide one.
trait Packed: Ord + Copy {
    fn pack(key: u128, index: usize) -> Self;
    fn index(self) -> usize;
}

impl Packed for u64 {
    fn pack(key: u128, index: usize) -> u64 {
        (key as u64) << INDEX | index as u64
    }
    fn index(self) -> usize {
        (self & ((1 << INDEX) - 1)) as usize
    }
}

impl Packed for u128 {
    fn pack(key: u128, index: usize) -> u128 {
        key << INDEX | index as u128
    }
    fn index(self) -> usize {
        (self & ((1 << INDEX) - 1)) as usize
    }
}

/// The key in an order of a rank that counts from 0 and is `bits` wide; NaN is behind them all.
#[inline(always)]
fn key(rank: Option<u128>, bits: u32, order: Order) -> u128 {
    let all = (1 << bits) - 1;
    match (rank, order) {
        (Some(rank), Order::Ascending) => rank,
        (Some(rank), Order::Descending) => all - rank,
        (None, _) => all + 1,
    }
}

impl Fast {
    /// The indices that sort every row of `length`.
    fn sorted<T: Copy + Sync, P: Packed>(
        &self,
        values: &[T],
        length: usize,
        key: impl Fn(T) -> u128 + Sync,
    ) -> Result<Vec<i64>, OperatorError> {
        let mut result = vec![0; values.len()];
        let threads = self.threads.worthwhile(values.len() as u64 * 16);
        let rows = (CHUNK / length).max(1);
        self.threads.chunks(threads, &mut result, rows * length, |start, part| {
            let mut packed: Vec<P> = Vec::with_capacity(length);
            for (i, to) in part.chunks_exact_mut(length).enumerate() {
                packed.clear();
                let row = &values[start + i * length..][..length];
                packed.extend(row.iter().enumerate().map(|(i, &x)| P::pack(key(x), i)));
                packed.sort_unstable();
                for (to, packed) in to.iter_mut().zip(&packed) {
                    *to = packed.index() as i64;
                }
            }
        })?;
        Ok(result)
    }

    /// The indices that sort the rows of `x`, which are along its last axis.
    fn sorted_rows(&self, x: &Tensor, order: Order) -> Result<Vec<i64>, OperatorError> {
        let length = extents(x.shape()).last().copied().unwrap_or(1).max(1);
        macro_rules! signed {
            ($v:ident, $packed:ty, $bits:literal, $rank:expr) => {{
                let rank = |x| $rank(x).map(|rank| (i128::from(rank) + (1 << ($bits - 1))) as u128);
                self.sorted::<_, $packed>($v, length, |x| key(rank(x), $bits, order))
            }};
        }
        macro_rules! unsigned {
            ($v:ident, $packed:ty, $bits:literal) => {
                self.sorted::<_, $packed>($v, length, |x| key(Some(u128::from(x)), $bits, order))
            };
        }
        match x.data() {
            Data::F32(v) => signed!(v, u64, 32, rank_f32),
            Data::F64(v) => signed!(v, u128, 64, rank_f64),
            Data::F16(v) => signed!(v, u64, 16, rank_f16),
            Data::BF16(v) => signed!(v, u64, 16, rank_bf16),
            Data::I8(v) => signed!(v, u64, 8, Some),
            Data::I16(v) => signed!(v, u64, 16, Some),
            Data::I32(v) => signed!(v, u64, 32, Some),
            Data::I64(v) => signed!(v, u128, 64, Some),
            Data::U8(v) | Data::Bool(v) => unsigned!(v, u64, 8),
            Data::U16(v) => unsigned!(v, u64, 16),
            Data::U32(v) => unsigned!(v, u64, 32),
            Data::U64(v) => unsigned!(v, u128, 64),
        }
    }

    pub(super) fn arg_sort(&self, axis: usize, order: Order, x: &Tensor) -> Computed {
        self.by_rows(axis, x, DType::I64, |rows| Ok(Data::I64(self.sorted_rows(rows, order)?)))
    }

    pub(super) fn sort(&self, axis: usize, order: Order, x: &Tensor) -> Computed {
        self.by_rows(axis, x, x.dtype(), |rows| {
            let places = self.sorted_rows(rows, order)?;
            let shape = rows.tensor_type().shape.as_slice();
            let indices = TensorType::new(DType::I64, shape);
            let last = shape.len() - 1;
            let indices = Tensor::computed(indices, Data::I64(places));
            let sorted = self.gather(last, rows, &indices, rows.tensor_type())?;
            Ok(sorted.unwrap_or_else(|| rows.data().clone()))
        })
    }

    /// `function` of `x` with `axis` at the end, put back in its place afterwards.
    fn by_rows(
        &self,
        axis: usize,
        x: &Tensor,
        dtype: DType,
        function: impl Fn(&Tensor) -> Result<Data, OperatorError>,
    ) -> Computed {
        let Some(order) = rows::to_the_end(x.shape().len(), &[axis as u8]) else {
            return function(x).map(Some);
        };
        let moved = rows::permuted(x, &order);
        let data = function(&moved)?;
        let shape = moved.tensor_type().shape.as_slice();
        let moved = Tensor::computed(TensorType::new(dtype, shape), data);
        // The inverse order.
        let mut back = vec![0; order.len()];
        for (position, &axis) in order.iter().enumerate() {
            back[usize::from(axis)] = position as u8;
        }
        let result = TensorType::new(dtype, x.shape());
        Ok(Some(movement::permute(&moved, &back, &result)))
    }

    pub(super) fn cumulative(&self, function: Reduction, axis: usize, x: &Tensor) -> Computed {
        let shape = extents(x.shape());
        let (length, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        macro_rules! numbers {
            ($($variant:ident)*) => {
                match x.data() {
                    $(Data::$variant(v) => {
                        Ok(Some(Data::$variant(self.running(v, length, inner, function)?)))
                    })*
                    _ => Ok(None),
                }
            };
        }
        numbers!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64)
    }

    /// Tasks are blocks of columns of `[length, inner]` matrices, each from its first row to its last.
    fn running<N: Number + Send + Sync>(
        &self,
        x: &[N],
        length: usize,
        inner: usize,
        function: Reduction,
    ) -> Result<Vec<N>, OperatorError> {
        let mut result = vec![N::ZERO; x.len()];
        let matrix = length * inner;
        let width = (CHUNK / length.max(1)).clamp(1, inner.max(1));
        let blocks = inner.div_ceil(width);
        let threads = self.threads.worthwhile(x.len() as u64);
        let output = Output::new(&mut result);
        self.threads.run(threads, x.len() / matrix.max(1) * blocks, |task| {
            let first = task / blocks * matrix + task % blocks * width;
            let width = width.min(inner - task % blocks * width);
            for row in 0..length {
                let start = first + row * inner;
                // SAFETY: columns of different blocks and matrices do not overlap, each task runs once, and `result` is
                // borrowed until all of them have ended.
                let to = unsafe { output.part(start, start + width) };
                let x = &x[start..start + width];
                if row == 0 {
                    to.iter_mut().zip(x).for_each(|(to, x)| *to = x.settle());
                    continue;
                }
                // SAFETY: as above; the row before is another part.
                let so_far = unsafe { output.part(start - inner, start - inner + width) };
                for ((to, so_far), x) in to.iter_mut().zip(so_far).zip(x) {
                    *to = joined(function, *so_far, *x).settle();
                }
            }
        })?;
        Ok(result)
    }
}
