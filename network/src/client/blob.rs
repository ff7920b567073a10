//! Fetching and giving blobs, in bounded memory, with the digest checked on this side too.

use std::io;
use std::path::Path;

use gainsay_commitment::Digest;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Client, Exchange, accepted, begin};
use crate::error::NetworkError;
use crate::frame::What;
use crate::stream::within;
use crate::traffic::CallStats;
use crate::wire::{CONTROL_BYTES, OPENING_BYTES, Opening, PutStep, RESET_FAILED, Reply, Sending};

/// The part of a blob that is here already, for a download that goes on where another stopped.
#[derive(Debug, Clone, Default)]
pub struct BlobPrefix {
    hasher: blake3::Hasher,
    size: u64,
}

impl BlobPrefix {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of the bytes there are.
    pub fn digest(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }
}

impl Client {
    /// Fetches a blob of at most `limit_bytes` into memory, which grows with the bytes that come.
    ///
    /// # Errors
    /// `BlobTooLarge` before any byte is taken; `BlobMismatch`, `BlobSize`, `Rejected`, or an error of the connection.
    pub async fn get_blob(
        &self,
        digest: Digest,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, NetworkError> {
        let mut bytes = Vec::new();
        self.get_blob_into(digest, limit_bytes, BlobPrefix::new(), &mut bytes).await?;
        Ok(bytes)
    }

    /// Fetches what follows `have` of a blob of at most `limit_bytes`, and writes it to `out`.
    ///
    /// The bytes in `out` are the blob's only if this returns without error. Each piece of
    /// `Limits::blob_chunk_bytes` must come within `Limits::receive`.
    ///
    /// # Errors
    /// As `get_blob`, and `Local` if `out` fails.
    pub async fn get_blob_into(
        &self,
        digest: Digest,
        limit_bytes: u64,
        mut have: BlobPrefix,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<CallStats, NetworkError> {
        let limits = &self.inner.limits;
        let opening = Opening::GetBlob { digest, offset: have.size };
        let mut exchange = within(limits.call, "opening", self.open(&opening, &[])).await?;
        let reply = exchange.reader.require::<Reply<Sending>>(CONTROL_BYTES, What::BlobReply);
        let Sending { size } = accepted(within(limits.call, "the blob", reply).await?)?;
        if size > limit_bytes {
            return Err(NetworkError::BlobTooLarge { size, limit: limit_bytes });
        }
        let chunk = limits.blob_chunk_bytes as usize;
        while have.size < size {
            let left = size.saturating_sub(have.size);
            let most = usize::try_from(left).map_or(chunk, |left| left.min(chunk));
            let piece = exchange.reader.raw(most);
            let bytes = within(limits.receive, "a piece of the blob", piece).await?;
            if bytes.is_empty() {
                return Err(NetworkError::BlobSize { announced: size, sent: have.size });
            }
            have.update(&bytes);
            out.write_all(&bytes).await.map_err(NetworkError::Local)?;
        }
        match within(limits.receive, "the blob's end", exchange.reader.end()).await {
            Err(NetworkError::Frame(_)) => {
                let sent = size.saturating_add(1);
                return Err(NetworkError::BlobSize { announced: size, sent });
            }
            other => other?,
        }
        let found = have.digest();
        if have.size != size || found != digest {
            return Err(NetworkError::BlobMismatch { expected: digest, found });
        }
        out.flush().await.map_err(NetworkError::Local)?;
        self.inner.traffic.blobs_in.one();
        Ok(exchange.stats())
    }

    /// Fetches a blob into the file `path`, going on from `path` with `.part` added if that is there.
    ///
    /// `path` appears whole, verified and synced, or not at all. If the bytes turn out to be wrong, the part is removed.
    /// At most one download into one path at a time.
    ///
    /// # Errors
    /// As `get_blob_into`.
    pub async fn get_blob_file(
        &self,
        digest: Digest,
        limit_bytes: u64,
        path: &Path,
    ) -> Result<CallStats, NetworkError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = Path::new(&part);
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(part)
            .await
            .map_err(NetworkError::Local)?;
        let have = prefix_of(&mut file, self.inner.limits.blob_chunk_bytes)
            .await
            .map_err(NetworkError::Local)?;
        let stats = match self.get_blob_into(digest, limit_bytes, have, &mut file).await {
            Err(error) if !error.is_transient() => {
                // What is there can never become the blob, so the next attempt starts afresh.
                let _ = tokio::fs::remove_file(part).await;
                return Err(error);
            }
            Err(error) => {
                let _ = file.flush().await;
                return Err(error);
            }
            Ok(stats) => stats,
        };
        publish(file, part, path).await.map_err(NetworkError::Local)?;
        Ok(stats)
    }

    /// Gives the server the `size` bytes of `source` as the blob `digest`.
    ///
    /// Returns once the server has verified and stored it, at once if it has it already.
    ///
    /// # Errors
    /// `Rejected` with the server's reason, `Local` if `source` fails or ends early, or an error of the connection.
    pub async fn put_blob(
        &self,
        digest: Digest,
        size: u64,
        source: &mut (impl AsyncRead + Unpin + Send),
    ) -> Result<CallStats, NetworkError> {
        let started = std::time::Instant::now();
        let limits = &self.inner.limits;
        let begun = begin(&self.inner.connection, limits, &self.inner.traffic);
        let (writer, reader) = within(limits.call, "opening", begun).await?;
        let mut exchange = Exchange { reader, writer, started };
        let opening = Opening::PutBlob { digest, size };
        exchange.writer.frame(&opening, OPENING_BYTES).await?;
        if exchange.put_step(limits.call).await? == PutStep::Send {
            match exchange.send(size, source, limits.blob_chunk_bytes).await {
                // The server says why it wants no more.
                Ok(()) | Err(NetworkError::Cut(_)) => {}
                Err(error) => {
                    exchange.writer.reset(RESET_FAILED);
                    return Err(error);
                }
            }
            exchange.writer.finish();
            if exchange.put_step(limits.call).await? != PutStep::Stored {
                let expected = What::BlobReply;
                return Err(NetworkError::Frame(crate::frame::FrameError::Payload { expected }));
            }
        }
        self.inner.traffic.blobs_out.one();
        Ok(exchange.stats())
    }

    /// Gives the server `bytes` as a blob, and returns its digest.
    ///
    /// # Errors
    /// As `put_blob`.
    pub async fn put_bytes(&self, bytes: &[u8]) -> Result<(Digest, CallStats), NetworkError> {
        let digest = gainsay_commitment::content(bytes);
        let mut source = bytes;
        let stats = self.put_blob(digest, bytes.len() as u64, &mut source).await?;
        Ok((digest, stats))
    }

    /// Gives the server the file `path` as a blob, and returns its digest. The file is read twice.
    ///
    /// # Errors
    /// As `put_blob`.
    pub async fn put_blob_file(&self, path: &Path) -> Result<(Digest, CallStats), NetworkError> {
        let mut file = File::open(path).await.map_err(NetworkError::Local)?;
        let whole = prefix_of(&mut file, self.inner.limits.blob_chunk_bytes)
            .await
            .map_err(NetworkError::Local)?;
        let mut file = File::open(path).await.map_err(NetworkError::Local)?;
        let digest = whole.digest();
        let stats = self.put_blob(digest, whole.size(), &mut file).await?;
        Ok((digest, stats))
    }
}

impl Exchange {
    async fn put_step(&mut self, patience: std::time::Duration) -> Result<PutStep, NetworkError> {
        let reply = self.reader.require::<Reply<PutStep>>(CONTROL_BYTES, What::BlobReply);
        accepted(within(patience, "the server's answer to an upload", reply).await?)
    }

