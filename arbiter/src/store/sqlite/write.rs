//! The writes, each inside a savepoint of the writing task.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gainsay_commitment::Digest;
use gainsay_protocol::{
    JobState, LogEntry, LoggedEvent, Message, MessageId, Params, Signed, Time, Verdict,
    next_deadline,
};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use super::codec::{blob, column, column_at_most, decode, encode, failed, key_blob, number};
use super::{ledger, money, read};
use crate::store::{
    Act, After, BlobRecord, CaseRecord, CommitError, Committed, Decision, Head, Resume, Situation,
    StoreError, Subject, entry_kind, entry_topic, message_kind, summary_of,
};

/// One write.
pub(super) enum Write {
    Act(Act),
    Resume(Resume),
    Blob(BlobRecord),
    Replay(Digest, Verdict),
}

/// What came of it, not yet durable.
pub(super) enum Written {
    Committed(Committed, Box<After>),
    Index(u64),
    Done,
}

/// What came of it, durably.
pub(super) enum Answered {
    Committed(Committed),
    Index(u64),
    Done,
}

impl Written {
    /// It is durable: what follows, follows.
    pub(super) fn follow(self) -> Answered {
        match self {
            Self::Committed(committed, after) => {
                if let Committed::New { index, decision } = &committed
                    && catch_unwind(AssertUnwindSafe(|| after(*index, decision))).is_err()
                {
                    tracing::error!(index, "what follows from a log entry ended in a crash");
                }
                Answered::Committed(committed)
            }
            Self::Index(index) => Answered::Index(index),
            Self::Done => Answered::Done,
        }
    }
}

/// Makes one write.
pub(super) async fn make(
    connection: &mut SqliteConnection,
    write: Write,
) -> Result<Written, CommitError> {
    match write {
        Write::Act(act) => act_once(connection, act).await,
        Write::Resume(resumed) => resume(connection, resumed).await.map(Written::Index),
        Write::Blob(record) => Ok(blob_record(connection, record).await.map(|()| Written::Done)?),
        Write::Replay(content, verdict) => {
            Ok(replay(connection, content, verdict).await.map(|()| Written::Done)?)
        }
    }
}

/// Says on first use which network the file is of, and on every other use checks it.
pub(super) async fn begin_network(
    connection: &mut SqliteConnection,
    params: &Params,
) -> Result<(), StoreError> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failed("beginning a transaction"))?;
    let row = sqlx::query("SELECT id, params FROM network")
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed("reading the network"))?;
    let expected = params.network().0;
    match row {
        None => {
            sqlx::query("INSERT INTO network (only, id, params) VALUES (1, ?, ?)")
                .bind(blob(&expected))
                .bind(encode("the parameters", params)?)
                .execute(&mut *transaction)
                .await
                .map_err(failed("writing the network"))?;
        }
        Some(row) => check_network(&row, params, expected)?,
    }
    transaction.commit().await.map_err(failed("committing"))
}

fn check_network(row: &SqliteRow, params: &Params, expected: Digest) -> Result<(), StoreError> {
    let id: Vec<u8> = row.try_get(0).map_err(failed("reading the network's id"))?;
    let found = super::codec::digest("the network's id", &id)?;
    if found != expected {
        return Err(StoreError::OtherNetwork { found, expected });
    }
    let stored: Vec<u8> = row.try_get(1).map_err(failed("reading the parameters"))?;
    let stored: Params = decode("the parameters", &stored)?;
    if stored == *params {
        return Ok(());
    }
    Err(StoreError::OtherParams { differing: differing(&stored, params) })
}

/// The parameters that differ, with both values.
fn differing(stored: &Params, given: &Params) -> String {
    let (stored, given) = (format!("{stored:#?}"), format!("{given:#?}"));
    let differences: Vec<String> = stored
        .lines()
        .zip(given.lines())
        .filter(|(stored, given)| stored != given)
        .map(|(stored, given)| {
            let (stored, given) = (stored.trim(), given.trim());
            format!("stored {}, configured {}", stored.trim_matches(','), given.trim_matches(','))
        })
        .collect();
    differences.join("; ")
}

