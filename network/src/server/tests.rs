//! Peers that break the rules on the wire, which the public client cannot.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use borsh::BorshDeserialize;
use bytes::Bytes;
use gainsay_commitment::{Digest, content};
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::client::Client;
use crate::frame::{self, FRAME_VERSION, FrameError, HEADER_BYTES, What};
use crate::memory::{MemoryBlobs, MemoryFeed};
use crate::stream::Reader;
use crate::traffic::TrafficSnapshot;
use crate::wire::{CONTROL_BYTES, OPENING_BYTES, Opening, PutStep, Rejection, Reply, Sending};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Adds one to a number.
struct Increment;

impl Service for Increment {
    type Request = u64;
    type Response = u64;

    async fn call(&self, _peer: PeerKey, request: u64) -> u64 {
        request + 1
    }
}

struct Running {
    address: SocketAddr,
    key: PeerKey,
    blobs: MemoryBlobs,
    traffic: Arc<Traffic>,
    limits: Limits,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        let identity = Identity::from_seed([1; 32]);
        let blobs = MemoryBlobs::new(1 << 30);
        let server = Server::bind(LOOPBACK, &identity, limits.clone(), Increment)
            .unwrap()
            .with_blobs(blobs.clone())
            .with_feed(MemoryFeed::default());
        let (address, key, traffic) = (server.local_addr(), server.key(), server.traffic());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, key, blobs, traffic, limits, stop: Some(stop), task }
    }

    async fn client(&self, seed: u8) -> Client {
        let identity = Identity::from_seed([seed; 32]);
        Client::connect(self.address, &identity, self.key, &Limits::default()).await.unwrap()
    }

    async fn stop(mut self) -> TrafficSnapshot {
        let _ = self.stop.take().unwrap().send(());
        self.task.await.unwrap();
        self.traffic.snapshot()
    }
}

fn frame_of<T: borsh::BorshSerialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    frame::encode(value, 1 << 20, &mut out).unwrap();
    out
}

/// Sends `bytes` on a new stream, ends it, and gives what the server answers.
async fn say<T: BorshDeserialize>(connection: &Connection, bytes: &[u8]) -> Reply<T> {
    let (mut send, receive) = connection.open_bi().await.unwrap();
    // The server may stop reading at any point.
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    hear(receive).await
}

async fn hear<T: BorshDeserialize>(receive: RecvStream) -> Reply<T> {
    let mut reader = Reader::new(receive, Arc::default());
    reader.require(CONTROL_BYTES, What::Response).await.unwrap()
}

async fn rejection(connection: &Connection, bytes: &[u8]) -> Rejection {
    match say::<u64>(connection, bytes).await {
        Reply::Rejected(rejection) => rejection,
        Reply::Done(value) => panic!("accepted: {value}"),
    }
}

#[tokio::test]
async fn bad_frames_are_refused_by_name_and_the_connection_stays_usable() {
    let server = Running::start(Limits::default());
    let client = server.client(2).await;
    let connection = client.connection();
    let call = frame_of(&Opening::Call);
    let request = frame_of(&41u64);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bad = request.clone();
        change(&mut bad);
        [call.as_slice(), &bad].concat()
    };
    let payload = |expected| FrameError::Payload { expected };
    let cases = [
        (vec![], FrameError::Truncated { missing: HEADER_BYTES as u32 }),
        (call.clone(), FrameError::Truncated { missing: HEADER_BYTES as u32 }),
        (call[..4].to_vec(), FrameError::Truncated { missing: 5 }),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), FrameError::Version { found: b'G' }),
        (frame_of(&9u8), payload(What::Opening)),
        (frame_of(&(1u8, 7u8)), payload(What::Opening)),
        (with(&|bad| bad.truncate(HEADER_BYTES + 3)), FrameError::Truncated { missing: 5 }),
        (with(&|bad| bad[HEADER_BYTES] ^= 1), FrameError::Checksum),
        (with(&|bad| bad.push(0)), FrameError::Trailing),
        (with(&|bad| *bad = frame_of(&(41u64, 0u8))), payload(What::Request)),
        (with(&|bad| *bad = frame_of(&41u32)), payload(What::Request)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(rejection(connection, &bytes).await, Rejection::Frame(expected), "{bytes:?}");
    }
    assert_eq!(client.call::<u64, u64>(&41).await.unwrap(), 42);
    let traffic = server.stop().await;
    assert_eq!(traffic.streams_failed, 11);
    assert_eq!((traffic.connections_accepted, traffic.connections_open), (1, 0));
}

