//! `truth_wins` and `honest_never_loses`, exhaustively for small traces: every set of wrong states, consistent
//! or not, every moment at which the liar falls silent, whoever moves first.

use gainsay_protocol::{ClaimOutcome, JobPhase, TransferKind};

use crate::game::{FEE, Game, START, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::{Lies, Trace};

const EXECUTOR: u8 = 0;
const CHALLENGER: u8 = 1;
const THIRD: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Executor,
    Challenger,
}

/// One strategy of a lying side.
#[derive(Clone, Debug)]
struct Lie {
    trace: Trace,
    moves: u32,
    first: First,
}

/// The honest challenger and the executor, taking turns in the given order.
fn duel(game: &mut Game, executor: &mut Player, challenger: &mut Player, first: First) {
    claim(game, executor);
    challenge(game, &[challenger]);
    match first {
        First::Executor => play(game, &mut [executor, challenger]),
        First::Challenger => play(game, &mut [challenger, executor]),
    }
    assert_eq!(game.fold(), game.job);
}

fn correct_claim_wins(arity: u32, lie: &Lie) -> bool {
    let mut game = Game::new(params(arity), lie.trace.layers);
    let mut honest = Player::new(EXECUTOR, game.truth.clone());
    let mut liar = Player::silent_after(CHALLENGER, lie.trace.clone(), lie.moves);
    duel(&mut game, &mut honest, &mut liar, lie.first);
    assert_eq!(game.job.phase, JobPhase::Final, "{lie:?}");
    let cost = game.params.dispute_cost.0;
    assert_eq!(game.wealth_of(EXECUTOR), START + FEE + cost);
    assert_eq!(game.wealth_of(CHALLENGER), START - game.params.challenger_bond.0);
    liar.moves_left == 0
}

fn wrong_claim_loses(arity: u32, lie: &Lie) -> bool {
    let mut game = Game::new(params(arity), lie.trace.layers);
    let mut liar = Player::silent_after(EXECUTOR, lie.trace.clone(), lie.moves);
    let mut honest = Player::new(CHALLENGER, game.truth.clone());
    duel(&mut game, &mut liar, &mut honest, lie.first);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected), "{lie:?}");
    assert_eq!(game.job.phase, JobPhase::Open);
    let bond = game.params.executor_bond;
    let reward = bond.percent(60).0 - game.params.judgement_cost.0;
    let won = game.wealth_of(CHALLENGER) - START;
    assert!(won <= reward && won + 2 >= reward, "all but rounding: {won} of {reward}");
    assert_eq!(game.wealth_of(EXECUTOR), START - bond.0);
    liar.moves_left == 0
}

/// Calls `game` with 0, 1, 2, … moves until the liar has moves left over at the end.
fn every_silence(trace: &Trace, first: First, game: impl Fn(&Lie) -> bool) {
    for moves in 0.. {
        let trace = trace.clone();
        if !game(&Lie { trace, moves, first }) {
            return;
        }
        assert!(moves < 50, "a side owes more than a few moves");
    }
}

fn every_lie(layers: u32, game: impl Fn(&Lie) -> bool + Copy) {
    let input = *b"the data";
    for first in [First::Executor, First::Challenger] {
        for wrong in 1..1u64 << layers {
            for lies in [Lies::Consistent, Lies::Inconsistent] {
                every_silence(&Trace::lying(layers, input, wrong, lies, 1), first, game);
            }
        }
        let truth = Trace::honest(layers, input).output();
        for output in [truth, *b"not true"] {
            let forged = Trace::forged(layers, input, output, 3);
            if forged.root() != Trace::honest(layers, input).root() {
                every_silence(&forged, first, game);
            }
        }
    }
}

#[test]
fn a_correct_claim_wins_against_every_lie_of_a_challenger_arity_2() {
    (1..=8).for_each(|layers| every_lie(layers, |lie| correct_claim_wins(2, lie)));
}

