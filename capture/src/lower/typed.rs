//! What only floats, only integers or only bools can do.

use burn_ir::{BoolOperationIr, CastOpIr, CrossOpIr, FloatOperationIr, IntOperationIr, UnaryOpIr};
use gainsay_canon::{Binary, Class, Operator, SliceRange, Unary};

use super::steps::axis_number;
use super::{Lowering, Step, value};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn float(&mut self, operation: &FloatOperationIr) -> Result<(), Refusal> {
        use FloatOperationIr as Op;
        match operation {
            Op::Exp(op) => self.one(Unary::Exp, op),
            Op::Log(op) => self.one(Unary::Log, op),
            Op::Log1p(op) => self.one(Unary::Log1p, op),
            Op::Erf(op) => self.one(Unary::Erf, op),
            Op::PowfScalar(op) => self.power_by(op),
            Op::Sqrt(op) => self.one(Unary::Sqrt, op),
            Op::Cos(op) => self.one(Unary::Cos, op),
            Op::Cosh(op) => self.one(Unary::Cosh, op),
            Op::Sin(op) => self.one(Unary::Sin, op),
            Op::Sinh(op) => self.one(Unary::Sinh, op),
            Op::Tan(op) => self.one(Unary::Tan, op),
            Op::Tanh(op) => self.one(Unary::Tanh, op),
            Op::ArcCos(op) => self.one(Unary::Acos, op),
            Op::ArcCosh(op) => self.one(Unary::Acosh, op),
            Op::ArcSin(op) => self.one(Unary::Asin, op),
            Op::ArcSinh(op) => self.one(Unary::Asinh, op),
            Op::ArcTan(op) => self.one(Unary::Atan, op),
            Op::ArcTanh(op) => self.one(Unary::Atanh, op),
            Op::ArcTan2(op) => self.two(Binary::Atan2, op),
            Op::Round(op) => self.one(Unary::Round, op),
            Op::Floor(op) => self.one(Unary::Floor, op),
            Op::Ceil(op) => self.one(Unary::Ceil, op),
            Op::Trunc(op) => self.one(Unary::Trunc, op),
            Op::IntoInt(op) => self.conversion(op),
            Op::Matmul(op) => self.matmul(op),
            Op::Cross(op) => self.cross(op),
            Op::Recip(op) => self.one(Unary::Recip, op),
            Op::IsNan(op) => self.classify(Class::Nan, op),
            Op::IsInf(op) => self.classify(Class::Infinite, op),
            Op::Random(_) | Op::Quantize(_) | Op::Dequantize(_) => Err(Refusal::Unsupported(None)),
            Op::GridSample2d(op) => self.grid_sample(op),
            Op::Powf(op) => self.power_of(op),
            Op::Hypot(op) => self.two(Binary::Hypot, op),
        }
    }

    pub(super) fn int(&mut self, operation: &IntOperationIr) -> Result<(), Refusal> {
        use IntOperationIr as Op;
        match operation {
            Op::IntoFloat(op) => self.conversion(op),
            Op::Matmul(op) => self.matmul(op),
            Op::BitwiseAnd(op) => self.two(Binary::BitAnd, op),
            Op::BitwiseOr(op) => self.two(Binary::BitOr, op),
            Op::BitwiseXor(op) => self.two(Binary::BitXor, op),
            Op::BitwiseLeftShift(op) => self.two(Binary::ShiftLeft, op),
            Op::BitwiseRightShift(op) => self.two(Binary::ShiftRight, op),
            Op::BitwiseAndScalar(op) => self.one_and_scalar(Binary::BitAnd, op),
            Op::BitwiseOrScalar(op) => self.one_and_scalar(Binary::BitOr, op),
            Op::BitwiseXorScalar(op) => self.one_and_scalar(Binary::BitXor, op),
            Op::BitwiseLeftShiftScalar(op) => self.one_and_scalar(Binary::ShiftLeft, op),
            Op::BitwiseRightShiftScalar(op) => self.one_and_scalar(Binary::ShiftRight, op),
            Op::BitwiseNot(op) => self.one(Unary::BitNot, op),
        }
    }

    pub(super) fn boolean(&mut self, operation: &BoolOperationIr) -> Result<(), Refusal> {
        match operation {
            BoolOperationIr::IntoFloat(op) | BoolOperationIr::IntoInt(op) => self.conversion(op),
            BoolOperationIr::Not(op) => self.one(Unary::Not, op),
            BoolOperationIr::And(op) => self.two(Binary::And, op),
            BoolOperationIr::Or(op) => self.two(Binary::Or, op),
            BoolOperationIr::Xor(op) => self.two(Binary::Xor, op),
        }
    }

    fn conversion(&mut self, op: &CastOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.cast(x, value::dtype(op.out.dtype)?)?;
        self.define(&op.out, result)
    }

    fn classify(&mut self, class: Class, op: &UnaryOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.push(Operator::Classify { class }, &[x])?;
        self.define(&op.out, result)
    }

    /// `a[i+1] * b[i+2] - a[i+2] * b[i+1]`, indices modulo 3, each operation on its own.
    fn cross(&mut self, op: &CrossOpIr) -> Result<(), Refusal> {
        let (a, b) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
        let (a1, a2) = (self.rotated(a, op.dim, 1)?, self.rotated(a, op.dim, 2)?);
        let (b1, b2) = (self.rotated(b, op.dim, 1)?, self.rotated(b, op.dim, 2)?);
        let (left, right) = (self.binary(Binary::Mul, a1, b2)?, self.binary(Binary::Mul, a2, b1)?);
        let result = self.binary(Binary::Sub, left, right)?;
        self.define(&op.out, result)
    }

    /// `x[i + by]` along an axis, modulo its extent.
    fn rotated(&mut self, x: ValueId, axis: usize, by: u64) -> Step {
        let shape = self.type_of(x)?.shape;
        let extent = shape.get(axis).copied().unwrap_or(1);
        let part = |start: u64, end: u64| Operator::Slice {
            ranges: shape
                .iter()
                .enumerate()
                .map(|(at, &whole)| {
                    let (start, end) = if at == axis { (start, end) } else { (0, whole) };
                    SliceRange { start, end, step: 1 }
                })
                .collect(),
        };
        let by = by.min(extent);
        let (last, first) = (part(by, extent), part(0, by));
        let (last, first) = (self.push(last, &[x])?, self.push(first, &[x])?);
        self.push(Operator::Concat { axis: axis_number(axis)? }, &[last, first])
    }
}
