//! `bench forward`: a model on canonical kernels against the same Burn module and input on Flex.
//!
//! Flex has its features simd, rayon and x86-v4, and a thread pool of the same size. Both sides' outputs are compared
//! before anything is timed.

use anyhow::{Context, Result, ensure};
use gainsay_canon::{Isa, Kernels};
use gainsay_model::Runner;

use super::pairs::{Pairs, Turns};
use super::report::{Case, print, progress};
use super::subject::{self, Subject};
use super::{memory, pairs};
use crate::cli::bench::BenchForwardArgs;

/// Time that one side's turn should about take, in milliseconds.
const STRETCH_MS: f64 = 200.0;

/// Runs the benchmark.
pub fn run(args: &BenchForwardArgs) -> Result<()> {
    let isa = Isa::detect()?;
    let subjects = subject::names(&args.models);
    let bar = progress((subjects.len() * args.run.threads.len()) as u64);
    let mut cases = Vec::new();
    for name in &subjects {
        bar.set_message(format!("{name}: loading"));
        let mut subject = subject::load(name, args.weights.as_deref())?;
        for &threads in &args.run.threads {
            bar.set_message(format!("{name}, {threads} threads"));
            let case = compare(args, isa, threads, &mut subject)?;
            cases.push(match args.memory {
                true => memory::compare(case, name, threads, args.weights.as_deref())?,
                false => case,
            });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    print(args.run.output, isa, &cases)
}

fn compare(
    args: &BenchForwardArgs,
    isa: Isa,
    threads: std::num::NonZeroUsize,
    subject: &mut Subject,
) -> Result<Case> {
    let kernels = Kernels::new(isa, threads)?;
    let runner = Runner::new(subject.artifact.clone(), 0, kernels)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build()
        .context("cannot start Flex's threads")?;
    let inputs = subject.inputs.clone();
    let outputs = runner.run(&inputs)?;
    let difference = subject.difference(&outputs, &pool)?;
    ensure!(
        difference <= subject.tolerance,
        "{}: canonical and Flex results differ by {difference}, more than {}",
        subject.model,
        subject.tolerance
    );
    let flex = &mut subject.flex;
    let mut other = || pool.install(|| flex().map(drop));
    let mut ours = || {
        runner.run(&inputs)?;
        Ok(())
    };
    let once = Pairs::measure(Turns { turns: 1, stretch: 1 }, &mut ours, &mut other)?;
    let slower = pairs::median(&once.other).max(pairs::median(&once.ours));
    let turns = Turns {
        turns: args.run.turns.get(),
        stretch: (STRETCH_MS / slower).clamp(1.0, 20.0) as usize,
    };
    let measured = (0..args.run.measurements.get())
        .map(|_| Pairs::measure(turns, &mut ours, &mut other))
        .collect::<Result<Vec<_>>>()?;
    let gflop = runner.program().total_cost() as f64 / 1e9;
    let case = Case::best((&subject.model, subject.batch, threads.get()), "burn-flex", &measured)?;
    let rate = (gflop / case.ours_ms * 1e5).round() / 100.0;
    Ok(case.with("ours_gflops", rate).with("largest_difference", f64::from(difference)))
}
