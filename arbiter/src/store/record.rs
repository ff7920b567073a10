//! What goes into a store's transactions and what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use gainsay_commitment::Digest;
use gainsay_network::api::ArtifactView;
use gainsay_protocol::{
    Amount, Announce, ArtifactId, Canary, CanaryCommit, CanaryReveal, ClaimId, Exposure, JobId,
    JobState, Key, LoggedEvent, MessageId, Notice, OnceOnly, Opened, Schedule, Time, Transfer,
    Verdict, Withdrawal,
};

use crate::error::Refused;

/// What a transaction is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// No job.
    Nothing,
    /// A job that there may be.
    Job(JobId),
    /// The job to which an id belongs.
    Id(Digest),
    /// A job that a key asks to take, and what it has at stake.
    Take(JobId, Key),
    /// A once-only act on a job, and whether it is recorded that it was done twice.
    Act(OnceOnly),
    /// A withdrawal under way.
    Withdrawal(MessageId),
    /// The parameters announced so far.
    Schedule,
    /// Commitments to canaries, and which of them are in the log already.
    Commitments(Vec<Digest>),
    /// A commitment that is opened, and the job and executor that it names.
    Canary(Digest, JobId, Key),
}

impl Subject {
    /// The job that it names by its own id, if it does.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::Job(job) | Self::Take(job, _) | Self::Canary(_, job, _) => Some(*job),
            Self::Act(act) => Some(act.job),
            Self::Nothing
            | Self::Id(_)
            | Self::Withdrawal(_)
            | Self::Schedule
            | Self::Commitments(_) => None,
        }
    }
}

/// What a transaction has loaded of the ledger, as its [`Subject`] asks.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// What the key that asks to take a job has at stake.
    pub exposure: Exposure,
    /// The message that proved the act to have been done twice.
    pub proven: Option<MessageId>,
    /// The withdrawal, if it is not paid yet.
    pub withdrawal: Option<Withdrawal>,
    /// The parameters announced so far, with the first ones.
    pub schedule: Option<Schedule>,
    /// What is in the log of canaries.
    pub canaries: CanaryBooks,
}

/// What a transaction has loaded about canaries.
#[derive(Clone, Debug, Default)]
pub struct CanaryBooks {
    /// Those of the given commitments that are in the log already.
    pub known: BTreeSet<Digest>,
    /// What was committed to, if the commitment is in the log.
    pub canary: Option<Canary>,
    /// The index of the log entry that admitted the job, if one did.
    pub admitted: Option<u64>,
    /// Another commitment to the same claim that was opened as caught or missed.
    pub before: Option<Digest>,
}

/// What a decision changes of canaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanaryChange {
    /// The operator commits to some.
    Committed(CanaryCommit),
    /// It opens one.
    Opened {
        /// The commitment.
        commitment: Digest,
        /// What it was to.
        reveal: CanaryReveal,
        /// What became of it.
        opened: Opened,
    },
}

/// A canary as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanaryRecord {
    /// What was committed to, and what became of it.
    pub canary: Canary,
    /// The job and executor, once it is opened.
    pub opened: Option<(JobId, Key)>,
}

/// What a transaction has loaded when it is decided.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The job it is about, if there is one.
    pub job: Option<&'a JobState>,
    /// What it needs of the ledger.
    pub books: &'a Books,
    /// The time of the last log entry: the decision's time must not be before it.
    pub last: Time,
}

