//! What an operator costs: the arithmetic of the written sequences, the same on every machine.

use crate::{Binary, Interpolation, Operator, TensorType, Unary, Update};

/// The cost of one run of an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost {
    /// Arithmetic operations: 2 per fused multiply-add, 0 for data movement; `u64::MAX` where more.
    pub operations: u64,
}

impl Operator {
    /// The cost for operands of these types; 0 where [`Operator::infer`] refuses them.
    ///
    /// Comparisons, conversions and selections of arithmetic operators count as one operation, elementary functions
    /// as the length of their sequence.
    pub fn cost(&self, operands: &[TensorType]) -> Cost {
        let operations = match self.infer(operands).as_deref() {
            Ok([result]) => self.operations(operands, result),
            _ => 0,
        };
        Cost { operations }
    }

    /// Operands are those that infer to `result`; pooling windows may still be huge, hence saturating.
    fn operations(&self, operands: &[TensorType], result: &TensorType) -> u64 {
        let count = |x: &TensorType| x.elements().map_or(0, |elements| elements as u64);
        let outputs = count(result);
        let input = operands.first().map_or(0, count);
        let bias = if operands.len() == 3 { 1 } else { 0 };
        // Terms of one output element of a contraction.
        let chain = |terms: u64| terms.saturating_mul(2).saturating_add(bias);
        let window = |kernel: [u64; 2]| kernel[0].saturating_mul(kernel[1]);
        match self {
            Operator::Reshape { .. }
            | Operator::Permute { .. }
            | Operator::Slice { .. }
            | Operator::Concat { .. }
            | Operator::Expand { .. }
            | Operator::Full { .. }
            | Operator::Pad { .. }
            | Operator::Where => 0,
            Operator::Unary { function } => outputs.saturating_mul(function.operations()),
            Operator::Binary { function } | Operator::BinaryScalar { function, .. } => {
                outputs.saturating_mul(function.operations())
            }
            Operator::Cast { .. }
            | Operator::Compare { .. }
            | Operator::CompareScalar { .. }
            | Operator::Classify { .. } => outputs,
            Operator::Clamp { .. } => outputs.saturating_mul(2),
            Operator::MatMul | Operator::Linear => {
                let terms = operands.first().and_then(|a| a.shape.last()).copied().unwrap_or(0);
                outputs.saturating_mul(chain(terms))
            }
            Operator::Conv2d { .. } => {
                let terms = operands
                    .get(1)
                    .and_then(|w| w.shape.get(1..))
                    .map_or(0, |w| w.iter().product());
                outputs.saturating_mul(chain(terms))
            }
            Operator::Reduce { .. } | Operator::Arg { .. } => input.max(outputs),
            Operator::MaxPool2d { window: w } => outputs.saturating_mul(window(w.kernel)),
            Operator::AvgPool2d { window: w, .. } => {
                outputs.saturating_mul(window(w.kernel).saturating_add(1))
            }
            Operator::AdaptiveAvgPool2d { .. } => {
                // Windows overlap by at most one element per side.
                let spatial = |x: &TensorType| x.shape.get(2..).map_or([0, 0], |s| [s[0], s[1]]);
                let (from, to) = (operands.first().map_or([0, 0], spatial), spatial(result));
                let extent = |i: usize| if to[i] == 0 { 0 } else { from[i].div_ceil(to[i]) + 1 };
                outputs.saturating_mul(window([extent(0), extent(1)]).saturating_add(1))
            }
            Operator::ArgMaxPool2d { window: w } => outputs.saturating_mul(window(w.kernel)),
            Operator::Softmax { .. } => input.saturating_mul(Unary::Exp.operations() + 4),
            Operator::LogSoftmax { .. } => input.saturating_mul(Unary::Exp.operations() + 4),
            _ => self.more_operations(operands, result),
        }
    }

