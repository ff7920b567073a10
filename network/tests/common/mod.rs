//! A server and clients for the tests of this crate.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_network::{
    Admission, Backoff, Client, Identity, Limits, MemoryBlobs, MemoryFeed, NetworkError, PeerKey,
    ReconnectingClient, Server, Service, Traffic,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

pub const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
pub enum Ask {
    Echo(Vec<u8>),
    WhoAmI,
    /// Answered when the test opens the gate.
    Wait,
    /// Answered with so many bytes.
    Give(u32),
    Panic,
}

#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    Bytes(Vec<u8>),
    You(PeerKey),
    Done,
}

/// The service the tests talk to.
pub struct Desk {
    pub gate: Semaphore,
    pub arrived: Semaphore,
    pub waiting: AtomicUsize,
    pub most_waiting: AtomicUsize,
    pub reserved: Vec<PeerKey>,
    pub refused: Vec<PeerKey>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            gate: Semaphore::new(0),
            arrived: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            most_waiting: AtomicUsize::new(0),
            reserved: Vec::new(),
            refused: Vec::new(),
        }
    }
}

impl Desk {
    /// Waits until `count` more requests are at the gate.
    pub async fn arrivals(&self, count: u32) {
        self.arrived.acquire_many(count).await.unwrap().forget();
    }
}

impl Service for Desk {
    type Request = Ask;
    type Response = Answer;

    async fn call(&self, peer: PeerKey, request: Ask) -> Answer {
        match request {
            Ask::Echo(bytes) => Answer::Bytes(bytes),
            Ask::WhoAmI => Answer::You(peer),
            Ask::Give(length) => Answer::Bytes(vec![0; length as usize]),
            Ask::Panic => panic!("asked to"),
            Ask::Wait => {
                let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_waiting.fetch_max(waiting, Ordering::SeqCst);
                self.arrived.add_permits(1);
                self.gate.acquire().await.unwrap().forget();
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                Answer::Done
            }
        }
    }

    fn admit(&self, peer: PeerKey) -> Admission {
        match () {
            () if self.refused.contains(&peer) => Admission::Refused,
            () if self.reserved.contains(&peer) => Admission::Reserved,
            () => Admission::Ordinary,
        }
    }
}

pub struct Running {
    pub address: SocketAddr,
    pub key: PeerKey,
    pub desk: Arc<Desk>,
    pub blobs: MemoryBlobs,
    pub feed: MemoryFeed,
    pub traffic: Arc<Traffic>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What a server keeps across restarts.
#[derive(Clone)]
pub struct Kept {
    pub desk: Arc<Desk>,
    pub blobs: MemoryBlobs,
    pub feed: MemoryFeed,
}

impl Default for Kept {
    fn default() -> Self {
        let blobs = MemoryBlobs::new(1 << 30);
        Self { desk: Arc::default(), blobs, feed: MemoryFeed::default() }
    }
}

impl Running {
    pub fn start(limits: Limits) -> Self {
        Self::start_at(LOOPBACK, limits, Kept::default())
    }

    pub fn start_with(limits: Limits, desk: Desk) -> Self {
        Self::start_at(LOOPBACK, limits, Kept { desk: Arc::new(desk), ..Kept::default() })
    }

    pub fn start_at(address: SocketAddr, limits: Limits, kept: Kept) -> Self {
        let identity = Identity::from_seed([1; 32]);
        let Kept { desk, blobs, feed } = kept;
        let server = Server::bind(address, &identity, limits, desk.clone())
            .unwrap()
            .with_blobs(blobs.clone())
            .with_feed(feed.clone());
        let (address, key, traffic) = (server.local_addr(), server.key(), server.traffic());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, key, desk, blobs, feed, traffic, stop, task }
    }

    pub async fn connect(&self, seed: u8) -> Result<Client, NetworkError> {
        Client::connect(self.address, &identity(seed), self.key, &Limits::default()).await
    }

    pub fn reconnecting(&self, seed: u8) -> ReconnectingClient {
        let backoff = Backoff {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(50),
            attempts: 200,
        };
        let limits = Limits {
            handshake: Duration::from_millis(500),
            keep_alive: Duration::from_millis(100),
            ..Limits::default()
        };
        ReconnectingClient::new(self.address, identity(seed), self.key, limits, backoff)
    }

    pub fn kept(&self) -> Kept {
        Kept { desk: self.desk.clone(), blobs: self.blobs.clone(), feed: self.feed.clone() }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

pub fn identity(seed: u8) -> Identity {
    Identity::from_seed([seed; 32])
}

/// Bytes that are not all the same.
pub fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

pub async fn echo(client: &Client, bytes: &[u8]) -> Result<Vec<u8>, NetworkError> {
    match client.call::<Ask, Answer>(&Ask::Echo(bytes.to_vec())).await? {
        Answer::Bytes(bytes) => Ok(bytes),
        other => panic!("not an echo: {other:?}"),
    }
}
