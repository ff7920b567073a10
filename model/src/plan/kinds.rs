//! What the planner knows of operators: which are movement, which read views, which take a chain or a layout.
//!
//! A step that the kernels cannot compute as one is computed operator by operator, which is right but no faster, so only
//! that is joined which they can.

use gainsay_canon::{Binary, DType, Operator, TensorType, Unary};

use super::view::{Base, Seen};

/// Whether it only says how elements of its one operand are arranged, so that a reader can see through it.
pub(super) fn is_movement(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::Reshape { .. }
            | Operator::Permute { .. }
            | Operator::Slice { .. }
            | Operator::Expand { .. }
    )
}

/// Whether it computes each element of its result from the elements of its operands at that place.
pub(super) fn is_elementwise(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::Unary { .. }
            | Operator::Binary { .. }
            | Operator::BinaryScalar { .. }
            | Operator::Clamp { .. }
            | Operator::Compare { .. }
            | Operator::CompareScalar { .. }
            | Operator::Classify { .. }
            | Operator::Where
    )
}

/// Whether it can be a link of a chain of this type.
pub(super) fn is_link(operator: &Operator, result: &TensorType) -> bool {
    use Unary::{Abs, Erf, Exp, Gelu, Log, Neg, Recip, Relu, Sigmoid, Silu, Sqrt, Tanh};
    let known = match operator {
        Operator::Unary { function } => matches!(
            function,
            Neg | Abs | Recip | Sqrt | Exp | Log | Tanh | Sigmoid | Relu | Gelu | Erf | Silu
        ),
        Operator::Binary { function } | Operator::BinaryScalar { function, .. } => {
            use Binary::{Add, Div, Max, Min, Mul, Sub};
            matches!(function, Add | Sub | Mul | Div | Max | Min)
        }
        Operator::Clamp { .. } => true,
        _ => false,
    };
    known && result.dtype == DType::F32
}

/// Whether it multiplies by matrices or kernels that are packed once.
fn is_packed(operator: &Operator, operands: &[Seen]) -> bool {
    match operator {
        Operator::MatMul | Operator::Linear => {
            operands.get(1).is_some_and(|w| matches!(w.base, Base::Constant(_)) && w.rank() == 2)
        }
        Operator::Conv2d { .. } => true,
        _ => false,
    }
}

/// Whether it works on one row of the last axis at a time.
fn is_by_rows(operator: &Operator, result: &TensorType) -> bool {
    let is_last = |axis: u8| usize::from(axis) + 1 == result.shape.len();
    match operator {
        Operator::LayerNorm { .. } => true,
        Operator::Softmax { axis } | Operator::LogSoftmax { axis } => is_last(*axis),
        _ => false,
    }
}

/// Whether it does most of a step's work, so that a link joins it rather than another operand's step.
pub(super) fn is_heavy(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::MatMul | Operator::Linear | Operator::Conv2d { .. } | Operator::Attention { .. }
    )
}

/// Whether elementwise operators can follow it in the same step.
pub(super) fn takes_chain(operator: &Operator, operands: &[Seen], result: &TensorType) -> bool {
    result.dtype == DType::F32
        && (is_packed(operator, operands)
            || is_by_rows(operator, result)
            || is_link(operator, result)
            || matches!(operator, Operator::Attention { .. } | Operator::Reduce { .. }))
}

/// Whether it can write its result permuted; it takes a chain.
pub(super) fn takes_layout(operator: &Operator) -> bool {
    is_heavy(operator)
}

/// Whether it can write its result over the operand at `position`, which is of the same type.
pub(super) fn overwrites(operator: &Operator, position: usize, result: &TensorType) -> bool {
    is_elementwise(operator) || (position == 0 && is_by_rows(operator, result))
}

/// Whether it reads some operand through strides.
pub(super) fn reads_any_view(operator: &Operator) -> bool {
    matches!(operator, Operator::MatMul | Operator::Linear | Operator::Attention { .. })
        || is_elementwise(operator)
}

/// Whether it reads the operand at `position` through strides: the rows of a linear operator lie as they are multiplied,
/// its matrix is packed anyway.
pub(super) fn reads_views(operator: &Operator, position: usize) -> bool {
    match operator {
        Operator::Linear => position == 1,
        _ => reads_any_view(operator),
    }
}
