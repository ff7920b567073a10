//! What all of the arbiter's tasks share, and the one way anything is committed.
//!
//! What follows from a commit (metrics, feed, deadlines, work) follows once it is durable, in the order of the log,
//! whether or not the caller still waits. If the process dies in between, it is found again in the store: see
//! [`Core::recover`].

use std::sync::{Arc, PoisonError, RwLock};

use gainsay_canon::Kernels;
use gainsay_protocol::{
    ClaimPhase, Dispute, DisputePhase, JobId, JobState, Key, Keypair, LoggedEvent, MessageId,
    NetworkId, PairPhase, Params, Receipt, Schedule, Time,
};
use tokio::sync::{Notify, mpsc};

use crate::admission::Admission;
use crate::blobs::BlobStore;
use crate::clock::{Gap, ServingClock};
use crate::decide::{self, Occurrence};
use crate::feed::LogFeed;
use crate::lock::FolderLock;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::stakes::Stakes;
use crate::store::{
    Act, CaseRecord, CommitError, Committed, Decision, Resume, Store, StoreError, Subject, Work,
    entry_topic,
};

/// Work on a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Task {
    pub(crate) job: JobId,
    pub(crate) work: Work,
}

/// See the module.
pub(crate) struct Core {
    /// The parameters as far as announced. A decision that reads them late reads them right: none comes into force sooner
    /// than its notice after its log entry.
    pub(crate) schedule: RwLock<Arc<Schedule>>,
    pub(crate) network: NetworkId,
    pub(crate) keypair: Arc<Keypair>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: BlobStore,
    pub(crate) registry: Registry,
    pub(crate) admission: Admission,
    pub(crate) kernels: Kernels,
    /// Bytes of values that evidence may bring.
    pub(crate) evidence_bytes: u64,
    pub(crate) clock: Arc<ServingClock>,
    pub(crate) metrics: Metrics,
    pub(crate) feed: LogFeed,
    pub(crate) stakes: Stakes,
    /// Told whenever a deadline may have moved.
    pub(crate) deadlines: Notify,
    /// Work for the judging task.
    pub(crate) tasks: mpsc::UnboundedSender<Task>,
    /// Held until nothing of this arbiter can write any more.
    pub(crate) _lock: FolderLock,
}

impl Core {
    /// Commits an act and sees to what follows. Dropping the future stops neither.
    pub(crate) async fn commit(self: &Arc<Self>, mut act: Act) -> Result<Committed, CommitError> {
        let core = self.clone();
        act.after = Box::new(move |index, decision| core.follow(index, decision));
        self.store.commit(act).await
    }

    /// The parameters as far as announced.
    pub(crate) fn schedule(&self) -> Arc<Schedule> {
        self.schedule.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The parameters in force.
    pub(crate) fn params(&self) -> Params {
        self.schedule().at(self.clock.now()).clone()
    }

    /// The arbiter's key.
    pub(crate) fn key(&self) -> Key {
        self.keypair.key()
    }

    /// What follows from a durable decision.
    fn follow(&self, index: u64, decision: &Decision) {
        self.metrics.committed(decision);
        if let Some(artifact) = decision.suspend {
            tracing::error!(artifact = %artifact.0, "incident: something could not be judged; the artifact is suspended");
            self.registry.suspend(artifact);
        }
        if let Some(announced) = &decision.announced {
            let mut schedule = Schedule::clone(&self.schedule());
            match schedule.announce(announced, decision.time) {
                Ok(()) => {
                    let mut held = self.schedule.write().unwrap_or_else(PoisonError::into_inner);
                    *held = Arc::new(schedule);
                }
                Err(error) => tracing::error!(%error, "announced parameters do not follow"),
            }
        }
        if decision.withdrawal.is_some() {
            self.deadlines.notify_one();
        }
        if let Some(job) = &decision.job {
            self.stakes.update(job);
            self.deadlines.notify_one();
            for work in &decision.work {
                // The judging task ends only with the arbiter; what it leaves is found again at the next start.
                let _ = self.tasks.send(Task { job: job.id, work: *work });
            }
        }
        if entry_topic(&decision.event, decision.job.as_ref()).is_some() {
            self.feed.published(index);
        }
    }

    /// Commits what the arbiter itself brings about on a job. Nothing happens if the job does not wait for it.
    pub(crate) async fn occur(
        self: &Arc<Self>,
        job: JobId,
        occurrence: Occurrence,
        case: Option<CaseRecord>,
    ) -> Result<Committed, CommitError> {
        let (schedule, clock) = (self.schedule(), self.clock.clone());
        let decide = move |situation: crate::store::Situation<'_>| {
            let Some(state) = situation.job else { return Ok(None) };
            let now = clock.now_after(situation.last);
            match decide::occurrence(&schedule, occurrence, state, now) {
                Ok(decision) => Ok(decision.map(|mut decision| {
                    decision.case = case;
                    decision
                })),
                // Somebody else's event came first; the job goes on from there.
                Err(rejection) => {
                    tracing::debug!(%rejection, ?occurrence, "an occurrence came too late");
                    Ok(None)
                }
            }
        };
        self.commit(Act::new(None, Subject::Job(job), decide)).await
    }

