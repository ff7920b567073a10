//! The connecting side: one connection to one server whose key is known.
//!
//! A `Client` is cheap to clone and safe to share; every call, transfer and subscription is a stream of its own.
//! It does not reconnect: see `ReconnectingClient`.

mod blob;
mod feed;
mod reconnect;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use borsh::{BorshDeserialize, BorshSerialize};
use quinn::{Connection, ConnectionError, Endpoint};

pub use blob::BlobPrefix;
pub use feed::Subscription;
pub use reconnect::{Backoff, Follower, ReconnectingClient};

use crate::endpoint;
use crate::error::NetworkError;
use crate::frame::{self, What};
use crate::key::{Identity, PeerKey};
use crate::limits::Limits;
use crate::stream::{Reader, Writer, within};
use crate::tls;
use crate::traffic::{CallStats, Traffic};
use crate::wire::{CLOSE_FINISHED, CONTROL_BYTES, OPENING_BYTES, Opening, Reply, Welcome};

/// A connection to a server.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    connection: Connection,
    server: PeerKey,
    limits: Limits,
    frame_bytes: u32,
    heartbeat: Duration,
    traffic: Arc<Traffic>,
}

/// A stream on which the opening has been sent.
struct Exchange {
    reader: Reader,
    writer: Writer,
    started: Instant,
}

impl Client {
    /// Connects to `address` as `identity` and checks that the server there holds the key `server` and admits us.
    ///
    /// # Errors
    /// `WrongServerKey`, `Refused` with the reason, `Handshake`, or `TimedOut` after `Limits::handshake`.
    pub async fn connect(
        address: SocketAddr,
        identity: &Identity,
        server: PeerKey,
        limits: &Limits,
    ) -> Result<Self, NetworkError> {
        limits.check()?;
        let traffic = Arc::<Traffic>::default();
        let hello = async {
            let (endpoint, connection) = handshake(address, identity, server, limits).await?;
            let (writer, mut reader) =
                open(&connection, &Opening::Hello, &[], limits, &traffic).await?;
            drop(writer);
            let welcome = reader.require::<Reply<Welcome>>(CONTROL_BYTES, What::Response).await?;
            Ok((endpoint, connection, accepted(welcome)?))
        };
        let (endpoint, connection, welcome) = within(limits.handshake, "connecting", hello).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                endpoint,
                connection,
                server,
                frame_bytes: welcome.frame_bytes.min(limits.frame_bytes),
                heartbeat: Duration::from_millis(welcome.heartbeat_ms),
                limits: limits.clone(),
                traffic,
            }),
        })
    }

    /// The server's key.
    pub fn server(&self) -> PeerKey {
        self.inner.server
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.inner.connection.remote_address()
    }

    /// Counters of this connection.
    pub fn traffic(&self) -> &Traffic {
        &self.inner.traffic
    }

    /// Whether the connection still stands, as far as is known here.
    pub fn is_open(&self) -> bool {
        self.inner.connection.close_reason().is_none()
    }

    /// Closes the connection, for all clones. Dropping the last clone does so too.
    pub fn close(&self) {
        self.inner.connection.close(CLOSE_FINISHED, b"");
    }

    /// Closes the connection and waits until the server has been told, so that it holds no place for a process
    /// that ends now; no longer than `Limits::handshake`.
    pub async fn finish(&self) {
        self.close();
        let _ = tokio::time::timeout(self.inner.limits.handshake, self.inner.endpoint.wait_idle())
            .await;
    }

    /// Asks the server. `Resp` must be the response type that the server's service has for `Req`.
    ///
    /// # Errors
    /// `Unsendable` before anything is sent, `Rejected` by the server, `TimedOut` after `Limits::call`, or an error
    /// of the connection. After any error that `is_transient`, the server may or may not have acted.
    pub async fn call<Req, Resp>(&self, request: &Req) -> Result<Resp, NetworkError>
    where
        Req: BorshSerialize,
        Resp: BorshDeserialize,
    {
        self.call_with_stats(request).await.map(|(response, _)| response)
    }

    /// Like `call`, and says what it cost.
    ///
    /// # Errors
    /// As `call`.
    pub async fn call_with_stats<Req, Resp>(
        &self,
        request: &Req,
    ) -> Result<(Resp, CallStats), NetworkError>
    where
        Req: BorshSerialize,
        Resp: BorshDeserialize,
    {
        let mut encoded = Vec::new();
        frame::encode(request, self.inner.frame_bytes, &mut encoded)
            .map_err(NetworkError::Unsendable)?;
        let call = async {
            let mut exchange = self.open(&Opening::Call, &encoded).await?;
            let limit_bytes = self.inner.limits.answer_bytes;
            let reply = exchange.reader.require::<Reply<Resp>>(limit_bytes, What::Response).await?;
            let response = accepted(reply)?;
            exchange.reader.end().await?;
            Ok((response, exchange.stats()))
        };
        within(self.inner.limits.call, "the call", call).await
    }

    /// The connection itself, for tests that break the rules.
    #[cfg(test)]
    pub(crate) fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// Opens a stream, sends the opening and one more frame, and ends the sending side.
    async fn open(&self, opening: &Opening, frame: &[u8]) -> Result<Exchange, NetworkError> {
        let started = Instant::now();
        let Inner { connection, limits, traffic, .. } = &*self.inner;
        let (writer, reader) = open(connection, opening, frame, limits, traffic).await?;
        Ok(Exchange { reader, writer, started })
    }
}

