//! The command line. Every flag is also an environment variable; the help says which.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gainsay_commitment::Digest;
use gainsay_executor::CheatKind;
use gainsay_protocol::{Amount, Key};

/// An optimistic verification network for ML inference: run models for a fee, contradict wrong results, get paid
/// for catching a liar.
#[derive(Debug, Parser)]
#[command(name = "gainsay", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What every command needs.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command needs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Configuration file (TOML). Without it, ./gainsay.toml is read if it is there. Flags win over the file.
    #[arg(long, global = true, env = "GAINSAY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of the arbiter, for example 127.0.0.1:4600.
    #[arg(long = "arbiter", global = true, env = "GAINSAY_ARBITER", value_name = "ADDR")]
    pub arbiter: Option<SocketAddr>,
    /// The arbiter's public key; nobody else is talked to.
    #[arg(long, global = true, env = "GAINSAY_ARBITER_KEY", value_name = "HEX")]
    pub arbiter_key: Option<Key>,
    /// File of your secret key (see `gainsay key new`).
    #[arg(long, global = true, env = "GAINSAY_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// What to log to standard error: off, error, warn, info, debug, or per module.
    #[arg(long, global = true, env = "GAINSAY_LOG", value_name = "FILTER", default_value = "warn")]
    pub log: String,
}

