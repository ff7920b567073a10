//! Types of the elementwise operators.

use super::{Door, Inferred};
use crate::{Binary, DType, OperatorError, Scalar, TensorType, Unary};

impl Door<'_> {
    pub(super) fn unary(&self, function: Unary) -> Inferred {
        let x = self.one()?;
        let supported = match function {
            Unary::Neg | Unary::Abs | Unary::Relu | Unary::Sign => x.dtype.is_number(),
            Unary::Not => x.dtype == DType::Bool,
            Unary::BitNot => x.dtype.is_integer(),
            _ => x.dtype.is_float(),
        };
        self.dtype(x.dtype, supported)?;
        Ok(x.clone())
    }

    fn binary_type(&self, function: Binary, dtype: DType) -> Result<(), OperatorError> {
        let supported = match function {
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::Max
            | Binary::Min
            | Binary::Rem
            | Binary::Pow => dtype.is_number(),
            Binary::And | Binary::Or | Binary::Xor => dtype == DType::Bool,
            Binary::Atan2 | Binary::Hypot => dtype.is_float(),
            Binary::BitAnd
            | Binary::BitOr
            | Binary::BitXor
            | Binary::ShiftLeft
            | Binary::ShiftRight => dtype.is_integer(),
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
        Ok(TensorType::new(DType::Bool, self.broadcast(a, b)?))
    }

    pub(super) fn compare_scalar(&self, scalar: Scalar) -> Inferred {
        let a = self.one()?;
        self.scalar(a.dtype, scalar)?;
        Ok(TensorType::new(DType::Bool, a.shape.as_slice()))
    }

    pub(super) fn classify(&self) -> Inferred {
        let x = self.one()?;
        self.dtype(x.dtype, x.dtype.is_float())?;
        Ok(TensorType::new(DType::Bool, x.shape.as_slice()))
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
        self.dtype(x.dtype, x.dtype.is_number())?;
        for bound in [min, max].into_iter().flatten() {
            self.scalar(x.dtype, bound)?;
        }
        Ok(x.clone())
    }
}
