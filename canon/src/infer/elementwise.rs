//! Types of the elementwise operators.

use super::{Door, Inferred};
use crate::{Binary, DType, OperatorError, Scalar, TensorType, Unary};

impl Door<'_> {
    fn is_number(dtype: DType) -> bool {
        dtype.is_float() || dtype.is_integer()
    }

    pub(super) fn unary(&self, function: Unary) -> Inferred {
        let x = self.one()?;
        let supported = match function {
            Unary::Neg | Unary::Abs | Unary::Relu => Self::is_number(x.dtype),
            Unary::Recip | Unary::Sqrt => x.dtype.is_float(),
            Unary::Exp | Unary::Log | Unary::Tanh | Unary::Sigmoid | Unary::Gelu | Unary::Erf => {
                x.dtype == DType::F32
            }
            Unary::Not => x.dtype == DType::Bool,
            _ => false,
        };
        self.dtype(x.dtype, supported)?;
        Ok(x.clone())
    }

    fn binary_type(&self, function: Binary, dtype: DType) -> Result<(), OperatorError> {
        let supported = match function {
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Max | Binary::Min => {
                Self::is_number(dtype)
            }
            Binary::And | Binary::Or => dtype == DType::Bool,
            _ => false,
        };
        self.dtype(dtype, supported)
    }

    pub(super) fn binary(&self, function: Binary) -> Inferred {
        let (a, b) = self.two()?;
        self.same(a.dtype, b.dtype)?;
        self.binary_type(function, a.dtype)?;
        Ok(TensorType::new(a.dtype, self.broadcast(a, b)?))
    }

    pub(super) fn binary_scalar(&self, function: Binary, scalar: Scalar) -> Inferred {
        let a = self.one()?;
        self.binary_type(function, a.dtype)?;
        self.scalar(a.dtype, scalar)?;
        Ok(a.clone())
    }

    pub(super) fn compare(&self) -> Inferred {
        let (a, b) = self.two()?;
        self.same(a.dtype, b.dtype)?;
        self.dtype(a.dtype, !a.dtype.is_half())?;
        Ok(TensorType::new(DType::Bool, self.broadcast(a, b)?))
    }

    pub(super) fn compare_scalar(&self, scalar: Scalar) -> Inferred {
        let a = self.one()?;
        self.dtype(a.dtype, !a.dtype.is_half())?;
        self.scalar(a.dtype, scalar)?;
        Ok(TensorType::new(DType::Bool, a.shape.as_slice()))
    }

    pub(super) fn select(&self) -> Inferred {
        let [condition, a, b] = self.operands else { return Err(self.arity("3")) };
        self.same(DType::Bool, condition.dtype)?;
        self.same(a.dtype, b.dtype)?;
        let values = TensorType::new(a.dtype, self.broadcast(a, b)?);
        Ok(TensorType::new(a.dtype, self.broadcast(condition, &values)?))
    }

    pub(super) fn clamp(&self, min: Option<Scalar>, max: Option<Scalar>) -> Inferred {
        let x = self.one()?;
        self.dtype(x.dtype, Self::is_number(x.dtype))?;
        for bound in [min, max].into_iter().flatten() {
            self.scalar(x.dtype, bound)?;
        }
        Ok(x.clone())
    }
}
