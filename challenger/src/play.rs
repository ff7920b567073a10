//! What is done about one claim: re-run, commit, reveal, and every move of the dispute.
//!
//! Each step is computed from the claim's state alone. The counter root is that of an honest run, or, for a rehearsed
//! false alarm, of the trace that the journal tells of; either comes out the same after a restart.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use gainsay_commitment::Digest;
use gainsay_model::RunError;
use gainsay_player::api::RefusalKind;
use gainsay_player::{
    ArbiterClient, ClientError, Library, LibraryError, MoveError, Place, Places, RunSource,
    TensorError, TraceSource, missing_move, tell_move, tensors,
};
use gainsay_protocol::{
    Challenge, ClaimId, ClaimPhase, ClaimState, Commit, JobId, JobState, Message, Reveal, Side,
    challenge_commitment,
};
use tracing::{debug, error, info, warn};

use crate::config::Conduct;
use crate::counters::Counters;
use crate::false_alarm::AlarmError;
use crate::secret::{SamplingRate, Secret};

/// Traces kept for claims in dispute; losing one costs a run.
const KEPT: usize = 32;

/// Why an errand was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlayError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Tensor(#[from] TensorError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Alarm(#[from] AlarmError),
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error("the trace has no state {0}")]
    State(u32),
    #[error("a task ended unexpectedly")]
    Task(#[from] tokio::task::JoinError),
}

impl PlayError {
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

/// What an errand left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing to do about the claim in this part of its life.
    Settled,
    /// There may be more to do.
    Open,
}

/// What every task of one challenger shares.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) client: ArbiterClient,
    pub(crate) counters: Arc<Counters>,
    library: Library,
    conduct: Arc<Conduct>,
    secret: Secret,
    sampling: SamplingRate,
    places: Places,
    kept: Mutex<VecDeque<(ClaimId, Arc<RunSource>)>>,
}

impl Player {
    pub(crate) fn new(
        client: ArbiterClient,
        library: Library,
        conduct: Conduct,
        sampling: SamplingRate,
        parallel: NonZeroUsize,
        counters: Arc<Counters>,
    ) -> Self {
        let secret = Secret::of(client.keypair());
        let places = Places::new(parallel);
        let (conduct, kept) = (Arc::new(conduct), Mutex::default());
        Self { client, counters, library, conduct, secret, sampling, places, kept }
    }

    pub(crate) fn samples(&self, claim: ClaimId) -> bool {
        self.secret.samples(claim, self.sampling)
    }

    /// Re-runs a claim in its window and commits to the own root if it differs.
    pub(crate) async fn check(&self, job: JobId, id: ClaimId) -> Result<Finding, PlayError> {
        let Some(state) = self.client.job(job).await? else { return Ok(Finding::Settled) };
        let Some(claim) = state.claim_by_id(id) else { return Ok(Finding::Settled) };
        let challenged = claim.challenge_of(self.client.key()).is_some();
        if claim.phase != ClaimPhase::Window || challenged {
            return Ok(Finding::Settled);
        }
        let source = match self.kept(id) {
            Some(source) => source,
            None => match self.contradiction(&state, claim).await? {
                Some(source) => source,
                None => return Ok(Finding::Settled),
            },
        };
        self.commit(job, id, source.root()).await
    }

