//! The reads: the same functions serve the readers' pool and the writing task's transactions.

use gainsay_commitment::Digest;
use gainsay_network::FeedItem;
use gainsay_network::api::{AccountView, ArtifactView, CaseView, JobSummary, TotalsView};
use gainsay_protocol::{
    Account, Amount, ArtifactId, ClaimId, JobId, JobState, Key, LogEntry, LoggedEvent, MessageId,
    Signed, Time, Transfer, Verdict,
};
use sqlx::Row;
use sqlx::sqlite::{SqliteExecutor, SqliteRow};

use super::canaries;
use super::codec::{
    amount, blob, column_at_most, decode, digest, failed, key_blob, number, verdict,
};
use super::write::head_of;
use crate::store::{Census, Head, StoreError, Uploaded};

type Found<T> = Result<T, StoreError>;

pub(super) fn get_bytes(row: &SqliteRow, at: usize) -> Found<Vec<u8>> {
    row.try_get(at).map_err(failed("reading a column"))
}

pub(super) fn get_number(row: &SqliteRow, at: usize) -> Found<u64> {
    number("a column", row.try_get(at).map_err(failed("reading a column"))?)
}

pub(super) fn get_digest(row: &SqliteRow, at: usize) -> Found<Digest> {
    digest("a column", &get_bytes(row, at)?)
}

pub(super) async fn head(executor: impl SqliteExecutor<'_>) -> Found<Head> {
    let row = sqlx::query("SELECT entry_index, time_ms FROM log ORDER BY entry_index DESC LIMIT 1")
        .fetch_optional(executor)
        .await
        .map_err(failed("reading the log's end"))?;
    head_of(row)
}

pub(super) async fn accepted(
    executor: impl SqliteExecutor<'_>,
    message: MessageId,
) -> Found<Option<(u64, Time)>> {
    let row = sqlx::query(
        "SELECT log.entry_index, log.time_ms FROM messages \
         JOIN log ON log.entry_index = messages.entry_index WHERE messages.id = ?",
    )
    .bind(blob(&message.0))
    .fetch_optional(executor)
    .await
    .map_err(failed("looking for a message"))?;
    row.map(|row| Ok((get_number(&row, 0)?, Time(get_number(&row, 1)?)))).transpose()
}

pub(super) async fn message(
    executor: impl SqliteExecutor<'_>,
    message: MessageId,
) -> Found<Option<Signed>> {
    let row = sqlx::query(
        "SELECT log.event FROM messages JOIN log ON log.entry_index = messages.entry_index \
         WHERE messages.id = ?",
    )
    .bind(blob(&message.0))
    .fetch_optional(executor)
    .await
    .map_err(failed("reading a message"))?;
    let Some(row) = row else { return Ok(None) };
    match decode("a log entry", &get_bytes(&row, 0)?)? {
        LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } => {
            Ok(Some(*signed))
        }
        _ => Err(StoreError::Damaged { what: format!("message {message:?} is no message") }),
    }
}

pub(super) async fn log(
    executor: impl SqliteExecutor<'_>,
    from: u64,
    limit: u32,
) -> Found<Vec<LogEntry>> {
    let rows = sqlx::query(
        "SELECT entry_index, time_ms, event FROM log WHERE entry_index >= ? ORDER BY entry_index LIMIT ?",
    )
    .bind(column_at_most(from))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await
    .map_err(failed("reading the log"))?;
    let entry = |row: &SqliteRow| {
        let (index, time) = (get_number(row, 0)?, Time(get_number(row, 1)?));
        Ok(LogEntry { index, time, event: decode("a log entry", &get_bytes(row, 2)?)? })
    };
    rows.iter().map(entry).collect()
}

pub(super) async fn feed(
    executor: impl SqliteExecutor<'_>,
    after: u64,
    limit: u32,
) -> Found<Vec<FeedItem>> {
    // An entry's sequence is its index plus one, so those after `after` begin at index `after`.
    let rows = sqlx::query(
        "SELECT entry_index, topic, kind FROM log \
         WHERE topic IS NOT NULL AND entry_index >= ? ORDER BY entry_index LIMIT ?",
    )
    .bind(column_at_most(after))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await
    .map_err(failed("reading the feed"))?;
    let item = |row: &SqliteRow| {
        let sequence = get_number(row, 0)?.saturating_add(1);
        let kind = u8::try_from(get_number(row, 2)?).unwrap_or(u8::MAX);
        Ok(FeedItem { sequence, topic: get_digest(row, 1)?.0, kind })
    };
    rows.iter().map(item).collect()
}

