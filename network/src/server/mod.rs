//! The listening side: takes connections within the quotas and serves their streams.
//!
//! Every connection and every stream is a task of its own, and none of them waits for another: a peer that stalls,
//! floods or breaks the framing costs its own streams only. No task is cancelled; when a connection is gone,
//! its streams fail and their tasks end by themselves, which is why a service may hold a transaction.

mod blob;
mod call;
mod connection;
mod feed;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Endpoint, Incoming};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::debug;

use crate::endpoint::{self, OpenSocket};
use crate::error::NetworkError;
use crate::key::{Identity, PeerKey};
use crate::limits::Limits;
use crate::quota::{Attempt, HandshakeSlot, Quotas, Validated};
use crate::service::{Blobs, Feed, NoBlobs, NoFeed, Service};
use crate::traffic::Traffic;
use crate::wire::Refusal;

/// Time to say goodbye to peers that do not answer.
const GOODBYE: Duration = Duration::from_secs(2);

/// What all tasks of a server share.
pub(crate) struct Shared<S, B, F> {
    service: S,
    blobs: B,
    feed: F,
    limits: Limits,
    quotas: Arc<Quotas>,
    traffic: Arc<Traffic>,
    stopping: watch::Receiver<bool>,
    /// Every task that is carried through holds a receiver of this.
    running: watch::Sender<()>,
}

/// A server that is bound and not yet running.
pub struct Server<S, B = NoBlobs, F = NoFeed> {
    endpoint: Endpoint,
    socket: OpenSocket,
    address: SocketAddr,
    key: PeerKey,
    limits: Limits,
    traffic: Arc<Traffic>,
    service: S,
    blobs: B,
    feed: F,
}

impl<S: Service> Server<S> {
    /// Opens `address` (port 0 for any free one) under `identity`. Call it inside a Tokio runtime.
    ///
    /// Clients that connect before `run` wait.
    ///
    /// # Errors
    /// If the limits contradict one another or the address cannot be bound.
    pub fn bind(
        address: SocketAddr,
        identity: &Identity,
        limits: Limits,
        service: S,
    ) -> Result<Self, NetworkError> {
        limits.check()?;
        let (endpoint, address, socket) = endpoint::server(address, identity, &limits)?;
        Ok(Self {
            endpoint,
            socket,
            address,
            key: identity.public(),
            limits,
            traffic: Arc::default(),
            service,
            blobs: NoBlobs,
            feed: NoFeed,
        })
    }
}

impl<S: Service, B: Blobs, F: Feed> Server<S, B, F> {
    /// Serves `blobs` too.
    pub fn with_blobs<C: Blobs>(self, blobs: C) -> Server<S, C, F> {
        Server {
            endpoint: self.endpoint,
            socket: self.socket,
            address: self.address,
            key: self.key,
            limits: self.limits,
            traffic: self.traffic,
            service: self.service,
            blobs,
            feed: self.feed,
        }
    }

    /// Serves `feed` too.
    pub fn with_feed<G: Feed>(self, feed: G) -> Server<S, B, G> {
        Server {
            endpoint: self.endpoint,
            socket: self.socket,
            address: self.address,
            key: self.key,
            limits: self.limits,
            traffic: self.traffic,
            service: self.service,
            blobs: self.blobs,
            feed,
        }
    }

    /// The address bound, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The key that clients must expect.
    pub fn key(&self) -> PeerKey {
        self.key
    }

    /// The counters.
    pub fn traffic(&self) -> Arc<Traffic> {
        self.traffic.clone()
    }

    /// Serves until `stop` is ready, then lets running requests finish (at most `Limits::drain`), closes every
    /// connection and returns once the port is free.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (stopping_sender, stopping) = watch::channel(false);
        let Self { endpoint, socket, address, key, limits, traffic, service, blobs, feed } = self;
        let quotas = Quotas::new(limits.clone());
        let running = watch::Sender::new(());
        let shared =
            Arc::new(Shared { service, blobs, feed, limits, quotas, traffic, stopping, running });
        debug!(%address, %key, "serving");
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                incoming = endpoint.accept() => match incoming {
                    Some(incoming) => begin(&shared, incoming, &mut connections),
                    None => break,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        endpoint.set_server_config(None);
        let _ = stopping_sender.send(true);
        while connections.join_next().await.is_some() {}
        endpoint.close(Refusal::Stopping.code(), b"");
        // Calls whose peers are gone by now.
        let _ = tokio::time::timeout(shared.limits.drain, shared.running.closed()).await;
        let _ = tokio::time::timeout(GOODBYE, endpoint.wait_idle()).await;
        drop(endpoint);
        let _ = tokio::time::timeout(GOODBYE, released(&socket)).await;
        debug!(%address, "stopped");
    }
}

/// Waits for quinn's driver task to let go of the socket, which it does soon after the last handle is dropped.
async fn released(socket: &OpenSocket) {
    while socket.strong_count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Decides on a first packet.
fn begin<S: Service, B: Blobs, F: Feed>(
    shared: &Arc<Shared<S, B, F>>,
    incoming: Incoming,
    connections: &mut JoinSet<()>,
) {
    let address = incoming.remote_address();
    let validated =
        if incoming.remote_address_validated() { Validated::Yes } else { Validated::No };
    match shared.quotas.attempt(address.ip(), validated) {
        Attempt::Begin(slot) => {
            let shared = shared.clone();
            connections.spawn(async move { accept(shared, incoming, slot).await });
        }
        Attempt::Retry => {
            shared.traffic.retries_sent.one();
            // Not possible only for an address that is validated, which never gets here.
            let _ = incoming.retry();
        }
        Attempt::Refuse => {
            shared.traffic.connections_refused.one();
            debug!(%address, "refused: too many handshakes");
            incoming.refuse();
        }
    }
}

/// Finishes a handshake, admits the key, and serves the connection.
async fn accept<S: Service, B: Blobs, F: Feed>(
    shared: Arc<Shared<S, B, F>>,
    incoming: Incoming,
    slot: HandshakeSlot,
) {
    let address = incoming.remote_address();
    let handshake = tokio::time::timeout(shared.limits.handshake, incoming.into_future());
    let (connection, key) = match handshake.await {
        Ok(Ok(connection)) => match crate::tls::peer_key(&connection) {
            Some(key) => (connection, key),
            None => return shared.traffic.handshakes_failed.one(),
        },
        Ok(Err(error)) => {
            debug!(%address, %error, "handshake failed");
            return shared.traffic.handshakes_failed.one();
        }
        Err(_) => {
            debug!(%address, "handshake timed out");
            return shared.traffic.handshakes_failed.one();
        }
    };
    let admission = shared.service.admit(key);
    let slot = match shared.quotas.connect(slot, key, admission) {
        Ok(slot) => slot,
        Err(refusal) => {
            debug!(%address, %key, %refusal, "refused");
            shared.traffic.connections_refused.one();
            return connection.close(refusal.code(), b"");
        }
    };
    connection::serve(&shared, connection, slot).await;
}

#[cfg(test)]
mod tests;
