//! The executable specification: canonical arithmetic, version 1, in plain scalar code.
//!
//! No unsafe, no threads, no cleverness: each operator is the loop that its rule describes, in the order that the
//! rule fixes. Where this code and any prose differ, this code is right. The fast kernels must give the same bits,
//! and only this module may define what they are.
//!
//! The rules in one place: IEEE 754 operations rounded to nearest even, never contracted or reassociated; every
//! float operator that is not data movement writes the one quiet NaN; data movement copies bits; operators on half types
//! are those on `f32` between a widening and one rounding (`half`).

mod attention;
pub(crate) mod circular;
mod circular64;
mod contraction;
pub(crate) mod convolution;
pub mod elementary;
mod elementwise;
mod exponential64;
mod functions;
pub(crate) mod half;
pub(crate) mod hyperbolic;
pub(crate) mod indexing;
mod layer_norm;
mod movement;
pub(crate) mod number;
mod pooling;
pub(crate) mod powers;
mod powers64;
mod reduction;
pub(crate) mod sampling;
mod softmax;
pub(crate) mod sorting;
mod turns;
mod wide;
pub(crate) mod windows;

pub(crate) use self::elementwise::{binary, clamped, classify, compare, unary, unary_integer};
pub(crate) use self::movement::filled;
use crate::fast::environment::FloatEnvironment;
use crate::tensor::Data;
use crate::{Operator, OperatorError, Scalar, Tensor, TensorType};

/// Computes `operator` on `operands`: one tensor per inferred result.
///
/// # Errors
/// If the operator does not accept operands of these types.
pub fn run(operator: &Operator, operands: &[&Tensor]) -> Result<Vec<Tensor>, OperatorError> {
    let types: Vec<TensorType> = operands.iter().map(|x| x.tensor_type().clone()).collect();
    let results = operator.infer(&types)?;
    let environment = FloatEnvironment::enter()?;
    let tensors = results.into_iter().map(|result| {
        let data = compute(operator, operands, &result)?;
        Ok(Tensor::computed(result, data))
    });
    let tensors: Result<Vec<Tensor>, OperatorError> = tensors.collect();
    drop(environment);
    tensors
}

/// Computes an operator whose operands infer to `result`.
pub(crate) fn compute(
    operator: &Operator,
    operands: &[&Tensor],
    result: &TensorType,
) -> Result<Data, OperatorError> {
    if result.shape.contains(&0) {
        // Nothing to compute, however many empty rows there are.
        return Ok(filled(Scalar { dtype: result.dtype, bits: 0 }, 0));
    }
    if let Some(widened) = half::Widened::new(operator, operands, result) {
        return widened.compute(operands, compute);
    }
    let call = Call { operator, operands, result };
    // However many empty rows an operator would go through.
    if result.elements() == Ok(0) {
        return Ok(filled(Scalar { dtype: result.dtype, bits: 0 }, 0));
    }
    match operator {
        Operator::Reshape { .. } => Ok(call.operand(0)?.data().clone()),
        Operator::Permute { axes } => call.permute(axes),
        Operator::Slice { ranges } => call.slice(ranges),
        Operator::Concat { axis } => call.concat(usize::from(*axis)),
        Operator::Expand { .. } => call.expand(),
        Operator::Cast { to } => call.cast(*to),
        Operator::Full { value, .. } => call.full(*value),
        Operator::Pad { padding, value } => call.pad(padding, *value),
        Operator::Unary { function } => call.unary(*function),
        Operator::Binary { function } => call.binary(*function),
        Operator::BinaryScalar { function, scalar } => call.binary_scalar(*function, *scalar),
        Operator::Compare { relation } => call.compare(*relation),
        Operator::CompareScalar { relation, scalar } => call.compare_scalar(*relation, *scalar),
        Operator::Where => call.select(),
        Operator::Clamp { min, max } => call.clamp(*min, *max),
        Operator::Classify { class } => call.classify(*class),
        Operator::MatMul => call.matmul(),
        Operator::Linear => call.linear(),
        Operator::Conv2d { stride, padding, dilation, groups } => {
            call.conv2d(*stride, *padding, *dilation, *groups)
        }
        Operator::Reduce { function, axes } => call.reduce(*function, axes),
        Operator::Arg { extreme, axis } => call.arg(*extreme, usize::from(*axis)),
        Operator::MaxPool2d { window } => call.max_pool(window),
        Operator::AvgPool2d { window, padding_counts } => {
            call.average_pool(window, *padding_counts)
        }
        Operator::AdaptiveAvgPool2d { .. } => call.adaptive_average_pool(),
        Operator::Softmax { axis } => call.softmax(usize::from(*axis)),
        Operator::LogSoftmax { axis } => call.log_softmax(usize::from(*axis)),
        _ => call.more(),
    }
}

