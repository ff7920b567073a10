//! Activation functions: one operator where canon has one, else Burn's own composition.

use burn_ir::{ActivationOperationIr, BinaryOpIr, DimOpIr, HardSigmoidOpIr, ScalarIr, ScalarOpIr};
use gainsay_canon::{Binary, Operator, Relation, Unary};

use super::Lowering;
use super::steps::axis_number;
use crate::error::Refusal;

const ZERO: ScalarIr = ScalarIr::Int(0);

impl Lowering<'_> {
    pub(super) fn activation(&mut self, operation: &ActivationOperationIr) -> Result<(), Refusal> {
        use ActivationOperationIr as Op;
        match operation {
            Op::Relu(op) => self.one(Unary::Relu, op),
            Op::Gelu(op) => self.one(Unary::Gelu, op),
            Op::Sigmoid(op) => self.one(Unary::Sigmoid, op),
            Op::LeakyRelu(op) => self.leaky_relu(op),
            Op::PRelu(op) => self.prelu(op),
            Op::HardSigmoid(op) => self.hard_sigmoid(op),
            Op::LogSigmoid(op) => self.one(Unary::LogSigmoid, op),
            Op::Softmax(op) => self.normalise(|axis| Operator::Softmax { axis }, op),
            Op::LogSoftmax(op) => self.normalise(|axis| Operator::LogSoftmax { axis }, op),
            Op::Softmin(op) => {
                let x = self.read(&op.input)?;
                let negated = self.unary(Unary::Neg, x)?;
                let result =
                    self.push(Operator::Softmax { axis: axis_number(op.axis)? }, &[negated])?;
                self.define(&op.out, result)
            }
            _ => Err(Refusal::Unsupported(None)),
        }
    }

    fn normalise(
        &mut self,
        operator: impl Fn(u8) -> Operator,
        op: &DimOpIr,
    ) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.push(operator(axis_number(op.axis)?), &[x])?;
        self.define(&op.out, result)
    }

    /// `x < 0 ? x * slope : x`.
    fn leaky_relu(&mut self, op: &ScalarOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.lhs)?;
        let negative = self.compare_scalar(Relation::Less, x, ZERO)?;
        let scaled = self.with_scalar(Binary::Mul, x, op.rhs)?;
        let result = self.select(negative, scaled, x)?;
        self.define(&op.out, result)
    }

    /// `x < 0 ? x * alpha : x`.
    fn prelu(&mut self, op: &BinaryOpIr) -> Result<(), Refusal> {
        let (x, alpha) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
        let negative = self.compare_scalar(Relation::Less, x, ZERO)?;
        let scaled = self.binary(Binary::Mul, x, alpha)?;
        let result = self.select(negative, scaled, x)?;
        self.define(&op.out, result)
    }

    /// `clamp(x * alpha + beta, 0, 1)`.
    fn hard_sigmoid(&mut self, op: &HardSigmoidOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.tensor)?;
        let scaled = self.with_scalar(Binary::Mul, x, op.alpha)?;
        let shifted = self.with_scalar(Binary::Add, scaled, op.beta)?;
        let result = self.clamp(shifted, Some(ZERO), Some(ScalarIr::Int(1)))?;
        self.define(&op.out, result)
    }
}
