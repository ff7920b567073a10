//! Operators on floats or integers alone, and those outside all enums.

use burn_ir::{DistributedOperationIr, FloatOperationIr, IntOperationIr};

use super::Reason::{Custom, Distributed, Quantised, Random};
use super::Rule::{Lowered, Refused};
use super::{Entry, entries};

entries!("Float", FLOAT, float(FloatOperationIr) {
    Exp => Lowered("`exp`"),
    Log => Lowered("`log`"),
    Log1p => Lowered("`log1p`"),
    Erf => Lowered("`erf`"),
    PowfScalar => Lowered("as `PowiScalar`"),
    Sqrt => Lowered("`sqrt`"),
    Cos => Lowered("`cos`"),
    Cosh => Lowered("`cosh`"),
    Sin => Lowered("`sin`"),
    Sinh => Lowered("`sinh`"),
    Tan => Lowered("`tan`"),
    Tanh => Lowered("`tanh`"),
    ArcCos => Lowered("`acos`"),
    ArcCosh => Lowered("`acosh`"),
    ArcSin => Lowered("`asin`"),
    ArcSinh => Lowered("`asinh`"),
    ArcTan => Lowered("`atan`"),
    ArcTanh => Lowered("`atanh`"),
    ArcTan2 => Lowered("`atan2`"),
    Round => Lowered("`round`: ties to even"),
    Floor => Lowered("`floor`"),
    Ceil => Lowered("`ceil`"),
    Trunc => Lowered("`trunc`"),
    IntoInt => Lowered("`cast`: truncated, saturated, 0 for NaN"),
    Matmul => Lowered("`matmul`; `linear` where the right side is a matrix with leading axes of 1"),
    Cross => Lowered("along the axis of 3, indices modulo 3: `a[i+1] * b[i+2] - a[i+2] * b[i+1]`, the rotations by `slice` and `concat`, then `mul`, `mul`, `sub`"),
    Random => Refused(Random),
    Recip => Lowered("`recip`"),
    IsNan => Lowered("`classify` NaN"),
    IsInf => Lowered("`classify` infinite"),
    Quantize => Refused(Quantised),
    Dequantize => Refused(Quantised),
    GridSample2d => Lowered("`grid_sample2d`"),
    Powf => Lowered("`pow`"),
    Hypot => Lowered("`hypot`"),
});

entries!("Int", INT, int(IntOperationIr) {
    IntoFloat => Lowered("`cast`: rounded to nearest even"),
    BitwiseAnd => Lowered("`bit_and`"),
    BitwiseAndScalar => Lowered("`bit_and` with a constant"),
    BitwiseOr => Lowered("`bit_or`"),
    BitwiseOrScalar => Lowered("`bit_or` with a constant"),
    BitwiseXor => Lowered("`bit_xor`"),
    BitwiseXorScalar => Lowered("`bit_xor` with a constant"),
    BitwiseNot => Lowered("`bit_not`"),
    BitwiseLeftShift => Lowered("`shift_left`: by the amount modulo the width"),
    BitwiseLeftShiftScalar => Lowered("`shift_left` with a constant"),
    BitwiseRightShift => Lowered("`shift_right`: by the amount modulo the width; arithmetic for signed types"),
    BitwiseRightShiftScalar => Lowered("`shift_right` with a constant"),
    Matmul => Lowered("`matmul`, wrapping; `linear` where the right side is a matrix with leading axes of 1"),
});

entries!("Distributed", DISTRIBUTED, distributed(DistributedOperationIr) {
    AllReduce => Refused(Distributed),
    SyncCollective => Refused(Distributed),
});

/// The operations that stand outside the enums.
pub const WHOLE: &[Entry] = &[INIT, DROP, CUSTOM];

pub(super) const INIT: Entry = Entry {
    family: "Operation",
    operator: "Init",
    rule: Lowered("nothing: a parameter or constant, which becomes a weight where it is read"),
};

pub(super) const DROP: Entry =
    Entry { family: "Operation", operator: "Drop", rule: Lowered("nothing") };

pub(super) const CUSTOM: Entry =
    Entry { family: "Operation", operator: "Custom", rule: Refused(Custom) };
