//! Uploads by peers: a quota per key, a temporary name, then all at once.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use gainsay_commitment::Digest;
use gainsay_network::{Blobs, PeerKey, Upload, UploadRefusal};
use gainsay_protocol::Key;
use object_store::{GetOptions, GetRange, ObjectStoreExt, WriteMultipart};

use super::{BlobStore, io_error, place};
use crate::error::Chain;

/// Pieces of one upload that may wait for the disk.
const IN_FLIGHT: usize = 2;
/// The most uploads that are remembered between their announcement and their beginning.
const ANNOUNCED: usize = 4096;

/// Who announced which upload, so that it is charged to the right key. The oldest are forgotten, and are then
/// charged to nobody.
#[derive(Default)]
pub(super) struct Announced(Mutex<VecDeque<(Digest, Key)>>);

impl Announced {
    fn remember(&self, digest: Digest, key: Key) {
        let mut announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if announced.len() >= ANNOUNCED {
            announced.pop_front();
        }
        announced.push_back((digest, key));
    }

    fn take(&self, digest: Digest) -> Option<Key> {
        let mut announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = announced.iter().position(|(found, _)| *found == digest)?;
        announced.remove(at).map(|(_, key)| key)
    }
}

/// A blob on its way in.
pub struct BlobUpload {
    blobs: BlobStore,
    digest: Digest,
    size: u64,
    uploader: Option<Key>,
    parts: WriteMultipart,
}

impl Blobs for BlobStore {
    type Upload = BlobUpload;

    async fn size(&self, digest: Digest) -> io::Result<Option<u64>> {
        match self.objects.head(&place(digest)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(io_error(error)),
        }
    }

    async fn read(&self, digest: Digest, offset: u64, length: u32) -> io::Result<Bytes> {
        let range = GetRange::Bounded(offset..offset.saturating_add(length.into()));
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let found = self.objects.get_opts(&place(digest), options).await.map_err(io_error)?;
        let bytes = found.bytes().await.map_err(io_error)?;
        if bytes.len() as u64 == u64::from(length) {
            return Ok(bytes);
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob is shorter than it was"))
    }

    async fn may_upload(
        &self,
        peer: PeerKey,
        digest: Digest,
        size: u64,
    ) -> Result<(), UploadRefusal> {
        let Ok(key) = Key::from_bytes(*peer.as_bytes()) else {
            return Err(UploadRefusal::NotAllowed);
        };
        let left = self.quota_left(key).await.map_err(|error| {
            tracing::error!(%error, "the upload quota could not be read");
            UploadRefusal::NotAllowed
        })?;
        if left.blobs == 0 || size > left.bytes {
            let limit_bytes = if left.blobs == 0 { 0 } else { left.bytes };
            return Err(UploadRefusal::TooLarge { limit_bytes });
        }
        self.announced.remember(digest, key);
        Ok(())
    }

    async fn begin(&self, digest: Digest, size: u64) -> io::Result<BlobUpload> {
        let uploader = self.announced.take(digest);
        let parts = self.objects.put_multipart(&place(digest)).await.map_err(io_error)?;
        let parts = WriteMultipart::new(parts);
        Ok(BlobUpload { blobs: self.clone(), digest, size, uploader, parts })
    }
}

impl Upload for BlobUpload {
    async fn append(&mut self, bytes: Bytes) -> io::Result<()> {
        self.parts.wait_for_capacity(IN_FLIGHT).await.map_err(io_error)?;
        self.parts.put(bytes);
        Ok(())
    }

    async fn finish(self) -> io::Result<()> {
        self.parts.finish().await.map_err(io_error)?;
        self.blobs.remember(self.digest, self.size, self.uploader).await
    }

    async fn discard(self) {
        if let Err(error) = self.parts.abort().await {
            tracing::warn!(error = %Chain(&error), "a refused upload could not be removed");
        }
    }
}
