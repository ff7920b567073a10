//! One connection: its streams, each in a task of its own, and its orderly end.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use borsh::BorshSerialize;
use quinn::{Connection, RecvStream, SendStream};
use tokio::task::JoinSet;
use tracing::debug;

use super::{Shared, blob, call, feed};
use crate::error::NetworkError;
use crate::frame::What;
use crate::key::PeerKey;
use crate::limits::millis;
use crate::quota::ConnectionSlot;
use crate::service::{Blobs, Feed, Service};
use crate::stream::{Reader, Writer, within};
use crate::wire::{
    CONTROL_BYTES, OPENING_BYTES, Opening, RESET_FAILED, RESET_STOPPING, Refusal, Rejection, Reply,
    Welcome,
};

/// One stream that a peer opened.
pub(super) struct Exchange<S, B, F> {
    pub(super) shared: Arc<Shared<S, B, F>>,
    pub(super) peer: PeerKey,
    pub(super) connection: Connection,
    pub(super) subscriptions: Arc<AtomicUsize>,
    pub(super) reader: Reader,
    pub(super) writer: Writer,
}

/// How serving a stream failed.
pub(super) enum Failure {
    /// The peer is told why.
    Rejected(Rejection),
    /// The stream is cut: it cannot or need not carry a reason any more.
    Cut(NetworkError),
    /// The stream would go on for ever, and the server is stopping.
    Stopping,
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<NetworkError> for Failure {
    /// What reading or writing a stream came to; what the peer did wrong becomes a rejection.
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Frame(error) => Self::Rejected(Rejection::Frame(error)),
            NetworkError::Unsendable(error) => Self::Rejected(Rejection::Unsendable(error)),
            NetworkError::TimedOut { what: RECEIVING, .. } => Self::Rejected(Rejection::TooSlow),
            other => Self::Cut(other),
        }
    }
}

/// What is being waited for when a peer is too slow to send.
pub(super) const RECEIVING: &str = "receiving";

/// Serves a connection until it ends or the server stops.
pub(super) async fn serve<S: Service, B: Blobs, F: Feed>(
    shared: &Arc<Shared<S, B, F>>,
    connection: Connection,
    slot: ConnectionSlot,
) {
    let peer = slot.key();
    shared.traffic.connections_accepted.one();
    shared.traffic.connections_open.one();
    let mut stopping = shared.stopping.clone();
    let subscriptions = Arc::new(AtomicUsize::new(0));
    let mut streams = JoinSet::new();
    let mut slot = Some(slot);
    loop {
        tokio::select! {
            accepted = connection.accept_bi() => match accepted {
                Ok((send, receive)) => {
                    let exchange = Exchange::new(shared, peer, &connection, &subscriptions, send, receive);
                    streams.spawn(exchange.serve());
                }
                Err(error) => {
                    debug!(%peer, %error, "connection ended");
                    // The peer may come back at once, even if its last calls are still being answered.
                    slot = None;
                    break;
                }
            },
            Some(_) = streams.join_next() => {}
            _ = stopping.wait_for(|stopping| *stopping) => break,
        }
    }
    if tokio::time::timeout(shared.limits.drain, finish(&mut streams)).await.is_err() {
        debug!(%peer, "requests were still running");
    }
    connection.close(Refusal::Stopping.code(), b"");
    // Streams end with their connection, except in the middle of a blob's or feed's storage.
    if tokio::time::timeout(shared.limits.drain, finish(&mut streams)).await.is_err() {
        streams.detach_all();
    }
    drop(slot);
    shared.traffic.connections_open.less_one();
}

impl<S: Service, B: Blobs, F: Feed> Exchange<S, B, F> {
    fn new(
        shared: &Arc<Shared<S, B, F>>,
        peer: PeerKey,
        connection: &Connection,
        subscriptions: &Arc<AtomicUsize>,
        send: SendStream,
        receive: RecvStream,
    ) -> Self {
        let traffic = shared.traffic.clone();
        Self {
            shared: shared.clone(),
            peer,
            connection: connection.clone(),
            subscriptions: subscriptions.clone(),
            reader: Reader::new(receive, traffic.clone()),
            writer: Writer::new(send, traffic, shared.limits.send),
        }
    }

    async fn serve(mut self) {
        let outcome = self.answer().await;
        let failure = match outcome {
            Ok(()) => return self.writer.deliver().await,
            Err(failure) => failure,
        };
        match failure {
            Failure::Stopping => self.writer.reset(RESET_STOPPING),
            Failure::Rejected(rejection) => {
                self.shared.traffic.streams_failed.one();
                debug!(peer = %self.peer, %rejection, "rejected");
                let reply = Reply::<()>::Rejected(rejection);
                match self.writer.frame(&reply, CONTROL_BYTES).await {
                    Ok(()) => self.writer.deliver().await,
                    Err(_) => self.writer.reset(RESET_FAILED),
                }
            }
            Failure::Cut(error) => {
                self.shared.traffic.streams_failed.one();
                debug!(peer = %self.peer, %error, "stream failed");
                self.writer.reset(RESET_FAILED);
            }
        }
    }

    async fn answer(&mut self) -> Result<(), Failure> {
        let opening = self.reader.require::<Opening>(OPENING_BYTES, What::Opening);
        let opening = within(self.shared.limits.receive, RECEIVING, opening).await?;
        self.shared.traffic.streams.one();
        match opening {
            Opening::Hello => self.hello().await,
            Opening::Call => call::serve(self).await,
            Opening::GetBlob { digest, offset } => blob::get(self, digest, offset).await,
            Opening::PutBlob { digest, size } => blob::put(self, digest, size).await,
            Opening::Subscribe { after } => feed::serve(self, after).await,
        }
    }

    async fn hello(&mut self) -> Result<(), Failure> {
        self.receive_end().await?;
        let limits = &self.shared.limits;
        let welcome = Welcome {
            frame_bytes: limits.frame_bytes,
            blob_bytes: limits.blob_bytes,
            heartbeat_ms: millis(limits.heartbeat),
        };
        self.reply(welcome).await
    }

    /// Answers with a control value.
    pub(super) async fn reply<T: BorshSerialize>(&mut self, value: T) -> Result<(), Failure> {
        Ok(self.writer.frame(&Reply::Done(value), CONTROL_BYTES).await?)
    }

    /// Checks that the peer has nothing more to say.
    pub(super) async fn receive_end(&mut self) -> Result<(), Failure> {
        Ok(within(self.shared.limits.receive, RECEIVING, self.reader.end()).await?)
    }
}

async fn finish(streams: &mut JoinSet<()>) {
    while streams.join_next().await.is_some() {}
}

impl<S: Service, B: Blobs, F: Feed> Exchange<S, B, F> {
    /// Runs `future` in a task of its own, so that it is carried through even if the peer is gone before it ends.
    pub(super) async fn carry_through<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        let running = self.shared.running.subscribe();
        let task = tokio::spawn(async move {
            let result = future.await;
            drop(running);
            result
        });
        tokio::select! {
            biased;
            result = task => result.map_err(|_| Failure::Rejected(Rejection::Failed)),
            error = self.connection.closed() => Err(Failure::Cut(error.into())),
        }
    }
}
