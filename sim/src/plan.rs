//! Everything about a game that its seed decides beforehand: parameters, programs, who plays, what goes wrong when.

use std::collections::BTreeMap;

use gainsay_commitment::{Arity, content};
use gainsay_network::api::{ArtifactView, ProgramView};
use gainsay_protocol::{
    Amount, ArtifactId, Job, Keypair, LayerBudget, LedgerParams, Millis, Params, ProgramFacts, Time,
};

use crate::actors::{Asked, Care};
use crate::arbiter::{CrashPoint, Machine, Service};
use crate::fault::{Fault, Faults};
use crate::rng::Rng;
use crate::toy::{self, Value};
use crate::toy_below;

/// What every key has at the start.
pub(crate) const START: u64 = 2_000_000;
/// The most the sweeper is late.
pub(crate) const LATEST_SWEEP_MS: u64 = 3_000;
/// The most a replay or a run takes.
pub(crate) const LONGEST_WORK_MS: u64 = 1_500;
/// Executors of the operator's own that plant lies.
pub(crate) const CANARY_LIARS: usize = 2;
/// Game over.
pub(crate) const HORIZON_MS: u64 = 3_000_000;

/// A trouble of the arbiter's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// It crashes there as soon as it comes there, and is down for so long.
    Crash(CrashPoint, u64),
    /// It serves so for so long.
    Stall(Service, u64),
    /// Its machine works so for so long.
    Machine(Machine, u64),
}

/// A trouble of a player's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mishap {
    /// It is cut off for so long.
    Cut(u64),
    /// It is down for so long and has forgotten everything.
    Crash(u64),
}

/// New parameters, in force so long after the notice that they need.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) params: Params,
    pub(crate) later: Millis,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) params: Params,
    pub(crate) jobs: Vec<Asked>,
    /// What the operator announces, and when: parameters, and how long after their notice they come into force.
    pub(crate) changes: Vec<(u64, Change)>,
    pub(crate) catalogue: BTreeMap<ArtifactId, ArtifactView>,
    pub(crate) troubles: Vec<(u64, Trouble)>,
}

/// The seed of a key with a purpose.
pub(crate) fn key_seed(seed: u64, number: u64) -> [u8; 32] {
    Rng::new(seed).fork(0x6b65_7900 ^ number).bytes()
}

const ARBITER: u64 = 1 << 32;
pub(crate) const OPERATOR: u64 = 2 << 32;

pub(crate) fn arbiter_key(seed: u64) -> Keypair {
    Keypair::from_seed(&key_seed(seed, ARBITER))
}

pub(crate) fn operator_key(seed: u64) -> Keypair {
    Keypair::from_seed(&key_seed(seed, OPERATOR))
}

/// A lie that the operator plans, by the numbers of the job and of its own executor, if it is to be one of these.
#[derive(Clone, Debug)]
pub(crate) struct CanaryDraw {
    pub(crate) job: usize,
    pub(crate) executor: Option<usize>,
    pub(crate) salt: [u8; 32],
    pub(crate) bonus: Amount,
    pub(crate) from: Time,
    pub(crate) care: Care,
}

/// The canaries of a game: in about a third of them there are some.
pub(crate) fn canaries(seed: u64, jobs: usize) -> Vec<CanaryDraw> {
    let mut draw = Rng::new(seed).fork(9);
    let count = if draw.percent(33) { draw.between(1, 5) } else { 0 };
    let mut all: Vec<CanaryDraw> = Vec::new();
    for _ in 0..count {
        let care = [Care::Opens, Care::Opens, Care::Hurries, Care::Fumbles, Care::Forgets];
        let own = (draw.percent(90)).then_some(draw.below(CANARY_LIARS as u64) as usize);
        // One in some is over the cap, and refused.
        let one = CanaryDraw {
            job: draw.below(jobs as u64) as usize,
            executor: own,
            salt: draw.bytes(),
            bonus: Amount(draw.below(21_000)),
            from: Time(if draw.percent(80) { 0 } else { draw.below(60_000) }),
            care: care[draw.below(5) as usize],
        };
        // One in some is committed to twice.
        let twin = draw.percent(30).then(|| CanaryDraw { salt: [9; 32], ..one.clone() });
        all.extend([one].into_iter().chain(twin));
    }
    all
}

impl Plan {
    pub(crate) fn new(seed: u64, faults: Faults) -> Option<Self> {
        let rng = Rng::new(seed);
        let mut draw = rng.fork(1);
        let params = params(seed, &mut draw)?;
        let mut below = rng.fork(7);
        let mut jobs = Vec::new();
        let mut catalogue = BTreeMap::new();
        for nonce in 0..draw.between(1, 3) {
            let layers = [1, 2, 3, 5, 8, 13, 21, 40][draw.below(8) as usize];
            let input: Value = draw.next().to_le_bytes();
            let artifact = ArtifactId(content(format!("toy {seed} {nonce}").as_bytes()));
            catalogue.insert(artifact, view(artifact, facts(layers, &mut below)));
            let (fee, deadline) =
                (Amount(draw.between(1, 2_000)), Time(draw.between(20_000, 300_000)));
            let inputs = vec![toy::tensor(input)];
            let job = Job { artifact, program: 0, inputs, fee, deadline, nonce };
            // Some late enough for parameters that are announced meanwhile.
            let from = Time(if draw.percent(40) { draw.below(deadline.0.min(90_000)) } else { 0 });
            jobs.push(Asked { job, input, from });
        }
        let troubles = troubles(&mut rng.fork(2), faults);
        let changes = changes(&mut rng.fork(6), &params);
        Some(Self { params, jobs, changes, catalogue, troubles })
    }
}

