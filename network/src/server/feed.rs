//! Subscriptions: each reads the feed at its own pace.
//!
//! A subscriber that does not read blocks on its own flow control, here, and nobody else. When it is cut off for
//! that, it asks again from the last sequence it saw and has missed nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tracing::warn;

use super::connection::{Exchange, Failure};
use crate::error::NetworkError;
use crate::frame;
use crate::service::{Blobs, Feed, Service};
use crate::traffic::Traffic;
use crate::wire::{CONTROL_BYTES, FeedMessage, Following, Rejection};

/// Items read from the feed at once: a few kilobytes of frames.
const BATCH: usize = 64;

/// Sends what comes after `after` until the peer, the connection or the server ends it.
pub(super) async fn serve<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
    after: u64,
) -> Result<(), Failure> {
    exchange.receive_end().await?;
    let shared = exchange.shared.clone();
    if !shared.feed.is_served() {
        return Err(Rejection::NotServed.into());
    }
    if !shared.feed.may_subscribe(exchange.peer) {
        return Err(Rejection::NotAllowed.into());
    }
    let _slot = Slot::take(&exchange.subscriptions, shared.limits.subscriptions, &shared.traffic)?;
    let mut latest = shared.feed.latest();
    let mut stopping = shared.stopping.clone();
    let mut last = after;
    let head = *latest.borrow();
    exchange.reply(Following { latest: head }).await?;
    loop {
        let head = *latest.borrow_and_update();
        while last < head && !*stopping.borrow() {
            match send_batch(exchange, last).await? {
                Some(sent) => last = sent,
                None => break,
            }
        }
        match wait(exchange, &mut latest, &mut stopping).await {
            Wake::Changed => {}
            Wake::Quiet => {
                let beat = FeedMessage::Heartbeat { latest: *latest.borrow() };
                exchange.writer.frame(&beat, CONTROL_BYTES).await.map_err(Failure::Cut)?;
            }
            Wake::Over => return Ok(()),
            Wake::Stopping => return Err(Failure::Stopping),
        }
    }
}

/// Why a subscription goes on or ends.
enum Wake {
    /// There may be something new.
    Changed,
    /// Nothing happened for a heartbeat's time.
    Quiet,
    /// The subscriber has gone, or the feed has.
    Over,
    /// The server is stopping.
    Stopping,
}

async fn wait<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
    latest: &mut watch::Receiver<u64>,
    stopping: &mut watch::Receiver<bool>,
) -> Wake {
    let heartbeat = exchange.shared.limits.heartbeat;
    let unsubscribed = exchange.writer.stopped();
    tokio::select! {
        changed = latest.changed() => if changed.is_ok() { Wake::Changed } else { Wake::Over },
        () = tokio::time::sleep(heartbeat) => Wake::Quiet,
        () = unsubscribed => Wake::Over,
        _ = exchange.connection.closed() => Wake::Over,
        _ = stopping.wait_for(|stopping| *stopping) => Wake::Stopping,
    }
}

/// Sends the items that follow `last`, and says which was the last of them; nothing if there are none.
async fn send_batch<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
    last: u64,
) -> Result<Option<u64>, Failure> {
    let items = exchange.shared.feed.since(last, BATCH).await.map_err(|error| {
        warn!(%error, "the feed failed");
        Failure::Cut(NetworkError::Local(error))
    })?;
    let mut sent = last;
    let mut frames = Vec::new();
    for item in &items {
        if item.sequence <= sent {
            warn!(last = sent, found = item.sequence, "the feed is out of order");
            return Err(Failure::Cut(NetworkError::FeedOrder { last: sent, found: item.sequence }));
        }
        sent = item.sequence;
        frame::encode(&FeedMessage::Item(*item), CONTROL_BYTES, &mut frames)
            .map_err(NetworkError::Unsendable)
            .map_err(Failure::Cut)?;
    }
    exchange.writer.frames(&frames, items.len() as u64).await.map_err(Failure::Cut)?;
    exchange.shared.traffic.feed_items_out.add(items.len() as u64);
    Ok((sent > last).then_some(sent))
}

/// One subscription of a connection.
struct Slot {
    taken: Arc<AtomicUsize>,
    traffic: Arc<Traffic>,
}

impl Slot {
    fn take(
        taken: &Arc<AtomicUsize>,
        limit: usize,
        traffic: &Arc<Traffic>,
    ) -> Result<Self, Rejection> {
        taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < limit).then_some(count + 1)
            })
            .map_err(|_| Rejection::TooManySubscriptions)?;
        traffic.subscriptions_open.one();
        Ok(Self { taken: taken.clone(), traffic: traffic.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.traffic.subscriptions_open.less_one();
    }
}
