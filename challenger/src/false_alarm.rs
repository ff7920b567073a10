//! For rehearsals: a challenger that, a few times, contradicts a correct claim and plays it through to the end.
//!
//! Which correct claim it is, and after which layer a value is off in its counter trace, follow from a seed. The alarm
//! is in the journal before its commitment is sent, and the journal is what keeps it from being raised again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use gainsay_commitment::Digest;
use gainsay_model::RunError;
use gainsay_player::{Journal, JournalError, RunSource, TraceSource, serde_text};
use gainsay_protocol::{ClaimId, JobId, MessageId};
use serde::{Deserialize, Serialize};

/// The alarm is raised on one of the first this many correct claims.
const AMONG: u64 = 4;
/// How many values are tried before giving up on making a difference.
const TRIES: u64 = 16;

/// A false alarm, as its raiser wrote it down before raising it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The job.
    #[serde(with = "serde_text")]
    pub job: Digest,
    /// The correct claim.
    #[serde(with = "serde_text")]
    pub claim: Digest,
    /// The layer after which a value is off in the counter trace.
    pub layer: u32,
    /// Which value.
    pub seed: u64,
    /// When it was written down, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The true root, which is the claim's.
    #[serde(with = "serde_text")]
    pub true_root: Digest,
    /// The counter root.
    #[serde(with = "serde_text")]
    pub counter_root: Digest,
}

impl Alarm {
    /// The alarms that a journal tells of, whether or not its owner is still at it.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn read(journal: &Path) -> Result<Vec<Self>, JournalError> {
        Journal::read(journal)
    }

    /// The counter trace of the alarm, from an honest one.
    pub(crate) fn trace(&self, honest: &RunSource) -> Result<RunSource, RunError> {
        tampered(honest, self.layer, self.seed)
    }
}

#[derive(Debug, Default)]
struct Memory {
    alarms: BTreeMap<Digest, Alarm>,
    correct: u64,
}

/// See the module.
#[derive(Debug)]
pub struct FalseAlarm {
    seed: u64,
    times: u32,
    journal: Journal<Alarm>,
    memory: Mutex<Memory>,
}

impl FalseAlarm {
    /// Raises `times` alarms in all, those included that the journal at `journal` tells of.
    ///
    /// # Errors
    /// If the journal cannot be opened or read.
    pub fn open(seed: u64, times: u32, journal: &Path) -> Result<Self, JournalError> {
        let (journal, alarms) = Journal::open(journal)?;
        let alarms = alarms.into_iter().map(|alarm: Alarm| (alarm.claim, alarm)).collect();
        let memory = Memory { alarms, correct: 0 };
        Ok(Self { seed, times, journal, memory: Mutex::new(memory) })
    }

    /// The alarm that was raised on a claim, if one was.
    pub(crate) fn raised(&self, claim: ClaimId) -> Option<Alarm> {
        let ClaimId(MessageId(claim)) = claim;
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.alarms.get(&claim).cloned()
    }

    /// Raises an alarm on a correct claim, if it is the one: then it is written down, and its trace returned.
    pub(crate) fn raise(
        &self,
        job: JobId,
        claim: ClaimId,
        honest: &RunSource,
    ) -> Result<Option<RunSource>, AlarmError> {
        let (JobId(MessageId(job)), ClaimId(MessageId(claim))) = (job, claim);
        // Held throughout, so that two claims checked at once are two in a row.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let number = memory.correct;
        memory.correct = memory.correct.saturating_add(1);
        let enough = memory.alarms.len() as u64 >= u64::from(self.times);
        if enough || number < Self::picks(self.seed) {
            return Ok(None);
        }
        let drawn = draw(self.seed, &claim.0);
        let layer = drawn.checked_rem(honest.layers().into()).unwrap_or(0);
        let layer = 1 + u32::try_from(layer).unwrap_or(0);
        for seed in (0..TRIES).map(|again| drawn.wrapping_add(again)) {
            let source = tampered(honest, layer, seed)?;
            if source.root() == honest.root() {
                continue;
            }
            let alarm = Alarm {
                job,
                claim,
                layer,
                seed,
                unix_ms: unix_ms(),
                true_root: honest.root(),
                counter_root: source.root(),
            };
            self.journal.append(&alarm)?;
            memory.alarms.insert(claim, alarm);
            return Ok(Some(source));
        }
        Ok(None)
    }

    /// After how many correct claims a raiser of that seed begins.
    pub fn picks(seed: u64) -> u64 {
        draw(seed, b"claim") % AMONG
    }
}

fn draw(seed: u64, what: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("gainsay 1 rehearsed alarm");
    hasher.update(&seed.to_le_bytes()).update(what);
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Why an alarm was not raised.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AlarmError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn tampered(honest: &RunSource, layer: u32, seed: u64) -> Result<RunSource, RunError> {
    RunSource::tampered(Arc::clone(honest.runner()), Arc::clone(honest.inputs()), layer, seed)
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
