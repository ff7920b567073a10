//! Reductions, and what else walks along an axis.

use burn::tensor::DType as BurnDType;
use burn_ir::{NumericOperationIr, ReduceDimOpIr, ReduceDimWithIndicesOpIr, ReduceOpIr};
use gainsay_canon::{Extreme, Operator, Reduction, Unary};

use super::steps::axis_number;
use super::{Lowering, Step, value};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn reduction(&mut self, operation: &NumericOperationIr) -> Result<(), Refusal> {
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
            Op::CumSum(op) => self.cumulative(Reduction::Sum, op),
            Op::CumProd(op) => self.cumulative(Reduction::Product, op),
            Op::CumMin(op) => self.cumulative(Reduction::Min, op),
            Op::CumMax(op) => self.cumulative(Reduction::Max, op),
            Op::Sort(op) => self.sort(op),
            Op::ArgSort(op) => self.arg_sort(op),
            Op::SortWithIndices(op) => self.sort_with_indices(op),
            Op::TopK(op) => self.top(op),
            Op::ArgTopK(op) => self.arg_top(op),
            Op::TopKWithIndices(op) => self.top_with_indices(op),
            _ => Err(Refusal::Unsupported(None)),
        }
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
        if self.is_read(&op.out) {
            let reduced = self.reduce(function, x, &[op.dim])?;
            self.define(&op.out, reduced)?;
        }
        if self.is_read(&op.out_indices) {
            let index = self.index_of(extreme, x, op.dim, op.out_indices.dtype)?;
            self.define(&op.out_indices, index)?;
        }
        Ok(())
    }
}
