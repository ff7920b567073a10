//! Blobs and a feed in memory: for tests, and for nodes that hold little and can ask again.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use gainsay_commitment::{Digest, content};
use tokio::sync::watch;

use crate::key::PeerKey;
use crate::service::{Blobs, Feed, Upload, UploadRefusal};
use crate::wire::FeedItem;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change below is one insertion, so a panic elsewhere leaves a sound value.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blobs in memory, up to a number of bytes.
#[derive(Debug, Clone)]
pub struct MemoryBlobs {
    held: Arc<Mutex<BTreeMap<Digest, Bytes>>>,
    limit_bytes: u64,
}

impl MemoryBlobs {
    /// An empty store that lets anybody upload up to `limit_bytes` in all.
    pub fn new(limit_bytes: u64) -> Self {
        Self { held: Arc::default(), limit_bytes }
    }

    /// Adds a blob and returns its digest. The limit is for uploads, not for this.
    pub fn insert(&self, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = content(&bytes);
        lock(&self.held).insert(digest, bytes);
        digest
    }

    /// The blob, if it is here.
    pub fn get(&self, digest: Digest) -> Option<Bytes> {
        lock(&self.held).get(&digest).cloned()
    }

    /// Number of blobs.
    pub fn count(&self) -> usize {
        lock(&self.held).len()
    }

    fn free_bytes(&self) -> u64 {
        let used: u64 = lock(&self.held).values().map(|bytes| bytes.len() as u64).sum();
        self.limit_bytes.saturating_sub(used)
    }
}

impl Blobs for MemoryBlobs {
    type Upload = MemoryUpload;

    async fn size(&self, digest: Digest) -> io::Result<Option<u64>> {
        Ok(self.get(digest).map(|bytes| bytes.len() as u64))
    }

    async fn read(&self, digest: Digest, offset: u64, length: u32) -> io::Result<Bytes> {
        let blob = self.get(digest).ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(length as usize).filter(|end| *end <= blob.len());
        Ok(blob.slice(start..end.ok_or(io::ErrorKind::UnexpectedEof)?))
    }

    async fn may_upload(
        &self,
        _peer: PeerKey,
        _digest: Digest,
        size: u64,
    ) -> Result<(), UploadRefusal> {
        let limit_bytes = self.free_bytes();
        if size > limit_bytes {
            return Err(UploadRefusal::TooLarge { limit_bytes });
        }
        Ok(())
    }

    async fn begin(&self, digest: Digest, _size: u64) -> io::Result<MemoryUpload> {
        Ok(MemoryUpload { blobs: self.clone(), digest, bytes: BytesMut::new() })
    }
}

/// An upload into `MemoryBlobs`.
#[derive(Debug)]
pub struct MemoryUpload {
    blobs: MemoryBlobs,
    digest: Digest,
    bytes: BytesMut,
}

impl Upload for MemoryUpload {
    async fn append(&mut self, bytes: Bytes) -> io::Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self) -> io::Result<()> {
        // Uploads that were allowed at the same time must not pass the limit together.
        if self.bytes.len() as u64 > self.blobs.free_bytes() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        lock(&self.blobs.held).insert(self.digest, self.bytes.freeze());
        Ok(())
    }

    async fn discard(self) {}
}

/// A feed in memory. Sequences count from 1.
#[derive(Debug, Clone)]
pub struct MemoryFeed {
    items: Arc<Mutex<Vec<FeedItem>>>,
    latest: watch::Sender<u64>,
}

impl Default for MemoryFeed {
    fn default() -> Self {
        Self { items: Arc::default(), latest: watch::channel(0).0 }
    }
}

impl MemoryFeed {
    /// Adds an item and returns its sequence.
    pub fn push(&self, topic: [u8; 32], kind: u8) -> u64 {
        let mut items = lock(&self.items);
        let sequence = items.len() as u64 + 1;
        items.push(FeedItem { sequence, topic, kind });
        // Under the lock, so that `latest` never goes backwards.
        self.latest.send_replace(sequence);
        sequence
    }
}

impl Feed for MemoryFeed {
    fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    async fn since(&self, after: u64, limit: usize) -> io::Result<Vec<FeedItem>> {
        let start = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(lock(&self.items).iter().skip(start).take(limit).copied().collect())
    }
}
