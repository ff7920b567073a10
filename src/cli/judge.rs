//! `gainsay judge`: a case file judged again, without network or database.

use std::path::Path;

use anyhow::{Context, Result, bail};
use gainsay_canon::Kernels;
use gainsay_judge::CaseFile;
use serde::Serialize;

use super::args::JudgeArgs;
use super::print;

/// Larger files are not case files: a case holds one layer's weights and what it reads.
const LARGEST_BYTES: u64 = 16 << 30;

#[derive(Serialize)]
struct Report {
    verdict: String,
    layer: u32,
    layers: u32,
    layer_name: String,
    operations: u64,
    job: String,
    claim: String,
    executor: String,
    challenger: String,
    arbiter: String,
}

/// Runs `gainsay judge`. With several files, the first that is not confirmed ends it.
pub fn run(args: &JudgeArgs) -> Result<()> {
    let kernels = Kernels::detect().context("this machine's kernels")?;
    let reports =
        args.cases.iter().map(|case| confirm(case, &kernels)).collect::<Result<Vec<Report>>>()?;
    match reports.as_slice() {
        [report] => print(args.output, report, || tell(report)),
        several => print(args.output, &several, || {
            for (case, report) in args.cases.iter().zip(several) {
                println!("{}", case.display());
                tell(report);
            }
        }),
    }
}

fn confirm(case: &Path, kernels: &Kernels) -> Result<Report> {
    let bytes = read(case)?;
    let place = || format!("{}", case.display());
    let file = CaseFile::from_bytes(&bytes).with_context(place)?;
    let judgement = file.confirm(kernels).with_context(place)?;
    Ok(Report {
        verdict: judgement.verdict.name().to_owned(),
        layer: judgement.layer,
        layers: judgement.layers,
        layer_name: judgement.layer_name,
        operations: judgement.operations,
        job: judgement.job.0.0.to_string(),
        claim: judgement.claim.0.0.to_string(),
        executor: judgement.executor.to_string(),
        challenger: judgement.challenger.to_string(),
        arbiter: file.verdict.arbiter.to_string(),
    })
}

fn tell(report: &Report) {
    println!("{}: the arbiter's verdict is confirmed", report.verdict.replace('_', " "));
    println!(
        "layer {} of {} ({}), {} operations replayed",
        report.layer, report.layers, report.layer_name, report.operations
    );
    println!("claim      {}\nexecutor   {}", report.claim, report.executor);
    println!("challenger {}\narbiter    {}", report.challenger, report.arbiter);
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let place = || format!("cannot read the case file {}", path.display());
    let length = std::fs::metadata(path).with_context(place)?.len();
    if length > LARGEST_BYTES {
        bail!("{}: {length} bytes are more than a case file has", path.display());
    }
    std::fs::read(path).with_context(place)
}