    /// Sends exactly `size` bytes of `source`.
    async fn send(
        &mut self,
        size: u64,
        source: &mut (impl AsyncRead + Unpin + Send),
        chunk_bytes: u32,
    ) -> Result<(), NetworkError> {
        let mut piece = Vec::new();
        let mut left = size;
        while left > 0 {
            piece.clear();
            let most = left.min(u64::from(chunk_bytes));
            let read = (&mut *source).take(most).read_to_end(&mut piece).await;
            let read = read.map_err(NetworkError::Local)? as u64;
            if read == 0 {
                return Err(NetworkError::Local(io::ErrorKind::UnexpectedEof.into()));
            }
            left = left.saturating_sub(read);
            self.writer.bytes(&piece).await?;
        }
        Ok(())
    }
}

/// Gives a finished download its name, durably.
async fn publish(file: File, part: &Path, path: &Path) -> io::Result<()> {
    file.sync_all().await?;
    tokio::fs::rename(part, path).await?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder).await?.sync_all().await,
        None => File::open(".").await?.sync_all().await,
    }
}

/// Hashes `file` from where it stands to its end.
async fn prefix_of(file: &mut File, chunk_bytes: u32) -> io::Result<BlobPrefix> {
    let mut prefix = BlobPrefix::new();
    let mut piece = Vec::new();
    loop {
        piece.clear();
        if file.take(u64::from(chunk_bytes)).read_to_end(&mut piece).await? == 0 {
            return Ok(prefix);
        }
        prefix.update(&piece);
    }
}
