//! How an executor does its jobs: honestly, or, for rehearsals, not.
//!
//! A [`Conduct`] turns a job into what is claimed about it. It must give the same for the same job every time,
//! because a restarted executor has nothing else to defend its claim with. One file per kind of dishonesty; each
//! lie is written to the liar's own journal before it is told, so that nothing grades itself.

mod canary;
mod cheating;
mod false_sub_root;
mod garbage_root;
mod malformed_state;
mod one_ulp;
mod quantised;
mod skip_layer;
mod stale_output;
mod stall;
mod two_lies;
mod wrong_layer;
mod wrong_program;
mod wrong_weights;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use gainsay_canon::{Tensor, TensorError};
use gainsay_commitment::TreeError;
use gainsay_model::{Artifact, ArtifactError, RunError, Runner};
use gainsay_player::{JournalError, RunSource, TraceSource};
use gainsay_protocol::JobId;
use serde::{Deserialize, Serialize};

pub use canary::Canaries;
pub use cheating::{Cheating, JournalEntry, Lie};

/// A job to be done.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Which job.
    pub job: JobId,
    /// Which attempt at it.
    pub attempt: u32,
    /// What it asks to run.
    pub runner: Arc<Runner>,
    /// On what.
    pub inputs: Arc<[Tensor]>,
}

/// Whether an executor answers when its claim is disputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defence {
    /// As well as it can.
    Answers,
    /// Never.
    Silent,
}

/// What is claimed about a job, and what it is defended with.
#[derive(Debug)]
pub struct Performance {
    /// The tree behind the claim.
    pub source: Arc<dyn TraceSource>,
    /// The outputs as claimed.
    pub outputs: Vec<Tensor>,
    /// Whether it is defended.
    pub defence: Defence,
}