#[tokio::test]
async fn noise_on_a_stream_is_refused_and_the_server_goes_on() {
    let server = Running::start(Limits::default());
    let client = server.client(2).await;
    let seed = 20_260_101u64;
    println!("seed {seed}");
    let mut noise = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    for length in 0..200 {
        let mut bytes = vec![0; length];
        noise.fill(&mut bytes);
        if length % 2 == 0 {
            // Past the first check.
            bytes.splice(..0, frame_of(&Opening::Call));
        }
        let refused = rejection(client.connection(), &bytes).await;
        assert!(matches!(refused, Rejection::Frame(_)), "{refused:?} for {bytes:?}");
    }
    assert_eq!(client.call::<u64, u64>(&41).await.unwrap(), 42);
    server.stop().await;
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_before_the_payload_is_sent() {
    let server = Running::start(Limits { frame_bytes: 1000, ..Limits::default() });
    let client = server.client(2).await;
    for (prefix, length, limit) in [
        (vec![], OPENING_BYTES + 1, OPENING_BYTES),
        (vec![], u32::MAX, OPENING_BYTES),
        (frame_of(&Opening::Call), 1001, 1000),
        (frame_of(&Opening::Call), u32::MAX, 1000),
    ] {
        let mut bytes = prefix;
        bytes.push(FRAME_VERSION);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let expected = Rejection::Frame(FrameError::TooLong { length, limit });
        assert_eq!(rejection(client.connection(), &bytes).await, expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_dribbles_is_refused_in_time() {
    let server = Running::start(Limits { receive: Duration::from_millis(50), ..Limits::default() });
    let client = server.client(2).await;
    let (mut send, receive) = client.connection().open_bi().await.unwrap();
    send.write_all(&frame_of(&Opening::Call)).await.unwrap();
    send.write_all(&frame_of(&1u64)[..5]).await.unwrap();
    assert_eq!(hear::<u64>(receive).await, Reply::Rejected(Rejection::TooSlow));
    server.stop().await;
}

/// Offers `bytes` as a blob of `size` bytes under `digest`.
async fn offer(client: &Client, digest: Digest, size: u64) -> (SendStream, RecvStream) {
    let (mut send, receive) = client.connection().open_bi().await.unwrap();
    send.write_all(&frame_of(&Opening::PutBlob { digest, size })).await.unwrap();
    (send, receive)
}

#[tokio::test]
async fn an_upload_of_another_size_than_announced_leaves_nothing() {
    let server = Running::start(Limits::default());
    let client = server.client(2).await;
    for (announced, sent) in [(10u64, 9usize), (10, 11), (0, 1)] {
        let bytes = vec![7; sent];
        let (mut send, receive) = offer(&client, content(&bytes), announced).await;
        let mut reader = Reader::new(receive, Arc::default());
        let step: Reply<PutStep> = reader.require(CONTROL_BYTES, What::BlobReply).await.unwrap();
        assert_eq!(step, Reply::Done(PutStep::Send));
        send.write_all(&bytes).await.unwrap();
        send.finish().unwrap();
        let step: Reply<PutStep> = reader.require(CONTROL_BYTES, What::BlobReply).await.unwrap();
        assert_eq!(step, Reply::Rejected(Rejection::SizeMismatch));
    }
    assert_eq!(server.blobs.count(), 0);
    server.stop().await;
}

#[tokio::test]
async fn an_upload_whose_peer_vanishes_leaves_nothing_and_gives_its_quota_back() {
    let server = Running::start(Limits { uploads_per_key: 1, ..Limits::default() });
    let bytes = vec![5; 100];
    let client = server.client(2).await;
    let (mut send, receive) = offer(&client, content(&bytes), 100).await;
    assert_eq!(hear(receive).await, Reply::Done(PutStep::Send));
    send.write_all(&bytes[..50]).await.unwrap();

    let other = server.client(2).await;
    let refused = other.put_bytes(b"x").await.unwrap_err();
    assert!(matches!(refused, NetworkError::Rejected(Rejection::TooManyUploads)), "{refused}");
    client.close();
    while other.put_bytes(b"x").await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.blobs.count(), 1);
    assert_eq!(server.blobs.get(content(&bytes)), None);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_stops_reading_blocks_nobody_and_can_read_on_later() {
    let server = Running::start(Limits { drain: Duration::from_millis(50), ..Limits::default() });
    let blob = Bytes::from((0..3_000_000u32).map(|n| n as u8).collect::<Vec<_>>());
    let digest = server.blobs.insert(blob.clone());
    let stuck = server.client(2).await;
    let mut unread = Vec::new();
    for _ in 0..13 {
        let (mut send, receive) = stuck.connection().open_bi().await.unwrap();
        send.write_all(&frame_of(&Opening::GetBlob { digest, offset: 0 })).await.unwrap();
        send.finish().unwrap();
        unread.push(receive);
    }
    // Another client, and another stream of the same client, are served all the same.
    let other = server.client(3).await;
    assert_eq!(other.get_blob(digest, 1 << 30).await.unwrap(), blob);
    assert_eq!(other.call::<u64, u64>(&1).await.unwrap(), 2);
    assert_eq!(stuck.call::<u64, u64>(&2).await.unwrap(), 3);
    assert_eq!(stuck.get_blob(digest, 1 << 30).await.unwrap(), blob);

    let mut reader = Reader::new(unread.swap_remove(0), Arc::default());
    let reply: Reply<Sending> = reader.require(CONTROL_BYTES, What::BlobReply).await.unwrap();
    assert_eq!(reply, Reply::Done(Sending { size: blob.len() as u64 }));
    assert_eq!(reader.raw(blob.len()).await.unwrap(), blob);
    reader.end().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off_in_time() {
    let server = Running::start(Limits { send: Duration::from_millis(50), ..Limits::default() });
    let digest = server.blobs.insert(vec![1; 3_000_000]);
    let client = server.client(2).await;
    let (mut send, receive) = client.connection().open_bi().await.unwrap();
    send.write_all(&frame_of(&Opening::GetBlob { digest, offset: 0 })).await.unwrap();
    send.finish().unwrap();
    while server.traffic.snapshot().streams_failed == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut reader = Reader::new(receive, Arc::default());
    assert!(matches!(reader.raw(4_000_000).await, Err(NetworkError::Cut(_))));
    assert_eq!(client.call::<u64, u64>(&1).await.unwrap(), 2);
    server.stop().await;
}

#[tokio::test]
async fn when_the_server_is_busy_a_client_proves_its_address_and_gets_in() {
    let server = Running::start(Limits { retry_above_handshakes: 0, ..Limits::default() });
    let client = server.client(2).await;
    assert_eq!(client.call::<u64, u64>(&1).await.unwrap(), 2);
    assert_eq!(server.stop().await.retries_sent, 1);
}

#[tokio::test]
async fn a_handshake_that_is_begun_and_left_ends_in_time() {
    let server =
        Running::start(Limits { handshake: Duration::from_millis(50), ..Limits::default() });
    // Lets the client's first datagram through and nothing after it.
    let (inner, outer) = (socket().await, socket().await);
    let between = inner.local_addr().unwrap();
    let target = server.address;
    let relay = tokio::spawn(async move {
        let mut datagram = vec![0; 2000];
        let length = inner.recv(&mut datagram).await.unwrap();
        outer.send_to(&datagram[..length], target).await.unwrap();
        std::future::pending::<()>().await;
    });
    let limits = Limits { handshake: Duration::from_millis(50), ..Limits::default() };
    let identity = Identity::from_seed([2; 32]);
    let error = Client::connect(between, &identity, server.key, &limits).await.unwrap_err();
    assert!(matches!(error, NetworkError::TimedOut { what: "connecting", .. }), "{error}");
    while server.traffic.snapshot().handshakes_failed == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    relay.abort();
    let traffic = server.stop().await;
    assert_eq!((traffic.connections_accepted, traffic.connections_open), (0, 0));
}

async fn socket() -> tokio::net::UdpSocket {
    tokio::net::UdpSocket::bind(LOOPBACK).await.unwrap()
}

#[tokio::test]
async fn a_stopping_server_finishes_what_runs_and_says_why_it_closes() {
    let server = Running::start(Limits::default());
    assert_eq!(server.limits, Limits::default());
    let client = server.client(2).await;
    let connection = client.connection().clone();
    server.stop().await;
    let error = NetworkError::from(connection.closed().await);
    assert!(matches!(error, NetworkError::Refused(Refusal::Stopping)), "{error}");
    let error = client.call::<u64, u64>(&1).await.unwrap_err();
    assert!(error.is_transient() && error.ends_connection(), "{error}");
}
