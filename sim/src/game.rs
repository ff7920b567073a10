//! One game: a queue of events in virtual time, from the first deposit until every job has ended.
//!
//! Nothing here depends on anything but the [`Setting`]: one queue in one order, seeded streams, no clock. The digest
//! is over every event and the whole log.

mod events;

use std::collections::BTreeMap;
use std::rc::Rc;

use gainsay_commitment::Digest;
use gainsay_network::api::ArtifactView;
use gainsay_protocol::{Key, Keypair, Message, Mint, Signed};

use crate::actors::{Behaviour, Cast, Me, cast, cast_below, cast_canaries};
use crate::arbiter::{Arbiter, RealTime, Tables};
use crate::breakage::Breakage;
use crate::check::{Bounds, Checker, Role, Violation};
use crate::fault::{Fault, Faults};
use crate::network::Wires;
use crate::plan::{self, LATEST_SWEEP_MS, LONGEST_WORK_MS, Plan, START};
use crate::rng::Rng;
use crate::source::Oracle;

use events::{Happening, Queue};

/// What a game is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Decides everything else.
    pub seed: u64,
    /// What may go wrong.
    pub faults: Faults,
    /// Gangs that stay at home: bit i for gang i.
    pub without_gangs: u64,
    /// A rule broken on purpose.
    pub breakage: Option<Breakage>,
}

impl Setting {
    /// The game with that seed, with everything that can go wrong.
    pub fn of(seed: u64) -> Self {
        Self { seed, faults: Faults::all(), without_gangs: 0, breakage: None }
    }
}

/// A game that was played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// What it was made of.
    pub setting: Setting,
    /// Over its whole history: the same for the same setting.
    pub digest: Digest,
    /// Invariants that did not hold; the game ends with the first event that breaks one.
    pub violations: Vec<Violation>,
    /// What happened last, or all of it if asked for.
    pub lines: Vec<String>,
    /// What there was of everything.
    pub tally: Tally,
}

/// What happened how often in a game.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events.
    pub events: u64,
    /// Log entries.
    pub entries: u64,
    /// Participants.
    pub players: u64,
    /// Claims.
    pub claims: u64,
    /// Claims that became final.
    pub finals: u64,
    /// Claims that were rejected.
    pub rejected: u64,
    /// Claims that were cancelled.
    pub cancelled: u64,
    /// Disputes.
    pub disputes: u64,
    /// Disputes that went on below a layer.
    pub below: u64,
    /// Pairs of sub-roots in them.
    pub pairs: u64,
    /// Judgements of steps below a layer, whole or by a chunk.
    pub steps: u64,
    /// Judgements of one chunk of what a step gives.
    pub chunks: u64,
    /// Canaries that were opened.
    pub canaries: u64,
    /// Crashes of the arbiter.
    pub crashes: u64,
    /// Serving time at the end, in ms.
    pub serving_ms: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            entries: self.entries + other.entries,
            players: self.players + other.players,
            claims: self.claims + other.claims,
            finals: self.finals + other.finals,
            rejected: self.rejected + other.rejected,
            cancelled: self.cancelled + other.cancelled,
            disputes: self.disputes + other.disputes,
            below: self.below + other.below,
            pairs: self.pairs + other.pairs,
            steps: self.steps + other.steps,
            chunks: self.chunks + other.chunks,
            canaries: self.canaries + other.canaries,
            crashes: self.crashes + other.crashes,
            serving_ms: self.serving_ms + other.serving_ms,
        }
    }
}

/// How much of a game is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// The last events.
    Last,
    /// All of it.
    All,
}

/// Plays a game.
pub fn play(setting: Setting, lines: Lines) -> Played {
    Game::new(setting, lines).map_or_else(|| nothing(setting), Game::run)
}

/// The number of somebody's key.
fn seat(number: usize, cast: &Cast) -> u64 {
    if cast.role == Role::Operator { plan::OPERATOR } else { number as u64 }
}

/// Whether some layer of it is over the budget.
fn is_deep(artifact: &ArtifactView) -> bool {
    artifact.programs.iter().any(|program| !program.below.is_empty())
}

/// Where a plan is impossible, which no seed's is.
fn nothing(setting: Setting) -> Played {
    let what = "the seed's parameters are impossible".to_owned();
    let violations = vec![Violation { invariant: "conservation", what }];
    let (digest, tally) = (Digest::default(), Tally::default());
    Played { setting, digest, violations, lines: Vec::new(), tally }
}

