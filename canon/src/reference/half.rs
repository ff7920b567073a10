//! Half types: conversions with one rounding, and operators as those on `f32` between a widening and one rounding.
//!
//! The conversions are our own on integers, because those of libraries differ by CPU. An operator that computes sees its
//! half operands and constants as the `f32` they are exactly, follows the rules of `f32`, and rounds its result once;
//! data movement copies bits.

use crate::tensor::Data;
use crate::{DType, Operator, OperatorError, Scalar, Tensor, TensorType, Update};

/// A binary format: bits of the significand with the hidden one, and the exponent of the smallest normal number.
#[derive(Clone, Copy)]
struct Format {
    precision: u32,
    lowest: i32,
    infinity: u16,
    quiet: u16,
}

const F16: Format = Format { precision: 11, lowest: -14, infinity: 0x7c00, quiet: 0x7e00 };
const BF16: Format = Format { precision: 8, lowest: -126, infinity: 0x7f80, quiet: 0x7fc0 };

/// `x` rounded once to nearest even; a NaN becomes the quiet one.
fn narrowed(x: f64, format: Format) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 48) as u16 & 0x8000;
    if x.is_nan() {
        return format.quiet;
    }
    if x.is_infinite() {
        return sign | format.infinity;
    }
    let e = (bits >> 52 & 0x7ff) as i32 - 1023;
    if e < -1022 {
        // Far below half of the smallest number.
        return sign;
    }
    let m = bits & 0x000f_ffff_ffff_ffff | 0x0010_0000_0000_0000;
    // How many low bits of `m` go; more below the normal numbers.
    let dropped = (53 - format.precision) + (format.lowest - e).max(0) as u32;
    if dropped > 54 {
        return sign;
    }
    let (kept, rest, half) = (m >> dropped, m & ((1 << dropped) - 1), 1_u64 << (dropped - 1));
    let rounded = kept + u64::from(rest > half || (rest == half && kept & 1 == 1));
    // The hidden bit adds 1 to the exponent field, as does a carry out of the significand.
    let field = (e.max(format.lowest) - format.lowest) as u64;
    let magnitude = (field << (format.precision - 1)) + rounded;
    sign | magnitude.min(u64::from(format.infinity)) as u16
}

/// `x` as f16, rounded once.
pub(crate) fn f16_from_f64(x: f64) -> u16 {
    narrowed(x, F16)
}

/// `x` as bf16, rounded once.
pub(crate) fn bf16_from_f64(x: f64) -> u16 {
    narrowed(x, BF16)
}

