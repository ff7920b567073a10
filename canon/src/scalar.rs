//! Constants of some element type: conversions between numbers and the stored bits.

use std::fmt;

use crate::reference::half::{bf16_from_f64, bf16_to_f32, f16_from_f64, f16_to_f32, sticky};
use crate::{DType, Scalar};

macro_rules! integers {
    ($($new:ident, $element:ty, $unsigned:ty, $dtype:ident;)*) => {$(
        #[doc = concat!("The constant `value` of type `", stringify!($element), "`.")]
        pub const fn $new(value: $element) -> Scalar {
            Scalar { dtype: DType::$dtype, bits: value as $unsigned as u64 }
        }
    )*};
}

impl Scalar {
    integers! {
        i8, i8, u8, I8;
        i16, i16, u16, I16;
        i32, i32, u32, I32;
        i64, i64, u64, I64;
        u8, u8, u8, U8;
        u16, u16, u16, U16;
        u32, u32, u32, U32;
        u64, u64, u64, U64;
        bool, bool, u8, Bool;
    }

    /// The constant `value` of type `f32`.
    pub const fn f32(value: f32) -> Scalar {
        Scalar { dtype: DType::F32, bits: value.to_bits() as u64 }
    }

    /// The constant `value` of type `f64`.
    pub const fn f64(value: f64) -> Scalar {
        Scalar { dtype: DType::F64, bits: value.to_bits() }
    }

    /// The constant `value`, rounded once to f16.
    pub fn f16(value: f64) -> Scalar {
        Scalar { dtype: DType::F16, bits: f16_from_f64(value).into() }
    }

    /// The constant `value`, rounded once to bf16.
    pub fn bf16(value: f64) -> Scalar {
        Scalar { dtype: DType::BF16, bits: bf16_from_f64(value).into() }
    }

    /// The constant `value`, rounded once to a float type; nothing for other types.
    pub fn float(dtype: DType, value: f64) -> Option<Scalar> {
        Some(match dtype {
            DType::F32 => Scalar::f32(value as f32),
            DType::F64 => Scalar::f64(value),
            DType::F16 => Scalar::f16(value),
            DType::BF16 => Scalar::bf16(value),
            _ => return None,
        })
    }

    /// The constant nearest to an integer in a float type, rounded once; nothing for other types.
    pub fn float_of_integer(dtype: DType, value: i128) -> Option<Scalar> {
        Some(match dtype {
            DType::F32 => Scalar::f32(value as f32),
            DType::F64 => Scalar::f64(value as f64),
            // What rounding to f64 first could decide wrongly stays visible in its last bit.
            dtype => return Scalar::float(dtype, sticky(value)),
        })
    }

    /// Whether the bits are those of an element of the type: nothing above its width, and a bool is 0 or 1.
    pub const fn is_canonical(self) -> bool {
        match self.dtype {
            DType::Bool => self.bits <= 1,
            dtype if dtype.size_bytes() == 8 => true,
            dtype => self.bits >> (8 * dtype.size_bytes()) == 0,
        }
    }
}

/// An element that a canonical [`Scalar`] of its type holds.
pub(crate) trait FromScalar {
    /// The element with these low bits.
    fn from_scalar(scalar: Scalar) -> Self;
}

macro_rules! from_scalar {
    ($($element:ty),*) => {$(
        impl FromScalar for $element {
            fn from_scalar(scalar: Scalar) -> Self {
                scalar.bits as $element
            }
        }
    )*};
}

from_scalar!(i8, i16, i32, i64, u8, u16, u32, u64);

impl FromScalar for f32 {
    fn from_scalar(scalar: Scalar) -> f32 {
        f32::from_bits(scalar.bits as u32)
    }
}

impl FromScalar for f64 {
    fn from_scalar(scalar: Scalar) -> f64 {
        f64::from_bits(scalar.bits)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dtype {
            DType::F32 => write!(f, "{:?}", f32::from_scalar(*self)),
            DType::F64 => write!(f, "{:?}", f64::from_scalar(*self)),
            DType::I8 => write!(f, "{}", i8::from_scalar(*self)),
            DType::I16 => write!(f, "{}", i16::from_scalar(*self)),
            DType::I32 => write!(f, "{}", i32::from_scalar(*self)),
            DType::I64 => write!(f, "{}", i64::from_scalar(*self)),
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => write!(f, "{}", self.bits),
            DType::F16 => write!(f, "{:?}", f16_to_f32(self.bits as u16)),
            DType::BF16 => write!(f, "{:?}", bf16_to_f32(self.bits as u16)),
            DType::Bool => write!(f, "{}", self.bits == 1),
        }
    }
}