    /// Pays a withdrawal that is due; whether that changed anything.
    pub(crate) async fn pay(self: &Arc<Self>, withdrawal: MessageId) -> Result<bool, CommitError> {
        let clock = self.clock.clone();
        let decide = move |situation: crate::store::Situation<'_>| {
            let now = clock.now_after(situation.last);
            Ok(decide::payment(withdrawal, situation, now)?)
        };
        let act = Act::new(None, Subject::Withdrawal(withdrawal), decide);
        Ok(matches!(self.commit(act).await?, Committed::New { .. }))
    }

    /// Logs a heartbeat: a round trip through the store. Serving time goes on only when it is in the log, and if
    /// time had stood, only after the return is there too: no clock ends in between.
    pub(crate) async fn beat(self: &Arc<Self>) -> Result<Gap, CommitError> {
        let clock = self.clock.clone();
        let (sender, mut beats) = mpsc::unbounded_channel();
        let decide = move |situation: crate::store::Situation<'_>| {
            let mut beat = clock.beat();
            beat.time = beat.time.max(situation.last);
            let _ = sender.send(beat);
            Ok(Some(Decision::new(beat.time, LoggedEvent::Heartbeat)))
        };
        self.commit(Act::new(None, Subject::Nothing, decide)).await?;
        // The last call is the one that was committed.
        let mut last = None;
        while let Ok(beat) = beats.try_recv() {
            last = Some(beat);
        }
        let Some(beat) = last else { return Ok(Gap::None) };
        let gap = self.clock.gap(beat);
        if gap != Gap::None {
            self.resume().await?;
        }
        self.clock.confirm(beat);
        Ok(gap)
    }

    /// Logs that the arbiter serves again after a gap: every running clock has at least the grace.
    pub(crate) async fn resume(self: &Arc<Self>) -> Result<(), StoreError> {
        let (clock, schedule) = (self.clock.clone(), self.schedule());
        let change = move |job: &JobState, now: Time| match decide::resumed(&schedule, job, now) {
            Ok(changed) => changed,
            Err(rejection) => {
                tracing::error!(job = ?job.id, %rejection, "a job could not be resumed");
                None
            }
        };
        let now = move |last| clock.now_after(last);
        let index =
            self.store.resume(Resume { now: Box::new(now), change: Box::new(change) }).await?;
        self.feed.published(index);
        self.deadlines.notify_one();
        Ok(())
    }

    /// After a start: finds again what follows from the stored states.
    pub(crate) async fn recover(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.store.live_jobs(after, 256).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for summary in &page {
                if let Some(job) = self.store.job(summary.id).await? {
                    self.stakes.update(&job);
                }
            }
        }
        for id in self.store.disputed_jobs().await? {
            let Some(job) = self.store.job(id).await? else { continue };
            for work in work_of(&job) {
                let _ = self.tasks.send(Task { job: id, work });
            }
        }
        Ok(())
    }

    /// The receipt for an accepted message.
    pub(crate) fn receipt(&self, message: MessageId, index: u64, time: Time) -> Receipt {
        Receipt::new(&self.keypair, self.network, message, index, time)
    }

    /// Brings the gauges up to date.
    pub(crate) async fn observe(&self) -> Result<(), StoreError> {
        self.metrics.service.clock(self.clock.now(), self.clock.silence());
        let under_way = self.stakes.under_way();
        self.metrics.disputes.disputes_open.set(saturate(under_way.disputes));
        self.metrics.jobs.claims_challenged.set(saturate(under_way.challenged_claims));
        self.metrics.census(&self.store.census().await?);
        let totals = self.store.totals().await?;
        self.metrics.money.totals(&totals);
        if !totals.is_conserved() {
            tracing::error!(?totals, "conservation is violated: the ledger does not add up");
        }
        Ok(())
    }
}

fn saturate(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The work that a job's state asks for.
pub(crate) fn work_of(job: &JobState) -> Vec<Work> {
    let Some(claim) = job.claim() else { return Vec::new() };
    match claim.phase {
        ClaimPhase::Running => vec![Work::Run],
        ClaimPhase::Disputed => claim.disputes.iter().flat_map(replays_of).collect(),
        ClaimPhase::Window | ClaimPhase::Revealing | ClaimPhase::Ended(_) => Vec::new(),
    }
}

/// The replays that a dispute waits for: of its layer, or of steps below it.
fn replays_of(dispute: &Dispute) -> Vec<Work> {
    if matches!(dispute.phase, DisputePhase::Judging { .. }) {
        return vec![Work::Replay(dispute.counter_root)];
    }
    let pairs = dispute.below_layer().map_or(&[][..], |below| &below.pairs);
    let judging = pairs.iter().filter(|pair| matches!(pair.phase, PairPhase::Judging { .. }));
    judging.map(|pair| Work::Step(dispute.counter_root, pair.sub_root)).collect()
}
