//! Clocks: `no_late_move`, `winnable_stays`, `downtime_free`, and the one function that says who is late.

use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{FEE, Game, Refused, START, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::lie;

/// State 5 of 8 is the first wrong one: with arity 2 that takes two reveals by each side, then evidence.
pub const FIFTH: u64 = 1 << 4;

/// A correct claim of eight layers by key 0, challenged by keys 1, 2, … with those lies.
pub fn disputed(lies: &[u64]) -> (Game, Player, Vec<Player>) {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let liars: Vec<Player> =
        (1..).zip(lies).map(|(key, wrong)| Player::new(key, lie(8, *wrong, 9))).collect();
    claim(&mut game, &executor);
    challenge(&mut game, &liars.iter().collect::<Vec<_>>());
    (game, executor, liars)
}

pub fn left(game: &Game, dispute: usize, side: Side) -> u64 {
    let dispute = &game.claim().disputes[dispute];
    let clock = match side {
        Side::Executor => dispute.executor_clock,
        Side::Challenger => dispute.challenger_clock,
    };
    clock.left(game.now).0
}

pub fn outcome_of(game: &Game, liar: &Player) -> Option<Outcome> {
    game.claim().dispute(&liar.trace.root()).unwrap().outcome()
}

pub fn is_late(refused: Result<(), Refused>) -> bool {
    matches!(refused, Err(Refused::Rule(Rejection::Late)))
}

/// Sends the one move that `player` owes now.
pub fn send_missing(game: &mut Game, player: &Player) -> Result<(), Refused> {
    let message = player.missing(game).remove(0);
    if let Message::Evidence(evidence) = &message {
        game.upload(player.trace.values[evidence.layer as usize - 1]);
    }
    game.send(player.keypair, message)
}

#[test]
fn last_second_moves_count_and_moves_a_millisecond_later_do_not() {
    for (late_by, accepted) in [(0, false), (1, true)] {
        let (mut game, executor, mut liars) = disputed(&[FIFTH]);
        assert!(liars[0].react(&mut game));
        game.now = Time(game.now.0 + game.params.budget.0 - late_by);
        let sent = send_missing(&mut game, &executor);
        assert_eq!(sent.is_ok(), accepted);
        assert_eq!(is_late(sent), !accepted);
    }
}

#[test]
fn a_side_that_is_late_is_not_revived_by_the_other_sides_move() {
    let (mut game, mut executor, mut liars) = disputed(&[FIFTH]);
    assert!(executor.react(&mut game));
    game.pass(15_000);
    assert!(liars[0].react(&mut game));
    assert_eq!(left(&game, 0, Side::Challenger), 5_000);
    assert_eq!(left(&game, 0, Side::Executor), 20_000);
    // The challenger's clock has ended; the sweeper has not come by yet.
    game.now = game.now.after(Millis(5_000));
    assert!(is_late(send_missing(&mut game, &executor)));
    game.tick();
    assert_eq!(outcome_of(&game, &liars[0]), Some(Outcome::ChallengerTimeout));
    assert_eq!(game.job.phase, JobPhase::Final);
}

#[test]
fn a_side_that_is_late_in_one_dispute_is_not_revived_by_its_move_in_another() {
    let (mut game, mut executor, mut liars) = disputed(&[FIFTH, FIFTH | 1 << 5]);
    assert!(executor.react(&mut game));
    assert!(liars[0].react(&mut game) && liars[0].react(&mut game));
    game.pass(10_000);
    assert!(liars[1].react(&mut game) && liars[1].react(&mut game));
    // Both disputes wait for the same reveal, in one the clock runs since the start, in the other for less.
    game.now = game.now.after(Millis(10_000));
    assert!(send_missing(&mut game, &executor).is_ok(), "in time for the second dispute");
    game.tick();
    assert_eq!(outcome_of(&game, &liars[0]), Some(Outcome::ExecutorTimeout));
    assert_eq!(outcome_of(&game, &liars[1]), None);
}

/// Both owe the evidence; the challenger has less time left than the executor.
pub fn awaiting_evidence() -> (Game, Player, Player) {
    let (mut game, mut executor, mut liars) = disputed(&[FIFTH]);
    for _ in 0..2 {
        assert!(executor.react(&mut game));
        game.pass(2_000);
        assert!(liars[0].react(&mut game));
    }
    assert!(matches!(game.claim().disputes[0].phase, DisputePhase::AwaitingEvidence { layer: 5 }));
    assert!(left(&game, 0, Side::Executor) > left(&game, 0, Side::Challenger));
    (game, executor, liars.remove(0))
}

#[test]
fn evidence_is_late_by_the_givers_own_clock() {
    let (mut game, executor, liar) = awaiting_evidence();
    game.pass(left(&game, 0, Side::Challenger));
    assert_eq!(game.outcome(), None, "the executor can still give it");
    assert!(is_late(send_missing(&mut game, &liar)));
    game.pass(left(&game, 0, Side::Executor) - 1);
    assert!(send_missing(&mut game, &executor).is_ok());
    game.serve();
    assert_eq!(game.job.phase, JobPhase::Final);
}

#[test]
fn evidence_that_nobody_gives_is_the_fault_of_both() {
    for sweeper_late in [0, 1, 1_000_000] {
        let (mut game, executor, liar) = awaiting_evidence();
        let ends = next_deadline(&game.job).unwrap();
        assert_eq!(ends, game.now.after(Millis(left(&game, 0, Side::Executor))));
        game.now = ends.after(Millis(sweeper_late));
        assert!(is_late(send_missing(&mut game, &executor)));
        game.tick();
        assert_eq!(outcome_of(&game, &liar), Some(Outcome::BothTimeout));
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    }
}

#[test]
fn how_late_the_sweeper_comes_changes_no_outcome() {
    for sweeper_late in [0, 1, 14_999, 15_000, 15_001, 1_000_000] {
        let (mut game, mut executor, mut liars) = disputed(&[FIFTH]);
        assert!(executor.react(&mut game));
        game.pass(15_000);
        assert!(liars[0].react(&mut game));
        // From now on nobody moves: the challenger has 5 s left, the executor 20 s.
        game.now = game.now.after(Millis(5_000 + sweeper_late));
        game.tick();
        let outcome = outcome_of(&game, &liars[0]);
        assert_eq!(outcome, Some(Outcome::ChallengerTimeout), "{sweeper_late} ms late");
    }
}

#[test]
fn both_sides_silent_from_the_start_lose_both() {
    let (mut game, _, liars) = disputed(&[FIFTH]);
    game.pass(20_000);
    assert_eq!(outcome_of(&game, &liars[0]), Some(Outcome::BothTimeout));
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
}

#[test]
fn a_reply_leaves_the_other_side_at_least_the_grace() {
    let (mut game, executor, liars) = disputed(&[FIFTH]);
    game.pass(game.params.budget.0 - 1);
    assert!(send_missing(&mut game, &executor).is_ok());
    assert_eq!(left(&game, 0, Side::Challenger), game.params.grace.0);
    assert_eq!(left(&game, 0, Side::Executor), 1);
    game.pass(game.params.grace.0 - 1);
    assert!(send_missing(&mut game, &liars[0]).is_ok());
    for side in [Side::Executor, Side::Challenger] {
        assert_eq!(left(&game, 0, side), game.params.grace.0, "{side:?}");
    }
}

#[test]
fn bounded_delay_replies_cannot_stretch_a_dispute_beyond_its_rounds() {
    // Both use up everything and then every grace.
    let (mut game, executor, liars) = disputed(&[FIFTH]);
    let began = game.now;
    while game.outcome().is_none() {
        let first = left(&game, 0, Side::Executor).min(left(&game, 0, Side::Challenger));
        game.pass(first - 1);
        for player in [&executor, &liars[0]] {
            if !player.missing(&game).is_empty() {
                assert!(send_missing(&mut game, player).is_ok());
                game.serve();
                break;
            }
        }
    }
    let Params { budget, grace, .. } = game.params;
    assert!(game.now.since(began).0 <= 2 * budget.0 + 2 * (2 + 1) * grace.0);
}

#[test]
fn no_late_move_and_no_resolution_before_its_time() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let liar = Player::new(1, lie(8, FIFTH, 9));
    let unchanged_before = |game: &mut Game| {
        let deadline = next_deadline(&game.job).unwrap();
        game.now = Time(deadline.0 - 1);
        let before = game.job.clone();
        game.tick();
        assert_eq!(before, game.job, "a tick before the deadline");
        game.now = deadline;
    };
    executor.take(&mut game).unwrap();
    unchanged_before(&mut game);
    game.now = Time(game.now.0 - 1);
    executor.claim(&mut game).unwrap();
    liar.commit(&mut game).unwrap();
    unchanged_before(&mut game);
    game.tick();
    liar.reveal(&mut game).unwrap();
    unchanged_before(&mut game);
    game.tick();
    assert_eq!(game.claim().phase, ClaimPhase::Disputed);
    unchanged_before(&mut game);
    game.tick();
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
}

