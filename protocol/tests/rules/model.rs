//! A model check of the real [`step`]: one job's whole life, in which anybody may act or not, time stands or runs to
//! the last moment of anything, the sweeper is late, and the arbiter is away for a while.
//!
//! Properties: `bounded_delay` (liveness: every claim is terminal by D_max), `terminal_absorbs`, `winnable_stays`,
//! `no_late_move`. `GAINSAY_TREE=full` asks for the larger bounds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gainsay_commitment::{Digest, NodeId, content, leaf_digest};
use gainsay_protocol::*;
use stateright::{Checker, Model, Property};

use crate::game::{Game, params};
use crate::players::{Player, claim_of, reveal_of, salt};
use crate::toy::{self, Trace, lie};

/// How late the sweeper is at most, in ms.
const LAG_MS: u64 = 700;

/// The participants: the first may execute, the others challenge.
struct Life {
    params: Params,
    network: NetworkId,
    truth: Trace,
    admitted: JobState,
    players: Vec<Player>,
    gaps: u8,
}

/// A job at a moment, and what was found wrong on the way.
#[derive(Clone, Debug)]
struct Moment {
    job: Arc<JobState>,
    now: Time,
    gaps: u8,
    /// When the arbiter served again after a gap since the claim.
    given: u64,
    broken: Option<&'static str>,
    name: Digest,
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Hash for Moment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    Say(usize, Box<Message>),
    Judge(Digest),
    Run,
    Tick,
    Resume,
    Wait(Time),
}

thread_local! {
    static READY: RefCell<BTreeMap<MessageId, Ready>> = const { RefCell::new(BTreeMap::new()) };
}

impl Life {
    fn new(arity: u32, claimed: Trace, countered: &[Trace], gaps: u8) -> Self {
        let params = Params { attempts: 1, ..params(arity) };
        let game = Game::new(params.clone(), claimed.layers);
        let traces = [&claimed].into_iter().chain(countered);
        let players = (0..).zip(traces).map(|(key, trace)| Player::new(key, trace.clone()));
        Self {
            network: params.network(),
            params,
            truth: game.truth.clone(),
            admitted: game.job.clone(),
            players: players.collect(),
            gaps,
        }
    }

    fn moment(&self, job: JobState, now: Time, before: &Moment) -> Moment {
        let gaps = before.gaps;
        let given = if job.claim().is_some() { before.given } else { 0 };
        let mut next = Moment { job: Arc::new(job), now, gaps, given, ..before.clone() };
        next.name();
        next
    }

    fn ready(&self, player: usize, message: Message) -> Ready {
        let by = &self.players[player];
        let id = Unsigned { network: self.network, signer: by.key(), message: &message }.id();
        READY.with_borrow_mut(|known| {
            let make = || {
                let held = message.required_blobs().into_iter().collect();
                let signed = Signed::new(by.keypair, self.network, message);
                signed.verify(self.network).unwrap().ready(&held).unwrap()
            };
            known.entry(id).or_insert_with(make).clone()
        })
    }

    /// What a player may say: everything that is due from it, early or late.
    fn says(&self, job: &JobState, number: usize) -> Vec<Message> {
        let player = &self.players[number];
        let executor = number == 0;
        let committed = job.claim().and_then(|claim| claim.challenge_of(player.key()));
        let claim = job.claim().filter(|claim| claim.outcome().is_none());
        match (&job.phase, claim) {
            (JobPhase::Open, _) if executor && !job.barred.contains(&player.key()) => {
                vec![Message::Take(Take { job: job.id, attempt: job.attempt })]
            }
            (JobPhase::Taken(_), _) if executor => {
                vec![Message::Claim(claim_of(job, &player.trace))]
            }
            (_, Some(claim)) if !executor => match (&claim.phase, committed) {
                (ClaimPhase::Window, None) => {
                    let (root, key) = (player.trace.root(), player.key());
                    let commitment =
                        challenge_commitment(self.network, root, &salt(key), key, claim.id);
                    vec![Message::Commit(Commit { claim: claim.id, commitment })]
                }
                (ClaimPhase::Window | ClaimPhase::Revealing, Some(one))
                    if one.revealed.is_none() =>
                {
                    vec![Message::Reveal(reveal_of(claim.id, &player.trace, player.key()))]
                }
                _ => player.missing_in(&self.params, job),
            },
            (_, Some(_)) => player.missing_in(&self.params, job),
            _ => Vec::new(),
        }
    }

