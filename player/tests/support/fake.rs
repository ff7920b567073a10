//! The small arbiter on the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gainsay_network::{Identity, Limits, MemoryBlobs, MemoryFeed, PeerKey, Server, Service};
use gainsay_player::api::{PAGE, Refusal, RefusalKind, Request, Response};
use gainsay_player::{ArbiterClient, ClientError};
use gainsay_protocol::{Key, Keypair};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::keypair;
use super::world::{World, summary};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Answers {
    world: Arc<Mutex<World>>,
    blobs: MemoryBlobs,
    feed: MemoryFeed,
    changed: watch::Sender<u64>,
}

/// An arbiter in memory behind a real port. Dropping it closes the port.
pub struct FakeArbiter {
    answers: Answers,
    address: SocketAddr,
    key: Key,
    serving: JoinHandle<()>,
}

impl FakeArbiter {
    /// Starts one, with key pair 100 and operator 101.
    pub fn start() -> Self {
        let (own, operator) = (keypair(100), keypair(101));
        let (blobs, feed) = (MemoryBlobs::new(1 << 30), MemoryFeed::default());
        let world = World::new(Arc::clone(&own), operator.key(), blobs.clone());
        let answers = Answers {
            world: Arc::new(Mutex::new(world)),
            blobs: blobs.clone(),
            feed: feed.clone(),
            changed: watch::channel(0).0,
        };
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let identity = Identity::from_seed(*own.seed());
        let server = Server::bind(any, &identity, Limits::default(), answers.clone()).unwrap();
        let server = server.with_blobs(blobs).with_feed(feed);
        let address = server.local_addr();
        let serving = tokio::spawn(server.run(std::future::pending()));
        Self { answers, address, key: own.key(), serving }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn key(&self) -> Key {
        self.key
    }

    pub async fn client(&self, keypair: Arc<Keypair>) -> ArbiterClient {
        let connected: Result<_, ClientError> =
            ArbiterClient::connect(self.address, self.key, keypair).await;
        connected.unwrap()
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.answers.world.lock().unwrap()
    }

    /// Changes the world and tells everybody.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.world());
        self.answers.tell();
        result
    }

    /// Waits until something is true of the world.
    pub async fn until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let mut changed = self.answers.changed.subscribe();
        let waiting = async {
            while !holds(&self.world()) {
                // Counters outside the world may change without it.
                let _ = tokio::time::timeout(Duration::from_millis(5), changed.changed()).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited too long until {what}; jobs: {:#?}", self.phases());
    }

    fn phases(&self) -> Vec<String> {
        self.world().jobs.values().map(|job| format!("{:?}", summary(job))).collect()
    }
}

impl Drop for FakeArbiter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Answers {
    fn tell(&self) {
        self.feed.push([0; 32], 0);
        self.changed.send_modify(|version| *version += 1);
    }

    fn answer(&self, request: Request) -> Response {
        let mut world = self.world.lock().unwrap();
        match request {
            Request::Params => {
                Response::Params { params: Box::new(world.params.clone()), now: world.now }
            }
            Request::Submit(signed) => match world.submit(*signed) {
                Ok(receipt) => Response::Receipt(receipt),
                Err(refusal) => Response::Refused(refusal),
            },
            Request::MissingBlobs(names) => Response::Missing(
                names.into_iter().filter(|name| self.blobs.get(*name).is_none()).collect(),
            ),
            Request::Artifacts { after } => {
                let ids =
                    world.artifacts.keys().filter(|id| after.is_none_or(|after| **id > after));
                Response::Artifacts(ids.filter_map(|id| world.view(*id)).collect())
            }
            Request::Artifact(id) => Response::Artifact(world.view(id).map(Box::new)),
            Request::LiveJobs { after } => {
                let jobs = world.live().filter(|job| after.is_none_or(|after| job.id > after));
                Response::Jobs(jobs.take(PAGE as usize).map(summary).collect())
            }
            Request::Jobs { skip } => {
                let ids = world.order.iter().skip(skip as usize).take(PAGE as usize);
                Response::Jobs(ids.map(|id| summary(&world.jobs[id])).collect())
            }
            Request::Job(id) => Response::Job(world.jobs.get(&id).cloned().map(Box::new)),
            Request::Find(id) => {
                let mut jobs = world.jobs.values();
                let found = jobs.find(|job| {
                    job.id.0.0 == id || job.claims.iter().any(|claim| claim.id.0.0 == id)
                });
                Response::Job(found.cloned().map(Box::new))
            }
            Request::Account(key) => Response::Account(world.account(key)),
            Request::Totals => Response::Totals(world.totals()),
            Request::Case { .. } => Response::Case(None),
            // Players ask for none of these.
            Request::Schedule | Request::Statement { .. } | Request::Message(_) => {
                let message = "this arbiter keeps no books".to_owned();
                Response::Refused(Refusal { kind: RefusalKind::Unknown, message })
            }
        }
    }
}

impl Service for Answers {
    type Request = Request;
    type Response = Response;

    async fn call(&self, _peer: PeerKey, request: Request) -> Response {
        let is_submission = matches!(request, Request::Submit(_));
        let response = self.answer(request);
        if is_submission {
            self.tell();
        }
        response
    }
}