/// Carries out an act, unless its message was accepted before.
async fn act_once(connection: &mut SqliteConnection, mut act: Act) -> Result<Written, CommitError> {
    let written = |committed, after| Ok(Written::Committed(committed, after));
    if let Some(id) = act.message
        && let Some((index, time)) = read::accepted(&mut *connection, id).await?
    {
        return written(Committed::Before { index, time }, act.after);
    }
    let job = match &act.subject {
        Subject::Id(id) => read::find(&mut *connection, *id).await?,
        other => match other.job() {
            Some(job) => read::job(&mut *connection, job).await?,
            None => None,
        },
    };
    let books = ledger::books(&mut *connection, &act.subject).await?;
    let head = read::head(&mut *connection).await?;
    let situation = Situation { job: job.as_ref(), last: head.last, books: &books };
    // A decision that panics must not take the writing task with it.
    let decided = catch_unwind(AssertUnwindSafe(|| (act.decide)(situation)));
    let crashed = |_| StoreError::Damaged { what: "deciding an act ended in a crash".to_owned() };
    let Some(decision) = decided.map_err(crashed)?? else {
        return written(Committed::Nothing, act.after);
    };
    let index = write_decision(connection, head, act.message, &decision).await?;
    written(Committed::New { index, decision: Box::new(decision) }, act.after)
}

async fn write_decision(
    connection: &mut SqliteConnection,
    head: Head,
    message: Option<MessageId>,
    decision: &Decision,
) -> Result<u64, CommitError> {
    let entry =
        LogEntry { index: head.entries, time: decision.time, event: decision.event.clone() };
    let index = append(connection, head, &entry, decision.job.as_ref()).await?;
    if let Some(job) = &decision.job {
        job_record(connection, job).await?;
    }
    if let LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } =
        &decision.event
    {
        let id = message.unwrap_or_else(|| signed.id());
        message_record(connection, index, id, signed).await?;
        if let Some(job) = decision.job.as_ref().filter(|_| names_something(&signed.message)) {
            id_record(connection, id, job).await?;
        }
    }
    money::post(connection, index, &decision.transfers).await?;
    ledger::record(connection, index, decision).await?;
    if let Some(view) = &decision.artifact {
        let mut view = view.clone();
        view.suspended = false;
        sqlx::query(
            "INSERT INTO artifacts (id, entry_index, view, suspended) VALUES (?, ?, ?, 0) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(blob(&view.id.0))
        .bind(index)
        .bind(encode("an artifact", &view)?)
        .execute(&mut *connection)
        .await
        .map_err(failed("writing an artifact"))?;
    }
    if let Some(artifact) = decision.suspend {
        sqlx::query("UPDATE artifacts SET suspended = 1 WHERE id = ?")
            .bind(blob(&artifact.0))
            .execute(&mut *connection)
            .await
            .map_err(failed("suspending an artifact"))?;
    }
    if let Some(case) = &decision.case {
        case_record(connection, index, case).await?;
    }
    if decision.event == LoggedEvent::Heartbeat {
        heartbeat(connection, decision.time).await?;
    }
    Ok(entry.index)
}

