//! The flags of `gainsay bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::Output;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// A model on canonical kernels against the same Burn module on Flex.
    Forward(BenchForwardArgs),
    /// Runs that commit to their states against runs that do not.
    Trace(BenchTraceArgs),
    /// Matrix products against the `gemm` crate, in GFLOP/s.
    Kernels(BenchKernelsArgs),
    /// From two roots to one wrong step: rounds, bytes, time, and the arbiter's CPU.
    Dispute(BenchDisputeArgs),
    /// One dispute with many challengers of one root: what the executor and the arbiter must do.
    Sybil(BenchSybilArgs),
    /// Run an artifact as often as standard input says: the child of benches/against_onnxruntime.py.
    #[command(hide = true)]
    Serve(BenchServeArgs),
    /// One side of a memory measurement, in a process of its own.
    #[command(hide = true)]
    Peak(BenchPeakArgs),
}

/// How much to measure, and how to print it.
#[derive(Debug, Clone, Args)]
pub struct BenchRunArgs {
    /// Numbers of threads; both sides get as many.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values = ["1", "2"])]
    pub threads: Vec<NonZeroUsize>,
    /// How often the two sides take turns in a measurement.
    #[arg(long, value_name = "N", default_value = "6")]
    pub turns: NonZeroUsize,
    /// Measurements of each case; the best ratio counts, all are reported.
    #[arg(long, value_name = "N", default_value = "3")]
    pub measurements: NonZeroUsize,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `bench forward`.
#[derive(Debug, Clone, Args)]
pub struct BenchForwardArgs {
    /// Models as NAME or NAME-BATCHxSIZE: minilm, resnet18, llama, digits. A set of five if left out.
    #[arg(long = "model", value_name = "NAME", value_delimiter = ',')]
    pub models: Vec<String>,
    /// A folder of published weights for minilm (config.json, model.safetensors); seeded ones if left out.
    #[arg(long, value_name = "DIR")]
    pub weights: Option<PathBuf>,
    /// Measure peak memory too, in one process per side.
    #[arg(long)]
    pub memory: bool,
    /// How much to measure.
    #[command(flatten)]
    pub run: BenchRunArgs,
}

/// Flags of `bench trace`.
#[derive(Debug, Clone, Args)]
pub struct BenchTraceArgs {
    /// Models, as for `bench forward`.
    #[arg(long = "model", value_name = "NAME", value_delimiter = ',', default_values = ["minilm-8x128", "llama-1x64"])]
    pub models: Vec<String>,
    /// A folder of published weights for minilm; seeded ones if left out.
    #[arg(long, value_name = "DIR")]
    pub weights: Option<PathBuf>,
    /// Numbers of threads.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values = ["1", "2"])]
    pub threads: Vec<NonZeroUsize>,
    /// Alternating pairs of a traced and an untraced run.
    #[arg(long, value_name = "N", default_value = "200")]
    pub pairs: NonZeroUsize,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `bench kernels`.
#[derive(Debug, Clone, Args)]
pub struct BenchKernelsArgs {
    /// How much to measure.
    #[command(flatten)]
    pub run: BenchRunArgs,
}

/// Flags of `bench dispute`.
#[derive(Debug, Clone, Args)]
pub struct BenchDisputeArgs {
    /// Steps of the trace, up to 2^24.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values = ["1024", "1048576"])]
    pub steps: Vec<u32>,
    /// Descendants that a reveal shows: a power of two from 2 to 256.
    #[arg(long, value_name = "K", value_delimiter = ',', default_values = ["2", "16", "128"])]
    pub arity: Vec<u32>,
    /// How often each dispute is played.
    #[arg(long, value_name = "N", default_value = "9")]
    pub games: NonZeroUsize,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `bench sybil`.
#[derive(Debug, Clone, Args)]
pub struct BenchSybilArgs {
    /// Numbers of challengers, all with the true root.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values = ["1", "8", "64", "1024"])]
    pub challengers: Vec<u32>,
    /// Steps of the trace.
    #[arg(long, value_name = "N", default_value = "65536")]
    pub steps: u32,
    /// Descendants that a reveal shows: a power of two from 2 to 256.
    #[arg(long, value_name = "K", default_value = "16")]
    pub arity: u32,
    /// How often each dispute is played.
    #[arg(long, value_name = "N", default_value = "9")]
    pub games: NonZeroUsize,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `bench serve`.
#[derive(Debug, Clone, Args)]
pub struct BenchServeArgs {
    /// The artifact's folder.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Files of raw inputs, in order.
    #[arg(long = "input", value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Write the first output's raw bytes here.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Threads.
    #[arg(long, value_name = "N", default_value = "1")]
    pub threads: NonZeroUsize,
}

/// A side of a memory measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchSide {
    /// Canonical kernels on an artifact from its folder.
    Ours,
    /// The Burn module on Flex.
    Flex,
    /// Writes the artifact for the first.
    Export,
}

/// Flags of `bench peak`.
#[derive(Debug, Clone, Args)]
pub struct BenchPeakArgs {
    /// Which side.
    #[arg(long, value_name = "SIDE")]
    pub side: BenchSide,
    /// The model, as for `bench forward`.
    #[arg(long, value_name = "NAME")]
    pub model: String,
    /// A folder of published weights for minilm.
    #[arg(long, value_name = "DIR")]
    pub weights: Option<PathBuf>,
    /// Where the export goes.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Threads.
    #[arg(long, value_name = "N", default_value = "1")]
    pub threads: NonZeroUsize,
}
