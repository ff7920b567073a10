//! Who plays in a game, drawn from its seed. Gangs share a secret, so that their lies fit together.

use std::collections::BTreeMap;

use gainsay_protocol::{JobId, Keypair, Message, NetworkId, Unsigned};

use super::Behaviour;
use super::absconder::Absconder;
use super::copycat::Copycat;
use super::evidence_spoiler::EvidenceSpoiler;
use super::executor::Executor;
use super::false_alarm::FalseAlarm;
use super::forger::Forger;
use super::free_committer::FreeCommitter;
use super::lapser::Lapser;
use super::last_second::LastSecond;
use super::last_second_below::LastSecondBelow;
use super::malformed::{Malformed, MalformedToo};
use super::malformed_below::{MalformedBelow, MalformedBelowToo};
use super::noise::Noise;
use super::padding::PaddingTrap;
use super::planter::{CanaryLiar, Planned, Planter};
use super::replayer::Replayer;
use super::requester::{Asked, Requester};
use super::saver::Saver;
use super::sham::Sham;
use super::silent_below::{SilentBelow, TrueRootSilentBelow};
use super::spoiler::Spoiler;
use super::staller::Staller;
use super::step_liar::{FalseSubRoot, StepLiar};
use super::step_spoiler::{StepFumbler, StepSpoiler};
use super::sub_root_forger::{SubRootForger, TrueRootForger};
use super::sub_root_spoiler::SubRootSpoiler;
use super::true_root_staller::TrueRootStaller;
use super::two_lies::{SecondLieDenied, TwoLies};
use super::watcher::Watcher;
use super::wrong_layer::WrongLayer;
use super::wrong_output::WrongOutput;
use crate::check::Role;
use crate::plan;
use crate::rng::Rng;
use crate::toy::Lies;

/// Somebody who plays.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Which gang it belongs to; the honest to none.
    pub(crate) gang: Option<usize>,
    pub(crate) behaviour: Box<dyn Behaviour>,
}

fn honest(name: &'static str, role: Role, behaviour: impl Behaviour + 'static) -> Cast {
    Cast { name, role, gang: None, behaviour: Box::new(behaviour) }
}

