//! Below a layer: attacks of PROTOCOL section 9 by their names, and the rules of section 3.4.

use gainsay_commitment::{Digest, NodeId};
use gainsay_protocol::*;

use crate::deep::{self, Planted};
use crate::game::{Game, Machine, Refused, START, keypair, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::{Trace, lie};

const LAYERS: u32 = 5;
const DEEP: u32 = 3;
const STEPS: u32 = 6;

/// A game in which layer [`DEEP`] is over the budget.
fn game(arity: u32) -> Game {
    Game::with_facts(params(arity), deep::facts(LAYERS, &[DEEP], STEPS), 1_000_000_000)
}

/// Somebody whose claim is wrong from [`DEEP`] on, and a lie below it.
fn liar(number: u8, planted: Planted) -> Player {
    Player { planted, ..Player::new(number, lie(LAYERS, 1 << (DEEP - 1), 1)) }
}

fn at_step(step: u32, byte: u64) -> Planted {
    Planted { steps: 1 << (step - 1), byte, ..Planted::default() }
}

fn dispute<'a>(game: &'a Game, player: &Player) -> &'a Dispute {
    game.claim().dispute(&player.trace.root()).unwrap()
}

fn below<'a>(game: &'a Game, player: &Player) -> &'a Below {
    dispute(game, player).below.as_ref().unwrap()
}

#[test]
fn a_lie_in_any_chunk_of_any_step_is_found_and_judged_by_that_chunk() {
    for arity in [2, 16] {
        for step in 1..=STEPS {
            for byte in [0, 1_023, 1_024, 3_000, 5_219] {
                let mut game = game(arity);
                let planted = if step == STEPS { Planted::default() } else { at_step(step, byte) };
                let (mut wrong, mut honest) =
                    (liar(0, planted), Player::new(1, game.truth.clone()));
                claim(&mut game, &wrong);
                challenge(&mut game, &[&honest]);
                play(&mut game, &mut [&mut wrong, &mut honest]);
                assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
                let found = below(&game, &honest);
                assert_eq!(found.pairs[0].step(), Some(step), "byte {byte}");
                let judged = Outcome::Judged(Verdict::ExecutorFault);
                assert_eq!(dispute(&game, &honest).outcome(), Some(judged));
                assert_eq!((game.watch.replays, game.watch.runs), (0, 0));
                assert_eq!(game.fold(), game.job);
                assert!(game.wealth_of(1) > START && game.wealth_of(0) < START);
            }
        }
    }
}

#[test]
fn a_wrong_sub_root_by_a_member_of_the_honest_side() {
    // It shares the true root, and posts a sub-root that loses to the executor's: the side wins all the same.
    for first in [true, false] {
        let mut game = game(4);
        let mut wrong = liar(0, at_step(4, 2_000));
        let mut hostile = Player { planted: at_step(2, 10), ..Player::new(1, game.truth.clone()) };
        let mut honest = Player::new(2, game.truth.clone());
        claim(&mut game, &wrong);
        let order = if first { [&hostile, &honest] } else { [&honest, &hostile] };
        challenge(&mut game, &order);
        let lost = |game: &Game, hostile: &Player| {
            let below = below(game, hostile);
            let own = below.posted_by(hostile.key()).map(|posted| posted.sub_root);
            own.and_then(|own| below.pair(&own)?.outcome())
        };
        // All post; then the honest member waits until the false sub-root has lost.
        while game.claim().disputes[0].below_layer().is_none_or(|below| below.pairs.is_empty()) {
            assert!(wrong.react(&mut game) | hostile.react(&mut game) | honest.react(&mut game));
        }
        while lost(&game, &hostile).is_none() {
            assert!(wrong.react(&mut game) | hostile.react(&mut game));
            game.serve();
        }
        assert_eq!(lost(&game, &hostile), Some(Outcome::Judged(Verdict::ChallengerFault)));
        assert_eq!(game.outcome(), None, "the side has another sub-root");
        play(&mut game, &mut [&mut hostile, &mut wrong, &mut honest]);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
        assert!(game.wealth_of(2) > START);
        assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0, "slashed");
        let found = below(&game, &honest);
        assert!(found.has_lost(hostile.key()) && !found.has_lost(honest.key()));
    }
}

/// The outcome of the pair of a member's sub-root.
fn pair_of(game: &Game, member: &Player) -> Option<Outcome> {
    let below = below(game, member);
    let own = below.posted_by(member.key()).map(|posted| posted.sub_root);
    own.and_then(|own| below.pair(&own)?.outcome())
}

