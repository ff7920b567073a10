//! Honest work, but for the jobs on which the operator's own book of canaries asks for a lie.
//!
//! The lie follows from the book alone, so a restart tells it again; the book was written before anything was told. The
//! executor goes first for the jobs in it, for a canary that somebody else takes is void, and takes as long for every job
//! as for a lie.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gainsay_player::{CanaryBook, JournalError};
use gainsay_protocol::{JobId, Key, MessageId};
use tracing::warn;

use super::{Assignment, Conduct, ConductError, Performance, number, wrong_layer};

/// The seeds of the lies, as of a length of the book, which only grows.
#[derive(Clone, Debug, Default)]
struct Known {
    length: u64,
    lies: BTreeMap<JobId, u64>,
}

/// See the module.
#[derive(Debug)]
pub struct Canaries {
    folder: PathBuf,
    key: Key,
    known: Mutex<Known>,
}

impl Canaries {
    /// An executor with that key and the book in that folder, which need not be there yet.
    ///
    /// # Errors
    /// If the book is there and cannot be read.
    pub fn open(folder: &Path, key: Key) -> Result<Self, JournalError> {
        let canaries = Self { folder: folder.to_owned(), key, known: Mutex::default() };
        canaries.lies()?;
        Ok(canaries)
    }

    /// The seed of each lie that is this key's to tell.
    fn lies(&self) -> Result<BTreeMap<JobId, u64>, JournalError> {
        let path = CanaryBook::path(&self.folder);
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(source) => return Err(JournalError::File { action: "find", path, source }),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.length != length {
            let canaries = CanaryBook::read(&self.folder)?;
            let own = canaries.iter().filter(|canary| canary.plan.executor == self.key);
            let lies = own.map(|canary| (canary.plan.job_id(), canary.plan.seed)).collect();
            *known = Known { length, lies };
        }
        Ok(known.lies.clone())
    }
}

impl Conduct for Canaries {
    fn perform(&self, assignment: &Assignment) -> Result<Performance, ConductError> {
        let JobId(MessageId(job)) = assignment.job;
        let asked = self.lies()?.get(&assignment.job).copied();
        let seed = asked.unwrap_or_else(|| number(&[b"canary", &job.0]));
        // Both are run whatever is told: the time from take to claim must not tell a canary from other jobs.
        let honest = assignment.run()?;
        let lie = wrong_layer::somewhere(assignment, &honest, seed)?;
        if asked.is_some() && lie.is_none() {
            warn!(job = %job.short(), "this canary would come out true, so the truth is told");
        }
        Ok(Performance::of(lie.filter(|_| asked.is_some()).unwrap_or(honest)))
    }

    fn preferred(&self) -> BTreeSet<JobId> {
        match self.lies() {
            Ok(lies) => lies.into_keys().collect(),
            Err(error) => {
                warn!(%error, "the book of canaries cannot be read");
                BTreeSet::new()
            }
        }
    }
}
