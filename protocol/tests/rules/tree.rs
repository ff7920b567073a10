//! `truth_wins` and `honest_never_loses` over the whole game tree, with every position visited once.
//!
//! At each position anybody may move: the lying side makes a due move or leaves it, the honest side makes its due
//! moves at any moment before its clock ends, the arbiter replays sooner or later, time stands or runs to the last
//! moment of a clock or past it. A lie is any set of wrong states; a node with nothing behind it is one that is
//! never revealed. `GAINSAY_TREE=full` asks for every size; CI does the smaller ones.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use gainsay_commitment::{Digest, NodeId, content, leaf_digest};
use gainsay_protocol::*;

use crate::game::{Game, keypair, params, transfers};
use crate::players::{Player, challenge, claim};
use crate::toy::{self, Lies, Trace, Value, lie};

const EXECUTOR: u8 = 0;
const CHALLENGER: u8 = 1;
const THIRD: u8 = 2;

/// Who is honest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Honest {
    Executor,
    Challenger,
}

/// One game tree: the players with the traces that they tell.
struct Tree {
    params: Params,
    network: NetworkId,
    truth: Trace,
    players: Vec<Player>,
    honest: Honest,
    values: BTreeMap<Digest, Value>,
    seen: BTreeSet<Digest>,
    ends: u64,
}

thread_local! {
    static READY: RefCell<BTreeMap<MessageId, Ready>> = const { RefCell::new(BTreeMap::new()) };
}

/// A position: the job and the time.
#[derive(Clone)]
struct Position {
    job: JobState,
    now: Time,
}

impl Tree {
    /// Claims, commits and reveals; then the tree is walked from the first dispute on. How many positions and ends.
    fn walk(arity: u32, honest: Honest, claimed: &Trace, countered: &[Trace]) -> (u64, u64) {
        let mut game = Game::new(params(arity), claimed.layers);
        let executor = Player::new(EXECUTOR, claimed.clone());
        let challengers: Vec<Player> = (CHALLENGER..)
            .zip(countered)
            .map(|(key, trace)| Player::new(key, trace.clone()))
            .collect();
        claim(&mut game, &executor);
        challenge(&mut game, &challengers.iter().collect::<Vec<_>>());
        let traces = [claimed].into_iter().chain(countered).chain([&game.truth]);
        let values = traces.flat_map(|trace| &trace.values).map(|value| (content(value), *value));
        let values = values.collect();
        let mut tree = Self {
            params: game.params.clone(),
            network: game.network,
            truth: game.truth.clone(),
            players: [executor].into_iter().chain(challengers).collect(),
            honest,
            values,
            seen: BTreeSet::new(),
            ends: 0,
        };
        tree.visit(Position { job: game.job.clone(), now: game.now });
        assert!(tree.ends > 0, "the game never ends");
        (tree.seen.len() as u64, tree.ends)
    }

    fn visit(&mut self, start: Position) {
        let mut open = vec![start];
        while let Some(position) = open.pop() {
            let name = content(&borsh::to_vec(&(&position.job, position.now)).unwrap());
            if !self.seen.insert(name) {
                continue;
            }
            let next = self.next(&position);
            assert!(!next.is_empty(), "stuck: {:?}", position.job.claim().unwrap().phase);
            for (position, effects) in next {
                match position.job.claim().unwrap().outcome() {
                    Some(outcome) => self.end(&position, outcome, &effects),
                    None => open.push(position),
                }
            }
        }
    }

    /// What every end must be.
    fn end(&mut self, position: &Position, outcome: ClaimOutcome, effects: &[Effect]) {
        self.ends += 1;
        let claim = position.job.claim().unwrap();
        let net = |key: u8| -> i128 {
            let account = Account::Free(keypair(key).key());
            let moved = transfers(effects);
            let sum = moved.iter().map(|transfer| {
                let amount = i128::from(transfer.amount.0);
                amount * i128::from(transfer.credit == account)
                    - amount * i128::from(transfer.debit == account)
            });
            sum.sum()
        };
        match self.honest {
            Honest::Executor => {
                assert_eq!(outcome, ClaimOutcome::Final, "{claim:#?}");
                assert!(net(EXECUTOR) >= i128::from(self.params.executor_bond.0));
            }
            Honest::Challenger => {
                assert_eq!(outcome, ClaimOutcome::Rejected, "{claim:#?}");
                assert!(net(CHALLENGER) > i128::from(self.params.challenger_bond.0), "a reward");
                assert_eq!(net(EXECUTOR), 0);
            }
        }
    }