#[test]
fn a_pair_goes_on_though_the_executor_has_lost_another() {
    // The honest member's pair is judged first; the false sub-root is slashed all the same if the executor plays on, and
    // cleared if it does not. Nothing of that touches the honest.
    for plays_on in [true, false] {
        let mut game = game(4);
        let mut wrong = liar(0, at_step(4, 2_000));
        let mut hostile = Player { planted: at_step(2, 10), ..Player::new(1, game.truth.clone()) };
        let mut honest = Player::new(2, game.truth.clone());
        claim(&mut game, &wrong);
        challenge(&mut game, &[&hostile, &honest]);
        while game.claim().disputes[0].below_layer().is_none_or(|below| below.pairs.is_empty()) {
            assert!(wrong.react(&mut game) | hostile.react(&mut game) | honest.react(&mut game));
        }
        while pair_of(&game, &honest).is_none() {
            assert!(wrong.react(&mut game) | honest.react(&mut game));
            game.serve();
        }
        assert_eq!(pair_of(&game, &honest), Some(Outcome::Judged(Verdict::ExecutorFault)));
        assert_eq!((game.outcome(), pair_of(&game, &hostile)), (None, None), "the other goes on");
        if !plays_on {
            wrong.moves_left = 0;
        }
        play(&mut game, &mut [&mut hostile, &mut wrong, &mut honest]);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
        let judged = Outcome::Judged(Verdict::ExecutorFault);
        assert_eq!(dispute(&game, &honest).outcome(), Some(judged));
        assert!(game.wealth_of(2) > START);
        assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
        if plays_on {
            assert_eq!(pair_of(&game, &hostile), Some(Outcome::Judged(Verdict::ChallengerFault)));
            assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0, "slashed");
        } else {
            assert_eq!(pair_of(&game, &hostile), Some(Outcome::ExecutorTimeout));
            assert!(game.wealth_of(1) >= START, "cleared");
        }
    }
}

#[test]
fn a_wrong_sub_root_of_every_member_loses_for_the_side_though_its_root_is_true() {
    let mut game = game(4);
    let mut wrong = liar(0, at_step(4, 2_000));
    let mut hostile = Player { planted: at_step(2, 10), ..Player::new(1, game.truth.clone()) };
    claim(&mut game, &wrong);
    challenge(&mut game, &[&hostile]);
    play(&mut game, &mut [&mut wrong, &mut hostile]);
    assert_eq!(dispute(&game, &hostile).outcome(), Some(Outcome::Judged(Verdict::ChallengerFault)));
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
}

#[test]
fn two_planted_lies_below_a_layer() {
    // The executor lies at steps 2 and 5; a member of the true side shares its first lie, so that they differ at 5 only,
    // where the member is right; another shares nothing. All three play out, and the claim is rejected.
    let mut game = game(2);
    let both = Planted { steps: 0b10010, byte: 77, ..Planted::default() };
    let (mut wrong, mut honest) = (liar(0, both), Player::new(1, game.truth.clone()));
    let mut sharing = Player { planted: at_step(2, 77), ..Player::new(2, game.truth.clone()) };
    claim(&mut game, &wrong);
    challenge(&mut game, &[&sharing, &honest]);
    play(&mut game, &mut [&mut wrong, &mut sharing, &mut honest]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert!(game.wealth_of(1) > START);
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    let steps: Vec<_> = below(&game, &honest).pairs.iter().filter_map(Pair::step).collect();
    assert!(steps.iter().all(|step| [2, 5].contains(step)), "{steps:?}");
}

#[test]
fn both_wrong_at_one_step_leaves_the_rest_of_the_side_standing() {
    // The other pair is judged, or its replay cannot be carried out: then the run tells whether the root is true.
    for machine in [Machine::Works, Machine::FailsToReplay] {
        let mut game = game(4);
        let mut wrong = liar(0, at_step(2, 5));
        let mut also = Player { planted: at_step(2, 6), ..Player::new(1, game.truth.clone()) };
        let mut honest = Player::new(2, game.truth.clone());
        claim(&mut game, &wrong);
        challenge(&mut game, &[&also, &honest]);
        while game.claim().disputes[0].below_layer().is_none_or(|below| below.pairs.is_empty()) {
            assert!(wrong.react(&mut game) | also.react(&mut game) | honest.react(&mut game));
        }
        while pair_of(&game, &also).is_none() {
            assert!(wrong.react(&mut game) | also.react(&mut game));
            game.serve();
        }
        assert_eq!(pair_of(&game, &also), Some(Outcome::Judged(Verdict::BothFault)));
        game.machine = machine;
        play(&mut game, &mut [&mut also, &mut wrong, &mut honest]);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
        let expected = match machine {
            Machine::Works => (Outcome::Judged(Verdict::ExecutorFault), 0),
            _ => (Outcome::ExecutorBelow, 1),
        };
        assert_eq!((dispute(&game, &honest).outcome().unwrap(), game.watch.runs), expected);
        assert!(game.wealth_of(2) > START);
        assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
        assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    }
}

#[test]
fn a_correct_claim_stands_against_any_number_of_sham_sub_roots() {
    let mut game = game(4);
    let sham = lie(LAYERS, 1 << (DEEP - 1), 9);
    let mut honest = Player::new(0, game.truth.clone());
    let mut shams: Vec<Player> = (1..=6)
        .map(|key| Player {
            planted: at_step(u32::from(key), 50 * u64::from(key)),
            ..Player::new(key, sham.clone())
        })
        .collect();
    claim(&mut game, &honest);
    challenge(&mut game, &shams.iter().collect::<Vec<_>>());
    let mut all: Vec<&mut Player> = shams.iter_mut().chain([&mut honest]).collect();
    play(&mut game, &mut all);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Final));
    assert!(game.wealth_of(0) > START);
    assert!((1..=6).all(|key| game.wealth_of(key) == START - game.params.challenger_bond.0));
}

