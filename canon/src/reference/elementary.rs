//! Elementary functions of `f32`: written sequences of IEEE 754 operations and bit operations, no library function.
//! (Circular and hyperbolic functions and powers stand in files of their own, those of `f64` too.)
//!
//! Each is within 1 ulp of the correctly rounded result over all 2^32 inputs (`cargo run --release -p gainsay-canon
//! --example ulp` checks that). `exp` and `erf` stay in `f32`; `log`, `tanh` and `sigmoid` compute in `f64` and round
//! once at the end. Polynomials are evaluated by Horner's rule, one fused multiply-add per coefficient, highest power
//! first. A NaN gives a NaN; operators write it as the one quiet NaN.

/// `1.5 * 2^23`: added to a small `x`, it leaves `x` rounded to nearest even in the low mantissa bits.
pub(crate) const ROUND_F32: f32 = 12_582_912.0;
/// `1.5 * 2^52`: the same for `f64`.
pub(crate) const ROUND_F64: f64 = 6_755_399_441_055_744.0;

/// Below this `exp` is 0.
pub(crate) const EXP_LOW: f32 = -104.0;
/// Above this `exp` is infinite.
pub(crate) const EXP_HIGH: f32 = 89.0;
/// `ln 2` as a sum of two `f32`.
pub(crate) const LN2_HIGH: f32 = std::f32::consts::LN_2;
/// `ln 2 - LN2_HIGH`.
pub(crate) const LN2_LOW: f32 = -1.904_654_3e-9;
/// `exp(r)` for `|r| <= ln 2 / 2`, highest power first (minimax).
pub(crate) const EXP: [f32; 7] =
    [0.001_382_073_4, 0.008_368_677, 0.041_668_266, 0.166_665_21, 0.499_999_94, 1.0, 1.0];

/// `erf(x) / x - 1` in `x^2` for `|x| < 1`, highest power first (minimax).
pub(crate) const ERF_NEAR: [f32; 7] = [
    7.806_904e-5,
    -0.000_799_785_3,
    0.005_187_162,
    -0.026_853_347,
    0.112_835_79,
    -0.376_126_26,
    0.128_379_17,
];
/// `-ln(erfc(x))` for `1 <= x <= 4`, highest power first (minimax).
pub(crate) const ERF_FAR: [f32; 7] = [
    -0.000_187_969_8,
    0.002_963_993,
    -0.021_906_441,
    0.103_256_16,
    0.637_965,
    1.127_202_3,
    0.000_312_469_8,
];
/// From here on `erf` is 1.
pub(crate) const ERF_CUT: f32 = 4.0;

/// `exp(r)` for `|r| <= ln 2 / 2` in `f64`: the Taylor polynomial, highest power first; the rest is below 2^-42.
pub(crate) const EXP_F64: [f64; 12] = [
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];
/// `atanh(s) / s` in `s^2`, highest power first: the Taylor polynomial.
pub(crate) const ATANH: [f64; 9] = [
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
    1.0 / 9.0,
    1.0 / 7.0,
    1.0 / 5.0,
    1.0 / 3.0,
    1.0,
];
/// `tanh(x) / x` in `x^2` for `|x| < TANH_CUT`, highest power first: the Taylor polynomial.
pub(crate) const TANH_NEAR: [f64; 5] = [62.0 / 2_835.0, -17.0 / 315.0, 2.0 / 15.0, -1.0 / 3.0, 1.0];
/// Where `tanh` changes from its Taylor polynomial to exponentials.
pub(crate) const TANH_CUT: f64 = 0.0625;
/// From here on `tanh` rounds to 1.
pub(crate) const TANH_ONE: f64 = 10.0;
/// Beyond this `sigmoid` rounds to 0 or 1.
pub(crate) const SIGMOID_CUT: f64 = 104.0;
/// The upper end of the mantissas of `log`; those above are halved.
pub(crate) const LOG_SPLIT: f64 = std::f64::consts::SQRT_2;

fn horner(coefficients: &[f32], x: f32) -> f32 {
    coefficients.iter().copied().reduce(|p, c| p.mul_add(x, c)).unwrap_or(0.0)
}

