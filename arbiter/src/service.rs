//! What participants may ask, answered from the store.

use std::sync::Arc;
use std::time::Instant;

use gainsay_commitment::Digest;
use gainsay_network::api::{PAGE, Request, Response};
use gainsay_network::{Admission, Blobs, PeerKey, Service};
use gainsay_protocol::{Key, Schedule};

use crate::core::Core;
use crate::error::Refused;

/// The most blobs that one request may ask about.
const BLOBS: usize = 16 * 1024;

/// The arbiter as the transport sees it.
#[derive(Clone)]
pub(crate) struct ArbiterService(pub(crate) Arc<Core>);

impl Service for ArbiterService {
    type Request = Request;
    type Response = Response;

    async fn call(&self, peer: PeerKey, request: Request) -> Response {
        if peer.as_bytes() == self.0.key().as_bytes() {
            // A heartbeat, which is not to be counted among participants' requests.
            return self.answer(request).await.unwrap_or_else(refusal);
        }
        let (name, started) = (name_of(&request), Instant::now());
        let response = self.answer(request).await.unwrap_or_else(refusal);
        self.0.metrics.service.request(name, started.elapsed());
        response
    }

    /// A key with something to lose keeps its way in whatever the load.
    fn admit(&self, peer: PeerKey) -> Admission {
        match Key::from_bytes(*peer.as_bytes()) {
            Ok(key) if self.0.stakes.has(&key) || key == self.0.key() => Admission::Reserved,
            Ok(_) => Admission::Ordinary,
            Err(_) => Admission::Refused,
        }
    }
}

fn refusal(refused: Refused) -> Response {
    Response::Refused(refused.into())
}

fn name_of(request: &Request) -> &'static str {
    match request {
        Request::Params => "params",
        Request::Submit(_) => "submit",
        Request::MissingBlobs(_) => "missing_blobs",
        Request::Artifacts { .. } => "artifacts",
        Request::Artifact(_) => "artifact",
        Request::LiveJobs { .. } => "live_jobs",
        Request::Jobs { .. } => "jobs",
        Request::Job(_) => "job",
        Request::Find(_) => "find",
        Request::Account(_) => "account",
        Request::Totals => "totals",
        Request::Case { .. } => "case",
        Request::Schedule => "schedule",
        Request::Statement { .. } => "statement",
        Request::Message(_) => "message",
    }
}

impl ArbiterService {
    async fn answer(&self, request: Request) -> Result<Response, Refused> {
        let (core, store) = (&self.0, &self.0.store);
        Ok(match request {
            Request::Params => {
                Response::Params { params: Box::new(core.params()), now: core.clock.now() }
            }
            Request::Submit(signed) => Response::Receipt(core.submit(*signed).await?),
            Request::MissingBlobs(blobs) => Response::Missing(self.missing(&blobs).await?),
            Request::Artifacts { after } => {
                Response::Artifacts(store.artifacts(after, PAGE).await?)
            }
            Request::Artifact(id) => Response::Artifact(store.artifact(id).await?.map(Box::new)),
            Request::LiveJobs { after } => Response::Jobs(store.live_jobs(after, PAGE).await?),
            Request::Jobs { skip } => Response::Jobs(store.jobs(skip, PAGE).await?),
            Request::Job(id) => Response::Job(store.job(id).await?.map(Box::new)),
            Request::Find(id) => Response::Job(store.find(id).await?.map(Box::new)),
            Request::Account(key) => Response::Account(store.account(key).await?),
            Request::Totals => Response::Totals(store.totals().await?),
            Request::Case { claim, counter_root } => {
                Response::Case(store.case(claim, counter_root).await?)
            }
            Request::Schedule => Response::Schedule {
                schedule: Box::new(Schedule::clone(&core.schedule())),
                now: core.clock.now(),
            },
            Request::Statement { key, after } => {
                Response::Statement(store.statement(key, after, PAGE).await?)
            }
            Request::Message(id) => Response::Message(store.message(id).await?.map(Box::new)),
        })
    }

    async fn missing(&self, blobs: &[Digest]) -> Result<Vec<Digest>, Refused> {
        if blobs.len() > BLOBS {
            let asked = blobs.len();
            return Err(Refused::TooMany { what: "blobs", asked, most: BLOBS });
        }
        let mut missing = Vec::new();
        for blob in blobs {
            let size = self.0.blobs.size(*blob).await.map_err(|error| {
                tracing::error!(%error, "the blob store failed");
                Refused::Unavailable("its blob store failed".to_owned())
            })?;
            if size.is_none() {
                missing.push(*blob);
            }
        }
        Ok(missing)
    }
}