pub(super) async fn feed_head(executor: impl SqliteExecutor<'_>) -> Found<u64> {
    let row = sqlx::query(
        "SELECT entry_index FROM log WHERE topic IS NOT NULL ORDER BY entry_index DESC LIMIT 1",
    )
    .fetch_optional(executor)
    .await
    .map_err(failed("reading the feed's end"))?;
    row.map_or(Ok(0), |row| Ok(get_number(&row, 0)?.saturating_add(1)))
}

fn job_of(row: Option<SqliteRow>) -> Found<Option<JobState>> {
    row.map(|row| decode("a job", &get_bytes(&row, 0)?)).transpose()
}

pub(super) async fn job(executor: impl SqliteExecutor<'_>, job: JobId) -> Found<Option<JobState>> {
    let row = sqlx::query("SELECT state FROM jobs WHERE id = ?")
        .bind(blob(&job.0.0))
        .fetch_optional(executor)
        .await
        .map_err(failed("reading a job"))?;
    job_of(row)
}

pub(super) async fn find(executor: impl SqliteExecutor<'_>, id: Digest) -> Found<Option<JobState>> {
    let row =
        sqlx::query("SELECT jobs.state FROM ids JOIN jobs ON jobs.id = ids.job WHERE ids.id = ?")
            .bind(blob(&id))
            .fetch_optional(executor)
            .await
            .map_err(failed("finding a job"))?;
    job_of(row)
}

fn summaries(rows: &[SqliteRow]) -> Found<Vec<JobSummary>> {
    rows.iter().map(|row| decode("a summary", &get_bytes(row, 0)?)).collect()
}

