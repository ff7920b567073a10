//! What the ledger needs beyond balances: stakes of keys, proven equivocations, withdrawals, parameters, statements.

use gainsay_network::api::StatementLine;
use gainsay_protocol::{
    Amount, Announce, Exposure, JobId, Key, LoggedEvent, MessageId, OnceOnly, Params, Schedule,
    Time, Withdrawal,
};
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqliteRow};

use super::canaries;
use super::codec::{blob, column, column_at_most, decode, encode, failed, key_blob};
use super::read::{get_bytes, get_digest, get_number, transfer};
use crate::store::{Books, Decision, StoreError, Subject};

type Found<T> = Result<T, StoreError>;

/// What a transaction about `subject` needs of the ledger.
pub(super) async fn books(connection: &mut SqliteConnection, subject: &Subject) -> Found<Books> {
    let mut books = Books::default();
    match subject {
        Subject::Take(_, key) => books.exposure = exposure(connection, *key).await?,
        Subject::Act(act) => books.proven = proven(connection, *act).await?,
        Subject::Withdrawal(id) => books.withdrawal = withdrawal(connection, *id).await?,
        Subject::Schedule => books.schedule = Some(schedule(connection).await?),
        Subject::Commitments(commitments) => {
            books.canaries.known = canaries::known(connection, commitments).await?;
        }
        Subject::Canary(commitment, job, executor) => {
            books.canaries = canaries::books(connection, *commitment, *job, *executor).await?;
        }
        Subject::Nothing | Subject::Job(_) | Subject::Id(_) => {}
    }
    Ok(books)
}

/// Writes what a decision changes here.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    index: i64,
    decision: &Decision,
) -> Found<()> {
    if let (Some(act), LoggedEvent::Message(signed)) = (&decision.proven, &decision.event) {
        sqlx::query("INSERT INTO equivocations (job, attempt, key, message, entry_index) VALUES (?, ?, ?, ?, ?)")
            .bind(blob(&act.job.0.0))
            .bind(i64::from(act.attempt))
            .bind(key_blob(&act.key))
            .bind(blob(&signed.id().0))
            .bind(index)
            .execute(&mut *connection)
            .await
            .map_err(failed("recording an equivocation"))?;
    }
    if let Some(withdrawal) = &decision.withdrawal {
        sqlx::query("INSERT INTO withdrawals (id, owner, amount, due_ms) VALUES (?, ?, ?, ?)")
            .bind(blob(&withdrawal.id.0))
            .bind(key_blob(&withdrawal.owner))
            .bind(column("an amount", withdrawal.amount.0)?)
            .bind(column_at_most(withdrawal.due.0))
            .execute(&mut *connection)
            .await
            .map_err(failed("recording a withdrawal"))?;
    }
    if let LoggedEvent::Paid(id) = &decision.event {
        sqlx::query("DELETE FROM withdrawals WHERE id = ?")
            .bind(blob(&id.0))
            .execute(&mut *connection)
            .await
            .map_err(failed("forgetting a paid withdrawal"))?;
    }
    if let Some(announced) = &decision.announced {
        sqlx::query("INSERT INTO schedule (from_ms, entry_index, params) VALUES (?, ?, ?)")
            .bind(column("a time", announced.from.0)?)
            .bind(index)
            .bind(encode("parameters", &*announced.params)?)
            .execute(&mut *connection)
            .await
            .map_err(failed("recording parameters"))?;
    }
    canaries::record(connection, index, decision).await
}

/// The takes of a key whose bonds are still locked.
async fn exposure(executor: impl SqliteExecutor<'_>, key: Key) -> Found<Exposure> {
    // The first byte of an account's encoding says what it is (3: a bond), the rest which message locked it; a take is
    // message kind 5.
    let row = sqlx::query(
        "SELECT count(*), coalesce(sum(balances.amount), 0) FROM balances \
         JOIN messages ON messages.id = substr(balances.account, 2) \
         WHERE balances.owner = ? AND substr(balances.account, 1, 1) = x'03' AND messages.kind = 5",
    )
    .bind(key_blob(&key))
    .fetch_one(executor)
    .await
    .map_err(failed("adding up a key's bonds"))?;
    let open = u32::try_from(get_number(&row, 0)?).unwrap_or(u32::MAX);
    Ok(Exposure { open, locked: Amount(get_number(&row, 1)?) })
}

