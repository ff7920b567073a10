//! Powers, roots and remainders, and the error function, of `f64`, evaluated in [`Wide`] and rounded once at the end;
//! remainders exactly.
//!
//! Within 1 ulp of the correctly rounded result, `rsqrt` and `erf` within 2. Special values are those of C (Annex F).

use super::exponential64::{exp_parts, exp_wide, log_of};
use super::powers::{fmod, power};
use super::turns::power_of_two;
use super::wide::{Wide, horner};

/// `(-1)^k / (k! (2 k + 1))` for k from 20 down to 7: `erf(x) sqrt(pi) / 2 x` in `x^2`.
const ERF_TAIL: [f64; 14] = [
    1.0 / (2_432_902_008_176_640_000.0 * 41.0),
    -1.0 / (121_645_100_408_832_000.0 * 39.0),
    1.0 / (6_402_373_705_728_000.0 * 37.0),
    -1.0 / (355_687_428_096_000.0 * 35.0),
    1.0 / (20_922_789_888_000.0 * 33.0),
    -1.0 / (1_307_674_368_000.0 * 31.0),
    1.0 / (87_178_291_200.0 * 29.0),
    -1.0 / (6_227_020_800.0 * 27.0),
    1.0 / (479_001_600.0 * 25.0),
    -1.0 / (39_916_800.0 * 23.0),
    1.0 / (3_628_800.0 * 21.0),
    -1.0 / (362_880.0 * 19.0),
    1.0 / (40_320.0 * 17.0),
    -1.0 / (5_040.0 * 15.0),
];
/// The same for k from 6 down to 0.
const ERF_HEAD: [Wide; 7] = [
    Wide::new(1.0 / 9_360.0, 9.266_685_234_918_841e-23),
    Wide::new(-1.0 / 1_320.0, -6.570_922_257_487_906e-22),
    Wide::new(1.0 / 216.0, 2.569_960_705_150_825e-19),
    Wide::new(-1.0 / 42.0, -1.321_694_076_934_71e-18),
    Wide::new(0.1, -5.551_115_123_125_783e-18),
    Wide::new(-1.0 / 3.0, -1.850_371_707_708_594e-17),
    Wide::new(1.0, 0.0),
];
/// `2 / sqrt(pi)`.
const TWO_OVER_ROOT_PI: Wide =
    Wide::new(std::f64::consts::FRAC_2_SQRT_PI, 1.533_545_961_316_588e-17);
/// `e^(x^2) erfc(x)` for `1 <= x <= 6` in `t = (x - 3) / (x + 3)`, highest power first (Chebyshev).
const ERFC: [f64; 19] = [
    3.099_711_124_861_191_4e-8,
    2.100_693_231_794_546_2e-8,
    -2.296_083_664_017_265_6e-7,
    -2.902_652_004_392_866e-7,
    1.251_926_118_802_266_7e-6,
    2.119_283_446_053_111e-6,
    -7.978_119_385_932_173e-6,
    -1.286_042_183_120_083_1e-5,
    6.405_655_737_002_857e-5,
    4.525_529_412_129_632e-5,
    -0.000_597_061_948_641_696_3,
    0.000_707_746_439_062_207,
    0.004_269_136_332_839_387,
    -0.024_392_499_318_674_116,
    0.071_665_837_197_978_25,
    -0.150_115_936_500_777_2,
    0.245_603_801_712_330_87,
    -0.326_233_560_043_037_2,
    0.179_001_151_181_389_96,
];

/// `1 / sqrt(x)`, two operations.
pub(super) fn rsqrt(x: f64) -> f64 {
    1.0 / x.sqrt()
}

/// `sqrt(a^2 + b^2)`; infinite where one is, also beside a NaN.
pub(super) fn hypot(a: f64, b: f64) -> f64 {
    if a.is_infinite() || b.is_infinite() {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    let largest = a.abs().max(b.abs());
    if largest == 0.0 {
        return 0.0;
    }
    // Squares neither overflow nor lose what matters.
    let e = match largest {
        _ if largest > power_of_two(500) => -600,
        _ if largest < power_of_two(-400) => 600,
        _ => 0,
    };
    let (a, b) = (a * power_of_two(e), b * power_of_two(e));
    Wide::product(a, a).add(Wide::product(b, b)).root().round() * power_of_two(-e)
}

/// `x^y`: `exp(y ln |x|)` with the sign of an odd power.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    power(x, y, |a, y| {
        let log = log_of(a);
        // Far beyond the range already, and perhaps an overflow.
        if (log.high * y).abs() > 800.0 {
            return exp_wide((log.high * y).into());
        }
        exp_wide(log.mul(y))
    })
}

/// The remainder of division with the sign of the divisor: the exact one with the sign of `a`, and where that is nonzero
/// and of the other sign than `b`, one addition of `b`.
pub(super) fn rem(a: f64, b: f64) -> f64 {
    let r = fmod(a, b);
    if r != 0.0 && r.is_sign_negative() != b.is_sign_negative() { r + b } else { r }
}

/// The error function: a Taylor polynomial below 1, `1 - e^(-x^2) P` from there on, 1 from 6 on.
pub(super) fn erf(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() {
        return x;
    }
    if a < power_of_two(-500) {
        // The square would underflow; scaled, the product is rounded once where it is normal.
        return x * std::f64::consts::FRAC_2_SQRT_PI;
    }
    if a >= 6.0 {
        return 1.0_f64.copysign(x);
    }
    let erf = if a < 1.0 {
        horner(&ERF_TAIL, &ERF_HEAD, Wide::product(a, a)).mul(TWO_OVER_ROOT_PI).mul(a)
    } else {
        let t = (a - 3.0) / (a + 3.0);
        let p = ERFC.iter().copied().reduce(|p, c| p.mul_add(t, c)).unwrap_or(0.0);
        let (n, q) = exp_parts(Wide::product(a, a).neg());
        Wide::from(1.0).sub(Wide::from(1.0).add(q).mul(p).scaled(power_of_two(n)))
    };
    erf.round().copysign(x)
}

/// `x * (erf(x / sqrt 2) + 1) / 2`, an operation at a time; NaN at -inf, where the product is `-inf * 0`.
pub(super) fn gelu(x: f64) -> f64 {
    x * (erf(x / std::f64::consts::SQRT_2) + 1.0) * 0.5
}
