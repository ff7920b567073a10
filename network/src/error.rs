//! What can go wrong on the wire, as the caller sees it.
//!
//! `is_transient` splits the errors in two: those after which the same call may simply be made again (the daemons
//! are level-triggered and do), and those that will not change by themselves.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gainsay_commitment::Digest;
use quinn::{ConnectionError, ReadError, TransportErrorCode, VarInt, WriteError};

use crate::frame::FrameError;
use crate::key::PeerKey;
use crate::limits::LimitsError;
use crate::wire::{Refusal, Rejection};

/// An error of the transport.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The configuration contradicts itself.
    #[error("the limits do not fit together")]
    Limits(#[from] LimitsError),
    /// The socket could not be opened.
    #[error("cannot open a UDP socket on {address}")]
    Bind {
        /// The local address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// TLS could not be set up on this side.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The address cannot be connected to at all.
    #[error("cannot connect to {address}")]
    Address {
        /// The server's address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: quinn::ConnectError,
    },
    /// The server proved another key than the one it was expected to hold.
    #[error("the server at {address} holds key {found}, not the expected {expected}")]
    WrongServerKey {
        /// The server's address.
        address: SocketAddr,
        /// The key it was to prove.
        expected: PeerKey,
        /// The key it presented.
        found: PeerKey,
    },
    /// The handshake failed.
    #[error("no connection to {address}")]
    Handshake {
        /// The server's address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: ConnectionError,
    },
    /// The server does not take, or no longer keeps, the connection.
    #[error("the server refused the connection: {0}")]
    Refused(Refusal),
    /// The connection broke. Whether the server acted on a request that was under way is not known.
    #[error("the connection was lost")]
    Lost(#[source] ConnectionError),
    /// The peer cut the stream.
    #[error("the peer cut the stream (code {0})")]
    Cut(VarInt),
    /// Something took longer than allowed.
    #[error("{what} took longer than {after:?}")]
    TimedOut {
        /// What was being waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The peer sent a frame that is not right.
    #[error("the peer sent a bad frame")]
    Frame(#[source] FrameError),
    /// The value cannot be sent.
    #[error("cannot send the value")]
    Unsendable(#[source] FrameError),
    /// The server said no to this call, transfer or subscription.
    #[error(transparent)]
    Rejected(Rejection),
    /// The server offers a blob larger than the caller takes.
    #[error("the blob has {size} bytes, over the limit of {limit}")]
    BlobTooLarge {
        /// The size the server announced.
        size: u64,
        /// The most the caller takes.
        limit: u64,
    },
    /// The server sent more or fewer bytes than it announced.
    #[error("the server announced {announced} bytes of the blob and sent {sent}")]
    BlobSize {
        /// Bytes announced.
        announced: u64,
        /// Bytes that came, counted up to the first one too many.
        sent: u64,
    },
    /// The bytes are not the blob that was asked for.
    #[error("the bytes hash to {found}, not to {expected}")]
    BlobMismatch {
        /// The digest asked for.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// The feed went backwards.
    #[error("the feed went from {last} back to {found}")]
    FeedOrder {
        /// The last sequence before.
        last: u64,
        /// The one that came.
        found: u64,
    },
    /// The server ended the feed.
    #[error("the server ended the feed")]
    FeedEnded,
    /// Local storage failed while a blob was read or written.
    #[error("reading or writing the blob on this side failed")]
    Local(#[source] io::Error),
}

impl NetworkError {
    /// Whether the same call may succeed later with nothing changed on this side.
    ///
    /// For `Lost`, `Cut` and `TimedOut` the server may or may not have acted: repeat only what acts at most once.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Handshake { .. }
            | Self::Lost(_)
            | Self::Cut(_)
            | Self::TimedOut { .. }
            | Self::Frame(_)
            | Self::FeedEnded
            | Self::BlobSize { .. } => true,
            Self::Refused(refusal) => *refusal != Refusal::NotAdmitted,
            Self::Rejected(rejection) => matches!(
                rejection,
                Rejection::Busy
                    | Rejection::TooSlow
                    | Rejection::Failed
                    | Rejection::Storage
                    | Rejection::UnknownBlob
                    | Rejection::TooManyUploads
                    | Rejection::TooManySubscriptions
            ),
            Self::Limits(_)
            | Self::Bind { .. }
            | Self::Tls(_)
            | Self::Address { .. }
            | Self::WrongServerKey { .. }
            | Self::Unsendable(_)
            | Self::BlobTooLarge { .. }
            | Self::BlobMismatch { .. }
            | Self::FeedOrder { .. }
            | Self::Local(_) => false,
        }
    }

    /// Whether the connection this came from is of no more use.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Refused(_))
    }
}

impl From<ConnectionError> for NetworkError {
    fn from(error: ConnectionError) -> Self {
        let refusal = match &error {
            ConnectionError::ApplicationClosed(close) => Refusal::from_code(close.error_code),
            ConnectionError::ConnectionClosed(close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                Some(Refusal::Full)
            }
            _ => None,
        };
        refusal.map_or(Self::Lost(error), Self::Refused)
    }
}

impl From<ReadError> for NetworkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::Cut(code),
            ReadError::ConnectionLost(error) => error.into(),
            // Only reachable by reading on after the end, or in 0-RTT, which is off.
            ReadError::ClosedStream
            | ReadError::IllegalOrderedRead
            | ReadError::ZeroRttRejected => Self::Lost(ConnectionError::LocallyClosed),
        }
    }
}

impl From<WriteError> for NetworkError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::Cut(code),
            WriteError::ConnectionLost(error) => error.into(),
            WriteError::ClosedStream | WriteError::ZeroRttRejected => {
                Self::Lost(ConnectionError::LocallyClosed)
            }
        }
    }
}
