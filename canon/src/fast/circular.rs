//! Circular functions of the reference on vectors. Angles from `LARGE` on, which are rare, go lane by lane.

use super::elementary::{horner_d, lane_by_lane};
use super::simd::Simd;
use crate::reference::circular::{
    self as reference, ATAN, LARGE, PI_HIGH, PI_LOW, SIN, TAN_EIGHTH, TAN_THREE_EIGHTHS,
};
use crate::reference::elementary::ROUND_F64;

/// `(-1)^n S(x - (n - offset) pi)` for `shifted = n + ROUND_F64`.
#[inline(always)]
fn sine<S: Simd>(s: S, x: S::D, shifted: S::D, offset: f64) -> S::D {
    let n = s.sub_d(s.sub_d(shifted, s.splat_d(ROUND_F64)), s.splat_d(offset));
    let r = s.fma_d(n, s.splat_d(-PI_HIGH), x);
    let r = s.fma_d(n, s.splat_d(-PI_LOW), r);
    let sine = s.mul_d(horner_d(s, &SIN, s.mul_d(r, r)), r);
    s.flip_d(sine, shifted)
}

/// The sine below `LARGE`.
#[inline(always)]
fn sin_d<S: Simd>(s: S, x: S::D) -> S::D {
    let turns = s.splat_d(std::f64::consts::FRAC_1_PI);
    sine(s, x, s.fma_d(x, turns, s.splat_d(ROUND_F64)), 0.0)
}

/// The cosine below `LARGE`.
#[inline(always)]
fn cos_d<S: Simd>(s: S, x: S::D) -> S::D {
    let turns = s.splat_d(std::f64::consts::FRAC_1_PI);
    let n = s.fma_d(x, turns, s.splat_d(0.5));
    sine(s, x, s.add_d(n, s.splat_d(ROUND_F64)), 0.5)
}

#[inline(always)]
pub(super) fn sin<S: Simd>(s: S, x: S::F) -> S::F {
    if s.reaches(x, LARGE as f32) {
        return s.settle(lane_by_lane(s, x, reference::sin));
    }
    s.narrow(sin_d(s, s.widen(x)))
}

#[inline(always)]
pub(super) fn cos<S: Simd>(s: S, x: S::F) -> S::F {
    if s.reaches(x, LARGE as f32) {
        return s.settle(lane_by_lane(s, x, reference::cos));
    }
    s.narrow(cos_d(s, s.widen(x)))
}

#[inline(always)]
pub(super) fn tan<S: Simd>(s: S, x: S::F) -> S::F {
    if s.reaches(x, LARGE as f32) {
        return s.settle(lane_by_lane(s, x, reference::tan));
    }
    let x = s.widen(x);
    s.narrow(s.div_d(sin_d(s, x), cos_d(s, x)))
}

/// The angle of the point `(x, y)` with neither coordinate negative.
#[inline(always)]
fn angle<S: Simd>(s: S, y: S::D, x: S::D) -> S::D {
    let zero = s.splat_d(0.0);
    let far = s.mul_d(s.splat_d(TAN_THREE_EIGHTHS), x);
    let near = s.mul_d(s.splat_d(TAN_EIGHTH), x);
    let choose = |steep, diagonal, flat| {
        s.where_less_d(far, y, steep, s.where_less_d(near, y, diagonal, flat))
    };
    let base = choose(
        s.splat_d(std::f64::consts::FRAC_PI_2),
        s.splat_d(std::f64::consts::FRAC_PI_4),
        zero,
    );
    let over = choose(s.sub_d(zero, x), s.sub_d(y, x), y);
    let under = choose(y, s.add_d(y, x), x);
    let z = s.div_d(over, under);
    s.fma_d(horner_d(s, &ATAN, s.mul_d(z, z)), z, base)
}

#[inline(always)]
pub(super) fn atan<S: Simd>(s: S, x: S::F) -> S::F {
    let angle = s.narrow(angle(s, s.widen(s.abs(x)), s.splat_d(1.0)));
    s.nan_or(x, s.copysign(angle, x))
}

/// The other side of a right triangle with hypotenuse 1.
#[inline(always)]
fn other_side<S: Simd>(s: S, a: S::D) -> S::D {
    let one = s.splat_d(1.0);
    s.sqrt_d(s.mul_d(s.sub_d(one, a), s.add_d(one, a)))
}

/// NaN where `x` is NaN or beyond 1, else `y`.
#[inline(always)]
fn within_one<S: Simd>(s: S, x: S::F, y: S::F) -> S::F {
    s.nan_or(x, s.where_less(s.splat(1.0), s.abs(x), s.splat(f32::NAN), y))
}

#[inline(always)]
pub(super) fn asin<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.widen(s.abs(x));
    let angle = s.narrow(angle(s, a, other_side(s, a)));
    within_one(s, x, s.copysign(angle, x))
}

#[inline(always)]
pub(super) fn acos<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.widen(s.abs(x));
    let angle = angle(s, other_side(s, a), a);
    let (right, left) = (s.narrow(angle), s.narrow(s.sub_d(s.splat_d(PI_HIGH), angle)));
    within_one(s, x, s.where_less(x, s.splat(0.0), left, right))
}

#[inline(always)]
pub(super) fn atan2<S: Simd>(s: S, y: S::F, x: S::F) -> S::F {
    let (zero, one, infinity) = (s.splat(0.0), s.splat(1.0), s.splat(f32::INFINITY));
    let (b, a) = (s.abs(y), s.abs(x));
    // Zeros lie on the axis, infinities on the diagonal.
    let (least, most) = (s.smaller(a, b), s.larger(a, b));
    let a = s.where_equal(most, zero, one, s.where_equal(least, infinity, one, a));
    let b = s.where_equal(least, infinity, one, b);
    let angle = angle(s, s.widen(b), s.widen(a));
    let (right, left) = (s.narrow(angle), s.narrow(s.sub_d(s.splat_d(PI_HIGH), angle)));
    let angle = s.where_less(s.copysign(one, x), zero, left, right);
    s.nan_or(x, s.nan_or(y, s.copysign(angle, y)))
}
