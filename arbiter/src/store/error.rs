//! What can go wrong in a store.

use gainsay_protocol::LedgerError;

use crate::error::Refused;

/// A store that failed, or that must not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not do it; the same may succeed later.
    #[error("the database failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The database's reason.
        #[source]
        source: sqlx::Error,
    },
    /// The database's tables could not be made or brought up to date.
    #[error("the database's tables could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database was written by a newer version of this program.
    #[error(
        "the database has schema version {version}, which this version does not know: use the newer version that wrote it"
    )]
    NewerSchema {
        /// The version that is not known.
        version: i64,
    },
    /// A library of the database that loses data.
    #[error(
        "SQLite {found} is too old: versions before {needed} can corrupt a database in WAL mode"
    )]
    OldDatabase {
        /// The version linked.
        found: String,
        /// The oldest that is safe.
        needed: &'static str,
    },
    /// The database belongs to another network.
    #[error(
        "the database belongs to network {found}, not to {expected}: check the data folder, the network's name, and the arbiter's and operator's keys"
    )]
    OtherNetwork {
        /// The network it belongs to.
        found: gainsay_commitment::Digest,
        /// The one configured.
        expected: gainsay_commitment::Digest,
    },
    /// The network began with other parameters.
    #[error(
        "the network began with other parameters ({differing}): they cannot change while claims rely on them; restore the old values or begin a new network in another data folder"
    )]
    OtherParams {
        /// Which ones differ.
        differing: String,
    },
    /// Something in the database cannot be right.
    #[error("the database is damaged: {what}")]
    Damaged {
        /// What is not right.
        what: String,
    },
    /// A number that no database column can hold.
    #[error("{what} is {value}, more than the database can hold")]
    OutOfRange {
        /// What.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// The same transfer for the second time.
    #[error("a transfer of this cause, kind and accounts was made before")]
    RepeatedTransfer,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a transaction was not made; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The act itself refuses.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Its transfers cannot be made.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
