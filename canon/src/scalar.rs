//! Constants of some element type: conversions between numbers and the stored bits.

use std::fmt;

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
            DType::F16 | DType::BF16 => write!(f, "{:#06x}", self.bits),
            DType::Bool => write!(f, "{}", self.bits == 1),
        }
    }
}
