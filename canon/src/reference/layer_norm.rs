//! Layer normalisation along the last axis.

use super::Call;
use super::number::Float;
use super::reduction::sum;
use crate::scalar::FromScalar;
use crate::shape::extents;
use crate::tensor::Data;
use crate::{OperatorError, Scalar};

type Computed = Result<Data, OperatorError>;

/// `d = x - mean(x); d / sqrt(mean(d * d) + epsilon) * gamma + beta`.
fn normalised<F: Float>(row: &[F], gamma: &[F], beta: Option<&[F]>, epsilon: F) -> Vec<F> {
    let count = F::from_count(row.len());
    let mean = sum(row.iter().copied()).div(count);
    let d: Vec<F> = row.iter().map(|x| x.sub(mean)).collect();
    let variance = sum(d.iter().map(|d| d.mul(*d))).div(count);
    let root = variance.add(epsilon).root();
    let scaled = d.iter().zip(gamma).map(|(d, gamma)| d.div(root).mul(*gamma));
    match beta {
        Some(beta) => scaled.zip(beta).map(|(y, beta)| y.add(*beta).settle()).collect(),
        None => scaled.map(F::settle).collect(),
    }
}

impl Call<'_> {
    pub(super) fn layer_norm(&self, epsilon: Scalar) -> Computed {
        let (x, gamma) = (self.operand(0)?, self.operand(1)?);
        let beta = self.operands.get(2);
        let length = extents(x.shape()).last().copied().unwrap_or(1).max(1);
        macro_rules! rows {
            ($variant:ident, $x:ident, $gamma:ident, $view:ident) => {{
                let beta = beta.and_then(|beta| beta.$view());
                let epsilon = FromScalar::from_scalar(epsilon);
                let rows = $x.chunks(length);
                Data::$variant(
                    rows.flat_map(|row| normalised(row, $gamma, beta, epsilon)).collect(),
                )
            }};
        }
        match (x.data(), gamma.data()) {
            (Data::F32(x), Data::F32(gamma)) => Ok(rows!(F32, x, gamma, as_f32)),
            (Data::F64(x), Data::F64(gamma)) => Ok(rows!(F64, x, gamma, as_f64)),
            _ => Err(self.unsupported(x)),
        }
    }
}
