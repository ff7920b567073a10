//! Single canonical steps in the words that the lowerings use.

use burn_ir::ScalarIr;
use gainsay_canon::{Binary, DType, Operator, Reduction, Relation, Scalar, TensorType, Unary};

use super::{Lowering, Step, value};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn push(&mut self, operator: Operator, operands: &[ValueId]) -> Step {
        Ok(self.graph.push(operator, operands)?)
    }

    pub(super) fn type_of(&self, x: ValueId) -> Result<TensorType, Refusal> {
        self.graph.type_of(x).cloned().ok_or(Refusal::Unknown)
    }

    /// A scalar of the element type of `x`.
    pub(super) fn scalar_like(&self, x: ValueId, scalar: ScalarIr) -> Result<Scalar, Refusal> {
        value::scalar(scalar, self.type_of(x)?.dtype)
    }

    pub(super) fn unary(&mut self, function: Unary, x: ValueId) -> Step {
        self.push(Operator::Unary { function }, &[x])
    }

    pub(super) fn binary(&mut self, function: Binary, a: ValueId, b: ValueId) -> Step {
        self.push(Operator::Binary { function }, &[a, b])
    }

    pub(super) fn with_scalar(&mut self, function: Binary, a: ValueId, scalar: ScalarIr) -> Step {
        let scalar = self.scalar_like(a, scalar)?;
        self.push(Operator::BinaryScalar { function, scalar }, &[a])
    }

    pub(super) fn compare(&mut self, relation: Relation, a: ValueId, b: ValueId) -> Step {
        self.push(Operator::Compare { relation }, &[a, b])
    }

    pub(super) fn compare_scalar(
        &mut self,
        relation: Relation,
        a: ValueId,
        scalar: ScalarIr,
    ) -> Step {
        let scalar = self.scalar_like(a, scalar)?;
        self.push(Operator::CompareScalar { relation, scalar }, &[a])
    }

    /// `condition ? a : b`.
    pub(super) fn select(&mut self, condition: ValueId, a: ValueId, b: ValueId) -> Step {
        self.push(Operator::Where, &[condition, a, b])
    }

    pub(super) fn cast(&mut self, x: ValueId, to: DType) -> Step {
        if self.type_of(x)?.dtype == to {
            return Ok(x);
        }
        self.push(Operator::Cast { to }, &[x])
    }

    pub(super) fn full(&mut self, shape: Vec<u64>, value: Scalar) -> Step {
        self.push(Operator::Full { shape, value }, &[])
    }

    pub(super) fn reshape(&mut self, x: ValueId, shape: Vec<u64>) -> Step {
        if self.type_of(x)?.shape == shape {
            return Ok(x);
        }
        self.push(Operator::Reshape { shape }, &[x])
    }

    pub(super) fn reduce(&mut self, function: Reduction, x: ValueId, axes: &[usize]) -> Step {
        let mut axes =
            axes.iter().map(|&axis| axis_number(axis)).collect::<Result<Vec<u8>, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        self.push(Operator::Reduce { function, axes }, &[x])
    }

    /// Reduces every axis: one element, of shape `[1]`.
    pub(super) fn reduce_all(&mut self, function: Reduction, x: ValueId) -> Step {
        let axes: Vec<usize> = (0..self.type_of(x)?.shape.len()).collect();
        let reduced = self.reduce(function, x, &axes)?;
        self.reshape(reduced, vec![1])
    }

    /// The mean over `axes`. Of integers, Burn divides the sum and truncates.
    pub(super) fn mean(&mut self, x: ValueId, axes: &[usize]) -> Step {
        let tensor_type = self.type_of(x)?;
        if !tensor_type.dtype.is_integer() {
            return self.reduce(Reduction::Mean, x, axes);
        }
        let count: u64 = axes.iter().filter_map(|&axis| tensor_type.shape.get(axis)).product();
        let sum = self.reduce(Reduction::Sum, x, axes)?;
        self.with_scalar(Binary::Div, sum, ScalarIr::UInt(count))
    }
}

/// An axis as canonical operators number it.
pub(super) fn axis_number(axis: usize) -> Result<u8, Refusal> {
    u8::try_from(axis).map_err(|_| Refusal::Unsupported(Some("more than 255 axes")))
}