impl Performance {
    /// What a run gave, defended.
    pub fn of(source: RunSource) -> Self {
        let outputs = source.outputs().to_vec();
        Self { source: Arc::new(source), outputs, defence: Defence::Answers }
    }
}

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The trace's shape is out of range.
    #[error(transparent)]
    Shape(#[from] TreeError),
    /// A lie could not be prepared.
    #[error("the other model cannot be made")]
    Artifact(#[from] ArtifactError),
    /// The program's outputs have no tensors.
    #[error("outputs cannot be made up")]
    Outputs(#[from] TensorError),
    /// The lie could not be journaled, so it is not told.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What the journal says was claimed does not come out again.
    #[error("the journaled lie does not come out again; was the artifact or the journal changed?")]
    OtherLie,
}

/// How jobs are done. Called from threads that may block; the same assignment always gives the same performance.
pub trait Conduct: fmt::Debug + Send + Sync + 'static {
    /// Does a job.
    ///
    /// # Errors
    /// If it cannot be done; then nothing is claimed.
    fn perform(&self, assignment: &Assignment) -> Result<Performance, ConductError>;

    /// Jobs to go for before all others. They need not be open, or there.
    fn preferred(&self) -> BTreeSet<JobId> {
        BTreeSet::new()
    }
}

/// Runs what was asked and says what came out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Honest;

impl Conduct for Honest {
    fn perform(&self, assignment: &Assignment) -> Result<Performance, ConductError> {
        Ok(Performance::of(assignment.run()?))
    }
}

impl Assignment {
    /// Runs it honestly.
    pub(crate) fn run(&self) -> Result<RunSource, RunError> {
        RunSource::run(Arc::clone(&self.runner), Arc::clone(&self.inputs))
    }

    /// n: the number of layers.
    pub(crate) fn layers(&self) -> u32 {
        self.runner.program().layer_count()
    }

    fn parts(&self) -> (Arc<Runner>, Arc<[Tensor]>) {
        (Arc::clone(&self.runner), Arc::clone(&self.inputs))
    }
}

/// How many layers, values or models are tried before giving up on making a difference.
const TRIES: u64 = 16;

/// A lie made up: what is claimed, and the first layer after which that is not the truth, if the liar knows.
struct MadeUp {
    performance: Performance,
    layer: Option<u32>,
}

impl MadeUp {
    fn of(source: RunSource, honest: &RunSource) -> Self {
        Self { layer: honest.parts_from(&source), performance: Performance::of(source) }
    }
}

/// Some layers in the order in which a liar of that seed tries them, each once.
fn layers(assignment: &Assignment, seed: u64) -> impl Iterator<Item = u32> + use<> {
    let count = u64::from(assignment.layers());
    let first = seed.checked_rem(count).unwrap_or(0);
    // Less than the number of layers, so it fits.
    (0..count.min(TRIES)).map(move |next| 1 + ((first + next) % count) as u32)
}

/// The first of some runs that is not the truth.
fn first_lie(
    honest: &RunSource,
    told: impl IntoIterator<Item = Result<RunSource, ConductError>>,
) -> Result<Option<RunSource>, ConductError> {
    let lies = |source: &Result<RunSource, ConductError>| {
        source.as_ref().map_or(true, |source| source.root() != honest.root())
    };
    told.into_iter().find(lies).transpose()
}

/// The index of the program that is asked for.
fn program_of(assignment: &Assignment) -> u32 {
    let mut programs = assignment.runner.artifact().programs().iter();
    let own = programs.position(|program| Arc::ptr_eq(program, assignment.runner.program()));
    own.and_then(|own| u32::try_from(own).ok()).unwrap_or(0)
}

/// The program that is asked for, on other weights.
fn other_model(
    assignment: &Assignment,
    other: &mut dyn FnMut(&Tensor) -> Result<Tensor, TensorError>,
) -> Result<Runner, ConductError> {
    let artifact = assignment.runner.artifact();
    let entries = artifact.manifest().weights.iter().zip(artifact.weights());
    let weights = entries
        .map(|(entry, weight)| Ok((entry.name.clone(), other(weight)?)))
        .collect::<Result<Vec<_>, TensorError>>()?;
    let programs = artifact.programs().iter().map(|program| program.program().clone()).collect();
    let other = Artifact::new(artifact.name(), weights, programs)?;
    let kernels = assignment.runner.kernels().clone();
    Ok(Runner::new(Arc::new(other), program_of(assignment), kernels)?)
}

/// Kinds of dishonesty, one file each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheatKind {
    /// Runs another model: the same programs with other weights.
    WrongWeights,
    /// One value off after a layer, consistent from there on.
    WrongLayer,
    /// A root with no trace behind it.
    GarbageRoot,
    /// Claims wrongly and never answers.
    Stall,
    /// A layer's output taken from its input.
    SkipLayer,
    /// A run on other inputs.
    StaleOutput,
    /// A run on rounded weights.
    Quantised,
    /// A run of another program of the artifact, or of a cheaper one.
    WrongProgram,
    /// Values off after two layers.
    TwoLies,
    /// One bit off after a layer, as another backend's arithmetic gives it.
    OneUlp,
    /// A value off after a layer, and steps below it that do not lead there.
    FalseSubRoot,
    /// A state whose list is not the program's.
    MalformedState,
}

impl CheatKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::WrongWeights,
        Self::WrongLayer,
        Self::GarbageRoot,
        Self::Stall,
        Self::SkipLayer,
        Self::StaleOutput,
        Self::Quantised,
        Self::WrongProgram,
        Self::TwoLies,
        Self::OneUlp,
        Self::FalseSubRoot,
        Self::MalformedState,
    ];

    /// The name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongWeights => "wrong-weights",
            Self::WrongLayer => "wrong-layer",
            Self::GarbageRoot => "garbage-root",
            Self::Stall => "stall",
            Self::SkipLayer => "skip-layer",
            Self::StaleOutput => "stale-output",
            Self::Quantised => "quantised",
            Self::WrongProgram => "wrong-program",
            Self::TwoLies => "two-lies",
            Self::OneUlp => "one-ulp",
            Self::FalseSubRoot => "false-sub-root",
            Self::MalformedState => "malformed-state",
        }
    }
}

impl fmt::Display for CheatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no kind of dishonesty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of cheating {0:?}: expected one of {list}", list = CheatKind::ALL.map(CheatKind::name).join(", "))]
pub struct UnknownCheat(String);

impl FromStr for CheatKind {
    type Err = UnknownCheat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownCheat(name.chars().take(80).collect());
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(unknown)
    }
}

/// A number that depends on all of `parts`, for choices that must come out the same again.
pub(crate) fn number(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("gainsay 1 rehearsed choice");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
