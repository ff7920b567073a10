//! Below a layer, the edges: moves made twice, too late or of something else, gaps, silence, and what is told of the end.

use gainsay_protocol::*;

use crate::deep::{self, Planted};
use crate::game::{Entry, Game, Refused, START, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::{Lies, Trace, lie};

/// A game in which layer 3 of 5 is over the budget and the executor lies in its fourth step; the pair has begun.
fn begun() -> (Game, [Player; 2]) {
    let mut game = Game::with_facts(params(2), deep::facts(5, &[3], 6), 1_000_000_000);
    let planted = Planted { steps: 1 << 3, byte: 2_000, ..Planted::default() };
    let mut wrong = Player { planted, ..Player::new(0, lie(5, 1 << 2, 1)) };
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &wrong);
    challenge(&mut game, &[&honest]);
    while below(&game).is_none_or(|below| below.pairs.is_empty()) {
        assert!(wrong.react(&mut game) | honest.react(&mut game));
    }
    (game, [wrong, honest])
}

fn below(game: &Game) -> Option<&Below> {
    game.claim().disputes[0].below.as_deref()
}

fn pair(game: &Game) -> &Pair {
    &below(game).unwrap().pairs[0]
}

fn say(game: &mut Game, player: &Player, message: &Message) -> Result<(), Refused> {
    message.required_blobs().into_iter().for_each(|blob| game.hold(blob));
    game.send(player.keypair, message.clone())
}

/// Plays until the pair is in a phase of that kind.
fn until(game: &mut Game, players: &[Player; 2], wish: impl Fn(&PairPhase) -> bool) {
    while !wish(&pair(game).phase) {
        let said = players.iter().find_map(|player| Some((player, player.missing(game).pop()?)));
        let (player, message) = said.expect("somebody owes a move");
        say(game, player, &message).unwrap();
    }
}

#[test]
fn done_by_another_below_a_layer_counts_as_done() {
    let (mut game, players) = begun();
    let mut said = 0;
    while game.outcome().is_none() {
        for player in &players {
            for message in player.missing(&game) {
                say(&mut game, player, &message).unwrap();
                let before = game.job.clone();
                say(&mut game, player, &message).unwrap();
                assert_eq!(game.job, before, "{} twice", message.kind());
                said += 1;
            }
            game.serve();
        }
    }
    assert!(said > 6, "steps, values, chunks and evidence: {said}");
    let dispute = &game.claim().disputes[0];
    assert_eq!(dispute.outcome(), Some(Outcome::Judged(Verdict::ExecutorFault)));
    assert_eq!(dispute.judged_under(), pair(&game).sub_root, "where its case file is kept");
}

#[test]
fn referee_outage_leaves_running_clocks_of_pairs_the_grace() {
    let (mut game, _) = begun();
    let ends = pair(&game).next_deadline().unwrap();
    game.now = Time(ends.0 - 100);
    game.apply(Entry::Resumed).unwrap();
    let clocks =
        [Side::Executor, Side::Challenger].map(|side| pair(&game).clock(side).left(game.now));
    assert_eq!(clocks, [game.params.grace; 2]);
    // One that has ended stays so.
    game.now = pair(&game).next_deadline().unwrap();
    let before = game.job.clone();
    game.apply(Entry::Resumed).unwrap();
    assert_eq!(game.job, before);
}

#[test]
fn last_second_moves_below_a_layer_count_and_later_ones_do_not() {
    let phases: [fn(&PairPhase) -> bool; 4] = [
        |phase| matches!(phase, PairPhase::Dissecting { .. }),
        |phase| matches!(phase, PairPhase::Showing { .. }),
        |phase| matches!(phase, PairPhase::Chunks { .. }),
        |phase| matches!(phase, PairPhase::AwaitingEvidence { .. }),
    ];
    for wish in phases {
        let (mut game, players) = begun();
        until(&mut game, &players, wish);
        let ends = pair(&game).next_deadline().unwrap();
        for (at, late) in [(ends, true), (Time(ends.0 - 1), false)] {
            game.now = at;
            let player = players.iter().find(|player| !player.missing(&game).is_empty()).unwrap();
            let message = player.missing(&game).remove(0);
            let sent = say(&mut game, player, &message);
            let refused = matches!(sent, Err(Refused::Rule(Rejection::Late)));
            assert_eq!((refused, sent.is_ok()), (late, !late), "{}", message.kind());
        }
    }
}

#[test]
fn a_malformed_agreed_state_below_a_layer_is_the_fault_of_both() {
    let (mut game, players) = begun();
    let dispute = &game.claim().disputes[0];
    assert_eq!(dispute.judged_under(), dispute.counter_root, "nothing is judged yet");
    until(&mut game, &players, |phase| matches!(phase, PairPhase::Showing { .. }));
    let message = players[1].missing(&game).pop().unwrap();
    let held = message.required_blobs().into_iter().collect();
    let signed = Signed::new(players[1].keypair, game.network, message);
    let ready = signed.verify(game.network).unwrap().ready(&held).unwrap();
    game.apply(Entry::Evidence(Box::new(ready), EvidenceStanding::MalformedState)).unwrap();
    assert_eq!(pair(&game).outcome(), Some(Outcome::Judged(Verdict::BothFault)));
    assert_eq!(game.claim().disputes[0].outcome(), Some(Outcome::Judged(Verdict::BothFault)));
}

