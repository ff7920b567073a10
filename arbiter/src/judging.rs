//! The arbiter's own work: replays of disputed layers and, where it must tell the true root, whole runs.
//!
//! A bounded number of them run at once, on threads of their own. One that fails is repeated once and then counts as
//! inconclusive: only a deterministic mismatch slashes. The verdict goes into the log as an event like any other;
//! until it is there, the work is found again at every start. Replays are cached by content.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gainsay_canon::Tensor;
use gainsay_commitment::{Context, Digest, hash};
use gainsay_judge::{
    CASE_VERSION, Case, CaseError, CaseFile, Openings, SignedVerdict, Weights, judge,
};
use gainsay_model::{Artifact, Runner, TypedProgram};
use gainsay_protocol::{
    ClaimId, ClaimPhase, ClaimState, Dispute, DisputePhase, JobId, JobState, MessageId, Signed,
    Verdict,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::core::{Core, Task};
use crate::decide::Occurrence;
use crate::error::{Chain, Refused};
use crate::registry::Registered;
use crate::store::{CaseRecord, CommitError, StoreError, Work};

/// How often work is tried before it counts as inconclusive.
const TRIES: u32 = 2;
/// Pause before anything that failed is tried again.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// Why work was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error("the blobs: {0}")]
    Blobs(#[from] io::Error),
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("the case: {0}")]
    Case(#[from] CaseError),
    #[error("the run: {0}")]
    Run(#[from] gainsay_model::RunError),
    #[error("the artifact: {0}")]
    Artifact(#[from] gainsay_model::ArtifactError),
    #[error("{0}")]
    Missing(&'static str),
    #[error("it ended in a crash")]
    Crash,
}

impl WorkError {
    /// Whether it is the machine's trouble, which says nothing about the work. Bytes that are gone or damaged stay so.
    fn may_pass(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Blobs(error) => {
                !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData)
            }
            _ => false,
        }
    }
}

/// The machine's own trouble says nothing about the work: it is waited out.
async fn pause(error: &(dyn std::error::Error + Send + Sync)) {
    tracing::error!(error = %Chain(error), "the store fails; the work waits");
    tokio::time::sleep(STORE_PAUSE).await;
}

/// Tries work until it is done: the machine's own trouble is waited out, whatever else fails is told and tried once more.
/// `None` if the work is not due any more, `Some(None)` if it cannot be done.
async fn tried<T, F>(work: impl Fn() -> F, failed: impl Fn(u32, &WorkError)) -> Option<Option<T>>
where
    F: Future<Output = Result<Option<T>, WorkError>>,
{
    let mut attempt = 0;
    while attempt < TRIES {
        match work().await {
            Ok(None) | Err(WorkError::Store(StoreError::Closed)) => return None,
            Ok(Some(done)) => return Some(Some(done)),
            Err(error) if error.may_pass() => pause(&error).await,
            Err(error) => {
                attempt += 1;
                failed(attempt, &error);
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
    Some(None)
}

/// Works until the arbiter stops.
pub(crate) async fn serve(
    core: Arc<Core>,
    mut tasks: mpsc::UnboundedReceiver<Task>,
    parallel: usize,
) {
    let turns = Arc::new(Semaphore::new(parallel));
    let under_way = Arc::new(Mutex::new(BTreeSet::new()));
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            task = tasks.recv() => {
                let Some(task) = task else { break };
                let lock = || under_way.lock().unwrap_or_else(PoisonError::into_inner);
                if !lock().insert(task) {
                    continue;
                }
                core.metrics.disputes.replays_waiting.inc();
                let (core, turns, under_way) = (core.clone(), turns.clone(), under_way.clone());
                running.spawn(async move {
                    let turn = turns.acquire_owned().await;
                    core.metrics.disputes.replays_waiting.dec();
                    core.metrics.disputes.replays_running.inc();
                    if turn.is_ok() {
                        core.work(task).await;
                    }
                    core.metrics.disputes.replays_running.dec();
                    under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
                });
            }
            Some(_) = running.join_next() => {}
        }
    }
}

impl Core {
    /// Does one piece of work and has its result committed.
    async fn work(self: &Arc<Self>, task: Task) {
        let Some(claim) = self.claim_under_way(task.job).await else { return };
        let (occurrence, case) = match task.work {
            Work::Replay(counter_root) => {
                let judging = || self.judge_dispute(task.job, counter_root);
                match self.verdict((task.job, counter_root), judging).await {
                    Some((verdict, case)) => {
                        (Occurrence::Judged { claim, counter_root, verdict }, case)
                    }
                    None => return,
                }
            }
            Work::Step(counter_root, sub_root) => {
                let judging = || self.judge_pair(task.job, (counter_root, sub_root));
                match self.verdict((task.job, counter_root), judging).await {
                    Some((verdict, case)) => {
                        (Occurrence::StepJudged { claim, counter_root, sub_root, verdict }, case)
                    }
                    None => return,
                }
            }
            Work::Run => match self.true_root(task.job).await {
                Some(root) => (Occurrence::Ran { claim, root }, None),
                None => return,
            },
        };
        loop {
            match self.occur(task.job, occurrence, case).await {
                Ok(_) => return,
                Err(CommitError::Store(StoreError::Closed)) => return,
                Err(error) => pause(&error).await,
            }
        }
    }

    /// The claim that the work is about.
    async fn claim_under_way(&self, job: JobId) -> Option<ClaimId> {
        loop {
            match self.store.job(job).await {
                Ok(state) => return state?.claim().map(|claim| claim.id),
                Err(StoreError::Closed) => return None,
                Err(error) => pause(&error).await,
            }
        }
    }

    /// The verdict that some judging comes to and the record of its case file; `None` if nothing waits for one any more.
    async fn verdict<F>(
        &self,
        (job, counter_root): (JobId, Digest),
        judging: impl Fn() -> F,
    ) -> Option<(Verdict, Option<CaseRecord>)>
    where
        F: Future<Output = Result<Option<(Verdict, CaseRecord)>, WorkError>>,
    {
        let failed = |attempt, error: &WorkError| {
            self.replay_failed(job, counter_root, attempt, error);
        };
        Some(match tried(judging, failed).await? {
            Some((verdict, case)) => (verdict, Some(case)),
            None => (Verdict::Inconclusive, None),
        })
    }

    fn replay_failed(&self, job: JobId, counter_root: Digest, attempt: u32, error: &WorkError) {
        let error = Chain(error);
        tracing::error!(job = %job.0.0, %counter_root, attempt, %error, "a replay failed");
        self.metrics.disputes.replays.with_label_values(&["failed"]).inc();
    }

    fn run_failed(&self, job: JobId, attempt: u32, error: &WorkError) {
        let error = Chain(error);
        tracing::error!(job = %job.0.0, attempt, %error, "a run failed");
        self.metrics.disputes.runs.with_label_values(&["failed"]).inc();
    }

    async fn judge_dispute(
        &self,
        job: JobId,
        counter_root: Digest,
    ) -> Result<Option<(Verdict, CaseRecord)>, WorkError> {
        let Some(state) = self.store.job(job).await? else { return Ok(None) };
        let Some((claim, dispute)) = under_judgement(&state, &counter_root) else {
            return Ok(None);
        };
        let registered = self.registry.get(state.job.artifact)?;
        let case = Arc::new(self.assemble(&state, claim, dispute, &registered).await?);
        let content = content_of(&case, &state);
        let started = Instant::now();
        let verdict = match self.store.replay(content).await? {
            Some(verdict) => {
                self.metrics.disputes.replays.with_label_values(&["cached"]).inc();
                verdict
            }
            None => self.replay(case.clone(), registered.artifact, content).await?,
        };
        let replay_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let keypair = self.keypair.clone();
        let file = tokio::task::spawn_blocking(move || {
            let signed = SignedVerdict::new(&keypair, &case, verdict);
            CaseFile::new(Arc::unwrap_or_clone(case), signed).to_bytes()
        });
        let file = file.await.map_err(|_| WorkError::Crash)?;
        let file = file.map_err(|error| WorkError::Case(error.into()))?;
        let blob = self.blobs.save(file).await?;
        Ok(Some((verdict, CaseRecord { claim: claim.id, counter_root, blob, verdict, replay_us })))
    }

    /// Replays the disputed layer.
    async fn replay(
        &self,
        case: Arc<Case>,
        artifact: Arc<Artifact>,
        content: Digest,
    ) -> Result<Verdict, WorkError> {
        let kernels = self.kernels.clone();
        let started = Instant::now();
        let judged = tokio::task::spawn_blocking(move || {
            judge(&case, Weights::Artifact(&artifact), &kernels)
        });
        let judged = judged.await;
        let took = started.elapsed().as_secs_f64();
        let judgement = judged.map_err(|_| WorkError::Crash)??;
        self.metrics.disputes.replay_seconds.observe(took);
        self.metrics.disputes.replays.with_label_values(&["judged"]).inc();
        tracing::info!(
            claim = %judgement.claim.0.0,
            layer = judgement.layer,
            name = %judgement.layer_name,
            verdict = judgement.verdict.name(),
            seconds = took,
            "a layer was replayed"
        );
        self.store.remember_replay(content, judgement.verdict).await?;
        Ok(judgement.verdict)
    }

    /// Everything that the judgement depends on.
    async fn assemble(
        &self,
        state: &JobState,
        claim: &ClaimState,
        dispute: &Dispute,
        registered: &Registered,
    ) -> Result<Case, WorkError> {
        let DisputePhase::Judging { layer, list, opening, tensors, .. } = &dispute.phase else {
            return Err(WorkError::Missing("the dispute is not being judged"));
        };
        let (artifact, counter_root) = (&registered.artifact, &dispute.counter_root);
        let typed = artifact
            .program(state.job.program)
            .ok_or(WorkError::Missing("the artifact has no such program"))?;
        let reveal = claim
            .members(*counter_root)
            .find_map(|challenge| challenge.revealed.as_ref())
            .ok_or(WorkError::Missing("nobody revealed the counter root"))?;
        let openings = Openings::of(claim, counter_root, *layer, opening)
            .ok_or(WorkError::Missing("the dispute has not shown the states around the layer"))?;
        let inputs = self.inputs_of(state, typed).await?;
        Ok(Case {
            version: CASE_VERSION,
            job: self.signed(state.id.0).await?,
            claim: self.signed(claim.id.0).await?,
            challenge: self.signed(reveal.message).await?,
            layer: *layer,
            manifest: artifact.manifest_bytes().to_vec(),
            program: typed.program().encode(),
            openings,
            evidence: self.evidence_of(list.clone(), tensors).await?,
            inputs,
        })
    }

    pub(crate) async fn signed(&self, message: MessageId) -> Result<Signed, WorkError> {
        let found = self.store.message(message).await?;
        found.ok_or(WorkError::Missing("a message of the case is not in the log"))
    }

    /// The true root of the claim under way (`Some(None)` if the run failed twice); `None` if no run is due.
    async fn true_root(&self, job: JobId) -> Option<Option<Digest>> {
        let failed = |attempt, error: &WorkError| self.run_failed(job, attempt, error);
        let found = tried(|| self.run_job(job), failed).await?;
        if found.is_some() {
            self.metrics.disputes.runs.with_label_values(&["done"]).inc();
        }
        Some(found)
    }

    /// The bytes of a job's inputs.
    pub(crate) async fn inputs_of(
        &self,
        state: &JobState,
        typed: &TypedProgram,
    ) -> io::Result<Vec<Vec<u8>>> {
        let mut inputs = Vec::with_capacity(state.job.inputs.len());
        for (input, port) in state.job.inputs.iter().zip(&typed.program().inputs) {
            let limit = port.tensor.byte_len().map_or(u64::MAX, |length| length as u64);
            inputs.push(self.blobs.load(input.content, limit).await?.to_vec());
        }
        Ok(inputs)
    }

    async fn run_job(&self, job: JobId) -> Result<Option<Digest>, WorkError> {
        let Some(state) = self.store.job(job).await? else { return Ok(None) };
        if state.claim().is_none_or(|claim| claim.phase != ClaimPhase::Running) {
            return Ok(None);
        }
        let registered = self.registry.get(state.job.artifact)?;
        let runner = Runner::new(registered.artifact, state.job.program, self.kernels.clone())?;
        let bytes = self.inputs_of(&state, runner.program()).await?;
        let ports = &runner.program().program().inputs;
        let tensors = ports.iter().zip(&bytes).map(|(port, bytes)| {
            Tensor::from_bytes(&port.tensor, bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        });
        let inputs = tensors.collect::<Result<Vec<_>, _>>()?;
        let started = Instant::now();
        let run = tokio::task::spawn_blocking(move || {
            let trace = runner.trace(&inputs)?;
            trace.root().map_err(gainsay_model::RunError::from)
        });
        let root = run.await.map_err(|_| WorkError::Crash)??;
        self.metrics.disputes.run_seconds.observe(started.elapsed().as_secs_f64());
        Ok(Some(root))
    }
}

/// The claim and dispute, if the dispute waits for a verdict.
fn under_judgement<'a>(
    state: &'a JobState,
    counter_root: &Digest,
) -> Option<(&'a ClaimState, &'a Dispute)> {
    let claim = state.claim()?;
    let dispute = claim.dispute(counter_root)?;
    matches!(dispute.phase, DisputePhase::Judging { .. }).then_some((claim, dispute))
}

/// What the verdict depends on: program, layer, inputs, agreed state, and what both sides say comes of it.
fn content_of(case: &Case, state: &JobState) -> Digest {
    let job = &state.job;
    let agreed = case.evidence.list.digest(case.layer.saturating_sub(1));
    let leaves = (case.openings.claim_leaf, case.openings.counter_leaf);
    hash(Context::Case, &(job.artifact, job.program, &job.inputs, case.layer, agreed, leaves))
}
