//! Who gets what: `sham_costs`, rewards, refunds, lapses. Conservation and single endings are invariants.

use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{FEE, Game, Machine, REQUESTER, START, keypair, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::lie;

fn total(game: &Game, numbers: impl IntoIterator<Item = u8>) -> u64 {
    numbers.into_iter().map(|number| game.wealth_of(number)).sum()
}

/// All of a slashed bond that can be paid out, less the arbiter's cost.
fn reward(game: &Game) -> u64 {
    game.params.executor_bond.percent(60).0 - game.params.judgement_cost.0
}

#[test]
fn half_of_a_reward_goes_to_the_first_commitments_and_half_by_moves() {
    let mut game = Game::new(Params { rewarded_commitments: 2, ..params(2) }, 8);
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let mut side: Vec<Player> = (1..=3).map(|key| Player::new(key, game.truth.clone())).collect();
    claim(&mut game, &liar);
    challenge(&mut game, &side.iter().collect::<Vec<_>>());
    // The third key, too late to be one of the first two, makes one reveal; the second makes the other move
    // and gives the evidence; the first does nothing.
    assert!(liar.react(&mut game) && side[2].react(&mut game));
    assert!(liar.react(&mut game) && side[1].react(&mut game) && side[1].react(&mut game));
    game.serve();
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    let reward = reward(&game);
    let (moves, first) = (reward / 2, reward - reward / 2);
    assert_eq!(game.wealth_of(1), START + first / 2);
    assert_eq!(game.wealth_of(2), START + first / 2 + moves * 2 / 3);
    assert_eq!(game.wealth_of(3), START + moves / 3);
    assert_eq!(game.ledger.balance(Account::Treasury), game.params.judgement_cost);
}

#[test]
fn without_moves_the_first_commitments_share_the_whole_reward() {
    // The first layer is wrong, which the openings already show; the executor gives the evidence itself.
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1, 1));
    let honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&honest]);
    assert!(liar.react(&mut game));
    game.serve();
    let verdict = Outcome::Judged(Verdict::ExecutorFault);
    assert_eq!(game.claim().disputes[0].outcome(), Some(verdict));
    assert_eq!(game.wealth_of(1), START + reward(&game));
}

#[test]
fn sybils_diluting_the_reward_dilute_only_half_of_it() {
    // Eight sybils who somehow know the true root commit first: whoever plays still earns half.
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let sybils: Vec<Player> = (2..10).map(|key| Player::new(key, game.truth.clone())).collect();
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &sybils.iter().chain([&honest]).collect::<Vec<_>>());
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert_eq!(game.wealth_of(1), START + reward(&game) / 2);
    assert_eq!(game.watch.replays, 1, "one counter root, one dispute, one replay");
}

#[test]
fn equal_counter_roots_are_one_side_and_different_ones_run_in_parallel() {
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let mut truthful: Vec<Player> =
        (1..=2).map(|key| Player::new(key, game.truth.clone())).collect();
    let mut shams: Vec<Player> = (3..=4).map(|key| Player::new(key, lie(8, 1 << 2, 2))).collect();
    claim(&mut game, &liar);
    let everybody: Vec<&Player> = truthful.iter().chain(&shams).collect();
    challenge(&mut game, &everybody);
    assert_eq!(game.claim().disputes.len(), 2);
    assert_eq!(game.claim().members(game.truth.root()).count(), 2);
    let [one, two] = &mut truthful[..] else { panic!() };
    let [three, four] = &mut shams[..] else { panic!() };
    play(&mut game, &mut [&mut liar, three, one, four, two]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert!([1, 2].iter().all(|key| game.wealth_of(*key) > START));
    let bond = game.params.challenger_bond.0;
    assert!([3, 4].iter().all(|key| game.wealth_of(*key) == START - bond));
}

#[test]
fn of_two_standing_counter_roots_only_the_true_one_is_rewarded() {
    // The sham agrees with the truth at the claim's first lie and lies itself later.
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1 << 2, 1));
    let mut sham = Player::new(1, lie(8, 1 << 5, 2));
    let mut honest = Player::new(2, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&sham, &honest]);
    play(&mut game, &mut [&mut liar, &mut sham, &mut honest]);
    let outcome = Some(Outcome::Judged(Verdict::ExecutorFault));
    assert!(game.claim().disputes.iter().all(|dispute| dispute.outcome() == outcome));
    assert_eq!(game.watch.runs, 1);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
    assert!(game.wealth_of(2) > START);
}

