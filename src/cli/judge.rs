//! `gainsay judge`: a case file judged again, without network or database.

use std::path::Path;

use anyhow::{Context, Result, bail};
use gainsay_canon::Kernels;
use gainsay_judge::{AnyCaseFile, JudgedStep, Weights};
use gainsay_model::Artifact;
use gainsay_protocol::Key;
use serde::Serialize;

use super::args::JudgeArgs;
use super::config::Config;
use super::print;

/// Larger files are not case files: one holds what a layer reads, its weights at most.
const LARGEST_BYTES: u64 = 16 << 30;

#[derive(Serialize)]
struct Report {
    verdict: String,
    layer: u32,
    layers: u32,
    layer_name: String,
    /// Below a layer: the step of it that was replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<StepReport>,
    operations: u64,
    job: String,
    claim: String,
    executor: String,
    challenger: String,
    arbiter: String,
    arbiter_checked: bool,
}

#[derive(Serialize)]
struct StepReport {
    step: u32,
    steps: u32,
    operator: &'static str,
    /// Which KiB of the step's value, unless it was replayed whole.
    chunk: Option<u64>,
}

impl From<JudgedStep> for StepReport {
    fn from(judged: JudgedStep) -> Self {
        let JudgedStep { step, steps, operator, chunk } = judged;
        Self { step, steps, operator, chunk }
    }
}

/// Runs `gainsay judge`. With several files, the first that is not confirmed ends it.
pub fn run(config: &Config, args: &JudgeArgs) -> Result<()> {
    let expected = config.client.arbiter_key.as_deref().map(str::parse::<Key>);
    let expected = expected.transpose().context("--arbiter-key")?;
    let kernels = Kernels::detect().context("this machine's kernels")?;
    let artifact = args.artifact.as_deref().map(super::artifact::load).transpose()?;
    let reports = args
        .cases
        .iter()
        .map(|case| confirm(case, (expected, artifact.as_ref()), &kernels))
        .collect::<Result<Vec<Report>>>()?;
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

fn confirm(
    case: &Path,
    (expected, artifact): (Option<Key>, Option<&Artifact>),
    kernels: &Kernels,
) -> Result<Report> {
    let bytes = read(case)?;
    let place = || format!("{}", case.display());
    let file = AnyCaseFile::from_bytes(&bytes).with_context(place)?;
    let arbiter = file.verdict().arbiter;
    if let Some(expected) = expected.filter(|expected| *expected != arbiter) {
        bail!("{}: the verdict is by {arbiter}, not by the arbiter {expected}", case.display());
    }
    let judgement = match (artifact, &file) {
        (Some(artifact), AnyCaseFile::Layer(layer)) if layer.weights.is_empty() => {
            layer.confirm_with(Weights::Artifact(artifact), kernels)
        }
        _ => file.confirm(kernels),
    };
    let judgement = judgement.with_context(place)?;
    Ok(Report {
        verdict: judgement.verdict.name().to_owned(),
        layer: judgement.layer,
        layers: judgement.layers,
        layer_name: judgement.layer_name,
        step: judgement.step.map(StepReport::from),
        operations: judgement.operations,
        job: judgement.job.0.0.to_string(),
        claim: judgement.claim.0.0.to_string(),
        executor: judgement.executor.to_string(),
        challenger: judgement.challenger.to_string(),
        arbiter: arbiter.to_string(),
        arbiter_checked: expected.is_some(),
    })
}

fn tell(report: &Report) {
    let verdict = report.verdict.replace('_', " ");
    println!("{verdict}: the verdict signed by this case's arbiter is confirmed");
    println!(
        "layer {} of {} ({}), {} operations{}",
        report.layer,
        report.layers,
        report.layer_name,
        report.operations,
        if report.step.is_some() { "" } else { " replayed" }
    );
    if let Some(StepReport { step, steps, operator, chunk }) = &report.step {
        let part = match chunk {
            Some(chunk) => format!("chunk {chunk} of its value"),
            None => "all of it".to_owned(),
        };
        println!("operator {step} of {steps} ({operator}): {part} replayed");
    }
    println!("claim      {}\nexecutor   {}", report.claim, report.executor);
    println!("challenger {}\narbiter    {}", report.challenger, report.arbiter);
    if !report.arbiter_checked {
        println!(
            "Whether that key is the arbiter you know was not checked: give --arbiter-key to check it."
        );
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let place = || format!("cannot read the case file {}", path.display());
    let length = std::fs::metadata(path).with_context(place)?.len();
    if length > LARGEST_BYTES {
        bail!("{}: {length} bytes are more than a case file has", path.display());
    }
    std::fs::read(path).with_context(place)
}