    fn apply(&self, job: &JobState, act: &Act, now: Time) -> Result<Transition, Rejection> {
        let claim = job.claim().map(|claim| claim.id);
        match act {
            Act::Say(number, message) => {
                let ready = self.ready(*number, (**message).clone());
                match ready.message() {
                    Message::Evidence(_) => {
                        let standing = EvidenceStanding::Complete { bytes: 8 };
                        step(&self.params, job, &Event::Evidence(&ready, standing), now)
                    }
                    _ => step(&self.params, job, &Event::Message(&ready), now),
                }
            }
            Act::Judge(counter_root) => {
                let counter_root = *counter_root;
                let verdict = self.verdict(job, &counter_root);
                let event = Event::Judged { claim: claim.unwrap(), counter_root, verdict };
                step(&self.params, job, &event, now)
            }
            Act::Run => {
                let root = Some(self.truth.root());
                step(&self.params, job, &Event::Ran { claim: claim.unwrap(), root }, now)
            }
            Act::Resume => step(&self.params, job, &Event::Resumed, now),
            Act::Tick | Act::Wait(_) => step(&self.params, job, &Event::Tick, now),
        }
    }

    fn verdict(&self, job: &JobState, counter_root: &Digest) -> Verdict {
        let claim = job.claim().unwrap();
        let layer = claim.dispute(counter_root).unwrap().layer().unwrap();
        // The first difference is agreed to be after a true state, or after one that both tell alike.
        let before = claim.known(Side::Executor, counter_root);
        let told = self.players.iter().map(|player| &player.trace);
        let agreed = told.chain([&self.truth]).find(|trace| trace.root() == claim.claim.root);
        let value = toy::layer(layer, agreed.unwrap().values[layer as usize - 1]);
        let state = toy::list(self.truth.layers, layer, value).digest(layer);
        let leaf = leaf_digest(layer, self.truth.layers + 1, state);
        let theirs = claim.known(Side::Challenger, counter_root).get(NodeId::leaf(layer));
        match (before.get(NodeId::leaf(layer)) == Some(leaf), theirs == Some(leaf)) {
            (true, _) => Verdict::ChallengerFault,
            (false, true) => Verdict::ExecutorFault,
            (false, false) => Verdict::BothFault,
        }
    }

    /// D_max, with what the gaps and the sweeper's lateness add.
    fn longest(&self, gaps: u64) -> u64 {
        let Params { window, reveal, budget, grace, arity, .. } = self.params;
        let depth = u64::from(self.truth.shape().depth());
        let rounds = depth.div_ceil(arity.levels().into()) + 1;
        let disputes = 2 * budget.0 + 2 * rounds * grace.0;
        window.0 + reveal.0 + disputes + 4 * gaps * grace.0 + 4 * LAG_MS
    }