#[test]
fn a_counter_root_that_no_replay_bore_out_is_not_rewarded_without_a_run() {
    // One sham loses with the executor, the other's replay cannot be carried out: it stands, unproven.
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1 << 2, 1));
    let mut refuted = Player::new(1, lie(8, 1 << 2, 2));
    let mut unproven = Player::new(2, lie(8, 1 << 5, 3));
    claim(&mut game, &liar);
    challenge(&mut game, &[&refuted, &unproven]);
    while !matches!(phase_of(&game, &refuted), DisputePhase::Judging { .. }) {
        assert!(liar.react(&mut game) | refuted.react(&mut game));
    }
    game.serve();
    game.machine = Machine::FailsToReplay;
    play(&mut game, &mut [&mut liar, &mut unproven]);
    let outcomes: Vec<_> = [&refuted, &unproven]
        .map(|player| game.claim().dispute(&player.trace.root()).unwrap().outcome().unwrap())
        .into();
    let (both, none) = (Verdict::BothFault, Verdict::Inconclusive);
    assert_eq!(outcomes, [Outcome::Judged(both), Outcome::Judged(none)]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(game.watch.runs, 1, "the arbiter runs the program to tell whether it is true");
    assert_eq!(game.wealth_of(2), START - game.params.challenger_bond.0);
}

fn phase_of(game: &Game, player: &Player) -> DisputePhase {
    game.claim().dispute(&player.trace.root()).unwrap().phase.clone()
}

#[test]
fn a_rejected_claim_stays_rejected_if_the_arbiters_run_fails() {
    let mut game = Game::new(params(2), 8);
    game.machine = Machine::FailsToRun;
    let mut liar = Player::silent_after(0, lie(8, 1 << 2, 1), 0);
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    assert_eq!(game.wealth_of(1), START, "not rewarded, but not slashed for the arbiter's failure");
    assert_eq!(game.job.phase, JobPhase::Open);
}

#[test]
fn a_layer_that_runs_out_of_memory_cancels_the_claim_and_refunds_everybody() {
    let mut game = Game::new(params(2), 8);
    game.machine = Machine::FailsToReplay;
    let mut executor = Player::new(0, game.truth.clone());
    let mut other = Player::new(1, lie(8, 1 << 2, 1));
    claim(&mut game, &executor);
    challenge(&mut game, &[&other]);
    play(&mut game, &mut [&mut executor, &mut other]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Cancelled));
    assert_eq!(game.job.phase, JobPhase::Refunded(RefundReason::Cancelled));
    assert_eq!(total(&game, [0, 1, REQUESTER]), 3 * START);
    assert_eq!(game.wealth_of(0), START);
    assert_eq!(game.ledger.balance(Account::Burned), Amount::ZERO);
}

#[test]
fn an_inconclusive_dispute_does_not_save_a_challenger_who_lost_another() {
    let mut game = Game::new(params(2), 8);
    let mut executor = Player::new(0, game.truth.clone());
    let mut silent = Player::silent_after(1, lie(8, 1 << 6, 2), 0);
    let mut other = Player::new(2, lie(8, 1 << 2, 1));
    claim(&mut game, &executor);
    challenge(&mut game, &[&silent, &other]);
    game.machine = Machine::FailsToReplay;
    play(&mut game, &mut [&mut executor, &mut silent, &mut other]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Cancelled));
    assert_eq!(game.wealth_of(0), START);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
    assert_eq!(game.wealth_of(2), START);
}

#[test]
fn a_job_without_a_fee_moves_none() {
    let params = Params { least_fee: Amount::ZERO, ..params(2) };
    let game = Game::new(params.clone(), 3);
    let job = Job { fee: Amount::ZERO, ..game.job.job.clone() };
    let signed = Signed::new(keypair(REQUESTER), game.network, Message::Job(job.clone()));
    let held = job.inputs.iter().map(|input| input.content).collect();
    let ready = signed.verify(game.network).unwrap().ready(&held).unwrap();
    let facts = crate::toy::facts(3);
    let admitted = JobState::admit(&params, &ready, facts.clone(), Time(0)).unwrap();
    assert_eq!(admitted.effects, [Effect::Notice(Notice::JobAdmitted)]);
    let expired = step(&params, &admitted.state, &Event::Tick, job.deadline).unwrap();
    assert!(crate::game::transfers(&expired.effects).is_empty());
    let greedy = Params { least_fee: Amount(1), ..params };
    let refused = JobState::admit(&greedy, &ready, facts, Time(0));
    assert!(matches!(refused, Err(Rejection::Fee { .. })));
}

#[test]
fn lapsing_leases_cost_a_fee_that_doubles_and_bar_the_key() {
    let mut game = Game::new(params(2), 3);
    let mut paid = 0;
    for (key, fee) in [(0, 100), (1, 200), (2, 400), (3, 800)] {
        let lazy = Player::new(key, game.truth.clone());
        lazy.take(&mut game).unwrap();
        game.pass_deadline();
        paid += fee;
        assert_eq!(game.wealth_of(key), START - fee);
        assert_eq!(game.job.phase, JobPhase::Open);
        assert!(lazy.take(&mut game).is_err(), "barred");
    }
    assert_eq!(game.wealth_of(REQUESTER), START - FEE + paid);
    assert_eq!(game.job.attempt, 0, "a lapse is not an attempt");
}

