//! Following a server's feed.

use std::time::Duration;

use super::{Client, accepted};
use crate::error::NetworkError;
use crate::frame::What;
use crate::stream::{Reader, within};
use crate::wire::{CONTROL_BYTES, FeedItem, FeedMessage, Following, Reply};

/// Heartbeats that may be missed before the server is taken for dead.
const MISSED: u32 = 4;

/// The longest silence believed, whatever heartbeat a server announces.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);

/// A feed being followed. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    reader: Reader,
    last: u64,
    latest: u64,
    patience: Duration,
    // Dropping the connection would end the stream.
    _client: Client,
}

impl Client {
    /// Follows the feed from the first item after sequence `after`.
    ///
    /// # Errors
    /// `Rejected` if the server has no feed, or not for us; or an error of the connection.
    pub async fn subscribe(&self, after: u64) -> Result<Subscription, NetworkError> {
        let opened = async {
            let opening = crate::wire::Opening::Subscribe { after };
            let mut exchange = self.open(&opening, &[]).await?;
            let reply =
                exchange.reader.require::<Reply<Following>>(CONTROL_BYTES, What::FeedMessage);
            let Following { latest } = accepted(reply.await?)?;
            Ok((exchange.reader, latest))
        };
        let (reader, latest) = within(self.inner.limits.call, "subscribing", opened).await?;
        let patience = self.inner.heartbeat.saturating_mul(MISSED).min(LONGEST_SILENCE);
        Ok(Subscription { reader, last: after, latest, patience, _client: self.clone() })
    }
}

impl Subscription {
    /// The next item. Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// `TimedOut` when four heartbeats are missing, `FeedOrder`, `FeedEnded`, or an error of the connection. Subscribe again
    /// after `last`.
    pub async fn next(&mut self) -> Result<FeedItem, NetworkError> {
        loop {
            let message = self.reader.next::<FeedMessage>(CONTROL_BYTES, What::FeedMessage);
            match within(self.patience, "the feed", message).await? {
                None => return Err(NetworkError::FeedEnded),
                Some(FeedMessage::Heartbeat { latest }) => self.latest = latest.max(self.latest),
                Some(FeedMessage::Item(item)) if item.sequence <= self.last => {
                    return Err(NetworkError::FeedOrder { last: self.last, found: item.sequence });
                }
                Some(FeedMessage::Item(item)) => {
                    self.last = item.sequence;
                    self.latest = item.sequence.max(self.latest);
                    return Ok(item);
                }
            }
        }
    }

    /// The sequence of the last item received, or the one the subscription started after.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The highest sequence that the server has spoken of.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// Bytes received so far.
    pub fn received_bytes(&self) -> u64 {
        self.reader.received_bytes()
    }
}
