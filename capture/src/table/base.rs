//! Operators on tensors of any kind, and on bools.

use burn_ir::{BaseOperationIr, BoolOperationIr};

use super::Rule::Lowered;
use super::entries;

entries!("Base", BASE, base(BaseOperationIr) {
    Reshape => Lowered("`reshape`; nothing where the shape stays"),
    SwapDims => Lowered("`permute` with the two axes exchanged"),
    Permute => Lowered("`permute`"),
    Flip => Lowered("`slice` of everything, with step -1 along the flipped axes"),
    Expand => Lowered("`expand`; nothing where the shape stays"),
    Unfold => Lowered("`unfold`"),
    Slice => Lowered("`slice`, negative indices counted from the end; a negative step walks from the end of its range"),
    SliceAssign => Lowered("`slice_assign`, the value broadcast to the region"),
    Select => Lowered("`take`; an index out of range reads zeros, where Burn panics"),
    SelectAssign => Lowered("`take_assign`, in the order of the indices; one out of range is skipped, where Burn panics"),
    MaskWhere => Lowered("`where(mask, value, x)`"),
    MaskFill => Lowered("`where(mask, full(value), x)`"),
    Gather => Lowered("`gather`; an index out of range reads zero, where Burn panics"),
    Scatter => Lowered("`scatter`, in row-major order of the indices; one out of range is skipped, where Burn panics"),
    ScatterNd => Lowered("`scatter_nd`, in row-major order of the indices; one out of range is skipped, where Burn panics"),
    GatherNd => Lowered("`gather_nd`; coordinates out of range read zeros, where Burn panics"),
    Equal => Lowered("`compare` equal"),
    EqualElem => Lowered("`compare_scalar` equal"),
    RepeatDim => Lowered("`reshape` with an axis of 1 in front of the repeated one, `expand` of it, `reshape` into one"),
    Cat => Lowered("`concat`"),
    Cast => Lowered("`cast`; nothing where the type stays"),
    Empty => Lowered("`full` of zeros"),
    Ones => Lowered("`full` of ones"),
    Zeros => Lowered("`full` of zeros"),
    NotEqual => Lowered("`compare` not equal"),
    NotEqualElem => Lowered("`compare_scalar` not equal"),
    All => Lowered("`x != 0`, then `reduce` minimum over all axes, of shape [1]; true over nothing"),
    Any => Lowered("`x != 0`, then `reduce` maximum over all axes, of shape [1]; false over nothing"),
    AllDim => Lowered("`x != 0`, then `reduce` minimum along the axis; true over nothing"),
    AnyDim => Lowered("`x != 0`, then `reduce` maximum along the axis; false over nothing"),
});

entries!("Bool", BOOL, boolean(BoolOperationIr) {
    IntoFloat => Lowered("`cast`"),
    IntoInt => Lowered("`cast`"),
    Not => Lowered("`not`"),
    And => Lowered("`and`"),
    Or => Lowered("`or`"),
    Xor => Lowered("`xor`"),
});