    fn is_honest(&self, player: usize) -> bool {
        match self.honest {
            Honest::Executor => player == usize::from(EXECUTOR),
            Honest::Challenger => player == usize::from(CHALLENGER),
        }
    }

    /// Every position that somebody, the arbiter or time can lead to.
    fn next(&self, position: &Position) -> Vec<(Position, Vec<Effect>)> {
        let mut next = Vec::new();
        let mut push = |event: &Event<'_>, now: Time| {
            let done = step(&self.params, &position.job, event, now).unwrap();
            let moved = done.state != position.job;
            next.push((Position { job: done.state, now }, done.effects));
            assert!(moved, "an event that is due changes something: {event:?}");
        };
        let claim = position.job.claim().unwrap();
        for dispute in &claim.disputes {
            if let DisputePhase::Judging { layer, tensors, .. } = &dispute.phase {
                let verdict = self.verdict(claim, dispute.counter_root, *layer, &tensors[0].1);
                let (claim, counter_root) = (claim.id, dispute.counter_root);
                push(&Event::Judged { claim, counter_root, verdict }, position.now);
            }
        }
        if claim.phase == ClaimPhase::Running {
            push(&Event::Ran { claim: claim.id, root: Some(self.truth.root()) }, position.now);
        }
        let mut owed = false;
        for (number, player) in self.players.iter().enumerate() {
            for message in player.missing_in(&self.params, &position.job) {
                owed |= self.is_honest(number);
                self.wrong_reveal_changes_nothing(position, player, &message);
                let ready = self.ready(player, message);
                match ready.message() {
                    Message::Evidence(_) => {
                        let standing = EvidenceStanding::Complete { bytes: 8 };
                        // Only the giver's own clock counts; a liar's may have ended.
                        let event = Event::Evidence(&ready, standing);
                        if step(&self.params, &position.job, &event, position.now).is_ok() {
                            push(&event, position.now);
                        } else {
                            assert!(!self.is_honest(number), "an honest player was late");
                        }
                    }
                    _ => push(&Event::Message(&ready), position.now),
                }
            }
        }
        let Some(deadline) = next_deadline(&position.job) else { return next };
        let clocks =
            claim.disputes.iter().flat_map(|one| [one.executor_clock, one.challenger_clock]);
        let ends = clocks.filter_map(|clock| clock.ends()).filter(|end| *end > position.now);
        let end = ends.chain([deadline]).min().unwrap_or(deadline);
        let just_before = Time(end.0 - 1);
        let waits = |now| (Position { job: position.job.clone(), now }, Vec::new());
        if position.now < just_before {
            next.push(waits(just_before));
        }
        // An honest player never lets its own clock end.
        if owed && self.honest_clock_ends(claim, end) {
            return next;
        }
        if end < deadline {
            next.push(waits(end));
        } else {
            let done = step(&self.params, &position.job, &Event::Tick, deadline).unwrap();
            next.push((Position { job: done.state, now: deadline }, done.effects));
        }
        next
    }

    /// Whether an honest player's clock ends in a dispute by `end`.
    fn honest_clock_ends(&self, claim: &ClaimState, end: Time) -> bool {
        let key = match self.honest {
            Honest::Executor => keypair(EXECUTOR).key(),
            Honest::Challenger => keypair(CHALLENGER).key(),
        };
        claim.disputes.iter().any(|dispute| {
            let clock = match self.honest {
                Honest::Executor => dispute.executor_clock,
                Honest::Challenger if claim.is_member(key, &dispute.counter_root) => {
                    dispute.challenger_clock
                }
                Honest::Challenger => return false,
            };
            clock.is_late(end)
        })
    }

    fn wrong_reveal_changes_nothing(&self, position: &Position, by: &Player, message: &Message) {
        let Message::Dissection(said) = message else { return };
        let mut wrong = said.clone();
        wrong.children.reverse();
        if wrong.children == said.children {
            return;
        }
        let ready = self.ready(by, Message::Dissection(wrong));
        let refused = step(&self.params, &position.job, &Event::Message(&ready), position.now);
        assert!(matches!(refused, Err(Rejection::Dissection(_) | Rejection::Late)), "{refused:?}");
    }

    fn ready(&self, by: &Player, message: Message) -> Ready {
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

    fn verdict(&self, claim: &ClaimState, root: Digest, layer: u32, input: &TensorRef) -> Verdict {
        let layers = self.truth.layers;
        let state = toy::list(layers, layer, toy::layer(layer, self.values[&input.content]));
        let leaf = leaf_digest(layer, layers + 1, state.digest(layer));
        let told = |side| claim.known(side, &root).get(NodeId::leaf(layer)).unwrap();
        match (told(Side::Executor) == leaf, told(Side::Challenger) == leaf) {
            (true, false) => Verdict::ChallengerFault,
            (false, true) => Verdict::ExecutorFault,
            (false, false) => Verdict::BothFault,
            (true, true) => panic!("a layer was judged on which both sides agree"),
        }
    }
}