/// Decides an act, inside its transaction; `None` if there is nothing to do. It may be called again.
pub type Decide = dyn FnMut(Situation<'_>) -> Result<Option<Decision>, Refused> + Send;

/// Told of an act's log index and decision once they are durable.
pub type After = dyn FnOnce(u64, &Decision) + Send;

/// One transaction.
pub struct Act {
    /// The message it carries out: `once_only`, a message accepted before changes nothing.
    pub message: Option<MessageId>,
    /// What it is about.
    pub subject: Subject,
    /// What is to be done.
    pub decide: Box<Decide>,
    /// What follows once it is durable, whether or not anybody waits for the answer. In the order of the log; it must
    /// not block.
    pub after: Box<After>,
}

impl Act {
    /// An act that nothing follows from.
    pub fn new(
        message: Option<MessageId>,
        subject: Subject,
        decide: impl FnMut(Situation<'_>) -> Result<Option<Decision>, Refused> + Send + 'static,
    ) -> Self {
        Self { message, subject, decide: Box::new(decide), after: Box::new(|_, _| {}) }
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Act")
            .field("message", &self.message)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Work that a decision asks of the arbiter once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Replay the disputed layer of the dispute with this counter root.
    Replay(Digest),
    /// Replay the step that the pair of this sub-root (the second) came down to, in the dispute with this counter root.
    Step(Digest, Digest),
    /// Run the program once.
    Run,
}

/// What one transaction writes.
#[derive(Clone, Debug)]
pub struct Decision {
    /// When, in serving time.
    pub time: Time,
    /// The log entry.
    pub event: LoggedEvent,
    /// The job's new state.
    pub job: Option<JobState>,
    /// The movements of money, in order; all or none.
    pub transfers: Vec<Transfer>,
    /// An artifact that is admitted.
    pub artifact: Option<ArtifactView>,
    /// An artifact that is suspended because something on it could not be judged.
    pub suspend: Option<ArtifactId>,
    /// The case file of a judged dispute.
    pub case: Option<CaseRecord>,
    /// A once-only act that is recorded to have been done twice.
    pub proven: Option<OnceOnly>,
    /// A withdrawal that is under way from now on.
    pub withdrawal: Option<Withdrawal>,
    /// New parameters.
    pub announced: Option<Announce>,
    /// Canaries that are committed to or opened.
    pub canary: Option<CanaryChange>,
    /// What has happened, for metrics. Not stored.
    pub notices: Vec<Notice>,
    /// What to do next. Not stored: it follows from the job's state.
    pub work: Vec<Work>,
}

impl Decision {
    /// A decision that writes a log entry and nothing else yet.
    pub fn new(time: Time, event: LoggedEvent) -> Self {
        Self {
            time,
            event,
            job: None,
            transfers: Vec::new(),
            artifact: None,
            suspend: None,
            case: None,
            proven: None,
            withdrawal: None,
            announced: None,
            canary: None,
            notices: Vec::new(),
            work: Vec::new(),
        }
    }
}

/// How a transaction ended.
#[derive(Clone, Debug)]
pub enum Committed {
    /// It is done, durably.
    New {
        /// The index of its log entry.
        index: u64,
        /// What was done.
        decision: Box<Decision>,
    },
    /// Its message was accepted before; nothing has changed.
    Before {
        /// The index of the message's log entry.
        index: u64,
        /// When it was accepted.
        time: Time,
    },
    /// There was nothing to do.
    Nothing,
}

/// The new state of a job after a gap, unless it stays the same.
pub type Change = dyn FnMut(&JobState, Time) -> Option<JobState> + Send;

/// A return after a gap.
pub struct Resume {
    /// When, in serving time, given the time of the last log entry.
    pub now: Box<dyn FnMut(Time) -> Time + Send>,
    /// What happens to a live job.
    pub change: Box<Change>,
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resume")
    }
}

/// The end of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are.
    pub entries: u64,
    /// The last one's time.
    pub last: Time,
}

/// The case file of a judged dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseRecord {
    /// The claim.
    pub claim: ClaimId,
    /// The counter root.
    pub counter_root: Digest,
    /// The case file.
    pub blob: Digest,
    /// What it says.
    pub verdict: Verdict,
    /// How long the replay took, in microseconds of real time.
    pub replay_us: u64,
}

/// A blob that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRecord {
    /// Plain BLAKE3 of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Who gave it; `None` if the arbiter made it.
    pub uploader: Option<Key>,
    /// Since when, in serving time.
    pub added: Time,
}

/// How much a key has uploaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Bytes of its blobs.
    pub bytes: u64,
    /// Number of its blobs.
    pub blobs: u64,
}

/// How many of everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Jobs by phase.
    pub jobs: BTreeMap<String, u64>,
    /// Last claims of live jobs by phase.
    pub claims: BTreeMap<String, u64>,
    /// Entries of the log.
    pub log_entries: u64,
    /// Artifacts admitted.
    pub artifacts: u64,
    /// Artifacts suspended.
    pub suspended: u64,
    /// Blobs held.
    pub blobs: u64,
    /// Bytes of all blobs.
    pub blob_bytes: u64,
    /// Canaries by what became of them; those that are not opened yet as `unrevealed`.
    pub canaries: BTreeMap<String, u64>,
    /// What is in escrow for canaries.
    pub canary_escrow: Amount,
}
