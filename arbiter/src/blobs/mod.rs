//! Blobs by the plain BLAKE3 of their bytes, in a folder (or any store of `object_store`).
//!
//! A blob is visible under its digest only whole, verified and synced: uploads go to a temporary name first. What
//! is read to be used here is hashed again. Anybody may upload, within a quota per key, because a job's inputs
//! must be here before the job can be.

mod upload;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gainsay_commitment::{Digest, content};
use gainsay_network::Blobs;
use gainsay_protocol::Key;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::clock::ServingClock;
use crate::error::Chain;
use crate::store::{BlobRecord, Store};

use self::upload::Announced;
pub use self::upload::BlobUpload;

/// How much each key may upload in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of its blobs.
    pub bytes: u64,
    /// Number of its blobs.
    pub blobs: u64,
}

impl Default for Quota {
    /// 64 GiB in a million blobs.
    fn default() -> Self {
        Self { bytes: 64 << 30, blobs: 1 << 20 }
    }
}

/// The blobs of one arbiter. Cheap to clone.
#[derive(Clone)]
pub struct BlobStore {
    objects: Arc<dyn ObjectStore>,
    store: Arc<dyn Store>,
    clock: Arc<ServingClock>,
    quota: Quota,
    announced: Arc<Announced>,
}

impl std::fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobStore").field("quota", &self.quota).finish_non_exhaustive()
    }
}

fn io_error(error: object_store::Error) -> io::Error {
    let kind = match &error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, Chain(&error).to_string())
}

/// Blobs are spread over 256 folders by the first two digits of their names.
fn place(digest: Digest) -> ObjectPath {
    let name = digest.to_string();
    let folder: String = name.chars().take(2).collect();
    ObjectPath::from_iter([folder, name])
}

impl BlobStore {
    /// Blobs in `folder`, which is made if it is not there. What uploads that were cut off by a crash have left is removed.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn in_folder(
        folder: &Path,
        store: Arc<dyn Store>,
        clock: Arc<ServingClock>,
        quota: Quota,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        remove_leftovers(folder)?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(io_error)?.with_fsync(true);
        let announced = Arc::default();
        Ok(Self { objects: Arc::new(objects), store, clock, quota, announced })
    }

    /// Which of these blobs are held.
    ///
    /// # Errors
    /// If the blob store fails.
    pub async fn held(&self, digests: &[Digest]) -> io::Result<BTreeSet<Digest>> {
        let mut held = BTreeSet::new();
        for digest in digests {
            if !held.contains(digest) && self.size(*digest).await?.is_some() {
                held.insert(*digest);
            }
        }
        Ok(held)
    }

    /// The whole blob, verified.
    ///
    /// # Errors
    /// `NotFound`; `InvalidData` if it is over `limit` or its bytes are not what it is named; or if the store fails.
    pub async fn load(&self, digest: Digest, limit: u64) -> io::Result<Bytes> {
        let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
        let found = self.objects.get(&place(digest)).await.map_err(io_error)?;
        let size = found.meta.size;
        if size > limit {
            return Err(invalid(format!(
                "blob {digest} has {size} bytes, over the limit of {limit}"
            )));
        }
        let bytes = found.bytes().await.map_err(io_error)?;
        let hashed = bytes.clone();
        let hash = tokio::task::spawn_blocking(move || content(&hashed));
        let is = hash.await.map_err(io::Error::other)?;
        if is != digest {
            return Err(invalid(format!("blob {digest} is damaged: its bytes hash to {is}")));
        }
        Ok(bytes)
    }

    /// Stores bytes of the arbiter's own, durably, and returns their name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn save(&self, bytes: Vec<u8>) -> io::Result<Digest> {
        let digest = content(&bytes);
        let size = bytes.len() as u64;
        self.objects.put(&place(digest), PutPayload::from(bytes)).await.map_err(io_error)?;
        self.remember(digest, size, None).await?;
        Ok(digest)
    }

    async fn remember(&self, digest: Digest, size: u64, uploader: Option<Key>) -> io::Result<()> {
        let record = BlobRecord { digest, size, uploader, added: self.clock.now() };
        let remembered = self.store.remember_blob(record).await;
        remembered.map_err(|error| io::Error::other(Chain(&error).to_string()))
    }

    async fn quota_left(&self, key: Key) -> io::Result<Quota> {
        let used = self.store.uploaded(key).await;
        let used = used.map_err(|error| io::Error::other(Chain(&error).to_string()))?;
        Ok(Quota {
            bytes: self.quota.bytes.saturating_sub(used.bytes),
            blobs: self.quota.blobs.saturating_sub(used.blobs),
        })
    }
}

/// Removes what uploads that were cut off have left: names with a `#`, which no blob has.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(entry.path())? {
            let file = file?;
            if file.file_name().to_string_lossy().contains('#') {
                std::fs::remove_file(file.path())?;
            }
        }
    }
    Ok(())
}