pub(super) async fn live_jobs(
    executor: impl SqliteExecutor<'_>,
    after: Option<JobId>,
    limit: u32,
) -> Found<Vec<JobSummary>> {
    let rows =
        sqlx::query("SELECT summary FROM jobs WHERE live = 1 AND id > ? ORDER BY id LIMIT ?")
            .bind(after.map(|after| blob(&after.0.0)).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(executor)
            .await
            .map_err(failed("listing jobs"))?;
    summaries(&rows)
}

pub(super) async fn jobs(
    executor: impl SqliteExecutor<'_>,
    skip: u64,
    limit: u32,
) -> Found<Vec<JobSummary>> {
    let rows =
        sqlx::query("SELECT summary FROM jobs WHERE sequence >= ? ORDER BY sequence LIMIT ?")
            .bind(column_at_most(skip))
            .bind(i64::from(limit))
            .fetch_all(executor)
            .await
            .map_err(failed("listing jobs"))?;
    summaries(&rows)
}

fn job_ids(rows: &[SqliteRow]) -> Found<Vec<JobId>> {
    rows.iter().map(|row| Ok(JobId(MessageId(get_digest(row, 0)?)))).collect()
}

pub(super) async fn due(
    executor: impl SqliteExecutor<'_>,
    now: Time,
    limit: u32,
) -> Found<Vec<JobId>> {
    let rows = sqlx::query(
        "SELECT id FROM jobs WHERE next_deadline_ms <= ? ORDER BY next_deadline_ms LIMIT ?",
    )
    .bind(column_at_most(now.0))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await
    .map_err(failed("looking for deadlines"))?;
    job_ids(&rows)
}

pub(super) async fn next_deadline(executor: impl SqliteExecutor<'_>) -> Found<Option<Time>> {
    let row = sqlx::query(
        "SELECT next_deadline_ms FROM jobs WHERE next_deadline_ms IS NOT NULL \
         ORDER BY next_deadline_ms LIMIT 1",
    )
    .fetch_optional(executor)
    .await
    .map_err(failed("looking for the next deadline"))?;
    row.map(|row| get_number(&row, 0).map(Time)).transpose()
}

pub(super) async fn disputed_jobs(executor: impl SqliteExecutor<'_>) -> Found<Vec<JobId>> {
    let rows = sqlx::query(
        "SELECT id FROM jobs WHERE phase = 'claimed' AND claim_phase IN ('disputed', 'running') ORDER BY id",
    )
    .fetch_all(executor)
    .await
    .map_err(failed("listing disputed jobs"))?;
    job_ids(&rows)
}

pub(super) async fn live_job_ids(executor: impl SqliteExecutor<'_>) -> Found<Vec<JobId>> {
    let rows = sqlx::query("SELECT id FROM jobs WHERE live = 1 ORDER BY id")
        .fetch_all(executor)
        .await
        .map_err(failed("listing live jobs"))?;
    job_ids(&rows)
}

pub(super) async fn account(executor: impl SqliteExecutor<'_>, key: Key) -> Found<AccountView> {
    let rows = sqlx::query("SELECT account, amount FROM balances WHERE owner = ?")
        .bind(key_blob(&key))
        .fetch_all(executor)
        .await
        .map_err(failed("reading an account"))?;
    let mut view = AccountView::default();
    for row in &rows {
        let (account, held) = balance(row)?;
        let part = match account {
            Account::Free(_) => &mut view.free,
            Account::Bond(_) => &mut view.bonds,
            Account::Escrow(_) | Account::Canary(_) => &mut view.escrow,
            Account::Pending(_) => &mut view.pending,
            Account::World | Account::Burned | Account::Treasury => continue,
        };
        add(part, held)?;
    }
    Ok(view)
}

fn balance(row: &SqliteRow) -> Found<(Account, Amount)> {
    let account = decode("an account", &get_bytes(row, 0)?)?;
    Ok((account, amount(row.try_get(1).map_err(failed("reading a balance"))?)?))
}

fn add(part: &mut Amount, more: Amount) -> Found<()> {
    let overflow = || StoreError::Damaged { what: "balances overflow".to_owned() };
    *part = part.checked_add(more).ok_or_else(overflow)?;
    Ok(())
}

pub(super) async fn totals(executor: impl SqliteExecutor<'_>) -> Found<TotalsView> {
    // The first byte of an account's encoding says what kind of account it is.
    let rows = sqlx::query(
        "SELECT substr(account, 1, 1), sum(amount) FROM balances GROUP BY substr(account, 1, 1)",
    )
    .fetch_all(executor)
    .await
    .map_err(failed("adding up the ledger"))?;
    let mut view = TotalsView::default();
    for row in &rows {
        let held = amount(row.try_get(1).map_err(failed("reading a total"))?)?;
        match get_bytes(row, 0)?.as_slice() {
            [0] => view.deposited = held,
            [1] => view.free = held,
            [2] | [7] => add(&mut view.escrow, held)?,
            [3] => view.bonds = held,
            [4] => view.burned = held,
            [5] => view.treasury = held,
            [6] => view.pending = held,
            other => {
                return Err(StoreError::Damaged { what: format!("an account of kind {other:?}") });
            }
        }
    }
    Ok(view)
}

pub(super) async fn balances(executor: impl SqliteExecutor<'_>) -> Found<Vec<(Account, Amount)>> {
    let rows = sqlx::query("SELECT account, amount FROM balances ORDER BY account")
        .fetch_all(executor)
        .await
        .map_err(failed("listing balances"))?;
    rows.iter().map(balance).collect()
}

pub(super) async fn transfers(
    executor: impl SqliteExecutor<'_>,
    skip: u64,
    limit: u32,
) -> Found<Vec<Transfer>> {
    let rows = sqlx::query(
        "SELECT debit, credit, amount, kind, cause FROM transfers ORDER BY number LIMIT ? OFFSET ?",
    )
    .bind(i64::from(limit))
    .bind(column_at_most(skip))
    .fetch_all(executor)
    .await
    .map_err(failed("listing transfers"))?;
    rows.iter().map(transfer).collect()
}

/// A transfer from the first five columns of a row.
pub(super) fn transfer(row: &SqliteRow) -> Found<Transfer> {
    let kind = u8::try_from(get_number(row, 3)?).unwrap_or(u8::MAX);
    Ok(Transfer {
        debit: decode("an account", &get_bytes(row, 0)?)?,
        credit: decode("an account", &get_bytes(row, 1)?)?,
        amount: Amount(get_number(row, 2)?),
        kind: decode("a kind of transfer", &[kind])?,
        cause: MessageId(get_digest(row, 4)?),
    })
}

fn artifact_of(row: &SqliteRow) -> Found<ArtifactView> {
    let mut view: ArtifactView = decode("an artifact", &get_bytes(row, 0)?)?;
    view.suspended = get_number(row, 1)? != 0;
    Ok(view)
}

pub(super) async fn artifact(
    executor: impl SqliteExecutor<'_>,
    artifact: ArtifactId,
) -> Found<Option<ArtifactView>> {
    let row = sqlx::query("SELECT view, suspended FROM artifacts WHERE id = ?")
        .bind(blob(&artifact.0))
        .fetch_optional(executor)
        .await
        .map_err(failed("reading an artifact"))?;
    row.as_ref().map(artifact_of).transpose()
}

pub(super) async fn artifacts(
    executor: impl SqliteExecutor<'_>,
    after: Option<ArtifactId>,
    limit: u32,
) -> Found<Vec<ArtifactView>> {
    let rows =
        sqlx::query("SELECT view, suspended FROM artifacts WHERE id > ? ORDER BY id LIMIT ?")
            .bind(after.map(|after| blob(&after.0)).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(executor)
            .await
            .map_err(failed("listing artifacts"))?;
    rows.iter().map(artifact_of).collect()
}

pub(super) async fn case(
    executor: impl SqliteExecutor<'_>,
    claim: ClaimId,
    counter_root: Digest,
) -> Found<Option<CaseView>> {
    let row = sqlx::query("SELECT blob, replay_us FROM cases WHERE claim = ? AND counter_root = ?")
        .bind(blob(&claim.0.0))
        .bind(blob(&counter_root))
        .fetch_optional(executor)
        .await
        .map_err(failed("looking for a case"))?;
    let view = |row: SqliteRow| {
        Ok(CaseView { file: get_digest(&row, 0)?, replay_us: get_number(&row, 1)? })
    };
    row.map(view).transpose()
}

pub(super) async fn replay(
    executor: impl SqliteExecutor<'_>,
    content: Digest,
) -> Found<Option<Verdict>> {
    let row = sqlx::query("SELECT verdict FROM replays WHERE content = ?")
        .bind(blob(&content))
        .fetch_optional(executor)
        .await
        .map_err(failed("looking for a replay"))?;
    row.map(|row| verdict(row.try_get(0).map_err(failed("reading a verdict"))?)).transpose()
}

pub(super) async fn uploaded(executor: impl SqliteExecutor<'_>, uploader: Key) -> Found<Uploaded> {
    let row = sqlx::query("SELECT bytes, blobs FROM uploads WHERE uploader = ?")
        .bind(key_blob(&uploader))
        .fetch_optional(executor)
        .await
        .map_err(failed("counting uploads"))?;
    let Some(row) = row else { return Ok(Uploaded::default()) };
    Ok(Uploaded { bytes: get_number(&row, 0)?, blobs: get_number(&row, 1)? })
}

pub(super) async fn census<'e, E>(executor: E) -> Found<Census>
where
    E: SqliteExecutor<'e> + Copy,
{
    let mut census = Census::default();
    let rows =
        sqlx::query("SELECT phase, claim_phase, count(*) FROM jobs GROUP BY phase, claim_phase")
            .fetch_all(executor)
            .await
            .map_err(failed("counting jobs"))?;
    for row in &rows {
        let phase: String = row.try_get(0).map_err(failed("counting jobs"))?;
        let claim: Option<String> = row.try_get(1).map_err(failed("counting jobs"))?;
        let count = get_number(row, 2)?;
        if let Some(claim) = claim.filter(|_| phase == "claimed") {
            let entry = census.claims.entry(claim).or_default();
            *entry = entry.saturating_add(count);
        }
        let entry = census.jobs.entry(phase).or_default();
        *entry = entry.saturating_add(count);
    }
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM artifacts), (SELECT count(*) FROM artifacts WHERE suspended = 1), \
         (SELECT count(*) FROM blobs), (SELECT coalesce(sum(size), 0) FROM blobs)",
    )
    .fetch_one(executor)
    .await
    .map_err(failed("counting artifacts and blobs"))?;
    census.artifacts = get_number(&row, 0)?;
    census.suspended = get_number(&row, 1)?;
    census.blobs = get_number(&row, 2)?;
    census.blob_bytes = get_number(&row, 3)?;
    census.log_entries = head(executor).await?.entries;
    canaries::census(executor, &mut census).await?;
    Ok(census)
}
