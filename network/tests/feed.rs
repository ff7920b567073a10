//! Subscriptions over real loopback connections.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::io;
use std::time::Duration;

use common::{Desk, Running, echo, identity};
use gainsay_network::{
    Client, Feed, FeedItem, Limits, MemoryFeed, NetworkError, PeerKey, Rejection, Server,
    Subscription,
};
use tokio::sync::{oneshot, watch};

fn topic(number: u64) -> [u8; 32] {
    let mut topic = [0; 32];
    topic[..8].copy_from_slice(&number.to_le_bytes());
    topic
}

fn push(feed: &MemoryFeed, numbers: std::ops::Range<u64>) {
    for number in numbers {
        feed.push(topic(number), number as u8);
    }
}

async fn expect(subscription: &mut Subscription, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let expected = FeedItem { sequence: number + 1, topic: topic(number), kind: number as u8 };
        assert_eq!(subscription.next().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_subscriber_gets_what_was_and_what_comes_in_order() {
    let server = Running::start(Limits::default());
    push(&server.feed, 0..200);
    let client = server.connect(2).await.unwrap();
    let mut all = client.subscribe(0).await.unwrap();
    assert_eq!(all.latest(), 200);
    let mut later = client.subscribe(150).await.unwrap();
    expect(&mut all, 0..200).await;
    expect(&mut later, 150..200).await;
    push(&server.feed, 200..300);
    expect(&mut all, 200..300).await;
    expect(&mut later, 200..300).await;
    assert_eq!((all.last(), server.traffic.snapshot().subscriptions_open), (300, 2));
    server.stop().await;
}

#[tokio::test]
async fn dropping_the_future_of_next_loses_nothing() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let mut subscription = client.subscribe(0).await.unwrap();
    let feed = server.feed.clone();
    let pushing = tokio::spawn(async move {
        for number in 0..500 {
            push(&feed, number..number + 1);
            tokio::task::yield_now().await;
        }
    });
    let mut seen = 0;
    while seen < 500 {
        tokio::select! {
            biased;
            item = subscription.next() => {
                seen += 1;
                assert_eq!(item.unwrap().sequence, seen);
            }
            () = tokio::task::yield_now() => {}
        }
    }
    pushing.await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_blocks_nobody_and_misses_nothing() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let mut slow = client.subscribe(0).await.unwrap();
    let mut quick = server.connect(3).await.unwrap().subscribe(0).await.unwrap();
    // More than a stream's window holds.
    push(&server.feed, 0..20_000);
    expect(&mut quick, 0..20_000).await;
    assert_eq!(echo(&client, b"still served").await.unwrap(), b"still served");
    expect(&mut slow, 0..20_000).await;
    server.stop().await;
}

#[tokio::test]
async fn heartbeats_keep_a_quiet_feed_alive_and_their_absence_ends_it() {
    let heartbeat = Duration::from_millis(20);
    let server = Running::start(Limits { heartbeat, ..Limits::default() });
    let client = server.connect(2).await.unwrap();
    let mut subscription = client.subscribe(0).await.unwrap();
    let quiet = tokio::time::timeout(heartbeat * 10, subscription.next()).await;
    assert!(quiet.is_err(), "nothing happened, yet {quiet:?}");
    assert!(subscription.received_bytes() > 100);
    push(&server.feed, 0..1);
    expect(&mut subscription, 0..1).await;
    server.stop().await;
    let error = subscription.next().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_four_heartbeats() {
    // The server promises a heartbeat every 10 ms and its feed never lets it come to that.
    let limits = Limits { heartbeat: Duration::from_millis(10), ..Limits::default() };
    let (address, key, stop) = serve(limits, Stuck(watch::channel(1).0));
    let client = Client::connect(address, &identity(2), key, &Limits::default()).await.unwrap();
    let mut subscription = client.subscribe(0).await.unwrap();
    let error = subscription.next().await.unwrap_err();
    assert!(matches!(error, NetworkError::TimedOut { what: "the feed", .. }), "{error}");
    drop(stop);
}

#[tokio::test]
async fn subscriptions_of_a_connection_are_bounded() {
    let server = Running::start(Limits { subscriptions: 2, ..Limits::default() });
    let client = server.connect(2).await.unwrap();
    let first = client.subscribe(0).await.unwrap();
    let _second = client.subscribe(0).await.unwrap();
    let error = client.subscribe(0).await.unwrap_err();
    let expected = Rejection::TooManySubscriptions;
    assert!(matches!(error, NetworkError::Rejected(found) if found == expected), "{error}");
    drop(first);
    while client.subscribe(0).await.is_err() {}
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_follow_the_feed_is_told_so() {
    let (address, key, stop) = serve(Limits::default(), Closed);
    let client = Client::connect(address, &identity(2), key, &Limits::default()).await.unwrap();
    let error = client.subscribe(0).await.unwrap_err();
    assert!(matches!(error, NetworkError::Rejected(Rejection::NotAllowed)), "{error}");
    drop(stop);
}

#[tokio::test]
async fn a_feed_that_fails_or_goes_backwards_is_cut_off() {
    for feed in [Broken::Fails, Broken::Backwards] {
        let (address, key, stop) = serve(Limits::default(), feed);
        let client = Client::connect(address, &identity(2), key, &Limits::default()).await.unwrap();
        // The cut may overtake the server's word that the subscription stands.
        let error = match client.subscribe(0).await {
            Ok(mut subscription) => subscription.next().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, NetworkError::Cut(_)), "{error}");
        drop(stop);
    }
}

/// Runs a server with `feed` until the sender is dropped.
fn serve(limits: Limits, feed: impl Feed) -> (std::net::SocketAddr, PeerKey, oneshot::Sender<()>) {
    let server = Server::bind(common::LOOPBACK, &identity(1), limits, Desk::default())
        .unwrap()
        .with_feed(feed);
    let (address, key) = (server.local_addr(), server.key());
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    (address, key, stop)
}

/// Has something new and never says what.
struct Stuck(watch::Sender<u64>);

impl Feed for Stuck {
    fn latest(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    async fn since(&self, _after: u64, _limit: usize) -> io::Result<Vec<FeedItem>> {
        std::future::pending().await
    }
}

struct Closed;

impl Feed for Closed {
    fn latest(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    async fn since(&self, _after: u64, _limit: usize) -> io::Result<Vec<FeedItem>> {
        Ok(Vec::new())
    }

    fn may_subscribe(&self, peer: PeerKey) -> bool {
        peer == identity(1).public()
    }
}

enum Broken {
    Fails,
    Backwards,
}

impl Feed for Broken {
    fn latest(&self) -> watch::Receiver<u64> {
        watch::channel(9).1
    }

    async fn since(&self, _after: u64, _limit: usize) -> io::Result<Vec<FeedItem>> {
        let item = |sequence| FeedItem { sequence, topic: [0; 32], kind: 0 };
        match self {
            Self::Fails => Err(io::ErrorKind::Other.into()),
            Self::Backwards => Ok(vec![item(2), item(1)]),
        }
    }
}
