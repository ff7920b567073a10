//! A number for every operator, without a wildcard: a new operator does not compile until it has one, and then the artifact
//! is refused until some call of it is accepted.

use gainsay_canon::Operator;

/// Numbers the operators; whoever adds one is made to come here, and to add a call below.
pub fn family(operator: &Operator) -> usize {
    use Operator as O;
    match operator {
        O::Reshape { .. } => 0,
        O::Permute { .. } => 1,
        O::Slice { .. } => 2,
        O::Concat { .. } => 3,
        O::Expand { .. } => 4,
        O::Cast { .. } => 5,
        O::Full { .. } => 6,
        O::Pad { .. } => 7,
        O::Gather { .. } => 8,
        O::Take { .. } => 9,
        O::GatherNd => 10,
        O::Scatter { .. } => 11,
        O::TakeAssign { .. } => 12,
        O::ScatterNd { .. } => 13,
        O::SliceAssign { .. } => 14,
        O::Unfold { .. } => 15,
        O::Extend { .. } => 16,
        O::Unfold2d { .. } => 17,
        O::Unary { .. } => 18,
        O::Binary { .. } => 19,
        O::BinaryScalar { .. } => 20,
        O::Compare { .. } => 21,
        O::CompareScalar { .. } => 22,
        O::Where => 23,
        O::Clamp { .. } => 24,
        O::Classify { .. } => 25,
        O::MatMul => 26,
        O::Linear => 27,
        O::Conv2d { .. } => 28,
        O::Conv3d { .. } => 29,
        O::ConvTranspose2d { .. } => 30,
        O::ConvTranspose3d { .. } => 31,
        O::DeformConv2d { .. } => 32,
        O::Reduce { .. } => 33,
        O::Arg { .. } => 34,
        O::MaxPool2d { .. } => 35,
        O::AvgPool2d { .. } => 36,
        O::AdaptiveAvgPool2d { .. } => 37,
        O::Cumulative { .. } => 38,
        O::Sort { .. } => 39,
        O::ArgSort { .. } => 40,
        O::ArgMaxPool2d { .. } => 41,
        O::AdaptiveAvgPool3d { .. } => 42,
        O::Interpolate2d { .. } => 43,
        O::GridSample2d { .. } => 44,
        O::Softmax { .. } => 45,
        O::LogSoftmax { .. } => 46,
        O::Attention { .. } => 47,
        O::LayerNorm { .. } => 48,
    }
}

/// How many numbers [`family`] gives.
pub const FAMILIES: usize = 49;
