//! `db_is_fold`: jobs, balances and suspensions rebuilt from the log alone, signatures checked again.
//!
//! The operator can run it over a database's own log, and the tests hold the tables against it. Replays and runs are
//! taken from the log as the arbiter wrote them; case files are what checks those. What the registry said of an artifact is recomputed from the artifact by whoever calls it.

use std::collections::{BTreeMap, BTreeSet};

use gainsay_commitment::Digest;
use gainsay_network::api::ArtifactView;
use gainsay_protocol::{
    Account, Amount, ArtifactId, Canary, CanaryCommit, CanaryOutcome, EvidenceStanding, Exposure,
    JobId, JobState, Key, Ledger, LedgerError, LogEntry, LoggedEvent, Message, MessageId, OnceOnly,
    Params, Ready, Rejection, Schedule, Signed, Time, Withdrawal,
};

use crate::decide::{self, Findings, Occurrence};
use crate::error::Refused;
use crate::store::{Books, CanaryBooks, CanaryChange, CanaryRecord, Decision, Situation, Subject};

/// An entry that does not follow from those before it.
#[derive(Debug, thiserror::Error)]
#[error("log entry {index}: {fault}")]
pub struct FoldError {
    /// The entry's index.
    pub index: u64,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// What can be wrong with a log entry.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An entry is missing or out of order.
    #[error("entry {expected} is due here")]
    Index {
        /// The index that is due.
        expected: u64,
    },
    /// Time goes back.
    #[error("its time is before that of the entry before it")]
    Time,
    /// The rules refuse it.
    #[error("it should have been refused: {0}")]
    Refused(#[from] Refused),
    /// The state machine refuses it.
    #[error("the state machine refuses it: {0}")]
    Rejected(#[from] Rejection),
    /// Its transfers cannot be made.
    #[error("its transfers cannot be made: {0}")]
    Ledger(#[from] LedgerError),
    /// A job that there is not.
    #[error("it is about a job that there is not: {0:?}")]
    NoJob(JobId),
    /// It changes nothing and should not be there.
    #[error("it changes nothing")]
    Idle,
    /// A message for the second time.
    #[error("its message was accepted before")]
    Repeated,
}

/// The state that a log leads to.
pub struct Fold<'a> {
    catalogue: &'a dyn Fn(ArtifactId) -> Option<ArtifactView>,
    next: u64,
    last: Time,
    messages: BTreeMap<Digest, u64>,
    takes: BTreeMap<MessageId, (Key, Amount)>,
    /// The parameters, as far as announced.
    pub schedule: Schedule,
    /// Once-only acts that were done twice.
    pub proven: BTreeMap<OnceOnly, MessageId>,
    /// Withdrawals that are not paid yet.
    pub withdrawals: BTreeMap<MessageId, Withdrawal>,
    /// Canaries by their commitments.
    pub canaries: BTreeMap<Digest, CanaryRecord>,
    /// Every job.
    pub jobs: BTreeMap<JobId, JobState>,
    /// To which job an id belongs.
    pub ids: BTreeMap<Digest, JobId>,
    /// Every account.
    pub ledger: Ledger,
    /// Artifacts that are suspended.
    pub suspended: BTreeSet<ArtifactId>,
}

impl std::fmt::Debug for Fold<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fold").field("next", &self.next).field("jobs", &self.jobs.len()).finish()
    }
}

impl<'a> Fold<'a> {
    /// The state before the first entry. `catalogue` says what an artifact that was admitted consists of.
    pub fn new(params: &Params, catalogue: &'a dyn Fn(ArtifactId) -> Option<ArtifactView>) -> Self {
        Self {
            takes: BTreeMap::new(),
            schedule: Schedule::new(params.clone()),
            proven: BTreeMap::new(),
            withdrawals: BTreeMap::new(),
            catalogue,
            next: 0,
            last: Time(0),
            messages: BTreeMap::new(),
            canaries: BTreeMap::new(),
            jobs: BTreeMap::new(),
            ids: BTreeMap::new(),
            ledger: Ledger::default(),
            suspended: BTreeSet::new(),
        }
    }

    /// Goes on by one entry.
    ///
    /// # Errors
    /// If it does not follow from those before it; then nothing has changed.
    pub fn apply(&mut self, entry: &LogEntry) -> Result<(), FoldError> {
        self.checked(entry).map_err(|fault| FoldError { index: entry.index, fault })
    }

