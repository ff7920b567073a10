//! Names of operators, for people.

use std::fmt;

use crate::{
    Binary, Class, Extreme, Operator, Reduction, Relation, Scalar, SliceRange, Unary, Window2d,
};

impl Operator {
    /// A short name, as in `conv2d`, `relu` or `add`; one name per function, without the other attributes.
    pub fn name(&self) -> &'static str {
        match self {
            Operator::Reshape { .. } => "reshape",
            Operator::Permute { .. } => "permute",
            Operator::Slice { .. } => "slice",
            Operator::Concat { .. } => "concat",
            Operator::Expand { .. } => "expand",
            Operator::Cast { .. } => "cast",
            Operator::Full { .. } => "full",
            Operator::Pad { .. } => "pad",
            Operator::Unary { function } => function.name(),
            Operator::Binary { function } => function.names().0,
            Operator::BinaryScalar { function, .. } => function.names().1,
            Operator::Compare { relation } => relation.names().0,
            Operator::CompareScalar { relation, .. } => relation.names().1,
            Operator::Where => "where",
            Operator::Clamp { .. } => "clamp",
            Operator::MatMul => "matmul",
            Operator::Linear => "linear",
            Operator::Conv2d { .. } => "conv2d",
            Operator::Reduce { function, .. } => function.name(),
            Operator::Arg { extreme: Extreme::Max, .. } => "argmax",
            Operator::Arg { extreme: Extreme::Min, .. } => "argmin",
            Operator::MaxPool2d { .. } => "max_pool2d",
            Operator::AvgPool2d { .. } => "avg_pool2d",
            Operator::AdaptiveAvgPool2d { .. } => "adaptive_avg_pool2d",
            Operator::Softmax { .. } => "softmax",
            Operator::LogSoftmax { .. } => "log_softmax",
            Operator::Gather { .. } => "gather",
            Operator::Take { .. } => "take",
            Operator::GatherNd => "gather_nd",
            Operator::Scatter { .. } => "scatter",
            Operator::TakeAssign { .. } => "take_assign",
            Operator::ScatterNd { .. } => "scatter_nd",
            Operator::SliceAssign { .. } => "slice_assign",
            Operator::Unfold { .. } => "unfold",
            Operator::Extend { .. } => "extend",
            Operator::Unfold2d { .. } => "unfold2d",
            Operator::Classify { class: Class::Nan } => "is_nan",
            Operator::Classify { class: Class::Infinite } => "is_infinite",
            Operator::Conv3d { .. } => "conv3d",
            Operator::ConvTranspose2d { .. } => "conv_transpose2d",
            Operator::ConvTranspose3d { .. } => "conv_transpose3d",
            Operator::Sort { .. } => "sort",
            Operator::ArgSort { .. } => "arg_sort",
            Operator::ArgMaxPool2d { .. } => "arg_max_pool2d",
            Operator::AdaptiveAvgPool3d { .. } => "adaptive_avg_pool3d",
            Operator::Interpolate2d { .. } => "interpolate2d",
            Operator::GridSample2d { .. } => "grid_sample2d",
            Operator::DeformConv2d { .. } => "deform_conv2d",
            Operator::Attention { .. } => "attention",
            Operator::LayerNorm { .. } => "layer_norm",
            Operator::Cumulative { function, .. } => match function {
                Reduction::Sum => "cumulative_sum",
                Reduction::Product => "cumulative_product",
                Reduction::Mean => "cumulative_mean",
                Reduction::Max => "cumulative_max",
                Reduction::Min => "cumulative_min",
            },
        }
    }
}

impl Unary {
    fn name(self) -> &'static str {
        match self {
            Unary::Neg => "neg",
            Unary::Abs => "abs",
            Unary::Recip => "recip",
            Unary::Sqrt => "sqrt",
            Unary::Exp => "exp",
            Unary::Log => "log",
            Unary::Tanh => "tanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Relu => "relu",
            Unary::Gelu => "gelu",
            Unary::Erf => "erf",
            Unary::Not => "not",
            Unary::Log1p => "log1p",
            Unary::Expm1 => "expm1",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tan => "tan",
            Unary::Sinh => "sinh",
            Unary::Cosh => "cosh",
            Unary::Asin => "asin",
            Unary::Acos => "acos",
            Unary::Atan => "atan",
            Unary::Asinh => "asinh",
            Unary::Acosh => "acosh",
            Unary::Atanh => "atanh",
            Unary::Floor => "floor",
            Unary::Ceil => "ceil",
            Unary::Trunc => "trunc",
            Unary::Round => "round",
            Unary::Sign => "sign",
            Unary::BitNot => "bit_not",
            Unary::Rsqrt => "rsqrt",
            Unary::Silu => "silu",
            Unary::LogSigmoid => "log_sigmoid",
        }
    }
}

