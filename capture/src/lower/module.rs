//! Operations of modules: which lowering is whose, and the small ones.

use burn_ir::{EmbeddingOpIr, LinearOpIr, ModuleOperationIr, TensorIr, Unfold4dOpIr};
use gainsay_canon::Operator;

use super::Lowering;
use super::convolution::{Convolution, Transposed};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    pub(super) fn module(&mut self, operation: &ModuleOperationIr) -> Result<(), Refusal> {
        use ModuleOperationIr as Op;
        match operation {
            Op::Linear(op) => self.linear(op),
            Op::Embedding(op) => self.embedding(op),
            Op::Conv1d(op) => {
                let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
                self.convolve(operands, Convolution::over_1(&op.options), &op.out)
            }
            Op::Conv2d(op) => {
                let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
                self.convolve(operands, Convolution::over_2(&op.options), &op.out)
            }
            Op::Conv3d(op) => {
                let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
                self.convolve_3d(operands, &op.options, &op.out)
            }
            Op::ConvTranspose1d(op) => {
                let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
                self.transposed(operands, &Transposed::over_1(&op.options), &op.out)
            }
            Op::ConvTranspose2d(op) => {
                let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
                self.transposed(operands, &Transposed::over_2(&op.options), &op.out)
            }
            Op::ConvTranspose3d(op) => {
                let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
                self.transposed_3d(operands, &op.options, &op.out)
            }
            Op::DeformableConv2d(op) => self.deformable(op),
            Op::Unfold4d(op) => self.windows(op),
            Op::Interpolate(op) => self.interpolate(op),
            Op::BatchNorm(op) => self.batch_norm(op),
            Op::LayerNorm(op) => self.layer_norm(op),
            Op::Attention(op) => self.attention(op),
            _ => self.pooling(operation),
        }
    }

    fn linear(&mut self, op: &LinearOpIr) -> Result<(), Refusal> {
        let operands = self.operands(&op.x, &op.weight, op.bias.as_ref())?;
        let result = self.push(Operator::Linear, &operands)?;
        self.define(&op.out, result)
    }

    fn embedding(&mut self, op: &EmbeddingOpIr) -> Result<(), Refusal> {
        let (weights, indices) = (self.read(&op.weights)?, self.read(&op.indices)?);
        let result = self.push(Operator::Take { axis: 0 }, &[weights, indices])?;
        self.define(&op.out, result)
    }

    fn windows(&mut self, op: &Unfold4dOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.x)?;
        let operator = Operator::Unfold2d {
            kernel: op.kernel_size.map(|extent| extent as u64),
            stride: op.options.stride.map(|step| step as u64),
            padding: op.options.padding.map(|extent| extent as u64),
            dilation: op.options.dilation.map(|distance| distance as u64),
        };
        let result = self.push(operator, &[x])?;
        self.define(&op.out, result)
    }

    pub(super) fn operands(
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
}