/// Up to three announcements; one in some is refused, because it comes too soon or breaks a bound.
fn changes(draw: &mut Rng, first: &Params) -> Vec<(u64, Change)> {
    let mut all = Vec::new();
    let mut at = 0;
    for _ in 0..draw.below(4) {
        at += draw.between(1_000, 40_000);
        let mut params = first.clone();
        params.window = Millis(draw.between(30_000, 45_000));
        params.reveal = Millis(draw.between(20_000, 30_000));
        params.grace = Millis(draw.between(15_000, 20_000));
        params.budget = Millis(draw.between(75_000, 100_000));
        params.lease = Millis(draw.between(30_000, 40_000));
        params.executor_bond = Amount(draw.between(40_000, 90_000));
        params.challenger_bond = Amount(draw.between(15_000, 40_000));
        params.payout_percent = draw.between(30, 60) as u8;
        params.rewarded_commitments = draw.between(1, 12) as u32;
        params.judgement_cost = Amount(draw.between(1, 2_000));
        all.push((at, Change { params, later: Millis(draw.below(20_000)) }));
    }
    all
}

fn params(seed: u64, draw: &mut Rng) -> Option<Params> {
    let arity = [2, 4, 16][draw.below(3) as usize];
    Some(Params {
        name: "simulated".into(),
        arbiter: arbiter_key(seed).key(),
        operator: operator_key(seed).key(),
        arity: Arity::new(arity).ok()?,
        window: Millis(30_000),
        reveal: Millis(20_000),
        budget: Millis(75_000),
        grace: Millis(15_000),
        lease: Millis(30_000),
        executor_bond: Amount(50_000),
        challenger_bond: Amount(20_000),
        payout_percent: 60,
        rewarded_commitments: 8,
        judgement_cost: Amount(1_001),
        dispute_cost: Amount(7_003),
        lapse_fee: Amount(100),
        attempts: 3,
        least_fee: Amount(1),
        ledger: LedgerParams {
            challenge_cost: Amount(1_009),
            proof_cost: Amount(503),
            withdrawal_delay: Millis(draw.between(0, 40_000)),
            notice: Millis(draw.between(1, 20_000)),
            ..LedgerParams::FREE
        },
        layer_budget: LayerBudget::default(),
    })
}

/// What the registry says of a program: about every third has layers over the budget.
fn facts(layers: u32, draw: &mut Rng) -> ProgramFacts {
    let (is_deep, steps) = (draw.percent(35), draw.between(1, 8) as u32);
    let sure = draw.between(1, layers.into()) as u32;
    let deep: Vec<u32> = (1..=layers).filter(|layer| draw.percent(60) || *layer == sure).collect();
    if is_deep { toy_below::facts(layers, &deep, steps) } else { toy::facts(layers) }
}

fn view(id: ArtifactId, facts: ProgramFacts) -> ArtifactView {
    let layers = facts.layers;
    let program = ProgramView {
        name: "toy".into(),
        layers: (0..layers).map(|layer| format!("layer {layer}")).collect(),
        inputs: facts.inputs.into_iter().map(|port| ("in".into(), port)).collect(),
        outputs: facts.outputs.into_iter().map(|port| ("out".into(), port)).collect(),
        below: facts.below,
    };
    ArtifactView {
        id,
        name: "toy".into(),
        manifest: id.0,
        programs: vec![program],
        suspended: false,
    }
}

/// At most a handful, far enough apart that the honest get their moves through between them.
fn troubles(draw: &mut Rng, faults: Faults) -> Vec<(u64, Trouble)> {
    let mut all = Vec::new();
    let mut at = 0;
    for _ in 0..draw.below(5) {
        at += draw.between(20_000, 90_000);
        let length =
            if draw.percent(70) { draw.between(100, 4_000) } else { draw.between(4_000, 30_000) };
        let points = [
            CrashPoint::Idle,
            CrashPoint::BeforeTransaction,
            CrashPoint::AfterTransaction,
            CrashPoint::BeforeEffect,
        ];
        let point = points[draw.below(4) as usize];
        let service = [Service::NoHeartbeats, Service::Stalled][draw.below(2) as usize];
        let trouble = if draw.percent(60) {
            (Fault::ArbiterCrash, Trouble::Crash(point, length))
        } else {
            (Fault::ArbiterStall, Trouble::Stall(service, length))
        };
        if faults.has(trouble.0) {
            all.push((at, trouble.1));
        }
    }
    let fails = [Machine::FailsToReplay, Machine::FailsToRun][draw.below(2) as usize];
    let (from, length) = (draw.between(20_000, 200_000), draw.between(5_000, 60_000));
    if draw.percent(12) && faults.has(Fault::FailedReplay) {
        all.push((from, Trouble::Machine(fails, length)));
    }
    all
}

/// What happens to a player, far enough apart that it gets its moves through between two.
pub(crate) fn mishaps(draw: &mut Rng, faults: Faults) -> Vec<(u64, Mishap)> {
    let mut all = Vec::new();
    let mut at = draw.between(0, 60_000);
    while at < HORIZON_MS / 4 {
        let (length, crashes) = (draw.between(200, 3_000), draw.percent(40));
        let mishap = match crashes {
            true => (Fault::PlayerCrash, Mishap::Crash(length)),
            false => (Fault::Partition, Mishap::Cut(length)),
        };
        if faults.has(mishap.0) {
            all.push((at, mishap.1));
        }
        at += draw.between(20_000, 120_000);
    }
    all
}
