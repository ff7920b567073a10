//! The operator's own book of canaries: a journal in a private folder, written before anything is told.
//!
//! It has each planned job, signed and not sent, with the salt of its commitment and the seed of its lie. Who plants it
//! goes through the book and does what is missing, as often as need be; the executor that is to lie reads it. Whoever
//! else reads it knows what to contradict, so it is its owner's alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gainsay_commitment::Digest;
use gainsay_protocol::{Amount, CanaryReveal, EnvelopeError, JobId, Key, MessageId, Signed};
use serde::{Deserialize, Serialize};

use crate::folder::{DataFolder, FolderError};
use crate::journal::{Journal, JournalError};
use crate::serde_text;

/// The journal in its folder.
const BOOK: &str = "canaries.jsonl";

/// A digest as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DigestText(#[serde(with = "serde_text")] pub Digest);

/// A lie that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryPlan {
    /// What the operator commits to.
    #[serde(with = "serde_text")]
    pub commitment: Digest,
    /// The job.
    #[serde(with = "serde_text")]
    pub job: Digest,
    /// Who is to lie about it.
    #[serde(with = "serde_text")]
    pub executor: Key,
    /// The salt of the commitment.
    #[serde(with = "serde_text")]
    pub salt: Digest,
    /// What the lie's choices come from.
    pub seed: u64,
    /// Not to be submitted before, in serving time.
    pub plant_at_ms: u64,
    /// The requester's signed job, as hexadecimal digits.
    pub message: String,
    /// The inputs' bytes, by the names of their blobs: files in the folder.
    pub inputs: Vec<DigestText>,
}

impl CanaryPlan {
    /// The job as signed.
    ///
    /// # Errors
    /// If the book was changed by hand.
    pub fn signed(&self) -> Result<Signed, EnvelopeError> {
        let digit = |at: usize| self.message.get(at..at + 2);
        let bytes = (0..self.message.len()).step_by(2).map(|at| {
            let digits = digit(at).unwrap_or_default();
            u8::from_str_radix(digits, 16)
                .map_err(|error| EnvelopeError::Encoding(error.to_string()))
        });
        Signed::from_bytes(&bytes.collect::<Result<Vec<u8>, _>>()?)
    }

    /// The digits of a signed job.
    ///
    /// # Errors
    /// If it has no encoding.
    pub fn digits(signed: &Signed) -> Result<String, EnvelopeError> {
        Ok(signed.to_bytes()?.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What opens the commitment.
    pub fn reveal(&self) -> CanaryReveal {
        CanaryReveal { job: self.job_id(), executor: self.executor, salt: self.salt.0 }
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        JobId(MessageId(self.job))
    }
}

/// A line of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum CanaryEntry {
    /// A lie is planned.
    Prepared(CanaryPlan),
    /// These commitments are about to be logged, in one message.
    Offered {
        /// The commitments.
        commitments: Vec<DigestText>,
        /// The bonus of each.
        bonus_micro: u64,
    },
    /// They were refused, and are not in the log.
    Refused {
        /// The commitments.
        commitments: Vec<DigestText>,
    },
    /// They are in the log.
    Committed {
        /// The commitments.
        commitments: Vec<DigestText>,
        /// Where.
        log_index: u64,
    },
    /// The job is in the log.
    Planted {
        /// The canary.
        commitment: DigestText,
        /// Where.
        log_index: u64,
    },
    /// The commitment is opened.
    Opened {
        /// The canary.
        commitment: DigestText,
        /// Where.
        log_index: u64,
    },
}

/// How far a planned lie has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryProgress {
    /// The plan.
    pub plan: CanaryPlan,
    /// The bonus, once it is about to be committed to.
    pub bonus: Option<Amount>,
    /// The log entry of its commitment.
    pub committed: Option<u64>,
    /// The log entry of its job.
    pub planted: Option<u64>,
    /// The log entry of its opening.
    pub opened: Option<u64>,
}

/// Commitments that were about to be logged: sent again they are the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryOffer {
    /// The commitments, in their order.
    pub commitments: Vec<Digest>,
    /// The bonus of each.
    pub bonus: Amount,
}

