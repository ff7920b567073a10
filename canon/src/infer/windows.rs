//! Types of windows, extensions and resampling.

use super::{Door, Inferred};
use crate::shape::Sliding;
use crate::{Extension, Interpolation, OperatorError, TensorType};

impl Door<'_> {
    pub(super) fn unfold(&self, axis: u8, size: u64, step: u64) -> Inferred {
        let x = self.one()?;
        let extent = self.extent(x, axis)?;
        if size == 0 || step == 0 {
            return Err(self.attribute(format!("windows of {size}, {step} apart")));
        }
        let windows = extent.checked_sub(size).map_or(0, |rest| rest / step + 1);
        let mut result = x.clone();
        if let Some(extent) = result.shape.get_mut(usize::from(axis)) {
            *extent = windows;
        }
        result.shape.push(size);
        Ok(result)
    }

    pub(super) fn extend(&self, padding: &[(u64, u64)], mode: Extension) -> Inferred {
        let x = self.one()?;
        let result = self.padded(x, padding)?;
        for (axis, (&extent, &(before, after))) in x.shape.iter().zip(padding).enumerate() {
            let most = before.max(after);
            let possible = match mode {
                Extension::Reflect => most == 0 || most < extent,
                Extension::Edge => most == 0 || extent > 0,
            };
            if !possible {
                return Err(self.attribute(format!(
                    "padding {before} and {after} beyond the {extent} elements of axis {axis}"
                )));
            }
        }
        Ok(result)
    }

    pub(super) fn unfold2d(
        &self,
        kernel: [u64; 2],
        stride: [u64; 2],
        padding: [u64; 2],
        dilation: [u64; 2],
    ) -> Inferred {
        let x = self.one()?;
        let [batch, channels, height, width] = self.four(x)?;
        let spatial = self.spatial([height, width], kernel, [stride, padding, dilation])?;
        let product = |[a, b]: [u64; 2]| a.checked_mul(b);
        let rows = product(kernel).and_then(|window| window.checked_mul(channels));
        let (Some(rows), Some(windows)) = (rows, product(spatial)) else {
            return Err(self.shape(format!("windows of {kernel:?} of {x} are too many")));
        };
        Ok(TensorType::new(x.dtype, [batch, rows, windows]))
    }

    /// The extents of a tensor of four axes.
    fn four(&self, x: &TensorType) -> Result<[u64; 4], OperatorError> {
        let wrong = |_| self.shape(format!("{x} is not of 4 axes"));
        x.shape.as_slice().try_into().map_err(wrong)
    }

    /// The numbers of windows per spatial axis; attributes are stride, padding and dilation.
    pub(super) fn spatial<const N: usize>(
        &self,
        extents: [u64; N],
        kernel: [u64; N],
        [stride, padding, dilation]: [[u64; N]; 3],
    ) -> Result<[u64; N], OperatorError> {
        let mut spatial = [0; N];
        for (axis, count) in spatial.iter_mut().enumerate() {
            let (kernel, stride) = (kernel[axis], stride[axis]);
            let (padding, dilation) = (padding[axis], dilation[axis]);
            let sliding = Sliding { kernel, stride, padding, dilation, ceil: false };
            *count = sliding.count(extents[axis]).map_err(|reason| self.attribute(reason))?;
        }
        Ok(spatial)
    }

    /// An image of floats that has pixels, and its extents.
    fn pixels(&self, x: &TensorType) -> Result<[u64; 4], OperatorError> {
        self.dtype(x.dtype, x.dtype.is_float())?;
        let extents @ [_, _, height, width] = self.four(x)?;
        if height == 0 || width == 0 {
            return Err(self.shape(format!("{x} has no pixels")));
        }
        Ok(extents)
    }

    pub(super) fn interpolate(&self, output: [u64; 2]) -> Inferred {
        let x = self.one()?;
        let [batch, channels, ..] = self.pixels(x)?;
        Ok(TensorType::new(x.dtype, [batch, channels, output[0], output[1]]))
    }

    pub(super) fn grid_sample(&self, mode: Interpolation) -> Inferred {
        let (x, grid) = self.two()?;
        self.same(x.dtype, grid.dtype)?;
        let [batch, channels, ..] = self.pixels(x)?;
        let [of_grid, height, width, coordinates] = self.four(grid)?;
        if of_grid != batch || coordinates != 2 {
            return Err(self.shape(format!("{grid} is no grid of points in {x}")));
        }
        if !matches!(mode, Interpolation::Nearest | Interpolation::Bilinear) {
            return Err(self.attribute(format!("mode {mode:?} is not Nearest or Bilinear")));
        }
        Ok(TensorType::new(x.dtype, [batch, channels, height, width]))
    }
}
