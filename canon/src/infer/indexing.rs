//! Types of the operators that read and write at indices: any integer type, any value.

use super::{Door, Inferred};
use crate::{DType, OperatorError, SliceRange, TensorType, Update};

impl Door<'_> {
    fn index(&self, indices: &TensorType) -> Result<(), OperatorError> {
        self.dtype(indices.dtype, indices.dtype.is_integer())
    }

    /// Whether the update is defined for the element type.
    fn update(&self, dtype: DType, update: Update) -> Result<(), OperatorError> {
        let supported = match update {
            Update::Assign => true,
            Update::Add => dtype.is_float() || dtype.is_integer() || dtype == DType::Bool,
            Update::Mul | Update::Min | Update::Max => dtype.is_float() || dtype.is_integer(),
        };
        self.dtype(dtype, supported)
    }

    /// `values` are of the element type of `x` and of this shape.
    fn values(
        &self,
        x: &TensorType,
        values: &TensorType,
        shape: &[u64],
    ) -> Result<(), OperatorError> {
        self.same(x.dtype, values.dtype)?;
        if values.shape != shape {
            return Err(self.shape(format!("values {values} where {}{shape:?} is due", x.dtype)));
        }
        Ok(())
    }

    fn three(&self) -> Result<[&TensorType; 3], OperatorError> {
        match self.operands {
            [x, indices, values] => Ok([x, indices, values]),
            _ => Err(self.arity("3")),
        }
    }

    /// `indices` have the axes of `x`, none but `axis` longer.
    fn beside(&self, x: &TensorType, indices: &TensorType, axis: u8) -> Result<(), OperatorError> {
        self.index(indices)?;
        self.extent(x, axis)?;
        let fits = x.shape.len() == indices.shape.len()
            && x.shape
                .iter()
                .zip(&indices.shape)
                .enumerate()
                .all(|(i, (x, indices))| i == usize::from(axis) || indices <= x);
        if fits {
            return Ok(());
        }
        Err(self.shape(format!("indices {indices} do not lie beside {x} along axis {axis}")))
    }

    pub(super) fn gather(&self, axis: u8) -> Inferred {
        let (x, indices) = self.two()?;
        self.beside(x, indices, axis)?;
        Ok(TensorType::new(x.dtype, indices.shape.as_slice()))
    }

    pub(super) fn scatter(&self, axis: u8, update: Update) -> Inferred {
        let [x, indices, values] = self.three()?;
        self.beside(x, indices, axis)?;
        self.update(x.dtype, update)?;
        self.values(x, values, &indices.shape)?;
        Ok(x.clone())
    }

    /// The shape of `x` with that of `indices` in place of `axis`.
    fn taken(
        &self,
        x: &TensorType,
        indices: &TensorType,
        axis: u8,
    ) -> Result<Vec<u64>, OperatorError> {
        self.index(indices)?;
        self.extent(x, axis)?;
        let (before, rest) = x.shape.split_at(usize::from(axis));
        let mut shape = before.to_vec();
        shape.extend(&indices.shape);
        shape.extend(rest.iter().skip(1));
        Ok(shape)
    }

    pub(super) fn take(&self, axis: u8) -> Inferred {
        let (x, indices) = self.two()?;
        Ok(TensorType::new(x.dtype, self.taken(x, indices, axis)?))
    }

    pub(super) fn take_assign(&self, axis: u8, update: Update) -> Inferred {
        let [x, indices, values] = self.three()?;
        if indices.shape.len() != 1 {
            return Err(self.shape(format!("indices {indices} are not of 1 axis")));
        }
        self.update(x.dtype, update)?;
        self.values(x, values, &self.taken(x, indices, axis)?)?;
        Ok(x.clone())
    }

    /// The shape of the slices of `x` at the coordinates in `indices`.
    fn sliced(&self, x: &TensorType, indices: &TensorType) -> Result<Vec<u64>, OperatorError> {
        self.index(indices)?;
        let Some((&depth, places)) = indices.shape.split_last() else {
            return Err(self.shape(format!("indices {indices} have no axis of coordinates")));
        };
        let behind = usize::try_from(depth).ok().and_then(|depth| x.shape.get(depth..));
        let Some(behind) = behind else {
            return Err(self.shape(format!("{depth} coordinates for {x}")));
        };
        Ok([places, behind].concat())
    }

    pub(super) fn gather_nd(&self) -> Inferred {
        let (x, indices) = self.two()?;
        Ok(TensorType::new(x.dtype, self.sliced(x, indices)?))
    }

    pub(super) fn scatter_nd(&self, update: Update) -> Inferred {
        let [x, indices, values] = self.three()?;
        self.update(x.dtype, update)?;
        self.values(x, values, &self.sliced(x, indices)?)?;
        Ok(x.clone())
    }

    pub(super) fn slice_assign(&self, ranges: &[SliceRange]) -> Inferred {
        let (x, value) = self.two()?;
        self.values(x, value, &self.ranges(x, ranges)?)?;
        Ok(x.clone())
    }
}
