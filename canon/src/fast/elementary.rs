//! The elementary functions of the reference on vectors: the same sequences, both branches computed and one selected.

use super::simd::{Simd, WIDEST};
use crate::reference::elementary::{
    ATANH, ERF_CUT, ERF_FAR, ERF_NEAR, EXP, EXP_F64, EXP_HIGH, EXP_LOW, LN2_HIGH, LN2_LOW,
    LOG_SPLIT, ROUND_F32, ROUND_F64, SIGMOID_CUT, TANH_CUT, TANH_NEAR, TANH_ONE,
};

#[inline(always)]
fn horner<S: Simd, const N: usize>(s: S, coefficients: &[f32; N], x: S::F) -> S::F {
    let mut p = s.splat(coefficients[0]);
    for &c in &coefficients[1..] {
        p = s.fma(p, x, s.splat(c));
    }
    p
}

#[inline(always)]
pub(super) fn horner_d<S: Simd, const N: usize>(s: S, coefficients: &[f64; N], x: S::D) -> S::D {
    let mut p = s.splat_d(coefficients[0]);
    for &c in &coefficients[1..] {
        p = s.fma_d(p, x, s.splat_d(c));
    }
    p
}

/// Between two bounds; NaN becomes the lower.
#[inline(always)]
pub(super) fn bound<S: Simd>(s: S, x: S::F, low: f32, high: f32) -> S::F {
    s.smaller(s.larger(x, s.splat(low)), s.splat(high))
}

/// `(n + ROUND_F32, p)` with `e^x` close to `p * 2^n`.
#[inline(always)]
fn exp_parts<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let shifted = s.fma(x, s.splat(std::f32::consts::LOG2_E), s.splat(ROUND_F32));
    let minus_n = s.sub(s.splat(ROUND_F32), shifted);
    let r = s.fma(minus_n, s.splat(LN2_HIGH), x);
    let r = s.fma(minus_n, s.splat(LN2_LOW), r);
    (shifted, horner(s, &EXP, r))
}

#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let (shifted, p) = exp_parts(s, bound(s, x, EXP_LOW, EXP_HIGH));
    s.nan_or(x, s.scale(p, shifted))
}

#[inline(always)]
pub(super) fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let near = s.fma(horner(s, &ERF_NEAR, s.mul(x, x)), x, x);
    let magnitude = bound(s, s.abs(x), 0.0, ERF_CUT);
    let (shifted, p) = exp_parts(s, s.sub(s.splat(0.0), horner(s, &ERF_FAR, magnitude)));
    let far = s.copysign(s.sub(s.splat(1.0), s.scale_normal(p, shifted)), x);
    s.nan_or(x, s.where_less(magnitude, s.splat(1.0), near, far))
}

/// `x / sqrt 2` without a division, for `x` from 2^-100 to 8: the product with the rounded reciprocal and one correction is
/// the rounded quotient (a test compares all mantissas). Below, it is off by less than one part in 2^20.
#[inline(always)]
fn over_root2<S: Simd>(s: S, x: S::F) -> S::F {
    let quotient = s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2));
    let rest = s.fma(s.neg(quotient), s.splat(std::f32::consts::SQRT_2), x);
    s.fma(rest, s.splat(std::f32::consts::FRAC_1_SQRT_2), quotient)
}

/// The error function is odd and 1 from [`ERF_CUT`] on, so it is computed for magnitudes up to 8; where those are too
/// small for an exact quotient it vanishes beside 1. A NaN stays one in the product with `x`.
#[inline(always)]
pub(super) fn gelu<S: Simd>(s: S, x: S::F) -> S::F {
    let a = over_root2(s, s.smaller(s.abs(x), s.splat(8.0)));
    let near = s.fma(horner(s, &ERF_NEAR, s.mul(a, a)), a, a);
    let cut = s.smaller(a, s.splat(ERF_CUT));
    let (shifted, p) = exp_parts(s, s.sub(s.splat(0.0), horner(s, &ERF_FAR, cut)));
    let far = s.sub(s.splat(1.0), s.scale_normal(p, shifted));
    let e = s.copysign(s.where_less(cut, s.splat(1.0), near, far), x);
    s.mul(s.mul(x, s.add(e, s.splat(1.0))), s.splat(0.5))
}

#[inline(always)]
pub(super) fn exp_d<S: Simd>(s: S, x: S::D) -> S::D {
    let shifted = s.fma_d(x, s.splat_d(std::f64::consts::LOG2_E), s.splat_d(ROUND_F64));
    let minus_n = s.sub_d(s.splat_d(ROUND_F64), shifted);
    let r = s.fma_d(minus_n, s.splat_d(std::f64::consts::LN_2), x);
    s.scale_d(horner_d(s, &EXP_F64, r), shifted)
}

