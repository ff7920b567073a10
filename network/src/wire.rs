//! What is said on a stream before and around the caller's own values.
//!
//! The client's first frame on a stream is an `Opening`; what follows depends on it:
//! `Hello` -> `Reply<Welcome>`; `Call`, request frame -> `Reply<Response>`; `GetBlob` -> `Reply<Sending>`, raw bytes;
//! `PutBlob` -> `Reply<PutStep>`, raw bytes -> `Reply<PutStep>`; `Subscribe` -> `Reply<Following>`, then `FeedMessage` without end.
//! All of it is borsh, and every rejection is a value, never a text that a peer chose.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::Digest;
use quinn::VarInt;

use crate::frame::FrameError;

/// Largest opening, in bytes: an opening has a fixed small size, so no more is ever reserved for it.
pub(crate) const OPENING_BYTES: u32 = 64;

/// Largest frame of the transport's own making.
pub(crate) const CONTROL_BYTES: u32 = 256;

/// The first frame of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Opening {
    /// Asks whether the connection was admitted.
    Hello,
    /// A request follows.
    Call,
    /// Asks for a blob from `offset` on.
    GetBlob { digest: Digest, offset: u64 },
    /// Offers a blob.
    PutBlob { digest: Digest, size: u64 },
    /// Asks for everything on the feed after a sequence number.
    Subscribe { after: u64 },
}

/// An answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Reply<T> {
    Done(T),
    Rejected(Rejection),
}

/// The server's limits as far as a client must know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Welcome {
    pub(crate) frame_bytes: u32,
    pub(crate) blob_bytes: u64,
    pub(crate) heartbeat_ms: u64,
}

/// The blob's bytes follow, from the offset asked for to `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Sending {
    pub(crate) size: u64,
}

/// How an upload goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum PutStep {
    /// Send the bytes.
    Send,
    /// The server has the blob, verified; nothing need be sent, or all has been.
    Stored,
}

/// The subscription stands; feed messages follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Following {
    pub(crate) latest: u64,
}

/// Something happened that may concern a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FeedItem {
    /// Place in the feed; strictly ascending, gaps allowed.
    pub sequence: u64,
    /// What it is about, for example a claim's id.
    pub topic: [u8; 32],
    /// What kind of event; the application's to define.
    pub kind: u8,
}

/// A frame of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum FeedMessage {
    Item(FeedItem),
    /// Nothing new; `latest` is the highest sequence there is.
    Heartbeat {
        latest: u64,
    },
}

/// Why a server did not do what a stream asked for. The connection stays usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
pub enum Rejection {
    /// A frame sent by the client was not right.
    #[error("the server refused the frame: {0}")]
    Frame(FrameError),
    /// The client took too long to send.
    #[error("the server waited too long for the rest of the request")]
    TooSlow,
    /// Too many calls of this key are being answered.
    #[error("too many calls of this key are being answered")]
    Busy,
    /// The service failed without an answer.
    #[error("the server failed while answering")]
    Failed,
    /// The answer is longer than a frame may be.
    #[error("the answer does not fit a frame: {0}")]
    Unsendable(FrameError),
    /// The server has no service of this kind.
    #[error("the server does not offer this")]
    NotServed,
    /// The service does not let this key do this.
    #[error("this key may not do this")]
    NotAllowed,
    /// The server does not hold the blob.
    #[error("the server does not hold this blob")]
    UnknownBlob,
    /// The download's offset is past the end.
    #[error("offset {offset} is past the end of the blob at {size}")]
    PastEnd {
        /// The offset asked for.
        offset: u64,
        /// The blob's size.
        size: u64,
    },
    /// The upload is larger than the server takes.
    #[error("a blob of {size} bytes is over the limit of {limit}")]
    BlobTooLarge {
        /// The announced size.
        size: u64,
        /// The most the server takes from this key now.
        limit: u64,
    },
    /// The bytes sent do not hash to the digest announced; nothing was stored.
    #[error("the uploaded bytes hash to {found}, not to what was announced; nothing was stored")]
    DigestMismatch {
        /// What they hash to.
        found: Digest,
    },
    /// More or fewer bytes were sent than announced; nothing was stored.
    #[error("the upload was not of the announced size; nothing was stored")]
    SizeMismatch,
    /// Too many uploads of this key are open.
    #[error("too many uploads of this key are open")]
    TooManyUploads,
    /// Too many subscriptions on this connection.
    #[error("too many subscriptions on this connection")]
    TooManySubscriptions,
    /// The server's storage failed.
    #[error("the server's storage failed")]
    Storage,
}

/// Why a server closed or refused a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// No connection or handshake is free.
    #[error("the server is full")]
    Full,
    /// Too many connections from this address.
    #[error("too many connections from this address")]
    AddressQuota,
    /// Too many connections of this key.
    #[error("too many connections of this key")]
    KeyQuota,
    /// The service does not admit this key.
    #[error("this key is not admitted")]
    NotAdmitted,
}

/// Application code of an orderly close.
pub(crate) const CLOSE_FINISHED: VarInt = VarInt::from_u32(0);

/// Code of streams reset because the peer stopped reading or writing, or broke the framing.
pub(crate) const RESET_FAILED: VarInt = VarInt::from_u32(1);

/// Code of streams cut because the server is stopping.
pub(crate) const RESET_STOPPING: VarInt = VarInt::from_u32(2);

impl Refusal {
    const ALL: [Refusal; 5] =
        [Self::Stopping, Self::Full, Self::AddressQuota, Self::KeyQuota, Self::NotAdmitted];

    /// The application close code.
    pub(crate) fn code(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Stopping => 1,
            Self::Full => 2,
            Self::AddressQuota => 3,
            Self::KeyQuota => 4,
            Self::NotAdmitted => 5,
        })
    }

    pub(crate) fn from_code(code: VarInt) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

#[cfg(test)]
mod tests;
