//! Requests, admission and quotas over real loopback connections.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Answer, Ask, Desk, Running, echo, identity, noise};
use gainsay_network::{
    Client, FRAME_BYTES_CAP, FrameError, Limits, NetworkError, Refusal, Rejection, Server,
};

#[tokio::test]
async fn a_call_is_answered_and_its_cost_is_told() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let request = Ask::Echo(noise(1000));
    let (answer, stats) = client.call_with_stats::<Ask, Answer>(&request).await.unwrap();
    assert_eq!(answer, Answer::Bytes(noise(1000)));
    // Opening frame 9 + 1; request and response 9 + 1 + 4 + 1000, the response with one byte more for the reply.
    assert_eq!((stats.sent_bytes, stats.received_bytes), (1024, 1015));
    client.close();
    server.stop().await;
}

#[tokio::test]
async fn both_sides_count_the_same_bytes() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    for length in [0, 1, 100_000] {
        assert_eq!(echo(&client, &noise(length)).await.unwrap(), noise(length));
    }
    let (ours, theirs) = (client.traffic().snapshot(), server.traffic.snapshot());
    assert_eq!((ours.bytes_out, ours.bytes_in), (theirs.bytes_in, theirs.bytes_out));
    assert_eq!((ours.frames_out, ours.frames_in), (theirs.frames_in, theirs.frames_out));
    assert_eq!((ours.streams, theirs.streams), (4, 4));
    assert_eq!((theirs.connections_open, theirs.connections_accepted), (1, 1));
    server.stop().await;
}

