//! Circular functions of `f32` and their inverses: computed in `f64`, rounded once; within 1 ulp over all inputs.
//!
//! `sin x = (-1)^n S(x - n pi)` and `cos x = (-1)^n S(x - (n - 1/2) pi)` with one polynomial S of the sine between
//! `-pi / 2` and `pi / 2`. Inverses are angles of points, from a quotient of at most `tan(pi / 8)`.

use super::elementary::{ROUND_F64, horner_f64};
pub(crate) use super::turns::LARGE;
use super::turns::quarter_turns;

/// `pi` as a sum of two `f64`.
pub(crate) const PI_HIGH: f64 = std::f64::consts::PI;
/// `pi - PI_HIGH`.
pub(crate) const PI_LOW: f64 = 1.224_646_799_147_353_2e-16;
/// `sin(r) / r` in `r^2` for `|r| <= pi / 2`, highest power first: the Taylor polynomial; the rest is below 2^-44.
pub(crate) const SIN: [f64; 9] = [
    1.0 / 355_687_428_096_000.0,
    -1.0 / 1_307_674_368_000.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 39_916_800.0,
    1.0 / 362_880.0,
    -1.0 / 5_040.0,
    1.0 / 120.0,
    -1.0 / 6.0,
    1.0,
];
/// `atan(z) / z` in `z^2` for `|z| <= tan(pi / 8)`, highest power first: the Taylor polynomial; the rest is below 2^-45.
pub(crate) const ATAN: [f64; 16] = [
    -1.0 / 31.0,
    1.0 / 29.0,
    -1.0 / 27.0,
    1.0 / 25.0,
    -1.0 / 23.0,
    1.0 / 21.0,
    -1.0 / 19.0,
    1.0 / 17.0,
    -1.0 / 15.0,
    1.0 / 13.0,
    -1.0 / 11.0,
    1.0 / 9.0,
    -1.0 / 7.0,
    1.0 / 5.0,
    -1.0 / 3.0,
    1.0,
];
/// `tan(pi / 8)`.
pub(crate) const TAN_EIGHTH: f64 = 0.414_213_562_373_095_03;
/// `tan(3 pi / 8)`.
pub(crate) const TAN_THREE_EIGHTHS: f64 = 2.414_213_562_373_095;

/// The sine between `-pi / 2` and `pi / 2`.
fn sine(r: f64) -> f64 {
    horner_f64(&SIN, r * r) * r
}

/// `x` with the sign flipped where the low bit of `shifted` says so.
fn flip(x: f64, shifted: f64) -> f64 {
    f64::from_bits(x.to_bits() ^ shifted.to_bits() << 63)
}

/// The sine of `q` quarter turns and `r`.
fn sine_of_quarters(q: u64, r: f64) -> f64 {
    let s = if q & 1 == 0 { sine(r) } else { sine(std::f64::consts::FRAC_PI_2 - r.abs()) };
    if q & 2 == 0 { s } else { -s }
}

/// `sin(x)` in `f64`.
fn sin_f64(x: f64) -> f64 {
    if x.abs() >= LARGE {
        let (q, r) = quarter_turns(x);
        return sine_of_quarters(q, r.high);
    }
    let shifted = x.mul_add(std::f64::consts::FRAC_1_PI, ROUND_F64);
    let n = shifted - ROUND_F64;
    let r = n.mul_add(-PI_LOW, n.mul_add(-PI_HIGH, x));
    flip(sine(r), shifted)
}

/// `cos(x)` in `f64`.
fn cos_f64(x: f64) -> f64 {
    if x.abs() >= LARGE {
        let (q, r) = quarter_turns(x);
        return sine_of_quarters(q + 1, r.high);
    }
    let shifted = x.mul_add(std::f64::consts::FRAC_1_PI, 0.5) + ROUND_F64;
    let n = (shifted - ROUND_F64) - 0.5;
    let r = n.mul_add(-PI_LOW, n.mul_add(-PI_HIGH, x));
    flip(sine(r), shifted)
}

/// `f` where the angle is finite, else NaN.
fn circular(x: f32, f: impl Fn(f64) -> f64) -> f32 {
    if x.is_finite() { f(f64::from(x)) as f32 } else { f32::NAN }
}

/// `sin(x)`.
pub fn sin(x: f32) -> f32 {
    circular(x, sin_f64)
}

/// `cos(x)`.
pub fn cos(x: f32) -> f32 {
    circular(x, cos_f64)
}

/// `sin(x) / cos(x)`.
pub fn tan(x: f32) -> f32 {
    circular(x, |x| sin_f64(x) / cos_f64(x))
}

/// The angle of the point `(x, y)` with neither coordinate negative, not both 0 or infinite: `base + atan(z)` with
/// `z = (y - tan(base) x) / (x + tan(base) y)` for the base 0, `pi / 4` or `pi / 2` next to it.
fn angle(y: f64, x: f64) -> f64 {
    let (base, over, under) = if y > TAN_THREE_EIGHTHS * x {
        (std::f64::consts::FRAC_PI_2, -x, y)
    } else if y > TAN_EIGHTH * x {
        (std::f64::consts::FRAC_PI_4, y - x, y + x)
    } else {
        (0.0, y, x)
    };
    let z = over / under;
    horner_f64(&ATAN, z * z).mul_add(z, base)
}

/// The angle of the point `(1, x)`.
pub fn atan(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    (angle(f64::from(x.abs()), 1.0) as f32).copysign(x)
}

/// The other side of a right triangle with hypotenuse 1.
fn other_side(a: f64) -> f64 {
    ((1.0 - a) * (1.0 + a)).sqrt()
}

/// The angle of the point `(sqrt((1 - x)(1 + x)), x)`; NaN beyond 1.
pub fn asin(x: f32) -> f32 {
    let a = f64::from(x.abs());
    if x.is_nan() || a > 1.0 {
        return f32::NAN;
    }
    (angle(a, other_side(a)) as f32).copysign(x)
}

/// The angle of the point `(x, sqrt((1 - x)(1 + x)))`; NaN beyond 1.
pub fn acos(x: f32) -> f32 {
    let a = f64::from(x.abs());
    if x.is_nan() || a > 1.0 {
        return f32::NAN;
    }
    let angle = angle(other_side(a), a);
    (if x < 0.0 { PI_HIGH - angle } else { angle }) as f32
}

/// The angle of the point `(x, y)`. For signed zeros and infinities as C has it.
pub fn atan2(y: f32, x: f32) -> f32 {
    if x.is_nan() || y.is_nan() {
        return f32::NAN;
    }
    let (b, a) = (f64::from(y.abs()), f64::from(x.abs()));
    // Zeros lie on the axis, infinities on the diagonal.
    let (b, a) = match () {
        () if a == 0.0 && b == 0.0 => (0.0, 1.0),
        () if a == f64::INFINITY && b == f64::INFINITY => (1.0, 1.0),
        () => (b, a),
    };
    let angle = angle(b, a);
    let angle = if x.is_sign_negative() { PI_HIGH - angle } else { angle };
    (angle as f32).copysign(y)
}
