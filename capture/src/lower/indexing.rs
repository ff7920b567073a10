//! Reading and writing at indices, windows and regions.
//!
//! Burn panics on an index out of range, canon reads zero and skips the write: no program that Burn runs differs.

use burn::tensor::IndexingUpdateOp;
use burn_ir::{
    GatherNdOpIr, GatherOpIr, ScatterNdOpIr, ScatterOpIr, SelectAssignOpIr, SelectOpIr,
    SliceAssignOpIr, UnfoldOpIr,
};
use gainsay_canon::{Operator, SliceRange, Update};

use super::Lowering;
use super::base::ranges;
use super::steps::axis_number;
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn gather(&mut self, op: &GatherOpIr) -> Result<(), Refusal> {
        let (x, indices) = (self.read(&op.tensor)?, self.read(&op.indices)?);
        let result = self.push(Operator::Gather { axis: axis_number(op.dim)? }, &[x, indices])?;
        self.define(&op.out, result)
    }

    pub(super) fn gather_nd(&mut self, op: &GatherNdOpIr) -> Result<(), Refusal> {
        let (x, indices) = (self.read(&op.data)?, self.read(&op.indices)?);
        let result = self.push(Operator::GatherNd, &[x, indices])?;
        self.define(&op.out, result)
    }

    pub(super) fn take(&mut self, op: &SelectOpIr) -> Result<(), Refusal> {
        let (x, indices) = (self.read(&op.tensor)?, self.read(&op.indices)?);
        let result = self.push(Operator::Take { axis: axis_number(op.dim)? }, &[x, indices])?;
        self.define(&op.out, result)
    }

    pub(super) fn scatter(&mut self, op: &ScatterOpIr) -> Result<(), Refusal> {
        let (x, indices) = (self.read(&op.tensor)?, self.read(&op.indices)?);
        let values = self.read(&op.value)?;
        let operator = Operator::Scatter { axis: axis_number(op.dim)?, update: update(&op.update) };
        let result = self.push(operator, &[x, indices, values])?;
        self.define(&op.out, result)
    }

    pub(super) fn take_assign(&mut self, op: &SelectAssignOpIr) -> Result<(), Refusal> {
        let (x, indices) = (self.read(&op.tensor)?, self.read(&op.indices)?);
        let values = self.read(&op.value)?;
        let operator =
            Operator::TakeAssign { axis: axis_number(op.dim)?, update: update(&op.update) };
        let result = self.push(operator, &[x, indices, values])?;
        self.define(&op.out, result)
    }

    pub(super) fn scatter_nd(&mut self, op: &ScatterNdOpIr) -> Result<(), Refusal> {
        let (x, indices) = (self.read(&op.data)?, self.read(&op.indices)?);
        let values = self.read(&op.values)?;
        let operator = Operator::ScatterNd { update: update(&op.reduction) };
        let result = self.push(operator, &[x, indices, values])?;
        self.define(&op.out, result)
    }

    /// The new values are broadcast to the region.
    pub(super) fn slice_assign(&mut self, op: &SliceAssignOpIr) -> Result<(), Refusal> {
        let (x, value) = (self.read(&op.tensor)?, self.read(&op.value)?);
        let ranges = ranges(&op.ranges, op.tensor.shape.as_slice());
        let region = ranges.iter().map(taken).collect();
        let value = self.expand(value, region)?;
        let result = self.push(Operator::SliceAssign { ranges }, &[x, value])?;
        self.define(&op.out, result)
    }

    pub(super) fn unfold(&mut self, op: &UnfoldOpIr) -> Result<(), Refusal> {
        let x: ValueId = self.read(&op.input)?;
        let operator = Operator::Unfold {
            axis: axis_number(op.dim)?,
            size: op.size as u64,
            step: op.step as u64,
        };
        let result = self.push(operator, &[x])?;
        self.define(&op.out, result)
    }
}

/// How many elements a range takes.
fn taken(range: &SliceRange) -> u64 {
    range.end.saturating_sub(range.start).div_ceil(range.step.unsigned_abs().max(1))
}

fn update(update: &IndexingUpdateOp) -> Update {
    match update {
        IndexingUpdateOp::Assign => Update::Assign,
        IndexingUpdateOp::Add => Update::Add,
        IndexingUpdateOp::Mul => Update::Mul,
        IndexingUpdateOp::Min => Update::Min,
        IndexingUpdateOp::Max => Update::Max,
    }
}
