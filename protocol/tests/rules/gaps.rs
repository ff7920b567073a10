//! `downtime_free`: after a gap in the arbiter's service what still runs leaves the grace, within bounds, and
//! what had run out stays so.

use gainsay_protocol::*;

use crate::clocks::{FIFTH, awaiting_evidence, disputed, is_late, left, outcome_of, send_missing};
use crate::game::{Entry, Game, params};
use crate::players::Player;
use crate::toy::lie;

#[test]
fn referee_outage_leaves_running_clocks_the_grace_and_stopped_ones_what_they_had() {
    let (mut game, mut executor, _) = disputed(&[FIFTH]);
    game.pass(1_000);
    assert!(executor.react(&mut game));
    game.pass(18_900);
    assert_eq!(left(&game, 0, Side::Challenger), 100);
    game.apply(Entry::Resumed).unwrap();
    assert_eq!(left(&game, 0, Side::Challenger), game.params.grace.0);
    assert_eq!(left(&game, 0, Side::Executor), 19_000);
}

#[test]
fn after_a_gap_a_long_clock_gets_nothing() {
    let (mut game, ..) = disputed(&[FIFTH]);
    game.pass(1_000);
    let before = game.job.clone();
    game.apply(Entry::Resumed).unwrap();
    assert_eq!(left(&game, 0, Side::Executor), 19_000);
    game.pass(18_999);
    assert_eq!(outcome_of(&game, &Player::new(1, lie(8, FIFTH, 9))), None);
    game.pass(1);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_ne!(before, game.job);
}

#[test]
fn a_gap_does_not_revive_who_was_late_before_it() {
    let (mut game, mut executor, mut liars) = disputed(&[FIFTH]);
    assert!(executor.react(&mut game));
    game.now = game.now.after(game.params.budget);
    game.apply(Entry::Resumed).unwrap();
    assert!(is_late(send_missing(&mut game, &liars[0])));
    game.tick();
    assert_eq!(outcome_of(&game, &liars[0]), Some(Outcome::ChallengerTimeout));
    assert!(!liars[0].react(&mut game));
}

#[test]
fn a_gap_changes_nothing_in_a_dispute_that_is_over_but_for_the_sweeper() {
    let (mut game, mut executor, mut liars) = disputed(&[FIFTH]);
    game.pass(14_800);
    assert!(executor.react(&mut game));
    game.pass(200);
    assert!(liars[0].react(&mut game));
    game.now = game.now.after(Millis(5_000));
    assert_eq!(left(&game, 0, Side::Executor), 200, "less than the grace");
    let before = game.job.clone();
    game.apply(Entry::Resumed).unwrap();
    assert_eq!(before, game.job);
}

#[test]
fn gaps_give_a_clock_at_most_its_budget_in_all() {
    let (mut game, _, _) = disputed(&[FIFTH]);
    let began = game.now;
    let mut gaps = 0;
    while game.outcome().is_none() {
        game.pass(left(&game, 0, Side::Executor) - 1);
        let before = left(&game, 0, Side::Executor);
        game.apply(Entry::Resumed).unwrap();
        gaps += 1;
        if left(&game, 0, Side::Executor) == before {
            game.pass_deadline();
        }
        assert!(gaps < 1_000, "an arbiter that restarts again and again freezes the dispute");
    }
    let budget = game.params.budget.0;
    assert!(gaps > 10);
    assert!(game.now.since(began).0 <= 2 * budget);
    assert!(game.now.since(began).0 >= 2 * budget - game.params.grace.0);
}

#[test]
fn after_a_gap_a_lease_a_window_and_a_reveal_time_have_the_grace() {
    let grace = params(2).grace.0;
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let liar = Player::new(1, lie(8, FIFTH, 9));
    executor.take(&mut game).unwrap();
    let lease = next_deadline(&game.job).unwrap();
    game.pass(game.params.lease.0 - 1);
    game.apply(Entry::Resumed).unwrap();
    assert_eq!(next_deadline(&game.job), Some(Time(lease.0 - 1 + grace)));
    executor.claim(&mut game).unwrap();
    game.pass(game.params.window.0 - 1);
    game.apply(Entry::Resumed).unwrap();
    let ends = Time(game.now.0 + grace);
    assert_eq!(game.claim().window_ends, ends);
    assert_eq!(game.claim().reveal_ends, ends.after(game.params.reveal));
    liar.commit(&mut game).unwrap();
    game.pass(grace + game.params.reveal.0 - 1);
    game.apply(Entry::Resumed).unwrap();
    assert_eq!(game.claim().reveal_ends, Time(game.now.0 + grace));
    assert_eq!(game.claim().window_ends, ends);
    game.pass(grace - 1);
    liar.reveal(&mut game).unwrap();
    game.pass(1);
    assert_eq!(game.claim().phase, ClaimPhase::Disputed);
}

#[test]
fn a_gap_changes_nothing_where_nothing_runs_out() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let unchanged = |game: &mut Game| {
        let before = game.job.clone();
        game.apply(Entry::Resumed).unwrap();
        assert_eq!(before, game.job);
    };
    unchanged(&mut game);
    executor.take(&mut game).unwrap();
    unchanged(&mut game);
    executor.claim(&mut game).unwrap();
    unchanged(&mut game);
    game.pass(20_000);
    assert_eq!(game.job.phase, JobPhase::Final);
    unchanged(&mut game);
}

#[test]
fn downtime_free_a_gap_is_on_nobodys_clock() {
    // Serving time stands still while the arbiter is down: the same game with many gaps ends the same.
    let run = |gaps: bool| {
        let (mut game, mut executor, mut liars) = disputed(&[FIFTH]);
        for _ in 0..6 {
            if gaps {
                game.apply(Entry::Resumed).unwrap();
            }
            executor.react(&mut game);
            liars[0].react(&mut game);
            game.serve();
        }
        assert_eq!(game.job.phase, JobPhase::Final);
        game.now
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_gap_while_evidence_is_owed_does_not_revive_the_side_that_was_late() {
    let (mut game, executor, liar) = awaiting_evidence();
    game.pass(left(&game, 0, Side::Challenger));
    game.apply(Entry::Resumed).unwrap();
    assert!(is_late(send_missing(&mut game, &liar)));
    assert!(send_missing(&mut game, &executor).is_ok());
}
