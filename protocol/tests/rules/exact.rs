//! What single characters of the rules decide: counters, clocks that run on, moves about something else.

use gainsay_protocol::*;

use crate::deep::{self, Planted};
use crate::game::{Entry, Game, params, transfers};
use crate::players::{Player, challenge, claim, evidence_of};
use crate::toy::lie;

/// A wrong step 4 of layer 3, over the budget; each challenger contradicts the claim, the second with a lie of its own
/// in step 5, which comes to nothing. The pairs have begun.
pub fn two_pairs() -> (Game, [Player; 3]) {
    two_pairs_with(5)
}

/// The same with the second challenger's lie in another step.
pub fn two_pairs_with(step: u64) -> (Game, [Player; 3]) {
    let mut game = Game::with_facts(params(2), deep::facts(5, &[3], 6), 1_000_000_000);
    let at = |step: u64| Planted { steps: 1 << (step - 1), byte: 2_000, ..Planted::default() };
    let wrong = Player { planted: at(4), ..Player::new(0, lie(5, 1 << 2, 1)) };
    let honest = Player::new(1, game.truth.clone());
    let hostile = Player { planted: at(step), ..Player::new(2, game.truth.clone()) };
    let mut players = [wrong, honest, hostile];
    claim(&mut game, &players[0]);
    challenge(&mut game, &[&players[1], &players[2]]);
    while below(&game).is_none_or(|below| below.pairs.is_empty()) {
        assert!(players.iter_mut().any(|player| player.react(&mut game)));
    }
    (game, players)
}

pub fn below(game: &Game) -> Option<&Below> {
    game.claim().disputes[0].below.as_deref()
}

/// Which pair is that player's.
pub fn pair_of(game: &Game, player: &Player) -> usize {
    let below = below(game).unwrap();
    let own = below.posted_by(player.key()).unwrap().sub_root;
    below.pairs.iter().position(|pair| pair.sub_root == own).unwrap()
}

pub fn pair(game: &Game, at: usize) -> &Pair {
    &below(game).unwrap().pairs[at]
}

/// Gives the executor so long in a pair, from now on.
pub fn hurry(game: &mut Game, at: usize, left: Millis) {
    let claim = game.job.claims.last_mut().unwrap();
    let pair = &mut claim.disputes[0].below.as_mut().unwrap().pairs[at];
    let mut clock = Clock::new(left);
    clock.start(game.now, Millis(0));
    pair.executor_clock = clock;
}

#[test]
fn rounds_are_the_steps_of_dissection() {
    for (arity, layers, rounds) in [(2, 40, 6), (4, 40, 3), (16, 40, 2)] {
        // Wrong in the middle, far from the states that the claims open.
        let mut game = Game::new(params(arity), layers);
        let wrong = lie(layers, 1 << 19, 1);
        let mut players = [Player::new(0, wrong), Player::new(1, game.truth.clone())];
        claim(&mut game, &players[0]);
        challenge(&mut game, &[&players[1]]);
        let mut dissections = 0;
        while !matches!(game.claim().disputes[0].phase, DisputePhase::AwaitingEvidence { .. }) {
            let own = players[1].missing(&game);
            dissections += own.iter().filter(|said| matches!(said, Message::Dissection(_))).count();
            assert!(players[1].react(&mut game) | players[0].react(&mut game));
        }
        let dispute = &game.claim().disputes[0];
        assert!(dissections > 0, "arity {arity}");
        assert_eq!(dispute.rounds as usize, dissections, "arity {arity}");
        assert!(dispute.rounds <= rounds, "{} at arity {arity}", dispute.rounds);
    }
}

#[test]
fn rounds_below_a_layer_are_the_steps_of_dissection_too() {
    let (mut game, mut players) = two_pairs();
    let at = pair_of(&game, &players[1]);
    let mut phases = vec![pair(&game, at).phase.clone()];
    while game.outcome().is_none() {
        assert!(players.iter_mut().any(|player| player.react(&mut game)));
        let now = &pair(&game, at).phase;
        if phases.last() != Some(now) {
            phases.push(now.clone());
        }
        game.serve();
    }
    let is_round = |phase: &&PairPhase| {
        matches!(phase, PairPhase::Dissecting { .. } | PairPhase::Chunks { .. })
    };
    let rounds = phases.iter().filter(is_round).count();
    assert!(rounds >= 3, "{phases:?}");
    assert_eq!(pair(&game, at).rounds as usize, rounds, "{phases:?}");
}

