//! Powers, roots and remainders of the reference on vectors. Powers of zeros and with special values go lane by lane.

use super::elementary::{exp_d, lane_by_lane2, log_d};
use super::simd::Simd;
use crate::reference::powers::{self as reference, POWER_CUT};

#[inline(always)]
pub(super) fn rsqrt<S: Simd>(s: S, x: S::F) -> S::F {
    s.narrow(s.div_d(s.splat_d(1.0), s.sqrt_d(s.widen(x))))
}

#[inline(always)]
pub(super) fn sign<S: Simd>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    let below = s.where_less(x, zero, s.splat(-1.0), zero);
    s.where_less(zero, x, s.splat(1.0), below)
}

#[inline(always)]
pub(super) fn hypot<S: Simd>(s: S, a: S::F, b: S::F) -> S::F {
    let infinity = s.splat(f32::INFINITY);
    let (wide_a, wide_b) = (s.widen(a), s.widen(b));
    let squares = s.add_d(s.mul_d(wide_a, wide_a), s.mul_d(wide_b, wide_b));
    let root = s.settle(s.narrow(s.sqrt_d(squares)));
    let root = s.where_equal(s.abs(a), infinity, infinity, root);
    s.where_equal(s.abs(b), infinity, infinity, root)
}

#[inline(always)]
pub(super) fn pow<S: Simd>(s: S, x: S::F, y: S::F) -> S::F {
    let (zero, infinity) = (s.splat(0.0), f32::INFINITY);
    if s.reaches(x, infinity) || s.reaches(s.where_equal(x, zero, s.splat(infinity), y), infinity) {
        return s.settle(lane_by_lane2(s, x, y, reference::pow));
    }
    let (low, high) = (s.splat_d(-POWER_CUT), s.splat_d(POWER_CUT));
    let t = s.mul_d(s.widen(y), log_d(s, s.widen(s.abs(x))));
    let t = s.where_less_d(t, low, low, t);
    let t = s.where_less_d(high, t, high, t);
    let e = s.narrow(exp_d(s, t));
    let half = s.mul(y, s.splat(0.5));
    let whole = s.where_equal(s.trunc(half), half, e, s.neg(e));
    let of_negative = s.where_equal(s.trunc(y), y, whole, s.splat(f32::NAN));
    s.settle(s.where_less(x, zero, of_negative, e))
}

/// Exact remainders are long divisions of integers.
#[inline(always)]
pub(super) fn rem<S: Simd>(s: S, a: S::F, b: S::F) -> S::F {
    s.settle(lane_by_lane2(s, a, b, reference::rem))
}
