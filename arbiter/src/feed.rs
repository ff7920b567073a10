//! The feed: a notice for every committed log entry that concerns anybody, read from the log itself.
//!
//! A sequence is a log index plus one, so a subscriber that was away asks for what came after the last one it saw
//! and has missed nothing. What an item says is only that something happened to a job; who is told fetches the job.

use std::io;
use std::sync::Arc;

use gainsay_network::{Feed, FeedItem};
use tokio::sync::watch;

use crate::error::Chain;
use crate::store::Store;

/// The most items in one answer.
const MOST: u32 = 1024;

/// The feed of a store.
#[derive(Clone)]
pub struct LogFeed {
    store: Arc<dyn Store>,
    latest: watch::Sender<u64>,
}

impl std::fmt::Debug for LogFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogFeed").field("latest", &self.latest).finish_non_exhaustive()
    }
}

impl LogFeed {
    /// The feed of `store`, whose highest sequence is `head`.
    pub fn new(store: Arc<dyn Store>, head: u64) -> Self {
        Self { store, latest: watch::Sender::new(head) }
    }

    /// The log entry at `index` is durable and on the feed.
    pub fn published(&self, index: u64) {
        let sequence = index.saturating_add(1);
        self.latest.send_if_modified(|latest| {
            let is_new = sequence > *latest;
            *latest = sequence.max(*latest);
            is_new
        });
    }
}

impl Feed for LogFeed {
    fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    async fn since(&self, after: u64, limit: usize) -> io::Result<Vec<FeedItem>> {
        let limit = u32::try_from(limit).unwrap_or(MOST).min(MOST);
        let items = self.store.feed(after, limit).await;
        items.map_err(|error| io::Error::other(Chain(&error).to_string()))
    }
}
