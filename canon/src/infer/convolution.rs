//! Types of convolutions over three axes, transposed and deformable ones.

use super::{Door, Inferred};
use crate::shape::MAX_ELEMENTS;
use crate::{OperatorError, TensorType};

/// An image or a kernel: two extents of channels (or batch and channels), then the spatial ones.
struct Parts<const N: usize> {
    outer: u64,
    channels: u64,
    spatial: [u64; N],
}

impl Door<'_> {
    fn parts<const N: usize>(&self, x: &TensorType) -> Result<Parts<N>, OperatorError> {
        let wrong = || self.shape(format!("{x} is not of {} axes", N + 2));
        let [outer, channels, spatial @ ..] = x.shape.as_slice() else { return Err(wrong()) };
        let spatial = spatial.try_into().map_err(|_| wrong())?;
        Ok(Parts { outer: *outer, channels: *channels, spatial })
    }

    /// `inner` groups of channels make up `channels`, and `others` divide into as many.
    fn groups(
        &self,
        groups: u64,
        inner: u64,
        channels: u64,
        others: u64,
    ) -> Result<(), OperatorError> {
        if groups == 0
            || !others.is_multiple_of(groups)
            || inner.checked_mul(groups) != Some(channels)
        {
            return Err(self.attribute(format!(
                "{groups} groups do not divide the channels: {channels} of the input, {inner} per group of the kernel, \
                 {others} on the kernel's first axis"
            )));
        }
        Ok(())
    }

    /// Attributes are stride, padding and dilation.
    pub(super) fn convolution<const N: usize>(
        &self,
        attributes: [[u64; N]; 3],
        groups: u64,
    ) -> Inferred {
        let (x, w, bias) = self.two_and_bias()?;
        self.contracted(x, w)?;
        let (image, kernel) = (self.parts::<N>(x)?, self.parts::<N>(w)?);
        self.groups(groups, kernel.channels, image.channels, kernel.outer)?;
        self.bias(bias, x, kernel.outer)?;
        let spatial = self.spatial(image.spatial, kernel.spatial, attributes)?;
        Ok(TensorType::new(x.dtype, [&[image.outer, kernel.outer], spatial.as_slice()].concat()))
    }

    /// Attributes are stride, padding, output padding and dilation.
    pub(super) fn transposed<const N: usize>(
        &self,
        [stride, padding, output_padding, dilation]: [[u64; N]; 4],
        groups: u64,
    ) -> Inferred {
        let (x, w, bias) = self.two_and_bias()?;
        self.contracted(x, w)?;
        let (image, kernel) = (self.parts::<N>(x)?, self.parts::<N>(w)?);
        if groups == 0 || !image.channels.is_multiple_of(groups) || kernel.outer != image.channels {
            return Err(self
                .attribute(format!("{groups} groups do not divide the channels of {x} and {w}")));
        }
        let out = kernel.channels.checked_mul(groups);
        let out = out.ok_or_else(|| self.attribute(format!("{groups} groups of {w}")))?;
        self.bias(bias, x, out)?;
        let mut shape = vec![image.outer, out];
        for axis in 0..N {
            let (extent, kernel) = (image.spatial[axis], kernel.spatial[axis]);
            let [stride, dilation] = [stride[axis], dilation[axis]];
            for (name, value) in [("kernel", kernel), ("stride", stride), ("dilation", dilation)] {
                if value == 0 || value >= MAX_ELEMENTS {
                    return Err(self.attribute(format!(
                        "{name} {value} is not between 1 and {}",
                        MAX_ELEMENTS - 1
                    )));
                }
            }
            let Some(gaps) = extent.checked_sub(1) else {
                return Err(self.shape(format!("{x} has an empty spatial axis")));
            };
            // All factors are below 2^31 and so is `gaps`.
            let reach = gaps * stride + dilation * (kernel - 1) + 1;
            let [padding, added] = [padding[axis], output_padding[axis]];
            let cut = padding.checked_mul(2);
            let length = cut.and_then(|cut| reach.checked_add(added)?.checked_sub(cut));
            shape.push(length.ok_or_else(|| {
                self.attribute(format!(
                    "padding {padding} and output padding {added} on a reach of {reach}"
                ))
            })?);
        }
        Ok(TensorType::new(x.dtype, shape))
    }

    /// Attributes are stride, padding and dilation.
    pub(super) fn deformable(
        &self,
        attributes: [[u64; 2]; 3],
        groups: u64,
        offset_groups: u64,
        masked: bool,
    ) -> Inferred {
        let (x, offset, w, mask, bias) = match (masked, self.operands) {
            (false, [x, offset, w]) => (x, offset, w, None, None),
            (false, [x, offset, w, bias]) => (x, offset, w, None, Some(bias)),
            (true, [x, offset, w, mask]) => (x, offset, w, Some(mask), None),
            (true, [x, offset, w, mask, bias]) => (x, offset, w, Some(mask), Some(bias)),
            (false, _) => return Err(self.arity("3 or 4")),
            (true, _) => return Err(self.arity("4 or 5")),
        };
        self.contracted(x, w)?;
        let (image, kernel) = (self.parts::<2>(x)?, self.parts::<2>(w)?);
        self.groups(groups, kernel.channels, image.channels, kernel.outer)?;
        self.bias(bias, x, kernel.outer)?;
        if offset_groups == 0 || !image.channels.is_multiple_of(offset_groups) {
            return Err(
                self.attribute(format!("{offset_groups} offset groups do not divide those of {x}"))
            );
        }
        let [height, width] = self.spatial(image.spatial, kernel.spatial, attributes)?;
        let window = kernel.spatial[0].checked_mul(kernel.spatial[1]);
        for (tensor, each) in [(Some(offset), 2), (mask, 1)] {
            let Some(tensor) = tensor else { continue };
            self.same(x.dtype, tensor.dtype)?;
            let channels = window.and_then(|w| w.checked_mul(offset_groups)?.checked_mul(each));
            if channels.map(|channels| [image.outer, channels, height, width].to_vec())
                != Some(tensor.shape.clone())
            {
                return Err(self.shape(format!(
                    "{tensor} does not lie on the {height} by {width} windows of {offset_groups} offset groups"
                )));
            }
        }
        Ok(TensorType::new(x.dtype, [image.outer, kernel.outer, height, width]))
    }
}
