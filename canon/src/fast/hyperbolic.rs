//! Hyperbolic functions of the reference on vectors, their inverses, and what stands beside 1.

use super::elementary::{bound, exp, exp_d, horner_d, sigmoid};
use super::simd::Simd;
use crate::reference::elementary::{ATANH, EXP_F64, LOG_SPLIT, ROUND_F64};
use crate::reference::hyperbolic::{EXPM1_LOW, HYPERBOLIC_HIGH, LOG1P_CUT};

/// `e^r - 1` over `r`: the polynomial of `e^r` without its last coefficient, 1.
const EXPM1: [f64; 11] = {
    let mut coefficients = [0.0; 11];
    let mut i = 0;
    while i < 11 {
        coefficients[i] = EXP_F64[i];
        i += 1;
    }
    coefficients
};

#[inline(always)]
fn expm1_d<S: Simd>(s: S, x: S::D) -> S::D {
    let shifted = s.fma_d(x, s.splat_d(std::f64::consts::LOG2_E), s.splat_d(ROUND_F64));
    let n = s.sub_d(shifted, s.splat_d(ROUND_F64));
    let r = s.fma_d(n, s.splat_d(-std::f64::consts::LN_2), x);
    let p = s.mul_d(horner_d(s, &EXPM1, r), r);
    let power = s.scale_d(s.splat_d(1.0), shifted);
    s.fma_d(p, power, s.sub_d(power, s.splat_d(1.0)))
}

/// `ln(1 + x)` for `x > -1` of this magnitude.
#[inline(always)]
fn log1p_d<S: Simd>(s: S, x: S::D, magnitude: S::D) -> S::D {
    let (one, split, cut) = (s.splat_d(1.0), s.splat_d(LOG_SPLIT), s.splat_d(LOG1P_CUT));
    let y = s.add_d(one, x);
    let e = s.sub_d(s.exponent_field(y), s.splat_d(1023.0));
    let m = s.mantissa(y);
    let e = s.where_less_d(split, m, s.add_d(e, one), e);
    let m = s.where_less_d(split, m, s.mul_d(m, s.splat_d(0.5)), m);
    let over = s.where_less_d(magnitude, cut, x, s.sub_d(m, one));
    let under = s.where_less_d(magnitude, cut, s.add_d(x, s.splat_d(2.0)), s.add_d(m, one));
    let e = s.where_less_d(magnitude, cut, s.splat_d(0.0), e);
    let q = s.div_d(over, under);
    let log_m = s.mul_d(horner_d(s, &ATANH, s.mul_d(q, q)), s.add_d(q, q));
    s.fma_d(e, s.splat_d(std::f64::consts::LN_2), log_m)
}

#[inline(always)]
pub(super) fn expm1<S: Simd>(s: S, x: S::F) -> S::F {
    let bounded = s.widen(bound(s, x, EXPM1_LOW as f32, HYPERBOLIC_HIGH as f32));
    s.nan_or(x, s.copysign(s.narrow(expm1_d(s, bounded)), x))
}

#[inline(always)]
pub(super) fn log1p<S: Simd>(s: S, x: S::F) -> S::F {
    let (minus_one, infinity) = (s.splat(-1.0), s.splat(f32::INFINITY));
    let log = s.narrow(log1p_d(s, s.widen(x), s.widen(s.abs(x))));
    let result = s.where_equal(x, minus_one, s.neg(infinity), s.copysign(log, x));
    let result = s.where_equal(x, infinity, infinity, result);
    s.settle(s.nan_or(x, s.where_less(x, minus_one, s.splat(f32::NAN), result)))
}

#[inline(always)]
pub(super) fn sinh<S: Simd>(s: S, x: S::F) -> S::F {
    let t = expm1_d(s, s.widen(bound(s, s.abs(x), 0.0, HYPERBOLIC_HIGH as f32)));
    let sum = s.add_d(t, s.div_d(t, s.add_d(t, s.splat_d(1.0))));
    let half = s.narrow(s.mul_d(sum, s.splat_d(0.5)));
    s.nan_or(x, s.copysign(half, x))
}

#[inline(always)]
pub(super) fn cosh<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp_d(s, s.widen(bound(s, s.abs(x), 0.0, HYPERBOLIC_HIGH as f32)));
    let sum = s.add_d(e, s.div_d(s.splat_d(1.0), e));
    s.nan_or(x, s.narrow(s.mul_d(sum, s.splat_d(0.5))))
}

#[inline(always)]
pub(super) fn asinh<S: Simd>(s: S, x: S::F) -> S::F {
    let (one, infinity) = (s.splat_d(1.0), s.splat(f32::INFINITY));
    let a = s.widen(s.abs(x));
    let square = s.mul_d(a, a);
    let root = s.sqrt_d(s.add_d(one, square));
    let w = s.add_d(a, s.div_d(square, s.add_d(one, root)));
    let log = s.copysign(s.narrow(log1p_d(s, w, w)), x);
    s.nan_or(x, s.where_equal(s.abs(x), infinity, x, log))
}

#[inline(always)]
pub(super) fn acosh<S: Simd>(s: S, x: S::F) -> S::F {
    let (one, infinity) = (s.splat(1.0), s.splat(f32::INFINITY));
    let t = s.sub_d(s.widen(x), s.splat_d(1.0));
    let w = s.add_d(t, s.sqrt_d(s.mul_d(t, s.add_d(t, s.splat_d(2.0)))));
    let log = s.where_equal(x, infinity, infinity, s.narrow(log1p_d(s, w, w)));
    s.settle(s.nan_or(x, s.where_less(x, one, s.splat(f32::NAN), log)))
}

#[inline(always)]
pub(super) fn atanh<S: Simd>(s: S, x: S::F) -> S::F {
    let (one, infinity) = (s.splat(1.0), s.splat(f32::INFINITY));
    let magnitude = s.abs(x);
    let a = s.widen(magnitude);
    let w = s.div_d(s.add_d(a, a), s.sub_d(s.splat_d(1.0), a));
    let half = s.narrow(s.mul_d(log1p_d(s, w, w), s.splat_d(0.5)));
    let half = s.copysign(s.where_equal(magnitude, one, infinity, half), x);
    s.settle(s.nan_or(x, s.where_less(one, magnitude, s.splat(f32::NAN), half)))
}

#[inline(always)]
pub(super) fn silu<S: Simd>(s: S, x: S::F) -> S::F {
    s.mul(x, sigmoid(s, x))
}

#[inline(always)]
pub(super) fn log_sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let least = s.where_less(s.splat(0.0), x, s.splat(0.0), x);
    s.sub(least, log1p(s, exp(s, s.neg(s.abs(x)))))
}
