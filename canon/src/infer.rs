//! The static types of operators: which operands one accepts, and what it returns.
//!
//! This is the door. An operator that infers is total and its kernels do no further checks, so everything that
//! could be wrong with operands or attributes, whoever wrote them, is refused here by name.

mod composite;
mod contraction;
mod convolution;
mod elementwise;
mod indexing;
mod movement;
mod reduction;
mod windows;

use crate::{DType, Operator, OperatorError, Scalar, TensorType, shape};

type Inferred = Result<TensorType, OperatorError>;

impl Operator {
    /// The types of the results for operands of these types: one result for every operator of version 1.
    ///
    /// # Errors
    /// If the operator does not accept them; the message names what is wrong.
    pub fn infer(&self, operands: &[TensorType]) -> Result<Vec<TensorType>, OperatorError> {
        let door = Door { operator: self.name(), operands };
        for operand in operands {
            door.possible(operand)?;
        }
        let result = match self {
            Operator::Reshape { shape } => door.reshape(shape),
            Operator::Permute { axes } => door.permute(axes),
            Operator::Slice { ranges } => door.slice(ranges),
            Operator::Concat { axis } => door.concat(*axis),
            Operator::Expand { shape } => door.expand(shape),
            Operator::Cast { to } => door.cast(*to),
            Operator::Full { shape, value } => door.full(shape, *value),
            Operator::Pad { padding, value } => door.pad(padding, *value),
            Operator::Unary { function } => door.unary(*function),
            Operator::Binary { function } => door.binary(*function),
            Operator::BinaryScalar { function, scalar } => door.binary_scalar(*function, *scalar),
            Operator::Compare { .. } => door.compare(),
            Operator::CompareScalar { scalar, .. } => door.compare_scalar(*scalar),
            Operator::Where => door.select(),
            Operator::Clamp { min, max } => door.clamp(*min, *max),
            Operator::Classify { .. } => door.classify(),
            Operator::MatMul => door.matmul(),
            Operator::Linear => door.linear(),
            Operator::Conv2d { stride, padding, dilation, groups } => {
                door.conv2d(*stride, *padding, *dilation, *groups)
            }
            Operator::Reduce { function, axes } => door.reduce(*function, axes),
            Operator::Arg { axis, .. } => door.arg(*axis),
            Operator::MaxPool2d { window } => door.pool(window),
            Operator::AvgPool2d { window, .. } => door.average_pool(window),
            Operator::AdaptiveAvgPool2d { output } => door.adaptive_pool(*output),
            Operator::Softmax { axis } | Operator::LogSoftmax { axis } => door.softmax(*axis),
            Operator::Gather { axis } => door.gather(*axis),
            Operator::Take { axis } => door.take(*axis),
            Operator::GatherNd => door.gather_nd(),
            Operator::Scatter { axis, update } => door.scatter(*axis, *update),
            Operator::TakeAssign { axis, update } => door.take_assign(*axis, *update),
            Operator::ScatterNd { update } => door.scatter_nd(*update),
            Operator::SliceAssign { ranges } => door.slice_assign(ranges),
            Operator::Unfold { axis, size, step } => door.unfold(*axis, *size, *step),
            Operator::Extend { padding, mode } => door.extend(padding, *mode),
            Operator::Unfold2d { kernel, stride, padding, dilation } => {
                door.unfold2d(*kernel, *stride, *padding, *dilation)
            }
            Operator::Conv3d { stride, padding, dilation, groups } => {
                door.convolution([*stride, *padding, *dilation], *groups)
            }
            Operator::ConvTranspose2d { stride, padding, output_padding, dilation, groups } => {
                door.transposed([*stride, *padding, *output_padding, *dilation], *groups)
            }
            Operator::ConvTranspose3d { stride, padding, output_padding, dilation, groups } => {
                door.transposed([*stride, *padding, *output_padding, *dilation], *groups)
            }
            Operator::DeformConv2d { stride, padding, dilation, groups, offset_groups, masked } => {
                door.deformable([*stride, *padding, *dilation], *groups, *offset_groups, *masked)
            }
            Operator::Cumulative { function, axis } => door.cumulative(*function, *axis),
            Operator::Sort { axis, .. } => door.sort(*axis),
            Operator::ArgSort { axis, .. } => door.arg_sort(*axis),
            Operator::ArgMaxPool2d { window } => door.arg_max_pool(window),
            Operator::AdaptiveAvgPool3d { output } => door.adaptive_pool3d(*output),
            Operator::Interpolate2d { output, .. } => door.interpolate(*output),
            Operator::GridSample2d { mode, .. } => door.grid_sample(*mode),
            Operator::Attention { scale, softcap, masked, biased, .. } => {
                door.attention(*scale, *softcap, *masked, *biased)
            }
            Operator::LayerNorm { epsilon } => door.layer_norm(*epsilon),
        }?;
        door.possible(&result)?;
        Ok(vec![result])
    }
}