/// Whether a program or a person reads the output.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// Print JSON on standard output.
    #[arg(long, env = "GAINSAY_JSON")]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make or show a key.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Run an arbiter: registry, claims, disputes, ledger, judge.
    Arbiter(ArbiterArgs),
    /// Run an executor: take jobs, run models, claim, defend.
    Executor(ExecutorArgs),
    /// Run a challenger: watch claims, re-run, contradict.
    Challenger(ChallengerArgs),
    /// Look at a captured model, or offer it to a network.
    #[command(subcommand)]
    Artifact(ArtifactCommand),
    /// Ask for one inference.
    Submit(SubmitArgs),
    /// Fetch the outputs of a job and check them against the claim.
    Result(ResultArgs),
    /// List claims.
    Claims(ListArgs),
    /// List disputes.
    Disputes(ListArgs),
    /// Show one job with its claims and disputes, by the id of any of them.
    Show(ShowArgs),
    /// Show a balance.
    Balance(BalanceArgs),
    /// Deposit money into an account: the operator's mint, for a network without a chain.
    Fund(FundArgs),
    /// Show what an account holds, or every transfer of it.
    Account(super::account::AccountArgs),
    /// Withdraw money: set apart at once, paid after the network's delay.
    Withdraw(super::account::WithdrawArgs),
    /// Show the network's parameters in force and announced, their bounds, and the longest a claim can take.
    Params(super::params::ParamsArgs),
    /// Announce the configuration's parameters from a later time on: for the operator, with notice.
    Announce(super::params::AnnounceArgs),
    /// Compute what each role can expect to earn, and the smallest bond and sampling rate for which lying loses.
    Economics(super::economics::EconomicsArgs),
    /// Prove that a key made two different claims at one attempt, or check such a proof.
    #[command(subcommand)]
    Equivocation(super::equivocation::EquivocationCommand),
    /// Plant lies among your own jobs to see who looks, and pay who does: for the operator.
    ///
    /// The order is: `prepare` each job with the requester's key; `commit` with the operator's key, long before; start the
    /// executor with `gainsay executor --canaries DIR`; `plant` with the requester's key; `reveal` with the operator's key
    /// when the claims have ended. Requester and executor are ordinary keys, funded like anybody's. Everything is written to
    /// the book before it is told, and every command can be run again after a crash: it does what is missing.
    #[command(subcommand)]
    Canary(super::canary::CanaryCommand),
    /// Embed texts with an imported sentence encoder, on this machine.
    #[cfg(feature = "models")]
    Embed(super::models::EmbedArgs),
    /// Run an artifact's programs on seeded inputs and print what a claim would commit to: artifact id and trace roots.
    Trace(TraceArgs),
    /// Measure canonical arithmetic against others, alternating the two sides in one run.
    #[cfg(feature = "models")]
    #[command(subcommand)]
    Bench(super::bench::BenchCommand),
    /// Judge case files again, offline: no network, no database.
    Judge(JudgeArgs),
    /// Play seeded games of the whole network in virtual time and check every invariant of the protocol after every event.
    Sim(super::sim::SimArgs),
    /// Play every kind of lie about every layer of some models, on both sides, and check every verdict.
    FaultTable(crate::fault_table::FaultTableArgs),
    /// Run a whole network on this machine, with liars, and see them caught.
    Demo(DemoArgs),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key file; an existing file is never overwritten.
    New {
        /// Where to write it. It is readable by you alone.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Print the public key of a key file.
    Show {
        /// The key file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// Flags of every daemon.
#[derive(Debug, Clone, Args)]
pub struct DaemonArgs {
    /// Folder for the daemon's database and journals; made if it is not there.
    #[arg(long, env = "GAINSAY_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Threads for arithmetic.
    #[arg(long, env = "GAINSAY_THREADS", value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Stop when standard input closes, for programs that start this one.
    #[arg(long, env = "GAINSAY_UNTIL_STDIN_CLOSES")]
    pub until_stdin_closes: bool,
}

/// Flags of the arbiter.
#[derive(Debug, Clone, Args)]
pub struct ArbiterArgs {
    /// Flags of every daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Address to listen on (QUIC over UDP); port 0 picks a free one.
    #[arg(long, env = "GAINSAY_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address for /metrics and /healthz (HTTP).
    #[arg(long, env = "GAINSAY_HTTP", value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// How many replays run at the same time.
    #[arg(long, env = "GAINSAY_PARALLEL_REPLAYS", value_name = "N")]
    pub parallel_replays: Option<std::num::NonZeroUsize>,
}

/// Flags of the executor.
#[derive(Debug, Clone, Args)]
pub struct ExecutorArgs {
    /// Flags of every daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Models to run, by artifact id; all admitted ones if none is named.
    #[arg(long = "artifact", env = "GAINSAY_ARTIFACTS", value_name = "ID", value_delimiter = ',')]
    pub artifacts: Vec<Digest>,
    /// The most jobs and claims to hold at a time; each locks a bond.
    #[arg(long, env = "GAINSAY_MAX_OPEN", value_name = "N")]
    pub max_open: Option<std::num::NonZeroUsize>,
    /// Rehearsal only: lie about a random third of the jobs in this way (may be repeated). Every lie is written to
    /// lies.jsonl in the data folder before it is told. Kinds: wrong-weights, wrong-layer, garbage-root, stall, skip-layer,
    /// stale-output, quantised, wrong-program, two-lies, one-ulp, false-sub-root, malformed-state.
    #[arg(long = "cheat", env = "GAINSAY_CHEAT", value_name = "KIND", value_delimiter = ',')]
    pub cheat: Vec<CheatKind>,
    /// Rehearsal only: which third, and where the lies are.
    #[arg(long, env = "GAINSAY_CHEAT_SEED", value_name = "S", default_value_t = 1)]
    pub cheat_seed: u64,
    /// For the operator: lie about the jobs in this book of canaries (see `gainsay canary`), go for them first, and do all
    /// others honestly.
    #[arg(long, env = "GAINSAY_CANARIES", value_name = "DIR", conflicts_with = "cheat")]
    pub canaries: Option<PathBuf>,
}

/// How a challenger can lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ChallengerCheat {
    /// Disputes a correct claim.
    FalseAlarm,
}

/// Flags of the challenger.
#[derive(Debug, Clone, Args)]
pub struct ChallengerArgs {
    /// Flags of every daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Models to watch, by artifact id; all admitted ones if none is named.
    #[arg(long = "artifact", env = "GAINSAY_ARTIFACTS", value_name = "ID", value_delimiter = ',')]
    pub artifacts: Vec<Digest>,
    /// The share of claims to re-run, from 0 to 1.
    #[arg(long, env = "GAINSAY_SAMPLE", value_name = "RATE")]
    pub sample: Option<f64>,
    /// Rehearsal only: dispute one correct claim. The lie is written to lies.jsonl in the data folder before it is told.
    #[arg(long = "cheat", env = "GAINSAY_CHEAT", value_name = "KIND")]
    pub cheat: Option<ChallengerCheat>,
    /// Rehearsal only: which claim, and where the lie is.
    #[arg(long, env = "GAINSAY_CHEAT_SEED", value_name = "S", default_value_t = 1)]
    pub cheat_seed: u64,
}

/// Artifacts.
#[derive(Debug, Subcommand)]
pub enum ArtifactCommand {
    /// Verify an artifact folder and print its programs, layers, operators, shapes and costs.
    Inspect {
        /// The folder.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Send an artifact to the arbiter and have it admitted.
    Push {
        /// The folder.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Capture a published model, or one with seeded weights, as an artifact folder.
    ///
    /// bert: a Hugging Face folder (config.json, model.safetensors, and for sentence embeddings modules.json with its
    /// 1_Pooling); vit and llama: a Hugging Face folder; resnet18 and resnet50: torchvision's names in one *.safetensors
    /// file; tagger and unet: PyTorch's names in one *.safetensors file. A tokenizer.json is copied along.
    #[cfg(feature = "models")]
    Import(Box<super::models::ImportArgs>),
    /// Write the handwritten-digits model of the zoo as an artifact folder.
    #[cfg(feature = "models")]
    Digits {
        /// The folder to write.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// Flags of `submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// The artifact's id.
    #[arg(long, env = "GAINSAY_ARTIFACT", value_name = "ID")]
    pub artifact: Digest,
    /// Which of its programs, by name; may be left out if it has one.
    #[arg(long, env = "GAINSAY_PROGRAM", value_name = "NAME")]
    pub program: Option<String>,
    /// An input as NAME=FILE: raw little-endian bytes in row-major order, or JSON numbers if the file ends in .json.
    #[arg(long = "input", value_name = "NAME=FILE", required = true)]
    pub inputs: Vec<String>,
    /// What a final claim earns, in credits, for example 1.5.
    #[arg(long, env = "GAINSAY_FEE", value_name = "CREDITS", default_value = "1", value_parser = credits)]
    pub fee: Amount,
    /// How long the result is wanted, in seconds from now.
    #[arg(long, env = "GAINSAY_DEADLINE_S", value_name = "SECONDS", default_value_t = 3600)]
    pub deadline_s: u64,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// What `result` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WaitFor {
    /// Any claim.
    Claim,
    /// A claim that nobody can contradict any more.
    Final,
}

/// Flags of `result`.
#[derive(Debug, Args)]
pub struct ResultArgs {
    /// The job's id.
    #[arg(value_name = "JOB")]
    pub job: Digest,
    /// Wait until there is a claim, or until it is final. Without it, what is there now is shown.
    #[arg(long, env = "GAINSAY_WAIT", value_name = "STATE")]
    pub wait: Option<WaitFor>,
    /// The longest to wait, in seconds.
    #[arg(long, env = "GAINSAY_TIMEOUT_S", value_name = "SECONDS", default_value_t = 600)]
    pub timeout_s: u64,
    /// Write each output's raw bytes to DIR/NAME.bin.
    #[arg(long, env = "GAINSAY_SAVE", value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of the lists.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those under way.
    #[arg(long, env = "GAINSAY_LIVE")]
    pub live: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The id of a job, take, claim or challenge.
    #[arg(value_name = "ID")]
    pub id: Digest,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `balance`.
#[derive(Debug, Args)]
pub struct BalanceArgs {
    /// Whose; your own if left out.
    #[arg(value_name = "KEY")]
    pub account: Option<Key>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `fund`.
#[derive(Debug, Args)]
pub struct FundArgs {
    /// Who receives it.
    #[arg(value_name = "KEY")]
    pub to: Key,
    /// How much, in credits.
    #[arg(value_name = "CREDITS", value_parser = credits)]
    pub amount: Amount,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// The artifact's folder.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Decides the inputs.
    #[arg(long, env = "GAINSAY_TRACE_SEED", value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Threads for arithmetic.
    #[arg(long, env = "GAINSAY_THREADS", value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Also print how each program is carried out: steps, fused operators, memory.
    #[arg(long, env = "GAINSAY_TRACE_PLAN")]
    pub plan: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `judge`.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// The case file, or several.
    #[arg(value_name = "CASE", required = true)]
    pub cases: Vec<PathBuf>,
    /// The job's artifact, for case files that do not carry the weights that the layer reads.
    #[arg(long, env = "GAINSAY_JUDGE_ARTIFACT", value_name = "DIR")]
    pub artifact: Option<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// How many inferences to ask for.
    #[arg(long, env = "GAINSAY_DEMO_JOBS", value_name = "N", default_value_t = 48)]
    pub jobs: u32,
    /// How the liars lie (may be repeated): a kind of `gainsay executor --cheat`, or false-alarm. All of them if left out.
    #[arg(long = "cheat", env = "GAINSAY_DEMO_CHEAT", value_name = "KIND", value_delimiter = ',')]
    pub cheat: Vec<crate::demo::Kind>,
    /// Decides which images, which executor lies, and how.
    #[arg(long, env = "GAINSAY_DEMO_SEED", value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Write the figures to this file as JSON.
    #[arg(long, env = "GAINSAY_DEMO_JSON", value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Narrow every dispute below its layer, to one operator and to one KiB of what it gives, as the network does by
    /// itself for layers over its budget.
    #[arg(long, env = "GAINSAY_DEMO_BELOW_LAYERS")]
    pub below_layers: bool,
    /// Keep everything in this folder: databases, journals, logs and a case file per judged dispute.
    #[arg(long, env = "GAINSAY_DEMO_KEEP", value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// An artifact folder; the digits model of the zoo if left out. A text encoder with a tokenizer.json beside its
    /// manifest is asked about sentences.
    #[arg(long, env = "GAINSAY_DEMO_MODEL", value_name = "DIR")]
    pub model: Option<PathBuf>,
}

/// Configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration in force: file and defaults, as TOML.
    Show,
    /// Check the configuration file and say what is wrong with it.
    Check,
}

/// Reads an amount in credits with up to six decimals.
pub fn credits(text: &str) -> Result<Amount, String> {
    let refuse = || {
        format!("{text:?} is not an amount in credits, such as 2 or 0.25 (six decimals at most)")
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|letter| letter.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(refuse());
    }
    let whole: u64 = whole.parse().map_err(|_| refuse())?;
    let micro: u64 = format!("{part:0<6}").parse().map_err(|_| refuse())?;
    whole
        .checked_mul(1_000_000)
        .and_then(|sum| sum.checked_add(micro))
        .map(Amount)
        .ok_or_else(refuse)
}
