//! Arithmetic on one element: IEEE 754 for floats, wrapping for integers, total for both.
//!
//! No method is called like one of the number types, which would silently win where the type is known.

use super::functions;
use crate::scalar::FromScalar;
use crate::{Binary, Unary};

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
    /// -1, 0 or 1; 0 for NaN and zeros.
    fn signum_or_zero(self) -> Self;
    /// The functions of two operands beyond the four operations, maximum and minimum: for floats remainder, power, angle
    /// and hypotenuse, for integers remainder, power, bits and shifts, total and wrapping; 0 for others.
    fn joined(self, function: Binary, b: Self) -> Self;

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
    /// A function of one operand by its written sequence; NaN for those that floats lack.
    fn elementary(self, function: Unary) -> Self;
}

macro_rules! float {
    ($($float:ident, $unary:ident, $binary:ident, $magnitude:literal, $infinity:literal, $quiet:literal;)*) => {$(
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
            fn signum_or_zero(self) -> Self {
                if self > 0.0 { 1.0 } else if self < 0.0 { -1.0 } else { 0.0 }
            }
            fn joined(self, function: Binary, b: Self) -> Self {
                functions::$binary(function, self, b)
            }
        }

        impl Float for $float {
            const NEGATIVE_INFINITY: Self = $float::NEG_INFINITY;
            fn fma(self, b: Self, c: Self) -> Self { self.mul_add(b, c) }
            fn root(self) -> Self { $float::sqrt(self) }
            fn elementary(self, function: Unary) -> Self { functions::$unary(function, self) }
        }
    )*};
}

float! {
    f32, unary_f32, binary_f32, 0x7fff_ffff, 0x7f80_0000, 0x7fc0_0000;
    f64, unary_f64, binary_f64, 0x7fff_ffff_ffff_ffff, 0x7ff0_0000_0000_0000, 0x7ff8_0000_0000_0000;
}

macro_rules! integer {
    ($abs:ident $signum:ident $power:ident: $($integer:ident)*) => {$(
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
            fn signum_or_zero(self) -> Self { $signum!(self) }
            fn joined(self, function: Binary, b: Self) -> Self {
                match function {
                    // The divisor's sign: what truncation leaves, corrected once.
                    Binary::Rem if b == 0 => 0,
                    Binary::Rem => {
                        let r = self.wrapping_rem(b);
                        if r != 0 && r.less(0) != b.less(0) { r.wrapping_add(b) } else { r }
                    }
                    Binary::Pow => $power!(self, b),
                    Binary::BitAnd => self & b,
                    Binary::BitOr => self | b,
                    Binary::BitXor | Binary::Xor => self ^ b,
                    // Modulo the width.
                    Binary::ShiftLeft => self.wrapping_shl(b as u32),
                    Binary::ShiftRight => self.wrapping_shr(b as u32),
                    _ => 0,
                }
            }
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
macro_rules! signed_signum {
    ($x:expr) => {
        $x.signum()
    };
}
macro_rules! unsigned_signum {
    ($x:expr) => {
        if $x > 0 { 1 } else { 0 }
    };
}
macro_rules! signed_power {
    ($x:expr, $e:expr) => {
        match ($x, $e) {
            (x, e) if e >= 0 => raised(x, e as u64, 1, Self::wrapping_mul),
            // 1 / x^|e| truncated: something is left of 1 and -1 only.
            (1, _) => 1,
            (-1, e) => {
                if e & 1 == 0 {
                    1
                } else {
                    -1
                }
            }
            _ => 0,
        }
    };
}
macro_rules! unsigned_power {
    ($x:expr, $e:expr) => {
        raised($x, $e as u64, 1, Self::wrapping_mul)
    };
}

/// `x^e` by repeated squaring; exact modulo the width, so the order does not matter.
fn raised<T: Copy>(mut x: T, mut e: u64, one: T, multiply: impl Fn(T, T) -> T) -> T {
    let mut result = one;
    while e > 0 {
        if e & 1 == 1 {
            result = multiply(result, x);
        }
        x = multiply(x, x);
        e >>= 1;
    }
    result
}

integer!(wrapping signed_signum signed_power: i8 i16 i32 i64);
integer!(identity unsigned_signum unsigned_power: u8 u16 u32 u64);