pub(super) async fn proven(
    executor: impl SqliteExecutor<'_>,
    act: OnceOnly,
) -> Found<Option<MessageId>> {
    let JobId(job) = act.job;
    let row =
        sqlx::query("SELECT message FROM equivocations WHERE job = ? AND attempt = ? AND key = ?")
            .bind(blob(&job.0))
            .bind(i64::from(act.attempt))
            .bind(key_blob(&act.key))
            .fetch_optional(executor)
            .await
            .map_err(failed("looking for an equivocation"))?;
    row.map(|row| get_digest(&row, 0).map(MessageId)).transpose()
}

fn withdrawal_of(row: &SqliteRow) -> Found<Withdrawal> {
    Ok(Withdrawal {
        id: MessageId(get_digest(row, 0)?),
        owner: decode("an owner", &get_bytes(row, 1)?)?,
        amount: Amount(get_number(row, 2)?),
        due: Time(get_number(row, 3)?),
    })
}

async fn withdrawal(executor: impl SqliteExecutor<'_>, id: MessageId) -> Found<Option<Withdrawal>> {
    let row = sqlx::query("SELECT id, owner, amount, due_ms FROM withdrawals WHERE id = ?")
        .bind(blob(&id.0))
        .fetch_optional(executor)
        .await
        .map_err(failed("looking for a withdrawal"))?;
    row.as_ref().map(withdrawal_of).transpose()
}

pub(super) async fn withdrawals_due(
    executor: impl SqliteExecutor<'_>,
    now: Time,
    limit: u32,
) -> Found<Vec<Withdrawal>> {
    let rows = sqlx::query(
        "SELECT id, owner, amount, due_ms FROM withdrawals WHERE due_ms <= ? ORDER BY due_ms, id LIMIT ?",
    )
    .bind(column_at_most(now.0))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await
    .map_err(failed("looking for withdrawals"))?;
    rows.iter().map(withdrawal_of).collect()
}

pub(super) async fn next_withdrawal(executor: impl SqliteExecutor<'_>) -> Found<Option<Time>> {
    let row = sqlx::query("SELECT due_ms FROM withdrawals ORDER BY due_ms LIMIT 1")
        .fetch_optional(executor)
        .await
        .map_err(failed("looking for the next withdrawal"))?;
    row.map(|row| get_number(&row, 0).map(Time)).transpose()
}

/// The network's parameters, as far as announced.
pub(super) async fn schedule(connection: &mut SqliteConnection) -> Found<Schedule> {
    let row = sqlx::query("SELECT params FROM network")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed("reading the parameters"))?;
    let mut schedule = Schedule::new(decode("the parameters", &get_bytes(&row, 0)?)?);
    let rows = sqlx::query(
        "SELECT schedule.from_ms, schedule.params, log.time_ms FROM schedule \
         JOIN log ON log.entry_index = schedule.entry_index ORDER BY schedule.from_ms",
    )
    .fetch_all(connection)
    .await
    .map_err(failed("reading the announced parameters"))?;
    for row in &rows {
        let params: Params = decode("the parameters", &get_bytes(row, 1)?)?;
        let announced = Announce { from: Time(get_number(row, 0)?), params: Box::new(params) };
        let damaged = |error| StoreError::Damaged { what: format!("parameters: {error}") };
        schedule.announce(&announced, Time(get_number(row, 2)?)).map_err(damaged)?;
    }
    Ok(schedule)
}

pub(super) async fn statement(
    executor: impl SqliteExecutor<'_>,
    key: Key,
    after: Option<u64>,
    limit: u32,
) -> Found<Vec<StatementLine>> {
    // A bond, escrow, bonus or withdrawal belongs to whose free balance it came from; accounts that are empty by now have no
    // row, so they are found by what once filled them.
    let rows = sqlx::query(
        "WITH mine (account) AS (SELECT ?1 UNION SELECT credit FROM transfers \
             WHERE debit = ?1 AND substr(credit, 1, 1) IN (x'02', x'03', x'06', x'07')) \
         SELECT debit, credit, amount, transfers.kind, cause, number, transfers.entry_index, log.time_ms \
         FROM transfers JOIN log ON log.entry_index = transfers.entry_index \
         WHERE (debit IN mine OR credit IN mine) AND number > ?2 ORDER BY number LIMIT ?3",
    )
    .bind(encode("an account", &gainsay_protocol::Account::Free(key))?)
    .bind(after.map_or(-1, column_at_most))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await
    .map_err(failed("reading a statement"))?;
    let line = |row: &SqliteRow| {
        Ok(StatementLine {
            number: get_number(row, 5)?,
            entry_index: get_number(row, 6)?,
            time: Time(get_number(row, 7)?),
            transfer: transfer(row)?,
        })
    };
    rows.iter().map(line).collect()
}
