//! The arbiter in virtual time: what the daemon does, with everything around it simulated.
//!
//! What is decided is decided by the daemon's own pure parts ([`decide`], [`Fold`], [`ServingClock`]); simulated are the
//! disk, the clock's source, the tasks and the crashes. A transaction is one push to `log` together with the
//! change of `tables`; both survive a crash, everything else does not.

mod breaking;
mod judging;
mod ledger;
mod recovery;

pub(crate) use judging::{Carried, Machine};

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gainsay_arbiter::clock::{Gap, ServingClock, Source};
use gainsay_arbiter::decide::{self, Findings, Occurrence};
use gainsay_arbiter::store::{CanaryRecord, Decision, Situation, Subject, Work};
use gainsay_commitment::Digest;
use gainsay_network::api::ArtifactView;
use gainsay_protocol::{
    ArtifactId, EvidenceStanding, JobId, JobState, Keypair, Ledger, LogEntry, LoggedEvent, Message,
    MessageId, Millis, NetworkId, OnceOnly, Params, Ready, Receipt, Schedule, Signed, Time,
    Transfer, Verdict, Verified, Withdrawal, next_deadline,
};

use crate::breakage::Breakage;
use crate::check::Commit;
use crate::source::Oracle;

/// Time between two heartbeats.
pub(crate) const HEARTBEAT_MS: u64 = 500;
/// What serving time goes on past a heartbeat, as in the daemon.
pub(crate) const MOST_CHARGED_MS: u64 = HEARTBEAT_MS * 3 / 2;

/// Real time, which the simulator moves by hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct RealTime(Arc<AtomicU64>);

impl RealTime {
    pub(crate) fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Source for RealTime {
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.ms())
    }
}

/// Where a crash can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrashPoint {
    /// Between two events.
    Idle,
    /// Everything is decided and nothing is written.
    BeforeTransaction,
    /// Everything is written; nobody has been told and nothing that follows was done.
    AfterTransaction,
    /// A replay or run is done, its result not written.
    BeforeEffect,
}

/// What the heartbeats and the store let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Everything.
    Full,
    /// The listener is flooded: heartbeats do not get through, what is already in does.
    NoHeartbeats,
    /// The store stands: nothing is committed.
    Stalled,
}

/// Work on a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Task {
    pub(crate) job: JobId,
    pub(crate) work: Work,
}

/// Why a message was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum No {
    /// It is refused: nothing changed.
    Refused(Rc<str>),
    /// There is no answer: the arbiter is down, or died over it.
    Silence,
}

/// The tables. They change only in transactions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tables {
    pub(crate) jobs: BTreeMap<JobId, Rc<JobState>>,
    pub(crate) ids: BTreeMap<Digest, JobId>,
    pub(crate) ledger: Ledger,
    pub(crate) accepted: BTreeMap<MessageId, (u64, Time)>,
    pub(crate) suspended: BTreeSet<ArtifactId>,
    pub(crate) proven: BTreeMap<OnceOnly, MessageId>,
    pub(crate) withdrawals: BTreeMap<MessageId, Withdrawal>,
    pub(crate) canaries: BTreeMap<Digest, CanaryRecord>,
    /// The parameters as far as announced; none before the first announcement.
    pub(crate) schedule: Option<Schedule>,
    pub(crate) last: Time,
}

/// What a running process has in memory.
#[derive(Debug)]
struct Process {
    clock: ServingClock,
    /// Work not begun yet.
    waiting: Vec<Task>,
    /// Replays that were carried out, by what they are of.
    replays: BTreeMap<(JobId, u32, Digest), Digest>,
    /// The same for steps below layers, with the verdicts.
    steps: BTreeMap<(JobId, Carried), Verdict>,
}

/// The arbiter.
#[derive(Debug)]
pub(crate) struct Arbiter {
    pub(crate) params: Params,
    /// The same, before anything is announced.
    first: Schedule,
    pub(crate) network: NetworkId,
    pub(crate) catalogue: BTreeMap<ArtifactId, ArtifactView>,
    pub(crate) log: Vec<Vec<u8>>,
    pub(crate) tables: Tables,
    pub(crate) service: Service,
    pub(crate) machine: Machine,
    pub(crate) armed: Option<CrashPoint>,
    /// Commits since the checker last looked.
    pub(crate) commits: Vec<Commit>,
    /// Signed messages in the order of the log, as anybody can read them.
    pub(crate) heard: Vec<Rc<Signed>>,
    /// Replays and runs carried out, for `bounded_work`.
    pub(crate) carried_out: BTreeMap<JobId, Vec<Carried>>,
    pub(crate) breakage: Option<Breakage>,
    /// How often it was started.
    pub(crate) starts: u32,
    broke: u32,
    keypair: Keypair,
    oracle: Rc<Oracle>,
    blobs: BTreeMap<Digest, Rc<[u8]>>,
    held: BTreeSet<Digest>,
    source: RealTime,
    process: Option<Process>,
    verified: BTreeMap<MessageId, Verified>,
    receipts: BTreeMap<MessageId, Receipt>,
}