    /// The operations of those that index, slide, resample, sort and normalise.
    fn more_operations(&self, operands: &[TensorType], result: &TensorType) -> u64 {
        let count = |x: &TensorType| x.elements().map_or(0, |elements| elements as u64);
        let of = |index: usize| operands.get(index).map_or(0, count);
        let extent = |index: usize, axis: usize| {
            operands.get(index).and_then(|x| x.shape.get(axis)).copied().unwrap_or(0)
        };
        let outputs = count(result);
        // Two per term of a kernel `[_, channels, ..]`, and one for a bias behind `inputs` operands.
        let chain = |kernel: usize, inputs: usize| {
            let window = operands.get(kernel).and_then(|w| w.shape.get(1..)).unwrap_or(&[]);
            let terms = window.iter().fold(1, |terms: u64, &extent| terms.saturating_mul(extent));
            terms.saturating_mul(2).saturating_add(u64::from(operands.len() > inputs))
        };
        match self {
            Operator::Scatter { update, .. }
            | Operator::TakeAssign { update, .. }
            | Operator::ScatterNd { update } => match update {
                Update::Assign => 0,
                _ => of(2),
            },
            Operator::Conv3d { .. } => outputs.saturating_mul(chain(1, 2)),
            Operator::ConvTranspose2d { .. } | Operator::ConvTranspose3d { .. } => {
                // Every input element meets every kernel element of its group; the result is written once.
                let kernel = operands.get(1).and_then(|w| w.shape.get(1..)).unwrap_or(&[]);
                let terms =
                    kernel.iter().fold(of(0), |terms: u64, &extent| terms.saturating_mul(extent));
                terms.saturating_mul(2).saturating_add(outputs)
            }
            Operator::DeformConv2d { masked, .. } => {
                let samples = [extent(0, 1), extent(2, 2), extent(2, 3), extent(0, 0)];
                let windows = result.shape.get(2..).unwrap_or(&[]);
                let samples =
                    samples.iter().chain(windows).fold(1, |all: u64, &n| all.saturating_mul(n));
                let chains = outputs.saturating_mul(chain(2, 3 + usize::from(*masked)));
                samples.saturating_mul(24).saturating_add(chains)
            }
            Operator::Cumulative { .. } => outputs,
            Operator::Sort { axis, .. } | Operator::ArgSort { axis, .. } => {
                let length = extent(0, usize::from(*axis)).max(1);
                outputs.saturating_mul(u64::from(length.ilog2()) + 1)
            }
            Operator::AdaptiveAvgPool3d { .. } => {
                let [from, to] = [operands.first(), Some(result)]
                    .map(|x| x.and_then(|x| x.shape.get(2..)).unwrap_or(&[]));
                let window = from.iter().zip(to).fold(1, |window: u64, (&from, &to)| {
                    window.saturating_mul(if to == 0 { 0 } else { from.div_ceil(to) + 1 })
                });
                outputs.saturating_mul(window.saturating_add(1))
            }
            Operator::Interpolate2d { mode, .. } => outputs.saturating_mul(match mode {
                Interpolation::Nearest | Interpolation::NearestExact => 1,
                Interpolation::Bilinear => 12,
                Interpolation::Bicubic => 40,
                Interpolation::Lanczos3 => 84,
            }),
            Operator::GridSample2d { .. } => outputs.saturating_mul(8).saturating_add(of(1) * 8),
            Operator::Attention { .. } => {
                // `q [.., s, d]` and `v [.., t, e]` make `.. * s * t` scores.
                let [Some(q), Some(v)] = [operands.first(), operands.get(2)] else { return 0 };
                let ([queries @ .., d], [.., t, e]) = (q.shape.as_slice(), v.shape.as_slice())
                else {
                    return 0;
                };
                let scores = queries.iter().fold(*t, |all: u64, &n| all.saturating_mul(n));
                let each = d.saturating_add(*e).saturating_mul(2);
                scores.saturating_mul(each.saturating_add(Unary::Exp.operations() + 6))
            }
            Operator::LayerNorm { .. } => outputs.saturating_mul(8),
            _ => 0,
        }
    }
}

impl Unary {
    /// Arithmetic operations of the written sequence, rounded.
    const fn operations(self) -> u64 {
        match self {
            Unary::Neg
            | Unary::Abs
            | Unary::Recip
            | Unary::Sqrt
            | Unary::Relu
            | Unary::Not
            | Unary::Floor
            | Unary::Ceil
            | Unary::Trunc
            | Unary::Round
            | Unary::Sign
            | Unary::BitNot => 1,
            Unary::Rsqrt => 2,
            Unary::Exp => 24,
            Unary::Log | Unary::Expm1 | Unary::Sin | Unary::Cos => 30,
            Unary::Log1p | Unary::Cosh => 36,
            Unary::Tanh | Unary::Sigmoid | Unary::Silu | Unary::Sinh => 40,
            Unary::Atan => 42,
            Unary::Acosh | Unary::Atanh => 46,
            Unary::Asin | Unary::Acos | Unary::Asinh | Unary::Erf => 50,
            Unary::Gelu => 54,
            Unary::Tan => 61,
            Unary::LogSigmoid => 64,
        }
    }
}

impl Binary {
    /// Arithmetic operations of the written sequence, rounded.
    const fn operations(self) -> u64 {
        match self {
            Binary::Hypot | Binary::Rem => 4,
            Binary::Atan2 => 50,
            Binary::Pow => 70,
            _ => 1,
        }
    }
}