#[test]
fn a_lapse_never_costs_more_than_the_bond() {
    let mut game = Game::new(Params { lapse_fee: Amount(1 << 14), ..params(2) }, 3);
    for (key, fee) in [(0, 1 << 14), (1, 1 << 15), (2, 50_000), (3, 50_000)] {
        Player::new(key, game.truth.clone()).take(&mut game).unwrap();
        game.pass_deadline();
        assert_eq!(game.wealth_of(key), START - fee);
    }
    let mut state = game.job.clone();
    state.lapses = u32::MAX;
    state.barred.clear();
    game.job = state;
    Player::new(4, game.truth.clone()).take(&mut game).unwrap();
    game.pass_deadline();
    assert_eq!(game.job.lapses, u32::MAX);
}

#[test]
fn re_opening_loops_end_after_three_attempts_and_refund_the_requester() {
    let mut game = Game::new(params(2), 8);
    for attempt in 0..3 {
        assert_eq!((game.job.attempt, &game.job.phase), (attempt, &JobPhase::Open));
        let key = attempt as u8;
        let mut liar = Player::new(key, lie(8, 1 << attempt, 1));
        let mut honest = Player::new(10, game.truth.clone());
        claim(&mut game, &liar);
        challenge(&mut game, &[&honest]);
        play(&mut game, &mut [&mut liar, &mut honest]);
        assert!(liar.take(&mut game).is_err(), "barred or over");
    }
    assert_eq!(game.job.phase, JobPhase::Refunded(RefundReason::Attempts));
    assert_eq!(game.wealth_of(REQUESTER), START);
}

#[test]
fn nobody_claims_and_the_requester_is_refunded_at_the_deadline() {
    let mut game = Game::with_job(params(2), 8, 7_000);
    game.pass(6_999);
    assert_eq!(game.job.phase, JobPhase::Open);
    game.pass(1);
    assert_eq!(game.job.phase, JobPhase::Refunded(RefundReason::Deadline));
    assert_eq!(game.wealth_of(REQUESTER), START);
}

#[test]
fn a_claim_rejected_after_the_deadline_refunds_at_once() {
    let mut game = Game::with_job(params(2), 8, 7_000);
    let mut liar = Player::new(0, lie(8, 1, 1));
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert_eq!(game.job.phase, JobPhase::Refunded(RefundReason::Deadline));
    assert_eq!(game.wealth_of(REQUESTER), START);
}

#[test]
fn a_correct_claim_made_in_time_is_paid_however_long_its_disputes_last() {
    let mut game = Game::with_job(params(2), 8, 7_000);
    let mut executor = Player::new(0, game.truth.clone());
    let mut liar = Player::silent_after(1, lie(8, 1, 1), 0);
    claim(&mut game, &executor);
    challenge(&mut game, &[&liar]);
    play(&mut game, &mut [&mut executor, &mut liar]);
    assert!(game.now > Time(7_000));
    assert_eq!(game.job.phase, JobPhase::Final);
}

proptest! {
    #![proptest_config(crate::game::cases(300))]

    /// `sham_costs`: an executor and all its challengers are one person, who loses at least 40% of a bond.
    #[test]
    fn self_challenge_to_get_the_bond_back_loses_at_least_40_percent(
        layers in 1u32..=8,
        told: u64,
        sybils in proptest::collection::vec((any::<u64>(), 0u32..8), 1..10),
        moves in 0u32..12,
    ) {
        let mut game = Game::new(params(2), layers);
        let executor = lie(layers, told % (1 << layers), 1);
        let mut everybody = vec![Player::silent_after(0, executor, moves)];
        for (key, (wrong, moves)) in (1..).zip(sybils) {
            let trace = lie(layers, wrong % (1 << layers), 1);
            everybody.push(Player::silent_after(key, trace, moves));
        }
        let challengers: Vec<&Player> = everybody.iter().skip(1).collect();
        claim(&mut game, &everybody[0]);
        challenge(&mut game, &challengers);
        play(&mut game, &mut everybody.iter_mut().collect::<Vec<_>>());
        let keys = everybody.len() as u64;
        let start = keys * START;
        let fee = if game.outcome() == Some(ClaimOutcome::Final) { FEE } else { 0 };
        let smallest = game.params.challenger_bond.0.min(game.params.executor_bond.0);
        let now = total(&game, 0..keys as u8);
        prop_assert!(now <= start + fee - smallest * 40 / 100, "{now} of {start}");
        if game.outcome() == Some(ClaimOutcome::Rejected) {
            prop_assert!(now <= start - game.params.executor_bond.0 * 40 / 100);
        }
    }
}
