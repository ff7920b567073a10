//! Matrix products and convolutions: one chain of fused multiply-adds per output element.
//!
//! `acc = +0; acc = fma(a_k, b_k, acc)` for k ascending; the bias is one addition afterwards. Nothing is skipped, a
//! zero from padding included, because `0 * inf` is NaN.

use super::number::{Float, Number};
use super::{Call, each_index, offset};
use crate::shape::{broadcast_strides, extents};
use crate::tensor::Data;
use crate::{OperatorError, Tensor};

type Computed = Result<Data, OperatorError>;

/// The chain over `terms`, then the bias.
pub(super) fn chain<F: Float>(terms: impl Iterator<Item = (F, F)>, bias: Option<F>) -> F {
    let acc = terms.fold(F::ZERO, |acc, (a, b)| a.fma(b, acc));
    bias.map_or(acc, |bias| acc.add(bias)).settle()
}

/// The chain of integers.
fn wrapping<N: Number>(terms: &mut dyn Iterator<Item = (N, N)>) -> N {
    terms.fold(N::ZERO, |acc, (a, b)| acc.add(a.mul(b)))
}

impl Call<'_> {
    /// Two float operands and perhaps a bias, of one type.
    pub(super) fn floats<T>(
        &self,
        f32s: impl Fn(&[f32], &[f32], Option<&[f32]>) -> T,
        f64s: impl Fn(&[f64], &[f64], Option<&[f64]>) -> T,
    ) -> Result<T, OperatorError> {
        let (a, b) = (self.operand(0)?, self.operand(1)?);
        let bias = self.operands.get(2);
        match (a.data(), b.data()) {
            (Data::F32(x), Data::F32(w)) => Ok(f32s(x, w, bias.and_then(|b| b.as_f32()))),
            (Data::F64(x), Data::F64(w)) => Ok(f64s(x, w, bias.and_then(|b| b.as_f64()))),
            _ => Err(self.unsupported(a)),
        }
    }

    pub(super) fn matmul(&self) -> Computed {
        let product = Product::new(self.operand(0)?, self.operand(1)?, &self.output_extents());
        macro_rules! integers {
            ($($variant:ident)*) => {
                match (self.operand(0)?.data(), self.operand(1)?.data()) {
                    $((Data::$variant(a), Data::$variant(b)) => {
                        return Ok(Data::$variant(product.run(a, b, wrapping)));
                    })*
                    _ => {}
                }
            };
        }
        integers!(I8 I16 I32 I64 U8 U16 U32 U64);
        self.floats(
            |a, b, _| Data::F32(product.run(a, b, |terms| chain(terms, None))),
            |a, b, _| Data::F64(product.run(a, b, |terms| chain(terms, None))),
        )
    }

    pub(super) fn linear(&self) -> Computed {
        let n = self.operand(1)?.shape()[1] as usize;
        let k = self.operand(1)?.shape()[0] as usize;
        let rows = self.output_extents().iter().rev().skip(1).product();
        self.floats(
            |x, w, bias| Data::F32(linear(x, w, bias, [rows, k, n])),
            |x, w, bias| Data::F64(linear(x, w, bias, [rows, k, n])),
        )
    }

    pub(super) fn conv2d(
        &self,
        stride: [u64; 2],
        padding: [u64; 2],
        dilation: [u64; 2],
        groups: u64,
    ) -> Computed {
        let convolution = Convolution {
            image: extents(self.operand(0)?.shape()),
            kernel: extents(self.operand(1)?.shape()),
            output: self.output_extents(),
            stride: stride.map(|s| s as usize),
            padding: padding.map(|p| p as usize),
            dilation: dilation.map(|d| d as usize),
            groups: groups as usize,
        };
        self.floats(
            |x, w, bias| Data::F32(convolution.run(x, w, bias)),
            |x, w, bias| Data::F64(convolution.run(x, w, bias)),
        )
    }
}

/// `a [..., m, k] x b [..., k, n]`.
struct Product {
    batch: Vec<usize>,
    a_batch: Vec<usize>,
    b_batch: Vec<usize>,
    m: usize,
    k: usize,
    n: usize,
}

