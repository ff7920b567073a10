//! Arithmetic on one element: IEEE 754 for floats, wrapping for integers, total for both.
//!
//! No method is called like one of the number types, which would silently win where the type is known.

use crate::scalar::FromScalar;

/// An element type with arithmetic.
pub(crate) trait Number: Copy + FromScalar {
    const ZERO: Self;
    const ONE: Self;
    /// `a + b`.
    fn add(self, b: Self) -> Self;
    /// `a - b`.
    fn sub(self, b: Self) -> Self;
    /// `a * b`.
    fn mul(self, b: Self) -> Self;
    /// `a / b`; integers truncate, `x / 0 = 0`, `MIN / -1` wraps.
    fn div(self, b: Self) -> Self;
    /// `-a`.
    fn neg(self) -> Self;
    /// `|a|`.
    fn magnitude(self) -> Self;
    /// IEEE `a == b`.
    fn equal(self, b: Self) -> bool;
    /// IEEE `a < b`.
    fn less(self, b: Self) -> bool;
    /// `a < b` where -0 < +0, for max, min and arg; false where one is NaN.
    fn below(self, b: Self) -> bool;
    fn is_nan(self) -> bool;
    /// The one quiet NaN for any NaN, everything else as it is: what an operator writes.
    fn settle(self) -> Self;
    /// A count, rounded to nearest for floats, wrapped for integers.
    fn from_count(count: usize) -> Self;

    /// The larger; NaN propagates.
    fn larger(self, b: Self) -> Self {
        if self.is_nan() || b.is_nan() {
            return self.add(b);
        }
        if self.below(b) { b } else { self }
    }

    /// The smaller; NaN propagates.
    fn smaller(self, b: Self) -> Self {
        if self.is_nan() || b.is_nan() {
            return self.add(b);
        }
        if b.below(self) { b } else { self }
    }
}

/// A floating-point element type.
pub(crate) trait Float: Number {
    const NEGATIVE_INFINITY: Self;
    /// `a * b + c`, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    fn root(self) -> Self;
}

macro_rules! float {
    ($($float:ident, $magnitude:literal, $infinity:literal, $quiet:literal;)*) => {$(
        impl Number for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            fn add(self, b: Self) -> Self { self + b }
            fn sub(self, b: Self) -> Self { self - b }
            fn mul(self, b: Self) -> Self { self * b }
            fn div(self, b: Self) -> Self { self / b }
            fn neg(self) -> Self { -self }
            fn magnitude(self) -> Self { $float::abs(self) }
            fn equal(self, b: Self) -> bool { self == b }
            fn less(self, b: Self) -> bool { self < b }
            fn below(self, b: Self) -> bool {
                self < b || (self == b && self.is_sign_negative() && b.is_sign_positive())
            }
            fn is_nan(self) -> bool { $float::is_nan(self) }
            fn settle(self) -> Self {
                // On bits: compilers drop a choice between floats that they take for two NaNs (after a square root).
                let bits = self.to_bits();
                $float::from_bits(if bits & $magnitude > $infinity { $quiet } else { bits })
            }
            fn from_count(count: usize) -> Self { count as $float }
        }

        impl Float for $float {
            const NEGATIVE_INFINITY: Self = $float::NEG_INFINITY;
            fn fma(self, b: Self, c: Self) -> Self { self.mul_add(b, c) }
            fn root(self) -> Self { $float::sqrt(self) }
        }
    )*};
}

float! {
    f32, 0x7fff_ffff, 0x7f80_0000, 0x7fc0_0000;
    f64, 0x7fff_ffff_ffff_ffff, 0x7ff0_0000_0000_0000, 0x7ff8_0000_0000_0000;
}

macro_rules! integer {
    ($abs:ident: $($integer:ident)*) => {$(
        impl Number for $integer {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            fn add(self, b: Self) -> Self { self.wrapping_add(b) }
            fn sub(self, b: Self) -> Self { self.wrapping_sub(b) }
            fn mul(self, b: Self) -> Self { self.wrapping_mul(b) }
            fn div(self, b: Self) -> Self { if b == 0 { 0 } else { self.wrapping_div(b) } }
            fn neg(self) -> Self { self.wrapping_neg() }
            fn magnitude(self) -> Self { $abs!(self) }
            fn equal(self, b: Self) -> bool { self == b }
            fn less(self, b: Self) -> bool { self < b }
            fn below(self, b: Self) -> bool { self < b }
            fn is_nan(self) -> bool { false }
            fn settle(self) -> Self { self }
            fn from_count(count: usize) -> Self { count as $integer }
        }
    )*};
}

macro_rules! wrapping {
    ($x:expr) => {
        $x.wrapping_abs()
    };
}
macro_rules! identity {
    ($x:expr) => {
        $x
    };
}

integer!(wrapping: i8 i16 i32 i64);
integer!(identity: u8 u16 u32 u64);
