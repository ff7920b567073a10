//! What an executor is started with, and why it may not start.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gainsay_canon::Kernels;
use gainsay_player::{ClientError, FolderError};
use gainsay_protocol::{ArtifactId, Key, Keypair};

use crate::dishonesty::{Conduct, Honest};
use crate::sign_once::SignOnceError;

/// The configuration of an executor.
#[derive(Debug)]
pub struct Config {
    /// Where the arbiter listens.
    pub address: SocketAddr,
    /// The arbiter's key.
    pub arbiter: Key,
    /// The executor's own.
    pub keypair: Arc<Keypair>,
    /// A folder for the sign-once database and kept artifacts; for this process alone.
    pub data_dir: PathBuf,
    /// The artifacts to run; all if nothing is said.
    pub artifacts: Option<Vec<ArtifactId>>,
    /// The most takes and open claims at a time.
    pub max_open: NonZeroUsize,
    /// The most runs at a time; what disputes need has as many places beside them.
    pub parallel: NonZeroUsize,
    /// What programs run on.
    pub kernels: Kernels,
    /// How jobs are done.
    pub conduct: Box<dyn Conduct>,
    /// How often to look for work when the feed is silent.
    pub poll: Duration,
}

impl Config {
    /// An honest executor of all artifacts with eight open claims at most.
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
            artifacts: None,
            max_open: NonZeroUsize::MIN.saturating_add(7),
            parallel: NonZeroUsize::MIN,
            kernels,
            conduct: Box::new(Honest),
            poll: Duration::from_secs(1),
        }
    }
}

/// Why an executor cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The sign-once database cannot be used.
    #[error(transparent)]
    SignOnce(#[from] SignOnceError),
    /// The arbiter is not the one expected, or its parameters are refused.
    #[error("this arbiter cannot be worked with")]
    Client(#[from] ClientError),
    /// The daemon's task ended unexpectedly.
    #[error("the executor's task ended unexpectedly")]
    Task(#[from] tokio::task::JoinError),
}