#[inline(always)]
pub(super) fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat_d(1.0);
    let bounded = s.widen(bound(s, x, -SIGMOID_CUT as f32, SIGMOID_CUT as f32));
    let e = exp_d(s, s.sub_d(s.splat_d(0.0), bounded));
    s.nan_or(x, s.narrow(s.div_d(one, s.add_d(one, e))))
}

#[inline(always)]
pub(super) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat_d(1.0);
    let a = s.widen(bound(s, s.abs(x), 0.0, TANH_ONE as f32));
    let near = s.mul_d(horner_d(s, &TANH_NEAR, s.mul_d(a, a)), a);
    let e = exp_d(s, s.add_d(a, a));
    let far = s.div_d(s.sub_d(e, one), s.add_d(e, one));
    let t = s.narrow(s.where_less_d(a, s.splat_d(TANH_CUT), near, far));
    s.nan_or(x, s.copysign(t, x))
}

/// `ln(x)` of a positive normal number.
#[inline(always)]
pub(super) fn log_d<S: Simd>(s: S, x: S::D) -> S::D {
    let one = s.splat_d(1.0);
    let e = s.sub_d(s.exponent_field(x), s.splat_d(1023.0));
    let m = s.mantissa(x);
    let split = s.splat_d(LOG_SPLIT);
    let e = s.where_less_d(split, m, s.add_d(e, one), e);
    let m = s.where_less_d(split, m, s.mul_d(m, s.splat_d(0.5)), m);
    let q = s.div_d(s.sub_d(m, one), s.add_d(m, one));
    let log_m = s.mul_d(horner_d(s, &ATANH, s.mul_d(q, q)), s.add_d(q, q));
    s.fma_d(e, s.splat_d(std::f64::consts::LN_2), log_m)
}

#[inline(always)]
pub(super) fn log<S: Simd>(s: S, x: S::F) -> S::F {
    let result = s.narrow(log_d(s, s.widen(x)));
    let (zero, infinity) = (s.splat(0.0), s.splat(f32::INFINITY));
    let result = s.where_equal(x, zero, s.neg(infinity), result);
    let result = s.where_equal(x, infinity, infinity, result);
    let result = s.where_less(x, zero, s.splat(f32::NAN), result);
    s.nan_or(x, result)
}

/// A function of the reference on every lane, for arguments that vectors do not serve.
#[inline(always)]
pub(super) fn lane_by_lane<S: Simd>(s: S, x: S::F, function: fn(f32) -> f32) -> S::F {
    let mut lanes = [0.0; WIDEST];
    s.store(&mut lanes, x);
    each(&mut lanes[..S::LANES], function);
    s.load(&lanes)
}

/// The same of two operands.
#[inline(always)]
pub(super) fn lane_by_lane2<S: Simd>(
    s: S,
    a: S::F,
    b: S::F,
    function: fn(f32, f32) -> f32,
) -> S::F {
    let (mut of_a, mut of_b) = ([0.0; WIDEST], [0.0; WIDEST]);
    s.store(&mut of_a, a);
    s.store(&mut of_b, b);
    each2(&mut of_a[..S::LANES], &of_b, function);
    s.load(&of_a)
}

#[cold]
#[inline(never)]
fn each(lanes: &mut [f32], function: fn(f32) -> f32) {
    lanes.iter_mut().for_each(|x| *x = function(*x));
}

#[cold]
#[inline(never)]
fn each2(lanes: &mut [f32], others: &[f32], function: fn(f32, f32) -> f32) {
    lanes.iter_mut().zip(others).for_each(|(a, &b)| *a = function(*a, b));
}

#[cfg(test)]
mod tests {
    use super::{gelu, over_root2};
    use crate::fast::simd::Scalar;
    use crate::reference::elementary;

    #[test]
    fn the_quotient_without_a_division_is_the_rounded_one_for_every_mantissa() {
        // Powers of two change nothing between these exponents.
        for exponent in [27_u32, 28, 126, 127, 129] {
            for mantissa in 0..1 << 23 {
                let x = f32::from_bits(exponent << 23 | mantissa);
                let expected = x / std::f32::consts::SQRT_2;
                assert_eq!(over_root2(Scalar, x).to_bits(), expected.to_bits(), "{x:e}");
            }
        }
    }

    #[test]
    fn gelu_is_that_of_the_reference_where_its_quotient_is_not_exact() {
        let specials = [0, 0x7f80_0000, 0x7fc0_0000, 0x7f7f_ffff, 0x4100_0000, 0x4100_0001];
        for bits in
            (0..28 << 23).step_by(977).chain((0x40b0_0000..0x4110_0000).step_by(61)).chain(specials)
        {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let (found, expected) = (gelu(Scalar, x), elementary::gelu(x));
                assert!(
                    found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                    "{x:e}"
                );
            }
        }
    }
}
