//! Windows and extensions: data movement.

use super::Call;
use crate::shape::{extents, strides};
use crate::tensor::Data;
use crate::{Extension, OperatorError};

type Computed = Result<Data, OperatorError>;

impl Call<'_> {
    pub(super) fn unfold(&self, axis: usize, step: u64) -> Computed {
        let x = self.operand(0)?;
        let of_x = strides(&extents(x.shape()));
        self.read(x, |index| {
            let (&within, index) = index.split_last()?;
            let along = |i: usize| {
                let at = if i == axis { index[i] * step as usize + within } else { index[i] };
                at * of_x[i]
            };
            Some((0..index.len()).map(along).sum())
        })
    }

    pub(super) fn extend(&self, padding: &[(u64, u64)], mode: Extension) -> Computed {
        let x = self.operand(0)?;
        let shape = extents(x.shape());
        let of_x = strides(&shape);
        self.read(x, |index| {
            let along = |axis: usize| {
                let before = padding[axis].0 as usize;
                extended(index[axis], before, shape[axis], mode) * of_x[axis]
            };
            Some((0..index.len()).map(along).sum())
        })
    }

    pub(super) fn unfold2d(
        &self,
        kernel: [u64; 2],
        stride: [u64; 2],
        padding: [u64; 2],
        dilation: [u64; 2],
    ) -> Computed {
        let x = self.operand(0)?;
        let shape = extents(x.shape());
        let span = dilation[1] * (kernel[1] - 1) + 1;
        // Windows per row.
        let columns = (shape[3] + 2 * padding[1] as usize - span as usize) / stride[1] as usize + 1;
        let kernel = kernel.map(|k| k as usize);
        self.read(x, |index| {
            let (k, window) = (index[1], index[2]);
            let channel = k / (kernel[0] * kernel[1]);
            let at = [k / kernel[1] % kernel[0], k % kernel[1]];
            let window = [window / columns, window % columns];
            let position = |axis: usize| {
                let padded =
                    window[axis] * stride[axis] as usize + at[axis] * dilation[axis] as usize;
                padded.checked_sub(padding[axis] as usize).filter(|&i| i < shape[2 + axis])
            };
            let plane = index[0] * shape[1] + channel;
            Some((plane * shape[2] + position(0)?) * shape[3] + position(1)?)
        })
    }
}

/// The input of an axis of `extent` that stands at `index` of the axis with `before` more in front.
pub(crate) fn extended(index: usize, before: usize, extent: usize, mode: Extension) -> usize {
    match (mode, index.checked_sub(before)) {
        (_, Some(inside)) if inside < extent => inside,
        (Extension::Edge, None) => 0,
        (Extension::Edge, Some(_)) => extent - 1,
        (Extension::Reflect, None) => before - index,
        (Extension::Reflect, Some(behind)) => 2 * (extent - 1) - behind,
    }
}