#[test]
fn who_posts_no_sub_root_in_time_loses() {
    let outcomes = [
        (0, u32::MAX, Outcome::ExecutorTimeout),
        (u32::MAX, 0, Outcome::ChallengerTimeout),
        (0, 0, Outcome::BothTimeout),
    ];
    for (executor, challenger, outcome) in outcomes {
        let mut game = game(16);
        let wrong = lie(LAYERS, 1 << (DEEP - 1), 1);
        // At arity 16 both are asked once before the level begins.
        let silent = |moves: u32| moves.saturating_add(1);
        let mut wrong = Player::silent_after(0, wrong, silent(executor));
        let mut honest = Player::silent_after(1, game.truth.clone(), silent(challenger));
        claim(&mut game, &wrong);
        challenge(&mut game, &[&honest]);
        play(&mut game, &mut [&mut wrong, &mut honest]);
        assert_eq!(dispute(&game, &honest).outcome(), Some(outcome));
    }
}

#[test]
fn a_pair_in_which_one_side_falls_silent_is_lost_by_it() {
    for moves in 1..12 {
        let mut game = game(2);
        let mut wrong = Player { moves_left: moves, ..liar(0, at_step(5, 4_000)) };
        let mut honest = Player::new(1, game.truth.clone());
        claim(&mut game, &wrong);
        challenge(&mut game, &[&honest]);
        play(&mut game, &mut [&mut wrong, &mut honest]);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected), "after {moves} moves");
        assert!(game.wealth_of(1) > START);
    }
}

#[test]
fn a_malformed_agreed_state_below_a_layer_is_the_fault_of_both() {
    let mut game = game(4);
    let odd = |steps| Planted { odd_list: Some(2), steps, ..Planted::default() };
    let mut wrong = liar(0, odd(0b1000));
    let mut sham = Player { planted: odd(0), ..Player::new(1, game.truth.clone()) };
    claim(&mut game, &wrong);
    challenge(&mut game, &[&sham]);
    play(&mut game, &mut [&mut wrong, &mut sham]);
    // They agree on an odd state after step 2 and differ after step 4: the state before that one is in order again.
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    let mut game = self::game(4);
    let mut wrong = liar(0, odd(0b100));
    claim(&mut game, &wrong);
    challenge(&mut game, &[&sham]);
    play(&mut game, &mut [&mut wrong, &mut sham]);
    assert_eq!(dispute(&game, &sham).outcome(), Some(Outcome::Judged(Verdict::BothFault)));
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
}

#[test]
fn a_step_that_cannot_be_judged_is_inconclusive_and_costs_nobody() {
    let mut game = game(4);
    let (mut wrong, mut honest) = (liar(0, at_step(2, 9)), Player::new(1, game.truth.clone()));
    claim(&mut game, &wrong);
    challenge(&mut game, &[&honest]);
    game.machine = Machine::FailsToReplay;
    play(&mut game, &mut [&mut wrong, &mut honest]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Cancelled));
    assert_eq!((game.wealth_of(0), game.wealth_of(1)), (START, START));
}