    /// The trace to contradict a claim with, if it is to be contradicted.
    async fn contradiction(
        &self,
        state: &JobState,
        claim: &ClaimState,
    ) -> Result<Option<Arc<RunSource>>, PlayError> {
        let source = self.own_trace(state, claim, Place::Run).await?;
        let (job, id) = (state.id, claim.id);
        if source.root() != claim.claim.root {
            self.counters.differed.add();
            let (own, claimed) = (source.root().short(), claim.claim.root.short());
            info!(job = %short(job), claim = %id.0.0.short(), own, claimed, "the claim is wrong");
            return Ok(Some(self.keep(id, source)));
        }
        let conduct = Arc::clone(&self.conduct);
        let alarm = self
            .places
            .compute(Place::Run, move || match conduct.as_ref() {
                Conduct::Honest => Ok(None),
                Conduct::FalseAlarm(alarm) => alarm.raise(job, id, &source),
            })
            .await??;
        match alarm {
            Some(source) => {
                warn!(job = %short(job), claim = %id.0.0.short(), "raising a rehearsed false alarm");
                Ok(Some(self.keep(id, Arc::new(source))))
            }
            None => {
                self.counters.agreed.add();
                debug!(job = %short(job), claim = %id.0.0.short(), "the claim is right");
                Ok(None)
            }
        }
    }

