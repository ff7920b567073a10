//! An executor that lies about a third of its jobs, and writes down each lie before it tells it.
//!
//! In each group of three jobs, as it comes to them, one chosen by the seed is lied about; the kinds come in an
//! order that the seed gives, each once before any comes again. A lie is really wrong: where the liar runs the model
//! at all, it makes sure that its root is not the true one, and tells a visible lie where its kind would come out
//! true. What the journal tells is told again after a restart.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use gainsay_commitment::Digest;
use gainsay_player::{Journal, JournalError, RunSource, TraceSource, serde_text};
use gainsay_protocol::{JobId, MessageId};
use serde::{Deserialize, Serialize};

use super::{
    Assignment, CheatKind, Conduct, ConductError, MadeUp, Performance, false_sub_root,
    garbage_root, malformed_state, number, one_ulp, quantised, skip_layer, stale_output, stall,
    two_lies, wrong_layer, wrong_program, wrong_weights,
};

/// One job in this many is lied about.
const GROUP: u64 = 3;

/// A lie, as its teller wrote it down before telling it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lie {
    /// The job that it is about.
    #[serde(with = "serde_text")]
    pub job: Digest,
    /// Which attempt at it.
    pub attempt: u32,
    /// What kind of lie.
    pub kind: CheatKind,
    /// The first layer after which what is told is not the truth, if the liar knows.
    pub layer: Option<u32>,
    /// What its choices came from.
    pub seed: u64,
    /// When it was written down, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The true root, if the liar knows it.
    #[serde(with = "serde_text::option")]
    pub true_root: Option<Digest>,
    /// The root that is claimed.
    #[serde(with = "serde_text")]
    pub claimed_root: Digest,
}

impl Lie {
    /// The lies that a journal tells of, whether or not its owner is still at it.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn read(journal: &Path) -> Result<Vec<Self>, JournalError> {
        let entries = Journal::<JournalEntry>::read(journal)?.into_iter();
        Ok(entries
            .filter_map(|entry| match entry {
                JournalEntry::Lie(lie) => Some(lie),
                JournalEntry::Assigned { .. } => None,
            })
            .collect())
    }
}

/// A line of a liar's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum JournalEntry {
    /// How a job will be treated.
    Assigned {
        /// The job.
        #[serde(with = "serde_text")]
        job: Digest,
        /// Which attempt at it.
        attempt: u32,
        /// What kind of lie, if any.
        kind: Option<CheatKind>,
    },
    /// A lie about to be told.
    Lie(Lie),
}

type Place = (Digest, u32);

#[derive(Debug, Default)]
struct Memory {
    assigned: BTreeMap<Place, Option<CheatKind>>,
    lies: BTreeMap<Place, Lie>,
    lying: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Cheating {
    order: Vec<CheatKind>,
    seed: u64,
    journal: Journal<JournalEntry>,
    memory: Mutex<Memory>,
}

impl Cheating {
    /// A liar of these kinds, with the journal at `journal`, which may tell of earlier lies.
    ///
    /// # Errors
    /// If the journal cannot be opened or read.
    pub fn open(kinds: &[CheatKind], seed: u64, journal: &Path) -> Result<Self, JournalError> {
        let (journal, entries) = Journal::open(journal)?;
        let mut memory = Memory::default();
        for entry in entries {
            match entry {
                JournalEntry::Assigned { job, attempt, kind } => {
                    memory.lying += u64::from(kind.is_some());
                    memory.assigned.insert((job, attempt), kind);
                }
                JournalEntry::Lie(lie) => {
                    memory.lies.insert((lie.job, lie.attempt), lie);
                }
            }
        }
        let mut order = kinds.to_vec();
        order.sort_by_cached_key(|kind| {
            number(&[b"kind", &seed.to_le_bytes(), kind.name().as_bytes()])
        });
        Ok(Self { order, seed, journal, memory: Mutex::new(memory) })
    }