type Member = (&'static str, Box<dyn Behaviour>);

fn member(name: &'static str, behaviour: impl Behaviour + 'static) -> Member {
    (name, Box::new(behaviour))
}

/// How many kinds of gangs there are.
const KINDS: u64 = 21;

/// A gang of the kind with that number.
fn gang(kind: u64, rng: &mut Rng) -> Vec<Member> {
    let patience = rng.below(6) as u32;
    match kind {
        0 => vec![member("wrong layer", WrongLayer)],
        1 => vec![member("wrong output", WrongOutput)],
        2 => vec![member("two lies", TwoLies), member("second lie denied", SecondLieDenied)],
        3 => vec![member("staller", Staller)],
        4 => vec![member("wrong layer", WrongLayer), member("sham", Sham { patience })],
        5 => vec![member("wrong layer", WrongLayer), member("true-root staller", TrueRootStaller)],
        6 => vec![member("forger", Forger)],
        7 => vec![member("free committer", FreeCommitter)],
        8 => vec![member("copycat", Copycat)],
        9 => vec![member("replayer", Replayer)],
        10 => vec![member("last second", LastSecond)],
        11 => vec![member("malformed", Malformed), member("malformed too", MalformedToo)],
        12 => vec![member("padding trap", PaddingTrap)],
        13 => vec![member("spoiler", Spoiler)],
        14 => vec![member("evidence spoiler", EvidenceSpoiler)],
        15 => vec![member("noise", Noise)],
        16 => vec![member("lapser", Lapser)],
        17 => {
            let size = if rng.percent(15) { rng.between(16, 32) } else { rng.between(1, 6) };
            (0..size).map(|number| member("false alarm", FalseAlarm { number })).collect()
        }
        18 => vec![
            member("staller", Staller),
            member("true-root staller", TrueRootStaller),
            member("sham", Sham { patience }),
        ],
        19 => vec![
            member("last second", LastSecond),
            member("last second", LastSecond),
            member("true-root staller", TrueRootStaller),
        ],
        _ => vec![member("absconder", Absconder)],
    }
}

/// How many kinds of gangs there are that lie below layers.
const KINDS_BELOW: u64 = 12;

/// A gang that lies below layers, of the kind with that number.
fn gang_below(kind: u64, rng: &mut Rng) -> Vec<Member> {
    let patience = rng.below(8) as u32;
    let spoilers =
        |count: u64| (0..count).map(|number| member("sub-root spoiler", SubRootSpoiler { number }));
    let lies = Lies::Inconsistent;
    let liar = || member("step liar", StepLiar { lies });
    match kind {
        0 => vec![member("consistent step liar", StepLiar { lies: Lies::Consistent })],
        1 => vec![liar()],
        2 => vec![member("sub-root forger", SubRootForger)],
        3 => vec![liar()].into_iter().chain(spoilers(1)).collect(),
        4 => vec![liar()].into_iter().chain(spoilers(rng.between(2, 4))).collect(),
        5 => vec![member("silent below", SilentBelow { patience })],
        6 => vec![liar(), member("true-root silent below", TrueRootSilentBelow { patience })],
        7 => vec![
            member("last second below", LastSecondBelow),
            member("last second below", LastSecondBelow),
        ],
        8 => vec![member("step fumbler", StepFumbler), member("step spoiler", StepSpoiler)],
        9 => {
            let size = if rng.percent(15) { rng.between(8, 16) } else { rng.between(1, 4) };
            (0..size).map(|number| member("false sub-root", FalseSubRoot { number })).collect()
        }
        10 => vec![
            member("malformed below", MalformedBelow),
            member("malformed below too", MalformedBelowToo),
        ],
        _ => vec![liar(), member("true-root forger", TrueRootForger)],
    }
}

/// Who plays where some layers are over the budget, beside all others; `from` is the number of their first gang.
pub(crate) fn cast_below(rng: &mut Rng, from: usize) -> Vec<Cast> {
    let mut all = Vec::new();
    for number in 0..rng.between(1, 2) {
        let kind = rng.below(KINDS_BELOW);
        for (name, behaviour) in gang_below(kind, rng) {
            let gang = Some(from + number as usize);
            all.push(Cast { name, role: Role::Dishonest, gang, behaviour });
        }
    }
    all
}

/// The operator and its executors, if it plants lies; `from` is the number of the first of them and of their gang.
pub(crate) fn cast_canaries(
    seed: u64,
    network: NetworkId,
    asked: &[Asked],
    (from, gang): (usize, usize),
) -> Vec<Cast> {
    let draws = plan::canaries(seed, asked.len());
    let key = |number: u64| Keypair::from_seed(&plan::key_seed(seed, number)).key();
    let job = |at: usize| {
        let message = Message::Job(asked.get(at)?.job.clone());
        // The requester is the first of all.
        Some(JobId(Unsigned { network, signer: key(0), message: &message }.id()))
    };
    let planned: Vec<Planned> = draws
        .iter()
        .filter_map(|draw| {
            let executor = draw.executor.map_or(1, |own| (from + own) as u64);
            let until = asked.get(draw.job)?.job.deadline;
            let (salt, bonus, care) = (draw.salt, draw.bonus, draw.care);
            let (job, executor) = (job(draw.job)?, key(executor));
            Some(Planned { job, executor, salt, bonus, from: draw.from, until, care })
        })
        .collect();
    if planned.is_empty() {
        return Vec::new();
    }
    let liar = |own: usize| {
        let executor = key((from + own) as u64);
        let mine = planned.iter().filter(|planned| planned.executor == executor);
        let behaviour = Box::new(CanaryLiar { jobs: mine.map(|planned| planned.job).collect() });
        Cast { name: "canary liar", role: Role::Dishonest, gang: Some(gang), behaviour }
    };
    let mut all: Vec<Cast> = (0..plan::CANARY_LIARS).map(liar).collect();
    all.push(honest("operator", Role::Operator, Planter { planned }));
    all
}

/// Who plays.
pub(crate) fn cast(rng: &mut Rng, jobs: Vec<Asked>) -> Vec<Cast> {
    let mut all = vec![honest("requester", Role::HonestRequester, Requester { jobs })];
    for _ in 0..rng.between(1, 2) {
        let eagerness = [4, 30, 90][rng.below(3) as usize];
        let executor = Executor { signed: BTreeMap::new(), eagerness };
        all.push(honest("executor", Role::HonestExecutor, executor));
    }
    let watchers = if rng.percent(92) { rng.between(1, 3) } else { 0 };
    for _ in 0..watchers {
        all.push(honest("challenger", Role::HonestChallenger, Watcher));
    }
    if rng.percent(50) {
        all.push(honest("saver", Role::HonestRequester, Saver { asked: 0 }));
    }
    for number in 0..rng.between(1, 5) {
        let kind = rng.below(KINDS);
        for (name, behaviour) in gang(kind, rng) {
            let gang = Some(number as usize);
            all.push(Cast { name, role: Role::Dishonest, gang, behaviour });
        }
    }
    all
}
