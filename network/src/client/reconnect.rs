//! A client that connects again when its connection is lost.
//!
//! Connecting is retried, calls are not: whether the server acted on a call that was lost in transit is not known, so
//! the caller is told and decides. The daemons are level-triggered and find out by asking for the state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use tokio::sync::Mutex;
use tracing::debug;

use super::{Client, Subscription};
use crate::error::NetworkError;
use crate::key::{Identity, PeerKey};
use crate::limits::Limits;
use crate::traffic::CallStats;
use crate::wire::FeedItem;

/// How connecting is retried: after `first`, twice that, and so on up to `longest`, each shortened by up to
/// half at random, so that clients of a server that comes back do not all arrive in the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// Attempts before giving up; at least one is made.
    pub attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(50), longest: Duration::from_secs(5), attempts: 10 }
    }
}

impl Backoff {
    /// The pause after failed attempt number `attempt`, counted from 0; `random` chooses within its range.
    pub fn pause(&self, attempt: u32, random: u32) -> Duration {
        let doubled =
            self.first.saturating_mul(1u32.checked_shl(attempt.min(31)).unwrap_or(u32::MAX));
        let full = doubled.min(self.longest);
        let half = full / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// A client that connects when it needs to.
#[derive(Debug, Clone)]
pub struct ReconnectingClient {
    target: Arc<Target>,
}

#[derive(Debug)]
struct Target {
    address: SocketAddr,
    identity: Identity,
    server: PeerKey,
    limits: Limits,
    backoff: Backoff,
    current: Mutex<Option<Client>>,
}

impl ReconnectingClient {
    /// A client for the server with key `server` at `address`. Nothing is sent yet.
    pub fn new(
        address: SocketAddr,
        identity: Identity,
        server: PeerKey,
        limits: Limits,
        backoff: Backoff,
    ) -> Self {
        let current = Mutex::new(None);
        Self { target: Arc::new(Target { address, identity, server, limits, backoff, current }) }
    }

    /// The server's key.
    pub fn server(&self) -> PeerKey {
        self.target.server
    }

    /// How connecting is retried.
    pub fn backoff(&self) -> Backoff {
        self.target.backoff
    }

    /// The connection, made now if there is none. Concurrent callers share one attempt.
    ///
    /// # Errors
    /// The last error, after `Backoff::attempts`; at once for one that waiting does not cure.
    pub async fn client(&self) -> Result<Client, NetworkError> {
        let Target { address, identity, server, limits, backoff, .. } = &*self.target;
        let mut current = self.target.current.lock().await;
        if let Some(client) = current.as_ref().filter(|client| client.is_open()) {
            return Ok(client.clone());
        }
        let mut attempt = 0;
        loop {
            let error = match Client::connect(*address, identity, *server, limits).await {
                Ok(client) => {
                    *current = Some(client.clone());
                    return Ok(client);
                }
                Err(error) => error,
            };
            attempt += 1;
            if attempt >= backoff.attempts || !error.is_transient() {
                return Err(error);
            }
            let pause = backoff.pause(attempt - 1, random());
            debug!(%address, %error, attempt, ?pause, "connecting failed");
            tokio::time::sleep(pause).await;
        }
    }

    /// Closes the connection, if there is one, and waits until the server has been told.
    pub async fn finish(&self) {
        let current = self.target.current.lock().await.take();
        if let Some(client) = current {
            client.finish().await;
        }
    }

    /// Asks the server, connecting first if need be.
    ///
    /// # Errors
    /// As `Client::call` and `client`. The call is made at most once.
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
        let client = self.client().await?;
        let result = client.call_with_stats(request).await;
        if result.as_ref().is_err_and(NetworkError::ends_connection) {
            client.close();
        }
        result
    }

    /// Follows the feed from the first item after sequence `after`, across connections.
    pub fn follow(&self, after: u64) -> Follower {
        Follower { client: self.clone(), last: after, failures: 0, subscription: None }
    }
}

/// A feed followed across connections: no item is missed and none comes twice.
#[derive(Debug)]
pub struct Follower {
    client: ReconnectingClient,
    last: u64,
    failures: u32,
    subscription: Option<Subscription>,
}

impl Follower {
    /// The next item. Connects and subscribes again as often as necessary. Cancel-safe.
    ///
    /// # Errors
    /// Those that waiting does not cure; and the last of `Backoff::attempts` failures in a row. Calling again goes on.
    pub async fn next(&mut self) -> Result<FeedItem, NetworkError> {
        loop {
            let error = match self.attempt().await {
                Ok(item) => {
                    self.failures = 0;
                    self.last = item.sequence;
                    return Ok(item);
                }
                Err(error) => error,
            };
            self.subscription = None;
            let backoff = self.client.target.backoff;
            let attempt = self.failures;
            self.failures += 1;
            if !error.is_transient() || self.failures >= backoff.attempts {
                self.failures = 0;
                return Err(error);
            }
            debug!(%error, last = self.last, "the feed broke off");
            tokio::time::sleep(backoff.pause(attempt, random())).await;
        }
    }

    async fn attempt(&mut self) -> Result<FeedItem, NetworkError> {
        let subscription = match &mut self.subscription {
            Some(subscription) => subscription,
            None => {
                let client = self.client.client().await?;
                self.subscription.insert(client.subscribe(self.last).await?)
            }
        };
        subscription.next().await
    }

    /// The sequence of the last item received, or the one following started after.
    pub fn last(&self) -> u64 {
        self.last
    }
}

/// Spreads pauses; without randomness they are simply the longest.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