/// Everybody's next moves below the layer, one at a time, each offered to `try_with` before it is made.
fn watched(
    game: &mut Game,
    players: &mut [&mut Player],
    mut try_with: impl FnMut(&mut Game, &Player, &Message),
) {
    for _ in 0..200 {
        if game.outcome().is_some() {
            return;
        }
        let mut moved = false;
        for player in players.iter_mut() {
            for message in player.missing(game) {
                try_with(game, player, &message);
            }
            moved |= player.react(game);
            game.serve();
        }
        if !moved && game.outcome().is_none() {
            game.pass_deadline();
        }
    }
    panic!("the claim never ended");
}

fn refused(game: &mut Game, from: &Player, message: Message) {
    let before = game.job.clone();
    let sent = game.send(from.keypair, message.clone());
    assert!(
        matches!(sent, Err(Refused::Rule(_) | Refused::Evidence(_) | Refused::Blobs(_))),
        "accepted: {message:?}"
    );
    assert_eq!(game.job, before);
}

#[test]
fn index_padding_and_length_confusion_below_a_layer() {
    let mut game = game(4);
    let (mut wrong, mut honest) = (liar(0, at_step(4, 3_000)), Player::new(1, game.truth.clone()));
    claim(&mut game, &wrong);
    challenge(&mut game, &[&honest]);
    let mut kinds = std::collections::BTreeSet::new();
    watched(&mut game, &mut [&mut wrong, &mut honest], |game, player, message| {
        kinds.insert(message.kind());
        let mut bad = Vec::new();
        match message {
            Message::SubRoot(said) => {
                bad.push(Message::SubRoot(SubRoot { steps: STEPS + 1, ..said.clone() }));
                bad.push(Message::SubRoot(SubRoot { layer: DEEP + 1, ..said.clone() }));
                bad.push(Message::SubRoot(SubRoot { last: said.first.clone(), ..said.clone() }));
                bad.push(Message::SubRoot(SubRoot { first: said.last.clone(), ..said.clone() }));
                bad.push(Message::SubRoot(SubRoot {
                    sub_root: player.trace.root(),
                    ..said.clone()
                }));
                let mut other = said.clone();
                other.before.index += 1;
                bad.push(Message::SubRoot(other));
            }
            Message::SubDissection(said) => {
                let node = NodeId { level: said.node.level, index: said.node.index + 1 };
                bad.push(Message::SubDissection(SubDissection { node, ..said.clone() }));
                let mut other = said.clone();
                other.children.pop();
                bad.push(Message::SubDissection(other.clone()));
                other.children.extend([Digest::default(); 2]);
                bad.push(Message::SubDissection(other));
            }
            Message::StepValue(said) => {
                bad.push(Message::StepValue(StepValue { step: said.step + 1, ..said.clone() }));
                bad.push(Message::StepValue(StepValue { step: 0, ..said.clone() }));
                bad.push(Message::StepValue(StepValue { content: said.after, ..said.clone() }));
                bad.push(Message::StepValue(StepValue { after: said.content, ..said.clone() }));
            }
            Message::ChunkDissection(said) => {
                let mut other = said.clone();
                other.node.chunks -= 1;
                bad.push(Message::ChunkDissection(other));
                let mut other = said.clone();
                other.node.start += 1;
                bad.push(Message::ChunkDissection(other));
                let mut other = said.clone();
                other.children.reverse();
                bad.push(Message::ChunkDissection(other));
                bad.push(Message::ChunkDissection(ChunkDissection { step: 1, ..said.clone() }));
            }
            Message::StepEvidence(said) => {
                bad.push(Message::StepEvidence(StepEvidence { chunk: None, ..said.clone() }));
                bad.push(Message::StepEvidence(StepEvidence { chunk: Some(0), ..said.clone() }));
                bad.push(Message::StepEvidence(StepEvidence { step: 1, ..said.clone() }));
                bad.push(Message::StepEvidence(StepEvidence { step: 0, ..said.clone() }));
                let mut other = said.clone();
                other.list.0[0].0 += 1;
                bad.push(Message::StepEvidence(other));
            }
            _ => {}
        }
        for message in bad {
            refused(game, player, message);
        }
        // A stranger may say none of it.
        if !matches!(message, Message::Dissection(_)) {
            let before = game.job.clone();
            assert!(game.send(keypair(7), message.clone()).is_err());
            assert_eq!(game.job, before);
        }
    });
    let all = [
        "chunk_dissection",
        "dissection",
        "step_evidence",
        "step_value",
        "sub_dissection",
        "sub_root",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
}

#[test]
fn identical_evidence_in_two_encodings_below_a_layer() {
    // Both sides say the same evidence, and everything is said again: nothing changes by it.
    let mut game = game(4);
    let (mut wrong, mut honest) = (liar(0, at_step(4, 3_000)), Player::new(1, game.truth.clone()));
    claim(&mut game, &wrong);
    challenge(&mut game, &[&honest]);
    let mut evidence = Vec::new();
    watched(&mut game, &mut [&mut wrong, &mut honest], |_, _, message| {
        if let Message::StepEvidence(_) = message {
            evidence.push(message.clone());
        }
    });
    assert!(!evidence.is_empty());
    let bytes: Vec<_> = evidence.iter().map(|message| borsh::to_vec(message).unwrap()).collect();
    for (message, bytes) in evidence.iter().zip(&bytes) {
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(borsh::from_slice::<Message>(&longer).is_err());
        assert_eq!(borsh::from_slice::<Message>(bytes).as_ref().ok(), Some(message));
    }
    let before = game.job.clone();
    for (_, entry) in game.log.clone() {
        let _ = game.apply(entry);
        assert_eq!(game.job, before);
    }
}

#[test]
fn a_second_sub_root_of_one_key_is_refused_and_the_same_one_changes_nothing() {
    let mut game = game(16);
    let (mut wrong, mut honest) = (liar(0, at_step(2, 1)), Player::new(1, game.truth.clone()));
    let idle = Player::new(2, game.truth.clone());
    claim(&mut game, &wrong);
    challenge(&mut game, &[&honest, &idle]);
    while game.claim().disputes[0].below_layer().is_none_or(|below| below.posted.len() < 2) {
        assert!(wrong.react(&mut game) | honest.react(&mut game));
    }
    let (claim, dispute) = (game.claim().clone(), game.claim().disputes[0].clone());
    let same = honest.sub_root(&claim, Side::Challenger, &dispute).unwrap();
    let before = game.job.clone();
    game.send(honest.keypair, Message::SubRoot(same)).unwrap();
    assert_eq!(game.job, before);
    honest.planted = at_step(3, 3);
    let other = honest.sub_root(&claim, Side::Challenger, &dispute).unwrap();
    let rejection = game.refuses(1, Message::SubRoot(other));
    assert_eq!(rejection, Rejection::AlreadyPosted { key: honest.key() });
    // The idle member never posts: the pairs begin when the time for it is over.
    honest.planted = Planted::default();
    play(&mut game, &mut [&mut wrong, &mut honest]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert!(game.wealth_of(1) > START && game.wealth_of(2) > START);
}

#[test]
fn a_sub_root_after_its_time_is_refused() {
    let mut game = game(16);
    let (mut wrong, honest) = (liar(0, at_step(2, 1)), Player::new(1, game.truth.clone()));
    let mut first = Player::silent_after(2, game.truth.clone(), 2);
    claim(&mut game, &wrong);
    challenge(&mut game, &[&honest, &first]);
    while game.claim().disputes[0].below_layer().is_none_or(|below| below.posted.len() < 2) {
        assert!(wrong.react(&mut game) | first.react(&mut game));
    }
    let (claim, dispute) = (game.claim().clone(), game.claim().disputes[0].clone());
    game.now = dispute.next_deadline().unwrap();
    let late = honest.sub_root(&claim, Side::Challenger, &dispute).unwrap();
    assert_eq!(game.refuses(1, Message::SubRoot(late.clone())), Rejection::Late);
    game.tick();
    assert_eq!(game.claim().disputes[0].below_layer().unwrap().pairs.len(), 1);
    assert_eq!(game.refuses(1, Message::SubRoot(late)), Rejection::NotDue);
}

#[test]
fn a_layer_within_the_budget_takes_no_sub_root() {
    let mut game = game(16);
    let trace = Trace::lying(LAYERS, game.input(), 1 << 3, crate::toy::Lies::Consistent, 1);
    let (mut wrong, mut honest) = (Player::new(0, trace), Player::new(1, game.truth.clone()));
    claim(&mut game, &wrong);
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut wrong, &mut honest]);
    assert!(game.claim().disputes[0].below.is_none());
    assert_eq!(game.watch.replays, 1);
}
