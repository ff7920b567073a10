//! Canaries: what the operator committed to, and what became of it.

use std::collections::BTreeSet;

use gainsay_commitment::Digest;
use gainsay_protocol::{Amount, Canary, CanaryCommit, CanaryOutcome, JobId, Key, MessageId};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqliteRow};

use super::codec::{blob, column, decode, failed, key_blob};
use super::read::{self, get_bytes, get_digest, get_number};
use crate::store::{CanaryBooks, CanaryChange, CanaryRecord, Census, Decision, StoreError};

type Found<T> = Result<T, StoreError>;

/// Which of these commitments are in the log already.
pub(super) async fn known(
    connection: &mut SqliteConnection,
    commitments: &[Digest],
) -> Found<BTreeSet<Digest>> {
    let mut known = BTreeSet::new();
    for commitment in commitments {
        if canary(&mut *connection, *commitment).await?.is_some() {
            known.insert(*commitment);
        }
    }
    Ok(known)
}

/// What the opening of a commitment to that job and executor needs.
pub(super) async fn books(
    connection: &mut SqliteConnection,
    commitment: Digest,
    job: JobId,
    executor: Key,
) -> Found<CanaryBooks> {
    let canary = canary(&mut *connection, commitment).await?.map(|record| record.canary);
    let admitted = read::accepted(&mut *connection, MessageId(job.0.0)).await?;
    let row = sqlx::query(
        "SELECT commitment FROM canaries WHERE job = ? AND executor = ? AND outcome <> ? LIMIT 1",
    )
    .bind(blob(&job.0.0))
    .bind(key_blob(&executor))
    .bind(i64::from(CanaryOutcome::Void as u8))
    .fetch_optional(connection)
    .await
    .map_err(failed("looking for a canary"))?;
    let before = row.map(|row| get_digest(&row, 0)).transpose()?;
    let admitted = admitted.map(|(index, _)| index);
    Ok(CanaryBooks { canary, admitted, before, ..CanaryBooks::default() })
}

/// Writes what a decision changes here.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    index: i64,
    decision: &Decision,
) -> Found<()> {
    match &decision.canary {
        None => Ok(()),
        Some(CanaryChange::Committed(CanaryCommit { commitments, bonus })) => {
            for commitment in commitments {
                sqlx::query(
                    "INSERT INTO canaries (commitment, entry_index, bonus) VALUES (?, ?, ?)",
                )
                .bind(blob(commitment))
                .bind(index)
                .bind(column("a bonus", bonus.0)?)
                .execute(&mut *connection)
                .await
                .map_err(failed("recording a canary"))?;
            }
            Ok(())
        }
        Some(CanaryChange::Opened { commitment, reveal, opened }) => {
            sqlx::query(
                "UPDATE canaries SET outcome = ?, job = ?, executor = ? WHERE commitment = ?",
            )
            .bind(i64::from(opened.outcome as u8))
            .bind(blob(&reveal.job.0.0))
            .bind(key_blob(&reveal.executor))
            .bind(blob(commitment))
            .execute(connection)
            .await
            .map_err(failed("recording what became of a canary"))?;
            Ok(())
        }
    }
}

fn record_of(row: &SqliteRow) -> Found<CanaryRecord> {
    let number: Option<i64> = row.try_get(3).map_err(failed("reading a canary"))?;
    let outcome = number.map(|number| {
        let byte = u8::try_from(number).unwrap_or(u8::MAX);
        decode::<CanaryOutcome>("what became of a canary", &[byte])
    });
    let outcome = outcome.transpose()?;
    let opened = match outcome {
        None => None,
        Some(_) => Some((
            JobId(MessageId(get_digest(row, 4)?)),
            decode("an executor", &get_bytes(row, 5)?)?,
        )),
    };
    let canary = Canary {
        commitment: get_digest(row, 0)?,
        committed: get_number(row, 1)?,
        bonus: Amount(get_number(row, 2)?),
        outcome,
    };
    Ok(CanaryRecord { canary, opened })
}

async fn canary(
    executor: impl SqliteExecutor<'_>,
    commitment: Digest,
) -> Found<Option<CanaryRecord>> {
    let row = sqlx::query(
        "SELECT commitment, entry_index, bonus, outcome, job, executor FROM canaries WHERE commitment = ?",
    )
    .bind(blob(&commitment))
    .fetch_optional(executor)
    .await
    .map_err(failed("looking for a canary"))?;
    row.as_ref().map(record_of).transpose()
}

pub(super) async fn list(
    executor: impl SqliteExecutor<'_>,
    after: Option<Digest>,
    limit: u32,
) -> Found<Vec<CanaryRecord>> {
    let rows = sqlx::query(
        "SELECT commitment, entry_index, bonus, outcome, job, executor FROM canaries \
         WHERE commitment > ? ORDER BY commitment LIMIT ?",
    )
    .bind(after.map(|after| blob(&after)).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await
    .map_err(failed("listing canaries"))?;
    rows.iter().map(record_of).collect()
}

/// How many there are by what became of them, and what is in escrow for the others.
pub(super) async fn census(executor: impl SqliteExecutor<'_>, census: &mut Census) -> Found<()> {
    let rows = sqlx::query("SELECT outcome, count(*), sum(bonus) FROM canaries GROUP BY outcome")
        .fetch_all(executor)
        .await
        .map_err(failed("counting canaries"))?;
    for row in &rows {
        let number: Option<i64> = row.try_get(0).map_err(failed("counting canaries"))?;
        let name = match number {
            None => {
                census.canary_escrow = Amount(get_number(row, 2)?);
                "unrevealed"
            }
            Some(number) => {
                let byte = u8::try_from(number).unwrap_or(u8::MAX);
                decode::<CanaryOutcome>("what became of a canary", &[byte])?.name()
            }
        };
        census.canaries.insert(name.to_owned(), get_number(row, 1)?);
    }
    Ok(())
}