proptest! {
    #![proptest_config(crate::game::cases(300))]

    /// `winnable_stays`: both sides play on, each move after any delay that its clock still allows.
    #[test]
    fn winnable_stays_whatever_the_delays_within_the_clock(
        wrong in 1u64..256,
        executor_lies: bool,
        arity in prop_oneof![Just(2u32), Just(4), Just(16)],
        delays in proptest::collection::vec(0u64..=100, 40),
    ) {
        let mut game = Game::new(params(arity), 8);
        let (truth, lie) = (game.truth.clone(), lie(8, wrong, 9));
        let (told, counter) = if executor_lies { (lie, truth) } else { (truth, lie) };
        let (mut executor, mut challenger) = (Player::new(0, told), Player::new(1, counter));
        claim(&mut game, &executor);
        challenge(&mut game, &[&challenger]);
        for percent in delays {
            if game.outcome().is_some() {
                break;
            }
            let dispute = &game.claim().disputes[0];
            let clocks = [dispute.executor_clock, dispute.challenger_clock];
            let first = clocks.iter().filter_map(Clock::ends).min().unwrap();
            game.now = Time(game.now.0 + (first.0 - 1 - game.now.0) * percent / 100);
            let (first, second) = if percent % 2 == 0 {
                (&mut executor, &mut challenger)
            } else {
                (&mut challenger, &mut executor)
            };
            prop_assert!(first.react(&mut game) || second.react(&mut game));
            game.serve();
        }
        let outcome = if executor_lies { ClaimOutcome::Rejected } else { ClaimOutcome::Final };
        prop_assert_eq!(game.outcome(), Some(outcome));
    }

    #[test]
    fn a_clock_is_a_budget_that_only_grace_renews(
        budget in 0u64..2_000,
        steps in proptest::collection::vec((0u8..3, 0u64..700, 0u64..300), 0..60),
    ) {
        let mut clock = Clock::new(Millis(budget));
        let (mut now, mut left, mut runs) = (Time(5), budget, false);
        for (kind, wait, grace) in steps {
            now = now.after(Millis(wait));
            if runs {
                left = left.saturating_sub(wait);
            }
            match kind {
                0 => {
                    clock.start(now, Millis(grace));
                    (left, runs) = (left.max(grace), true);
                }
                1 => {
                    clock.stop(now);
                    runs = false;
                }
                _ => {}
            }
            prop_assert_eq!(clock.left(now), Millis(left));
            prop_assert_eq!(clock.ends().is_some(), runs);
            prop_assert_eq!(clock.is_late(now), runs && left == 0);
            if runs && left > 0 {
                prop_assert_eq!(clock.ends(), Some(now.after(Millis(left))));
            }
        }
    }

    #[test]
    fn a_gap_gives_a_running_clock_the_grace_within_its_budget(
        budget in 1u64..2_000,
        waits in proptest::collection::vec((0u64..700, 0u64..300), 0..60),
    ) {
        let mut clock = Clock::new(Millis(budget));
        clock.start(Time(0), Millis(0));
        let (mut now, mut given) = (Time(0), 0);
        for (wait, grace) in waits {
            now = now.after(Millis(wait));
            let before = clock.left(now);
            clock.extend(now, Millis(grace));
            let after = clock.left(now);
            prop_assert!(after >= before && after <= before.max(Millis(grace)));
            given += after.0 - before.0;
            prop_assert!(given <= budget);
            prop_assert!(after >= Millis(grace) || given == budget || before == Millis(0));
        }
        let mut stopped = Clock::new(Millis(budget));
        stopped.extend(now, Millis(u64::MAX));
        prop_assert_eq!(stopped, Clock::new(Millis(budget)));
    }

    #[test]
    fn who_is_late_first_stays_late_alone_whenever_one_looks(
        budgets in (0u64..50, 0u64..50),
        started in (0u64..50, 0u64..50),
        runs in (any::<bool>(), any::<bool>()),
    ) {
        let clock = |budget, start, runs| {
            let mut clock = Clock::new(Millis(budget));
            if runs {
                clock.start(Time(start), Millis(0));
            }
            clock
        };
        let executor = clock(budgets.0, started.0, runs.0);
        let challenger = clock(budgets.1, started.1, runs.1);
        let first = executor.ends().into_iter().chain(challenger.ends()).min();
        let mut verdict = None;
        for now in 50..200 {
            let standing = classify(Time(now), &executor, &challenger);
            match first.filter(|first| first.0 <= now) {
                None => prop_assert_eq!(standing, Standing::InTime(first)),
                Some(first) => {
                    let expected = match (executor.ends() == Some(first), challenger.ends() == Some(first)) {
                        (true, true) => Standing::BothLate,
                        (true, false) => Standing::ExecutorLate,
                        _ => Standing::ChallengerLate,
                    };
                    prop_assert_eq!(standing, expected);
                    prop_assert_eq!(*verdict.get_or_insert(standing), standing);
                }
            }
        }
    }

    #[test]
    fn times_never_panic(a: u64, b: u64) {
        prop_assert_eq!(Time(a).after(Millis(b)), Time(a.saturating_add(b)));
        prop_assert_eq!(Time(a).since(Time(b)), Millis(a.saturating_sub(b)));
        let mut clock = Clock::new(Millis(a));
        clock.start(Time(b), Millis(a));
        clock.extend(Time(a), Millis(b));
        clock.stop(Time(b));
        prop_assert_eq!(clock.ends(), None);
    }
}

#[test]
fn a_slow_game_still_pays_the_honest() {
    let (mut game, mut executor, mut liars) = disputed(&[FIFTH, 1 << 2]);
    let [one, other] = &mut liars[..] else { panic!() };
    play(&mut game, &mut [one, other, &mut executor]);
    assert_eq!(game.wealth_of(0), START + FEE + 2 * game.params.dispute_cost.0);
}
