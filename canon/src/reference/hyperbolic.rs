//! Hyperbolic functions of `f32`, their inverses, and exponentials and logarithms beside 1: computed in `f64`, rounded
//! once; within 1 ulp over all inputs.

use super::elementary::{ATANH, EXP_F64, LOG_SPLIT, ROUND_F64, exp, exp_f64, horner_f64, sigmoid};

/// Beyond this `expm1`, `sinh` and `cosh` are infinite.
pub(crate) const HYPERBOLIC_HIGH: f64 = 100.0;
/// Below this `expm1` rounds to -1.
pub(crate) const EXPM1_LOW: f64 = -30.0;
/// From here on `log1p` takes the exponent apart.
pub(crate) const LOG1P_CUT: f64 = 0.25;

/// `e^x - 1` for `|x| <= 200`, relative error below 2^-38: `x = n ln 2 + r`, then `2^n (e^r - 1) + (2^n - 1)`.
fn expm1_f64(x: f64) -> f64 {
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND_F64);
    let n = shifted - ROUND_F64;
    let r = n.mul_add(-std::f64::consts::LN_2, x);
    // The polynomial of e^r without its last coefficient, 1.
    let p = horner_f64(&EXP_F64[..EXP_F64.len() - 1], r) * r;
    let power = f64::from_bits(1.0_f64.to_bits().wrapping_add(shifted.to_bits() << 52));
    p.mul_add(power, power - 1.0)
}

/// `ln(1 + x)` for `x > -1`: near 0 `2 atanh(x / (2 + x))`, otherwise as `log` of the sum.
fn log1p_f64(x: f64) -> f64 {
    let bits = (1.0 + x).to_bits();
    let e = (bits >> 52) as f64 - 1023.0;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let (m, e) = if m > LOG_SPLIT { (m * 0.5, e + 1.0) } else { (m, e) };
    let near = x.abs() < LOG1P_CUT;
    let (over, under, e) = if near { (x, x + 2.0, 0.0) } else { (m - 1.0, m + 1.0, e) };
    let s = over / under;
    let log_m = horner_f64(&ATANH, s * s) * (s + s);
    e.mul_add(std::f64::consts::LN_2, log_m)
}

/// `e^x - 1`.
pub fn expm1(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let bounded = f64::from(x).clamp(EXPM1_LOW, HYPERBOLIC_HIGH);
    (expm1_f64(bounded) as f32).copysign(x)
}

/// `ln(1 + x)`; -inf at -1, NaN below.
pub fn log1p(x: f32) -> f32 {
    if x.is_nan() || x < -1.0 {
        return f32::NAN;
    }
    if x == -1.0 {
        return f32::NEG_INFINITY;
    }
    if x == f32::INFINITY {
        return x;
    }
    (log1p_f64(f64::from(x)) as f32).copysign(x)
}

/// `(t + t / (t + 1)) / 2` for `t = e^|x| - 1`, with the sign of `x`.
pub fn sinh(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let t = expm1_f64(f64::from(x.abs()).min(HYPERBOLIC_HIGH));
    (((t + t / (t + 1.0)) * 0.5) as f32).copysign(x)
}

/// `(e + 1 / e) / 2` for `e = e^|x|`.
pub fn cosh(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let e = exp_f64(f64::from(x.abs()).min(HYPERBOLIC_HIGH));
    ((e + 1.0 / e) * 0.5) as f32
}

/// `log1p(a + a^2 / (1 + sqrt(1 + a^2)))` for `a = |x|`, with the sign of `x`.
pub fn asinh(x: f32) -> f32 {
    if !x.is_finite() {
        return x;
    }
    let a = f64::from(x.abs());
    let square = a * a;
    (log1p_f64(a + square / (1.0 + (1.0 + square).sqrt())) as f32).copysign(x)
}

/// `log1p(t + sqrt(t (t + 2)))` for `t = x - 1`; NaN below 1.
pub fn acosh(x: f32) -> f32 {
    if x.is_nan() || x < 1.0 {
        return f32::NAN;
    }
    if x == f32::INFINITY {
        return x;
    }
    let t = f64::from(x) - 1.0;
    log1p_f64(t + (t * (t + 2.0)).sqrt()) as f32
}

/// `log1p(2 a / (1 - a)) / 2` for `a = |x|`, with the sign of `x`; infinite at 1, NaN beyond.
pub fn atanh(x: f32) -> f32 {
    let a = f64::from(x.abs());
    if x.is_nan() || a > 1.0 {
        return f32::NAN;
    }
    if a == 1.0 {
        return f32::INFINITY.copysign(x);
    }
    ((log1p_f64((a + a) / (1.0 - a)) * 0.5) as f32).copysign(x)
}

/// `x * sigmoid(x)`: two operations; NaN at -inf, where the product is `-inf * 0`.
pub fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// `min(x, 0) - log1p(exp(-|x|))`, an operation at a time.
pub fn log_sigmoid(x: f32) -> f32 {
    let least = if x > 0.0 { 0.0 } else { x };
    least - log1p(exp(-x.abs()))
}