impl Product {
    /// `shape` is that of the result.
    fn new(a: &Tensor, b: &Tensor, shape: &[usize]) -> Product {
        let rank = shape.len();
        let (batch, m, n) = (shape[..rank - 2].to_vec(), shape[rank - 2], shape[rank - 1]);
        let (a, b) = (extents(a.shape()), extents(b.shape()));
        let k = a[a.len() - 1];
        // In matrices, not elements.
        let a_batch = broadcast_strides(&a[..a.len() - 2], &batch);
        let b_batch = broadcast_strides(&b[..b.len() - 2], &batch);
        Product { batch, a_batch, b_batch, m, k, n }
    }

    /// `chain` gets the terms of one result, ascending.
    fn run<N: Number>(
        &self,
        a: &[N],
        b: &[N],
        chain: impl Fn(&mut dyn Iterator<Item = (N, N)>) -> N,
    ) -> Vec<N> {
        let Product { m, k, n, .. } = *self;
        let mut result = Vec::with_capacity(self.batch.iter().product::<usize>() * m * n);
        each_index(&self.batch, |index| {
            let a = &a[offset(index, &self.a_batch) * m * k..];
            let b = &b[offset(index, &self.b_batch) * k * n..];
            for row in 0..m {
                for column in 0..n {
                    result.push(chain(&mut (0..k).map(|p| (a[row * k + p], b[p * n + column]))));
                }
            }
        });
        result
    }
}

/// `x [rows, k] x w [k, n] + bias [n]`.
fn linear<F: Float>(x: &[F], w: &[F], bias: Option<&[F]>, [rows, k, n]: [usize; 3]) -> Vec<F> {
    let mut result = Vec::with_capacity(rows * n);
    for row in 0..rows {
        for column in 0..n {
            let terms = (0..k).map(|p| (x[row * k + p], w[p * n + column]));
            result.push(chain(terms, bias.map(|bias| bias[column])));
        }
    }
    result
}

/// `x [batch, in, h, w]`, `w [out, in / groups, kernel h, kernel w]`, result `[batch, out, h', w']`.
struct Convolution {
    image: Vec<usize>,
    kernel: Vec<usize>,
    output: Vec<usize>,
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Convolution {
    fn run<F: Float>(&self, x: &[F], w: &[F], bias: Option<&[F]>) -> Vec<F> {
        let out_channels = self.kernel[0];
        let (in_group, kernel_h, kernel_w) = (self.kernel[1], self.kernel[2], self.kernel[3]);
        let mut result = Vec::with_capacity(self.output.iter().product());
        each_index(&self.output, |index| {
            let (image, out, row, column) = (index[0], index[1], index[2], index[3]);
            let group = out / (out_channels / self.groups);
            // k runs over (input channel in group, kernel row, kernel column).
            let terms = (0..in_group * kernel_h * kernel_w).map(|k| {
                let (channel, i, j) =
                    (k / (kernel_h * kernel_w), k / kernel_w % kernel_h, k % kernel_w);
                let value = self.pixel(x, image, group * in_group + channel, [row, column], [i, j]);
                (value, w[out * in_group * kernel_h * kernel_w + k])
            });
            result.push(chain(terms, bias.map(|bias| bias[out])));
        });
        result
    }

    /// The input under kernel element `at` of the window at `window`, zero where it lies in the padding.
    fn pixel<F: Float>(
        &self,
        x: &[F],
        image: usize,
        channel: usize,
        window: [usize; 2],
        at: [usize; 2],
    ) -> F {
        let (height, width) = (self.image[2], self.image[3]);
        let position = |axis: usize, extent: usize| {
            let padded = window[axis] * self.stride[axis] + at[axis] * self.dilation[axis];
            padded.checked_sub(self.padding[axis]).filter(|&inside| inside < extent)
        };
        match (position(0, height), position(1, width)) {
            (Some(row), Some(column)) => {
                x[((image * self.image[1] + channel) * height + row) * width + column]
            }
            _ => F::ZERO,
        }
    }
}
