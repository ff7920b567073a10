//! Softmax and log-softmax along an axis.

use super::Call;
use super::number::Float;
use super::reduction::{Rows, largest, sum};
use crate::shape::{extents, strides};
use crate::tensor::Data;
use crate::{OperatorError, Tensor, Unary};

type Computed = Result<Data, OperatorError>;

/// `e = exp(x - max(x)); e / sum(e)`. A row of -inf, or with +inf or NaN in it, is NaN.
fn softmax<F: Float>(row: &[F]) -> Vec<F> {
    let max = largest(row.iter().copied()).unwrap_or(F::ZERO);
    let e: Vec<F> = row.iter().map(|x| x.sub(max).elementary(Unary::Exp)).collect();
    let total = sum(e.iter().copied());
    e.iter().map(|e| e.div(total).settle()).collect()
}

/// `d = x - max(x); d - log(sum(exp(d)))`.
fn log_softmax<F: Float>(row: &[F]) -> Vec<F> {
    let max = largest(row.iter().copied()).unwrap_or(F::ZERO);
    let d: Vec<F> = row.iter().map(|x| x.sub(max)).collect();
    let total = sum(d.iter().map(|d| d.elementary(Unary::Exp)));
    let log = total.elementary(Unary::Log);
    d.iter().map(|d| d.sub(log).settle()).collect()
}

impl Call<'_> {
    pub(super) fn softmax(&self, axis: usize) -> Computed {
        let x = self.operand(0)?;
        Ok(match x.data() {
            Data::F32(values) => Data::F32(along(x, values, axis, softmax)),
            Data::F64(values) => Data::F64(along(x, values, axis, softmax)),
            _ => return Err(self.unsupported(x)),
        })
    }

    pub(super) fn log_softmax(&self, axis: usize) -> Computed {
        let x = self.operand(0)?;
        Ok(match x.data() {
            Data::F32(values) => Data::F32(along(x, values, axis, log_softmax)),
            Data::F64(values) => Data::F64(along(x, values, axis, log_softmax)),
            _ => return Err(self.unsupported(x)),
        })
    }
}

/// Replaces every row along `axis` by `function` of it.
fn along<F: Float>(x: &Tensor, values: &[F], axis: usize, function: fn(&[F]) -> Vec<F>) -> Vec<F> {
    let shape = extents(x.shape());
    let stride = strides(&shape)[axis];
    let mut result = vec![F::ZERO; values.len()];
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
