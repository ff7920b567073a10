//! The embedded store: one SQLite file, one connection that writes, a few that read.
//!
//! WAL with `synchronous=FULL`: when a commit returns, it is on disk. All writes go through one task that owns
//! the only writing connection, so a caller that goes away never cancels a transaction.

mod canaries;
mod codec;
mod ledger;
mod money;
mod read;
mod store;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gainsay_protocol::Params;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row};

use self::codec::failed;
use self::writer::Writer;
use super::StoreError;

/// The first version in which WAL mode cannot corrupt a database.
const OLDEST_SQLITE: &str = "3.51.3";
/// How long to wait for a lock that another process holds: nobody else should open the file at all.
const BUSY: Duration = Duration::from_secs(1);
/// Connections that read.
const READERS: u32 = 4;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");

/// Told how long each commit took, with its fsync, and how many acts it carried.
pub type CommitObserver = Arc<dyn Fn(Duration, usize) + Send + Sync>;

/// A [`Store`](super::Store) in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database at `path` for the network of `params`, making it if there is none.
    ///
    /// # Errors
    /// If the file is of another network, of other parameters or of a newer schema, or SQLite is too old.
    pub async fn open(
        path: &Path,
        params: &Params,
        observer: CommitObserver,
    ) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed("opening the file"))?;
        check_version(&mut connection).await?;
        migrate(options.clone()).await?;
        write::begin_network(&mut connection, params).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.clone().create_if_missing(false).read_only(true))
            .await
            .map_err(failed("opening the file for reading"))?;
        let options = options.create_if_missing(false);
        Ok(Self { readers, writer: Writer::start(connection, options, observer) })
    }

    /// Closes the file once everything that was begun is done.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT sqlite_version()")
        .fetch_one(connection)
        .await
        .map_err(failed("asking for SQLite's version"))?;
    let found: String = row.try_get(0).map_err(failed("reading SQLite's version"))?;
    let is_safe = matches!(
        (parts(&found), parts(OLDEST_SQLITE)),
        (Some(found), Some(oldest)) if found >= oldest
    );
    if is_safe { Ok(()) } else { Err(StoreError::OldDatabase { found, needed: OLDEST_SQLITE }) }
}

fn parts(version: &str) -> Option<[u32; 3]> {
    let parts: Vec<u32> =
        version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// Brings the tables up to date, on a connection of its own.
async fn migrate(options: SqliteConnectOptions) -> Result<(), StoreError> {
    use sqlx::migrate::MigrateError;
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options);
    let pool = pool.await.map_err(failed("opening the file"))?;
    let migrated = MIGRATIONS.run(&pool).await;
    pool.close().await;
    migrated.map_err(|error| match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            StoreError::NewerSchema { version }
        }
        other => StoreError::Migration(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parts("3.51.3") >= parts(OLDEST_SQLITE));
        assert!(parts("3.100.0") > parts(OLDEST_SQLITE));
        assert!(parts("3.51.2") < parts(OLDEST_SQLITE));
        assert_eq!(parts("3.51"), None);
    }
}
