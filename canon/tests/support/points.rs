//! Functions of two `f32`, and functions of `f64`, against the platform's `f64` functions, on structured and random points.
//!
//! For `f32` the oracle is exact enough to round correctly, but for one case in 2^28 or so. For `f64` it is itself some
//! steps off, and what is counted is the distance to it; `vectors.rs` has correctly rounded results for fewer points.

use std::num::NonZeroUsize;

use gainsay_canon::{Binary, Isa, Kernels, Operator, Tensor, Unary};

/// What was found for one function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    /// Points tried.
    pub points: u64,
    /// Results that are not the oracle's.
    pub off: u64,
    /// The largest distance to the oracle's result, in steps of the type.
    pub steps: u64,
    /// The arguments there.
    pub at: (f64, f64),
    /// Points where two kernel sets disagree.
    pub disagreements: u64,
}

impl Worst {
    fn add(&mut self, at: (f64, f64), steps: u64) {
        self.points += 1;
        self.off += u64::from(steps > 0);
        if steps > self.steps {
            (self.steps, self.at) = (steps, at);
        }
    }
}

/// Splitmix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Any bits, a value of everyday size, or a number with few bits: what makes exact and halfway results.
    fn f32(&mut self) -> f32 {
        let bits = self.next();
        let everyday = || (bits >> 40) as f32 / (1 << 21) as f32 - 4.0;
        match bits & 7 {
            0 | 1 => f32::from_bits((bits >> 32) as u32),
            2 => ((bits >> 8 & 0x3f) as f32 - 32.0) * 0.25,
            3 => 1.0 + everyday() * 2.0_f32.powi(-12),
            4 => everyday().exp2().exp2(),
            _ => everyday(),
        }
    }

    /// The same with more mantissa.
    fn f64(&mut self) -> f64 {
        let bits = self.next();
        let everyday = || (bits >> 11) as f64 / (1_u64 << 50) as f64 - 4.0;
        match bits & 7 {
            0 => f64::from_bits(self.next()),
            1 => everyday() * 180.0,
            2 => ((bits >> 8 & 0x3f) as f64 - 32.0) * 0.25,
            3 => 1.0 + everyday() * 2.0_f64.powi(-25),
            4 => everyday() * 2.0_f64.powi((bits >> 4 & 0x3f) as i32 - 50),
            _ => everyday(),
        }
    }
}

fn ordered32(x: f32) -> i64 {
    let magnitude = i64::from(x.to_bits() & (u32::MAX >> 1));
    if x.is_sign_negative() { -magnitude } else { magnitude }
}

fn ordered64(x: f64) -> i128 {
    let magnitude = i128::from(x.to_bits() & (u64::MAX >> 1));
    if x.is_sign_negative() { -magnitude } else { magnitude }
}

fn sets() -> Vec<Kernels> {
    Isa::supported().into_iter().map(|isa| Kernels::new(isa, NonZeroUsize::MIN).unwrap()).collect()
}

/// The result of the first kernel set, and on how many elements others differ.
fn run(sets: &[Kernels], operator: &Operator, operands: &[&Tensor]) -> (Tensor, u64) {
    let mut results: Vec<Tensor> =
        sets.iter().map(|set| set.run(operator, operands).unwrap().remove(0)).collect();
    let first = results.remove(0);
    let size = first.dtype().size_bytes();
    let differing = |other: &Tensor| {
        let (a, b) = (first.bytes(), other.bytes());
        a.chunks(size).zip(b.chunks(size)).filter(|(a, b)| a != b).count() as u64
    };
    let disagreements = results.iter().map(differing).sum();
    (first, disagreements)
}

/// A function of two `f32` and an independent `f64` oracle of it.
pub type Pair = (Binary, fn(f64, f64) -> f64);

/// Remainders are exact: the oracle's are rounded once.
pub const PAIRS: [Pair; 4] = [
    (Binary::Pow, f64::powf),
    (Binary::Atan2, f64::atan2),
    (Binary::Hypot, f64::hypot),
    (Binary::Rem, |a, b| {
        let r = a % b;
        if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
    }),
];

const BATCH: u64 = 1 << 14;

