//! The invariants of the protocol, by name, checked after every event of a game.
//!
//! Each check sees the arbiter from outside: the log, the tables, the receipts, and what the simulator alone knows
//! (the truth, who is honest, real time). A broken one is reported, never asserted: see [`Violation`].

mod below;
mod canaries;
mod disputes;
mod money;
mod probe;
mod probe_below;
mod record;
mod time;

use std::collections::BTreeMap;
use std::rc::Rc;

use gainsay_commitment::ChunkShape;
use gainsay_protocol::{
    DeepLayer, JobState, Key, Keypair, LogEntry, Message, Params, Receipt, Signed, Transfer,
};

use crate::arbiter::{Arbiter, Tables};
use crate::source::Oracle;

pub(crate) use time::Bounds;

/// Every invariant that is checked, by its name in the protocol.
pub const INVARIANTS: [&str; 18] = [
    "conservation",
    "bond_ends_once",
    "truth_wins",
    "honest_never_loses",
    "sham_costs",
    "first_divergence",
    "bounded_work",
    "bounded_delay",
    "winnable_stays",
    "no_late_move",
    "downtime_free",
    "terminal_absorbs",
    "once_only",
    "done_by_another",
    "isolation",
    "prefix_recovery",
    "db_is_fold",
    "log_append_only",
];

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// A job before and after a transaction.
pub(crate) type Change = (Option<Rc<JobState>>, Rc<JobState>);

/// One transaction of the arbiter.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) entry: LogEntry,
    pub(crate) changed: Vec<Change>,
    pub(crate) transfers: Vec<Transfer>,
}

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    HonestRequester,
    HonestExecutor,
    HonestChallenger,
    Operator,
    Dishonest,
}

/// What the checks remember from one event to the next.
#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) violations: Vec<Violation>,
    roles: BTreeMap<Key, Role>,
    oracle: Rc<Oracle>,
    money: money::Money,
    record: record::Record,
    time: time::Times,
    work: disputes::Work,
    probes: probe::Probes,
    canaries: canaries::Canaries,
}

impl Checker {
    /// `seeds` are those of the keys to probe with.
    pub(crate) fn new(
        roles: BTreeMap<Key, Role>,
        oracle: Rc<Oracle>,
        bounds: Bounds,
        seeds: &[[u8; 32]],
    ) -> Self {
        let pairs = seeds.iter().map(Keypair::from_seed);
        let mut probes = probe::Probes::default();
        probes.keys = pairs.map(|pair| (pair.key(), pair)).collect();
        Self {
            violations: Vec::new(),
            roles,
            oracle,
            money: money::Money::default(),
            record: record::Record::default(),
            time: time::Times::new(bounds),
            work: disputes::Work::default(),
            probes,
            canaries: canaries::Canaries::default(),
        }
    }

    /// Runs every check on what has happened since the last call.
    pub(crate) fn after_event(&mut self, arbiter: &mut Arbiter, real_ms: u64) {
        self.time.serving(arbiter, real_ms, &mut self.violations);
        let commits = std::mem::take(&mut arbiter.commits);
        if commits.is_empty() {
            return;
        }
        for commit in &commits {
            self.commit(arbiter, commit);
        }
        let found = &mut self.violations;
        self.money.conservation(&arbiter.tables.ledger, found);
        self.record.follow(arbiter, found);
        for commit in &commits {
            for (_, job) in &commit.changed {
                self.work.bounded_work(arbiter, job, found);
                self.time.bounded_delay(arbiter, job, found);
                self.money.honest_never_loses(arbiter, &self.roles, job, found);
                disputes::truth_wins(&self.oracle, &self.roles, job, found);
                self.probes.winnable_stays(arbiter, (job, &self.oracle), found);
            }
        }
        self.time.overdue(arbiter, found);
    }

    fn commit(&mut self, arbiter: &Arbiter, commit: &Commit) {
        let found = &mut self.violations;
        self.money.transfers(commit, found);
        let seen = (commit, &self.money, self.oracle.as_ref());
        self.canaries.follow(arbiter, seen, found);
        self.time.resumed(commit);
        for change in &commit.changed {
            disputes::terminal_absorbs(change, found);
            disputes::no_late_move(change, self.time.now, found);
            disputes::first_divergence(&change.1, found);
            disputes::isolation(change, commit, arbiter.params_of(&change.1), found);
            below::lost_sub_roots_pay(change, commit, found);
            self.work.reveals(change, commit, found);
        }
    }

    /// A message was answered: `once_only`, and `done_by_another`.
    pub(crate) fn answered(
        &mut self,
        arbiter: &Arbiter,
        signed: &Signed,
        answer: Result<&Receipt, &str>,
    ) {
        self.record.answered(signed.id(), answer, &mut self.violations);
        if let (Err(why), Message::Dissection(said)) = (answer, &signed.message) {
            probe::done_by_another(arbiter, (signed.signer, said), why, &mut self.violations);
        }
        if let Err(why) = answer {
            let said = (signed.signer, &signed.message);
            probe_below::done_by_another(arbiter, said, why, &mut self.violations);
        }
    }

    /// After a crash: what was on disk before, and what there is now.
    pub(crate) fn recovered(&mut self, arbiter: &Arbiter, before: &Tables) {
        self.record.recovered(arbiter, before, &mut self.violations);
    }

    /// How many canaries were opened.
    pub(crate) fn canaries_opened(&self) -> u64 {
        self.canaries.opened
    }

    /// When nothing more will happen.
    pub(crate) fn end(&mut self, arbiter: &Arbiter, coalitions: &[Vec<Key>]) {
        self.record.end(arbiter, &mut self.violations);
        for coalition in coalitions {
            self.money.sham_costs(coalition, &mut self.violations);
        }
    }
}

/// Notes that `invariant` does not hold.
fn broken(found: &mut Vec<Violation>, invariant: &'static str, what: impl Into<String>) {
    found.push(Violation { invariant, what: what.into() });
}

/// The most dissection rounds of a dispute, the evidence included.
fn rounds(params: &Params, layers: u32) -> u64 {
    let depth = gainsay_commitment::TraceShape::new(layers).map_or(32, |shape| shape.depth());
    u64::from(depth).div_ceil(params.arity.levels().into()) + 1
}

/// The most rounds of a pair below a layer: down to the step, its value, down to the chunk, and the evidence.
fn rounds_below(params: &Params, deep: &DeepLayer) -> u64 {
    let levels = u64::from(params.arity.levels());
    let chunks = |bytes: &u64| ChunkShape::new(*bytes).chunks().next_power_of_two().ilog2();
    let steps = u32::try_from(deep.steps.len()).unwrap_or(u32::MAX);
    let value = deep.steps.iter().flatten().map(chunks).max();
    rounds(params, steps) + value.map_or(0, |depth| u64::from(depth).div_ceil(levels) + 1)
}
