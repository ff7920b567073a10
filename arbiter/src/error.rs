//! Errors: why a participant is refused, and why an arbiter does not start.
//!
//! A refusal says what was wrong, where, and what to do; it changes nothing. What is the arbiter's own
//! trouble is refused as [`Unavailable`](RefusalKind::Unavailable), so that the participant tries again.

use std::net::SocketAddr;
use std::path::PathBuf;

use gainsay_commitment::Digest;
use gainsay_network::api::{Refusal, RefusalKind};
use gainsay_protocol::{ArtifactId, EnvelopeError, LedgerError, MissingBlobs, Rejection};

use crate::store::{CommitError, StoreError};

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not a signed message of this network.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It names blobs that are not held.
    #[error(transparent)]
    MissingBlobs(#[from] MissingBlobs),
    /// The protocol refuses it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// There is not enough money for it.
    #[error(transparent)]
    Funds(#[from] LedgerError),
    /// Only the operator may mint.
    #[error("only the operator of this network may mint")]
    NotOperator,
    /// It names something that is not known here.
    #[error("no {what} {id} is known here")]
    Unknown {
        /// What is not known.
        what: &'static str,
        /// Its id.
        id: Digest,
    },
    /// The artifact takes no jobs.
    #[error("artifact {} is suspended: something on it could not be judged; its operator has to look at the incident first", .0.0)]
    Suspended(ArtifactId),
    /// An artifact that has no such program.
    #[error("artifact {} has {count} program(s), there is no number {index}", .artifact.0)]
    NoProgram {
        /// The artifact.
        artifact: ArtifactId,
        /// The number named.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// The bytes of an input or output are not those of its type.
    #[error("the bytes of {what} {position} are refused: {reason}")]
    TensorBytes {
        /// Input or output.
        what: &'static str,
        /// Which one.
        position: usize,
        /// Why.
        reason: String,
    },
    /// The evidence proves nothing.
    #[error("the evidence is refused: {0}")]
    Evidence(String),
    /// The artifact is not admitted.
    #[error("the artifact is not admitted: {0}")]
    Artifact(String),
    /// It is recorded already that the act was done twice.
    #[error("it is proven already, by message {by}, that {key} claimed twice at attempt {attempt}", by = .by.0)]
    Proven {
        /// Who.
        key: gainsay_protocol::Key,
        /// At which attempt.
        attempt: u32,
        /// By which message.
        by: gainsay_protocol::MessageId,
    },
    /// Only the operator may.
    #[error("only the network's operator may announce parameters")]
    NotAnnouncer,
    /// More money than a ledger column holds.
    #[error("{what} of {value} is over the limit of {limit}", limit = i64::MAX)]
    OutOfRange {
        /// What.
        what: &'static str,
        /// How much.
        value: u64,
    },
    /// More than one request may ask for.
    #[error("{asked} {what} in one request, allowed are {most}: ask in parts")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many were asked for.
        asked: usize,
        /// The most.
        most: usize,
    },
    /// The arbiter cannot do it now.
    #[error("the arbiter cannot do this now, try again later: {0}")]
    Unavailable(String),
}

impl Refused {
    /// What kind of refusal it is.
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::Envelope(_) => RefusalKind::Envelope,
            Self::MissingBlobs(_) => RefusalKind::MissingBlobs,
            Self::Funds(_) => RefusalKind::Funds,
            Self::Unknown { .. } | Self::NoProgram { .. } => RefusalKind::Unknown,
            Self::Unavailable(_) => RefusalKind::Unavailable,
            Self::Rejected(_)
            | Self::NotOperator
            | Self::Suspended(_)
            | Self::TensorBytes { .. }
            | Self::Evidence(_)
            | Self::Artifact(_)
            | Self::OutOfRange { .. }
            | Self::Proven { .. }
            | Self::NotAnnouncer
            | Self::TooMany { .. } => RefusalKind::Rejected,
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self { kind: refused.kind(), message: refused.to_string() }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutOfRange { what, value } => Self::OutOfRange { what, value },
            other => {
                tracing::error!(error = %Chain(&other), "the store failed");
                Self::Unavailable("its database failed".to_owned())
            }
        }
    }
}

impl From<CommitError> for Refused {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refused) => refused,
            CommitError::Ledger(error) => Self::Funds(error),
            CommitError::Store(error) => error.into(),
        }
    }
}

/// Why an arbiter does not start.
#[derive(Debug, thiserror::Error)]
pub enum ArbiterError {
    /// The configuration contradicts itself.
    #[error("the configuration is refused: {0}")]
    Config(String),
    /// The parameters break a bound.
    #[error("the network's parameters are refused")]
    Params(#[from] gainsay_protocol::ParamsError),
    /// The data folder cannot be used.
    #[error("cannot {action} {}", .path.display())]
    Folder {
        /// What was attempted.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Another arbiter uses the data folder.
    #[error("{} is in use by another arbiter: stop it first, or choose another data folder", .0.display())]
    InUse(PathBuf),
    /// The database cannot be used.
    #[error("the database {} cannot be used", .path.display())]
    Store {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The blob store cannot be used.
    #[error("the blob store cannot be used")]
    Blobs(#[source] std::io::Error),
    /// No kernels for the chosen instruction set.
    #[error("the arithmetic cannot be set up")]
    Kernels(#[from] gainsay_canon::KernelError),
    /// The transport cannot be set up.
    #[error("the network listener cannot be opened")]
    Network(#[from] gainsay_network::NetworkError),
    /// The HTTP listener cannot be opened.
    #[error("cannot listen for HTTP on {address}")]
    Http {
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

/// An error with its sources, on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'a));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
