//! The fast kernels: the reference's bits, sooner.
//!
//! The only place with unsafe code. Kernels are written once over a vector interface and instantiated per instruction
//! set; threads split output elements only, so neither choice can change a bit. What gains nothing from vectors is left
//! to the reference.

#![allow(unsafe_code)]

mod averages;
pub(crate) mod bytes;
mod circular;
mod contraction;
mod elementary;
mod elementwise;
pub(crate) mod environment;
mod gemm;
mod hyperbolic;
mod image;
mod indexing;
mod movement;
mod plain;
mod plain_product;
mod planned;
mod pooling;
mod powers;
mod resampling;
mod rows;
mod simd;
mod sorting;
mod spatial;
pub(crate) mod step;
mod strided;
mod threads;
mod upsampling;
mod windows;

use std::num::NonZeroUsize;

use self::environment::FloatEnvironment;
use self::image::Image;
use self::simd::Vectors;
use self::step::Pages;
use self::threads::Threads;
use crate::reference::half::Widened;
use crate::shape::extents;
use crate::tensor::Data;
use crate::{DType, Isa, KernelError, Operator, OperatorError, Tensor, TensorType, reference};

/// A result, or nothing where there is no fast kernel.
type Computed = Result<Option<Data>, OperatorError>;

/// A kernel set and its threads.
#[derive(Debug)]
pub(crate) struct Fast {
    vectors: Vectors,
    threads: Threads,
    /// For constants that are packed.
    pages: Pages,
}

impl Fast {
    pub(crate) fn new(isa: Isa, threads: NonZeroUsize) -> Result<Fast, KernelError> {
        let vectors = Vectors::new(isa).ok_or(KernelError::Unsupported { isa })?;
        Ok(Fast { vectors, threads: Threads::new(threads)?, pages: Pages::default() })
    }

    pub(crate) fn parallel(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        self.threads.host(tasks, task);
    }

    /// Computes an operator whose operands infer to `result`.
    pub(crate) fn run(
        &self,
        operator: &Operator,
        operands: &[&Tensor],
        result: TensorType,
    ) -> Result<Tensor, OperatorError> {
        let _environment = FloatEnvironment::enter()?;
        let data = match self.compute(operator, operands, &result)? {
            Some(data) => data,
            None => reference::compute(operator, operands, &result)?,
        };
        Ok(Tensor::computed(result, data))
    }

    fn compute(&self, operator: &Operator, operands: &[&Tensor], result: &TensorType) -> Computed {
        if result.shape.contains(&0) {
            return Ok(None);
        }
        if let Some(widened) = Widened::new(operator, operands, result) {
            let compute = |operator: &_, operands: &[&Tensor], result: &_| {
                let data = self.compute(operator, operands, result)?;
                data.map_or_else(|| reference::compute(operator, operands, result), Ok)
            };
            return widened.compute(operands, compute).map(Some);
        }
        match (operator, operands) {
            (Operator::Permute { axes }, [x]) => self.permute(x, axes, result),
            (Operator::Slice { ranges }, [x]) => self.slice(x, ranges, result),
            (Operator::Expand { .. }, [x]) => self.expand(x, result),
            (Operator::Pad { padding, value }, [x]) => {
                Ok(Some(movement::pad(x, padding, *value, result)))
            }
            (Operator::Concat { axis }, _) => self.concat(operands, usize::from(*axis), result),
            (Operator::Binary { function }, [a, b]) => self.binary(*function, a, b, result),
            (Operator::Compare { relation }, [a, b]) => self.compare(*relation, a, b, result),
            (Operator::CompareScalar { relation, scalar }, [a]) => {
                self.compare(*relation, a, &elementwise::constant(*scalar), result)
            }
            (Operator::Where, &[condition, a, b]) => self.select([condition, a, b], result),
            (Operator::Reduce { function, axes }, [x]) => self.reduce(*function, axes, x, result),
            (Operator::MaxPool2d { window }, [x]) => self.max_pool(window, x, result),
            (Operator::Softmax { axis }, [x]) if x.dtype() == DType::F32 => {
                self.softmax(false, *axis, x)
            }
            (Operator::LogSoftmax { axis }, [x]) if x.dtype() == DType::F32 => {
                self.softmax(true, *axis, x)
            }
            (Operator::Classify { class }, [x]) => self.classify(*class, x),
            (Operator::MatMul | Operator::Linear | Operator::Conv2d { .. }, _) => {
                self.contraction(operator, operands, result)
            }
            (
                Operator::Unary { .. } | Operator::BinaryScalar { .. } | Operator::Clamp { .. },
                [x],
            ) => match x.as_f32() {
                Some(values) => self.map_f32(operator, values),
                None => self.map_plain(operator, x),
            },
            _ => self.structural(operator, operands, result),
        }
    }

    /// The operators that index, slide, resample, sort and normalise.
    fn structural(
        &self,
        operator: &Operator,
        operands: &[&Tensor],
        result: &TensorType,
    ) -> Computed {
        match (operator, operands) {
            (Operator::Gather { axis }, [x, indices]) => {
                self.gather(usize::from(*axis), x, indices, result)
            }
            (Operator::Take { axis }, [x, indices]) => self.take(usize::from(*axis), x, indices),
            (Operator::GatherNd, [x, indices]) => self.gather_nd(x, indices),
            (Operator::Scatter { axis, update }, &[x, indices, values]) => {
                self.scatter(usize::from(*axis), *update, [x, indices, values])
            }
            (Operator::TakeAssign { axis, update }, &[x, indices, values]) => {
                self.take_assign(usize::from(*axis), *update, [x, indices, values])
            }
            (Operator::ScatterNd { update }, &[x, indices, values]) => {
                self.scatter_nd(*update, [x, indices, values])
            }
            (Operator::SliceAssign { ranges }, [x, value]) => self.slice_assign(ranges, x, value),
            (Operator::Unfold { axis, step, .. }, [x]) => {
                self.unfold(x, usize::from(*axis), *step, result)
            }
            (Operator::Sort { axis, order }, [x]) => self.sort(usize::from(*axis), *order, x),
            (Operator::ArgSort { axis, order }, [x]) => {
                self.arg_sort(usize::from(*axis), *order, x)
            }
            (Operator::Cumulative { function, axis }, [x]) => {
                self.cumulative(*function, usize::from(*axis), x)
            }
            _ => self.windowed(operator, operands, result),
        }
    }

