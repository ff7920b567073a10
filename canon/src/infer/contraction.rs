//! Types of matrix products and convolutions.

use super::{Door, Inferred};
use crate::shape::{Sliding, broadcast};
use crate::{OperatorError, TensorType};

impl Door<'_> {
    pub(super) fn contracted(&self, a: &TensorType, b: &TensorType) -> Result<(), OperatorError> {
        self.same(a.dtype, b.dtype)?;
        self.dtype(a.dtype, a.dtype.is_float())
    }

    pub(super) fn bias(
        &self,
        bias: Option<&TensorType>,
        like: &TensorType,
        extent: u64,
    ) -> Result<(), OperatorError> {
        let Some(bias) = bias else { return Ok(()) };
        self.same(like.dtype, bias.dtype)?;
        if bias.shape != [extent] {
            return Err(self.shape(format!("bias {bias} where {}[{extent}] is due", like.dtype)));
        }
        Ok(())
    }

    pub(super) fn matmul(&self) -> Inferred {
        let (a, b) = self.two()?;
        self.same(a.dtype, b.dtype)?;
        self.dtype(a.dtype, a.dtype.is_float() || a.dtype.is_integer())?;
        let mismatch = || self.shape(format!("{a} and {b} cannot be multiplied"));
        let ([a_batch @ .., m, k], [b_batch @ .., k_of_b, n]) =
            (a.shape.as_slice(), b.shape.as_slice())
        else {
            return Err(mismatch());
        };
        if k != k_of_b {
            return Err(mismatch());
        }
        let mut shape = broadcast(a_batch, b_batch).ok_or_else(mismatch)?;
        shape.extend([m, n]);
        Ok(TensorType::new(a.dtype, shape))
    }

    pub(super) fn linear(&self) -> Inferred {
        let (x, w, bias) = self.two_and_bias()?;
        self.contracted(x, w)?;
        let mismatch = || self.shape(format!("{x} and {w} cannot be multiplied"));
        let ([rows @ .., k], [k_of_w, n]) = (x.shape.as_slice(), w.shape.as_slice()) else {
            return Err(mismatch());
        };
        if k != k_of_w {
            return Err(mismatch());
        }
        self.bias(bias, x, *n)?;
        let mut shape = rows.to_vec();
        shape.push(*n);
        Ok(TensorType::new(x.dtype, shape))
    }

    pub(super) fn conv2d(
        &self,
        stride: [u64; 2],
        padding: [u64; 2],
        dilation: [u64; 2],
        groups: u64,
    ) -> Inferred {
        let (x, w, bias) = self.two_and_bias()?;
        self.contracted(x, w)?;
        let (&[batch, channels, height, width], &[out, in_group, kernel_h, kernel_w]) =
            (x.shape.as_slice(), w.shape.as_slice())
        else {
            return Err(self.shape(format!("{x} and {w} are not both of 4 axes")));
        };
        if groups == 0 || out % groups != 0 || in_group.checked_mul(groups) != Some(channels) {
            return Err(self
                .attribute(format!("{groups} groups do not divide the channels of {x} and {w}")));
        }
        self.bias(bias, x, out)?;
        let mut spatial = [0; 2];
        for (axis, (extent, kernel)) in
            [(height, kernel_h), (width, kernel_w)].into_iter().enumerate()
        {
            let [stride, padding, dilation] = [stride[axis], padding[axis], dilation[axis]];
            let sliding = Sliding { kernel, stride, padding, dilation, ceil: false };
            spatial[axis] = sliding.count(extent).map_err(|reason| self.attribute(reason))?;
        }
        Ok(TensorType::new(x.dtype, [batch, out, spatial[0], spatial[1]]))
    }
}
