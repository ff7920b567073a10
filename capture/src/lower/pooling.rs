//! Pooling. One spatial axis is two with a first of extent 1, so indices stay what they are.

use burn::tensor::DType as BurnDType;
use burn_ir::{AvgPool1dOpIr, AvgPool2dOpIr, ModuleOperationIr, TensorIr};
use gainsay_canon::{Operator, PaddingCounts, Rounding, Window2d};

use super::value::{self, extents};
use super::{Lowering, Step};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn pooling(&mut self, operation: &ModuleOperationIr) -> Result<(), Refusal> {
        use ModuleOperationIr as Op;
        match operation {
            Op::MaxPool1d(op) => {
                let windows = (op.kernel_size, op.stride, op.padding, op.dilation);
                self.max_pool(window_1d(windows, op.ceil_mode), &op.x, &op.out)
            }
            Op::MaxPool2d(op) => {
                let window =
                    window(op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode);
                self.max_pool(window, &op.x, &op.out)
            }
            Op::MaxPool1dWithIndices(op) => {
                let windows = (op.kernel_size, op.stride, op.padding, op.dilation);
                let window = window_1d(windows, op.ceil_mode);
                self.max_pool_with_indices(window, &op.x, &op.out, &op.out_indices)
            }
            Op::MaxPool2dWithIndices(op) => {
                let window =
                    window(op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode);
                self.max_pool_with_indices(window, &op.x, &op.out, &op.out_indices)
            }
            Op::AvgPool1d(op) => self.avg_pool1d(op),
            Op::AvgPool2d(op) => self.avg_pool2d(op),
            Op::AdaptiveAvgPool1d(op) => {
                let operator = Operator::AdaptiveAvgPool2d { output: [1, op.output_size as u64] };
                self.flat(operator, &op.x, &op.out)
            }
            Op::AdaptiveAvgPool2d(op) => {
                let output = op.output_size.map(|extent| extent as u64);
                self.flat(Operator::AdaptiveAvgPool2d { output }, &op.x, &op.out)
            }
            Op::AdaptiveAvgPool3d(op) => {
                let output = op.output_size.map(|extent| extent as u64);
                let x = self.read(&op.x)?;
                let result = self.push(Operator::AdaptiveAvgPool3d { output }, &[x])?;
                self.define(&op.out, result)
            }
            _ => Err(Refusal::Unsupported(None)),
        }
    }

    /// An operator over two spatial axes, applied to one or two.
    fn flat(&mut self, operator: Operator, x: &TensorIr, out: &TensorIr) -> Result<(), Refusal> {
        let x = self.image(x)?;
        let pooled = self.push(operator, &[x])?;
        let result = self.reshape(pooled, extents(out.shape.as_slice()))?;
        self.define(out, result)
    }

    /// A tensor with two spatial axes.
    fn image(&mut self, x: &TensorIr) -> Step {
        let x = self.read(x)?;
        if self.type_of(x)?.shape.len() == 3 { self.with_height(x) } else { Ok(x) }
    }

    fn max_pool(&mut self, window: Window2d, x: &TensorIr, out: &TensorIr) -> Result<(), Refusal> {
        self.flat(Operator::MaxPool2d { window }, x, out)
    }

    fn max_pool_with_indices(
        &mut self,
        window: Window2d,
        x: &TensorIr,
        out: &TensorIr,
        indices: &TensorIr,
    ) -> Result<(), Refusal> {
        if self.is_read(out) {
            self.max_pool(window, x, out)?;
        }
        if self.is_read(indices) {
            let x = self.image(x)?;
            let found = self.push(Operator::ArgMaxPool2d { window }, &[x])?;
            let found = self.index_type(found, indices.dtype)?;
            let result = self.reshape(found, extents(indices.shape.as_slice()))?;
            self.define(indices, result)?;
        }
        Ok(())
    }

    fn index_type(&mut self, indices: ValueId, dtype: BurnDType) -> Step {
        self.cast(indices, value::dtype(dtype)?)
    }

    fn avg_pool2d(&mut self, op: &AvgPool2dOpIr) -> Result<(), Refusal> {
        let window = window(op.kernel_size, op.stride, op.padding, [1, 1], op.ceil_mode);
        let padding_counts = padding_counts(op.count_include_pad);
        self.flat(Operator::AvgPool2d { window, padding_counts }, &op.x, &op.out)
    }

    fn avg_pool1d(&mut self, op: &AvgPool1dOpIr) -> Result<(), Refusal> {
        let window = window_1d((op.kernel_size, op.stride, op.padding, 1), op.ceil_mode);
        let padding_counts = padding_counts(op.count_include_pad);
        self.flat(Operator::AvgPool2d { window, padding_counts }, &op.x, &op.out)
    }
}

fn window_1d(
    (kernel, stride, padding, dilation): (usize, usize, usize, usize),
    ceil_mode: bool,
) -> Window2d {
    window([1, kernel], [1, stride], [0, padding], [1, dilation], ceil_mode)
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
