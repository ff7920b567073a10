//! Operations of modules: convolution, linear, pooling, normalisation.
//!
//! One spatial axis is two with a first of extent 1. Normalisations are written out in Burn's own order.

use burn_ir::{
    AvgPool1dOpIr, AvgPool2dOpIr, BatchNormOpIr, Conv1dOpIr, Conv2dOpIr, LayerNormOpIr, LinearOpIr,
    ModuleOperationIr, ScalarIr, TensorIr,
};
use gainsay_canon::{Binary, Operator, PaddingCounts, Rounding, Unary, Window2d};

use super::value::extents;
use super::{Lowering, Step};
use crate::error::Refusal;
use crate::graph::ValueId;

/// The attributes of a convolution over two spatial axes.
struct Convolution {
    stride: [usize; 2],
    padding: [(usize, usize); 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Lowering<'_> {
    pub(super) fn module(&mut self, operation: &ModuleOperationIr) -> Result<(), Refusal> {
        use ModuleOperationIr as Op;
        match operation {
            Op::Linear(op) => self.linear(op),
            Op::Conv1d(op) => self.conv1d(op),
            Op::Conv2d(op) => self.conv2d(op),
            Op::BatchNorm(op) => self.batch_norm(op),
            Op::LayerNorm(op) => self.layer_norm(op),
            Op::MaxPool1d(op) => {
                let attributes = (op.kernel_size, op.stride, op.padding, op.dilation);
                self.max_pool1d(attributes, op.ceil_mode, &op.x, &op.out)
            }
            Op::MaxPool2d(op) => {
                let window =
                    window(op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode);
                self.max_pool2d(window, &op.x, &op.out)
            }
            Op::AvgPool1d(op) => self.avg_pool1d(op),
            Op::AvgPool2d(op) => self.avg_pool2d(op),
            Op::AdaptiveAvgPool1d(op) => {
                let operator = Operator::AdaptiveAvgPool2d { output: [1, op.output_size as u64] };
                self.flat(operator, &op.x, &op.out)
            }
            Op::AdaptiveAvgPool2d(op) => {
                let operator = Operator::AdaptiveAvgPool2d {
                    output: op.output_size.map(|extent| extent as u64),
                };
                let x = self.read(&op.x)?;
                let result = self.push(operator, &[x])?;
                self.define(&op.out, result)
            }
            Op::MaxPool1dWithIndices(op) => {
                self.unread(&op.out_indices)?;
                let attributes = (op.kernel_size, op.stride, op.padding, op.dilation);
                self.max_pool1d(attributes, op.ceil_mode, &op.x, &op.out)
            }
            Op::MaxPool2dWithIndices(op) => {
                self.unread(&op.out_indices)?;
                let window =
                    window(op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode);
                self.max_pool2d(window, &op.x, &op.out)
            }
            _ => Err(Refusal::UNSUPPORTED),
        }
    }

    fn linear(&mut self, op: &LinearOpIr) -> Result<(), Refusal> {
        let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
        let result = self.push(Operator::Linear, &operands)?;
        self.define(&op.out, result)
    }

    fn operands(
        &mut self,
        x: &TensorIr,
        weight: &TensorIr,
        bias: Option<&TensorIr>,
    ) -> Result<Vec<ValueId>, Refusal> {
        [Some(x), Some(weight), bias]
            .into_iter()
            .flatten()
            .map(|tensor| self.read(tensor))
            .collect()
    }

    fn conv2d(&mut self, op: &Conv2dOpIr) -> Result<(), Refusal> {
        let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
        let attributes = Convolution {
            stride: op.options.stride,
            padding: op.options.padding,
            dilation: op.options.dilation,
            groups: op.options.groups,
        };
        let result = self.convolve(operands, &attributes)?;
        self.define(&op.out, result)
    }

    fn conv1d(&mut self, op: &Conv1dOpIr) -> Result<(), Refusal> {
        let mut operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
        for operand in operands.iter_mut().take(2) {
            *operand = self.with_height(*operand)?;
        }
        let ([stride], [padding], [dilation]) =
            (op.options.stride, op.options.padding, op.options.dilation);
        let attributes = Convolution {
            stride: [1, stride],
            padding: [(0, 0), padding],
            dilation: [1, dilation],
            groups: op.options.groups,
        };
        let convolved = self.convolve(operands, &attributes)?;
        let result = self.reshape(convolved, extents(op.out.shape.as_slice()))?;
        self.define(&op.out, result)
    }

    /// Padding that differs between the two ends of an axis is done beforehand: both add +0.
    fn convolve(&mut self, mut operands: Vec<ValueId>, attributes: &Convolution) -> Step {
        let mut padding = attributes.padding.map(|(before, _)| before as u64);
        let uneven = attributes.padding.iter().any(|(before, after)| before != after);
        if let (true, Some(x)) = (uneven, operands.first_mut()) {
            let [height, width] =
                attributes.padding.map(|(before, after)| (before as u64, after as u64));
            let value = self.scalar_like(*x, ScalarIr::Int(0))?;
            let padding_of_axes = vec![(0, 0), (0, 0), height, width];
            *x = self.push(Operator::Pad { padding: padding_of_axes, value }, &[*x])?;
            padding = [0, 0];
        }
        let operator = Operator::Conv2d {
            stride: attributes.stride.map(|step| step as u64),
            padding,
            dilation: attributes.dilation.map(|distance| distance as u64),
            groups: attributes.groups as u64,
        };
        self.push(operator, &operands)
    }

    /// `[a, b, l]` as `[a, b, 1, l]`.
    fn with_height(&mut self, x: ValueId) -> Step {
        let mut shape = self.type_of(x)?.shape;
        let last = shape.len().saturating_sub(1);
        shape.insert(last, 1);
        self.reshape(x, shape)
    }

    /// An operator over two spatial axes, applied to one.
    fn flat(&mut self, operator: Operator, x: &TensorIr, out: &TensorIr) -> Result<(), Refusal> {
        let x = self.read(x)?;
        let raised = self.with_height(x)?;
        let pooled = self.push(operator, &[raised])?;
        let result = self.reshape(pooled, extents(out.shape.as_slice()))?;
        self.define(out, result)
    }

    /// Refuses pooling whose indices matter.
    fn unread(&self, indices: &TensorIr) -> Result<(), Refusal> {
        match self.readers.get(&indices.id) {
            None => Ok(()),
            Some(_) => Err(Refusal::Unsupported(Some("the indices that pooling returns"))),
        }
    }

    fn max_pool2d(
        &mut self,
        window: Window2d,
        x: &TensorIr,
        out: &TensorIr,
    ) -> Result<(), Refusal> {
        let x = self.read(x)?;
        let result = self.push(Operator::MaxPool2d { window }, &[x])?;
        self.define(out, result)
    }

    fn max_pool1d(
        &mut self,
        (kernel, stride, padding, dilation): (usize, usize, usize, usize),
        ceil_mode: bool,
        x: &TensorIr,
        out: &TensorIr,
    ) -> Result<(), Refusal> {
        let window = window([1, kernel], [1, stride], [0, padding], [1, dilation], ceil_mode);
        self.flat(Operator::MaxPool2d { window }, x, out)
    }

    fn avg_pool2d(&mut self, op: &AvgPool2dOpIr) -> Result<(), Refusal> {
        let window = window(op.kernel_size, op.stride, op.padding, [1, 1], op.ceil_mode);
        let operator =
            Operator::AvgPool2d { window, padding_counts: padding_counts(op.count_include_pad) };
        let x = self.read(&op.x)?;
        let result = self.push(operator, &[x])?;
        self.define(&op.out, result)
    }

    fn avg_pool1d(&mut self, op: &AvgPool1dOpIr) -> Result<(), Refusal> {
        let window =
            window([1, op.kernel_size], [1, op.stride], [0, op.padding], [1, 1], op.ceil_mode);
        let operator =
            Operator::AvgPool2d { window, padding_counts: padding_counts(op.count_include_pad) };
        self.flat(operator, &op.x, &op.out)
    }

    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` per channel.
    fn batch_norm(&mut self, op: &BatchNormOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.x)?;
        let shape: Vec<u64> = self.type_of(x)?.shape;
        let per_channel: Vec<u64> = shape
            .iter()
            .enumerate()
            .map(|(axis, &extent)| if axis == 1 { extent } else { 1 })
            .collect();
        let mut channels = |tensor: &TensorIr| {
            let values = self.read(tensor)?;
            self.reshape(values, per_channel.clone())
        };
        let (gamma, beta) = (channels(&op.gamma)?, channels(&op.beta)?);
        let (mean, variance) = (channels(&op.mean)?, channels(&op.variance)?);
        let shifted = self.with_scalar(Binary::Add, variance, op.epsilon)?;
        let deviation = self.unary(Unary::Sqrt, shifted)?;
        let centred = self.binary(Binary::Sub, x, mean)?;
        let normalised = self.binary(Binary::Div, centred, deviation)?;
        let scaled = self.binary(Binary::Mul, normalised, gamma)?;
        let result = self.binary(Binary::Add, scaled, beta)?;
        self.define(&op.out, result)
    }

    /// With `d = x - mean(x)` along the last axis: `d / sqrt(mean(d * d) + epsilon) * gamma + beta`.
    fn layer_norm(&mut self, op: &LayerNormOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.input)?;
        let last = self.type_of(x)?.shape.len().saturating_sub(1);
        let mean = self.mean(x, &[last])?;
        let centred = self.binary(Binary::Sub, x, mean)?;
        let squared = self.binary(Binary::Mul, centred, centred)?;
        let variance = self.mean(squared, &[last])?;
        let shifted = self.with_scalar(Binary::Add, variance, op.epsilon)?;
        let deviation = self.unary(Unary::Sqrt, shifted)?;
        let normalised = self.binary(Binary::Div, centred, deviation)?;
        let gamma = self.read(&op.gamma)?;
        let mut result = self.binary(Binary::Mul, normalised, gamma)?;
        if let Some(beta) = &op.beta {
            let beta = self.read(beta)?;
            result = self.binary(Binary::Add, result, beta)?;
        }
        self.define(&op.out, result)
    }
}

fn window(
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    ceil_mode: bool,
) -> Window2d {
    let wide = |extents: [usize; 2]| extents.map(|extent| extent as u64);
    Window2d {
        kernel: wide(kernel),
        stride: wide(stride),
        padding: wide(padding),
        dilation: wide(dilation),
        rounding: if ceil_mode { Rounding::Ceil } else { Rounding::Floor },
    }
}

fn padding_counts(count_include_pad: bool) -> PaddingCounts {
    if count_include_pad { PaddingCounts::Yes } else { PaddingCounts::No }
}
