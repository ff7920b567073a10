//! Exponentials, logarithms and hyperbolic functions of `f64`, evaluated in [`Wide`] and rounded once at the end.
//!
//! All are within 1 ulp of the correctly rounded result. Polynomials are Taylor's, their small terms in plain `f64`.

use super::elementary::ROUND_F64;
use super::turns::power_of_two;
use super::wide::{Wide, horner};

/// Below this magnitude odd functions are their argument, to 60 bits.
pub(super) const TINY: f64 = 1.0 / (1_u64 << 31) as f64;

/// `1 / k!` for k from 19 down to 7.
const EXP_TAIL: [f64; 13] = [
    1.0 / 121_645_100_408_832_000.0,
    1.0 / 6_402_373_705_728_000.0,
    1.0 / 355_687_428_096_000.0,
    1.0 / 20_922_789_888_000.0,
    1.0 / 1_307_674_368_000.0,
    1.0 / 87_178_291_200.0,
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
];
/// `1 / k!` for k from 6 down to 1.
const EXP_HEAD: [Wide; 6] = [
    Wide::new(1.0 / 720.0, -5.300_543_954_373_577e-20),
    Wide::new(1.0 / 120.0, 1.156_482_317_317_871_4e-19),
    Wide::new(1.0 / 24.0, 2.312_964_634_635_742_7e-18),
    Wide::new(1.0 / 6.0, 9.251_858_538_542_97e-18),
    Wide::new(0.5, 0.0),
    Wide::new(1.0, 0.0),
];
/// `1 / (2 k + 1)` for k from 15 down to 5.
const ATANH_TAIL: [f64; 11] = [
    1.0 / 31.0,
    1.0 / 29.0,
    1.0 / 27.0,
    1.0 / 25.0,
    1.0 / 23.0,
    1.0 / 21.0,
    1.0 / 19.0,
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
];
/// `1 / (2 k + 1)` for k from 4 down to 0.
const ATANH_HEAD: [Wide; 5] = [
    Wide::new(1.0 / 9.0, 6.167_905_692_361_980_4e-18),
    Wide::new(1.0 / 7.0, 7.930_164_461_608_26e-18),
    Wide::new(1.0 / 5.0, -1.110_223_024_625_156_6e-17),
    Wide::new(1.0 / 3.0, 1.850_371_707_708_594e-17),
    Wide::new(1.0, 0.0),
];

/// `(n, q)` with `e^x = 2^n (1 + q)` and `|q|` at most about 0.42, for `|x| <= 1100`.
pub(super) fn exp_parts(x: Wide) -> (i32, Wide) {
    let n = x.high.mul_add(std::f64::consts::LOG2_E, ROUND_F64) - ROUND_F64;
    let r = x.sub(Wide::product(n, Wide::LN_2.high)).sub(Wide::product(n, Wide::LN_2.low));
    (n as i32, horner(&EXP_TAIL, &EXP_HEAD, r).mul(r))
}

/// `p * 2^n`: two exact powers of two, of which the second product rounds below the normal numbers.
pub(super) fn scale(p: Wide, n: i32) -> f64 {
    let half = n >> 1;
    p.round() * power_of_two(half) * power_of_two(n - half)
}

/// `e^x`.
pub(super) fn exp(x: f64) -> f64 {
    exp_wide(x.into())
}

/// `e^x`, rounded once.
pub(super) fn exp_wide(x: Wide) -> f64 {
    match x.high {
        high if high.is_nan() => return high,
        high if high > 800.0 => return f64::INFINITY,
        high if high < -800.0 => return 0.0,
        _ => {}
    }
    let (n, q) = exp_parts(x);
    scale(Wide::from(1.0).add(q), n)
}

/// `e^x - 1` for `-40 <= x <= 80`.
fn expm1_wide(x: Wide) -> Wide {
    let (n, q) = exp_parts(x);
    let power = power_of_two(n);
    Wide::sum(power, -1.0).add(q.scaled(power))
}

/// `e^x - 1`.
pub(super) fn expm1(x: f64) -> f64 {
    if x.is_nan() || x.abs() < TINY * TINY {
        return x;
    }
    if x > 80.0 {
        return exp(x);
    }
    expm1_wide(x.max(-40.0).into()).round()
}

/// `ln(y)` for positive `y`, `y.high` normal: `e ln 2 + 2 atanh((m - 1) / (m + 1))` for `y = m 2^e`.
pub(super) fn log_wide(y: Wide) -> Wide {
    let bits = y.high.to_bits();
    let e = (bits >> 52) as i32 - 1023;
    let large = (bits & 0x000f_ffff_ffff_ffff)
        > (std::f64::consts::SQRT_2.to_bits() & 0x000f_ffff_ffff_ffff);
    let e = e + i32::from(large);
    // Two steps: 2^-e alone may not be a normal number.
    let m = y.scaled(power_of_two(-(e >> 1))).scaled(power_of_two((e >> 1) - e));
    let s = m.sub(1.0).div(m.add(1.0));
    let log_m = horner(&ATANH_TAIL, &ATANH_HEAD, s.mul(s)).mul(s).scaled(2.0);
    let e = f64::from(e);
    Wide::product(e, Wide::LN_2.high).add(Wide::product(e, Wide::LN_2.low)).add(log_m)
}