/// A well-typed call: operands that infer to `result`.
struct Call<'a> {
    operator: &'a Operator,
    operands: &'a [&'a Tensor],
    result: &'a TensorType,
}

impl Call<'_> {
    /// The operators that index, slide, resample, sort and normalise.
    fn more(&self) -> Result<Data, OperatorError> {
        match self.operator {
            Operator::Gather { axis } => self.gather(usize::from(*axis)),
            Operator::Take { axis } => self.take(usize::from(*axis)),
            Operator::GatherNd => self.gather_nd(),
            Operator::Scatter { axis, update } => self.scatter(usize::from(*axis), *update),
            Operator::TakeAssign { axis, update } => self.take_assign(usize::from(*axis), *update),
            Operator::ScatterNd { update } => self.scatter_nd(*update),
            Operator::SliceAssign { ranges } => self.slice_assign(ranges),
            Operator::Unfold { axis, step, .. } => self.unfold(usize::from(*axis), *step),
            Operator::Extend { padding, mode } => self.extend(padding, *mode),
            Operator::Unfold2d { kernel, stride, padding, dilation } => {
                self.unfold2d(*kernel, *stride, *padding, *dilation)
            }
            Operator::Conv3d { stride, padding, dilation, groups } => {
                self.convolution([stride, padding, dilation], *groups)
            }
            Operator::ConvTranspose2d { stride, padding, dilation, groups, .. } => {
                self.transposed([stride, padding, dilation], *groups)
            }
            Operator::ConvTranspose3d { stride, padding, dilation, groups, .. } => {
                self.transposed([stride, padding, dilation], *groups)
            }
            Operator::DeformConv2d { stride, padding, dilation, groups, offset_groups, masked } => {
                self.deformable([stride, padding, dilation], *groups, *offset_groups, *masked)
            }
            Operator::Cumulative { function, axis } => {
                self.cumulative(*function, usize::from(*axis))
            }
            Operator::Sort { axis, order } => self.sort(usize::from(*axis), *order),
            Operator::ArgSort { axis, order } => self.arg_sort(usize::from(*axis), *order),
            Operator::ArgMaxPool2d { window } => self.arg_max_pool(window),
            Operator::AdaptiveAvgPool3d { .. } => self.adaptive_average_pool3d(),
            Operator::Interpolate2d { mode, corners, .. } => self.interpolate(*mode, *corners),
            Operator::GridSample2d { mode, outside, corners } => {
                self.grid_sample(*mode, *outside, *corners)
            }
            Operator::Attention { scale, softcap, keys, masked, biased } => {
                self.attention(*scale, *softcap, *keys, *masked, *biased)
            }
            Operator::LayerNorm { epsilon } => self.layer_norm(*epsilon),
            _ => Err(self.unsupported(self.operand(0)?)),
        }
    }
}

impl<'a> Call<'a> {
    fn operand(&self, index: usize) -> Result<&'a Tensor, OperatorError> {
        let found = self.operands.len();
        let arity =
            OperatorError::Arity { operator: self.operator.name(), expected: "more", found };
        self.operands.get(index).copied().ok_or(arity)
    }

    fn output_extents(&self) -> Vec<usize> {
        crate::shape::extents(&self.result.shape)
    }

    /// The answer for an element type that the operator does not have; inference has refused it before.
    fn unsupported(&self, x: &Tensor) -> OperatorError {
        OperatorError::ElementType { operator: self.operator.name(), dtype: x.dtype() }
    }
}

/// Calls `visit` with every index of `shape` in row-major order.
fn each_index(shape: &[usize], mut visit: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    loop {
        visit(&index);
        let Some(axis) = (0..shape.len()).rev().find(|&axis| index[axis] + 1 < shape[axis]) else {
            return;
        };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}

/// Where `index` lies in memory.
fn offset(index: &[usize], strides: &[usize]) -> usize {
    index.iter().zip(strides).map(|(i, stride)| i * stride).sum()
}
