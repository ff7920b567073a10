//! What a challenger is started with, and why it may not start.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gainsay_canon::Kernels;
use gainsay_player::{ClientError, FolderError};
use gainsay_protocol::{ArtifactId, Key, Keypair};

use crate::false_alarm::FalseAlarm;
use crate::secret::SamplingRate;

/// What a challenger contradicts.
#[derive(Debug)]
pub enum Conduct {
    /// What is wrong.
    Honest,
    /// For rehearsals: also, a few times, what is right.
    FalseAlarm(FalseAlarm),
}

/// The configuration of a challenger.
#[derive(Debug)]
pub struct Config {
    /// Where the arbiter listens.
    pub address: SocketAddr,
    /// The arbiter's key.
    pub arbiter: Key,
    /// The challenger's own.
    pub keypair: Arc<Keypair>,
    /// A folder for kept artifacts; for this process alone.
    pub data_dir: PathBuf,
    /// The share of claims that is checked.
    pub sampling: SamplingRate,
    /// The artifacts to watch; all if nothing is said.
    pub artifacts: Option<Vec<ArtifactId>>,
    /// The most claims checked at a time; what disputes need has as many places beside them.
    pub parallel: NonZeroUsize,
    /// What programs run on.
    pub kernels: Kernels,
    /// What is contradicted.
    pub conduct: Conduct,
    /// How often to look for claims when the feed is silent.
    pub poll: Duration,
}

impl Config {
    /// An honest challenger that checks every claim on every artifact.
    pub fn new(
        address: SocketAddr,
        arbiter: Key,
        keypair: Arc<Keypair>,
        data_dir: PathBuf,
        kernels: Kernels,
    ) -> Self {
        Self {
            address,
            arbiter,
            keypair,
            data_dir,
            sampling: SamplingRate::ALL,
            artifacts: None,
            parallel: NonZeroUsize::MIN,
            kernels,
            conduct: Conduct::Honest,
            poll: Duration::from_secs(1),
        }
    }
}

/// Why a challenger cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ChallengerError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The arbiter is not the one expected, or its parameters are refused.
    #[error("this arbiter cannot be worked with")]
    Client(#[from] ClientError),
    /// The daemon's task ended unexpectedly.
    #[error("the challenger's task ended unexpectedly")]
    Task(#[from] tokio::task::JoinError),
}