#[test]
fn a_correct_claim_wins_against_every_lie_of_a_challenger_arity_4() {
    (1..=8).for_each(|layers| every_lie(layers, |lie| correct_claim_wins(4, lie)));
}

#[test]
fn a_wrong_claim_loses_to_an_honest_challenger_arity_2() {
    (1..=8).for_each(|layers| every_lie(layers, |lie| wrong_claim_loses(2, lie)));
}

#[test]
fn a_wrong_claim_loses_to_an_honest_challenger_arity_4() {
    (1..=8).for_each(|layers| every_lie(layers, |lie| wrong_claim_loses(4, lie)));
}

/// Every trace somebody could tell of three layers, the forged one included; the true one is left out.
fn untrue_traces(layers: u32) -> Vec<Trace> {
    let input = *b"the data";
    let truth = Trace::honest(layers, input);
    let mut traces: Vec<Trace> = (1..1u64 << layers)
        .map(|wrong| Trace::lying(layers, input, wrong, Lies::Inconsistent, 1))
        .collect();
    traces.push(Trace::forged(layers, input, truth.output(), 3));
    traces.retain(|trace| trace.root() != truth.root());
    traces
}

#[test]
fn whatever_a_third_party_does_a_wrong_claim_loses_to_an_honest_challenger() {
    for layers in 1..=4 {
        for (wrong, sham) in pairs(&untrue_traces(layers)) {
            for (mine, theirs) in silences() {
                let mut game = Game::new(params(2), layers);
                let mut liar = Player::silent_after(EXECUTOR, wrong.clone(), mine);
                let mut honest = Player::new(CHALLENGER, game.truth.clone());
                let mut other = Player::silent_after(THIRD, sham.clone(), theirs);
                claim(&mut game, &liar);
                challenge(&mut game, &[&other, &honest]);
                play(&mut game, &mut [&mut other, &mut liar, &mut honest]);
                assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
                assert!(game.wealth_of(CHALLENGER) > START, "the true root is rewarded");
                assert!(game.wealth_of(THIRD) < START, "the sham root is not");
            }
        }
    }
}

#[test]
fn a_correct_claim_wins_against_any_two_lying_challengers() {
    for layers in 1..=4 {
        for (one, other) in pairs(&untrue_traces(layers)) {
            for (ones, others) in silences() {
                let mut game = Game::new(params(2), layers);
                let mut honest = Player::new(EXECUTOR, game.truth.clone());
                let mut one = Player::silent_after(CHALLENGER, one.clone(), ones);
                let mut other = Player::silent_after(THIRD, other.clone(), others);
                claim(&mut game, &honest);
                challenge(&mut game, &[&one, &other]);
                play(&mut game, &mut [&mut one, &mut honest, &mut other]);
                assert_eq!(game.job.phase, JobPhase::Final);
                let costs = 2 * game.params.dispute_cost.0;
                assert_eq!(game.wealth_of(EXECUTOR), START + FEE + costs);
                assert!(game.watch.executor_reveals < (layers + 1).next_power_of_two());
            }
        }
    }
}

fn pairs(traces: &[Trace]) -> impl Iterator<Item = (&Trace, &Trace)> {
    traces.iter().flat_map(move |one| traces.iter().map(move |other| (one, other)))
}

fn silences() -> impl Iterator<Item = (u32, u32)> {
    [0, 1, u32::MAX].into_iter().flat_map(|one| [0, 1, u32::MAX].map(move |other| (one, other)))
}

#[test]
fn nobody_contradicts_and_the_claim_is_final() {
    let mut game = Game::new(params(16), 5);
    let honest = Player::new(EXECUTOR, game.truth.clone());
    claim(&mut game, &honest);
    game.pass(20_000);
    assert_eq!(game.job.phase, JobPhase::Final);
    assert_eq!(game.wealth_of(EXECUTOR), START + FEE);
    let fees = game.log.len();
    game.pass(1_000_000_000);
    assert_eq!(game.log.len(), fees, "nothing more is due");
    assert_eq!(TransferKind::Fee.name(), "fee");
}
