//! How an executor does its jobs: honestly, or, for rehearsals, not.
//!
//! A [`Conduct`] turns a job into what is claimed about it. It must give the same for the same job every time,
//! because a restarted executor has nothing else to defend its claim with. One file per kind of dishonesty; each
//! lie is written to the liar's own journal before it is told, so that nothing grades itself.

mod canary;
mod cheating;
mod garbage_root;
mod stall;
mod wrong_layer;
mod wrong_weights;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use gainsay_canon::Tensor;
use gainsay_commitment::TreeError;
use gainsay_model::{ArtifactError, RunError, Runner};
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
    Outputs(#[from] gainsay_canon::TensorError),
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
}

impl CheatKind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::WrongWeights, Self::WrongLayer, Self::GarbageRoot, Self::Stall];

    /// The name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongWeights => "wrong-weights",
            Self::WrongLayer => "wrong-layer",
            Self::GarbageRoot => "garbage-root",
            Self::Stall => "stall",
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
#[error(
    "unknown kind of cheating {0:?}: expected wrong-weights, wrong-layer, garbage-root or stall"
)]
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
