//! Blobs: sent and taken in pieces of `Limits::blob_chunk_bytes`, never whole in memory.
//!
//! A piece is read from storage only when the peer has room for it, and from the peer only when storage has taken the
//! one before: flow control reaches from disk to disk. Nothing is stored unless size and digest are as announced.

use bytes::Bytes;
use gainsay_commitment::Digest;
use tracing::warn;

use super::connection::{Exchange, Failure, RECEIVING};
use crate::error::NetworkError;
use crate::service::{Blobs, Feed, Service, Upload, UploadRefusal};
use crate::stream::within;
use crate::wire::{PutStep, Rejection, Sending};

/// Sends a blob from `offset` on.
pub(super) async fn get<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
    digest: Digest,
    offset: u64,
) -> Result<(), Failure> {
    exchange.receive_end().await?;
    let shared = exchange.shared.clone();
    let size = match shared.blobs.size(digest).await {
        Ok(size) => size.ok_or(Rejection::UnknownBlob)?,
        Err(error) => return Err(storage(digest, &error)),
    };
    if offset > size {
        return Err(Rejection::PastEnd { offset, size }.into());
    }
    exchange.reply(Sending { size }).await?;
    let mut hasher = blake3::Hasher::new();
    let mut at = offset;
    while at < size {
        let piece = size.saturating_sub(at).min(u64::from(shared.limits.blob_chunk_bytes));
        let length = u32::try_from(piece).unwrap_or(u32::MAX);
        // From here on the peer expects the blob's bytes, so a failure can only cut the stream.
        let bytes = match shared.blobs.read(digest, at, length).await {
            Ok(bytes) if bytes.len() as u64 == piece => bytes,
            Ok(_) => return Err(cut(digest, "storage gave a piece of another length")),
            Err(error) => return Err(cut(digest, &error.to_string())),
        };
        if offset == 0 {
            hasher.update(&bytes);
        }
        at = at.saturating_add(piece);
        if at == size && offset == 0 && hasher.finalize() != *digest.as_bytes() {
            shared.traffic.blobs_mismatched.one();
            return Err(cut(digest, "the stored bytes do not hash to their name"));
        }
        exchange.writer.bytes(&bytes).await.map_err(Failure::Cut)?;
    }
    shared.traffic.blobs_out.one();
    Ok(())
}

/// Takes a blob.
pub(super) async fn put<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
    digest: Digest,
    size: u64,
) -> Result<(), Failure> {
    let shared = exchange.shared.clone();
    let limit = shared.limits.blob_bytes;
    if size > limit {
        return Err(Rejection::BlobTooLarge { size, limit }.into());
    }
    match shared.blobs.size(digest).await {
        Ok(None) => {}
        Ok(Some(stored)) if stored == size => return exchange.reply(PutStep::Stored).await,
        Ok(Some(_)) => return Err(Rejection::SizeMismatch.into()),
        Err(error) => return Err(storage(digest, &error)),
    }
    match shared.blobs.may_upload(exchange.peer, digest, size).await {
        Ok(()) => {}
        Err(UploadRefusal::NotAllowed) => return Err(Rejection::NotAllowed.into()),
        Err(UploadRefusal::TooLarge { limit_bytes: limit }) => {
            return Err(Rejection::BlobTooLarge { size, limit }.into());
        }
    }
    let slot = shared.quotas.upload(exchange.peer, size)?;
    let mut upload = shared.blobs.begin(digest, size).await.map_err(|e| storage(digest, &e))?;
    let received = match exchange.reply(PutStep::Send).await {
        Ok(()) => receive(exchange, &mut upload, digest, size).await,
        Err(failure) => Err(failure),
    };
    let stored = match received {
        Ok(()) => exchange.carry_through(upload.finish()).await?,
        Err(failure) => {
            exchange.carry_through(upload.discard()).await?;
            return Err(failure);
        }
    };
    drop(slot);
    stored.map_err(|error| storage(digest, &error))?;
    shared.traffic.blobs_in.one();
    exchange.reply(PutStep::Stored).await
}

/// Moves the bytes into `upload` and checks them.
async fn receive<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
    upload: &mut B::Upload,
    digest: Digest,
    size: u64,
) -> Result<(), Failure> {
    let shared = exchange.shared.clone();
    let mut hasher = blake3::Hasher::new();
    let mut left = size;
    while left > 0 {
        let bytes = piece(exchange, left).await?;
        if bytes.is_empty() {
            return Err(Rejection::SizeMismatch.into());
        }
        left = left.saturating_sub(bytes.len() as u64);
        hasher.update(&bytes);
        upload.append(bytes).await.map_err(|error| storage(digest, &error))?;
    }
    match within(shared.limits.receive, RECEIVING, exchange.reader.end()).await {
        Ok(()) => {}
        Err(NetworkError::Frame(_)) => return Err(Rejection::SizeMismatch.into()),
        Err(error) => return Err(error.into()),
    }
    let found = Digest(*hasher.finalize().as_bytes());
    if found != digest {
        shared.traffic.blobs_mismatched.one();
        return Err(Rejection::DigestMismatch { found }.into());
    }
    Ok(())
}

async fn piece<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
    left: u64,
) -> Result<Bytes, Failure> {
    let limits = &exchange.shared.limits;
    let chunk = limits.blob_chunk_bytes as usize;
    let most = usize::try_from(left).map_or(chunk, |left| left.min(chunk));
    Ok(within(limits.receive, RECEIVING, exchange.reader.raw(most)).await?)
}

fn storage(digest: Digest, error: &std::io::Error) -> Failure {
    warn!(%digest, %error, "blob storage failed");
    Failure::Rejected(Rejection::Storage)
}

fn cut(digest: Digest, reason: &str) -> Failure {
    warn!(%digest, reason, "blob storage failed while sending");
    Failure::Cut(NetworkError::Local(std::io::ErrorKind::InvalidData.into()))
}