/// Tries about `points` pairs of `f32`; `progress` hears of each batch.
pub fn pairs((function, oracle): Pair, points: u64, progress: impl Fn(u64)) -> Worst {
    let (sets, mut rng, mut worst) = (sets(), Rng(points), Worst::default());
    let operator = Operator::Binary { function };
    while worst.points < points {
        let mut column = || (0..BATCH).map(|_| rng.f32()).collect::<Vec<f32>>();
        let (a, b) = (column(), column());
        let [x, y] = [&a, &b].map(|values| Tensor::f32([BATCH], values.clone()).unwrap());
        let (result, disagreements) = run(&sets, &operator, &[&x, &y]);
        worst.disagreements += disagreements;
        for ((&a, &b), &found) in a.iter().zip(&b).zip(result.as_f32().unwrap()) {
            let exact = oracle(f64::from(a), f64::from(b));
            let rounded = exact as f32;
            let steps = match (found.is_nan(), rounded.is_nan()) {
                (true, true) => 0,
                (false, false) => ordered32(found).abs_diff(ordered32(rounded)),
                _ => u64::MAX,
            };
            worst.add((a.into(), b.into()), steps);
        }
        progress(BATCH);
    }
    worst
}

/// A function of `f64`, an oracle, and how many steps that may be off itself, plus 1.
pub type Double = (Unary, fn(f64) -> f64, u64);

/// The library's inverse hyperbolic functions overflow or lose digits; these lose a few steps.
pub const DOUBLES: [Double; 17] = [
    (Unary::Exp, f64::exp, 2),
    (Unary::Log, f64::ln, 2),
    (Unary::Log1p, f64::ln_1p, 2),
    (Unary::Expm1, f64::exp_m1, 2),
    (Unary::Sin, f64::sin, 2),
    (Unary::Cos, f64::cos, 2),
    (Unary::Tan, f64::tan, 2),
    (Unary::Sinh, f64::sinh, 3),
    (Unary::Cosh, f64::cosh, 3),
    (Unary::Tanh, f64::tanh, 3),
    (Unary::Asin, f64::asin, 2),
    (Unary::Acos, f64::acos, 2),
    (Unary::Atan, f64::atan, 2),
    (Unary::Asinh, asinh, 6),
    (Unary::Acosh, acosh, 6),
    (Unary::Atanh, atanh, 6),
    (Unary::Rsqrt, |x| 1.0 / x.sqrt(), 0),
];

fn asinh(x: f64) -> f64 {
    let a = x.abs();
    let asinh = match a {
        _ if a > 1e10 => a.ln() + std::f64::consts::LN_2,
        _ => (a + a * a / (1.0 + (a * a + 1.0).sqrt())).ln_1p(),
    };
    asinh.copysign(x)
}

fn acosh(x: f64) -> f64 {
    let t = x - 1.0;
    match x {
        _ if x > 1e10 => x.ln() + std::f64::consts::LN_2,
        _ if x >= 1.0 => (t + (t * (x + 1.0)).sqrt()).ln_1p(),
        _ => f64::NAN,
    }
}

fn atanh(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x)
}

/// Tries about `points` values of `f64`; `progress` hears of each batch.
pub fn doubles((function, oracle, _): Double, points: u64, progress: impl Fn(u64)) -> Worst {
    // One kernel set: they share the code.
    let (sets, mut rng, mut worst) = (sets().split_off(1), Rng(points), Worst::default());
    let operator = Operator::Unary { function };
    while worst.points < points {
        let x: Vec<f64> = (0..BATCH).map(|_| rng.f64()).collect();
        let tensor = Tensor::f64([BATCH], x.clone()).unwrap();
        let (result, disagreements) = run(&sets[..1], &operator, &[&tensor]);
        worst.disagreements += disagreements;
        for (&x, &found) in x.iter().zip(result.as_f64().unwrap()) {
            let expected = oracle(x);
            let steps = match (found.is_nan(), expected.is_nan()) {
                (true, true) => 0,
                (false, false) => {
                    ordered64(found).abs_diff(ordered64(expected)).try_into().unwrap_or(u64::MAX)
                }
                _ => u64::MAX,
            };
            worst.add((x, 0.0), steps);
        }
        progress(BATCH);
    }
    worst
}
