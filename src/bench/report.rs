//! What a benchmark prints: a table for people, `{"cases": [..]}` for programs.

use anyhow::{Context, Result};
use gainsay_canon::Isa;
use serde::Serialize;

use super::pairs::{Interval, Pairs, median};
use crate::cli::args::Output;

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// What ran: a model, or a kernel with its shape.
    pub model: String,
    /// Inputs in one run.
    pub batch: u64,
    /// Threads of both sides.
    pub threads: usize,
    /// The median of our side, in milliseconds.
    pub ours_ms: f64,
    /// The other side.
    pub other: String,
    /// Its median, in milliseconds.
    pub other_ms: f64,
    /// Ours to other, of the medians; of several measurements the lowest.
    pub ratio: f64,
    /// The ratio of each measurement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<f64>,
    /// The interval of the ratio of neighbouring runs, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Further figures, by name.
    #[serde(flatten)]
    pub more: std::collections::BTreeMap<String, serde_json::Value>,
}

impl Case {
    /// A case from the best of several measurements.
    pub fn best(
        (model, batch, threads): (&str, u64, usize),
        other: &str,
        measured: &[Pairs],
    ) -> Result<Self> {
        let ratios: Vec<f64> = measured.iter().map(Pairs::ratio).collect();
        let best = measured
            .iter()
            .min_by(|a, b| a.ratio().total_cmp(&b.ratio()))
            .context("nothing was measured")?;
        Ok(Self {
            model: model.to_owned(),
            batch,
            threads,
            ours_ms: median(&best.ours),
            other: other.to_owned(),
            other_ms: median(&best.other),
            ratio: best.ratio(),
            ratios: if ratios.len() > 1 { ratios } else { Vec::new() },
            interval: None,
            more: Default::default(),
        })
    }

    /// Adds a figure.
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

#[derive(Serialize)]
struct Report<'a> {
    isa: String,
    machine: String,
    cases: &'a [Case],
}

/// Prints the cases.
pub fn print(output: Output, isa: Isa, cases: &[Case]) -> Result<()> {
    if output.json {
        let report = Report { isa: isa.to_string(), machine: machine(), cases };
        let text = serde_json::to_string_pretty(&report).context("cannot encode the report")?;
        println!("{text}");
        return Ok(());
    }
    println!("{} kernels; {}", isa, machine());
    println!(
        "{:<34} {:>5} {:>7} {:>10} {:>10} {:>7}",
        "case", "batch", "threads", "ours ms", "other ms", "ratio"
    );
    for case in cases {
        print!(
            "{:<34} {:>5} {:>7} {:>10.3} {:>10.3} {:>7.3}  against {}",
            case.model,
            case.batch,
            case.threads,
            case.ours_ms,
            case.other_ms,
            case.ratio,
            case.other
        );
        if let Some(Interval { middle, low, high }) = case.interval {
            print!(", paired {middle:.4} ({low:.4} to {high:.4})");
        }
        for (name, value) in &case.more {
            print!(", {name} {value}");
        }
        println!();
    }
    Ok(())
}

/// The processor's name and the number of threads that run at once.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    format!("{cores} x {model}")
}

/// A progress line on standard error, hidden where that is not a terminal.
pub fn progress(steps: u64) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(steps);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