    /// The operators with windows, samples and rows.
    fn windowed(&self, operator: &Operator, operands: &[&Tensor], result: &TensorType) -> Computed {
        match (operator, operands) {
            (Operator::Extend { padding, mode }, [x]) => self.extend(padding, *mode, x, result),
            (Operator::Unfold2d { kernel, stride, padding, dilation }, [x]) => {
                self.unfold2d([kernel, stride, padding, dilation], x, result)
            }
            (Operator::AvgPool2d { window, padding_counts }, [x]) => {
                self.average_pool(window, *padding_counts, x, result)
            }
            (Operator::AdaptiveAvgPool2d { .. } | Operator::AdaptiveAvgPool3d { .. }, [x]) => {
                self.adaptive_average_pool(x, result)
            }
            (Operator::ArgMaxPool2d { window }, [x]) => self.arg_max_pool(window, x, result),
            (Operator::Interpolate2d { mode, corners, .. }, [x]) => {
                self.interpolate(*mode, *corners, x, result)
            }
            (Operator::GridSample2d { mode, outside, corners }, [x, points]) => {
                self.grid_sample((*mode, *outside, *corners), x, points, result)
            }
            (Operator::Attention { .. } | Operator::LayerNorm { .. }, _) => {
                self.planned(operator, operands, result)
            }
            (_, &[x, w, ref bias @ ..]) => self.convolution(operator, [x, w], bias, result),
            _ => Ok(None),
        }
    }

    /// Convolutions over three axes, transposed and deformable ones; `rest` are the operands behind the first two.
    fn convolution(
        &self,
        operator: &Operator,
        [x, w]: [&Tensor; 2],
        rest: &[&Tensor],
        result: &TensorType,
    ) -> Computed {
        let bias = rest.first().copied();
        match operator {
            Operator::Conv3d { stride, padding, dilation, groups } => {
                self.conv3d([x, w], bias, [stride, padding, dilation], *groups, result)
            }
            Operator::ConvTranspose2d { stride, padding, dilation, groups, .. } => {
                self.conv_transpose([x, w], bias, [stride, padding, dilation], *groups, result)
            }
            Operator::ConvTranspose3d { stride, padding, dilation, groups, .. } => {
                self.conv_transpose([x, w], bias, [stride, padding, dilation], *groups, result)
            }
            Operator::DeformConv2d { stride, padding, dilation, groups, offset_groups, masked } => {
                let (offset, [w, rest @ ..]) = (w, rest) else { return Ok(None) };
                let (mask, bias) = match (masked, rest) {
                    (true, [mask, bias @ ..]) => (Some(*mask), bias.first().copied()),
                    _ => (None, rest.first().copied()),
                };
                let attributes: [&[u64]; 3] = [stride, padding, dilation];
                let groups = [*groups, *offset_groups];
                self.deform_conv2d([x, offset, w], mask, bias, attributes, groups, result)
            }
            _ => Ok(None),
        }
    }

    fn map_f32(&self, operator: &Operator, x: &[f32]) -> Computed {
        match operator {
            Operator::Unary { function } => self.unary(*function, x),
            Operator::BinaryScalar { function, scalar } => {
                self.binary_scalar(*function, x, *scalar)
            }
            Operator::Clamp { min, max } => self.clamp(x, *min, *max),
            _ => Ok(None),
        }
    }

    fn contraction(
        &self,
        operator: &Operator,
        operands: &[&Tensor],
        result: &TensorType,
    ) -> Computed {
        let (Some(x), Some(w)) = (operands.first(), operands.get(1)) else { return Ok(None) };
        let (Some(x_values), Some(w_values)) = (x.as_f32(), w.as_f32()) else {
            return match operator {
                Operator::MatMul | Operator::Linear => {
                    self.plain_product(x, w, operands.get(2).copied(), result)
                }
                _ => Ok(None),
            };
        };
        let bias = operands.get(2).and_then(|bias| bias.as_f32());
        let (x_type, w_type) = (x.tensor_type(), w.tensor_type());
        let output = match operator {
            Operator::MatMul => self.matmul((x_values, x_type), (w_values, w_type), result)?,
            Operator::Linear => self.linear(x_values, (w_values, w_type), bias, result)?,
            Operator::Conv2d { stride, padding, dilation, groups } => {
                let (input, kernel, output) =
                    (extents(x.shape()), extents(w.shape()), extents(&result.shape));
                let pair = |pair: &[u64; 2]| pair.map(|value| value as usize);
                let image = Image {
                    channels: kernel[1],
                    groups: *groups as usize,
                    input: [input[2], input[3]],
                    kernel: [kernel[2], kernel[3]],
                    output: [output[2], output[3]],
                    stride: pair(stride),
                    padding: pair(padding),
                    dilation: pair(dilation),
                };
                self.conv2d(image, (x_values, w_values), bias, result)?
            }
            _ => return Ok(None),
        };
        Ok(Some(Data::F32(output)))
    }
}
