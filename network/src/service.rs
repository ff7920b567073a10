//! What a server is made of: an answer to requests, blobs, and a feed.
//!
//! The transport proves who is asking and bounds how much; what a key may do is decided here. Futures returned by
//! these traits are never cancelled by the transport: a peer that hangs up cannot stop one half-way, so they may
//! hold a transaction. They run concurrently, at most `Limits::calls_per_key` of them for one key.

use std::future::Future;
use std::io;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use gainsay_commitment::Digest;
use tokio::sync::watch;

use crate::key::PeerKey;
use crate::wire::FeedItem;

/// Whether a proved key may hold a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Within the ordinary quotas.
    Ordinary,
    /// Also from the reserved connections and over the address quota: a key that has something to lose right
    /// now, for example one whose clock is running.
    Reserved,
    /// Not at all.
    Refused,
}

/// Answers requests.
pub trait Service: Send + Sync + 'static {
    /// What clients ask. Decoded strictly: every byte must be used.
    type Request: BorshDeserialize + Send + 'static;
    /// What they get. Its encoding must fit `Limits::answer_bytes`.
    type Response: BorshSerialize + Send + 'static;

    /// Answers one request of `peer`, which has proved its key.
    fn call(
        &self,
        peer: PeerKey,
        request: Self::Request,
    ) -> impl Future<Output = Self::Response> + Send;

    /// Decides on a new connection of `peer`. Must be quick; it is asked once per connection.
    fn admit(&self, _peer: PeerKey) -> Admission {
        Admission::Ordinary
    }
}

/// Why a key may not upload a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadRefusal {
    /// Not this key, or not this blob.
    NotAllowed,
    /// Not so much; `limit_bytes` is what would be taken.
    TooLarge {
        /// The most that would be taken now.
        limit_bytes: u64,
    },
}

/// Blobs by the plain BLAKE3 of their bytes.
pub trait Blobs: Send + Sync + 'static {
    /// An upload under way.
    type Upload: Upload;

    /// The blob's size in bytes, or nothing if it is not here.
    fn size(&self, digest: Digest) -> impl Future<Output = io::Result<Option<u64>>> + Send;

    /// Exactly `length` bytes from `offset`, which together do not pass the end.
    fn read(
        &self,
        digest: Digest,
        offset: u64,
        length: u32,
    ) -> impl Future<Output = io::Result<Bytes>> + Send;

    /// Whether `peer` may upload `size` bytes as `digest`. Nobody may unless this says so.
    fn may_upload(
        &self,
        _peer: PeerKey,
        _digest: Digest,
        _size: u64,
    ) -> impl Future<Output = Result<(), UploadRefusal>> + Send {
        std::future::ready(Err(UploadRefusal::NotAllowed))
    }

    /// Starts an upload. Nothing may be visible under `digest` before `Upload::finish`.
    fn begin(
        &self,
        digest: Digest,
        size: u64,
    ) -> impl Future<Output = io::Result<Self::Upload>> + Send;
}

/// An upload under way. Dropped without `finish`, it leaves nothing behind.
pub trait Upload: Send + 'static {
    /// Adds the next bytes, at most `Limits::blob_chunk_bytes` of them.
    fn append(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Makes the blob visible, durably and all at once. Called only when size and digest have been checked.
    fn finish(self) -> impl Future<Output = io::Result<()>> + Send;

    /// Throws the bytes away.
    fn discard(self) -> impl Future<Output = ()> + Send;
}

/// A sequence of events that clients follow.
///
/// The transport keeps no queue per subscriber: it reads from `since` whenever the subscriber can take more, so
/// a slow one costs nothing and misses nothing.
pub trait Feed: Send + Sync + 'static {
    /// The highest sequence there is; changes wake the subscriptions. Zero while the feed is empty.
    fn latest(&self) -> watch::Receiver<u64>;

    /// The first `limit` items, at most, after sequence `after`, in ascending order.
    fn since(
        &self,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = io::Result<Vec<FeedItem>>> + Send;

    /// Whether `peer` may follow the feed.
    fn may_subscribe(&self, _peer: PeerKey) -> bool {
        true
    }

    /// Whether there is a feed at all.
    fn is_served(&self) -> bool {
        true
    }
}

impl<T: Service> Service for Arc<T> {
    type Request = T::Request;
    type Response = T::Response;

    fn call(
        &self,
        peer: PeerKey,
        request: Self::Request,
    ) -> impl Future<Output = Self::Response> + Send {
        T::call(self, peer, request)
    }

    fn admit(&self, peer: PeerKey) -> Admission {
        T::admit(self, peer)
    }
}

impl<T: Blobs> Blobs for Arc<T> {
    type Upload = T::Upload;

    fn size(&self, digest: Digest) -> impl Future<Output = io::Result<Option<u64>>> + Send {
        T::size(self, digest)
    }

    fn read(
        &self,
        digest: Digest,
        offset: u64,
        length: u32,
    ) -> impl Future<Output = io::Result<Bytes>> + Send {
        T::read(self, digest, offset, length)
    }

    fn may_upload(
        &self,
        peer: PeerKey,
        digest: Digest,
        size: u64,
    ) -> impl Future<Output = Result<(), UploadRefusal>> + Send {
        T::may_upload(self, peer, digest, size)
    }

    fn begin(
        &self,
        digest: Digest,
        size: u64,
    ) -> impl Future<Output = io::Result<Self::Upload>> + Send {
        T::begin(self, digest, size)
    }
}

impl<T: Feed> Feed for Arc<T> {
    fn latest(&self) -> watch::Receiver<u64> {
        T::latest(self)
    }

    fn since(
        &self,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = io::Result<Vec<FeedItem>>> + Send {
        T::since(self, after, limit)
    }

    fn may_subscribe(&self, peer: PeerKey) -> bool {
        T::may_subscribe(self, peer)
    }

    fn is_served(&self) -> bool {
        T::is_served(self)
    }
}

/// The blobs of a server that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBlobs;

/// The upload that `NoBlobs` never begins.
#[derive(Debug)]
pub enum NoUpload {}

impl Blobs for NoBlobs {
    type Upload = NoUpload;

    async fn size(&self, _digest: Digest) -> io::Result<Option<u64>> {
        Ok(None)
    }

    async fn read(&self, _digest: Digest, _offset: u64, _length: u32) -> io::Result<Bytes> {
        Err(io::ErrorKind::NotFound.into())
    }

    async fn begin(&self, _digest: Digest, _size: u64) -> io::Result<NoUpload> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Upload for NoUpload {
    async fn append(&mut self, _bytes: Bytes) -> io::Result<()> {
        match *self {}
    }

    async fn finish(self) -> io::Result<()> {
        match self {}
    }

    async fn discard(self) {
        match self {}
    }
}

/// The feed of a server that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFeed;

impl Feed for NoFeed {
    fn latest(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    async fn since(&self, _after: u64, _limit: usize) -> io::Result<Vec<FeedItem>> {
        Ok(Vec::new())
    }

    fn is_served(&self) -> bool {
        false
    }
}
