//! What an operator costs: the arithmetic of the written sequences, the same on every machine.

use crate::{Binary, Operator, TensorType, Unary};

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
            Operator::Softmax { .. } => input.saturating_mul(Unary::Exp.operations() + 4),
            Operator::LogSoftmax { .. } => input.saturating_mul(Unary::Exp.operations() + 4),
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
