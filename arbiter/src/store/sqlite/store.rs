//! The trait, on top of the reads and writes.

use futures_util::FutureExt;
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

use super::codec::failed;
use super::write::{Answered, Write};
use super::{SqliteStore, canaries, ledger, read};
use crate::store::{
    Act, BlobRecord, CanaryRecord, Census, CommitError, Committed, Head, Read, Resume, Store,
    StoreError, Uploaded,
};

/// The answer to another kind of write than was asked for, which cannot be.
fn mixed_up() -> StoreError {
    StoreError::Damaged { what: "the writing task answered something else".to_owned() }
}

fn store_error(error: CommitError) -> StoreError {
    match error {
        CommitError::Store(error) => error,
        other => StoreError::Damaged { what: other.to_string() },
    }
}

impl Store for SqliteStore {
    fn commit(&self, act: Act) -> BoxFuture<'_, Result<Committed, CommitError>> {
        async move {
            match self.writer.write(Write::Act(act)).await? {
                Answered::Committed(committed) => Ok(committed),
                _ => Err(mixed_up().into()),
            }
        }
        .boxed()
    }

    fn resume(&self, resume: Resume) -> Read<'_, u64> {
        async move {
            match self.writer.write(Write::Resume(resume)).await.map_err(store_error)? {
                Answered::Index(index) => Ok(index),
                _ => Err(mixed_up()),
            }
        }
        .boxed()
    }

    fn remember_blob(&self, blob: BlobRecord) -> Read<'_, ()> {
        async move { self.writer.write(Write::Blob(blob)).await.map(drop).map_err(store_error) }
            .boxed()
    }

    fn remember_replay(&self, content: Digest, verdict: Verdict) -> Read<'_, ()> {
        async move {
            let write = Write::Replay(content, verdict);
            self.writer.write(write).await.map(drop).map_err(store_error)
        }
        .boxed()
    }

    fn replay(&self, content: Digest) -> Read<'_, Option<Verdict>> {
        read::replay(&self.readers, content).boxed()
    }

    fn head(&self) -> Read<'_, Head> {
        read::head(&self.readers).boxed()
    }

    fn accepted(&self, message: MessageId) -> Read<'_, Option<(u64, Time)>> {
        read::accepted(&self.readers, message).boxed()
    }

    fn message(&self, message: MessageId) -> Read<'_, Option<Signed>> {
        read::message(&self.readers, message).boxed()
    }

    fn log(&self, from: u64, limit: u32) -> Read<'_, Vec<LogEntry>> {
        read::log(&self.readers, from, limit).boxed()
    }

    fn feed(&self, after: u64, limit: u32) -> Read<'_, Vec<FeedItem>> {
        read::feed(&self.readers, after, limit).boxed()
    }

    fn feed_head(&self) -> Read<'_, u64> {
        read::feed_head(&self.readers).boxed()
    }

    fn job(&self, job: JobId) -> Read<'_, Option<JobState>> {
        read::job(&self.readers, job).boxed()
    }

    fn find(&self, id: Digest) -> Read<'_, Option<JobState>> {
        read::find(&self.readers, id).boxed()
    }

    fn live_jobs(&self, after: Option<JobId>, limit: u32) -> Read<'_, Vec<JobSummary>> {
        read::live_jobs(&self.readers, after, limit).boxed()
    }

    fn jobs(&self, skip: u64, limit: u32) -> Read<'_, Vec<JobSummary>> {
        read::jobs(&self.readers, skip, limit).boxed()
    }

    fn due(&self, now: Time, limit: u32) -> Read<'_, Vec<JobId>> {
        read::due(&self.readers, now, limit).boxed()
    }

    fn next_deadline(&self) -> Read<'_, Option<Time>> {
        read::next_deadline(&self.readers).boxed()
    }

    fn disputed_jobs(&self) -> Read<'_, Vec<JobId>> {
        read::disputed_jobs(&self.readers).boxed()
    }

    fn account(&self, key: Key) -> Read<'_, AccountView> {
        read::account(&self.readers, key).boxed()
    }

    fn statement(&self, key: Key, after: Option<u64>, limit: u32) -> Read<'_, Vec<StatementLine>> {
        ledger::statement(&self.readers, key, after, limit).boxed()
    }

    fn withdrawals_due(&self, now: Time, limit: u32) -> Read<'_, Vec<Withdrawal>> {
        ledger::withdrawals_due(&self.readers, now, limit).boxed()
    }

    fn next_withdrawal(&self) -> Read<'_, Option<Time>> {
        ledger::next_withdrawal(&self.readers).boxed()
    }

    fn schedule(&self) -> Read<'_, Schedule> {
        async move {
            let mut reader = self.readers.acquire().await.map_err(failed("reading"))?;
            ledger::schedule(&mut reader).await
        }
        .boxed()
    }

    fn proven(&self, act: OnceOnly) -> Read<'_, Option<MessageId>> {
        ledger::proven(&self.readers, act).boxed()
    }

    fn canaries(&self, after: Option<Digest>, limit: u32) -> Read<'_, Vec<CanaryRecord>> {
        canaries::list(&self.readers, after, limit).boxed()
    }

    fn totals(&self) -> Read<'_, TotalsView> {
        read::totals(&self.readers).boxed()
    }

    fn balances(&self) -> Read<'_, Vec<(Account, Amount)>> {
        read::balances(&self.readers).boxed()
    }

    fn transfers(&self, skip: u64, limit: u32) -> Read<'_, Vec<Transfer>> {
        read::transfers(&self.readers, skip, limit).boxed()
    }

    fn artifact(&self, artifact: ArtifactId) -> Read<'_, Option<ArtifactView>> {
        read::artifact(&self.readers, artifact).boxed()
    }

    fn artifacts(&self, after: Option<ArtifactId>, limit: u32) -> Read<'_, Vec<ArtifactView>> {
        read::artifacts(&self.readers, after, limit).boxed()
    }

    fn case(&self, claim: ClaimId, counter_root: Digest) -> Read<'_, Option<CaseView>> {
        read::case(&self.readers, claim, counter_root).boxed()
    }

    fn uploaded(&self, uploader: Key) -> Read<'_, Uploaded> {
        read::uploaded(&self.readers, uploader).boxed()
    }

    fn census(&self) -> Read<'_, Census> {
        read::census(&self.readers).boxed()
    }
}
