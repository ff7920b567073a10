//! What is done about one job until it is claimed: prepare, take, run, sign once, claim.
//!
//! Everything that can fail without the job is done before the take, because a take that does not lead to a claim
//! costs money. Outputs are put before anything is signed, and what is signed is stored before it is sent.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use gainsay_model::Runner;
use gainsay_player::api::RefusalKind;
use gainsay_player::{ClientError, LibraryError, MoveError, Place, TensorError, tensors};
use gainsay_protocol::{Claim, JobId, JobPhase, JobState, Message, Signed, Take};
use tracing::{debug, info, warn};

use crate::daemon::Shared;
use crate::dishonesty::{Assignment, ConductError, Performance};
use crate::sign_once::SignOnceError;

/// Why an errand was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Tensor(#[from] TensorError),
    #[error(transparent)]
    Conduct(#[from] ConductError),
    #[error(transparent)]
    SignOnce(#[from] SignOnceError),
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error("the tree does not know the opening of state {0}")]
    Opening(u32),
    #[error("a task ended unexpectedly")]
    Task(#[from] tokio::task::JoinError),
}

impl WorkError {
    /// Whether this happens in the ordinary course of things.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Client(error) | Self::Library(LibraryError::Client(error)) => {
                error.is_transient()
            }
            Self::Tensor(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// How an errand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was missing is done, or was not missing.
    Done,
    /// The job is not for this key.
    Never,
}

/// What is needed to do a job.
struct Prepared {
    state: JobState,
    assignment: Assignment,
}

impl Shared {
    /// Takes an open job and claims it; somebody else being first is not an error.
    pub(crate) async fn take(&self, job: JobId) -> Result<Outcome, WorkError> {
        let client = &self.client;
        let Some(state) = client.job(job).await? else { return Ok(Outcome::Done) };
        if state.barred.contains(&client.key()) {
            return Ok(Outcome::Never);
        }
        if state.phase != JobPhase::Open {
            return Ok(Outcome::Done);
        }
        let now = client.now().await?;
        let run_ms = self.slowest_run().map_or(0, |run| run.as_millis());
        let in_time = now < state.job.deadline && run_ms < u128::from(client.params().lease.0);
        if !in_time {
            debug!(job = %short(job), "not enough time for this job");
            return Ok(Outcome::Done);
        }
        let attempt = state.attempt;
        let prepared = self.prepare(state).await?;
        match client.submit(Message::Take(Take { job, attempt })).await {
            Ok(_) => {
                self.counters.takes.add();
                info!(job = %short(job), attempt, "took");
                self.claim(prepared).await
            }
            Err(error) if error.is_refusal(RefusalKind::Rejected) => {
                self.counters.lost_races.add();
                debug!(job = %short(job), %error, "somebody else was first");
                Ok(Outcome::Done)
            }
            Err(error) if error.is_refusal(RefusalKind::Funds) => {
                warn!(job = %short(job), %error, "cannot afford the bond");
                Ok(Outcome::Done)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Claims a job that is held already: taken before a restart, or by a task that failed half-way.
    pub(crate) async fn claim_held(&self, job: JobId) -> Result<Outcome, WorkError> {
        let Some(state) = self.client.job(job).await? else { return Ok(Outcome::Done) };
        match &state.phase {
            JobPhase::Taken(lease) if lease.executor == self.client.key() => {}
            _ => return Ok(Outcome::Done),
        }
        if let Some(stored) = self.store.signed(self.client.network(), job, state.attempt).await? {
            match self.send(job, &stored).await {
                // The stored bytes stand; only the outputs have to be computed again.
                Err(WorkError::Client(error)) if error.is_refusal(RefusalKind::MissingBlobs) => {}
                other => {
                    self.counters.resent.add();
                    return other;
                }
            }
        }
        self.claim(self.prepare(state).await?).await
    }

    async fn prepare(&self, state: JobState) -> Result<Prepared, WorkError> {
        let assignment = self.assignment(&state, state.attempt).await?;
        Ok(Prepared { state, assignment })
    }

    /// What is needed to run a job.
    pub(crate) async fn assignment(
        &self,
        state: &JobState,
        attempt: u32,
    ) -> Result<Assignment, WorkError> {
        let asked = &state.job;
        let runner: Arc<Runner> =
            self.library.runner(&self.client, asked.artifact, asked.program).await?;
        let inputs = tensors::fetch_inputs(&self.client, asked, runner.program()).await?;
        Ok(Assignment { job: state.id, attempt, runner, inputs: inputs.into() })
    }

    async fn claim(&self, prepared: Prepared) -> Result<Outcome, WorkError> {
        let Prepared { state, assignment } = prepared;
        let (job, attempt, layers) = (state.id, assignment.attempt, state.facts.layers);
        let performance = self.performance(assignment, Place::Run).await?;
        self.client.put_blobs(&tensors::blobs(&performance.outputs)).await?;
        let open = |index| performance.source.opening(index).ok_or(WorkError::Opening(index));
        let claim = Claim {
            job,
            attempt,
            layers,
            root: performance.source.root(),
            outputs: performance.outputs.iter().map(tensors::reference).collect(),
            first: open(0)?,
            last: open(layers)?,
        };
        let (keypair, network) = (Arc::clone(self.client.keypair()), self.client.network());
        let store = self.store.clone();
        // In a task of its own, so that nothing that happens to this one can stop it half-way.
        let signing = tokio::spawn(async move { store.sign(&keypair, network, claim).await });
        self.send(job, &signing.await??).await
    }

    async fn send(&self, job: JobId, signed: &Signed) -> Result<Outcome, WorkError> {
        match self.client.submit_signed(signed).await {
            Ok(receipt) => {
                self.counters.claims.add();
                let claim = receipt.message.0.short();
                info!(job = %short(job), claim, index = receipt.index, "claimed");
                Ok(Outcome::Done)
            }
            Err(error) if error.is_refusal(RefusalKind::Rejected) => {
                self.counters.refusals.add();
                warn!(job = %short(job), %error, "the claim was refused");
                Ok(Outcome::Done)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is claimed about a job: at hand, or done again.
    pub(crate) async fn performance(
        &self,
        assignment: Assignment,
        place: Place,
    ) -> Result<Arc<Performance>, WorkError> {
        let (job, attempt) = (assignment.job, assignment.attempt);
        if let Some(performance) = self.cache.get(job, attempt) {
            return Ok(performance);
        }
        let conduct = Arc::clone(&self.conduct);
        let (performance, took) = self
            .places
            .compute(place, move || {
                let started = Instant::now();
                conduct.perform(&assignment).map(|performance| (performance, started.elapsed()))
            })
            .await??;
        self.counters.runs.add();
        self.speed.lock().unwrap_or_else(PoisonError::into_inner).measured(took);
        let performance = Arc::new(performance);
        self.cache.put(job, attempt, Arc::clone(&performance));
        Ok(performance)
    }
}

pub(crate) fn short(job: JobId) -> String {
    job.0.0.short()
}
