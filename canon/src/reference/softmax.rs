//! Softmax and log-softmax along an axis.

use super::number::Number;
use super::reduction::{Rows, largest, sum};
use super::{Call, elementary};
use crate::OperatorError;
use crate::shape::{extents, strides};
use crate::tensor::Data;

type Computed = Result<Data, OperatorError>;

/// `e = exp(x - max(x)); e / sum(e)`. A row of -inf, or with +inf or NaN in it, is NaN.
fn softmax(row: &[f32]) -> Vec<f32> {
    let max = largest(row.iter().copied()).unwrap_or(0.0);
    let e: Vec<f32> = row.iter().map(|x| elementary::exp(x - max)).collect();
    let total = sum(e.iter().copied());
    e.iter().map(|e| (e / total).settle()).collect()
}

/// `d = x - max(x); d - log(sum(exp(d)))`.
fn log_softmax(row: &[f32]) -> Vec<f32> {
    let max = largest(row.iter().copied()).unwrap_or(0.0);
    let d: Vec<f32> = row.iter().map(|x| x - max).collect();
    let log = elementary::log(sum(d.iter().map(|&d| elementary::exp(d))));
    d.iter().map(|d| (d - log).settle()).collect()
}

impl Call<'_> {
    pub(super) fn softmax(&self, axis: usize) -> Computed {
        self.along(axis, softmax)
    }

    pub(super) fn log_softmax(&self, axis: usize) -> Computed {
        self.along(axis, log_softmax)
    }

    /// Replaces every row along `axis` by `function` of it.
    fn along(&self, axis: usize, function: fn(&[f32]) -> Vec<f32>) -> Computed {
        let x = self.operand(0)?;
        let Data::F32(values) = x.data() else { return Err(self.unsupported(x)) };
        let shape = extents(x.shape());
        let stride = strides(&shape)[axis];
        let mut result = vec![0.0; values.len()];
        let mut count = 0;
        Rows::new(x, &[axis]).each(values, |row| {
            // The count-th row starts at index (count / stride, 0, count % stride) of [outer, axis, inner].
            let start = count / stride * stride * shape[axis] + count % stride;
            for (i, value) in function(row).into_iter().enumerate() {
                result[start + i * stride] = value;
            }
            count += 1;
        });
        Ok(Data::F32(result))
    }
}
