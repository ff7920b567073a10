//! Arithmetic on floats and integers, reductions, and logic on bools.

use burn::tensor::DType as BurnDType;
use burn_ir::{
    BinaryOpIr, BoolOperationIr, CastOpIr, FloatOperationIr, IntOperationIr, NumericOperationIr,
    PadModeIr, PadOpIr, ReduceDimOpIr, ReduceDimWithIndicesOpIr, ReduceOpIr, ScalarIr, ScalarOpIr,
    UnaryOpIr,
};
use gainsay_canon::{Binary, Extreme, Operator, Reduction, Relation, Unary};

use super::steps::axis_number;
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
            Op::Sign(op) => self.sign(op),
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
            Op::PowiScalar(op) => {
                let x = self.read(&op.lhs)?;
                let result = self.power(x, op.rhs)?;
                self.define(&op.out, result)
            }
            Op::Pad(op) => self.pad(op),
            _ => self.reduction(operation),
        }
    }

    fn reduction(&mut self, operation: &NumericOperationIr) -> Result<(), Refusal> {
        use NumericOperationIr as Op;
        match operation {
            Op::Sum(op) => self.whole(Reduction::Sum, op),
            Op::Prod(op) => self.whole(Reduction::Product, op),
            Op::Max(op) => self.whole(Reduction::Max, op),
            Op::Min(op) => self.whole(Reduction::Min, op),
            Op::Mean(op) => {
                let x = self.read(&op.input)?;
                let axes: Vec<usize> = (0..self.type_of(x)?.shape.len()).collect();
                let mean = self.mean(x, &axes)?;
                let result = self.reshape(mean, vec![1])?;
                self.define(&op.out, result)
            }
            Op::MaxAbs(op) => {
                let x = self.read(&op.input)?;
                let size = self.unary(Unary::Abs, x)?;
                let result = self.reduce_all(Reduction::Max, size)?;
                self.define(&op.out, result)
            }
            Op::SumDim(op) => self.along(Reduction::Sum, op),
            Op::ProdDim(op) => self.along(Reduction::Product, op),
            Op::MaxDim(op) => self.along(Reduction::Max, op),
            Op::MinDim(op) => self.along(Reduction::Min, op),
            Op::MeanDim(op) => {
                let x = self.read(&op.input)?;
                let result = self.mean(x, &[op.axis])?;
                self.define(&op.out, result)
            }
            Op::MaxAbsDim(op) => {
                let x = self.read(&op.input)?;
                let size = self.unary(Unary::Abs, x)?;
                let result = self.reduce(Reduction::Max, size, &[op.axis])?;
                self.define(&op.out, result)
            }
            Op::SumDims(op) => {
                let x = self.read(&op.input)?;
                let result = self.reduce(Reduction::Sum, x, &op.axes)?;
                self.define(&op.out, result)
            }
            Op::ArgMax(op) => self.arg(Extreme::Max, op),
            Op::ArgMin(op) => self.arg(Extreme::Min, op),
            Op::MaxDimWithIndices(op) => self.with_indices(Reduction::Max, Extreme::Max, op),
            Op::MinDimWithIndices(op) => self.with_indices(Reduction::Min, Extreme::Min, op),
            Op::IntRandom(_) => Err(Refusal::Random),
            // Remainders, powers, cumulative operators, sorting, top-k.
            _ => Err(Refusal::UNSUPPORTED),
        }
    }

    pub(super) fn float(&mut self, operation: &FloatOperationIr) -> Result<(), Refusal> {
        use FloatOperationIr as Op;
        match operation {
            Op::Exp(op) => self.one(Unary::Exp, op),
            Op::Log(op) => self.one(Unary::Log, op),
            Op::Erf(op) => self.one(Unary::Erf, op),
            Op::Sqrt(op) => self.one(Unary::Sqrt, op),
            Op::Tanh(op) => self.one(Unary::Tanh, op),
            Op::Recip(op) => self.one(Unary::Recip, op),
            Op::IntoInt(op) => self.conversion(op),
            Op::Matmul(op) => self.matmul(op),
            Op::IsNan(op) => {
                let x = self.read(&op.input)?;
                let result = self.compare(Relation::NotEqual, x, x)?;
                self.define(&op.out, result)
            }
            Op::IsInf(op) => {
                let x = self.read(&op.input)?;
                let size = self.unary(Unary::Abs, x)?;
                let result =
                    self.compare_scalar(Relation::Equal, size, ScalarIr::Float(f64::INFINITY))?;
                self.define(&op.out, result)
            }
            Op::Random(_) => Err(Refusal::Random),
            Op::Quantize(_) | Op::Dequantize(_) => {
                Err(Refusal::Unsupported(Some("quantised types")))
            }
            _ => Err(Refusal::UNSUPPORTED),
        }
    }

    pub(super) fn int(&mut self, operation: &IntOperationIr) -> Result<(), Refusal> {
        match operation {
            IntOperationIr::IntoFloat(op) => self.conversion(op),
            IntOperationIr::Matmul(op) => self.matmul(op),
            _ => Err(Refusal::UNSUPPORTED),
        }
    }

    pub(super) fn boolean(&mut self, operation: &BoolOperationIr) -> Result<(), Refusal> {
        match operation {
            BoolOperationIr::IntoFloat(op) | BoolOperationIr::IntoInt(op) => self.conversion(op),
            BoolOperationIr::Not(op) => self.one(Unary::Not, op),
            BoolOperationIr::And(op) => self.two(Binary::And, op),
            BoolOperationIr::Or(op) => self.two(Binary::Or, op),
            BoolOperationIr::Xor(op) => self.comparison(Relation::NotEqual, op),
        }
    }

    pub(super) fn one(&mut self, function: Unary, op: &UnaryOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.unary(function, x)?;
        self.define(&op.out, result)
    }

    fn two(&mut self, function: Binary, op: &BinaryOpIr) -> Result<(), Refusal> {
        let (a, b) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
        let result = self.binary(function, a, b)?;
        self.define(&op.out, result)
    }

    fn one_and_scalar(&mut self, function: Binary, op: &ScalarOpIr) -> Result<(), Refusal> {
        let a = self.read(&op.lhs)?;
        let result = self.with_scalar(function, a, op.rhs)?;
        self.define(&op.out, result)
    }

    fn conversion(&mut self, op: &CastOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.cast(x, value::dtype(op.out.dtype)?)?;
        self.define(&op.out, result)
    }

    /// `(x > 0) - (x < 0)`; zero for NaN.
    fn sign(&mut self, op: &UnaryOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let dtype = self.type_of(x)?.dtype;
        let positive = self.compare_scalar(Relation::Greater, x, ScalarIr::Int(0))?;
        let negative = self.compare_scalar(Relation::Less, x, ScalarIr::Int(0))?;
        let (positive, negative) = (self.cast(positive, dtype)?, self.cast(negative, dtype)?);
        let result = self.binary(Binary::Sub, positive, negative)?;
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

    /// A whole power as a chain of multiplications from the left, negative ones as the reciprocal of it.
    fn power(&mut self, x: ValueId, exponent: ScalarIr) -> Step {
        let exponent = exponent.elem::<i64>();
        if exponent == 0 || exponent.abs() > MAX_EXPONENT {
            return Err(Refusal::Unsupported(Some(
                "powers other than 1 to 16 and their reciprocals",
            )));
        }
        let mut power = x;
        for _ in 1..exponent.abs() {
            power = self.binary(Binary::Mul, power, x)?;
        }
        if exponent < 0 { self.unary(Unary::Recip, power) } else { Ok(power) }
    }

    fn pad(&mut self, op: &PadOpIr) -> Result<(), Refusal> {
        let PadModeIr::Constant(fill) = op.mode else {
            return Err(Refusal::Unsupported(Some("padding by reflection or repetition")));
        };
        let x = self.read(&op.input)?;
        let padding =
            op.padding.iter().map(|&(before, after)| (before as u64, after as u64)).collect();
        let value = self.scalar_like(x, fill)?;
        let result = self.push(Operator::Pad { padding, value }, &[x])?;
        self.define(&op.out, result)
    }

    fn whole(&mut self, function: Reduction, op: &ReduceOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.reduce_all(function, x)?;
        self.define(&op.out, result)
    }

    fn along(&mut self, function: Reduction, op: &ReduceDimOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.reduce(function, x, &[op.axis])?;
        self.define(&op.out, result)
    }

    fn arg(&mut self, extreme: Extreme, op: &ReduceDimOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.index_of(extreme, x, op.axis, op.out.dtype)?;
        self.define(&op.out, result)
    }

    fn index_of(&mut self, extreme: Extreme, x: ValueId, axis: usize, dtype: BurnDType) -> Step {
        let axis = axis_number(axis)?;
        let index = self.push(Operator::Arg { extreme, axis }, &[x])?;
        self.cast(index, value::dtype(dtype)?)
    }

    fn with_indices(
        &mut self,
        function: Reduction,
        extreme: Extreme,
        op: &ReduceDimWithIndicesOpIr,
    ) -> Result<(), Refusal> {
        let x = self.read(&op.tensor)?;
        let reduced = self.reduce(function, x, &[op.dim])?;
        self.define(&op.out, reduced)?;
        let index = self.index_of(extreme, x, op.dim, op.out_indices.dtype)?;
        self.define(&op.out_indices, index)
    }
}
