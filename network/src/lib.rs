//! QUIC transport of Gainsay: who is talking, how much they may say, and in what form.
//!
//! Peers are ed25519 keys, proved by TLS 1.3 with raw public keys (RFC 7250). On a connection, every request, blob
//! transfer and subscription is a stream of its own, made of frames whose size is checked before anything is
//! reserved. What the messages mean is known in `api` only: a server is a `Service` (and `Blobs`, and a `Feed`) that the
//! application brings. Nothing a peer sends can make this crate panic, or hold more than `Limits` says.

#![forbid(unsafe_code)]

pub mod api;
mod client;
mod endpoint;
mod error;
pub mod frame;
mod key;
mod limits;
mod memory;
mod quota;
mod server;
mod service;
mod stream;
mod tls;
mod traffic;
mod wire;

pub use client::{Backoff, BlobPrefix, Client, Follower, ReconnectingClient, Subscription};
pub use error::NetworkError;
pub use frame::FrameError;
pub use key::{Identity, PeerKey};
pub use limits::{ALPN, ANSWER_BYTES_CAP, FRAME_BYTES_CAP, Limits, LimitsError, STREAMS_CAP};
pub use memory::{MemoryBlobs, MemoryFeed, MemoryUpload};
pub use server::Server;
pub use service::{
    Admission, Blobs, Feed, NoBlobs, NoFeed, NoUpload, Service, Upload, UploadRefusal,
};
pub use traffic::{CallStats, Traffic, TrafficSnapshot};
pub use wire::{FeedItem, Refusal, Rejection};