    /// The name of the invariant that a step broke.
    fn broken(&self, before: &Moment, after: &Moment, act: &Act) -> Option<&'static str> {
        if before.job.is_terminal() && before.job != after.job {
            return Some("terminal_absorbs");
        }
        let ended = |job: &JobState| job.claims.iter().map(|c| c.outcome()).collect::<Vec<_>>();
        let (was, is) = (ended(&before.job), ended(&after.job));
        if was.iter().zip(&is).any(|(was, is)| was.is_some() && was != is) {
            return Some("terminal_absorbs");
        }
        if let Some(claim) = after.job.claim().filter(|claim| claim.outcome().is_none())
            && after.now.since(claim.admitted).0 > self.longest(after.given)
        {
            return Some("bounded_delay");
        }
        self.late(before, after, act).or_else(|| self.winnable(after))
    }

    fn late(&self, before: &Moment, after: &Moment, act: &Act) -> Option<&'static str> {
        let disputes = before.job.claims.iter().zip(&after.job.claims);
        let mut pairs = disputes.flat_map(|(was, is)| was.disputes.iter().zip(&is.disputes));
        let wrong = pairs.any(|(was, is)| {
            let late = !matches!(was.standing(after.now), Standing::InTime(_));
            let timed_out = is.outcome().filter(|_| was.outcome().is_none()).is_some_and(|how| {
                use Outcome::{BothTimeout, ChallengerTimeout, ExecutorTimeout};
                matches!(how, ExecutorTimeout | ChallengerTimeout | BothTimeout)
            });
            was != is && late != timed_out
        });
        (wrong && !matches!(act, Act::Wait(_))).then_some("no_late_move")
    }

    /// What is due and in time can be done at the last moment with the same result.
    fn winnable(&self, at: &Moment) -> Option<&'static str> {
        let claim = at.job.claim().filter(|claim| claim.phase == ClaimPhase::Disputed)?;
        for (number, player) in self.players.iter().enumerate() {
            for message in player.missing_in(&self.params, &at.job) {
                let act = Act::Say(number, Box::new(message.clone()));
                let mine = claim.disputes.iter().filter(|dispute| {
                    number == 0 || claim.is_member(player.key(), &dispute.counter_root)
                });
                let due = mine.filter(|dispute| match &message {
                    Message::Dissection(said) => {
                        dispute.phase == DisputePhase::Dissecting { node: said.node }
                    }
                    Message::Evidence(said) => dispute.counter_root == said.counter_root,
                    _ => false,
                });
                for dispute in due {
                    let own =
                        if number == 0 { dispute.executor_clock } else { dispute.challenger_clock };
                    let end = match dispute.phase {
                        DisputePhase::Dissecting { .. } => dispute.next_deadline(),
                        _ => own.ends(),
                    };
                    let Some(end) = end.filter(|end| *end > at.now) else { continue };
                    let phase = |now: Time| {
                        let job = self.apply(&at.job, &act, now).ok()?.state;
                        let claim = job.claim()?.clone();
                        claim.dispute(&dispute.counter_root).map(|dispute| dispute.phase.clone())
                    };
                    let (at_once, at_last) = (phase(at.now), phase(Time(end.0 - 1)));
                    if at_once.is_none() || at_once != at_last {
                        return Some("winnable_stays");
                    }
                }
            }
        }
        None
    }
}

impl Moment {
    fn name(&mut self) {
        let parts = (&*self.job, self.now, self.gaps, self.given, self.broken.unwrap_or_default());
        self.name = content(&borsh::to_vec(&parts).unwrap());
    }
}

impl Model for Life {
    type State = Moment;
    type Action = Act;

    fn init_states(&self) -> Vec<Moment> {
        let (job, gaps) = (Arc::new(self.admitted.clone()), self.gaps);
        let (now, given, name) = (Time(0), 0, Digest::default());
        let mut start = Moment { job, now, gaps, given, broken: None, name };
        start.name();
        vec![start]
    }

    fn actions(&self, at: &Moment, acts: &mut Vec<Act>) {
        if at.job.is_terminal() || at.broken.is_some() {
            return;
        }
        for number in 0..self.players.len() {
            let said = self.says(&at.job, number).into_iter();
            acts.extend(said.map(|message| Act::Say(number, Box::new(message))));
        }
        if let Some(claim) = at.job.claim() {
            acts.extend(claim.disputes.iter().filter_map(|dispute| {
                let judging = matches!(dispute.phase, DisputePhase::Judging { .. });
                judging.then_some(Act::Judge(dispute.counter_root))
            }));
            acts.extend((claim.phase == ClaimPhase::Running).then_some(Act::Run));
        }
        if at.gaps > 0 && at.job.claim().is_some() {
            acts.push(Act::Resume);
        }
        let Some(deadline) = next_deadline(&at.job) else { return };
        if at.now >= deadline {
            acts.push(Act::Tick);
            return;
        }
        if at.now.0 + 1 == deadline.0 {
            // A sweeper that comes too early must change nothing.
            acts.push(Act::Tick);
        }
        let stops = [deadline.0 - 1, deadline.0, deadline.0 + LAG_MS];
        acts.extend(stops.map(Time).into_iter().filter(|stop| *stop > at.now).map(Act::Wait));
    }