    fn checked(&mut self, entry: &LogEntry) -> Result<(), Fault> {
        if entry.index != self.next {
            return Err(Fault::Index { expected: self.next });
        }
        if entry.time < self.last {
            return Err(Fault::Time);
        }
        let now = entry.time;
        match &entry.event {
            LoggedEvent::Message(signed) => self.message(signed, None, now)?,
            LoggedEvent::Evidence { message, bytes } => {
                let standing = match bytes {
                    Some(bytes) => EvidenceStanding::Complete { bytes: *bytes },
                    None => EvidenceStanding::MalformedState,
                };
                self.message(message, Some(standing), now)?;
            }
            LoggedEvent::Tick(job) => self.occurrence(*job, Occurrence::Tick, now)?,
            LoggedEvent::Judged { job, claim, counter_root, verdict } => {
                let (claim, counter_root, verdict) = (*claim, *counter_root, *verdict);
                let judged = Occurrence::Judged { claim, counter_root, verdict };
                self.occurrence(*job, judged, now)?;
            }
            LoggedEvent::Ran { job, claim, root } => {
                let ran = Occurrence::Ran { claim: *claim, root: *root };
                self.occurrence(*job, ran, now)?;
            }
            LoggedEvent::StepJudged { job, claim, counter_root, sub_root, verdict } => {
                let (claim, counter_root) = (*claim, *counter_root);
                let (sub_root, verdict) = (*sub_root, *verdict);
                let judged = Occurrence::StepJudged { claim, counter_root, sub_root, verdict };
                self.occurrence(*job, judged, now)?;
            }
            LoggedEvent::Heartbeat => {}
            LoggedEvent::Resumed => self.resumed(now)?,
            LoggedEvent::Paid(withdrawal) => self.paid(*withdrawal, now)?,
        }
        self.next = self.next.saturating_add(1);
        self.last = now;
        Ok(())
    }

    fn message(
        &mut self,
        signed: &Signed,
        standing: Option<EvidenceStanding>,
        now: Time,
    ) -> Result<(), Fault> {
        let ready = self.ready(signed)?;
        if self.messages.contains_key(&ready.id().0) {
            return Err(Fault::Repeated);
        }
        let artifact = match ready.message() {
            Message::AdmitArtifact(admit) => (self.catalogue)(admit.artifact),
            Message::Job(job) => (self.catalogue)(job.artifact),
            _ => None,
        };
        let subject = decide::subject_of(&ready);
        let job = match &subject {
            Subject::Id(id) => self.ids.get(id).and_then(|id| self.jobs.get(id)),
            other => other.job().and_then(|id| self.jobs.get(&id)),
        };
        let books = self.books(&subject);
        let situation = Situation { job, last: self.last, books: &books };
        let findings = Findings { artifact: artifact.as_ref(), standing };
        let decision = decide::message(&self.schedule, &ready, findings, situation, now)?;
        let named = matches!(
            ready.message(),
            Message::Job(_) | Message::Take(_) | Message::Claim(_) | Message::Commit(_)
        );
        let job = decision.job.as_ref().map(|job| job.id);
        self.carry_out(decision)?;
        if let Some(job) = job.filter(|_| named) {
            self.ids.insert(ready.id().0, job);
        }
        if matches!(ready.message(), Message::Take(_)) {
            let bond = self.ledger.balance(Account::Bond(ready.id()));
            self.takes.insert(ready.id(), (ready.signer(), bond));
        }
        self.messages.insert(ready.id().0, self.next);
        Ok(())
    }

    fn ready(&self, signed: &Signed) -> Result<Ready, Refused> {
        let verified = signed.clone().verify(self.schedule.first().network())?;
        // Whether the blobs were there is not in the log: it is the arbiter's word, as that it timed honestly.
        let held = verified.message().required_blobs().into_iter().collect();
        Ok(verified.ready(&held)?)
    }

    fn occurrence(&mut self, job: JobId, occurrence: Occurrence, now: Time) -> Result<(), Fault> {
        let state = self.jobs.get(&job).ok_or(Fault::NoJob(job))?;
        let decision = decide::occurrence(&self.schedule, occurrence, state, now)?;
        self.carry_out(decision.ok_or(Fault::Idle)?)
    }

