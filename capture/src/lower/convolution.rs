//! Convolutions, forward and transposed. One spatial axis is two with a first of extent 1.

use burn_ir::{
    Conv1dOptionsIr, Conv2dOptionsIr, Conv3dOptionsIr, ConvTranspose1dOptionsIr,
    ConvTranspose2dOptionsIr, ConvTranspose3dOptionsIr, ScalarIr, TensorIr,
};
use gainsay_canon::Operator;

use super::value::extents;
use super::{Lowering, Step};
use crate::error::Refusal;
use crate::graph::ValueId;

/// The attributes of a convolution over two spatial axes.
pub(super) struct Convolution {
    stride: [usize; 2],
    padding: [(usize, usize); 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Convolution {
    pub(super) fn over_1(options: &Conv1dOptionsIr) -> Self {
        let ([stride], [padding], [dilation]) = (options.stride, options.padding, options.dilation);
        Self {
            stride: [1, stride],
            padding: [(0, 0), padding],
            dilation: [1, dilation],
            groups: options.groups,
        }
    }

    pub(super) fn over_2(options: &Conv2dOptionsIr) -> Self {
        Self {
            stride: options.stride,
            padding: options.padding,
            dilation: options.dilation,
            groups: options.groups,
        }
    }
}

/// The attributes of a transposed convolution over two spatial axes.
pub(super) struct Transposed {
    stride: [usize; 2],
    padding: [usize; 2],
    output_padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Transposed {
    pub(super) fn over_1(options: &ConvTranspose1dOptionsIr) -> Self {
        let ([stride], [padding]) = (options.stride, options.padding);
        let ([output_padding], [dilation]) = (options.padding_out, options.dilation);
        Self {
            stride: [1, stride],
            padding: [0, padding],
            output_padding: [0, output_padding],
            dilation: [1, dilation],
            groups: options.groups,
        }
    }

    pub(super) fn over_2(options: &ConvTranspose2dOptionsIr) -> Self {
        Self {
            stride: options.stride,
            padding: options.padding,
            output_padding: options.padding_out,
            dilation: options.dilation,
            groups: options.groups,
        }
    }
}

impl Lowering<'_> {
    pub(super) fn convolve(
        &mut self,
        operands: Vec<ValueId>,
        attributes: Convolution,
        out: &TensorIr,
    ) -> Result<(), Refusal> {
        let mut operands = self.raised(operands)?;
        let padding = self.even_padding(&mut operands, attributes.padding)?;
        let operator = Operator::Conv2d {
            stride: wide(attributes.stride),
            padding,
            dilation: wide(attributes.dilation),
            groups: attributes.groups as u64,
        };
        self.lowered(operator, &operands, out)
    }

    pub(super) fn convolve_3d(
        &mut self,
        operands: Vec<ValueId>,
        options: &Conv3dOptionsIr,
        out: &TensorIr,
    ) -> Result<(), Refusal> {
        let operator = Operator::Conv3d {
            stride: wide(options.stride),
            padding: wide(options.padding),
            dilation: wide(options.dilation),
            groups: options.groups as u64,
        };
        self.lowered(operator, &operands, out)
    }

    pub(super) fn transposed(
        &mut self,
        operands: Vec<ValueId>,
        attributes: &Transposed,
        out: &TensorIr,
    ) -> Result<(), Refusal> {
        let operands = self.raised(operands)?;
        let operator = Operator::ConvTranspose2d {
            stride: wide(attributes.stride),
            padding: wide(attributes.padding),
            output_padding: wide(attributes.output_padding),
            dilation: wide(attributes.dilation),
            groups: attributes.groups as u64,
        };
        self.lowered(operator, &operands, out)
    }

    pub(super) fn transposed_3d(
        &mut self,
        operands: Vec<ValueId>,
        options: &ConvTranspose3dOptionsIr,
        out: &TensorIr,
    ) -> Result<(), Refusal> {
        let operator = Operator::ConvTranspose3d {
            stride: wide(options.stride),
            padding: wide(options.padding),
            output_padding: wide(options.padding_out),
            dilation: wide(options.dilation),
            groups: options.groups as u64,
        };
        self.lowered(operator, &operands, out)
    }

    /// Applies an operator and drops the axis that [`Lowering::raised`] added.
    fn lowered(
        &mut self,
        operator: Operator,
        operands: &[ValueId],
        out: &TensorIr,
    ) -> Result<(), Refusal> {
        let convolved = self.push(operator, operands)?;
        let result = self.reshape(convolved, extents(out.shape.as_slice()))?;
        self.define(out, result)
    }

    /// The input and the kernel, of three axes, with a second spatial axis.
    fn raised(&mut self, mut operands: Vec<ValueId>) -> Result<Vec<ValueId>, Refusal> {
        for operand in operands.iter_mut().take(2) {
            if self.type_of(*operand)?.shape.len() == 3 {
                *operand = self.with_height(*operand)?;
            }
        }
        Ok(operands)
    }

    /// `[a, b, l]` as `[a, b, 1, l]`.
    pub(super) fn with_height(&mut self, x: ValueId) -> Step {
        let mut shape = self.type_of(x)?.shape;
        let last = shape.len().saturating_sub(1);
        shape.insert(last, 1);
        self.reshape(x, shape)
    }

    /// Padding that differs between the two ends of an axis is done beforehand: both add +0.
    fn even_padding(
        &mut self,
        operands: &mut [ValueId],
        padding: [(usize, usize); 2],
    ) -> Result<[u64; 2], Refusal> {
        let uneven = padding.iter().any(|(before, after)| before != after);
        let (true, Some(x)) = (uneven, operands.first_mut()) else {
            return Ok(padding.map(|(before, _)| before as u64));
        };
        let value = self.scalar_like(*x, ScalarIr::Int(0))?;
        let spatial = padding.map(|(before, after)| (before as u64, after as u64));
        let padding = [(0, 0), (0, 0)].into_iter().chain(spatial).collect();
        *x = self.push(Operator::Pad { padding, value }, &[*x])?;
        Ok([0, 0])
    }
}

pub(super) fn wide<const N: usize>(extents: [usize; N]) -> [u64; N] {
    extents.map(|extent| extent as u64)
}