/// Why the book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// Its folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An input cannot be kept or read.
    #[error("cannot {action} the input {}", .path.display())]
    Input {
        /// What was being done.
        action: &'static str,
        /// Its file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

/// What the book's lines lead to.
#[derive(Debug, Default)]
struct Pages {
    canaries: BTreeMap<Digest, CanaryProgress>,
    order: Vec<Digest>,
    offers: Vec<CanaryOffer>,
}

impl Pages {
    fn apply(&mut self, entry: CanaryEntry) {
        match entry {
            CanaryEntry::Prepared(plan) => {
                self.order.push(plan.commitment);
                let (bonus, committed, planted, opened) = (None, None, None, None);
                let name = plan.commitment;
                let progress = CanaryProgress { plan, bonus, committed, planted, opened };
                self.canaries.insert(name, progress);
            }
            CanaryEntry::Offered { commitments, bonus_micro } => {
                let commitments: Vec<Digest> = commitments.iter().map(|text| text.0).collect();
                for commitment in &commitments {
                    self.change(commitment, |canary| canary.bonus = Some(Amount(bonus_micro)));
                }
                self.offers.push(CanaryOffer { commitments, bonus: Amount(bonus_micro) });
            }
            CanaryEntry::Refused { commitments } => {
                for commitment in &commitments {
                    self.change(&commitment.0, |canary| canary.bonus = None);
                }
                let refused: Vec<Digest> = commitments.iter().map(|text| text.0).collect();
                self.offers.retain(|offer| offer.commitments != refused);
            }
            CanaryEntry::Committed { commitments, log_index } => {
                for commitment in &commitments {
                    self.change(&commitment.0, |canary| canary.committed = Some(log_index));
                }
            }
            CanaryEntry::Planted { commitment, log_index } => {
                self.change(&commitment.0, |canary| canary.planted = Some(log_index));
            }
            CanaryEntry::Opened { commitment, log_index } => {
                self.change(&commitment.0, |canary| canary.opened = Some(log_index));
            }
        }
    }

    fn change(&mut self, commitment: &Digest, change: impl FnOnce(&mut CanaryProgress)) {
        if let Some(canary) = self.canaries.get_mut(commitment) {
            change(canary);
        }
    }
}

/// See the module. One process at a time may write in it.
#[derive(Debug)]
pub struct CanaryBook {
    folder: DataFolder,
    journal: Journal<CanaryEntry>,
    pages: Pages,
}

impl CanaryBook {
    /// Opens the book in that folder, which is made for its owner alone if need be.
    ///
    /// # Errors
    /// If the folder or the journal cannot be used, or another process writes in it.
    pub fn open(folder: &Path) -> Result<Self, BookError> {
        make_private(folder)
            .map_err(|source| FolderError::File { path: folder.to_owned(), source })?;
        let folder = DataFolder::open(folder)?;
        let (journal, entries) = Journal::open(&folder.join(BOOK))?;
        let mut pages = Pages::default();
        entries.into_iter().for_each(|entry| pages.apply(entry));
        Ok(Self { folder, journal, pages })
    }

    /// What the book in that folder tells, whoever writes in it.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn read(folder: &Path) -> Result<Vec<CanaryProgress>, JournalError> {
        let mut pages = Pages::default();
        Journal::read(&Self::path(folder))?.into_iter().for_each(|entry| pages.apply(entry));
        Ok(pages.canaries.into_values().collect())
    }

    /// The journal of the book in that folder. It only grows.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(BOOK)
    }

    /// Writes a line; when this returns, it is on the disk.
    ///
    /// # Errors
    /// If it cannot be written. Then what it tells of must not be done.
    pub fn write(&mut self, entry: CanaryEntry) -> Result<(), BookError> {
        self.journal.append(&entry)?;
        self.pages.apply(entry);
        Ok(())
    }

    /// Every canary, in the order they were planned.
    pub fn canaries(&self) -> impl Iterator<Item = &CanaryProgress> {
        self.pages.order.iter().filter_map(|name| self.pages.canaries.get(name))
    }

    /// What was offered and is not known to be in the log.
    pub fn offers(&self) -> Vec<CanaryOffer> {
        let missing = |offer: &&CanaryOffer| {
            let committed = |name| self.pages.canaries.get(name).and_then(|of| of.committed);
            offer.commitments.iter().any(|name| committed(name).is_none())
        };
        self.pages.offers.iter().filter(missing).cloned().collect()
    }

    /// Keeps an input's bytes under the name of their blob.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn keep_input(&self, name: Digest, bytes: &[u8]) -> Result<(), BookError> {
        let path = self.folder.join(&name.to_string());
        let failed = |source| BookError::Input { action: "keep", path: path.clone(), source };
        let mut file = std::fs::File::create(&path).map_err(failed)?;
        std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    /// An input's bytes.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn input(&self, name: Digest) -> Result<Vec<u8>, BookError> {
        let path = self.folder.join(&name.to_string());
        std::fs::read(&path).map_err(|source| BookError::Input { action: "read", path, source })
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests;