#[tokio::test]
async fn the_service_sees_the_key_that_the_client_proved() {
    let server = Running::start(Limits::default());
    for seed in [2, 3] {
        let client = server.connect(seed).await.unwrap();
        let answer = client.call::<Ask, Answer>(&Ask::WhoAmI).await.unwrap();
        assert_eq!(answer, Answer::You(identity(seed).public()));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_server_with_another_key_is_refused_with_both_keys_named() {
    let server = Running::start(Limits::default());
    let expected = identity(9).public();
    let error = Client::connect(server.address, &identity(2), expected, &Limits::default())
        .await
        .unwrap_err();
    let NetworkError::WrongServerKey { expected: named, found, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((*named, *found), (expected, server.key));
    assert!(!error.is_transient());
    let text = error.to_string();
    assert!(
        text.contains(&expected.to_string()) && text.contains(&server.key.to_string()),
        "{text}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_connection_too_many_of_one_key_is_refused_and_room_is_made_when_one_closes() {
    let server = Running::start(Limits { connections_per_key: 2, ..Limits::default() });
    let first = server.connect(2).await.unwrap();
    let _second = server.connect(2).await.unwrap();
    let error = server.connect(2).await.unwrap_err();
    assert!(matches!(error, NetworkError::Refused(Refusal::KeyQuota)), "{error}");
    let _other = server.connect(3).await.unwrap();
    first.close();
    while server.connect(2).await.is_err() {}
    assert!(server.traffic.snapshot().connections_refused >= 1);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_too_many_from_one_address_is_refused_except_for_reserved_keys() {
    let desk = Desk { reserved: vec![identity(9).public()], ..Desk::default() };
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    let server = Running::start_with(limits, desk);
    let _held = (server.connect(2).await.unwrap(), server.connect(3).await.unwrap());
    let error = server.connect(4).await.unwrap_err();
    assert!(matches!(error, NetworkError::Refused(Refusal::AddressQuota)), "{error}");
    let reserved = server.connect(9).await.unwrap();
    assert_eq!(echo(&reserved, b"here").await.unwrap(), b"here");
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_the_service_does_not_admit_is_told_so() {
    let desk = Desk { refused: vec![identity(2).public()], ..Desk::default() };
    let server = Running::start_with(Limits::default(), desk);
    let error = server.connect(2).await.unwrap_err();
    assert!(matches!(error, NetworkError::Refused(Refusal::NotAdmitted)), "{error}");
    assert!(!error.is_transient());
    server.stop().await;
}

#[tokio::test]
async fn streams_over_sixteen_wait_until_others_have_ended() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let mut calls: Vec<_> =
        (0..20).map(|_| Box::pin(client.call::<Ask, Answer>(&Ask::Wait))).collect();
    // The first stream was the greeting; its credit is not renewed until two more have ended.
    let arrived = server.desk.arrivals(15);
    let mut all = futures_util::future::join_all(calls.iter_mut());
    tokio::select! {
        _ = &mut all => panic!("answered before the gate was open"),
        () = arrived => {}
    }
    server.desk.gate.add_permits(20);
    for answer in all.await {
        assert_eq!(answer.unwrap(), Answer::Done);
    }
    assert!(server.desk.most_waiting.load(Ordering::SeqCst) <= 16);
    server.stop().await;
}

#[tokio::test]
async fn calls_of_one_key_are_bounded_over_its_connections_and_others_are_served() {
    let server = Running::start(Limits { calls_per_key: 2, ..Limits::default() });
    let (one, two) = (server.connect(2).await.unwrap(), server.connect(2).await.unwrap());
    let wait = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.call::<Ask, Answer>(&Ask::Wait).await })
    };
    let held = [wait(&one), wait(&two)];
    server.desk.arrivals(2).await;
    // Hanging up does not free a call that is still being answered.
    one.close();
    let error = echo(&two, b"now").await.unwrap_err();
    assert!(matches!(error, NetworkError::Rejected(Rejection::Busy)), "{error}");
    assert!(error.is_transient());
    let other = server.connect(3).await.unwrap();
    assert_eq!(echo(&other, b"now").await.unwrap(), b"now");
    server.desk.gate.add_permits(2);
    let [lost, answered] = held;
    assert!(lost.await.unwrap().is_err());
    assert_eq!(answered.await.unwrap().unwrap(), Answer::Done);
    server.stop().await;
}

#[tokio::test]
async fn a_request_over_the_servers_limit_is_not_sent() {
    let server = Running::start(Limits { frame_bytes: 100, ..Limits::default() });
    let client = server.connect(2).await.unwrap();
    let before = client.traffic().snapshot().bytes_out;
    let error = echo(&client, &noise(96)).await.unwrap_err();
    let expected = FrameError::TooLong { length: 101, limit: 100 };
    assert!(matches!(&error, NetworkError::Unsendable(found) if *found == expected), "{error}");
    assert_eq!(client.traffic().snapshot().bytes_out, before);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_longer_than_any_request_arrives() {
    let server = Running::start(Limits { frame_bytes: 100, ..Limits::default() });
    let client = server.connect(2).await.unwrap();
    let long = FRAME_BYTES_CAP + 12_345;
    let Answer::Bytes(bytes) = client.call::<Ask, Answer>(&Ask::Give(long)).await.unwrap() else {
        panic!("bytes were asked for");
    };
    assert_eq!(bytes.len(), long as usize);
    server.stop().await;
}

#[tokio::test]
async fn a_client_takes_no_longer_answer_than_it_allows() {
    let server = Running::start(Limits::default());
    let limits = Limits { answer_bytes: 1_000, ..Limits::default() };
    let client = Client::connect(server.address, &identity(2), server.key, &limits).await.unwrap();
    let error = client.call::<Ask, Answer>(&Ask::Give(1_000)).await.unwrap_err();
    let NetworkError::Frame(FrameError::TooLong { limit: 1_000, .. }) = error else {
        panic!("{error}");
    };
    server.stop().await;
}

#[tokio::test]
async fn a_response_over_the_limit_is_an_error_that_says_so() {
    let server = Running::start(Limits { answer_bytes: 100, ..Limits::default() });
    let client = server.connect(2).await.unwrap();
    let error = client.call::<Ask, Answer>(&Ask::Give(1 << 20)).await.unwrap_err();
    let NetworkError::Rejected(Rejection::Unsendable(FrameError::TooLong { limit: 100, .. })) =
        error
    else {
        panic!("{error}");
    };
    server.stop().await;
}

#[tokio::test]
async fn a_service_that_panics_fails_that_call_only() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let error = client.call::<Ask, Answer>(&Ask::Panic).await.unwrap_err();
    assert!(matches!(error, NetworkError::Rejected(Rejection::Failed)), "{error}");
    assert_eq!(echo(&client, b"still here").await.unwrap(), b"still here");
    server.stop().await;
}

#[tokio::test]
async fn a_call_without_an_answer_times_out_and_the_connection_lives_on() {
    let server = Running::start(Limits::default());
    let limits = Limits { call: Duration::from_millis(50), ..Limits::default() };
    let client = Client::connect(server.address, &identity(2), server.key, &limits).await.unwrap();
    let error = client.call::<Ask, Answer>(&Ask::Wait).await.unwrap_err();
    assert!(matches!(error, NetworkError::TimedOut { what: "the call", .. }), "{error}");
    assert!(client.is_open());
    server.desk.gate.add_permits(1);
    assert_eq!(
        client.call::<Ask, Answer>(&Ask::WhoAmI).await.unwrap(),
        Answer::You(identity(2).public())
    );
    server.stop().await;
}

#[tokio::test]
async fn nobody_at_the_address_is_an_error_within_the_handshake_limit() {
    let socket = std::net::UdpSocket::bind(common::LOOPBACK).unwrap();
    let limits = Limits { handshake: Duration::from_millis(50), ..Limits::default() };
    let address = socket.local_addr().unwrap();
    let error =
        Client::connect(address, &identity(2), identity(1).public(), &limits).await.unwrap_err();
    assert!(matches!(error, NetworkError::TimedOut { what: "connecting", .. }), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_without_blobs_or_a_feed_says_so() {
    let identity_of_server = identity(1);
    let desk = Desk::default();
    let server =
        Server::bind(common::LOOPBACK, &identity_of_server, Limits::default(), desk).unwrap();
    let (address, key) = (server.local_addr(), server.key());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let client = Client::connect(address, &identity(2), key, &Limits::default()).await.unwrap();
    let error = client.put_bytes(b"x").await.unwrap_err();
    assert!(matches!(error, NetworkError::Rejected(Rejection::NotAllowed)), "{error}");
    let error = client.get_blob(gainsay_commitment::content(b"x"), 10).await.unwrap_err();
    assert!(matches!(error, NetworkError::Rejected(Rejection::UnknownBlob)), "{error}");
    let error = client.subscribe(0).await.unwrap_err();
    assert!(matches!(error, NetworkError::Rejected(Rejection::NotServed)), "{error}");
    stop.send(()).unwrap();
    task.await.unwrap();
}
