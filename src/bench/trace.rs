//! `bench trace`: the same run with and without committing to its states.
//!
//! Two figures: the share of the run that is spent inside hashing and bookkeeping, by a clock around them, and the
//! ratio of traced to untraced runs over many alternating pairs, with its interval.

use std::time::Instant;

use anyhow::Result;
use gainsay_canon::{Isa, Kernels, Tensor};
use gainsay_commitment::content;
use gainsay_model::{Cuts, Runner};

use super::pairs::{Pairs, median};
use super::report::{Case, print, progress};
use super::subject;
use crate::cli::bench::BenchTraceArgs;

/// Runs that are looked into with a clock.
const SHARES: usize = 20;

/// Runs the benchmark.
pub fn run(args: &BenchTraceArgs) -> Result<()> {
    let isa = Isa::detect()?;
    let subjects = subject::names(&args.models);
    let bar = progress((subjects.len() * args.threads.len() * 2) as u64);
    let mut cases = Vec::new();
    let hash_rate = hash_rate();
    for name in &subjects {
        bar.set_message(format!("{name}: loading"));
        let subject = subject::load(name, args.weights.as_deref())?;
        for &threads in &args.threads {
            let kernels = Kernels::new(isa, threads)?;
            let runner = Runner::new(subject.artifact.clone(), 0, kernels)?;
            let inputs = &subject.inputs;
            for grain in [Grain::Layers, Grain::Operators] {
                bar.set_message(format!("{name}, {threads} threads, {grain:?}"));
                let traced = || {
                    match grain {
                        Grain::Layers => runner.trace(inputs)?,
                        Grain::Operators => runner.trace_operators(inputs)?,
                    };
                    Ok(())
                };
                let plain = || {
                    runner.run(inputs)?;
                    Ok(())
                };
                let pairs = Pairs::interleave(args.pairs.get(), traced, plain)?;
                let label = match grain {
                    Grain::Layers => format!("{}, every layer", subject.model),
                    Grain::Operators => format!("{}, every operator", subject.model),
                };
                let other = "untraced";
                let identity = (label.as_str(), subject.batch, threads.get());
                let mut case = Case::best(identity, other, std::slice::from_ref(&pairs))?;
                case.interval = Some(pairs.paired_ratio());
                let (cuts, layers) = match grain {
                    Grain::Layers => (Cuts::Layers, runner.program().layer_count()),
                    Grain::Operators => (Cuts::Operators, runner.program().costs().len() as u32),
                };
                let (share, hashed) = hashing_share(&runner, inputs, cuts)?;
                case = case.with("layers", layers).with("hashed_bytes", hashed);
                case = case.with("hashing_share", (share * 1e6).round() / 1e6);
                cases.push(case.with("hash_gb_per_s", (hash_rate * 100.0).round() / 100.0));
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    print(args.output, isa, &cases)
}

/// The median share of a traced run that is spent inside hashing and bookkeeping, and how many bytes are hashed.
fn hashing_share(runner: &Runner, inputs: &[Tensor], cuts: Cuts) -> Result<(f64, u64)> {
    let begun = Instant::now();
    let mut shares = Vec::with_capacity(SHARES);
    let mut hashed = 0;
    for _ in 0..SHARES {
        let (_, timing) = runner.trace_timed(inputs, cuts, || begun.elapsed())?;
        shares.push(timing.hashing.as_secs_f64() / timing.total.as_secs_f64());
        hashed = timing.hashed;
    }
    Ok((median(&shares), hashed))
}

/// What one thread hashes of bytes in its cache, in GB/s, best of many: what committing cannot be faster than.
fn hash_rate() -> f64 {
    const BYTES: usize = 256 << 10;
    let bytes = vec![7; BYTES];
    let pass = || {
        let start = Instant::now();
        std::hint::black_box(content(std::hint::black_box(&bytes)));
        start.elapsed().as_secs_f64()
    };
    BYTES as f64 / (0..2_000).map(|_| pass()).fold(f64::INFINITY, f64::min) / 1e9
}

/// What is committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    /// The states between layers: what a claim commits to.
    Layers,
    /// The value of every operator.
    Operators,
}