    fn next_state(&self, at: &Moment, act: Act) -> Option<Moment> {
        let mut next = match &act {
            Act::Wait(until) => self.moment((*at.job).clone(), *until, at),
            _ => match self.apply(&at.job, &act, at.now) {
                Ok(done) => self.moment(done.state, at.now, at),
                Err(_) => return None,
            },
        };
        if act == Act::Resume {
            (next.gaps, next.given) = (at.gaps - 1, at.given + 1);
        }
        next.broken = self.broken(at, &next, &act);
        if next.job.is_terminal() {
            let later = Time(next.now.0 + 1_000_000);
            for act in [Act::Tick, Act::Resume] {
                let same = self
                    .apply(&next.job, &act, later)
                    .is_ok_and(|done| done.state == *next.job && done.effects.is_empty());
                next.broken = next.broken.or((!same).then_some("terminal_absorbs"));
            }
        }
        next.name();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let job_ends = |_: &Self, at: &Moment| at.job.is_terminal();
        vec![
            Property::always("bounded_delay", |_, at: &Moment| at.broken != Some("bounded_delay")),
            Property::always("terminal_absorbs", |_, at: &Moment| {
                at.broken != Some("terminal_absorbs")
            }),
            Property::always("winnable_stays", |_, at: &Moment| {
                at.broken != Some("winnable_stays")
            }),
            Property::always("no_late_move", |_, at: &Moment| at.broken != Some("no_late_move")),
            Property::eventually("every job ends", job_ends),
            Property::sometimes("a claim becomes final", |_, at: &Moment| {
                at.job.phase == JobPhase::Final
            }),
            Property::sometimes("both run out of time", |_, at: &Moment| {
                let disputes = at.job.claims.iter().flat_map(|claim| &claim.disputes);
                disputes.into_iter().any(|one| one.outcome() == Some(Outcome::BothTimeout))
            }),
            Property::sometimes("a layer is judged", |_, at: &Moment| {
                let disputes = at.job.claims.iter().flat_map(|claim| &claim.disputes);
                disputes.into_iter().any(|one| matches!(one.outcome(), Some(Outcome::Judged(_))))
            }),
        ]
    }
}

fn check(life: Life, name: &str) {
    let checker = life.checker().threads(2).spawn_bfs().join();
    println!("{name}: {} states, {} deep", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

#[test]
fn every_life_of_a_job_with_one_challenger_keeps_its_clocks() {
    for (arity, layers, wrong) in [(2, 3, 0b010), (4, 7, 0b0001000)] {
        let (truth, liar) = (Trace::honest(layers, *b"the data"), lie(layers, wrong, 1));
        let one = Life::new(arity, truth.clone(), std::slice::from_ref(&liar), 1);
        check(one, &format!("correct claim, arity {arity}, {layers} layers"));
        let other = Life::new(arity, liar, &[truth], 1);
        check(other, &format!("wrong claim, arity {arity}, {layers} layers"));
    }
}

#[test]
fn every_life_of_a_job_with_two_challengers_keeps_its_clocks() {
    if std::env::var("GAINSAY_TREE").is_ok_and(|size| size == "full") {
        let truth = Trace::honest(5, *b"the data");
        let (liar, other) = (lie(5, 0b00100, 1), lie(5, 0b01000, 2));
        check(Life::new(2, truth.clone(), &[liar.clone(), other.clone()], 1), "two liars");
        check(Life::new(2, liar, &[truth, other], 1), "an honest challenger beside a liar");
    } else {
        let truth = Trace::honest(1, *b"the data");
        let (liar, other) = (lie(1, 1, 1), lie(1, 1, 2));
        check(Life::new(2, truth.clone(), &[liar.clone(), other.clone()], 0), "two liars");
        check(Life::new(2, liar, &[truth, other], 0), "an honest challenger beside a liar");
    }
}
