//! Servers that stop, crash and come back.

mod common;

use std::time::{Duration, Instant};

use common::{Answer, Ask, Kept, LOOPBACK, Running, identity};
use gainsay_network::{Limits, NetworkError};

#[tokio::test]
async fn a_client_recovers_when_the_server_restarts_on_its_port() {
    let server = Running::start(Limits::default());
    let client = server.reconnecting(2);
    let you = Answer::You(identity(2).public());
    assert_eq!(client.call::<Ask, Answer>(&Ask::WhoAmI).await.unwrap(), you);
    let (address, kept) = (server.address, server.kept());
    // `run` returns only when the port is free, so binding it again cannot fail.
    server.stop().await;
    let server = Running::start_at(address, Limits::default(), kept);
    assert_eq!(client.call::<Ask, Answer>(&Ask::WhoAmI).await.unwrap(), you);
    server.stop().await;
}

#[tokio::test]
async fn a_call_lost_in_transit_is_reported_and_the_next_one_succeeds() {
    let server = Running::start(Limits { drain: Duration::from_millis(20), ..Limits::default() });
    let client = server.reconnecting(2);
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.call::<Ask, Answer>(&Ask::Wait).await })
    };
    server.desk.arrivals(1).await;
    let (address, kept) = (server.address, server.kept());
    server.stop().await;
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.is_transient(), "{error}");
    let server = Running::start_at(address, Limits::default(), kept);
    client.call::<Ask, Answer>(&Ask::WhoAmI).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_still_answers_what_it_has_begun() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let waiting = tokio::spawn(async move { client.call::<Ask, Answer>(&Ask::Wait).await });
    server.desk.arrivals(1).await;
    let desk = server.desk.clone();
    let stopping = tokio::spawn(server.stop());
    desk.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap(), Answer::Done);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_and_restarted_is_noticed_before_the_idle_timeout() {
    let kept = Kept::default();
    let killed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let killed = killed.unwrap();
    let server = {
        let _inside = killed.enter();
        Running::start_at(LOOPBACK, Limits::default(), kept.clone())
    };
    let client = server.reconnecting(2);
    let mut follower = client.follow(0);
    kept.feed.push([1; 32], 1);
    assert_eq!(follower.next().await.unwrap().sequence, 1);

    let started = Instant::now();
    let (address, desk) = (server.address, kept.desk.clone());
    // Kills every task of the server at once; nobody says goodbye.
    let kill = move || killed.shutdown_timeout(Duration::from_secs(5));
    tokio::task::spawn_blocking(kill).await.unwrap();
    drop(server);
    let server = Running::start_at(address, Limits::default(), kept.clone());
    kept.feed.push([2; 32], 2);
    assert_eq!(follower.next().await.unwrap().sequence, 2);
    let answer = client.call::<Ask, Answer>(&Ask::WhoAmI).await.unwrap();
    assert_eq!(answer, Answer::You(identity(2).public()));
    assert!(started.elapsed() < Limits::default().idle, "{:?}", started.elapsed());
    drop(desk);
    server.stop().await;
}

#[tokio::test]
async fn a_follower_misses_nothing_and_gets_nothing_twice_across_restarts() {
    let mut server = Running::start(Limits::default());
    let client = server.reconnecting(2);
    let mut follower = client.follow(0);
    let mut expected = 0;
    for _ in 0..3 {
        for _ in 0..100 {
            server.feed.push([0; 32], 0);
        }
        for _ in 0..50 {
            expected += 1;
            assert_eq!(follower.next().await.unwrap().sequence, expected);
        }
        let (address, kept) = (server.address, server.kept());
        server.stop().await;
        server = Running::start_at(address, Limits::default(), kept);
    }
    while expected < 300 {
        expected += 1;
        assert_eq!(follower.next().await.unwrap().sequence, expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_server_key_is_not_tried_again() {
    let server = Running::start(Limits::default());
    let mut wrong = server.reconnecting(2);
    wrong = gainsay_network::ReconnectingClient::new(
        server.address,
        identity(2),
        identity(9).public(),
        Limits::default(),
        wrong.backoff(),
    );
    let error = wrong.call::<Ask, Answer>(&Ask::WhoAmI).await.unwrap_err();
    assert!(matches!(error, NetworkError::WrongServerKey { .. }), "{error}");
    assert_eq!(server.traffic.snapshot().connections_accepted, 0);
    assert!(server.traffic.snapshot().handshakes_failed <= 1);
    server.stop().await;
}