impl Arbiter {
    pub(crate) fn new(
        (params, keypair): (Params, Keypair),
        catalogue: BTreeMap<ArtifactId, ArtifactView>,
        oracle: Rc<Oracle>,
        source: RealTime,
        breakage: Option<Breakage>,
    ) -> Self {
        let mut arbiter = Self {
            network: params.network(),
            first: Schedule::new(params.clone()),
            params,
            catalogue,
            log: Vec::new(),
            tables: Tables::default(),
            service: Service::Full,
            machine: Machine::Works,
            armed: None,
            commits: Vec::new(),
            heard: Vec::new(),
            carried_out: BTreeMap::new(),
            breakage,
            starts: 0,
            broke: 0,
            keypair,
            oracle,
            blobs: BTreeMap::new(),
            held: BTreeSet::new(),
            source,
            process: None,
            verified: BTreeMap::new(),
            receipts: BTreeMap::new(),
        };
        arbiter.start();
        arbiter
    }

    /// Whether heartbeats get through.
    pub(crate) fn beats(&self) -> bool {
        self.is_up() && self.service == Service::Full
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Serving time; while it is down, that of the end of the log.
    pub(crate) fn now(&self) -> Time {
        let last = self.tables.last;
        self.process.as_ref().map_or(last, |process| process.clock.now_after(last))
    }

    /// Serving time by its clock alone, whatever was written; while it is down, that of the end of the log.
    pub(crate) fn by_clock(&self) -> Time {
        self.process.as_ref().map_or(self.tables.last, |process| process.clock.now())
    }

    /// Carries a message out, as the daemon's way in does.
    pub(crate) fn submit(&mut self, signed: &Signed, blobs: &[Rc<[u8]>]) -> Result<Receipt, No> {
        if !self.is_up() || self.service == Service::Stalled {
            return Err(No::Silence);
        }
        for blob in blobs {
            let name = gainsay_commitment::content(blob);
            self.held.insert(name);
            self.blobs.insert(name, Rc::clone(blob));
        }
        let verified = self.verify(signed)?;
        let id = verified.id();
        if let Some((index, time)) = self.accepted_before(id) {
            return Ok(self.receipt(id, index, time));
        }
        let ready = verified.ready(&self.held).map_err(refused)?;
        let standing = self.standing(&ready)?;
        let decision = self.decide(&ready, standing)?;
        let (index, time) = (self.log.len() as u64, decision.time);
        self.commit(decision, Some(Rc::new(signed.clone())))?;
        Ok(self.receipt(id, index, time))
    }

    fn accepted_before(&self, id: MessageId) -> Option<(u64, Time)> {
        let before = self.tables.accepted.get(&id).copied();
        before.filter(|_| self.breakage != Some(Breakage::ForgetsMessages))
    }

    fn decide(&self, ready: &Ready, standing: Option<EvidenceStanding>) -> Result<Decision, No> {
        let artifact = match ready.message() {
            Message::Job(job) if self.tables.suspended.contains(&job.artifact) => {
                return Err(refused("the artifact is suspended"));
            }
            Message::AdmitArtifact(admit) => self.catalogue.get(&admit.artifact),
            Message::Job(job) => self.catalogue.get(&job.artifact),
            _ => None,
        };
        let subject = decide::subject_of(ready);
        let (job, books) = (self.subject(&subject), self.books(&subject));
        let now = self.message_time(ready.message());
        self.refused_when_broken(ready, job, now)?;
        let findings = Findings { artifact, standing };
        let situation = Situation { job, last: self.tables.last, books: &books };
        decide::message(self.schedule(), ready, findings, situation, now).map_err(refused)
    }

    /// What a message would do at a moment: for probing `winnable_stays`, changes nothing.
    pub(crate) fn would(&self, signed: &Signed, at: Time) -> Result<Decision, No> {
        let verified = signed.clone().verify(self.network).map_err(refused)?;
        let held = verified.message().required_blobs().into_iter().collect();
        let ready = verified.ready(&held).map_err(refused)?;
        let standing = match ready.message() {
            Message::Evidence(_) | Message::StepValue(_) | Message::StepEvidence(_) => {
                Some(EvidenceStanding::Complete { bytes: 8 })
            }
            _ => None,
        };
        let subject = decide::subject_of(&ready);
        let (job, books) = (self.subject(&subject), self.books(&subject));
        self.refused_when_broken(&ready, job, at)?;
        let findings = Findings { artifact: None, standing };
        let situation = Situation { job, last: self.tables.last, books: &books };
        decide::message(self.schedule(), &ready, findings, situation, at).map_err(refused)
    }

    fn subject(&self, subject: &Subject) -> Option<&JobState> {
        let id = match subject {
            Subject::Id(id) => *self.tables.ids.get(id)?,
            other => other.job()?,
        };
        self.tables.jobs.get(&id).map(Rc::as_ref)
    }

    fn verify(&mut self, signed: &Signed) -> Result<Verified, No> {
        let known = self.verified.get(&signed.id());
        if let Some(known) = known.filter(|known| known.signed() == signed) {
            return Ok(known.clone());
        }
        let verified = signed.clone().verify(self.network).map_err(refused)?;
        self.verified.insert(verified.id(), verified.clone());
        Ok(verified)
    }

    fn receipt(&mut self, message: MessageId, index: u64, time: Time) -> Receipt {
        let known = self.receipts.get(&message);
        if let Some(known) = known.filter(|known| (known.index, known.time) == (index, time)) {
            return known.clone();
        }
        let receipt = Receipt::new(&self.keypair, self.network, message, index, time);
        self.receipts.insert(message, receipt.clone());
        receipt
    }

    /// One transaction, and what follows from it. An armed crash happens before or after it.
    fn commit(&mut self, mut decision: Decision, said: Option<Rc<Signed>>) -> Result<(), No> {
        if self.armed == Some(CrashPoint::BeforeTransaction) {
            self.crash();
            return Err(No::Silence);
        }
        self.break_decision(&mut decision);
        // A refusal by the ledger rolls the transaction back.
        let mut ledger = self.tables.ledger.clone();
        ledger.post(&decision.transfers).map_err(refused)?;
        let (time, index) = (decision.time, self.log.len() as u64);
        let entry = LogEntry { index, time, event: decision.event };
        let mut changed = Vec::new();
        if let Some(job) = decision.job {
            changed.push(self.store(job));
        }
        if let Some(signed) = &said {
            self.name(signed, index, time, changed.first().map(|(_, after)| after.id));
        }
        self.tables.ledger = ledger;
        if let (Some(act), Some(signed)) = (decision.proven, &said) {
            self.tables.proven.insert(act, signed.id());
        }
        let requested = decision.withdrawal.map(|withdrawal| (withdrawal.id, withdrawal));
        self.tables.withdrawals.extend(requested);
        if let LoggedEvent::Paid(paid) = &entry.event {
            self.tables.withdrawals.remove(paid);
        }
        if let Some(announced) = &decision.announced {
            let mut schedule = self.schedule().clone();
            schedule.announce(announced, time).map_err(refused)?;
            self.tables.schedule = Some(schedule);
        }
        self.tables.suspended.extend(decision.suspend);
        if let Some(change) = decision.canary {
            self.plant(change, index);
        }
        self.write(entry, changed, decision.transfers);
        self.heard.extend(said);
        self.break_tables();
        if self.armed == Some(CrashPoint::AfterTransaction) {
            self.crash();
            return Err(No::Silence);
        }
        let job = self.commits.last().and_then(|commit| commit.changed.first()).map(|c| c.1.id);
        if let (Some(process), Some(job)) = (&mut self.process, job) {
            process.waiting.extend(decision.work.into_iter().map(|work| Task { job, work }));
        }
        Ok(())
    }

    fn store(&mut self, job: JobState) -> (Option<Rc<JobState>>, Rc<JobState>) {
        let after = Rc::new(job);
        (self.tables.jobs.insert(after.id, Rc::clone(&after)), after)
    }

    /// Remembers a message, and to which job the ids belong that messages name.
    fn name(&mut self, signed: &Signed, index: u64, time: Time, job: Option<JobId>) {
        let id = signed.id();
        self.tables.accepted.insert(id, (index, time));
        let names = matches!(
            signed.message,
            Message::Job(_) | Message::Take(_) | Message::Claim(_) | Message::Commit(_)
        );
        if let Some(job) = job.filter(|_| names) {
            self.tables.ids.insert(id.0, job);
        }
    }

    fn write(
        &mut self,
        entry: LogEntry,
        changed: Vec<(Option<Rc<JobState>>, Rc<JobState>)>,
        transfers: Vec<Transfer>,
    ) {
        self.tables.last = entry.time;
        // Borsh into memory fails for nothing that an entry holds.
        self.log.push(borsh::to_vec(&entry).unwrap_or_default());
        self.commits.push(Commit { entry, changed, transfers });
    }

    /// What the arbiter itself brings about on a job.
    fn occur(&mut self, job: JobId, occurrence: Occurrence, at: Time) -> Result<(), No> {
        let Some(state) = self.tables.jobs.get(&job) else { return Ok(()) };
        match decide::occurrence(self.schedule(), occurrence, state, at) {
            Ok(Some(decision)) => self.commit(decision, None),
            // Somebody else's event came first; the job goes on from there.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Makes the deadlines that have passed take effect; when the next one comes.
    pub(crate) fn sweep(&mut self) -> Option<Time> {
        if !self.is_up() || self.service == Service::Stalled {
            return None;
        }
        let due =
            |job: &&Rc<JobState>| next_deadline(job).is_some_and(|end| end <= self.sweep_time(job));
        let due: Vec<Rc<JobState>> = self.tables.jobs.values().filter(due).cloned().collect();
        for job in due {
            let now = self.sweep_time(&job);
            self.occur(job.id, Occurrence::Tick, now).ok()?;
        }
        self.pay_withdrawals().ok()?;
        let pending = self.tables.withdrawals.values().map(|withdrawal| withdrawal.due);
        self.tables.jobs.values().filter_map(|job| next_deadline(job)).chain(pending).min()
    }

    /// A heartbeat, as [`gainsay_arbiter`]'s core logs it. Serving time goes on only when it is in the log.
    pub(crate) fn beat(&mut self) {
        if self.service != Service::Full {
            return;
        }
        let Some(process) = &self.process else { return };
        let mut beat = process.clock.beat();
        beat.time = beat.time.max(self.tables.last);
        let gap = process.clock.gap(beat);
        if self.commit(Decision::new(beat.time, LoggedEvent::Heartbeat), None).is_err() {
            return;
        }
        if gap != Gap::None && self.resume().is_err() {
            return;
        }
        if let Some(process) = &self.process {
            process.clock.confirm(beat);
        }
    }

    /// Logs that it serves again: every running clock has at least the grace.
    fn resume(&mut self) -> Result<(), No> {
        if self.armed == Some(CrashPoint::BeforeTransaction) {
            self.crash();
            return Err(No::Silence);
        }
        let now = self.now();
        let mut changed = Vec::new();
        let jobs: Vec<_> = self.tables.jobs.values().cloned().collect();
        for job in jobs {
            if let Ok(Some(job)) = decide::resumed(self.schedule(), &job, now) {
                changed.push(self.store(job));
            }
        }
        let index = self.log.len() as u64;
        let entry = LogEntry { index, time: now, event: LoggedEvent::Resumed };
        self.write(entry, changed, Vec::new());
        Ok(())
    }

    /// Starts, for the first time or again: goes on from the end of the log.
    pub(crate) fn start(&mut self) {
        let most = match self.breakage {
            Some(Breakage::ChargesDowntime) => Millis(u64::MAX),
            _ => Millis(MOST_CHARGED_MS),
        };
        let clock = ServingClock::new(self.source.clone(), most, self.tables.last);
        let waiting = self.work_left();
        self.process =
            Some(Process { clock, waiting, replays: BTreeMap::new(), steps: BTreeMap::new() });
        self.armed = None;
        self.starts += 1;
        if !self.log.is_empty() && self.resume().is_err() {
            return;
        }
        if let Some(process) = &self.process {
            process.clock.begin();
        }
    }

    /// The process is gone, with all that it had in memory.
    pub(crate) fn crash(&mut self) {
        self.process = None;
        self.armed = None;
        self.break_log();
    }
}

fn refused(why: impl ToString) -> No {
    No::Refused(why.to_string().into())
}
