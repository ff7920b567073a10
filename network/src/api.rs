//! What participants ask an arbiter and what it answers: the requests of one call.
//!
//! Everything that changes anything is a [`Signed`] message; the rest reads. Players fetch whole
//! [`JobState`]s and compute their own next move, so a lost answer or a restart costs nothing.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::Digest;
use gainsay_protocol::{
    Amount, ArtifactId, ClaimId, DeepLayer, JobId, JobState, Key, MessageId, Params, PortType,
    Receipt, Schedule, Signed, Time, Transfer,
};

/// The most summaries or ids in one answer.
pub const PAGE: u32 = 256;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Request {
    /// The network's parameters and the serving time.
    Params = 0,
    /// Say something.
    Submit(Box<Signed>) = 1,
    /// Which of these blobs are not held.
    MissingBlobs(Vec<Digest>) = 2,
    /// The admitted artifacts, after the one named.
    Artifacts {
        /// The last id of the page before.
        after: Option<ArtifactId>,
    } = 3,
    /// One artifact.
    Artifact(ArtifactId) = 4,
    /// Jobs that are not terminal, after the one named, in the order of their ids.
    LiveJobs {
        /// The last id of the page before.
        after: Option<JobId>,
    } = 5,
    /// Jobs in the order they were admitted, newest last, terminal ones included.
    Jobs {
        /// How many to skip.
        skip: u64,
    } = 6,
    /// One job, whole.
    Job(JobId) = 7,
    /// The job that an id belongs to: a job's, claim's, take's or challenge's.
    Find(Digest) = 8,
    /// One participant's money.
    Account(Key) = 9,
    /// The whole ledger's totals.
    Totals = 10,
    /// The case file of a judged dispute: its blob.
    Case {
        /// The claim.
        claim: ClaimId,
        /// The counter root; below a layer, the challengers' sub-root of a pair.
        counter_root: Digest,
    } = 11,
    /// The parameters in force and announced.
    Schedule = 12,
    /// One participant's transfers, oldest first, after the one with that number.
    Statement {
        /// Whose.
        key: Key,
        /// The number of the last line of the page before.
        after: Option<u64>,
    } = 13,
    /// An accepted message, as signed.
    Message(MessageId) = 14,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Response {
    /// To [`Request::Params`].
    Params {
        /// The parameters.
        params: Box<Params>,
        /// Serving time now.
        now: Time,
    } = 0,
    /// To an accepted [`Request::Submit`].
    Receipt(Receipt) = 1,
    /// To [`Request::MissingBlobs`].
    Missing(Vec<Digest>) = 2,
    /// To [`Request::Artifacts`].
    Artifacts(Vec<ArtifactView>) = 3,
    /// To [`Request::Artifact`].
    Artifact(Option<Box<ArtifactView>>) = 4,
    /// To [`Request::LiveJobs`] and [`Request::Jobs`].
    Jobs(Vec<JobSummary>) = 5,
    /// To [`Request::Job`] and [`Request::Find`].
    Job(Option<Box<JobState>>) = 6,
    /// To [`Request::Account`].
    Account(AccountView) = 7,
    /// To [`Request::Totals`].
    Totals(TotalsView) = 8,
    /// To [`Request::Case`]: nothing if the dispute was not judged by a replay.
    Case(Option<CaseView>) = 9,
    /// The call is refused; nothing has changed.
    Refused(Refusal) = 10,
    /// To [`Request::Schedule`].
    Schedule {
        /// The parameters from the beginning on.
        schedule: Box<Schedule>,
        /// Serving time now.
        now: Time,
    } = 11,
    /// To [`Request::Statement`].
    Statement(Vec<StatementLine>) = 12,
    /// To [`Request::Message`].
    Message(Option<Box<Signed>>) = 13,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Refusal {
    /// For programs.
    pub kind: RefusalKind,
    /// For people: what was wrong, where, and what to do.
    pub message: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RefusalKind {
    /// The envelope is not a signed message of this network.
    Envelope = 0,
    /// Blobs named by the message are not held.
    MissingBlobs = 1,
    /// The protocol refuses it.
    Rejected = 2,
    /// There is not enough money for it.
    Funds = 3,
    /// What it names is not known.
    Unknown = 4,
    /// The arbiter could not do it now; the same call may succeed later.
    Unavailable = 5,
}

/// An admitted artifact.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ArtifactView {
    /// Its id.
    pub id: ArtifactId,
    /// Its name.
    pub name: String,
    /// The blob of its manifest, from which all others are named.
    pub manifest: Digest,
    /// Its programs.
    pub programs: Vec<ProgramView>,
    /// Whether jobs on it are refused until an incident is cleared.
    pub suspended: bool,
}

/// One program of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProgramView {
    /// Its name.
    pub name: String,
    /// The layers' names; their number is n.
    pub layers: Vec<String>,
    /// The inputs: name and type.
    pub inputs: Vec<(String, PortType)>,
    /// The outputs: name and type.
    pub outputs: Vec<(String, PortType)>,
    /// The layers over the arbiter's budget, with their steps.
    pub below: Vec<DeepLayer>,
}

/// The case file of a judged dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CaseView {
    /// Its blob.
    pub file: Digest,
    /// How long the replay took, in microseconds of the arbiter's clock.
    pub replay_us: u64,
}

/// One line about a job.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct JobSummary {
    /// Its id.
    pub id: JobId,
    /// The artifact it names.
    pub artifact: ArtifactId,
    /// Which of its programs.
    pub program: u32,
    /// Where it stands: `open`, `taken`, `claimed`, `final` or `refunded`.
    pub phase: String,
    /// Which attempt is due or under way.
    pub attempt: u32,
    /// The fee.
    pub fee: Amount,
    /// The deadline.
    pub deadline: Time,
    /// Who holds it or made its last claim.
    pub executor: Option<Key>,
    /// Its last claim.
    pub claim: Option<ClaimId>,
    /// Where that claim stands: `window`, `revealing`, `disputed`, `running`, `final`, `rejected`, `cancelled`.
    pub claim_phase: Option<String>,
    /// How many challenges are on it.
    pub challenges: u32,
    /// How many disputes it has or had.
    pub disputes: u32,
}

/// One participant's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountView {
    /// Free to use.
    pub free: Amount,
    /// Locked in bonds.
    pub bonds: Amount,
    /// In escrow as fees and as bonuses of canaries.
    pub escrow: Amount,
    /// Set apart for withdrawals that are not paid yet.
    pub pending: Amount,
}

/// One transfer from or to one of a participant's accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StatementLine {
    /// The transfer's number, from the first of the network on.
    pub number: u64,
    /// The log entry by which it came about.
    pub entry_index: u64,
    /// When, in serving time.
    pub time: Time,
    /// The transfer.
    pub transfer: Transfer,
}

/// Totals of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TotalsView {
    /// Deposits less withdrawals.
    pub deposited: Amount,
    /// Free balances.
    pub free: Amount,
    /// Bonds.
    pub bonds: Amount,
    /// Escrow: fees of jobs, and bonuses of canaries.
    pub escrow: Amount,
    /// Burned.
    pub burned: Amount,
    /// Treasury.
    pub treasury: Amount,
    /// Withdrawals not paid yet.
    pub pending: Amount,
}

impl TotalsView {
    /// `conservation`: everything held anywhere is what was deposited and not withdrawn.
    pub fn is_conserved(&self) -> bool {
        let parts = [self.free, self.bonds, self.escrow, self.burned, self.treasury, self.pending];
        parts.iter().map(|part| u128::from(part.0)).sum::<u128>() == u128::from(self.deposited.0)
    }
}
