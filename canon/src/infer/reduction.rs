//! Types of reductions, pooling and softmax.

use super::{Door, Inferred};
use crate::shape::Sliding;
use crate::{DType, OperatorError, Reduction, Rounding, TensorType, Window2d};

impl Door<'_> {
    pub(super) fn reduce(&self, function: Reduction, axes: &[u8]) -> Inferred {
        let x = self.one()?;
        let extreme = matches!(function, Reduction::Max | Reduction::Min);
        let number = x.dtype.is_float() || x.dtype.is_integer();
        self.dtype(x.dtype, number || (extreme && x.dtype == DType::Bool))?;
        if !axes.is_sorted_by(|a, b| a < b) {
            return Err(self.attribute(format!("axes {axes:?} are not ascending")));
        }
        let mut result = x.clone();
        for &axis in axes {
            let extent = self.extent(x, axis)?;
            if extent == 0 && extreme {
                return Err(self.shape(format!("axis {axis} of {x} is empty")));
            }
            if let Some(extent) = result.shape.get_mut(usize::from(axis)) {
                *extent = 1;
            }
        }
        Ok(result)
    }

    pub(super) fn arg(&self, axis: u8) -> Inferred {
        let x = self.one()?;
        self.ordered(x.dtype)?;
        if self.extent(x, axis)? == 0 {
            return Err(self.shape(format!("axis {axis} of {x} is empty")));
        }
        let mut shape = x.shape.clone();
        if let Some(extent) = shape.get_mut(usize::from(axis)) {
            *extent = 1;
        }
        Ok(TensorType::new(DType::I64, shape))
    }

    /// An element type with an order in which extremes are found without arithmetic.
    fn ordered(&self, dtype: DType) -> Result<(), OperatorError> {
        self.dtype(dtype, dtype.is_float() || dtype.is_integer() || dtype == DType::Bool)
    }

    pub(super) fn cumulative(&self, function: Reduction, axis: u8) -> Inferred {
        let x = self.one()?;
        self.dtype(x.dtype, x.dtype.is_float() || x.dtype.is_integer())?;
        self.extent(x, axis)?;
        if function == Reduction::Mean {
            return Err(self.attribute("there is no cumulative mean"));
        }
        Ok(x.clone())
    }

    pub(super) fn sort(&self, axis: u8) -> Inferred {
        let x = self.one()?;
        self.extent(x, axis)?;
        Ok(x.clone())
    }

    pub(super) fn arg_sort(&self, axis: u8) -> Inferred {
        Ok(TensorType::new(DType::I64, self.sort(axis)?.shape))
    }

    pub(super) fn arg_max_pool(&self, window: &Window2d) -> Inferred {
        Ok(TensorType::new(DType::I64, self.pool(window)?.shape))
    }

    pub(super) fn adaptive_pool3d(&self, output: [u64; 3]) -> Inferred {
        let x = self.one()?;
        self.dtype(x.dtype, x.dtype.is_float())?;
        let &[batch, channels, _, _, _] = x.shape.as_slice() else {
            return Err(self.shape(format!("{x} is not of 5 axes")));
        };
        Ok(TensorType::new(x.dtype, [batch, channels, output[0], output[1], output[2]]))
    }

    /// The one operand of pooling and its extents: batch, channels, height, width.
    fn image(&self) -> Result<(&TensorType, [u64; 4]), OperatorError> {
        let x = self.one()?;
        self.dtype(x.dtype, x.dtype.is_float())?;
        match x.shape.as_slice().try_into() {
            Ok(extents) => Ok((x, extents)),
            Err(_) => Err(self.shape(format!("{x} is not of 4 axes"))),
        }
    }

    pub(super) fn pool(&self, window: &Window2d) -> Inferred {
        let (x, [batch, channels, height, width]) = self.image()?;
        let mut spatial = [0; 2];
        for (axis, extent) in [height, width].into_iter().enumerate() {
            let sliding = Sliding {
                kernel: window.kernel[axis],
                stride: window.stride[axis],
                padding: window.padding[axis],
                dilation: window.dilation[axis],
                ceil: window.rounding == Rounding::Ceil,
            };
            spatial[axis] = sliding.count(extent).map_err(|reason| self.attribute(reason))?;
        }
        Ok(TensorType::new(x.dtype, [batch, channels, spatial[0], spatial[1]]))
    }

    pub(super) fn average_pool(&self, window: &Window2d) -> Inferred {
        if window.dilation != [1, 1] {
            return Err(self.attribute(format!("dilation {:?} is not [1, 1]", window.dilation)));
        }
        self.pool(window)
    }

    pub(super) fn adaptive_pool(&self, output: [u64; 2]) -> Inferred {
        let (x, [batch, channels, ..]) = self.image()?;
        Ok(TensorType::new(x.dtype, [batch, channels, output[0], output[1]]))
    }

    pub(super) fn softmax(&self, axis: u8) -> Inferred {
        let x = self.one()?;
        self.dtype(x.dtype, x.dtype.is_float())?;
        self.extent(x, axis)?;
        Ok(x.clone())
    }
}
