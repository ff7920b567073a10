//! Operations on tensors of any kind: movement, masks, comparisons, creation.

use burn::tensor::Slice;
use burn_ir::{
    BaseOperationIr, BinaryOpIr, CreationOpIr, MaskFillOpIr, ReduceDimOpIr, ReduceOpIr,
    RepeatDimOpIr, ScalarIr, ScalarOpIr,
};
use gainsay_canon::{DType, Operator, Reduction, Relation, Scalar, SliceRange};

use super::steps::axis_number;
use super::value::{self, extents};
use super::{Lowering, Step};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn base(&mut self, operation: &BaseOperationIr) -> Result<(), Refusal> {
        use BaseOperationIr as Op;
        match operation {
            Op::Reshape(op) => {
                let x = self.read(&op.input)?;
                let result = self.reshape(x, extents(op.out.shape.as_slice()))?;
                self.define(&op.out, result)
            }
            Op::SwapDims(op) => {
                let mut axes: Vec<usize> = (0..op.input.shape.as_slice().len()).collect();
                axes.swap(op.dim1, op.dim2);
                let x = self.read(&op.input)?;
                let result = self.permute(x, &axes)?;
                self.define(&op.out, result)
            }
            Op::Permute(op) => {
                let x = self.read(&op.input)?;
                let result = self.permute(x, &op.axes)?;
                self.define(&op.out, result)
            }
            Op::Flip(op) => {
                let x = self.read(&op.input)?;
                let flipped = |(axis, &extent): (usize, &u64)| SliceRange {
                    start: 0,
                    end: extent,
                    step: if op.axes.contains(&axis) { -1 } else { 1 },
                };
                let ranges = self.type_of(x)?.shape.iter().enumerate().map(flipped).collect();
                let result = self.push(Operator::Slice { ranges }, &[x])?;
                self.define(&op.out, result)
            }
            Op::Expand(op) => {
                let x = self.read(&op.input)?;
                let result = self.expand(x, extents(op.out.shape.as_slice()))?;
                self.define(&op.out, result)
            }
            Op::Slice(op) => {
                let x = self.read(&op.tensor)?;
                let ranges = ranges(&op.ranges, op.tensor.shape.as_slice());
                let result = self.push(Operator::Slice { ranges }, &[x])?;
                self.define(&op.out, result)
            }
            Op::SliceAssign(op) => self.slice_assign(op),
            Op::MaskWhere(op) => {
                let (x, mask, value) =
                    (self.read(&op.tensor)?, self.read(&op.mask)?, self.read(&op.value)?);
                let result = self.select(mask, value, x)?;
                self.define(&op.out, result)
            }
            Op::MaskFill(op) => self.mask_fill(op),
            Op::RepeatDim(op) => self.repeat(op),
            Op::Cat(op) => {
                let parts = op
                    .tensors
                    .iter()
                    .map(|tensor| self.read(tensor))
                    .collect::<Result<Vec<_>, _>>()?;
                let axis = axis_number(op.dim)?;
                let result = self.push(Operator::Concat { axis }, &parts)?;
                self.define(&op.out, result)
            }
            Op::Cast(op) => {
                let x = self.read(&op.input)?;
                let result = self.cast(x, value::dtype(op.out.dtype)?)?;
                self.define(&op.out, result)
            }
            // What Burn leaves undefined is defined: zeros.
            Op::Empty(op) | Op::Zeros(op) => self.create(op, ScalarIr::Int(0)),
            Op::Ones(op) => self.create(op, ScalarIr::Int(1)),
            Op::Equal(op) => self.comparison(Relation::Equal, op),
            Op::NotEqual(op) => self.comparison(Relation::NotEqual, op),
            Op::EqualElem(op) => self.scalar_comparison(Relation::Equal, op),
            Op::NotEqualElem(op) => self.scalar_comparison(Relation::NotEqual, op),
            Op::All(op) => self.holds(Reduction::Min, op),
            Op::Any(op) => self.holds(Reduction::Max, op),
            Op::AllDim(op) => self.holds_along(Reduction::Min, op),
            Op::AnyDim(op) => self.holds_along(Reduction::Max, op),
            Op::Unfold(op) => self.unfold(op),
            Op::Select(op) => self.take(op),
            Op::SelectAssign(op) => self.take_assign(op),
            Op::Gather(op) => self.gather(op),
            Op::Scatter(op) => self.scatter(op),
            Op::ScatterNd(op) => self.scatter_nd(op),
            Op::GatherNd(op) => self.gather_nd(op),
        }
    }

    pub(super) fn permute(&mut self, x: ValueId, axes: &[usize]) -> Step {
        let axes = axes.iter().map(|&axis| axis_number(axis)).collect::<Result<Vec<u8>, _>>()?;
        self.push(Operator::Permute { axes }, &[x])
    }

    pub(super) fn expand(&mut self, x: ValueId, shape: Vec<u64>) -> Step {
        if self.type_of(x)?.shape == shape {
            return Ok(x);
        }
        self.push(Operator::Expand { shape }, &[x])
    }

    fn create(&mut self, op: &CreationOpIr, fill: ScalarIr) -> Result<(), Refusal> {
        let tensor_type = value::tensor_type(&op.out)?;
        let fill = value::scalar(fill, tensor_type.dtype)?;
        let result = self.full(tensor_type.shape, fill)?;
        self.define(&op.out, result)
    }

    pub(super) fn comparison(
        &mut self,
        relation: Relation,
        op: &BinaryOpIr,
    ) -> Result<(), Refusal> {
        let (a, b) = (self.read(&op.lhs)?, self.read(&op.rhs)?);
        let result = self.compare(relation, a, b)?;
        self.define(&op.out, result)
    }

    pub(super) fn scalar_comparison(
        &mut self,
        relation: Relation,
        op: &ScalarOpIr,
    ) -> Result<(), Refusal> {
        let a = self.read(&op.lhs)?;
        let result = self.compare_scalar(relation, a, op.rhs)?;
        self.define(&op.out, result)
    }

    fn mask_fill(&mut self, op: &MaskFillOpIr) -> Result<(), Refusal> {
        let (x, mask) = (self.read(&op.tensor)?, self.read(&op.mask)?);
        let fill = self.scalar_like(x, op.value)?;
        let fill = self.full(Vec::new(), fill)?;
        let result = self.select(mask, fill, x)?;
        self.define(&op.out, result)
    }

    /// `x` repeated along an axis: an axis in front of it is expanded, then merged into it.
    fn repeat(&mut self, op: &RepeatDimOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.tensor)?;
        let mut shape = self.type_of(x)?.shape;
        let (axis, times) = (op.dim.min(shape.len()), op.times as u64);
        shape.insert(axis, 1);
        let split = self.reshape(x, shape.clone())?;
        if let Some(extent) = shape.get_mut(axis) {
            *extent = times;
        }
        let expanded = self.expand(split, shape)?;
        let result = self.reshape(expanded, extents(op.out.shape.as_slice()))?;
        self.define(&op.out, result)
    }

    /// Whether an element is not zero.
    fn truth(&mut self, x: ValueId) -> Step {
        match self.type_of(x)?.dtype {
            DType::Bool => Ok(x),
            _ => self.compare_scalar(Relation::NotEqual, x, ScalarIr::Int(0)),
        }
    }

    fn holds(&mut self, function: Reduction, op: &ReduceOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let axes: Vec<usize> = (0..self.type_of(x)?.shape.len()).collect();
        let reduced = self.holds_over(function, x, &axes)?;
        let result = self.reshape(reduced, vec![1])?;
        self.define(&op.out, result)
    }

    fn holds_along(&mut self, function: Reduction, op: &ReduceDimOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.holds_over(function, x, &[op.axis])?;
        self.define(&op.out, result)
    }

    /// All of no elements hold, none of them does.
    fn holds_over(&mut self, function: Reduction, x: ValueId, axes: &[usize]) -> Step {
        let mut shape = self.type_of(x)?.shape;
        let empty = axes.iter().any(|&axis| shape.get(axis) == Some(&0));
        if empty {
            for &axis in axes {
                shape.iter_mut().skip(axis).take(1).for_each(|extent| *extent = 1);
            }
            return self.full(shape, Scalar::bool(function == Reduction::Min));
        }
        let truth = self.truth(x)?;
        self.reduce(function, truth, axes)
    }
}

/// Canonical ranges for every axis; axes without a slice are taken whole.
pub(super) fn ranges(slices: &[Slice], shape: &[usize]) -> Vec<SliceRange> {
    let range = |(axis, &extent): (usize, &usize)| match slices.get(axis) {
        Some(slice) => {
            let range = slice.to_range(extent);
            SliceRange {
                start: range.start.min(range.end) as u64,
                end: range.end as u64,
                step: slice.step as i64,
            }
        }
        None => SliceRange { start: 0, end: extent as u64, step: 1 },
    };
    shape.iter().enumerate().map(range).collect()
}