/// `ln(x)` of a positive finite number.
pub(super) fn log_of(x: f64) -> Wide {
    if x >= f64::MIN_POSITIVE {
        return log_wide(x.into());
    }
    // 2^54 makes it normal.
    log_wide((x * 18_014_398_509_481_984.0).into()).sub(Wide::LN_2.mul(54.0))
}

/// The natural logarithm; -inf at zeros, NaN below.
pub(super) fn log(x: f64) -> f64 {
    match x {
        0.0 => f64::NEG_INFINITY,
        f64::INFINITY => x,
        _ if x > 0.0 => log_of(x).round(),
        _ => f64::NAN,
    }
}

/// `ln(1 + x)`; -inf at -1, NaN below.
pub(super) fn log1p(x: f64) -> f64 {
    match x {
        -1.0 => f64::NEG_INFINITY,
        f64::INFINITY => x,
        _ if x.abs() < TINY * TINY => x,
        _ if x > -1.0 => log_wide(Wide::sum(1.0, x)).round(),
        _ => f64::NAN,
    }
}

/// `t / (t + 2)` for `t = e^2|x| - 1`, with the sign of `x`.
pub(super) fn tanh(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() || a < TINY {
        return x;
    }
    if a > 22.0 {
        return 1.0_f64.copysign(x);
    }
    let t = expm1_wide((a + a).into());
    t.div(t.add(2.0)).round().copysign(x)
}

/// `1 / (1 + e^-x)`; below -40 that is `e^x`.
pub(super) fn sigmoid(x: f64) -> f64 {
    if x.is_nan() || x < -40.0 {
        return exp(x);
    }
    if x > 40.0 {
        return 1.0;
    }
    Wide::from(1.0).div(expm1_wide((-x).into()).add(2.0)).round()
}

/// `(t + t / (t + 1)) / 2` for `t = e^|x| - 1`, with the sign of `x`; from 40 on `e^|x| / 2`.
pub(super) fn sinh(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() || a < TINY {
        return x;
    }
    if a >= 40.0 {
        return half_exp(a).copysign(x);
    }
    let t = expm1_wide(a.into());
    t.add(t.div(t.add(1.0))).scaled(0.5).round().copysign(x)
}

/// `(e + 1 / e) / 2` for `e = e^|x|`; from 40 on `e^|x| / 2`.
pub(super) fn cosh(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() {
        return x;
    }
    if a >= 40.0 {
        return half_exp(a);
    }
    let e = expm1_wide(a.into()).add(1.0);
    e.add(Wide::from(1.0).div(e)).scaled(0.5).round()
}

/// `e^a / 2` without overflow on the way.
fn half_exp(a: f64) -> f64 {
    if a > 800.0 {
        return f64::INFINITY;
    }
    let (n, q) = exp_parts(a.into());
    scale(Wide::from(1.0).add(q), n - 1)
}

/// `ln(a + sqrt(a^2 + 1))` for `a = |x|`, with the sign of `x`; from 2^31 on `ln(2 a)`.
pub(super) fn asinh(x: f64) -> f64 {
    let a = x.abs();
    if !x.is_finite() || a < TINY {
        return x;
    }
    let log = if a > 1.0 / TINY {
        log_of(a).add(Wide::LN_2)
    } else {
        log_wide(Wide::product(a, a).add(1.0).root().add(a))
    };
    log.round().copysign(x)
}

/// `ln(x + sqrt(x^2 - 1))`; from 2^31 on `ln(2 x)`; NaN below 1.
pub(super) fn acosh(x: f64) -> f64 {
    match x {
        1.0 => 0.0,
        f64::INFINITY => x,
        _ if x > 1.0 / TINY => log_of(x).add(Wide::LN_2).round(),
        _ if x > 1.0 => log_wide(Wide::product(x, x).sub(1.0).root().add(x)).round(),
        _ => f64::NAN,
    }
}

/// `ln((1 + a) / (1 - a)) / 2` for `a = |x|`, with the sign of `x`; infinite at 1, NaN beyond.
pub(super) fn atanh(x: f64) -> f64 {
    let a = x.abs();
    match a {
        1.0 => f64::INFINITY.copysign(x),
        _ if a < TINY => x,
        _ if a < 1.0 => {
            let log = log_wide(Wide::sum(1.0, a).div(Wide::sum(1.0, -a)));
            log.scaled(0.5).round().copysign(x)
        }
        _ => f64::NAN,
    }
}

/// `x * sigmoid(x)`: two operations.
pub(super) fn silu(x: f64) -> f64 {
    x * sigmoid(x)
}

/// `min(x, 0) - log1p(exp(-|x|))`, an operation at a time.
pub(super) fn log_sigmoid(x: f64) -> f64 {
    let least = if x > 0.0 { 0.0 } else { x };
    least - log1p(exp(-x.abs()))
}
