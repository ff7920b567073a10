//! Burn records a linear layer as a product and a sum; canon has one operator for both, with the same bits.
//!
//! A product with a matrix that only got leading axes of extent 1 is `linear`, and a row added to a product that
//! nobody else reads is its bias. So a parameter stays itself instead of becoming a reshaped copy.

use burn_ir::{BinaryOpIr, MatmulOpIr};
use gainsay_canon::{Operator, TensorType};

use super::{Lowering, Step};
use crate::error::Refusal;
use crate::graph::{Origin, ValueId};

impl Lowering<'_> {
    pub(super) fn matmul(&mut self, op: &MatmulOpIr) -> Result<(), Refusal> {
        let (a, b) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
        let result = match self.before_leading_axes(b, 2) {
            Some(matrix) => self.push(Operator::Linear, &[a, matrix])?,
            None => self.push(Operator::MatMul, &[a, b])?,
        };
        self.define(&op.out, result)
    }

    /// `linear` with a bias, if this sum is one.
    pub(super) fn biased(&mut self, op: &BinaryOpIr, a: ValueId, b: ValueId) -> Option<Step> {
        if self.readers.get(&op.lhs.id) != Some(&1) {
            return None;
        }
        let (x, matrix) = match &self.graph.get(a)?.origin {
            Origin::Operator { operator: Operator::Linear | Operator::MatMul, operands } => {
                match operands.as_slice() {
                    [x, matrix] if self.rank(*matrix) == Some(2) => (*x, *matrix),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let bias = if self.rank(b) == Some(1) { b } else { self.before_leading_axes(b, 1)? };
        // Not a bias if it is broadcast along the row as well.
        let columns = self.graph.type_of(matrix)?.shape.get(1).copied();
        if self.graph.type_of(bias)?.shape.first().copied() != columns {
            return None;
        }
        Some(self.push(Operator::Linear, &[x, matrix, bias]))
    }

    fn rank(&self, value: ValueId) -> Option<usize> {
        self.graph.type_of(value).map(|tensor_type| tensor_type.shape.len())
    }

    /// The value of `rank` axes that `value` is with leading axes of extent 1 added, if there is one.
    fn before_leading_axes(&self, value: ValueId, rank: usize) -> Option<ValueId> {
        let Origin::Operator { operator: Operator::Reshape { shape }, operands } =
            &self.graph.get(value)?.origin
        else {
            return None;
        };
        let [source] = operands.as_slice() else { return None };
        let TensorType { shape: inner, .. } = self.graph.type_of(*source)?;
        let leading = shape.len().checked_sub(rank)?;
        let (ones, rest) = shape.split_at(leading);
        (inner.len() == rank && ones.iter().all(|&extent| extent == 1) && rest == inner.as_slice())
            .then_some(*source)
    }
}