/// One operator's operand types, and the checks that several operators share.
struct Door<'a> {
    operator: &'static str,
    operands: &'a [TensorType],
}

impl<'a> Door<'a> {
    fn possible(&self, tensor_type: &TensorType) -> Result<(), OperatorError> {
        let wrap = |source| OperatorError::Tensor { operator: self.operator, source };
        tensor_type.byte_len().map(|_| ()).map_err(wrap)
    }

    fn arity(&self, expected: &'static str) -> OperatorError {
        OperatorError::Arity { operator: self.operator, expected, found: self.operands.len() }
    }

    fn one(&self) -> Result<&'a TensorType, OperatorError> {
        match self.operands {
            [x] => Ok(x),
            _ => Err(self.arity("1")),
        }
    }

    fn two(&self) -> Result<(&'a TensorType, &'a TensorType), OperatorError> {
        match self.operands {
            [a, b] => Ok((a, b)),
            _ => Err(self.arity("2")),
        }
    }

    /// Two operands and, after them, perhaps a bias.
    fn two_and_bias(
        &self,
    ) -> Result<(&'a TensorType, &'a TensorType, Option<&'a TensorType>), OperatorError> {
        match self.operands {
            [a, b] => Ok((a, b, None)),
            [a, b, bias] => Ok((a, b, Some(bias))),
            _ => Err(self.arity("2 or 3")),
        }
    }

    fn shape(&self, reason: impl Into<String>) -> OperatorError {
        OperatorError::Shape { operator: self.operator, reason: reason.into() }
    }

    fn attribute(&self, reason: impl Into<String>) -> OperatorError {
        OperatorError::Attribute { operator: self.operator, reason: reason.into() }
    }

    fn dtype(&self, dtype: DType, supported: bool) -> Result<(), OperatorError> {
        if supported {
            Ok(())
        } else {
            Err(OperatorError::ElementType { operator: self.operator, dtype })
        }
    }

    fn same(&self, expected: DType, found: DType) -> Result<(), OperatorError> {
        if expected == found {
            return Ok(());
        }
        Err(OperatorError::ElementTypeMismatch { operator: self.operator, expected, found })
    }

    fn scalar(&self, dtype: DType, scalar: Scalar) -> Result<(), OperatorError> {
        self.same(dtype, scalar.dtype)?;
        if scalar.is_canonical() {
            return Ok(());
        }
        Err(self.attribute(format!("{:#x} is no constant of type {dtype}", scalar.bits)))
    }

    /// The extent of `axis` of `x`.
    fn extent(&self, x: &TensorType, axis: u8) -> Result<u64, OperatorError> {
        x.shape
            .get(usize::from(axis))
            .copied()
            .ok_or_else(|| self.shape(format!("there is no axis {axis} in {x}")))
    }

    fn broadcast(&self, a: &TensorType, b: &TensorType) -> Result<Vec<u64>, OperatorError> {
        shape::broadcast(&a.shape, &b.shape)
            .ok_or_else(|| self.shape(format!("{a} and {b} do not broadcast")))
    }
}
