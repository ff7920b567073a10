//! Burn's types, tensors and scalars as canonical ones.

use burn::tensor::{DType as BurnDType, TensorData};
use burn_ir::{ScalarIr, TensorIr};
use gainsay_canon::{DType, Operator, Scalar, Tensor, TensorType, reference};

use crate::error::Refusal;

pub(super) fn dtype(burn: BurnDType) -> Result<DType, Refusal> {
    Ok(match burn {
        BurnDType::F64 => DType::F64,
        BurnDType::F32 => DType::F32,
        BurnDType::F16 => DType::F16,
        BurnDType::BF16 => DType::BF16,
        BurnDType::I64 => DType::I64,
        BurnDType::I32 => DType::I32,
        BurnDType::I16 => DType::I16,
        BurnDType::I8 => DType::I8,
        BurnDType::U64 => DType::U64,
        BurnDType::U32 => DType::U32,
        BurnDType::U16 => DType::U16,
        BurnDType::U8 => DType::U8,
        BurnDType::Bool(_) => DType::Bool,
        other @ (BurnDType::Flex32 | BurnDType::QFloat(_)) => {
            return Err(Refusal::ElementType(other));
        }
    })
}

pub(super) fn extents(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|&extent| extent as u64).collect()
}

pub(super) fn tensor_type(tensor: &TensorIr) -> Result<TensorType, Refusal> {
    Ok(TensorType::new(dtype(tensor.dtype)?, extents(tensor.shape.as_slice())))
}

pub(super) fn tensor(data: &TensorData) -> Result<Tensor, Refusal> {
    let dtype = dtype(data.dtype())?;
    let shape = extents(data.shape().as_slice());
    if dtype == DType::Bool {
        // Burn stores bools in one or in four bytes.
        return Ok(Tensor::bool(shape, data.iter::<bool>().collect())?);
    }
    Ok(Tensor::from_bytes(&TensorType::new(dtype, shape), data.as_bytes())?)
}

/// Whether `tensor` is what [`tensor`] would make of the data.
pub(super) fn is(data: &TensorData, tensor: &Tensor) -> bool {
    // Bools may be stored otherwise: they are made anew and compared then.
    tensor.dtype() != DType::Bool
        && dtype(data.dtype()) == Ok(tensor.dtype())
        && extents(data.shape().as_slice()) == tensor.shape()
        && data.as_bytes() == &*tensor.bytes()
}

/// A scalar rounded once to the element type; integers must fit it, floats given for integers are truncated.
pub(super) fn scalar(value: ScalarIr, dtype: DType) -> Result<Scalar, Refusal> {
    let refused = || Refusal::Scalar { value: text(value), dtype };
    let scalar = match dtype {
        DType::F32 => Scalar::f32(match value {
            ScalarIr::Float(x) => x as f32,
            ScalarIr::Int(x) => x as f32,
            ScalarIr::UInt(x) => x as f32,
            ScalarIr::Bool(x) => f32::from(u8::from(x)),
        }),
        DType::F64 => Scalar::f64(match value {
            ScalarIr::Float(x) => x,
            ScalarIr::Int(x) => x as f64,
            ScalarIr::UInt(x) => x as f64,
            ScalarIr::Bool(x) => f64::from(u8::from(x)),
        }),
        DType::Bool => Scalar::bool(match value {
            ScalarIr::Float(x) => x != 0.0,
            ScalarIr::Int(x) => x != 0,
            ScalarIr::UInt(x) => x != 0,
            ScalarIr::Bool(x) => x,
        }),
        DType::F16 | DType::BF16 => half(value, dtype).ok_or_else(refused)?,
        _ => {
            let whole = whole(value).ok_or_else(refused)?;
            integer(whole, dtype).ok_or_else(refused)?
        }
    };
    Ok(scalar)
}

/// The conversion is canon's, so that a constant has the bits that a cast inside the program would have.
fn half(value: ScalarIr, dtype: DType) -> Option<Scalar> {
    let value = match value {
        ScalarIr::Float(x) => Tensor::f64([], vec![x]),
        ScalarIr::Int(x) => Tensor::i64([], vec![x]),
        ScalarIr::UInt(x) => Tensor::u64([], vec![x]),
        ScalarIr::Bool(x) => Tensor::bool([], vec![x]),
    };
    let converted = reference::run(&Operator::Cast { to: dtype }, &[&value.ok()?]).ok()?;
    let bits = *converted.first()?.as_half_bits()?.first()?;
    Some(Scalar { dtype, bits: bits.into() })
}

fn whole(value: ScalarIr) -> Option<i128> {
    match value {
        ScalarIr::Int(x) => Some(x.into()),
        ScalarIr::UInt(x) => Some(x.into()),
        ScalarIr::Bool(x) => Some(x.into()),
        // Within 2^64 the conversion is exact after truncation; beyond, no element type holds it.
        ScalarIr::Float(x) if x.is_finite() && x.abs() < 2.0f64.powi(65) => Some(x as i128),
        ScalarIr::Float(_) => None,
    }
}

fn integer(value: i128, dtype: DType) -> Option<Scalar> {
    match dtype {
        DType::I8 => value.try_into().ok().map(Scalar::i8),
        DType::I16 => value.try_into().ok().map(Scalar::i16),
        DType::I32 => value.try_into().ok().map(Scalar::i32),
        DType::I64 => value.try_into().ok().map(Scalar::i64),
        DType::U8 => value.try_into().ok().map(Scalar::u8),
        DType::U16 => value.try_into().ok().map(Scalar::u16),
        DType::U32 => value.try_into().ok().map(Scalar::u32),
        DType::U64 => value.try_into().ok().map(Scalar::u64),
        _ => None,
    }
}

fn text(value: ScalarIr) -> String {
    match value {
        ScalarIr::Float(x) => x.to_string(),
        ScalarIr::Int(x) => x.to_string(),
        ScalarIr::UInt(x) => x.to_string(),
        ScalarIr::Bool(x) => x.to_string(),
    }
}
