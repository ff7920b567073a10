//! Arithmetic on floats and integers alike.
//!
//! A power with a constant whole exponent of up to 16 is a chain of multiplications from the left, a negative one of a
//! float the reciprocal of that; every other power is canon's.

use burn_ir::{
    BinaryOpIr, NumericOperationIr, PadModeIr, PadOpIr, ScalarIr, ScalarOpIr, UnaryOpIr,
};
use gainsay_canon::{Binary, Extension, Operator, Relation, Unary};

use super::{Lowering, Step, value};
use crate::error::Refusal;
use crate::graph::ValueId;

/// The largest whole exponent written out as multiplications.
const MAX_EXPONENT: i64 = 16;

impl Lowering<'_> {
    pub(super) fn numeric(&mut self, operation: &NumericOperationIr) -> Result<(), Refusal> {
        use NumericOperationIr as Op;
        match operation {
            Op::Add(op) => {
                let (a, b) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
                let result = match self.biased(op, a, b) {
                    Some(linear) => linear?,
                    None => self.binary(Binary::Add, a, b)?,
                };
                self.define(&op.out, result)
            }
            Op::Sub(op) => self.two(Binary::Sub, op),
            Op::Mul(op) => self.two(Binary::Mul, op),
            Op::Div(op) => self.two(Binary::Div, op),
            Op::AddScalar(op) => self.one_and_scalar(Binary::Add, op),
            Op::SubScalar(op) => self.one_and_scalar(Binary::Sub, op),
            Op::MulScalar(op) => self.one_and_scalar(Binary::Mul, op),
            Op::DivScalar(op) => self.one_and_scalar(Binary::Div, op),
            Op::Abs(op) => self.one(Unary::Abs, op),
            Op::Neg(op) => self.one(Unary::Neg, op),
            Op::Sign(op) => self.one(Unary::Sign, op),
            Op::Full(op) => {
                let tensor_type = value::tensor_type(&op.out)?;
                let fill = value::scalar(op.value, tensor_type.dtype)?;
                let result = self.full(tensor_type.shape, fill)?;
                self.define(&op.out, result)
            }
            Op::Greater(op) => self.comparison(Relation::Greater, op),
            Op::GreaterEqual(op) => self.comparison(Relation::GreaterEqual, op),
            Op::Lower(op) => self.comparison(Relation::Less, op),
            Op::LowerEqual(op) => self.comparison(Relation::LessEqual, op),
            Op::GreaterElem(op) => self.scalar_comparison(Relation::Greater, op),
            Op::GreaterEqualElem(op) => self.scalar_comparison(Relation::GreaterEqual, op),
            Op::LowerElem(op) => self.scalar_comparison(Relation::Less, op),
            Op::LowerEqualElem(op) => self.scalar_comparison(Relation::LessEqual, op),
            Op::Clamp(op) => {
                let x = self.read(&op.tensor)?;
                let result = self.clamp(x, Some(op.min), Some(op.max))?;
                self.define(&op.out, result)
            }
            Op::ClampMin(op) => {
                let x = self.read(&op.lhs)?;
                let result = self.clamp(x, Some(op.rhs), None)?;
                self.define(&op.out, result)
            }
            Op::ClampMax(op) => {
                let x = self.read(&op.lhs)?;
                let result = self.clamp(x, None, Some(op.rhs))?;
                self.define(&op.out, result)
            }
            Op::Rem(op) => self.two(Binary::Rem, op),
            Op::RemScalar(op) => self.one_and_scalar(Binary::Rem, op),
            Op::Powi(op) => self.power_of(op),
            Op::PowiScalar(op) => self.power_by(op),
            Op::Pad(op) => self.pad(op),
            _ => self.reduction(operation),
        }
    }

    pub(super) fn one(&mut self, function: Unary, op: &UnaryOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.unary(function, x)?;
        self.define(&op.out, result)
    }

    pub(super) fn two(&mut self, function: Binary, op: &BinaryOpIr) -> Result<(), Refusal> {
        let (a, b) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
        let result = self.binary(function, a, b)?;
        self.define(&op.out, result)
    }

    pub(super) fn one_and_scalar(
        &mut self,
        function: Binary,
        op: &ScalarOpIr,
    ) -> Result<(), Refusal> {
        let a = self.read(&op.lhs)?;
        let result = self.with_scalar(function, a, op.rhs)?;
        self.define(&op.out, result)
    }

    pub(super) fn clamp(
        &mut self,
        x: ValueId,
        min: Option<ScalarIr>,
        max: Option<ScalarIr>,
    ) -> Step {
        let bound =
            |bound: Option<ScalarIr>| bound.map(|bound| self.scalar_like(x, bound)).transpose();
        let (min, max) = (bound(min)?, bound(max)?);
        self.push(Operator::Clamp { min, max }, &[x])
    }

    /// `x^y` of two tensors; an integer exponent of a float is converted first.
    pub(super) fn power_of(&mut self, op: &BinaryOpIr) -> Result<(), Refusal> {
        let (x, exponent) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
        let dtype = self.type_of(x)?.dtype;
        let exponent = self.cast(exponent, dtype)?;
        let result = self.binary(Binary::Pow, x, exponent)?;
        self.define(&op.out, result)
    }

    /// `x^c` with a constant exponent.
    pub(super) fn power_by(&mut self, op: &ScalarOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.lhs)?;
        let result = match whole_exponent(op.rhs) {
            Some(times @ 1..=MAX_EXPONENT) => self.chain(x, times)?,
            Some(times) if self.type_of(x)?.dtype.is_float() && times < 0 => {
                let power = self.chain(x, times.abs())?;
                self.unary(Unary::Recip, power)?
            }
            _ => self.with_scalar(Binary::Pow, x, op.rhs)?,
        };
        self.define(&op.out, result)
    }

    /// `x * x * .. * x` from the left.
    fn chain(&mut self, x: ValueId, times: i64) -> Step {
        let mut power = x;
        for _ in 1..times {
            power = self.binary(Binary::Mul, power, x)?;
        }
        Ok(power)
    }

    fn pad(&mut self, op: &PadOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let padding =
            op.padding.iter().map(|&(before, after)| (before as u64, after as u64)).collect();
        let operator = match op.mode {
            PadModeIr::Constant(fill) => {
                Operator::Pad { padding, value: self.scalar_like(x, fill)? }
            }
            PadModeIr::Reflect => Operator::Extend { padding, mode: Extension::Reflect },
            PadModeIr::Edge => Operator::Extend { padding, mode: Extension::Edge },
        };
        let result = self.push(operator, &[x])?;
        self.define(&op.out, result)
    }
}

/// The exponent, if it is a whole number of at most 16 in size.
fn whole_exponent(exponent: ScalarIr) -> Option<i64> {
    let value = exponent.elem::<f64>();
    let whole = value.fract() == 0.0 && value.abs() <= MAX_EXPONENT as f64;
    whole.then_some(value as i64)
}
