//! The one task that writes.
//!
//! Acts that wait while a commit is under way share the next one: each in a savepoint of its own, so that
//! one that is refused leaves no trace, then one commit and one fsync for all, and only then is anybody
//! answered.

use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::CommitObserver;
use super::codec::failed;
use super::write::{self, Answered, Write, Written};
use crate::error::Chain;
use crate::store::{CommitError, StoreError};

/// The most acts in one commit: bounds how long the first of them waits for the last.
const BATCH: usize = 64;
/// The most acts that wait; more wait to be let in.
const QUEUE: usize = 1024;

type Answer = Result<Answered, CommitError>;

struct Command {
    write: Write,
    answer: oneshot::Sender<Answer>,
}

/// A way to the writing task.
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
    task: Mutex<Option<JoinHandle<()>>>,
    closing: watch::Sender<bool>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the task with an open connection; `options` are for opening it again.
    pub(super) fn start(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        observer: CommitObserver,
    ) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        let (closing, closed) = watch::channel(false);
        let connection = Connection { options, current: Some(connection) };
        let task = tokio::spawn(serve(connection, commands, closed, observer));
        Self { queue, task: Mutex::new(Some(task)), closing }
    }

    /// Has a write made; the answer comes when it is durable. Dropping the future does not stop the write.
    pub(super) async fn write(&self, write: Write) -> Answer {
        let (answer, answered) = oneshot::channel();
        let command = Command { write, answer };
        self.queue.send(command).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Ends the task once everything that waits is written.
    pub(super) async fn close(&self) {
        let _ = self.closing.send(true);
        let task = self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for Writer {
    /// As a crash would leave it: what is not committed is rolled back.
    fn drop(&mut self) {
        if let Ok(Some(task)) = self.task.get_mut().map(Option::take) {
            task.abort();
        }
    }
}

/// The writing connection, made again after a failure: what state a failed one is in is not knowable.
struct Connection {
    options: SqliteConnectOptions,
    current: Option<SqliteConnection>,
}

impl Connection {
    async fn get(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let connection = match self.current.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(failed("opening the file again"))?,
        };
        Ok(self.current.insert(connection))
    }
}

async fn serve(
    mut connection: Connection,
    mut commands: mpsc::Receiver<Command>,
    mut closing: watch::Receiver<bool>,
    observer: CommitObserver,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            received = commands.recv_many(&mut batch, BATCH) => if received == 0 {
                break;
            },
            _ = closing.wait_for(|closing| *closing) => {
                // What is queued is still written; nothing more gets in.
                commands.close();
                continue;
            }
        }
        let begun = Instant::now();
        let acts = batch.len();
        if let Err(error) = write_batch(&mut connection, std::mem::take(&mut batch)).await {
            tracing::error!(error = %Chain(&error), "a commit failed; nothing of it was acknowledged");
            connection.current = None;
        }
        observer(begun.elapsed(), acts);
    }
    if let Some(connection) = connection.current
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the database did not close cleanly; it is recovered when it is opened again");
    }
}

/// Writes all of `batch` in one transaction; only then does what follows, and everybody is answered.
///
/// # Errors
/// If it could not be committed. Then everybody is told so, and nothing of it is there.
async fn write_batch(connection: &mut Connection, batch: Vec<Command>) -> Result<(), StoreError> {
    let (writes, answers): (Vec<Write>, Vec<_>) =
        batch.into_iter().map(|command| (command.write, command.answer)).unzip();
    match write_all(connection, writes).await {
        Ok(done) => {
            for (outcome, answer) in done.into_iter().zip(answers) {
                let _ = answer.send(outcome.map(Written::follow));
            }
            Ok(())
        }
        Err(error) => {
            for answer in answers {
                let source = sqlx::Error::Protocol(Chain(&error).to_string());
                let failure = StoreError::Database { doing: "committing", source };
                let _ = answer.send(Err(failure.into()));
            }
            Err(error)
        }
    }
}

async fn write_all(
    connection: &mut Connection,
    writes: Vec<Write>,
) -> Result<Vec<Result<Written, CommitError>>, StoreError> {
    let mut transaction = connection
        .get()
        .await?
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failed("beginning a transaction"))?;
    let mut done = Vec::with_capacity(writes.len());
    for write in writes {
        done.push(write_one(&mut transaction, write).await?);
    }
    transaction.commit().await.map_err(failed("committing"))?;
    Ok(done)
}

/// Makes one write in a savepoint of its own.
///
/// # Errors
/// If the savepoint itself failed: SQLite may then have rolled the whole transaction back.
async fn write_one(
    transaction: &mut SqliteConnection,
    write: Write,
) -> Result<Result<Written, CommitError>, StoreError> {
    let mut savepoint = transaction.begin().await.map_err(failed("beginning a savepoint"))?;
    let outcome = write::make(&mut savepoint, write).await;
    match &outcome {
        Ok(_) => savepoint.commit().await.map_err(failed("releasing a savepoint"))?,
        Err(_) => savepoint.rollback().await.map_err(failed("rolling a savepoint back"))?,
    }
    Ok(outcome)
}
