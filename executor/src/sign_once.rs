//! The sign-once database: an honest executor cannot equivocate, across crashes and racing threads.
//!
//! A claim's signature leaves the process only after its bytes are committed here with a full sync, under
//! (network, job, attempt). Whoever comes second gets the first one's bytes, whatever it wanted to say. One
//! database belongs to one key. Each call is one statement, so a cancelled caller leaves nothing half-done.

use std::path::Path;

use gainsay_protocol::{
    Claim, EnvelopeError, JobId, Key, Keypair, Message, MessageId, NetworkId, Signed,
};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

/// SQLite before this version can corrupt a write-ahead log.
const LEAST_VERSION: (u32, u32, u32) = (3, 51, 3);

/// Why the sign-once database cannot be used. Then nothing may be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignOnceError {
    /// The database failed.
    #[error("the sign-once database failed")]
    Database(#[from] sqlx::Error),
    /// Its tables could not be brought up to date.
    #[error("the sign-once database cannot be migrated")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The linked SQLite is too old to be trusted with a write-ahead log.
    #[error("SQLite {0} can corrupt a write-ahead log; 3.51.3 or later is needed")]
    Version(String),
    /// The database holds another key's signatures.
    #[error(
        "the sign-once database belongs to another key than {0}; give each key a data folder of its own"
    )]
    OtherOwner(Key),
    /// What is stored is not a claim that this key signed for that job.
    #[error("the stored claim on job {} attempt {attempt} is damaged", .job.0.0)]
    Damaged {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// The claim has no encoding.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct SignOnce {
    pool: SqlitePool,
    signer: Key,
}

impl SignOnce {
    /// Opens the database at `path`, creating it if need be, for `signer`.
    ///
    /// # Errors
    /// If it cannot be opened or belongs to another key.
    pub async fn open(path: &Path, signer: Key) -> Result<Self, SignOnceError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let version: String =
            sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&pool).await?;
        if parse_version(&version).is_none_or(|version| version < LEAST_VERSION) {
            return Err(SignOnceError::Version(version));
        }
        sqlx::migrate!("./migrations").run(&pool).await?;
        sqlx::query("INSERT INTO owner (one, signer) VALUES (1, ?) ON CONFLICT DO NOTHING")
            .bind(signer.as_bytes().as_slice())
            .execute(&pool)
            .await?;
        let owner: Vec<u8> =
            sqlx::query_scalar("SELECT signer FROM owner").fetch_one(&pool).await?;
        if owner != signer.as_bytes() {
            return Err(SignOnceError::OtherOwner(signer));
        }
        Ok(Self { pool, signer })
    }

    /// The claim that was signed for this attempt, if one was.
    ///
    /// # Errors
    /// If the database fails or what it holds is damaged.
    pub async fn signed(
        &self,
        network: NetworkId,
        job: JobId,
        attempt: u32,
    ) -> Result<Option<Signed>, SignOnceError> {
        let query =
            "SELECT message FROM signed_claim WHERE network = ? AND job = ? AND attempt = ?";
        let stored: Option<Vec<u8>> = sqlx::query_scalar(query)
            .bind(network.0.as_bytes().as_slice())
            .bind(bytes_of(&job))
            .bind(i64::from(attempt))
            .fetch_optional(&self.pool)
            .await?;
        stored.map(|bytes| self.checked(&bytes, network, job, attempt)).transpose()
    }

    /// Signs `claim`, unless this attempt was signed for before: then what was signed then is returned.
    ///
    /// # Errors
    /// If the database fails; then no signature has left this function.
    pub async fn sign(
        &self,
        keypair: &Keypair,
        network: NetworkId,
        claim: Claim,
    ) -> Result<Signed, SignOnceError> {
        if keypair.key() != self.signer {
            return Err(SignOnceError::OtherOwner(keypair.key()));
        }
        let (job, attempt) = (claim.job, claim.attempt);
        let bytes = Signed::new(keypair, network, Message::Claim(claim)).to_bytes()?;
        let insert = "INSERT INTO signed_claim (network, job, attempt, message) VALUES (?, ?, ?, ?) \
                      ON CONFLICT DO NOTHING";
        sqlx::query(insert)
            .bind(network.0.as_bytes().as_slice())
            .bind(bytes_of(&job))
            .bind(i64::from(attempt))
            .bind(bytes)
            .execute(&self.pool)
            .await?;
        // Only what the database holds now is ever sent.
        let stored = self.signed(network, job, attempt).await?;
        stored.ok_or(SignOnceError::Damaged { job, attempt })
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn checked(
        &self,
        bytes: &[u8],
        network: NetworkId,
        job: JobId,
        attempt: u32,
    ) -> Result<Signed, SignOnceError> {
        let damaged = SignOnceError::Damaged { job, attempt };
        let Ok(signed) = Signed::from_bytes(bytes) else {
            return Err(damaged);
        };
        let is_it = matches!(
            &signed.message,
            Message::Claim(claim) if claim.job == job && claim.attempt == attempt
        );
        if !is_it || signed.signer != self.signer || signed.clone().verify(network).is_err() {
            return Err(damaged);
        }
        Ok(signed)
    }
}

fn bytes_of(job: &JobId) -> &[u8] {
    let JobId(MessageId(digest)) = job;
    digest.as_bytes()
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests;