    async fn commit(&self, job: JobId, id: ClaimId, root: Digest) -> Result<Finding, PlayError> {
        let commit = Message::Commit(Commit { claim: id, commitment: self.commitment(id, root) });
        match self.client.submit(commit).await {
            Ok(_) => {
                self.counters.commits.add();
                info!(job = %short(job), claim = %id.0.0.short(), "committed to a challenge");
                Ok(Finding::Settled)
            }
            Err(error) if error.is_refusal(RefusalKind::Funds) => {
                warn!(job = %short(job), %error, "cannot afford the bond of a challenge");
                Ok(Finding::Open)
            }
            Err(error) if error.refusal().is_some() => {
                self.counters.refusals.add();
                self.counters.missed.add();
                warn!(job = %short(job), %error, "the commitment was refused");
                Ok(Finding::Settled)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn commitment(&self, id: ClaimId, root: Digest) -> Digest {
        let (network, key) = (self.client.network(), self.client.key());
        challenge_commitment(network, root, &self.secret.salt(id), key, id)
    }

    /// Makes every move that the own challenge on a claim lacks.
    pub(crate) async fn play(&self, job: JobId, id: ClaimId) -> Result<Finding, PlayError> {
        loop {
            let Some(state) = self.client.job(job).await? else { return Ok(Finding::Settled) };
            let Some(claim) = state.claim_by_id(id) else { return Ok(Finding::Settled) };
            // After the window nobody can join, so a claim without our challenge never concerns us.
            let Some(challenge) = claim.challenge_of(self.client.key()) else {
                return Ok(Finding::Settled);
            };
            let due = match claim.phase {
                ClaimPhase::Revealing if challenge.revealed.is_none() => {
                    match self.reveal(&state, claim, challenge).await? {
                        Some(reveal) => (reveal, Vec::new()),
                        None => return Ok(Finding::Settled),
                    }
                }
                ClaimPhase::Disputed => match self.dispute_move(&state, claim, challenge).await? {
                    Some(due) => (due.message, due.blobs),
                    None => return Ok(Finding::Open),
                },
                _ => return Ok(Finding::Open),
            };
            self.client.put_blobs(&due.1).await?;
            if !self.say(&state, due.0).await? {
                return Ok(Finding::Open);
            }
        }
    }

    /// The reveal of what was committed to.
    async fn reveal(
        &self,
        state: &JobState,
        claim: &ClaimState,
        challenge: &Challenge,
    ) -> Result<Option<Message>, PlayError> {
        let (id, layers) = (claim.id, claim.claim.layers);
        let source = self.trace(state, claim).await?;
        let root = source.root();
        if self.commitment(id, root) != challenge.commitment {
            error!(claim = %id.0.0.short(), "the run does not give the committed root again");
            return Ok(None);
        }
        let open = |index| source.opening(index).ok_or(PlayError::State(index));
        let last_state = source.states().last().copied().ok_or(PlayError::State(layers))?;
        Ok(Some(Message::Reveal(Reveal {
            claim: id,
            salt: self.secret.salt(id),
            root,
            last_state,
            first: open(0)?,
            last: open(layers)?,
        })))
    }

    async fn dispute_move(
        &self,
        state: &JobState,
        claim: &ClaimState,
        challenge: &Challenge,
    ) -> Result<Option<gainsay_player::Move>, PlayError> {
        let Some(counter_root) = challenge.revealed.as_ref().map(|revealed| revealed.root) else {
            return Ok(None);
        };
        let params = self.client.params().clone();
        let due = claim.due(&params, Side::Challenger, &counter_root);
        let below = claim.dispute(&counter_root).and_then(gainsay_protocol::Dispute::below_layer);
        if due == gainsay_protocol::Due::Nothing && below.is_none() {
            return Ok(None);
        }
        let side = (Side::Challenger, self.client.key());
        let source = self.trace(state, claim).await?;
        let claim = claim.clone();
        let due = self
            .places
            .compute(Place::Answer, move || {
                missing_move(&params, &claim, side, &counter_root, source.as_ref())
            })
            .await?;
        match due {
            // Only a rehearsed false alarm can come here: it cannot answer what it does not know.
            Err(error @ (MoveError::Unknown { .. } | MoveError::UnknownBelow { .. })) => {
                debug!(job = %short(state.id), %error, "cannot be answered");
                Ok(None)
            }
            other => Ok(other?),
        }
    }

    /// Says it; false if it was refused, by the other side having been first for example.
    async fn say(&self, state: &JobState, message: Message) -> Result<bool, PlayError> {
        let job = short(state.id);
        let told = message.clone();
        match self.client.submit(message).await {
            Ok(_) => {}
            Err(error) if error.refusal().is_some() => {
                self.counters.refusals.add();
                debug!(job, kind = told.kind(), %error, "the move was refused");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        if let Message::Reveal(reveal) = &told {
            self.counters.reveals.add();
            info!(job, root = %reveal.root.short(), "revealed a counter root");
        }
        let counts = [&self.counters.moves, &self.counters.evidence];
        tell_move(&self.library, state, &told, counts);
        Ok(true)
    }

    /// The trace that a challenge on this claim is played from: at hand, or run again.
    async fn trace(
        &self,
        state: &JobState,
        claim: &ClaimState,
    ) -> Result<Arc<RunSource>, PlayError> {
        match self.kept(claim.id) {
            Some(source) => Ok(source),
            None => Ok(self.keep(claim.id, self.own_trace(state, claim, Place::Answer).await?)),
        }
    }

    /// Runs the program on the job's inputs: honestly, or as an alarm that was raised says.
    async fn own_trace(
        &self,
        state: &JobState,
        claim: &ClaimState,
        place: Place,
    ) -> Result<Arc<RunSource>, PlayError> {
        let asked = &state.job;
        let runner = self.library.runner(&self.client, asked.artifact, asked.program).await?;
        let inputs = tensors::fetch_inputs(&self.client, asked, runner.program()).await?;
        let (conduct, id) = (Arc::clone(&self.conduct), claim.id);
        let run = move || -> Result<RunSource, RunError> {
            let honest = RunSource::run(runner, inputs.into())?;
            let raised = match conduct.as_ref() {
                Conduct::Honest => None,
                Conduct::FalseAlarm(alarm) => alarm.raised(id),
            };
            raised
                .map_or(Ok(None), |alarm| alarm.trace(&honest).map(Some))
                .map(|alarm| alarm.unwrap_or(honest))
        };
        let source = self.places.compute(place, run).await??;
        self.counters.runs.add();
        Ok(Arc::new(source))
    }

    fn kept(&self, id: ClaimId) -> Option<Arc<RunSource>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(claim, _)| *claim == id).map(|(_, source)| Arc::clone(source))
    }

    fn keep(&self, id: ClaimId, source: Arc<RunSource>) -> Arc<RunSource> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(claim, _)| *claim != id);
        kept.push_back((id, Arc::clone(&source)));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        source
    }
}

fn short(job: JobId) -> String {
    job.0.0.short()
}
