//! Shapes: limits, strides, broadcasting and windows, in checked integer arithmetic.
//!
//! Every shape that enters an operator has passed [`elements`]; from then on a product of any of its extents
//! fits `usize` and the kernels index with plain arithmetic.

use crate::tensor::TensorError;

/// The largest number of axes.
pub const MAX_RANK: usize = 8;
/// A tensor has fewer elements than this. Axes of extent 0 count as 1 here, so that strides are bounded too.
pub const MAX_ELEMENTS: u64 = 1 << 31;

/// The number of elements of a tensor of this shape, or why there can be no such tensor.
pub(crate) fn elements(shape: &[u64]) -> Result<usize, TensorError> {
    if shape.len() > MAX_RANK {
        return Err(TensorError::TooManyAxes { rank: shape.len() });
    }
    let too_large = || TensorError::TooLarge { shape: shape.to_vec() };
    let mut bound: u64 = 1;
    for &extent in shape {
        bound =
            bound.checked_mul(extent.max(1)).filter(|&b| b < MAX_ELEMENTS).ok_or_else(too_large)?;
    }
    if shape.contains(&0) {
        return Ok(0);
    }
    usize::try_from(bound).map_err(|_| too_large())
}

/// Extents as indices; the shape has passed [`elements`].
pub(crate) fn extents(shape: &[u64]) -> Vec<usize> {
    shape.iter().map(|&extent| extent as usize).collect()
}

/// Row-major strides, in elements.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].max(1);
    }
    strides
}

/// Strides with which a tensor of `shape` is read as one of the broadcast shape `to`: 0 on repeated axes.
pub(crate) fn broadcast_strides(shape: &[usize], to: &[usize]) -> Vec<usize> {
    let mut result = vec![0; to.len()];
    let missing = to.len() - shape.len();
    for (axis, stride) in strides(shape).into_iter().enumerate() {
        if shape[axis] != 1 {
            result[missing + axis] = stride;
        }
    }
    result
}

/// NumPy's rule: shapes are aligned at the last axis; extents are equal or one of them is 1.
pub(crate) fn broadcast(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[u64], axis: usize| {
        let missing = rank - shape.len();
        if axis < missing { 1 } else { shape[axis - missing] }
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// A sliding window along one axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sliding {
    pub kernel: u64,
    pub stride: u64,
    pub padding: u64,
    pub dilation: u64,
    pub ceil: bool,
}

impl Sliding {
    /// The number of windows over an axis of `extent`, or what is wrong with the attributes.
    ///
    /// With `span = dilation * (kernel - 1) + 1` and `padded = extent + 2 * padding`: `(padded - span) / stride + 1`,
    /// rounded down; with `ceil` rounded up, and then a last window that would start behind
    /// `extent + padding` is dropped.
    pub(crate) fn count(self, extent: u64) -> Result<u64, String> {
        let limits =
            [("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)];
        for (name, value) in limits {
            if value == 0 || value >= MAX_ELEMENTS {
                return Err(format!("{name} {value} is not between 1 and {}", MAX_ELEMENTS - 1));
            }
        }
        if self.padding >= MAX_ELEMENTS {
            return Err(format!("padding {} is not below {MAX_ELEMENTS}", self.padding));
        }
        // All values are below 2^31: nothing here can overflow.
        let span = self.dilation * (self.kernel - 1) + 1;
        let padded = extent + 2 * self.padding;
        let room = if self.ceil { padded + self.stride - 1 } else { padded };
        if span > room {
            return Err(format!(
                "a window of {span} does not fit an axis of {padded} with its padding"
            ));
        }
        let count = (room - span) / self.stride + 1;
        let starts_behind = (count - 1) * self.stride >= extent + self.padding;
        Ok(if self.ceil && starts_behind { count - 1 } else { count })
    }
}

/// The half-open range of inputs behind window `index` of adaptive pooling from `inputs` to `outputs`:
/// from `floor(index * inputs / outputs)` to `ceil((index + 1) * inputs / outputs)`.
pub(crate) fn adaptive_window(index: usize, inputs: usize, outputs: usize) -> (usize, usize) {
    (index * inputs / outputs, ((index + 1) * inputs).div_ceil(outputs))
}