impl Binary {
    /// The name, and that of the form with a constant.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Binary::Add => ("add", "add_scalar"),
            Binary::Sub => ("sub", "sub_scalar"),
            Binary::Mul => ("mul", "mul_scalar"),
            Binary::Div => ("div", "div_scalar"),
            Binary::Max => ("max", "max_scalar"),
            Binary::Min => ("min", "min_scalar"),
            Binary::And => ("and", "and_scalar"),
            Binary::Or => ("or", "or_scalar"),
            Binary::Rem => ("rem", "rem_scalar"),
            Binary::Pow => ("pow", "pow_scalar"),
            Binary::Atan2 => ("atan2", "atan2_scalar"),
            Binary::Hypot => ("hypot", "hypot_scalar"),
            Binary::BitAnd => ("bit_and", "bit_and_scalar"),
            Binary::BitOr => ("bit_or", "bit_or_scalar"),
            Binary::BitXor => ("bit_xor", "bit_xor_scalar"),
            Binary::ShiftLeft => ("shift_left", "shift_left_scalar"),
            Binary::ShiftRight => ("shift_right", "shift_right_scalar"),
            Binary::Xor => ("xor", "xor_scalar"),
        }
    }
}

impl Relation {
    /// The name, and that of the form with a constant.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Relation::Equal => ("equal", "equal_scalar"),
            Relation::NotEqual => ("not_equal", "not_equal_scalar"),
            Relation::Less => ("less", "less_scalar"),
            Relation::LessEqual => ("less_equal", "less_equal_scalar"),
            Relation::Greater => ("greater", "greater_scalar"),
            Relation::GreaterEqual => ("greater_equal", "greater_equal_scalar"),
        }
    }
}

impl Reduction {
    fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "reduce_sum",
            Reduction::Product => "reduce_product",
            Reduction::Mean => "reduce_mean",
            Reduction::Max => "reduce_max",
            Reduction::Min => "reduce_min",
        }
    }
}

impl fmt::Display for Operator {
    /// The name with its attributes, as in `conv2d(stride [1, 1], padding [1, 1], dilation [1, 1], groups 1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Operator::Reshape { shape } | Operator::Expand { shape } => write!(f, "({shape:?})"),
            Operator::Permute { axes } => write!(f, "({axes:?})"),
            Operator::Slice { ranges } | Operator::SliceAssign { ranges } => {
                f.write_str("(")?;
                for (i, range) in ranges.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{range}")?;
                }
                f.write_str(")")
            }
            Operator::Concat { axis }
            | Operator::Gather { axis }
            | Operator::Take { axis }
            | Operator::Cumulative { axis, .. }
            | Operator::Arg { axis, .. }
            | Operator::Softmax { axis }
            | Operator::LogSoftmax { axis } => write!(f, "(axis {axis})"),
            Operator::Cast { to } => write!(f, "({to})"),
            Operator::Full { shape, value } => write!(f, "({}{shape:?}, {value})", value.dtype),
            Operator::Pad { padding, value } => write!(f, "({padding:?}, {value})"),
            Operator::BinaryScalar { scalar, .. } | Operator::CompareScalar { scalar, .. } => {
                write!(f, "({scalar})")
            }
            Operator::Clamp { min, max } => {
                write!(f, "(min {}, max {})", optional(min), optional(max))
            }
            Operator::Conv2d { stride, padding, dilation, groups } => {
                write!(
                    f,
                    "(stride {stride:?}, padding {padding:?}, dilation {dilation:?}, groups {groups})"
                )
            }
            Operator::Reduce { axes, .. } => write!(f, "(axes {axes:?})"),
            Operator::MaxPool2d { window } | Operator::ArgMaxPool2d { window } => {
                write!(f, "({window})")
            }
            Operator::AvgPool2d { window, padding_counts } => {
                write!(f, "({window}, padding counts {padding_counts:?})")
            }
            Operator::AdaptiveAvgPool2d { output } => write!(f, "({output:?})"),
            Operator::Unary { .. }
            | Operator::Binary { .. }
            | Operator::Compare { .. }
            | Operator::Where
            | Operator::MatMul
            | Operator::Linear
            | Operator::GatherNd
            | Operator::Classify { .. } => Ok(()),
            _ => self.more_attributes(f),
        }
    }
}