#[derive(Debug)]
struct Player {
    name: &'static str,
    me: Me,
    behaviour: Box<dyn Behaviour>,
    down_until: u64,
    signed: BTreeMap<gainsay_protocol::MessageId, Rc<Signed>>,
}

struct Game {
    setting: Setting,
    now_ms: u64,
    source: RealTime,
    queue: Queue,
    rng: Rng,
    wires: Wires,
    arbiter: Arbiter,
    players: Vec<Player>,
    coalitions: Vec<Vec<Key>>,
    checker: Checker,
    /// The tables on disk when it crashed, while it is down.
    crashed: Option<(u64, Tables)>,
    history: blake3::Hasher,
    lines: Vec<String>,
    keep: Lines,
    tally: Tally,
    over_at: Option<u64>,
    down_for: u64,
    expected_jobs: usize,
}

impl Game {
    fn new(setting: Setting, keep: Lines) -> Option<Self> {
        let Setting { seed, faults, without_gangs, breakage } = setting;
        let plan = Plan::new(seed, faults)?;
        let rng = Rng::new(seed);
        let oracle = Rc::new(Oracle::new(plan.jobs.iter().map(|asked| asked.input)));
        let source = RealTime::default();
        let keypair = plan::arbiter_key(seed);
        let params = Rc::new(plan.params.clone());
        let arbiter = Arbiter::new(
            (plan.params.clone(), keypair),
            plan.catalogue.clone(),
            Rc::clone(&oracle),
            source.clone(),
            breakage,
        );
        let expected_jobs = plan.jobs.len();
        let asked = plan.jobs.clone();
        let mut cast = cast(&mut rng.fork(3), plan.jobs);
        if plan.catalogue.values().any(is_deep) {
            let gangs = cast.iter().filter_map(|cast| cast.gang).max().map_or(0, |last| last + 1);
            cast.extend(cast_below(&mut rng.fork(8), gangs));
        }
        let gangs = cast.iter().filter_map(|cast| cast.gang).max().map_or(0, |last| last + 1);
        let from = (cast.len(), gangs);
        cast.extend(cast_canaries(seed, plan.params.network(), &asked, from));
        let home = |cast: &Cast| cast.gang.is_some_and(|gang| without_gangs >> gang & 1 == 1);
        let cast: Vec<(usize, Cast)> =
            cast.into_iter().enumerate().filter(|(_, cast)| !home(cast)).collect();
        let seeds: Vec<[u8; 32]> =
            cast.iter().map(|(number, cast)| plan::key_seed(seed, seat(*number, cast))).collect();
        let keys: Vec<Key> = seeds.iter().map(|seed| Keypair::from_seed(seed).key()).collect();
        let roles: BTreeMap<Key, Role> =
            keys.iter().zip(&cast).map(|(key, (_, cast))| (*key, cast.role)).collect();
        let mut gangs: BTreeMap<usize, Vec<Key>> = BTreeMap::new();
        for (key, (_, cast)) in keys.iter().zip(&cast) {
            if let Some(gang) = cast.gang {
                gangs.entry(gang).or_default().push(*key);
            }
        }
        let sweep_ms = if faults.has(Fault::LateSweeper) { LATEST_SWEEP_MS } else { 0 };
        let bounds = Bounds { sweep_ms, work_ms: LONGEST_WORK_MS };
        let checker = Checker::new(roles, Rc::clone(&oracle), bounds, &seeds);
        let players: Vec<Player> = cast
            .into_iter()
            .zip(&seeds)
            .map(|((number, cast), key)| {
                let mut own = rng.fork(1_000 + number as u64);
                let secret = cast.gang.map_or(number as u64, |gang| seed ^ (gang as u64) << 40);
                let skew_ms = own.between(0, 8_000) as i64 - 4_000;
                let skew_ms = if faults.has(Fault::ClockSkew) { skew_ms } else { 0 };
                let shared = (Rc::clone(&params), Rc::clone(&oracle));
                let me = Me::new(Keypair::from_seed(key), shared, (own, secret), skew_ms);
                let (name, behaviour) = (cast.name, cast.behaviour);
                Player { name, me, behaviour, down_until: 0, signed: BTreeMap::new() }
            })
            .collect();
        let wires = Wires::new(rng.fork(4), faults, players.len());
        let queue = Queue::default();
        let mut game = Self {
            setting,
            now_ms: 0,
            source,
            queue,
            rng: rng.fork(5),
            wires,
            arbiter,
            players,
            coalitions: gangs.into_values().collect(),
            checker,
            crashed: None,
            history: blake3::Hasher::new(),
            lines: Vec::new(),
            keep,
            tally: Tally::default(),
            over_at: None,
            down_for: 1_000,
            expected_jobs,
        };
        game.begin(plan.troubles, plan.changes);
        Some(game)
    }

