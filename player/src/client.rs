//! The typed line to the arbiter.
//!
//! The arbiter's key is pinned: the transport proves it, the parameters must name it, and receipts must be signed
//! by it. The network id that messages are signed for is computed here from the parameters, never taken on
//! trust. Nothing is retried but connecting: a submission acts at most once, so the caller may send it again.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gainsay_commitment::{Digest, content};
use gainsay_network::{Backoff, Follower, Identity, Limits, PeerKey, ReconnectingClient};
use gainsay_protocol::{
    ArtifactId, ClaimId, JobId, JobState, Key, Keypair, Message, MessageId, NetworkId, Params,
    Receipt, Schedule, Signed, Time,
};
use tokio::sync::Semaphore;

use crate::api::{
    AccountView, ArtifactView, CaseView, JobSummary, PAGE, Request, Response, StatementLine,
    TotalsView,
};
use crate::error::ClientError;

/// Uploads at a time: an arbiter refuses a key that has too many open.
const UPLOADS: usize = 2;

/// A line to one arbiter as one participant. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArbiterClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    line: ReconnectingClient,
    keypair: Arc<Keypair>,
    arbiter: Key,
    params: Params,
    network: NetworkId,
    blob_bytes: u64,
    uploads: Semaphore,
}

impl ArbiterClient {
    /// Connects to the arbiter with key `arbiter` at `address` and fetches the network's parameters.
    ///
    /// # Errors
    /// If it cannot be reached, proves another key, or its parameters name another arbiter or break a bound.
    pub async fn connect(
        address: SocketAddr,
        arbiter: Key,
        keypair: Arc<Keypair>,
    ) -> Result<Self, ClientError> {
        // A clock may be running while the arbiter comes back, so pauses stay short.
        let backoff = Backoff { longest: Duration::from_secs(1), ..Backoff::default() };
        Self::connect_with(address, arbiter, keypair, Limits::default(), backoff).await
    }

    /// Like [`ArbiterClient::connect`], with the transport's limits and patience.
    ///
    /// # Errors
    /// As [`ArbiterClient::connect`].
    pub async fn connect_with(
        address: SocketAddr,
        arbiter: Key,
        keypair: Arc<Keypair>,
        limits: Limits,
        backoff: Backoff,
    ) -> Result<Self, ClientError> {
        let identity = Identity::from_seed(*keypair.seed());
        let server = PeerKey::from_bytes(*arbiter.as_bytes());
        // A protocol key has passed the same checks that the transport makes.
        let server = server.map_err(|_| ClientError::Answer { asked: "the arbiter's key" })?;
        let blob_bytes = limits.blob_bytes;
        let line = ReconnectingClient::new(address, identity, server, limits, backoff);
        let (params, _) = params_over(&line).await?;
        if params.arbiter != arbiter {
            let (expected, found) = (arbiter, params.arbiter);
            return Err(ClientError::Arbiter { expected, found });
        }
        params.check()?;
        let network = params.network();
        let uploads = Semaphore::new(UPLOADS);
        let shared = Shared { line, keypair, arbiter, params, network, blob_bytes, uploads };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Closes the line and waits until the arbiter has been told, so that it keeps no place for it.
    pub async fn finish(&self) {
        self.shared.line.finish().await;
    }

    /// The network's parameters, as in force when this connected. A job keeps those it was admitted under; by which moves are
    /// computed (the arity) never changes.
    pub fn params(&self) -> &Params {
        &self.shared.params
    }

    /// The network's id, computed from the parameters.
    pub fn network(&self) -> NetworkId {
        self.shared.network
    }

    /// The arbiter's key.
    pub fn arbiter(&self) -> Key {
        self.shared.arbiter
    }

    /// The key that this line speaks for.
    pub fn key(&self) -> Key {
        self.shared.keypair.key()
    }

    /// The key pair that this line signs with.
    pub fn keypair(&self) -> &Arc<Keypair> {
        &self.shared.keypair
    }

    /// The serving time now, as the arbiter has it.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn now(&self) -> Result<Time, ClientError> {
        params_over(&self.shared.line).await.map(|(_, now)| now)
    }

    /// Signs a message for this network.
    pub fn sign(&self, message: Message) -> Signed {
        Signed::new(&self.shared.keypair, self.shared.network, message)
    }

    /// Signs and sends a message; blobs that it names must have been put before.
    ///
    /// # Errors
    /// `Refused` if the arbiter does not accept it; a transport error says nothing about that, and the same message
    /// may be sent again.
    pub async fn submit(&self, message: Message) -> Result<Receipt, ClientError> {
        self.submit_signed(&self.sign(message)).await
    }

