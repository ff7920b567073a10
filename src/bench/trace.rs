//! `bench trace`: the same run with and without committing to its states.
//!
//! Two figures: the share of the run that is spent inside hashing and bookkeeping, by a clock around them, and the
//! ratio of traced to untraced runs over many alternating pairs, with its interval.

use anyhow::Result;
use gainsay_canon::{Isa, Kernels};
use gainsay_model::Runner;

use super::pairs::Pairs;
use super::report::{Case, print, progress};
use super::subject;
use crate::cli::args::BenchTraceArgs;

/// Runs the benchmark.
pub fn run(args: &BenchTraceArgs) -> Result<()> {
    let isa = Isa::detect()?;
    let subjects = subject::names(&args.models);
    let bar = progress((subjects.len() * args.threads.len() * 2) as u64);
    let mut cases = Vec::new();
    for name in &subjects {
        bar.set_message(format!("{name}: loading"));
        let subject = subject::load(name, args.weights.as_deref())?;
        for &threads in &args.threads {
            let kernels = Kernels::new(isa, threads)?;
            let runner = Runner::new(subject.artifact.clone(), 0, kernels)?;
            let inputs = &subject.inputs;
            for grain in [Grain::Layers, Grain::Operators] {
                bar.set_message(format!("{name}, {threads} threads, {grain:?}"));
                let traced = || match grain {
                    Grain::Layers => Ok(drop(runner.trace(inputs)?)),
                    Grain::Operators => Ok(drop(runner.trace_operators(inputs)?)),
                };
                let plain = || Ok(drop(runner.run(inputs)?));
                let pairs = Pairs::interleave(args.pairs.get(), traced, plain)?;
                let label = match grain {
                    Grain::Layers => format!("{}, every layer", subject.model),
                    Grain::Operators => format!("{}, every operator", subject.model),
                };
                let other = "untraced";
                let identity = (label.as_str(), subject.batch, threads.get());
                let mut case = Case::best(identity, other, std::slice::from_ref(&pairs))?;
                case.interval = Some(pairs.paired_ratio());
                if grain == Grain::Layers {
                    let share = hashing_share(&runner, inputs, args.pairs.get())?;
                    case = case
                        .with("layers", runner.program().layer_count())
                        .with("hashing_share", (share * 1e6).round() / 1e6);
                }
                cases.push(case);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    print(args.output, isa, &cases)
}

/// What is committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    /// The states between layers: what a claim commits to.
    Layers,
    /// The value of every operator.
    Operators,
}
