//! Powers, roots and remainders of `f32`: computed in `f64` and rounded once, remainders exactly.
//!
//! `rsqrt` and `hypot` are within 1 ulp of the correctly rounded result, and so is `pow`, whose relative error before
//! rounding is below 2^-38. Special values are those of C (Annex F).

use super::elementary::{ATANH, LOG_SPLIT, exp_f64, horner_f64};

/// Beyond this `exp` of the logarithm of a power overflows or vanishes in `f32`.
pub(crate) const POWER_CUT: f64 = 150.0;

/// `1 / sqrt(x)`.
pub fn rsqrt(x: f32) -> f32 {
    (1.0 / f64::from(x).sqrt()) as f32
}

/// `sqrt(a^2 + b^2)`; infinite where one is, also beside a NaN.
pub fn hypot(a: f32, b: f32) -> f32 {
    if a.is_infinite() || b.is_infinite() {
        return f32::INFINITY;
    }
    let (a, b) = (f64::from(a), f64::from(b));
    // Squares are exact: at most 48 bits, far from the ends of the range.
    (a * a + b * b).sqrt() as f32
}

/// `ln(x)` of a positive normal number.
fn log_f64(x: f64) -> f64 {
    let bits = x.to_bits();
    let e = (bits >> 52) as f64 - 1023.0;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let (m, e) = if m > LOG_SPLIT { (m * 0.5, e + 1.0) } else { (m, e) };
    let s = (m - 1.0) / (m + 1.0);
    let log_m = horner_f64(&ATANH, s * s) * (s + s);
    e.mul_add(std::f64::consts::LN_2, log_m)
}

/// What kind of number an exponent is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parity {
    Even,
    Odd,
    Fraction,
}

/// Every `f32` is an `f64`, and every finite one beyond 2^53 is even.
pub(super) fn parity(y: f64) -> Parity {
    if y.trunc() != y {
        Parity::Fraction
    } else if (y * 0.5).trunc() == y * 0.5 {
        Parity::Even
    } else {
        Parity::Odd
    }
}

/// The power where a special value or a NaN decides; `magnitude` is the result for the magnitude of `x` otherwise.
pub(super) fn power(x: f64, y: f64, magnitude: impl Fn(f64, f64) -> f64) -> f64 {
    if x == 1.0 || y == 0.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let a = x.abs();
    if y.is_infinite() {
        return match (a == 1.0, (a > 1.0) == (y > 0.0)) {
            (true, _) => 1.0,
            (_, true) => f64::INFINITY,
            (_, false) => 0.0,
        };
    }
    let parity = parity(y);
    let result = if a == 0.0 || a.is_infinite() {
        if (a == 0.0) == (y > 0.0) { 0.0 } else { f64::INFINITY }
    } else if x < 0.0 && parity == Parity::Fraction {
        return f64::NAN;
    } else {
        magnitude(a, y)
    };
    if x.is_sign_negative() && parity == Parity::Odd { -result } else { result }
}

/// `x^y`: `exp(y ln |x|)` with the sign of an odd power.
pub fn pow(x: f32, y: f32) -> f32 {
    let magnitude = |a: f64, y: f64| exp_f64((y * log_f64(a)).clamp(-POWER_CUT, POWER_CUT));
    power(f64::from(x), f64::from(y), magnitude) as f32
}

/// The remainder of division with the sign of the divisor: the exact one with the sign of `a`, and where that is nonzero
/// and of the other sign than `b`, one addition of `b`.
pub fn rem(a: f32, b: f32) -> f32 {
    let r = fmod(f64::from(a), f64::from(b)) as f32;
    if r != 0.0 && r.is_sign_negative() != b.is_sign_negative() { r + b } else { r }
}

/// `x = m * 2^e` for the magnitude of a finite number.
fn parts(x: f64) -> (u64, i32) {
    let (m, e) = (x.to_bits() & 0x000f_ffff_ffff_ffff, (x.to_bits() >> 52 & 0x7ff) as i32);
    if e == 0 { (m, -1074) } else { (m | 0x0010_0000_0000_0000, e - 1075) }
}

/// The exact remainder of division truncated to an integer, with the sign of `a`.
pub(super) fn fmod(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() || a.is_infinite() || b == 0.0 {
        return f64::NAN;
    }
    if b.is_infinite() || a.abs() < b.abs() {
        return a;
    }
    let ((mut rest, e), (divisor, unit)) = (parts(a), parts(b));
    // |a| >= |b|: the exponent of a is not below that of b.
    let mut shift = (e - unit).unsigned_abs();
    rest %= divisor;
    while shift > 0 && rest > 0 {
        // Below 2^53 before, so below 2^64 after.
        let step = shift.min(11);
        rest = (rest << step) % divisor;
        shift -= step;
    }
    // Of at most 53 bits, so exact: as an integer, and times a power of two.
    let (first, second) = if unit < -1000 { (unit + 60, -60) } else { (unit, 0) };
    let power = |e: i32| f64::from_bits(((e + 1023) as u64) << 52);
    (rest as f64 * power(first) * power(second)).copysign(a)
}
