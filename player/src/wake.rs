//! What makes a level-triggered player look again: news on the feed, or time.

use std::time::Duration;

use gainsay_network::Follower;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::client::ArbiterClient;

/// Items that follow the first one within this time are the same news.
const TOGETHER: Duration = Duration::from_millis(5);

/// Wakes a player. Missing a wake-up costs at most one poll interval, never a move.
#[derive(Debug)]
pub struct Wake {
    client: ArbiterClient,
    follower: Option<Follower>,
    poll: Duration,
    // Kept over a cancelled wait: when to wake without news, and when to with the news there is.
    due: Option<Instant>,
    news: Option<Instant>,
}

impl Wake {
    /// Wakes on news from now on, and at least once every `poll`.
    pub fn new(client: ArbiterClient, poll: Duration) -> Self {
        Self { client, follower: None, poll, due: None, news: None }
    }

    /// Waits for news or the end of the interval. Cancel-safe.
    pub async fn next(&mut self) {
        let due = *self.due.get_or_insert_with(|| Instant::now() + self.poll);
        while self.news.is_none() {
            let news = tokio::select! {
                () = sleep_until(due) => break,
                news = first(&self.client, &mut self.follower) => news,
            };
            if news {
                self.news = Some(Instant::now() + TOGETHER);
            } else {
                // No feed: the interval is all there is.
                self.follower = None;
                sleep_until(due).await;
                break;
            }
        }
        if let (Some(until), Some(follower)) = (self.news, &mut self.follower) {
            let rest = async { while follower.next().await.is_ok() {} };
            let _ = tokio::time::timeout_at(until, rest).await;
        }
        (self.due, self.news) = (None, None);
    }
}

/// Waits for the next item; false if the feed cannot be followed. What may have been missed before the feed is
/// followed counts as news.
async fn first(client: &ArbiterClient, follower: &mut Option<Follower>) -> bool {
    let Some(follower) = follower else {
        return match client.latest_sequence().await {
            Ok(latest) => {
                *follower = Some(client.subscribe(latest));
                true
            }
            Err(error) => {
                debug!(%error, "the feed cannot be followed");
                false
            }
        };
    };
    follower.next().await.inspect_err(|error| debug!(%error, "the feed broke off")).is_ok()
}
