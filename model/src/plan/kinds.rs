//! What the planner knows of operators: which are movement, which read views, which take a chain or a layout.

use gainsay_canon::Operator;

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
    is_link(operator)
        || matches!(
            operator,
            Operator::Compare { .. }
                | Operator::CompareScalar { .. }
                | Operator::Classify { .. }
                | Operator::Where
        )
}

/// Whether it can be a link of a chain.
pub(super) fn is_link(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::Unary { .. }
            | Operator::Binary { .. }
            | Operator::BinaryScalar { .. }
            | Operator::Clamp { .. }
    )
}

/// Whether it multiplies matrices or images.
pub(super) fn is_contraction(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::MatMul
            | Operator::Linear
            | Operator::Conv2d { .. }
            | Operator::Conv3d { .. }
            | Operator::ConvTranspose2d { .. }
            | Operator::ConvTranspose3d { .. }
    )
}

/// Whether elementwise operators can follow it in the same step.
pub(super) fn takes_chain(operator: &Operator) -> bool {
    is_contraction(operator)
        || is_elementwise(operator)
        || matches!(operator, Operator::Attention { .. } | Operator::LayerNorm { .. })
}

/// Whether it can write its result permuted.
pub(super) fn takes_layout(operator: &Operator) -> bool {
    is_contraction(operator) || matches!(operator, Operator::Attention { .. })
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
