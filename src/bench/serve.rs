//! The child of `benches/against_onnxruntime.py`: runs a model as often as it is told and says how long each run took.
//!
//! A line with a number asks for that many timed runs; the answer is one line of milliseconds. Standard input's end
//! ends it.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result};
use gainsay_canon::{Isa, Kernels};
use gainsay_model::Runner;

use super::subject;
use crate::cli::bench::BenchServeArgs;

/// Serves runs until standard input ends.
pub fn run(args: &BenchServeArgs) -> Result<()> {
    let artifact = subject::exported(&args.model)?;
    let program = artifact.program(0).context("the artifact has no program")?.clone();
    let inputs = subject::file_inputs(&program, &args.inputs)?;
    let kernels = Kernels::new(Isa::detect()?, args.threads)?;
    let runner = Runner::new(artifact.into(), 0, kernels)?;
    let outputs = runner.run(&inputs)?;
    let mut answer = std::io::stdout().lock();
    let first = outputs.first().context("the program returns nothing")?;
    if let Some(file) = &args.save {
        std::fs::write(file, first.bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    writeln!(answer, "ready")?;
    answer.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line.context("cannot read standard input")?;
        let runs: usize =
            line.trim().parse().with_context(|| format!("{line:?} is not a number of runs"))?;
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let start = Instant::now();
            drop(runner.run(&inputs)?);
            times.push(format!("{:.4}", start.elapsed().as_secs_f64() * 1e3));
        }
        writeln!(answer, "{}", times.join(" "))?;
        answer.flush()?;
    }
    Ok(())
}
