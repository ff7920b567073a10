//! How far the elementary functions are from correctly rounded results, over a strided sweep of all 2^32 inputs.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use gainsay_canon::{Isa, Kernels, Operator, Tensor, Unary};

/// A function and an independent `f64` oracle of it, accurate to a few 2^-52.
pub type Function = (Unary, fn(f64) -> f64);

/// The elementary functions. Gelu, silu and log-sigmoid are none: they are compositions in `f32`.
pub const FUNCTIONS: [Function; 19] = [
    (Unary::Exp, f64::exp),
    (Unary::Log, f64::ln),
    (Unary::Tanh, f64::tanh),
    (Unary::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    (Unary::Erf, erf),
    (Unary::Log1p, f64::ln_1p),
    (Unary::Expm1, f64::exp_m1),
    (Unary::Sin, f64::sin),
    (Unary::Cos, f64::cos),
    (Unary::Tan, f64::tan),
    (Unary::Sinh, f64::sinh),
    (Unary::Cosh, f64::cosh),
    (Unary::Asin, f64::asin),
    (Unary::Acos, f64::acos),
    (Unary::Atan, f64::atan),
    (Unary::Asinh, f64::asinh),
    (Unary::Acosh, acosh),
    (Unary::Atanh, f64::atanh),
    (Unary::Rsqrt, |x| 1.0 / x.sqrt()),
];

/// The library's loses half of the digits next to 1.
fn acosh(x: f64) -> f64 {
    let t = x - 1.0;
    if x < 1.0 { f64::NAN } else { (t + (t * (x + 1.0)).sqrt()).ln_1p() }
}

/// `2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * .. * (2n+1))`: all terms have one sign.
fn erf(x: f64) -> f64 {
    if x.abs() >= 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > sum.abs() * 1e-18 {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    /// Inputs tried.
    pub inputs: u64,
    /// Results that are not the correctly rounded one.
    pub off: u64,
    /// The largest distance to the correctly rounded result, in steps of `f32`.
    pub steps: u64,
    /// The bits of an input where that happens.
    pub input: u32,
    /// Inputs where two kernel sets disagree.
    pub disagreements: u64,
}

/// Floats as integers in the order of their values; both zeros are 0.
fn ordered(x: f32) -> i64 {
    let magnitude = i64::from(x.to_bits() & 0x7fff_ffff);
    if x.is_sign_negative() { -magnitude } else { magnitude }
}

/// The distance of `found` from the correctly rounded result; NaNs and the signs of zeros must be right.
fn steps(found: f32, exact: f64) -> u64 {
    if exact.is_nan() {
        return if found.to_bits() == 0x7fc0_0000 { 0 } else { u64::MAX };
    }
    let rounded = exact as f32;
    if found.is_nan()
        || found == 0.0 && rounded == 0.0 && found.is_sign_negative() != rounded.is_sign_negative()
    {
        return u64::MAX;
    }
    ordered(found).abs_diff(ordered(rounded))
}

/// Runs one batch on every kernel set and adds what it finds to `worst`.
fn batch(sets: &[Kernels], (function, oracle): Function, x: &[f32], worst: &mut Worst) {
    let tensor = Tensor::f32([x.len() as u64], x.to_vec()).unwrap();
    let operator = Operator::Unary { function };
    let results: Vec<Tensor> =
        sets.iter().flat_map(|set| set.run(&operator, &[&tensor]).unwrap()).collect();
    let found = results[0].as_f32().unwrap();
    for other in results[1..].iter().filter(|&other| other != &results[0]) {
        let pairs = other.as_f32().unwrap().iter().zip(found);
        worst.disagreements += pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count() as u64;
    }
    for (x, &found) in x.iter().zip(found) {
        let steps = steps(found, oracle(f64::from(*x)));
        worst.inputs += 1;
        worst.off += u64::from(steps > 0);
        if steps > worst.steps {
            (worst.steps, worst.input) = (steps, x.to_bits());
        }
    }
}

fn sets() -> Vec<Kernels> {
    Isa::supported().into_iter().map(|isa| Kernels::new(isa, NonZeroUsize::MIN).unwrap()).collect()
}

/// Tries every input whose bits are in a range.
#[allow(dead_code)]
pub fn sweep_range(function: Function, bits: std::ops::Range<u32>) -> Worst {
    let x: Vec<f32> = bits.map(f32::from_bits).collect();
    let mut worst = Worst::default();
    batch(&sets(), function, &x, &mut worst);
    worst
}

/// Tries every `stride`-th input from `first` on, on `threads` threads; `progress` hears how many are done.
pub fn sweep(
    function: Function,
    first: u32,
    stride: u32,
    threads: usize,
    progress: impl Fn(u64) + Sync,
) -> Worst {
    const BATCH: u64 = 1 << 14;
    let inputs = (u64::from(u32::MAX) - u64::from(first)) / u64::from(stride) + 1;
    let next = AtomicU64::new(0);
    let work = || {
        let (sets, mut worst) = (sets(), Worst::default());
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= inputs {
                return worst;
            }
            let bits = |i: u64| (u64::from(first) + i * u64::from(stride)) as u32;
            let x: Vec<f32> =
                (start..inputs.min(start + BATCH)).map(|i| f32::from_bits(bits(i))).collect();
            batch(&sets, function, &x, &mut worst);
            progress(x.len() as u64);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).fold(Worst::default(), |a, b| {
            let (steps, input) =
                if b.steps > a.steps { (b.steps, b.input) } else { (a.steps, a.input) };
            Worst {
                inputs: a.inputs + b.inputs,
                off: a.off + b.off,
                steps,
                input,
                disagreements: a.disagreements + b.disagreements,
            }
        })
    })
}