/// Every trace with any set of wrong states; and, where one lie is planted, what a run from it on would give.
fn lies(layers: u32) -> Vec<Trace> {
    let mut all: Vec<Trace> = (1..1u64 << layers).map(|wrong| lie(layers, wrong, 1)).collect();
    let consistent = |at| Trace::lying(layers, *b"the data", 1_u64 << at, Lies::Consistent, 1);
    all.extend((0..layers.saturating_sub(1)).map(consistent));
    all
}

fn is_full() -> bool {
    std::env::var("GAINSAY_TREE").is_ok_and(|size| size == "full")
}

fn count(name: &str, arity: u32, trees: impl Iterator<Item = (u64, u64)>) {
    let mut sum = (0u64, 0u64, 0u64);
    for (positions, ends) in trees {
        sum = (sum.0 + 1, sum.1 + positions, sum.2 + ends);
    }
    println!("{name}, arity {arity}: {} trees, {} positions, {} ends", sum.0, sum.1, sum.2);
    assert!(sum.0 > 0);
}

#[test]
fn truth_wins_in_every_position_for_a_correct_claim_against_one_liar() {
    for arity in [2, 4] {
        let trees = (1..=8).flat_map(|layers| {
            let truth = Trace::honest(layers, *b"the data");
            let one = move |liar| Tree::walk(arity, Honest::Executor, &truth, &[liar]);
            lies(layers).into_iter().map(one)
        });
        count("correct claim, one liar", arity, trees);
    }
}

#[test]
fn truth_wins_in_every_position_for_one_honest_challenger() {
    for arity in [2, 4] {
        let trees = (1..=8).flat_map(|layers| {
            let truth = Trace::honest(layers, *b"the data");
            let one = move |liar| {
                Tree::walk(arity, Honest::Challenger, &liar, std::slice::from_ref(&truth))
            };
            lies(layers).into_iter().map(one)
        });
        count("wrong claim, one honest challenger", arity, trees);
    }
}

/// Pairs of lies, by different liars where the second differs from the first, so that their roots do.
fn pairs(layers: u32) -> impl Iterator<Item = (Trace, Trace)> {
    let wrong = 1..1u64 << layers;
    wrong.clone().flat_map(move |one| {
        wrong.clone().map(move |other| (lie(layers, one, 1), lie(layers, other, 1)))
    })
}

fn largest_pair(arity: u32) -> u32 {
    match (is_full(), arity) {
        (true, _) => 7,
        (false, _) => 3,
    }
}

#[test]
fn truth_wins_in_every_position_for_a_correct_claim_against_two_liars() {
    for arity in [2, 4] {
        let trees = (1..=largest_pair(arity)).flat_map(|layers| {
            let truth = Trace::honest(layers, *b"the data");
            let two =
                move |(one, other)| Tree::walk(arity, Honest::Executor, &truth, &[one, other]);
            pairs(layers).map(two)
        });
        count("correct claim, two liars", arity, trees);
    }
}

#[test]
fn truth_wins_in_every_position_for_an_honest_challenger_beside_a_liar() {
    assert_ne!(CHALLENGER, THIRD);
    for arity in [2, 4] {
        let trees = (1..=largest_pair(arity)).flat_map(|layers| {
            let truth = Trace::honest(layers, *b"the data");
            let two = move |(liar, sham): (Trace, Trace)| {
                Tree::walk(arity, Honest::Challenger, &liar, &[truth.clone(), sham])
            };
            // A sham that tells the claim's own root forfeits its bond at the door and plays no part.
            pairs(layers).filter(|(liar, sham)| liar.root() != sham.root()).map(two)
        });
        count("wrong claim, an honest challenger beside a liar", arity, trees);
    }
}