impl Exchange {
    fn stats(&self) -> CallStats {
        CallStats {
            sent_bytes: self.writer.sent_bytes(),
            received_bytes: self.reader.received_bytes(),
            elapsed: self.started.elapsed(),
        }
    }
}

/// What a reply says.
fn accepted<T>(reply: Reply<T>) -> Result<T, NetworkError> {
    match reply {
        Reply::Done(value) => Ok(value),
        Reply::Rejected(rejection) => Err(NetworkError::Rejected(rejection)),
    }
}

async fn open(
    connection: &Connection,
    opening: &Opening,
    frame: &[u8],
    limits: &Limits,
    traffic: &Arc<Traffic>,
) -> Result<(Writer, Reader), NetworkError> {
    let (mut writer, reader) = begin(connection, limits, traffic).await?;
    let mut encoded = Vec::with_capacity(frame.len() + OPENING_BYTES as usize);
    frame::encode(opening, OPENING_BYTES, &mut encoded).map_err(NetworkError::Unsendable)?;
    encoded.extend_from_slice(frame);
    let count = 1 + u64::from(!frame.is_empty());
    match writer.frames(&encoded, count).await {
        // A server that has already said why it wants no more is heard out by reading its reply.
        Ok(()) | Err(NetworkError::Cut(_)) => writer.finish(),
        Err(error) => return Err(error),
    }
    Ok((writer, reader))
}

async fn begin(
    connection: &Connection,
    limits: &Limits,
    traffic: &Arc<Traffic>,
) -> Result<(Writer, Reader), NetworkError> {
    let (send, receive) = connection.open_bi().await?;
    traffic.streams.one();
    let writer = Writer::new(send, traffic.clone(), limits.send);
    Ok((writer, Reader::new(receive, traffic.clone())))
}

async fn handshake(
    address: SocketAddr,
    identity: &Identity,
    expected: PeerKey,
    limits: &Limits,
) -> Result<(Endpoint, Connection), NetworkError> {
    let presented = Arc::new(OnceLock::new());
    let crypto = tls::client_config(identity, expected, presented.clone());
    let config = endpoint::client_config(crypto.map_err(NetworkError::Tls)?, limits);
    let (endpoint, ..) = endpoint::client(address, identity)?;
    let connecting = endpoint
        .connect_with(config, address, tls::SERVER_NAME)
        .map_err(|source| NetworkError::Address { address, source })?;
    match connecting.await {
        Ok(connection) => Ok((endpoint, connection)),
        Err(error) => Err(match presented.get() {
            Some(found) if *found != expected => {
                NetworkError::WrongServerKey { address, expected, found: *found }
            }
            _ => not_connected(address, error),
        }),
    }
}

fn not_connected(address: SocketAddr, error: ConnectionError) -> NetworkError {
    match NetworkError::from(error) {
        NetworkError::Lost(source) => NetworkError::Handshake { address, source },
        other => other,
    }
}
