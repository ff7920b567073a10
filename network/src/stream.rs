//! Frames and raw bytes on one QUIC stream, counted and bounded in time.
//!
//! Reading is cancel-safe: a frame half read stays in the reader. It never takes more bytes from the stream than
//! the frame has, so raw bytes may follow a frame. Writing is not cancelled half-way except by its time-out, after
//! which the stream is reset.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::{Bytes, BytesMut};
use quinn::{RecvStream, SendStream, VarInt};

use crate::error::NetworkError;
use crate::frame::{self, FrameBuffer, FrameError, HEADER_BYTES, What};
use crate::traffic::Traffic;
use crate::wire::RESET_FAILED;

/// Gives `future` at most `after`.
pub(crate) async fn within<T>(
    after: Duration,
    what: &'static str,
    future: impl Future<Output = Result<T, NetworkError>>,
) -> Result<T, NetworkError> {
    match tokio::time::timeout(after, future).await {
        Ok(result) => result,
        Err(_) => Err(NetworkError::TimedOut { what, after }),
    }
}

/// The receiving half of a stream.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: RecvStream,
    buffer: FrameBuffer,
    traffic: Arc<Traffic>,
    received_bytes: u64,
}

impl Reader {
    pub(crate) fn new(stream: RecvStream, traffic: Arc<Traffic>) -> Self {
        Self { stream, buffer: FrameBuffer::new(0), traffic, received_bytes: 0 }
    }

    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    fn count(&mut self, bytes: usize) {
        self.received_bytes += bytes as u64;
        self.traffic.bytes_in.add(bytes as u64);
    }

    /// The next frame's value, or nothing if the stream ends before it begins. Cancel-safe.
    pub(crate) async fn next<T: BorshDeserialize>(
        &mut self,
        limit_bytes: u32,
        what: What,
    ) -> Result<Option<T>, NetworkError> {
        if self.buffer.is_empty() {
            self.buffer = FrameBuffer::new(limit_bytes);
        }
        loop {
            if let Some(payload) = self.buffer.take().map_err(NetworkError::Frame)? {
                self.traffic.frames_in.one();
                return frame::decode(&payload, what).map(Some).map_err(NetworkError::Frame);
            }
            let Some(chunk) = self.stream.read_chunk(self.buffer.wanted(), true).await? else {
                return self.buffer.end().map(|()| None).map_err(NetworkError::Frame);
            };
            self.count(chunk.bytes.len());
            self.buffer.push(&chunk.bytes).map_err(NetworkError::Frame)?;
        }
    }

    /// The next frame's value; the end of the stream is an error. Cancel-safe.
    pub(crate) async fn require<T: BorshDeserialize>(
        &mut self,
        limit_bytes: u32,
        what: What,
    ) -> Result<T, NetworkError> {
        let missing = HEADER_BYTES as u32;
        self.next(limit_bytes, what)
            .await?
            .ok_or(NetworkError::Frame(FrameError::Truncated { missing }))
    }

    /// Up to `most_bytes` raw bytes, fewer only at the end of the stream; not cancel-safe.
    pub(crate) async fn raw(&mut self, most_bytes: usize) -> Result<Bytes, NetworkError> {
        let mut out = BytesMut::new();
        while let Some(wanted) = most_bytes.checked_sub(out.len()).filter(|wanted| *wanted > 0) {
            match self.stream.read_chunk(wanted, true).await? {
                None => break,
                Some(chunk) => {
                    self.count(chunk.bytes.len());
                    if out.is_empty() && chunk.bytes.len() == most_bytes {
                        return Ok(chunk.bytes);
                    }
                    out.extend_from_slice(&chunk.bytes);
                }
            }
        }
        Ok(out.freeze())
    }

    /// Checks that the stream ends here.
    pub(crate) async fn end(&mut self) -> Result<(), NetworkError> {
        match self.stream.read_chunk(1, true).await? {
            None => Ok(()),
            Some(_) => Err(NetworkError::Frame(FrameError::Trailing)),
        }
    }
}

/// The sending half of a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    stream: SendStream,
    traffic: Arc<Traffic>,
    patience: Duration,
    sent_bytes: u64,
}

impl Writer {
    pub(crate) fn new(stream: SendStream, traffic: Arc<Traffic>, patience: Duration) -> Self {
        Self { stream, traffic, patience, sent_bytes: 0 }
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Sends `value` as one frame.
    pub(crate) async fn frame<T: BorshSerialize>(
        &mut self,
        value: &T,
        limit_bytes: u32,
    ) -> Result<(), NetworkError> {
        let mut out = Vec::new();
        frame::encode(value, limit_bytes, &mut out).map_err(NetworkError::Unsendable)?;
        self.frames(&out, 1).await
    }

    /// Sends `count` frames that are already encoded.
    pub(crate) async fn frames(&mut self, encoded: &[u8], count: u64) -> Result<(), NetworkError> {
        self.traffic.frames_out.add(count);
        self.bytes(encoded).await
    }

    /// Sends raw bytes. If the peer takes none of them for too long, the stream is reset.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> Result<(), NetworkError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let write = async { Ok(self.stream.write(rest).await?) };
            let written = match within(self.patience, "sending", write).await {
                Ok(written) => written,
                Err(error) => {
                    self.reset(RESET_FAILED);
                    return Err(error);
                }
            };
            self.sent_bytes += written as u64;
            self.traffic.bytes_out.add(written as u64);
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends the stream; what was written is still delivered.
    pub(crate) fn finish(&mut self) {
        // An error means that it has ended already.
        let _ = self.stream.finish();
    }

    /// Ends the stream and waits until the peer has all of it, so that closing the connection cannot cut it short.
    pub(crate) async fn deliver(&mut self) {
        self.finish();
        let _ = tokio::time::timeout(self.patience, self.stream.stopped()).await;
    }

    /// Drops what has not been delivered and tells the peer that the stream failed.
    pub(crate) fn reset(&mut self, code: VarInt) {
        let _ = self.stream.reset(code);
    }

    /// Ends when the peer wants no more.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let stopped = self.stream.stopped();
        async move {
            let _ = stopped.await;
        }
    }
}