pub(super) fn horner_f64(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().copied().reduce(|p, c| p.mul_add(x, c)).unwrap_or(0.0)
}

/// `x` brought between two bounds; a NaN becomes the lower.
fn bound(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > low { x } else { low };
    if x < high { x } else { high }
}

/// `(n, p)` with `e^x` close to `p * 2^n` and `p` near 1, for `x` between `EXP_LOW` and `EXP_HIGH`.
fn exp_parts(x: f32) -> (i32, f32) {
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND_F32);
    let n = shifted - ROUND_F32;
    let r = (-n).mul_add(LN2_HIGH, x);
    let r = (-n).mul_add(LN2_LOW, r);
    (n as i32, horner(&EXP, r))
}

/// `2^e` for normal results.
fn power_of_two(e: i32) -> f32 {
    f32::from_bits(((e + 127) as u32) << 23)
}

/// `e^x`: `x = n ln 2 + r`, then `p(r) * 2^n`, where multiplying by two exact powers of two rounds once.
pub fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let (n, p) = exp_parts(bound(x, EXP_LOW, EXP_HIGH));
    let half = n >> 1;
    p * power_of_two(half) * power_of_two(n - half)
}

/// The error function. `|x| < 1`: `x + x P(x^2)`; otherwise `1 - e^-Q(|x|)` with the sign of `x`.
pub fn erf(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let magnitude = bound(x.abs(), 0.0, ERF_CUT);
    if magnitude < 1.0 {
        return horner(&ERF_NEAR, x * x).mul_add(x, x);
    }
    let (n, p) = exp_parts(0.0 - horner(&ERF_FAR, magnitude));
    (1.0 - p * power_of_two(n)).copysign(x)
}

/// `x * (erf(x / sqrt 2) + 1) / 2` in `f32`, an operation at a time; NaN at -inf, where the product is `-inf * 0`.
pub fn gelu(x: f32) -> f32 {
    x * (erf(x / std::f32::consts::SQRT_2) + 1.0) * 0.5
}

/// `e^x` in `f64` for `|x| <= 200`, relative error below 2^-40.
pub(super) fn exp_f64(x: f64) -> f64 {
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND_F64);
    let n = shifted - ROUND_F64;
    let r = (-n).mul_add(std::f64::consts::LN_2, x);
    let p = horner_f64(&EXP_F64, r);
    // n sits in the low bits of `shifted`: added to the exponent field, it multiplies by 2^n.
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// `1 / (1 + e^-x)` in `f64`, rounded once.
pub fn sigmoid(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let x = bound(x, -SIGMOID_CUT as f32, SIGMOID_CUT as f32) as f64;
    (1.0 / (1.0 + exp_f64(0.0 - x))) as f32
}

/// `(e^2a - 1) / (e^2a + 1)` for `a = |x|` in `f64`, a Taylor polynomial near 0, rounded once, with the sign of `x`.
pub fn tanh(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let a = bound(x.abs(), 0.0, TANH_ONE as f32) as f64;
    let t = if a < TANH_CUT {
        horner_f64(&TANH_NEAR, a * a) * a
    } else {
        let e = exp_f64(a + a);
        (e - 1.0) / (e + 1.0)
    };
    (t as f32).copysign(x)
}

/// `e ln 2 + 2 atanh((m - 1) / (m + 1))` for `x = m 2^e` with `m` between `sqrt(1/2)` and `sqrt 2`, in `f64`, rounded
/// once. -inf at zeros, NaN below.
pub fn log(x: f32) -> f32 {
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    if x.is_nan() || x < 0.0 {
        return f32::NAN;
    }
    if x == f32::INFINITY {
        return x;
    }
    // Every finite f32 is a normal f64.
    let bits = (x as f64).to_bits();
    let e = (bits >> 52) as f64 - 1023.0;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let (m, e) = if m > LOG_SPLIT { (m * 0.5, e + 1.0) } else { (m, e) };
    let s = (m - 1.0) / (m + 1.0);
    let log_m = horner_f64(&ATANH, s * s) * (s + s);
    e.mul_add(std::f64::consts::LN_2, log_m) as f32
}