    /// Sends a message that is already signed.
    ///
    /// # Errors
    /// As [`ArbiterClient::submit`]; and if the receipt is not the arbiter's for this message.
    pub async fn submit_signed(&self, signed: &Signed) -> Result<Receipt, ClientError> {
        match self.call(&Request::Submit(Box::new(signed.clone()))).await? {
            Response::Receipt(receipt) => {
                let sent = signed.id();
                if receipt.message != sent {
                    return Err(ClientError::OtherReceipt { sent, found: receipt.message });
                }
                receipt.verify(self.shared.network, self.shared.arbiter)?;
                Ok(receipt)
            }
            _ => Err(ClientError::Answer { asked: "a submission" }),
        }
    }

    /// Gives the arbiter a blob, unless it holds it, and returns its name.
    ///
    /// # Errors
    /// If the arbiter cannot be reached or does not take it.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<Digest, ClientError> {
        // The semaphore is never closed; without a permit an upload only risks a refusal.
        let _permit = self.shared.uploads.acquire().await.ok();
        // The arbiter answers the offer at once, without taking a byte, if it holds the blob.
        let (digest, _) = self.shared.line.client().await?.put_bytes(bytes).await?;
        Ok(digest)
    }

    /// Gives the arbiter those of the blobs that it does not hold.
    ///
    /// # Errors
    /// As [`ArbiterClient::put_blob`].
    pub async fn put_blobs<B: AsRef<[u8]>>(&self, blobs: &[B]) -> Result<(), ClientError> {
        let names: Vec<Digest> = blobs.iter().map(|bytes| content(bytes.as_ref())).collect();
        let missing: BTreeSet<Digest> =
            self.missing_blobs(names.clone()).await?.into_iter().collect();
        for (name, bytes) in names.iter().zip(blobs) {
            if missing.contains(name) {
                self.put_blob(bytes.as_ref()).await?;
            }
        }
        Ok(())
    }

    /// Which of these blobs the arbiter does not hold.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn missing_blobs(&self, names: Vec<Digest>) -> Result<Vec<Digest>, ClientError> {
        let mut missing = Vec::new();
        for page in names.chunks(PAGE as usize) {
            match self.call(&Request::MissingBlobs(page.to_vec())).await? {
                Response::Missing(more) => missing.extend(more),
                _ => return Err(ClientError::Answer { asked: "missing blobs" }),
            }
        }
        Ok(missing)
    }

    /// Fetches a blob of any size that the transport takes; its digest has been checked.
    ///
    /// # Errors
    /// If the arbiter cannot be reached or does not hold it.
    pub async fn get_blob(&self, name: Digest) -> Result<Vec<u8>, ClientError> {
        self.get_blob_within(name, self.shared.blob_bytes).await
    }

    /// Fetches a blob of at most `limit_bytes`; its digest has been checked.
    ///
    /// # Errors
    /// As [`ArbiterClient::get_blob`]; and if it is larger, before a byte of it is taken.
    pub async fn get_blob_within(
        &self,
        name: Digest,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, ClientError> {
        Ok(self.shared.line.client().await?.get_blob(name, limit_bytes).await?)
    }

    /// Every job that is not terminal.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn live_jobs(&self) -> Result<Vec<JobSummary>, ClientError> {
        let mut jobs: Vec<JobSummary> = Vec::new();
        loop {
            let after = jobs.last().map(|job| job.id);
            let page = match self.call(&Request::LiveJobs { after }).await? {
                Response::Jobs(page) => page,
                _ => return Err(ClientError::Answer { asked: "live jobs" }),
            };
            // An arbiter whose pages do not go forward must not keep us for ever.
            let forward =
                page.first().is_some_and(|first| after.is_none_or(|last| last < first.id));
            let full = page.len() >= PAGE as usize;
            if forward {
                jobs.extend(page);
            }
            if !(forward && full) {
                return Ok(jobs);
            }
        }
    }

    /// One page of all jobs in the order they were admitted, after the first `skip`.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn jobs(&self, skip: u64) -> Result<Vec<JobSummary>, ClientError> {
        match self.call(&Request::Jobs { skip }).await? {
            Response::Jobs(page) => Ok(page),
            _ => Err(ClientError::Answer { asked: "jobs" }),
        }
    }

    /// A job, whole.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn job(&self, id: JobId) -> Result<Option<JobState>, ClientError> {
        let job = self.one_job(Request::Job(id)).await?;
        // What is signed about a job is signed for the id in its state.
        match job {
            Some(job) if job.id != id => Err(ClientError::Answer { asked: "a job" }),
            job => Ok(job),
        }
    }

    /// The job that the id of a job, claim, take or challenge belongs to.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn find(&self, id: Digest) -> Result<Option<JobState>, ClientError> {
        self.one_job(Request::Find(id)).await
    }

    async fn one_job(&self, request: Request) -> Result<Option<JobState>, ClientError> {
        match self.call(&request).await? {
            Response::Job(job) => Ok(job.map(|job| *job)),
            _ => Err(ClientError::Answer { asked: "a job" }),
        }
    }

    /// A participant's money.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn account(&self, key: Key) -> Result<AccountView, ClientError> {
        match self.call(&Request::Account(key)).await? {
            Response::Account(view) => Ok(view),
            _ => Err(ClientError::Answer { asked: "an account" }),
        }
    }

    /// The ledger's totals.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn totals(&self) -> Result<TotalsView, ClientError> {
        match self.call(&Request::Totals).await? {
            Response::Totals(view) => Ok(view),
            _ => Err(ClientError::Answer { asked: "the totals" }),
        }
    }

    /// Every admitted artifact.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn artifacts(&self) -> Result<Vec<ArtifactView>, ClientError> {
        let mut views: Vec<ArtifactView> = Vec::new();
        loop {
            let after = views.last().map(|view| view.id);
            let page = match self.call(&Request::Artifacts { after }).await? {
                Response::Artifacts(page) => page,
                _ => return Err(ClientError::Answer { asked: "artifacts" }),
            };
            let forward =
                page.first().is_some_and(|first| after.is_none_or(|last| last < first.id));
            if !forward {
                return Ok(views);
            }
            views.extend(page);
        }
    }

    /// One admitted artifact.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn artifact(&self, id: ArtifactId) -> Result<Option<ArtifactView>, ClientError> {
        match self.call(&Request::Artifact(id)).await? {
            Response::Artifact(view) => Ok(view.map(|view| *view)),
            _ => Err(ClientError::Answer { asked: "an artifact" }),
        }
    }

    /// A judged dispute's case file: its blob and what the arbiter said of it.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn case(
        &self,
        claim: ClaimId,
        counter_root: Digest,
    ) -> Result<Option<CaseView>, ClientError> {
        match self.call(&Request::Case { claim, counter_root }).await? {
            Response::Case(view) => Ok(view),
            _ => Err(ClientError::Answer { asked: "a case" }),
        }
    }

    /// The parameters from the network's beginning as far as announced, and the serving time now.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn schedule(&self) -> Result<(Schedule, Time), ClientError> {
        match self.call(&Request::Schedule).await? {
            Response::Schedule { schedule, now } => Ok((*schedule, now)),
            _ => Err(ClientError::Answer { asked: "the parameters" }),
        }
    }

    /// Every transfer from or to a key's accounts, oldest first.
    ///
    /// # Errors
    /// If the arbiter cannot be asked.
    pub async fn statement(&self, key: Key) -> Result<Vec<StatementLine>, ClientError> {
        let mut lines: Vec<StatementLine> = Vec::new();
        loop {
            let after = lines.last().map(|line| line.number);
            let page = match self.call(&Request::Statement { key, after }).await? {
                Response::Statement(page) => page,
                _ => return Err(ClientError::Answer { asked: "a statement" }),
            };
            let full = page.len() >= PAGE as usize;
            for line in page {
                // As with live jobs: numbers must go forward.
                if lines.last().is_some_and(|last| last.number >= line.number) {
                    return Err(ClientError::Answer { asked: "a statement" });
                }
                lines.push(line);
            }
            if !full {
                return Ok(lines);
            }
        }
    }

    /// An accepted message as its signer signed it; its signature has been checked.
    ///
    /// # Errors
    /// If the arbiter cannot be asked, or answers with another message.
    pub async fn message(&self, id: MessageId) -> Result<Option<Signed>, ClientError> {
        let Response::Message(found) = self.call(&Request::Message(id)).await? else {
            return Err(ClientError::Answer { asked: "a message" });
        };
        let Some(signed) = found else { return Ok(None) };
        let right = signed.id() == id && signed.clone().verify(self.shared.network).is_ok();
        if right { Ok(Some(*signed)) } else { Err(ClientError::Answer { asked: "a message" }) }
    }

    /// Follows the arbiter's feed from the first item after sequence `after`, across connections.
    pub fn subscribe(&self, after: u64) -> Follower {
        self.shared.line.follow(after)
    }

    /// The highest sequence on the arbiter's feed.
    ///
    /// # Errors
    /// If the arbiter cannot be asked or has no feed.
    pub async fn latest_sequence(&self) -> Result<u64, ClientError> {
        let subscription = self.shared.line.client().await?.subscribe(u64::MAX).await?;
        Ok(subscription.latest())
    }

    async fn call(&self, request: &Request) -> Result<Response, ClientError> {
        call_over(&self.shared.line, request).await
    }
}

async fn call_over(line: &ReconnectingClient, request: &Request) -> Result<Response, ClientError> {
    match line.call(request).await? {
        Response::Refused(refusal) => Err(ClientError::Refused(refusal)),
        response => Ok(response),
    }
}

async fn params_over(line: &ReconnectingClient) -> Result<(Params, Time), ClientError> {
    match call_over(line, &Request::Params).await? {
        Response::Params { params, now } => Ok((*params, now)),
        _ => Err(ClientError::Answer { asked: "the parameters" }),
    }
}