    /// Deposits, and what is planned.
    fn begin(&mut self, troubles: Vec<(u64, plan::Trouble)>, changes: Vec<(u64, plan::Change)>) {
        let operator = plan::operator_key(self.setting.seed);
        for player in &self.players {
            let (to, amount) = (player.me.key(), gainsay_protocol::Amount(START));
            let mint = Message::Mint(Mint { to, amount, nonce: 0 });
            let signed = Signed::new(&operator, self.arbiter.network, mint);
            let _ = self.arbiter.submit(&signed, &[]);
        }
        self.checker.after_event(&mut self.arbiter, 0);
        for (at, trouble) in troubles {
            self.queue.push(at, Happening::Trouble(trouble));
        }
        for (at, change) in changes {
            self.queue.push(at, Happening::Announce(Box::new(change)));
        }
        let faults = self.setting.faults;
        for number in 0..self.players.len() {
            let wakes = self.rng.below(1_000);
            self.queue.push(wakes, Happening::Wake(number));
            for (at, mishap) in plan::mishaps(&mut self.rng.fork(number as u64), faults) {
                self.queue.push(at, Happening::Mishap(number, mishap));
            }
        }
        self.queue.push(0, Happening::Beat);
        self.queue.push(10, Happening::Sweep);
    }

    fn run(mut self) -> Played {
        while let Some((at, happening)) = self.queue.pop() {
            self.now_ms = at;
            self.source.set(at);
            self.tally.events += 1;
            self.happen(happening);
            self.checker.after_event(&mut self.arbiter, at);
            if !self.checker.violations.is_empty() || self.is_over() {
                break;
            }
        }
        self.finish()
    }

    /// Everything has ended and a while has passed in which nothing more may happen.
    fn is_over(&mut self) -> bool {
        let jobs = &self.arbiter.tables.jobs;
        let late = self.now_ms > 320_000;
        let ended = jobs.values().all(|job| job.is_terminal());
        if ended && (late || jobs.len() == self.expected_jobs) && self.crashed.is_none() {
            let at = *self.over_at.get_or_insert(self.now_ms + 4_000);
            return self.now_ms > at;
        }
        self.over_at = None;
        if self.now_ms > plan::HORIZON_MS {
            let what = "the game does not end".to_owned();
            self.checker.violations.push(Violation { invariant: "bounded_delay", what });
        }
        false
    }

    fn finish(mut self) -> Played {
        if self.checker.violations.is_empty() {
            self.checker.end(&self.arbiter, &self.coalitions);
        }
        for entry in &self.arbiter.log {
            self.history.update(entry);
        }
        let digest = Digest(*self.history.finalize().as_bytes());
        let violations = std::mem::take(&mut self.checker.violations);
        let claims = self.arbiter.tables.jobs.values().flat_map(|job| &job.claims);
        let mut tally = self.tally;
        for claim in claims {
            use gainsay_protocol::ClaimOutcome::{Cancelled, Final, Rejected};
            tally.claims += 1;
            tally.disputes += claim.disputes.len() as u64;
            let below = claim.disputes.iter().filter_map(|dispute| dispute.below.as_ref());
            tally.below += below.clone().count() as u64;
            tally.pairs += below.map(|below| below.pairs.len() as u64).sum::<u64>();
            tally.finals += u64::from(claim.outcome() == Some(Final));
            tally.rejected += u64::from(claim.outcome() == Some(Rejected));
            tally.cancelled += u64::from(claim.outcome() == Some(Cancelled));
        }
        tally.canaries = self.checker.canaries_opened();
        (tally.steps, tally.chunks) = self.arbiter.judged_below();
        tally.entries = self.arbiter.log.len() as u64;
        tally.players = self.players.len() as u64;
        tally.serving_ms = self.arbiter.now().0;
        Played { setting: self.setting, digest, violations, lines: self.lines, tally }
    }
}