/// Appends to the log; its time never goes back.
async fn append(
    connection: &mut SqliteConnection,
    head: Head,
    entry: &LogEntry,
    job: Option<&JobState>,
) -> Result<i64, StoreError> {
    if entry.time < head.last {
        let what = format!("an entry at {:?} after one at {:?}", entry.time, head.last);
        return Err(StoreError::Damaged { what });
    }
    let index = column("a log index", entry.index)?;
    sqlx::query(
        "INSERT INTO log (entry_index, time_ms, kind, topic, event) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(index)
    .bind(column("a time", entry.time.0)?)
    .bind(i64::from(entry_kind(&entry.event)))
    .bind(entry_topic(&entry.event, job).map(|topic| blob(&topic)))
    .bind(encode("a log entry", &entry.event)?)
    .execute(connection)
    .await
    .map_err(failed("appending to the log"))?;
    Ok(index)
}

async fn message_record(
    connection: &mut SqliteConnection,
    index: i64,
    id: MessageId,
    signed: &Signed,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO messages (id, entry_index, signer, kind) VALUES (?, ?, ?, ?)")
        .bind(blob(&id.0))
        .bind(index)
        .bind(key_blob(&signed.signer))
        .bind(i64::from(message_kind(&signed.message)))
        .execute(connection)
        .await
        .map_err(failed("writing a message"))?;
    Ok(())
}

/// Whether others speak of what the message did under its id.
fn names_something(message: &Message) -> bool {
    matches!(message, Message::Job(_) | Message::Take(_) | Message::Claim(_) | Message::Commit(_))
}

async fn id_record(
    connection: &mut SqliteConnection,
    id: MessageId,
    job: &JobState,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO ids (id, job) VALUES (?, ?)")
        .bind(blob(&id.0))
        .bind(blob(&job.id.0.0))
        .execute(connection)
        .await
        .map_err(failed("writing an id"))?;
    Ok(())
}

async fn job_record(connection: &mut SqliteConnection, job: &JobState) -> Result<(), StoreError> {
    let summary = summary_of(job);
    let deadline = next_deadline(job).map(|deadline| column_at_most(deadline.0));
    sqlx::query(
        "INSERT INTO jobs (id, sequence, phase, claim_phase, live, next_deadline_ms, summary, state) \
         VALUES (?, (SELECT coalesce(max(sequence) + 1, 0) FROM jobs), ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, claim_phase = excluded.claim_phase, \
         live = excluded.live, next_deadline_ms = excluded.next_deadline_ms, \
         summary = excluded.summary, state = excluded.state",
    )
    .bind(blob(&job.id.0.0))
    .bind(summary.phase.clone())
    .bind(summary.claim_phase.clone())
    .bind(i64::from(!job.is_terminal()))
    .bind(deadline)
    .bind(encode("a summary", &summary)?)
    .bind(encode("a job", job)?)
    .execute(connection)
    .await
    .map_err(failed("writing a job"))?;
    Ok(())
}

async fn case_record(
    connection: &mut SqliteConnection,
    index: i64,
    case: &CaseRecord,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cases (claim, counter_root, entry_index, blob, verdict, replay_us) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(blob(&case.claim.0.0))
    .bind(blob(&case.counter_root))
    .bind(index)
    .bind(blob(&case.blob))
    .bind(i64::from(case.verdict as u8))
    .bind(column_at_most(case.replay_us))
    .execute(connection)
    .await
    .map_err(failed("writing a case"))?;
    Ok(())
}

async fn heartbeat(connection: &mut SqliteConnection, time: Time) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO clock (only, served_ms, heartbeats) VALUES (1, ?, 1) \
         ON CONFLICT (only) DO UPDATE SET served_ms = excluded.served_ms, heartbeats = heartbeats + 1",
    )
    .bind(column("a time", time.0)?)
    .execute(connection)
    .await
    .map_err(failed("writing a heartbeat"))?;
    Ok(())
}

/// Logs a return after a gap and changes whatever live job it concerns.
async fn resume(connection: &mut SqliteConnection, mut resume: Resume) -> Result<u64, CommitError> {
    let head = read::head(&mut *connection).await?;
    let time = (resume.now)(head.last);
    let entry = LogEntry { index: head.entries, time, event: LoggedEvent::Resumed };
    append(connection, head, &entry, None).await?;
    for job in read::live_job_ids(&mut *connection).await? {
        let Some(state) = read::job(&mut *connection, job).await? else { continue };
        if let Some(changed) = (resume.change)(&state, time) {
            job_record(connection, &changed).await?;
        }
    }
    Ok(entry.index)
}

async fn blob_record(
    connection: &mut SqliteConnection,
    record: BlobRecord,
) -> Result<(), StoreError> {
    let size = column("a blob's size", record.size)?;
    let written = sqlx::query(
        "INSERT INTO blobs (digest, size, uploader, added_ms) VALUES (?, ?, ?, ?) \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(blob(&record.digest))
    .bind(size)
    .bind(record.uploader.as_ref().map(key_blob))
    .bind(column("a time", record.added.0)?)
    .execute(&mut *connection)
    .await
    .map_err(failed("writing a blob's record"))?;
    let Some(uploader) = record.uploader.filter(|_| written.rows_affected() > 0) else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO uploads (uploader, bytes, blobs) VALUES (?, ?, 1) \
         ON CONFLICT (uploader) DO UPDATE SET bytes = bytes + excluded.bytes, blobs = blobs + 1",
    )
    .bind(key_blob(&uploader))
    .bind(size)
    .execute(connection)
    .await
    .map_err(failed("counting an upload"))?;
    Ok(())
}

async fn replay(
    connection: &mut SqliteConnection,
    content: Digest,
    verdict: Verdict,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO replays (content, verdict) VALUES (?, ?) ON CONFLICT (content) DO NOTHING",
    )
    .bind(blob(&content))
    .bind(i64::from(verdict as u8))
    .execute(connection)
    .await
    .map_err(failed("remembering a replay"))?;
    Ok(())
}

/// The head of the log as a row holds it.
pub(super) fn head_of(row: Option<SqliteRow>) -> Result<Head, StoreError> {
    let Some(row) = row else { return Ok(Head::default()) };
    let index: i64 = row.try_get(0).map_err(failed("reading the log's end"))?;
    let time: i64 = row.try_get(1).map_err(failed("reading the log's end"))?;
    let entries = number("a log index", index)?.saturating_add(1);
    Ok(Head { entries, last: Time(number("a time", time)?) })
}
