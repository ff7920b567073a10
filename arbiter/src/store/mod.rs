//! The store: everything the arbiter must not forget, behind one trait of domain transactions.
//!
//! The trait is the seam between databases: an implementation promises that a transaction is applied whole or
//! not at all, that it is durable before its future is ready, that all of them are in one order, and that no
//! caller who goes away can stop one half-way. What may change is decided by the caller, inside the
//! transaction, by a function of what was loaded ([`Act::decide`]), which a database that retries may call
//! again. `db_is_fold`: nothing is written but what follows from the log entry that is written with it.

mod error;
mod record;
pub mod sqlite;
mod summary;

use futures_util::future::BoxFuture;
use gainsay_commitment::Digest;
use gainsay_network::FeedItem;
use gainsay_network::api::{
    AccountView, ArtifactView, CaseView, JobSummary, StatementLine, TotalsView,
};
use gainsay_protocol::{
    Account, Amount, ArtifactId, ClaimId, JobId, JobState, Key, LogEntry, MessageId, OnceOnly,
    Schedule, Signed, Time, Transfer, Verdict, Withdrawal,
};

pub use error::{CommitError, StoreError};
pub use record::{
    Act, After, BlobRecord, Books, CanaryBooks, CanaryChange, CanaryRecord, CaseRecord, Census,
    Change, Committed, Decide, Decision, Head, Resume, Situation, Subject, Uploaded, Work,
};
pub use summary::{entry_kind, entry_topic, kind, message_kind, summary_of};

/// What a read gives, some time later.
pub type Read<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A database of one network.
pub trait Store: Send + Sync + 'static {
    /// Runs one transaction: loads what the act is about, asks it what is to be done, and does that.
    fn commit(&self, act: Act) -> BoxFuture<'_, Result<Committed, CommitError>>;

    /// Logs that the arbiter serves again after a gap and changes the jobs that this concerns. Returns the index.
    fn resume(&self, resume: Resume) -> Read<'_, u64>;

    /// Remembers that a blob is held. Not part of the log.
    fn remember_blob(&self, blob: BlobRecord) -> Read<'_, ()>;

    /// Remembers what the replay of this content said. Not part of the log.
    fn remember_replay(&self, content: Digest, verdict: Verdict) -> Read<'_, ()>;

    /// What a replay of this content said before.
    fn replay(&self, content: Digest) -> Read<'_, Option<Verdict>>;

    /// The end of the log.
    fn head(&self) -> Read<'_, Head>;

    /// Where and when a message was accepted, if it was.
    fn accepted(&self, message: MessageId) -> Read<'_, Option<(u64, Time)>>;

    /// An accepted message.
    fn message(&self, message: MessageId) -> Read<'_, Option<Signed>>;

    /// At most `limit` entries of the log from index `from` on.
    fn log(&self, from: u64, limit: u32) -> Read<'_, Vec<LogEntry>>;

    /// At most `limit` items of the feed after sequence `after`; an entry's sequence is its index plus one.
    fn feed(&self, after: u64, limit: u32) -> Read<'_, Vec<FeedItem>>;

    /// The highest sequence of the feed; zero while it is empty.
    fn feed_head(&self) -> Read<'_, u64>;

    /// A job.
    fn job(&self, job: JobId) -> Read<'_, Option<JobState>>;

    /// The job that an id belongs to: a job's, take's, claim's or challenge's.
    fn find(&self, id: Digest) -> Read<'_, Option<JobState>>;

    /// At most `limit` jobs that are not terminal, after `after`, in the order of their ids.
    fn live_jobs(&self, after: Option<JobId>, limit: u32) -> Read<'_, Vec<JobSummary>>;

    /// At most `limit` jobs in the order they were admitted, after skipping `skip`.
    fn jobs(&self, skip: u64, limit: u32) -> Read<'_, Vec<JobSummary>>;

    /// At most `limit` jobs whose next deadline is at or before `now`, most urgent first.
    fn due(&self, now: Time, limit: u32) -> Read<'_, Vec<JobId>>;

    /// The earliest deadline of all jobs.
    fn next_deadline(&self) -> Read<'_, Option<Time>>;

    /// Jobs with a dispute or run under way: whose work may have to be started again.
    fn disputed_jobs(&self) -> Read<'_, Vec<JobId>>;

    /// One participant's money.
    fn account(&self, key: Key) -> Read<'_, AccountView>;

    /// At most `limit` transfers from or to accounts of a key (free balance, bonds, escrow, withdrawals) in their
    /// order, after the transfer numbered `after`.
    fn statement(&self, key: Key, after: Option<u64>, limit: u32) -> Read<'_, Vec<StatementLine>>;

    /// At most `limit` withdrawals that are due at or before `now`, the oldest first.
    fn withdrawals_due(&self, now: Time, limit: u32) -> Read<'_, Vec<Withdrawal>>;

    /// When the next withdrawal is due.
    fn next_withdrawal(&self) -> Read<'_, Option<Time>>;

    /// The network's parameters, as far as announced.
    fn schedule(&self) -> Read<'_, Schedule>;

    /// The message by which it was proven that an act was done twice.
    fn proven(&self, act: OnceOnly) -> Read<'_, Option<MessageId>>;

    /// At most `limit` canaries after the commitment `after`, in the order of their commitments.
    fn canaries(&self, after: Option<Digest>, limit: u32) -> Read<'_, Vec<CanaryRecord>>;

    /// The ledger's totals.
    fn totals(&self) -> Read<'_, TotalsView>;

    /// Every account that holds something, the world included, in the order of the accounts.
    fn balances(&self) -> Read<'_, Vec<(Account, Amount)>>;

    /// At most `limit` transfers in their order, after skipping `skip`.
    fn transfers(&self, skip: u64, limit: u32) -> Read<'_, Vec<Transfer>>;

    /// An admitted artifact.
    fn artifact(&self, artifact: ArtifactId) -> Read<'_, Option<ArtifactView>>;

    /// At most `limit` admitted artifacts after `after`, in the order of their ids.
    fn artifacts(&self, after: Option<ArtifactId>, limit: u32) -> Read<'_, Vec<ArtifactView>>;

    /// The case file of a judged dispute.
    fn case(&self, claim: ClaimId, counter_root: Digest) -> Read<'_, Option<CaseView>>;

    /// How much a key has uploaded.
    fn uploaded(&self, uploader: Key) -> Read<'_, Uploaded>;

    /// How many of everything there is.
    fn census(&self) -> Read<'_, Census>;
}
