//! The one task that writes.
//!
//! Acts that wait while a commit is under way share the next one: each in a savepoint of its own, so that
//! one that is refused leaves no trace, then one commit and one fsync for all, and only then is anybody
//! answered.

use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::CommitObserver;
use super::codec::failed;
use super::write::{self, Write, Written};
use crate::error::Chain;
use crate::store::{CommitError, StoreError};

/// The most acts in one commit: bounds how long the first of them waits for the last.
const BATCH: usize = 64;
/// The most acts that wait; more wait to be let in.
const QUEUE: usize = 1024;

type Answer = Result<Written, CommitError>;

struct Command {
    write: Write,
    answer: oneshot::Sender<Answer>,
}

/// A way to the writing task.
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
    task: Mutex<Option<JoinHandle<()>>>,
    closing: tokio::sync::watch::Sender<bool>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection, observer: CommitObserver) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        let (closing, closed) = tokio::sync::watch::channel(false);
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

async fn serve(
    mut connection: SqliteConnection,
    mut commands: mpsc::Receiver<Command>,
    mut closing: tokio::sync::watch::Receiver<bool>,
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
        write_batch(&mut connection, &mut batch).await;
        observer(begun.elapsed(), acts);
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database did not close cleanly; it is recovered when it is opened again");
    }
}

/// Writes all of `batch` in one transaction and answers.
async fn write_batch(connection: &mut SqliteConnection, batch: &mut Vec<Command>) {
    let mut done = Vec::with_capacity(batch.len());
    let committed = async {
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed("beginning a transaction"))?;
        for Command { write, answer } in batch.drain(..) {
            let outcome = write_one(&mut transaction, write).await;
            done.push((answer, outcome));
        }
        transaction.commit().await.map_err(failed("committing"))
    };
    match committed.await {
        Ok(()) => {
            for (answer, outcome) in done {
                let _ = answer.send(outcome);
            }
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a commit failed; nothing of it was acknowledged");
            let answers = done.into_iter().map(|(answer, _)| answer);
            let unwritten = batch.drain(..).map(|command| command.answer);
            for answer in answers.chain(unwritten) {
                let source = sqlx::Error::Protocol(Chain(&error).to_string());
                let failure = StoreError::Database { doing: "committing", source };
                let _ = answer.send(Err(failure.into()));
            }
        }
    }
}

/// Makes one write in a savepoint of its own.
async fn write_one(transaction: &mut SqliteConnection, write: Write) -> Answer {
    let mut savepoint = transaction.begin().await.map_err(failed("beginning a savepoint"))?;
    match write::make(&mut savepoint, write).await {
        Ok(written) => {
            savepoint.commit().await.map_err(failed("releasing a savepoint"))?;
            Ok(written)
        }
        Err(error) => {
            savepoint.rollback().await.map_err(failed("rolling a savepoint back"))?;
            Err(error)
        }
    }
}