    fn resumed(&mut self, now: Time) -> Result<(), Fault> {
        for state in self.jobs.values_mut() {
            if let Some(changed) = decide::resumed(&self.schedule, state, now)? {
                *state = changed;
            }
        }
        Ok(())
    }

    fn paid(&mut self, withdrawal: MessageId, now: Time) -> Result<(), Fault> {
        let books = self.books(&Subject::Withdrawal(withdrawal));
        let situation = Situation { job: None, last: self.last, books: &books };
        let decision = decide::payment(withdrawal, situation, now)?;
        self.carry_out(decision.ok_or(Fault::Idle)?)?;
        self.withdrawals.remove(&withdrawal);
        Ok(())
    }

    /// What a store loads for a subject.
    fn books(&self, subject: &Subject) -> Books {
        match subject {
            Subject::Take(_, key) => Books { exposure: self.exposure(*key), ..Books::default() },
            Subject::Act(act) => {
                Books { proven: self.proven.get(act).copied(), ..Books::default() }
            }
            Subject::Withdrawal(id) => {
                Books { withdrawal: self.withdrawals.get(id).copied(), ..Books::default() }
            }
            Subject::Commitments(commitments) => {
                let known = commitments.iter().filter(|of| self.canaries.contains_key(of));
                let known = known.copied().collect();
                let canaries = CanaryBooks { known, ..CanaryBooks::default() };
                Books { canaries, ..Books::default() }
            }
            Subject::Canary(commitment, job, executor) => {
                let claim = Some((*job, *executor));
                let counted = |record: &&CanaryRecord| {
                    record.opened == claim
                        && record.canary.outcome.is_some_and(|was| was != CanaryOutcome::Void)
                };
                let canaries = CanaryBooks {
                    canary: self.canaries.get(commitment).map(|record| record.canary),
                    admitted: self.messages.get(&job.0.0).copied(),
                    before: self.canaries.values().find(counted).map(|of| of.canary.commitment),
                    ..CanaryBooks::default()
                };
                Books { canaries, ..Books::default() }
            }
            Subject::Schedule => {
                Books { schedule: Some(self.schedule.clone()), ..Books::default() }
            }
            Subject::Nothing | Subject::Job(_) | Subject::Id(_) => Books::default(),
        }
    }

    fn exposure(&self, key: Key) -> Exposure {
        let of_key = self.takes.values().filter(|(owner, _)| *owner == key);
        of_key.fold(Exposure::default(), |sum, (_, bond)| Exposure {
            open: sum.open.saturating_add(1),
            locked: Amount(sum.locked.0.saturating_add(bond.0)),
        })
    }

    fn carry_out(&mut self, decision: Decision) -> Result<(), Fault> {
        self.ledger.post(&decision.transfers)?;
        for transfer in &decision.transfers {
            if let Account::Bond(bond) = transfer.debit {
                self.takes.remove(&bond);
            }
        }
        if let Some(announced) = &decision.announced {
            let refused = |error| Fault::Rejected(Rejection::Announce(error));
            self.schedule.announce(announced, decision.time).map_err(refused)?;
        }
        if let (Some(act), LoggedEvent::Message(signed)) = (decision.proven, &decision.event) {
            self.proven.insert(act, signed.id());
        }
        if let Some(withdrawal) = decision.withdrawal {
            self.withdrawals.insert(withdrawal.id, withdrawal);
        }
        match decision.canary {
            None => {}
            Some(CanaryChange::Committed(CanaryCommit { commitments, bonus })) => {
                for commitment in commitments {
                    let canary = Canary { commitment, bonus, committed: self.next, outcome: None };
                    self.canaries.insert(commitment, CanaryRecord { canary, opened: None });
                }
            }
            Some(CanaryChange::Opened { commitment, reveal, opened }) => {
                if let Some(record) = self.canaries.get_mut(&commitment) {
                    record.canary.outcome = Some(opened.outcome);
                    record.opened = Some((reveal.job, reveal.executor));
                }
            }
        }
        if let Some(job) = decision.job {
            self.jobs.insert(job.id, job);
        }
        self.suspended.extend(decision.suspend);
        Ok(())
    }
}