#[test]
fn both_sides_of_a_pair_silent_lose_both() {
    let (mut game, _) = begun();
    game.pass(game.params.budget.0);
    assert_eq!(pair(&game).outcome(), Some(Outcome::BothTimeout));
    assert_eq!(game.claim().disputes[0].outcome(), Some(Outcome::BothTimeout));
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
}

#[test]
fn moves_of_another_step_sub_root_or_value_are_refused() {
    let (mut game, players) = begun();
    until(&mut game, &players, |phase| matches!(phase, PairPhase::Showing { .. }));
    let Some(Message::StepValue(good)) = players[1].missing(&game).pop() else { panic!() };
    let nobodys = Message::StepValue(StepValue { sub_root: good.after, ..good.clone() });
    assert!(matches!(game.refuses(1, nobodys), Rejection::NotASide { .. }));
    let executors = below(&game).unwrap().executor_root().unwrap();
    let theirs = Message::StepValue(StepValue { sub_root: executors, ..good.clone() });
    assert!(matches!(game.refuses(1, theirs), Rejection::NotASide { .. }));
    until(&mut game, &players, |phase| matches!(phase, PairPhase::AwaitingEvidence { .. }));
    let Some(Message::StepEvidence(good)) = players[1].missing(&game).pop() else { panic!() };
    good.slices.iter().for_each(|slices| game.hold(*slices));
    let other_chunk = StepEvidence { chunk: good.chunk.map(|chunk| chunk + 1), ..good.clone() };
    let nobodys = StepEvidence { sub_root: executors, ..good.clone() };
    for wrong in [other_chunk, nobodys] {
        let before = game.job.clone();
        assert!(game.send(players[1].keypair, Message::StepEvidence(wrong)).is_err());
        assert_eq!(game.job, before);
    }
}

#[test]
fn names_of_ends_and_transfers_are_all_different() {
    let verdicts = [
        Verdict::ExecutorFault,
        Verdict::ChallengerFault,
        Verdict::BothFault,
        Verdict::Inconclusive,
    ];
    let others = [
        Outcome::ExecutorTimeout,
        Outcome::ChallengerTimeout,
        Outcome::BothTimeout,
        Outcome::Padding(Side::Executor),
        Outcome::Padding(Side::Challenger),
        Outcome::Equivocation,
        Outcome::ExecutorBelow,
    ];
    let outcomes = verdicts.map(Outcome::Judged).into_iter().chain(others);
    let names: std::collections::BTreeSet<_> = outcomes.map(Outcome::name).collect();
    assert_eq!(names.len(), verdicts.len() + others.len());
    assert!(verdicts.into_iter().all(|verdict| names.contains(verdict.name())));
    let kinds = (0..=u8::MAX).filter_map(|byte| borsh::from_slice::<TransferKind>(&[byte]).ok());
    let kinds: Vec<&str> = kinds.map(TransferKind::name).collect();
    let different: std::collections::BTreeSet<_> = kinds.iter().collect();
    assert!(kinds.len() > 10 && different.len() == kinds.len(), "{kinds:?}");
}

#[test]
fn a_layer_is_within_a_budget_up_to_and_including_it() {
    let budget = LayerBudget { bytes: 10, operations: 20 };
    assert!(budget.holds(10, 20) && budget.holds(0, 0));
    assert!(!budget.holds(11, 20) && !budget.holds(10, 21));
}

#[test]
fn what_an_equivocation_is_about_is_read_from_its_claims() {
    let proof = crate::wire::examples().into_iter().find_map(|message| match message {
        Message::Equivocation(proof) => Some(proof),
        _ => None,
    });
    let proof = proof.unwrap();
    let Message::Claim(claim) = &proof.one.message else { panic!() };
    let act = proof.act().unwrap();
    assert_eq!((act.job, act.attempt), (claim.job, claim.attempt));
    assert!(format!("{:?}", NetworkId(claim.root)).starts_with("NetworkId("));
}

#[test]
fn a_lie_that_the_steps_after_it_compute_on_from_is_found_where_it_began() {
    for (step, byte) in [(1, 0), (2, 3), (3, 7), (4, 5), (6, 1)] {
        let mut game = Game::with_facts(params(4), deep::facts(5, &[3], 6), 1_000_000_000);
        let lies = Lies::Consistent;
        let planted = Planted { steps: 1 << (step - 1), byte, lies, ..Planted::default() };
        let output = planted.output(3, 6, game.truth.values[2]);
        let told = Trace::told(5, game.input(), lies, |index| (index == 3).then_some(output));
        let mut wrong = Player { planted, ..Player::new(0, told) };
        let mut honest = Player::new(1, game.truth.clone());
        claim(&mut game, &wrong);
        challenge(&mut game, &[&honest]);
        play(&mut game, &mut [&mut wrong, &mut honest]);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
        assert_eq!(pair(&game).step(), Some(step));
        assert_eq!(pair(&game).outcome(), Some(Outcome::Judged(Verdict::ExecutorFault)));
    }
}
