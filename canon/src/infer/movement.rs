//! Types of the operators that move elements.

use super::{Door, Inferred};
use crate::shape::MAX_RANK;
use crate::{DType, OperatorError, Scalar, SliceRange, TensorType};

impl Door<'_> {
    pub(super) fn reshape(&self, shape: &[u64]) -> Inferred {
        let x = self.one()?;
        let result = TensorType::new(x.dtype, shape);
        self.possible(&result)?;
        if result.elements() != x.elements() {
            return Err(self.shape(format!("{x} has not as many elements as {result}")));
        }
        Ok(result)
    }

    pub(super) fn permute(&self, axes: &[u8]) -> Inferred {
        let x = self.one()?;
        let rank = x.shape.len();
        let mut seen = [false; MAX_RANK];
        for &axis in axes {
            match seen.get_mut(usize::from(axis)) {
                Some(seen) if usize::from(axis) < rank && !*seen => *seen = true,
                _ => {
                    return Err(
                        self.attribute(format!("axes {axes:?} do not permute those of {x}"))
                    );
                }
            }
        }
        if axes.len() != rank {
            return Err(self.attribute(format!("axes {axes:?} do not permute those of {x}")));
        }
        let shape: Result<Vec<u64>, _> = axes.iter().map(|&axis| self.extent(x, axis)).collect();
        Ok(TensorType::new(x.dtype, shape?))
    }

    pub(super) fn slice(&self, ranges: &[SliceRange]) -> Inferred {
        let x = self.one()?;
        Ok(TensorType::new(x.dtype, self.ranges(x, ranges)?))
    }

    /// The shape of a slice of `x`.
    pub(super) fn ranges(
        &self,
        x: &TensorType,
        ranges: &[SliceRange],
    ) -> Result<Vec<u64>, OperatorError> {
        if ranges.len() != x.shape.len() {
            return Err(self.attribute(format!("{} ranges for {x}", ranges.len())));
        }
        let mut shape = Vec::with_capacity(ranges.len());
        for (axis, (range, &extent)) in ranges.iter().zip(&x.shape).enumerate() {
            if range.step == 0 {
                return Err(self.attribute(format!("step 0 on axis {axis}")));
            }
            if range.start > range.end || range.end > extent {
                let SliceRange { start, end, .. } = range;
                return Err(self.attribute(format!("range {start}..{end} on axis {axis} of {x}")));
            }
            shape.push((range.end - range.start).div_ceil(range.step.unsigned_abs()));
        }
        Ok(shape)
    }

    pub(super) fn concat(&self, axis: u8) -> Inferred {
        let (first, rest) = self.operands.split_first().ok_or_else(|| self.arity("at least 1"))?;
        let along = usize::from(axis);
        let mut extent = self.extent(first, axis)?;
        for x in rest {
            self.same(first.dtype, x.dtype)?;
            let fits = x.shape.len() == first.shape.len()
                && x.shape
                    .iter()
                    .zip(&first.shape)
                    .enumerate()
                    .all(|(i, (a, b))| i == along || a == b);
            if !fits {
                return Err(self.shape(format!("{first} and {x} do not join along axis {axis}")));
            }
            let sum = extent.checked_add(self.extent(x, axis)?);
            extent = sum.ok_or_else(|| self.shape("the joined axis is too long"))?;
        }
        let mut result = first.clone();
        if let Some(joined) = result.shape.get_mut(along) {
            *joined = extent;
        }
        Ok(result)
    }

    pub(super) fn expand(&self, shape: &[u64]) -> Inferred {
        let x = self.one()?;
        let result = TensorType::new(x.dtype, shape);
        self.possible(&result)?;
        if crate::shape::broadcast(&x.shape, shape).as_deref() != Some(shape) {
            return Err(self.shape(format!("{x} does not broadcast to {shape:?}")));
        }
        Ok(result)
    }

    pub(super) fn cast(&self, to: DType) -> Inferred {
        let x = self.one()?;
        Ok(TensorType::new(to, x.shape.as_slice()))
    }

    pub(super) fn full(&self, shape: &[u64], value: Scalar) -> Inferred {
        if !self.operands.is_empty() {
            return Err(self.arity("no"));
        }
        self.scalar(value.dtype, value)?;
        Ok(TensorType::new(value.dtype, shape))
    }

    pub(super) fn pad(&self, padding: &[(u64, u64)], value: Scalar) -> Inferred {
        let x = self.one()?;
        self.scalar(x.dtype, value)?;
        self.padded(x, padding)
    }

    /// `x` with elements added at the ends of its axes.
    pub(super) fn padded(&self, x: &TensorType, padding: &[(u64, u64)]) -> Inferred {
        if padding.len() != x.shape.len() {
            return Err(self.attribute(format!("padding for {} axes on {x}", padding.len())));
        }
        let mut shape = Vec::with_capacity(padding.len());
        for (&extent, &(before, after)) in x.shape.iter().zip(padding) {
            let padded = extent.checked_add(before).and_then(|sum| sum.checked_add(after));
            shape.push(padded.ok_or_else(|| {
                self.attribute(format!("padding {before} and {after} on {extent}"))
            })?);
        }
        Ok(TensorType::new(x.dtype, shape))
    }
}
