//! Matrix products of integers and of `f64`: rows of the result at a time, shared between threads.

use super::simd::{Kernel, Simd};
use super::{Computed, Fast};
use crate::reference::number::{Float, Number};
use crate::shape::{broadcast_strides, extents};
use crate::tensor::Data;
use crate::{OperatorError, Tensor, TensorType};

/// Terms per task.
const CHUNK: usize = if cfg!(test) { 50 } else { 100_000 };

/// Rows of `a [m, k] x b [k, n]`, every element one chain in ascending order from +0, then perhaps a bias.
struct Rows<'a, N, F> {
    a: &'a [N],
    b: &'a [N],
    bias: Option<&'a [N]>,
    n: usize,
    k: usize,
    y: &'a mut [N],
    step: F,
}

impl<N: Number, F: Fn(N, N, N) -> N> Kernel for Rows<'_, N, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (row, y) in self.y.chunks_exact_mut(self.n).enumerate() {
            for (p, &a) in self.a[row * self.k..][..self.k].iter().enumerate() {
                let b = &self.b[p * self.n..][..self.n];
                y.iter_mut().zip(b).for_each(|(y, &b)| *y = (self.step)(a, b, *y));
            }
            if let Some(bias) = self.bias {
                y.iter_mut().zip(bias).for_each(|(y, &bias)| *y = y.add(bias));
            }
            y.iter_mut().for_each(|y| *y = y.settle());
        }
    }
}

/// Where the matrices of a product lie: for every one of the result its place in `a` and in `b`, in matrices.
struct Places {
    batch: Vec<usize>,
    of_a: Vec<usize>,
    of_b: Vec<usize>,
    m: usize,
    k: usize,
    n: usize,
}

impl Places {
    fn new(a: &Tensor, b: &Tensor, result: &TensorType) -> Places {
        let (a, b, shape) = (extents(a.shape()), extents(b.shape()), extents(&result.shape));
        let [k, n] = [b[b.len() - 2], b[b.len() - 1]];
        let batch = shape[..shape.len() - 2].to_vec();
        let of_a = broadcast_strides(&a[..a.len() - 2], &batch);
        let of_b = broadcast_strides(&b[..b.len() - 2], &batch);
        Places { m: shape[shape.len() - 2], batch, of_a, of_b, k, n }
    }

    fn place(&self, mut matrix: usize, strides: &[usize]) -> usize {
        let mut place = 0;
        for (extent, stride) in self.batch.iter().zip(strides).rev() {
            place += matrix % extent * stride;
            matrix /= extent;
        }
        place
    }
}

impl Fast {
    /// `step` is `(a, b, acc)` to the next accumulator.
    fn product_rows<N: Number + Send + Sync>(
        &self,
        (a, b): (&[N], &[N]),
        bias: Option<&[N]>,
        places: &Places,
        step: impl Fn(N, N, N) -> N + Copy + Sync,
    ) -> Result<Vec<N>, OperatorError> {
        let Places { m, k, n, .. } = *places;
        let rows = places.batch.iter().product::<usize>() * m;
        let mut result = vec![N::ZERO; rows * n];
        let threads = self.threads.worthwhile((rows * n) as u64 * k.max(1) as u64);
        // Whole rows of one matrix.
        let length = (CHUNK / (k * n).max(1)).clamp(1, m.max(1));
        let length = (1..=length).rev().find(|length| m.is_multiple_of(*length)).unwrap_or(1);
        self.threads.chunks(threads, &mut result, length * n, |start, y| {
            let (matrix, row) = (start / n / m, start / n % m);
            let a = &a[(places.place(matrix, &places.of_a) * m + row) * k..];
            let b = &b[places.place(matrix, &places.of_b) * k * n..];
            self.vectors.run(Rows { a, b, bias, n, k, y, step });
        })?;
        Ok(result)
    }

    /// The product of two matrices, or of a matrix and weights, of a type without tiles.
    pub(super) fn plain_product(
        &self,
        a: &Tensor,
        b: &Tensor,
        bias: Option<&Tensor>,
        result: &TensorType,
    ) -> Computed {
        let rows = extents(&result.shape).iter().rev().skip(1).product();
        let mut places = Places::new(a, b, result);
        if b.shape().len() == 2 && a.shape().len() > 2 {
            // One matrix `b` for all rows.
            places = Places { batch: vec![], of_a: vec![], of_b: vec![], m: rows, ..places };
        }
        macro_rules! integers {
            ($($variant:ident)*) => {
                match (a.data(), b.data()) {
                    (Data::F64(a), Data::F64(b)) => {
                        let bias = bias.and_then(|bias| bias.as_f64());
                        Data::F64(self.product_rows((a, b), bias, &places, |a, b, acc| a.fma(b, acc))?)
                    }
                    $((Data::$variant(a), Data::$variant(b)) => {
                        let step = |a: _, b: _, acc: _| Number::add(acc, Number::mul(a, b));
                        Data::$variant(self.product_rows((a, b), None, &places, step)?)
                    })*
                    _ => return Ok(None),
                }
            };
        }
        Ok(Some(integers!(I8 I16 I32 I64 U8 U16 U32 U64)))
    }
}