impl Operator {
    /// The attributes of the operators that index, slide, resample, sort and normalise.
    fn more_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operator::Scatter { axis, update } | Operator::TakeAssign { axis, update } => {
                write!(f, "(axis {axis}, {update:?})")
            }
            Operator::ScatterNd { update } => write!(f, "({update:?})"),
            Operator::Unfold { axis, size, step } => {
                write!(f, "(axis {axis}, size {size}, step {step})")
            }
            Operator::Extend { padding, mode } => write!(f, "({padding:?}, {mode:?})"),
            Operator::Unfold2d { kernel, stride, padding, dilation } => write!(
                f,
                "(kernel {kernel:?}, stride {stride:?}, padding {padding:?}, dilation {dilation:?})"
            ),
            Operator::Conv3d { stride, padding, dilation, groups } => write!(
                f,
                "(stride {stride:?}, padding {padding:?}, dilation {dilation:?}, groups {groups})"
            ),
            Operator::ConvTranspose2d { stride, padding, output_padding, dilation, groups } => {
                transposed(f, [stride, padding, output_padding, dilation], *groups)
            }
            Operator::ConvTranspose3d { stride, padding, output_padding, dilation, groups } => {
                transposed(f, [stride, padding, output_padding, dilation], *groups)
            }
            Operator::DeformConv2d { stride, padding, dilation, groups, offset_groups, masked } => {
                let masked = if *masked { ", masked" } else { "" };
                write!(
                    f,
                    "(stride {stride:?}, padding {padding:?}, dilation {dilation:?}, groups {groups}, \
                     offset groups {offset_groups}{masked})"
                )
            }
            Operator::Sort { axis, order } | Operator::ArgSort { axis, order } => {
                write!(f, "(axis {axis}, {order:?})")
            }
            Operator::AdaptiveAvgPool3d { output } => write!(f, "({output:?})"),
            Operator::Interpolate2d { output, mode, corners } => {
                write!(f, "({output:?}, {mode:?}, corners {corners:?})")
            }
            Operator::GridSample2d { mode, outside, corners } => {
                write!(f, "({mode:?}, outside {outside:?}, corners {corners:?})")
            }
            Operator::Attention { scale, softcap, keys, masked, biased } => {
                write!(f, "(scale {scale}, softcap {}, keys {keys:?}", optional(softcap))?;
                f.write_str(if *masked { ", masked" } else { "" })?;
                f.write_str(if *biased { ", biased)" } else { ")" })
            }
            Operator::LayerNorm { epsilon } => write!(f, "(epsilon {epsilon})"),
            _ => Ok(()),
        }
    }
}

fn optional(scalar: &Option<Scalar>) -> String {
    scalar.map_or("none".to_owned(), |scalar| scalar.to_string())
}

/// Stride, padding, output padding and dilation.
fn transposed<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    [stride, padding, output_padding, dilation]: [&[u64; N]; 4],
    groups: u64,
) -> fmt::Result {
    write!(
        f,
        "(stride {stride:?}, padding {padding:?}, output padding {output_padding:?}, dilation {dilation:?}, \
         groups {groups})"
    )
}

impl fmt::Display for SliceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)?;
        if self.step == 1 { Ok(()) } else { write!(f, " by {}", self.step) }
    }
}

impl fmt::Display for Window2d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window2d { kernel, stride, padding, dilation, rounding } = self;
        write!(
            f,
            "kernel {kernel:?}, stride {stride:?}, padding {padding:?}, dilation {dilation:?}, {rounding:?}"
        )
    }
}