#[test]
fn evidence_of_another_layer_is_not_due() {
    let mut game = Game::new(params(2), 8);
    let mut players = [Player::new(0, lie(8, 1 << 4, 1)), Player::new(1, game.truth.clone())];
    claim(&mut game, &players[0]);
    challenge(&mut game, &[&players[1]]);
    while !matches!(game.claim().disputes[0].phase, DisputePhase::AwaitingEvidence { .. }) {
        assert!(players[1].react(&mut game) | players[0].react(&mut game));
    }
    let counter_root = game.claim().disputes[0].counter_root;
    for layer in [1, 3, 4, 6, 8] {
        let trace = &players[0].trace;
        let other = evidence_of(game.claim(), trace, Side::Executor, counter_root, layer).unwrap();
        game.upload(players[0].trace.values[layer as usize - 1]);
        assert_eq!(game.refuses(0, Message::Evidence(other)), Rejection::NotDue, "layer {layer}");
    }
    let due = players[0].missing(&game).remove(0);
    assert!(matches!(&due, Message::Evidence(evidence) if evidence.layer == 5));
    // Nor is it done by another once what is due was given.
    game.upload(players[0].trace.values[4]);
    game.send(players[0].keypair, due.clone()).unwrap();
    game.send(players[0].keypair, due).unwrap();
    let trace = &players[0].trace;
    let other = evidence_of(game.claim(), trace, Side::Executor, counter_root, 3).unwrap();
    game.upload(players[0].trace.values[2]);
    assert_eq!(game.refuses(0, Message::Evidence(other)), Rejection::NotDue);
}

#[test]
fn what_happens_in_another_pair_gives_a_running_clock_nothing() {
    let (mut game, players) = two_pairs();
    let [honest, hostile] = [1, 2].map(|at| pair_of(&game, &players[at]));
    let ends = pair(&game, honest).challenger_clock.ends().unwrap();
    game.now = Time(ends.0 - 1);
    let message = players[2].missing(&game).remove(0);
    game.send(players[2].keypair, message).unwrap();
    assert!(pair(&game, hostile).challenger_clock.ends().is_none(), "it has moved there");
    assert_eq!(pair(&game, honest).challenger_clock.ends(), Some(ends));
}

#[test]
fn who_moves_at_the_last_moment_has_the_grace_for_the_next_move() {
    let (mut game, players) = two_pairs();
    let at = pair_of(&game, &players[1]);
    let ends = pair(&game, at).challenger_clock.ends().unwrap();
    let message = players[0].missing(&game).remove(0);
    game.send(players[0].keypair, message).unwrap();
    game.now = Time(ends.0 - 1);
    let phase = pair(&game, at).phase.clone();
    let message = players[1].missing(&game).remove(0);
    game.send(players[1].keypair, message).unwrap();
    assert_ne!(pair(&game, at).phase, phase, "both are known, so it goes on");
    assert_eq!(pair(&game, at).challenger_clock.left(game.now), game.params.grace);
}

#[test]
fn a_pair_whose_clock_has_ended_is_not_saved_by_a_move_in_another() {
    let (mut game, players) = two_pairs();
    let [honest, hostile] = [1, 2].map(|at| pair_of(&game, &players[at]));
    for player in &players[1..] {
        let message = player.missing(&game).remove(0);
        game.send(player.keypair, message).unwrap();
    }
    hurry(&mut game, honest, Millis(5));
    game.now = game.now.after(Millis(5));
    let phases = [honest, hostile].map(|at| pair(&game, at).phase.clone());
    let message = players[0].missing(&game).remove(0);
    game.send(players[0].keypair, message).unwrap();
    assert_eq!(pair(&game, honest).phase, phases[0], "it waits for the tick");
    assert_ne!(pair(&game, hostile).phase, phases[1], "the other goes on");
    game.tick();
    assert_eq!(pair(&game, honest).outcome(), Some(Outcome::ExecutorTimeout));
}

#[test]
fn a_job_for_nothing_ends_without_a_transfer_of_nothing() {
    let mut game = Game::new(params(2), 2);
    let executor = Player::new(0, game.truth.clone());
    claim(&mut game, &executor);
    let mut job = game.job.clone();
    job.job.fee = Amount::ZERO;
    let done = step(&game.params, &job, &Entry::Tick.event(), game.claim().window_ends).unwrap();
    assert_eq!(done.state.phase, JobPhase::Final);
    let moved = transfers(&done.effects);
    assert!(!moved.is_empty() && moved.iter().all(|moved| moved.amount > Amount::ZERO));
}

