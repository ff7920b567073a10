//! Circular functions of `f64` and their inverses, evaluated in [`Wide`] and rounded once at the end.
//!
//! All are within 1 ulp of the correctly rounded result. Polynomials are Taylor's, their small terms in plain `f64`.

use super::exponential64::TINY;
use super::turns::{power_of_two, quarter_turns};
use super::wide::{Wide, horner};

/// `(-1)^k / (2 k + 1)!` for k from 10 down to 4.
const SIN_TAIL: [f64; 7] = [
    1.0 / 51_090_942_171_709_440_000.0,
    -1.0 / 121_645_100_408_832_000.0,
    1.0 / 355_687_428_096_000.0,
    -1.0 / 1_307_674_368_000.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 39_916_800.0,
    1.0 / 362_880.0,
];
/// The same for k from 3 down to 0.
const SIN_HEAD: [Wide; 4] = [
    Wide::new(-1.0 / 5_040.0, -1.720_955_829_342_070_5e-22),
    Wide::new(1.0 / 120.0, 1.156_482_317_317_871_4e-19),
    Wide::new(-1.0 / 6.0, -9.251_858_538_542_97e-18),
    Wide::new(1.0, 0.0),
];
/// `(-1)^k / (2 k)!` for k from 11 down to 5.
const COS_TAIL: [f64; 7] = [
    -1.0 / 1_124_000_727_777_607_680_000.0,
    1.0 / 2_432_902_008_176_640_000.0,
    -1.0 / 6_402_373_705_728_000.0,
    1.0 / 20_922_789_888_000.0,
    -1.0 / 87_178_291_200.0,
    1.0 / 479_001_600.0,
    -1.0 / 3_628_800.0,
];
/// The same for k from 4 down to 0.
const COS_HEAD: [Wide; 5] = [
    Wide::new(1.0 / 40_320.0, 2.151_194_786_677_588_2e-23),
    Wide::new(-1.0 / 720.0, 5.300_543_954_373_577e-20),
    Wide::new(1.0 / 24.0, 2.312_964_634_635_742_7e-18),
    Wide::new(-0.5, 0.0),
    Wide::new(1.0, 0.0),
];
/// `(-1)^k / (2 k + 1)` for k from 24 down to 6.
const ATAN_TAIL: [f64; 19] = [
    1.0 / 49.0,
    -1.0 / 47.0,
    1.0 / 45.0,
    -1.0 / 43.0,
    1.0 / 41.0,
    -1.0 / 39.0,
    1.0 / 37.0,
    -1.0 / 35.0,
    1.0 / 33.0,
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
];
/// The same for k from 5 down to 0.
const ATAN_HEAD: [Wide; 6] = [
    Wide::new(-1.0 / 11.0, 2.523_234_146_875_356e-18),
    Wide::new(1.0 / 9.0, 6.167_905_692_361_980_4e-18),
    Wide::new(-1.0 / 7.0, -7.930_164_461_608_26e-18),
    Wide::new(1.0 / 5.0, -1.110_223_024_625_156_6e-17),
    Wide::new(-1.0 / 3.0, -1.850_371_707_708_594e-17),
    Wide::new(1.0, 0.0),
];

fn sine(r: Wide) -> Wide {
    horner(&SIN_TAIL, &SIN_HEAD, r.mul(r)).mul(r)
}

fn cosine(r: Wide) -> Wide {
    horner(&COS_TAIL, &COS_HEAD, r.mul(r))
}

/// The sine of `q` quarter turns and `r`.
fn sine_of_quarters(q: u64, r: Wide) -> Wide {
    let s = if q & 1 == 0 { sine(r) } else { cosine(r) };
    if q & 2 == 0 { s } else { s.neg() }
}

/// `sin(x)`.
pub(super) fn sin(x: f64) -> f64 {
    if x.abs() < TINY {
        return x;
    }
    if !x.is_finite() {
        return f64::NAN;
    }
    let (q, r) = quarter_turns(x);
    sine_of_quarters(q, r).round()
}

/// `cos(x)`.
pub(super) fn cos(x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (q, r) = quarter_turns(x);
    sine_of_quarters(q + 1, r).round()
}

/// `sin(x) / cos(x)`.
pub(super) fn tan(x: f64) -> f64 {
    if x.abs() < TINY {
        return x;
    }
    if !x.is_finite() {
        return f64::NAN;
    }
    let (q, r) = quarter_turns(x);
    sine_of_quarters(q, r).div(sine_of_quarters(q + 1, r)).round()
}

/// The angle of the point `(x, y)` with neither coordinate negative, not both 0, both below 2^500: as in `f32`.
fn angle(y: Wide, x: Wide) -> Wide {
    let (base, over, under) = if y.high > super::circular::TAN_THREE_EIGHTHS * x.high {
        (Wide::HALF_PI, x.neg(), y)
    } else if y.high > super::circular::TAN_EIGHTH * x.high {
        (Wide::QUARTER_PI, y.sub(x), y.add(x))
    } else {
        (Wide::from(0.0), y, x)
    };
    let z = over.div(under);
    horner(&ATAN_TAIL, &ATAN_HEAD, z.mul(z)).mul(z).add(base)
}

/// The angle of the point `(1, x)`.
pub(super) fn atan(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() || a < TINY {
        return x;
    }
    // Beyond 2^60 it is pi / 2 to more than 53 bits.
    angle(a.min(power_of_two(60)).into(), 1.0.into()).round().copysign(x)
}

/// `sqrt(1 - a^2)`.
fn other_side(a: f64) -> Wide {
    if a == 1.0 { Wide::from(0.0) } else { Wide::from(1.0).sub(Wide::product(a, a)).root() }
}

/// The angle of the point `(sqrt(1 - x^2), x)`; NaN beyond 1.
pub(super) fn asin(x: f64) -> f64 {
    let a = x.abs();
    match a {
        _ if a < TINY => x,
        _ if a <= 1.0 => angle(a.into(), other_side(a)).round().copysign(x),
        _ => f64::NAN,
    }
}

/// The angle of the point `(x, sqrt(1 - x^2))`; NaN beyond 1.
pub(super) fn acos(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() || a > 1.0 {
        return f64::NAN;
    }
    // Below 2^-60 it is pi / 2 to more than 53 bits.
    let angle = angle(other_side(a), a.max(power_of_two(-70)).into());
    (if x < 0.0 { Wide::PI.sub(angle) } else { angle }).round()
}

/// The angle of the point `(x, y)`. For signed zeros and infinities as C has it.
pub(super) fn atan2(y: f64, x: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let (b, a) = (y.abs(), x.abs());
    let (b, a) = match () {
        () if a == 0.0 && b == 0.0 => (0.0, 1.0),
        () if a == f64::INFINITY && b == f64::INFINITY => (1.0, 1.0),
        () => (b, a),
    };
    let quotient = b / a;
    let angle = match quotient {
        // To more than 60 bits the angle is the quotient, or its distance from pi is below them.
        _ if quotient < TINY && x.is_sign_positive() => return quotient.copysign(y),
        _ if quotient < TINY * TINY => Wide::from(0.0),
        _ if quotient > 1.0 / (TINY * TINY) => Wide::HALF_PI,
        _ => {
            // Both near 1: each half of the power of two is normal.
            let e = (a.max(b).to_bits() >> 52) as i32 - 1023;
            let scale = |v: f64| v * power_of_two(-(e >> 1)) * power_of_two((e >> 1) - e);
            angle(scale(b).into(), scale(a).into())
        }
    };
    let angle = if x.is_sign_negative() { Wide::PI.sub(angle) } else { angle };
    angle.round().copysign(y)
}