    /// How this job is treated, decided once and written down.
    fn assigned(&self, place: Place) -> Result<Option<CheatKind>, JournalError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = memory.assigned.get(&place) {
            return Ok(*kind);
        }
        let count = memory.assigned.len() as u64;
        let (group, position) = (count / GROUP, count % GROUP);
        let chosen = number(&[b"group", &self.seed.to_le_bytes(), &group.to_le_bytes()]) % GROUP;
        let turn = memory.lying.checked_rem(self.order.len() as u64).unwrap_or(0);
        let due = usize::try_from(turn).ok().and_then(|turn| self.order.get(turn)).copied();
        let kind = if position == chosen { due } else { None };
        let (job, attempt) = place;
        self.journal.append(&JournalEntry::Assigned { job, attempt, kind })?;
        memory.assigned.insert(place, kind);
        memory.lying += u64::from(kind.is_some());
        Ok(kind)
    }

    /// The lie that was written down about this job.
    fn told(&self, place: Place) -> Option<Lie> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.lies.get(&place).cloned()
    }

    fn write_down(&self, lie: Lie) -> Result<(), JournalError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (lie.job, lie.attempt);
        if let Entry::Vacant(empty) = memory.lies.entry(place) {
            self.journal.append(&JournalEntry::Lie(lie.clone()))?;
            empty.insert(lie);
        }
        Ok(())
    }
}

/// Makes up a lie of that kind, with the true root if the liar knows it. One that would come out true makes room for a
/// visible one.
fn make_up(
    assignment: &Assignment,
    kind: CheatKind,
    seed: u64,
) -> Result<(MadeUp, Option<Digest>), ConductError> {
    let garbage = || {
        let performance = garbage_root::perform(assignment, seed)?;
        Ok::<_, ConductError>(MadeUp { performance, layer: None })
    };
    if kind == CheatKind::GarbageRoot {
        return Ok((garbage()?, None));
    }
    let honest = Arc::new(assignment.run()?);
    let made_up = match of_kind(assignment, &honest, kind, seed)? {
        Some(made_up) => Some(made_up),
        None => wrong_layer::somewhere(assignment, &honest, seed)?
            .map(|source| MadeUp::of(source, &honest)),
    };
    let made_up = match made_up {
        Some(made_up) => made_up,
        None => garbage()?,
    };
    Ok((made_up, Some(honest.root())))
}

/// A lie of that kind; `None` if it would come out true.
fn of_kind(
    assignment: &Assignment,
    honest: &Arc<RunSource>,
    kind: CheatKind,
    seed: u64,
) -> Result<Option<MadeUp>, ConductError> {
    let run = match kind {
        CheatKind::Stall => return stall::perform(assignment, honest, seed),
        CheatKind::WrongProgram => return wrong_program::perform(assignment, honest),
        CheatKind::GarbageRoot => return Ok(None),
        CheatKind::WrongWeights => wrong_weights::run(assignment, honest, seed)?,
        CheatKind::WrongLayer => wrong_layer::somewhere(assignment, honest, seed)?,
        CheatKind::SkipLayer => skip_layer::run(assignment, honest, seed)?,
        CheatKind::StaleOutput => stale_output::run(assignment, honest, seed)?,
        CheatKind::Quantised => quantised::run(assignment, honest, seed)?,
        CheatKind::TwoLies => two_lies::run(assignment, honest, seed)?,
        CheatKind::OneUlp => one_ulp::run(assignment, honest, seed)?,
        CheatKind::FalseSubRoot => false_sub_root::run(assignment, honest, seed)?,
        CheatKind::MalformedState => malformed_state::run(assignment, honest, seed)?,
    };
    Ok(run.map(|source| MadeUp::of(source, honest)))
}

impl Conduct for Cheating {
    fn perform(&self, assignment: &Assignment) -> Result<Performance, ConductError> {
        let JobId(MessageId(job)) = assignment.job;
        let place = (job, assignment.attempt);
        let Some(kind) = self.assigned(place)? else {
            return Ok(Performance::of(assignment.run()?));
        };
        let told = self.told(place);
        let seed = told.as_ref().map_or_else(
            || number(&[b"lie", &self.seed.to_le_bytes(), &job.0, &place.1.to_le_bytes()]),
            |lie| lie.seed,
        );
        let (made_up, true_root) = make_up(assignment, kind, seed)?;
        let claimed_root = made_up.performance.source.root();
        match told {
            Some(lie) if lie.claimed_root != claimed_root => return Err(ConductError::OtherLie),
            Some(_) => {}
            None => self.write_down(Lie {
                job,
                attempt: place.1,
                kind,
                layer: made_up.layer,
                seed,
                unix_ms: unix_ms(),
                true_root,
                claimed_root,
            })?,
        }
        Ok(made_up.performance)
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