#[test]
fn what_ends_in_the_very_moment_of_the_arbiters_return_has_ended() {
    let mut game = Game::new(params(2), 4);
    let executor = Player::new(0, lie(4, 2, 1));
    executor.take(&mut game).unwrap();
    let JobPhase::Taken(lease) = game.job.phase.clone() else { panic!("it was taken") };
    for (early, until) in [(0, lease.until), (1, Time(lease.until.0 - 1).after(game.params.grace))]
    {
        let (job, now) = (&game.job, Time(lease.until.0 - early));
        let back = step(&game.params, job, &Entry::Resumed.event(), now).unwrap().state;
        let JobPhase::Taken(kept) = back.phase else { panic!("it is taken still") };
        assert_eq!(kept.until, until, "{early} ms before the end");
    }
    executor.claim(&mut game).unwrap();
    Player::new(1, game.truth.clone()).commit(&mut game).unwrap();
    let (window, reveal) = (game.claim().window_ends, game.claim().reveal_ends);
    let back = |now| {
        let back = step(&game.params, &game.job, &Entry::Resumed.event(), now).unwrap().state;
        let claim = back.claims.last().unwrap();
        (claim.window_ends, claim.reveal_ends)
    };
    assert_eq!(back(window).0, window);
    assert!(back(Time(window.0 - 1)).0 > window);
    assert_eq!(back(reveal).1, reveal);
    assert!(back(Time(reveal.0 - 1)).1 > reveal);
}

#[test]
fn the_case_file_of_a_dispute_below_a_layer_is_that_of_the_pair_that_decided_it() {
    for order in [[0, 1, 2], [0, 2, 1]] {
        // The second's own lie comes first: its pair ends against it.
        let (mut game, players) = two_pairs_with(2);
        while game.outcome().is_none() {
            let said = order.into_iter().find_map(|at| {
                let player = &players[at];
                Some((player, player.missing(&game).into_iter().next()?))
            });
            let (player, message) = said.expect("somebody owes a move");
            message.required_blobs().into_iter().for_each(|blob| game.hold(blob));
            game.send(player.keypair, message).unwrap();
            game.serve();
        }
        let dispute = &game.claim().disputes[0];
        let decided = below(&game).unwrap().pair(&dispute.judged_under()).unwrap();
        assert_eq!(decided.outcome(), dispute.outcome());
        assert!(matches!(dispute.outcome(), Some(Outcome::Judged(_))));
        let ends: Vec<_> = below(&game).unwrap().pairs.iter().map(Pair::outcome).collect();
        assert_ne!(ends[0], ends[1]);
    }
}

#[test]
fn a_challenger_that_falls_silent_below_a_layer_times_out() {
    let mut game = Game::with_facts(params(2), deep::facts(5, &[3], 6), 1_000_000_000);
    let mut executor = Player::new(0, game.truth.clone());
    let mut liar = Player::new(1, lie(5, 1 << 2, 1));
    claim(&mut game, &executor);
    challenge(&mut game, &[&liar]);
    while below(&game).is_none_or(|below| below.pairs.is_empty()) {
        assert!(executor.react(&mut game) | liar.react(&mut game));
    }
    while executor.react(&mut game) {}
    game.pass(game.params.budget.0);
    assert_eq!(pair(&game, 0).outcome(), Some(Outcome::ChallengerTimeout));
    assert_eq!(game.claim().disputes[0].outcome(), Some(Outcome::ChallengerTimeout));
    assert_eq!(game.outcome(), Some(ClaimOutcome::Final));
}

#[test]
fn no_length_of_time_is_longer_than_ten_years() {
    let longest = 316_224_000_000;
    let with = |ms| Params { window: Millis(ms), lease: Millis(ms), ..params(2) };
    assert_eq!(with(longest).check(), Ok(()));
    let too_long = Err(ParamsError::TooLong { what: "window", got: longest + 1 });
    assert_eq!(with(longest + 1).check(), too_long);
}

#[test]
fn a_key_is_shown_by_its_first_four_bytes() {
    let key = crate::game::keypair(1).key();
    assert_eq!(key.short(), key.to_string()[..8]);
}

#[test]
fn a_message_needs_the_blobs_that_it_names() {
    for message in crate::wire::examples() {
        let contents = |tensors: &[TensorRef]| -> Vec<_> {
            tensors.iter().map(|tensor| tensor.content).collect()
        };
        let given = |tensors: &[(u32, TensorRef)]| -> Vec<_> {
            tensors.iter().map(|(_, tensor)| tensor.content).collect()
        };
        let due = match &message {
            Message::AdmitArtifact(admit) => vec![admit.manifest],
            Message::Job(job) => contents(&job.inputs),
            Message::Claim(claim) => contents(&claim.outputs),
            Message::Evidence(evidence) => given(&evidence.tensors),
            Message::StepEvidence(evidence) => {
                [given(&evidence.tensors), evidence.slices.into_iter().collect()].concat()
            }
            _ => Vec::new(),
        };
        assert_eq!(message.required_blobs(), due, "{}", message.kind());
        let names_some = matches!(
            message,
            Message::AdmitArtifact(_) | Message::Job(_) | Message::Claim(_) | Message::Evidence(_)
        );
        assert!(!names_some || !due.is_empty(), "{}", message.kind());
    }
}