/// The number that an f16 is; NaNs keep what they can.
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (e, m) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match e {
        // m * 2^-24, exactly.
        0 => (m as f32 * f32::from_bits((127 - 24) << 23)).to_bits(),
        0x1f => 0x7f80_0000 | m << 13,
        _ => (e + 112) << 23 | m << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// The number that a bf16 is.
pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// An integer as an `f64` that rounds to any format of at most 51 bits as the integer does: of its lowest bits only
/// whether there are any is kept.
pub(crate) fn sticky(x: i128) -> f64 {
    let magnitude = x.unsigned_abs();
    let dropped = (128 - magnitude.leading_zeros()).saturating_sub(53);
    let lost = magnitude & ((1 << dropped) - 1) != 0;
    let kept = ((magnitude >> dropped) as u64 | u64::from(lost)) as f64;
    let magnitude = kept * (1_u128 << dropped) as f64;
    if x < 0 { -magnitude } else { magnitude }
}

/// The `f32` that a half constant is; others as they are.
fn widened_scalar(scalar: Scalar) -> Scalar {
    match scalar.dtype {
        DType::F16 => Scalar::f32(f16_to_f32(scalar.bits as u16)),
        DType::BF16 => Scalar::f32(bf16_to_f32(scalar.bits as u16)),
        _ => scalar,
    }
}

/// A half tensor as the `f32` that it is; nothing for others.
fn widened_tensor(x: &Tensor) -> Option<Tensor> {
    let values = match x.data() {
        Data::F16(bits) => bits.iter().map(|&bits| f16_to_f32(bits)).collect(),
        Data::BF16(bits) => bits.iter().map(|&bits| bf16_to_f32(bits)).collect(),
        _ => return None,
    };
    Some(Tensor::computed(TensorType::new(DType::F32, x.shape()), Data::F32(values)))
}

/// What `f32` results are as elements of a half type; other results stay.
fn narrowed_data(data: Data, dtype: DType) -> Data {
    match (data, dtype) {
        (Data::F32(values), DType::F16) => {
            Data::F16(values.into_iter().map(|x| f16_from_f64(x.into())).collect())
        }
        (Data::F32(values), DType::BF16) => {
            Data::BF16(values.into_iter().map(|x| bf16_from_f64(x.into())).collect())
        }
        (data, _) => data,
    }
}

/// A call on half types as the call on `f32` that it means.
pub(crate) struct Widened {
    operator: Operator,
    /// One per operand: the widened one, or nothing where the operand itself serves.
    operands: Vec<Option<Tensor>>,
    result: TensorType,
    narrowed: DType,
}

impl Widened {
    /// Nothing where no operand is a half tensor, or where the operator moves bits.
    pub(crate) fn new(
        operator: &Operator,
        operands: &[&Tensor],
        result: &TensorType,
    ) -> Option<Widened> {
        if moves(operator) || !operands.iter().any(|x| x.dtype().is_half()) {
            return None;
        }
        // A conversion to a half type rounds by itself.
        let converts = matches!(operator, Operator::Cast { .. });
        let dtype = if result.dtype.is_half() && !converts { DType::F32 } else { result.dtype };
        Some(Widened {
            operator: widened_operator(operator),
            operands: operands.iter().map(|x| widened_tensor(x)).collect(),
            result: TensorType::new(dtype, result.shape.as_slice()),
            narrowed: result.dtype,
        })
    }

    /// Computes the call on `f32` with `compute` and rounds its result.
    pub(crate) fn compute(
        &self,
        originals: &[&Tensor],
        compute: impl Fn(&Operator, &[&Tensor], &TensorType) -> Result<Data, OperatorError>,
    ) -> Result<Data, OperatorError> {
        let pairs = self.operands.iter().zip(originals);
        let operands: Vec<&Tensor> =
            pairs.map(|(x, &original)| x.as_ref().unwrap_or(original)).collect();
        Ok(narrowed_data(compute(&self.operator, &operands, &self.result)?, self.narrowed))
    }
}

/// Whether an operator moves bits, so that its results are of its operands' type whatever they mean.
fn moves(operator: &Operator) -> bool {
    match operator {
        Operator::Reshape { .. }
        | Operator::Permute { .. }
        | Operator::Slice { .. }
        | Operator::Concat { .. }
        | Operator::Expand { .. }
        | Operator::Full { .. }
        | Operator::Pad { .. }
        | Operator::Gather { .. }
        | Operator::Take { .. }
        | Operator::GatherNd
        | Operator::SliceAssign { .. }
        | Operator::Unfold { .. }
        | Operator::Extend { .. }
        | Operator::Unfold2d { .. }
        | Operator::Sort { .. }
        | Operator::ArgSort { .. }
        | Operator::Where => true,
        Operator::Scatter { update, .. }
        | Operator::TakeAssign { update, .. }
        | Operator::ScatterNd { update } => *update == Update::Assign,
        _ => false,
    }
}

/// The operator with its half constants as `f32`.
fn widened_operator(operator: &Operator) -> Operator {
    let mut operator = operator.clone();
    match &mut operator {
        Operator::BinaryScalar { scalar, .. } | Operator::CompareScalar { scalar, .. } => {
            *scalar = widened_scalar(*scalar);
        }
        Operator::Clamp { min, max } => {
            *min = min.map(widened_scalar);
            *max = max.map(widened_scalar);
        }
        Operator::Attention { scale, softcap, .. } => {
            *scale = widened_scalar(*scale);
            *softcap = softcap.map(widened_scalar);
        }
        Operator::LayerNorm { epsilon } => *epsilon = widened_scalar(*epsilon),
        _ => {}
    }
    operator
}

#[cfg(test)]
#[path = "half_tests.rs"]
mod tests;
