//! Peak memory, measured in one process per side: this program starts itself and reads what the system says.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use gainsay_canon::{Isa, Kernels};
use gainsay_model::Runner;

use super::report::Case;
use super::subject;
use crate::cli::bench::{BenchPeakArgs, BenchSide};

/// Adds the peak of both sides to a case.
pub fn compare(
    case: Case,
    subject: &str,
    threads: NonZeroUsize,
    weights: Option<&Path>,
) -> Result<Case> {
    let peak = |side: &str| {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["bench", "peak", "--side", side, "--model", subject]);
        command.args(["--threads", &threads.to_string()]);
        if let Some(weights) = weights {
            command.arg("--weights").arg(weights);
        }
        let run = command.output().context("cannot start the process of one side")?;
        ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let text = String::from_utf8_lossy(&run.stdout);
        text.trim().parse::<u64>().with_context(|| format!("{text:?} is not a number of KiB"))
    };
    let (ours, flex) = (peak("ours")?, peak("flex")?);
    Ok(case.with("ours_peak_mib", ours / 1024).with("other_peak_mib", flex / 1024))
}

/// Runs one side once and prints the peak of this process in KiB.
pub fn run(args: &BenchPeakArgs) -> Result<()> {
    match args.side {
        BenchSide::Ours => {
            // As an executor does: an artifact from its folder, without Burn.
            let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
            let program = std::env::current_exe().context("cannot find this program's own file")?;
            let mut export = Command::new(program);
            export.args(["bench", "peak", "--side", "export", "--model", &args.model]);
            export.arg("--out").arg(folder.path());
            if let Some(weights) = &args.weights {
                export.arg("--weights").arg(weights);
            }
            ensure!(
                export.status().context("cannot start the export")?.success(),
                "the export failed"
            );
            let artifact = subject::exported(folder.path())?;
            let inputs = subject::inputs(&args.model)?;
            let kernels = Kernels::new(Isa::detect()?, args.threads)?;
            let runner = Runner::new(artifact.into(), 0, kernels)?;
            drop(runner.run(&inputs)?);
        }
        BenchSide::Flex => {
            let mut flex = subject::flex(&args.model, args.weights.as_deref())?;
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(args.threads.get())
                .build()
                .context("cannot start Flex's threads")?;
            drop(pool.install(&mut flex)?);
        }
        BenchSide::Export => {
            let folder = args.out.as_deref().context("--out is missing")?;
            let subject = subject::load(&args.model, args.weights.as_deref())?;
            return subject.artifact.save(folder).context("cannot write the artifact");
        }
    }
    println!("{}", peak_kib()?);
    Ok(())
}

/// The largest resident set of this process so far, in KiB.
fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("this system does not say how much memory a process has used")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    number
        .and_then(|number| number.trim().parse().ok())
        .context("/proc/self/status has no VmHWM in kB")
}
