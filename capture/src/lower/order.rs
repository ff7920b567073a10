//! What puts elements in order or walks along an axis: sorting, top-k, cumulative operators.
//!
//! Sorting is stable and NaN is last, also in descending order, where Burn's backends put it first and break ties as
//! they like. Top-k is the head of the descending sort, so of equal elements the one with the lowest index comes first.

use burn::tensor::DType as BurnDType;
use burn_ir::{
    DimOpIr, ReduceDimOpIr, SortOpIr, SortWithIndicesOpIr, TensorIr, TopKWithIndicesOpIr,
};
use gainsay_canon::{Operator, Order, Reduction, SliceRange};

use super::steps::axis_number;
use super::{Lowering, Step, value};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn cumulative(&mut self, function: Reduction, op: &DimOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let operator = Operator::Cumulative { function, axis: axis_number(op.axis)? };
        let result = self.push(operator, &[x])?;
        self.define(&op.out, result)
    }

    pub(super) fn sort(&mut self, op: &SortOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.sorted(x, op.dim, order(op.descending))?;
        self.define(&op.out, result)
    }

    pub(super) fn arg_sort(&mut self, op: &SortOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let result = self.sorting(x, op.dim, order(op.descending), op.out.dtype)?;
        self.define(&op.out, result)
    }

    pub(super) fn sort_with_indices(&mut self, op: &SortWithIndicesOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let order = order(op.descending);
        if self.is_read(&op.out) {
            let sorted = self.sorted(x, op.dim, order)?;
            self.define(&op.out, sorted)?;
        }
        if self.is_read(&op.out_indices) {
            let indices = self.sorting(x, op.dim, order, op.out_indices.dtype)?;
            self.define(&op.out_indices, indices)?;
        }
        Ok(())
    }

    pub(super) fn top(&mut self, op: &ReduceDimOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let sorted = self.sorted(x, op.axis, Order::Descending)?;
        let result = self.head(sorted, op.axis, op.accumulator_len)?;
        self.define(&op.out, result)
    }

    pub(super) fn arg_top(&mut self, op: &ReduceDimOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let indices = self.sorting(x, op.axis, Order::Descending, op.out.dtype)?;
        let result = self.head(indices, op.axis, op.accumulator_len)?;
        self.define(&op.out, result)
    }

    pub(super) fn top_with_indices(&mut self, op: &TopKWithIndicesOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.tensor)?;
        if self.is_read(&op.out) {
            let sorted = self.sorted(x, op.dim, Order::Descending)?;
            let values = self.head(sorted, op.dim, op.k)?;
            self.define(&op.out, values)?;
        }
        if self.is_read(&op.out_indices) {
            let indices = self.sorting(x, op.dim, Order::Descending, op.out_indices.dtype)?;
            let indices = self.head(indices, op.dim, op.k)?;
            self.define(&op.out_indices, indices)?;
        }
        Ok(())
    }

    /// Whether anything that matters reads a result; of several results, the others are not computed.
    pub(super) fn is_read(&self, result: &TensorIr) -> bool {
        self.readers.contains_key(&result.id)
    }

    fn sorted(&mut self, x: ValueId, axis: usize, order: Order) -> Step {
        self.push(Operator::Sort { axis: axis_number(axis)?, order }, &[x])
    }

    fn sorting(&mut self, x: ValueId, axis: usize, order: Order, dtype: BurnDType) -> Step {
        let indices = self.push(Operator::ArgSort { axis: axis_number(axis)?, order }, &[x])?;
        self.cast(indices, value::dtype(dtype)?)
    }

    /// The first `count` elements along an axis.
    fn head(&mut self, x: ValueId, axis: usize, count: usize) -> Step {
        let shape = self.type_of(x)?.shape;
        let range = |(at, &extent): (usize, &u64)| SliceRange {
            start: 0,
            end: if at == axis { count as u64 } else { extent },
            step: 1,
        };
        let ranges = shape.iter().enumerate().map(range).collect();
        self.push(Operator::Slice { ranges }, &[x])
    }
}

fn order(descending: bool) -> Order {
    if descending { Order::Descending } else { Order::Ascending }
}
