//! What makes a level-triggered player look again: news on the feed, or time.

use std::time::Duration;

use gainsay_network::Follower;
use tracing::debug;

use crate::client::ArbiterClient;

/// Items that follow one another closer than this are one piece of news.
const TOGETHER: Duration = Duration::from_millis(5);

/// Wakes a player. Missing a wake-up costs at most one poll interval, never a move.
#[derive(Debug)]
pub struct Wake {
    client: ArbiterClient,
    follower: Option<Follower>,
    poll: Duration,
}

impl Wake {
    /// Wakes on news from now on, and at least once every `poll`.
    pub fn new(client: ArbiterClient, poll: Duration) -> Self {
        Self { client, follower: None, poll }
    }

    /// Waits for news or the end of the interval. Cancel-safe.
    pub async fn next(&mut self) {
        let poll = self.poll;
        let _ = tokio::time::timeout(poll, self.news()).await;
    }

    /// Waits for news and takes what follows at once with it.
    async fn news(&mut self) {
        let Some(follower) = self.follow().await else {
            return std::future::pending().await;
        };
        match follower.next().await {
            Ok(_) => while let Ok(Ok(_)) = tokio::time::timeout(TOGETHER, follower.next()).await {},
            Err(error) => {
                debug!(%error, "the feed cannot be followed; polling instead");
                self.follower = None;
                std::future::pending().await
            }
        }
    }

    async fn follow(&mut self) -> Option<&mut Follower> {
        if self.follower.is_none() {
            let latest = self.client.latest_sequence().await.ok()?;
            self.follower = Some(self.client.subscribe(latest));
        }
        self.follower.as_mut()
    }
}
