//! What can go wrong between a player and the arbiter, and whether trying again helps.

use gainsay_commitment::Digest;
use gainsay_model::{ArtifactError, FetchError};
use gainsay_network::NetworkError;
use gainsay_protocol::{ArtifactId, Key, MessageId, ParamsError, ReceiptError};

use crate::api::{Refusal, RefusalKind};

/// Why a call to the arbiter gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The arbiter refused the call; nothing has changed. Final, unless it was only unavailable.
    #[error("the arbiter refused: {}", printable(&.0.message))]
    Refused(Refusal),
    /// The transport failed. The arbiter may or may not have acted.
    #[error("the line to the arbiter failed")]
    Transport(#[from] NetworkError),
    /// The arbiter's parameters name another arbiter than the one expected.
    #[error("the parameters name the arbiter {found}, expected {expected}")]
    Arbiter {
        /// The pinned key.
        expected: Key,
        /// The key in the parameters.
        found: Key,
    },
    /// The arbiter's parameters break a bound that protects players.
    #[error("the arbiter's parameters are refused: {0}")]
    Params(#[from] ParamsError),
    /// A receipt is not signed by the arbiter.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A receipt is for another message.
    #[error("the receipt is for message {}, sent was {}", .found.0, .sent.0)]
    OtherReceipt {
        /// The message sent.
        sent: MessageId,
        /// The message in the receipt.
        found: MessageId,
    },
    /// The answer is not one to the question.
    #[error("the arbiter's answer to {asked} is of another kind")]
    Answer {
        /// What was asked.
        asked: &'static str,
    },
    /// Bytes given as a blob do not have the digest that was promised for them.
    #[error("the bytes hash to {found}, not to {expected}")]
    Blob {
        /// What was promised.
        expected: Digest,
        /// What they hash to.
        found: Digest,
    },
}

impl ClientError {
    /// The arbiter's refusal, if it is one that asking again does not change.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) if refusal.kind != RefusalKind::Unavailable => Some(refusal),
            _ => None,
        }
    }

    /// Whether this is the refusal of that kind.
    pub fn is_refusal(&self, kind: RefusalKind) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == kind)
    }

    /// Whether the same call may succeed later with nothing changed here.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.kind == RefusalKind::Unavailable,
            Self::Transport(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// What somebody else wrote, without what could steer a terminal or start a line of a log.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Why an artifact or a program of it cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The arbiter does not know the artifact.
    #[error("the arbiter has not admitted artifact {}", .0.0)]
    Unknown(ArtifactId),
    /// The arbiter could not be asked, or a blob not be fetched.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What was fetched is refused.
    #[error("artifact {} is refused", .id.0)]
    Artifact {
        /// The artifact asked for.
        id: ArtifactId,
        /// Why.
        #[source]
        source: Box<ArtifactError>,
    },
    /// A blob that the manifest names was not fetched.
    #[error("artifact {} cannot be put together", .id.0)]
    Fetch {
        /// The artifact asked for.
        id: ArtifactId,
        /// Why.
        #[source]
        source: Box<FetchError<ClientError>>,
    },
    /// The manifest is that of another artifact.
    #[error("the arbiter's blobs make artifact {found}, asked for was {}", .expected.0)]
    OtherArtifact {
        /// The artifact asked for.
        expected: ArtifactId,
        /// The one that was fetched.
        found: Digest,
    },
}
