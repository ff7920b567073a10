//! Canaries: who may plant them, when they open, what they become, and whom they pay.

use std::collections::BTreeSet;

use gainsay_commitment::{Digest, content};
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{Game, Machine, START, deposit, keypair, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::lie;

/// The operator.
pub(crate) const OPERATOR: u8 = 102;
/// The log entry of the commitment; the game's job is admitted by the next.
const COMMITTED: u64 = 4;
const BONUS: u64 = 10_001;

fn ready(game: &Game, from: u8, message: Message) -> Ready {
    let signed = Signed::new(keypair(from), game.network, message);
    signed.verify(game.network).unwrap().ready(&BTreeSet::new()).unwrap()
}

fn reveal_of(game: &Game, executor: u8) -> CanaryReveal {
    CanaryReveal { job: game.job.id, executor: keypair(executor).key(), salt: [executor; 32] }
}

/// Commits to a lie of `executor` on the game's job, with the bonus in escrow.
pub(crate) fn plant(game: &mut Game, executor: u8, bonus: u64) -> Canary {
    if game.ledger.balance(Account::Free(keypair(OPERATOR).key())) == Amount::ZERO {
        game.ledger.post(&[deposit(keypair(OPERATOR).key(), START)]).unwrap();
    }
    let commitment = reveal_of(game, executor).commitment(game.network);
    let commit = CanaryCommit { commitments: vec![commitment], bonus: Amount(bonus) };
    let said = ready(game, OPERATOR, Message::CanaryCommit(commit.clone()));
    let escrow = commit.escrow(&game.params, &said, &BTreeSet::new()).unwrap();
    game.ledger.post(&escrow).unwrap();
    Canary { commitment, bonus: Amount(bonus), committed: COMMITTED, outcome: None }
}

fn planted(game: &Game) -> Option<Planted<'_>> {
    Some(Planted { job: &game.job, admitted: COMMITTED + 1, before: None })
}

fn try_open(
    game: &Game,
    canary: &Canary,
    executor: u8,
    planted: Option<Planted<'_>>,
) -> Result<Opened, CanaryError> {
    let reveal = reveal_of(game, executor);
    let said = ready(game, OPERATOR, Message::CanaryReveal(reveal.clone()));
    canary.open(&game.params, &said, &reveal, planted)
}

/// Opens a canary and moves its money: whatever it became, its escrow is empty and nothing is lost.
pub(crate) fn open(game: &mut Game, canary: &Canary, executor: u8) -> Opened {
    let opened = try_open(game, canary, executor, planted(game)).unwrap();
    game.ledger.post(&opened.transfers).unwrap();
    assert!(game.ledger.is_conserved());
    assert_eq!(game.ledger.balance(Account::Canary(canary.commitment)), Amount::ZERO);
    assert_eq!(opened.caught.is_some(), opened.outcome == CanaryOutcome::Caught);
    opened
}

/// A game in which key 0's lie is a canary, and the honest players who contradict it.
fn lied(challengers: std::ops::Range<u8>) -> (Game, Canary) {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let mut honest: Vec<Player> =
        challengers.map(|key| Player::new(key, game.truth.clone())).collect();
    claim(&mut game, &liar);
    challenge(&mut game, &honest.iter().collect::<Vec<_>>());
    let mut everybody: Vec<&mut Player> = honest.iter_mut().chain([&mut liar]).collect();
    play(&mut game, &mut everybody);
    (game, canary)
}

#[test]
fn a_bonus_is_in_escrow_from_the_commitment_on_and_conservation_counts_it() {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    assert_eq!(game.ledger.balance(Account::Canary(canary.commitment)), Amount(BONUS));
    assert_eq!(game.wealth_of(OPERATOR), START - BONUS);
    assert!(game.ledger.is_conserved());
    let free = plant(&mut game, 1, 0);
    assert_eq!(game.ledger.balance(Account::Canary(free.commitment)), Amount::ZERO);
}

#[test]
fn a_caught_canary_pays_its_bonus_to_who_committed_to_the_true_root() {
    let (mut game, canary) = lied(1..4);
    let before: Vec<u64> = (1..4).map(|key| game.wealth_of(key)).collect();
    let operator = game.wealth_of(OPERATOR);
    let opened = open(&mut game, &canary, 0);
    assert_eq!(opened.outcome, CanaryOutcome::Caught);
    let share = BONUS / 3;
    for (key, before) in (1..4).zip(before) {
        assert_eq!(game.wealth_of(key), before + share);
    }
    assert_eq!(game.wealth_of(OPERATOR), operator + BONUS - 3 * share, "what does not divide");
    let caught = opened.caught.unwrap();
    assert_eq!(caught.challengers, 3);
    let first = game.job.claims[0].challenges[0].admitted;
    assert_eq!(caught.after, first.since(game.job.claims[0].admitted));
    assert!(caught.after > Millis(0));
}

#[test]
fn the_first_commitments_share_the_bonus_as_they_share_the_reward() {
    let mut rules = params(2);
    rules.rewarded_commitments = 2;
    let (mut game, canary) = lied(1..5);
    game.params = rules;
    let before: Vec<u64> = (1..5).map(|key| game.wealth_of(key)).collect();
    let opened = open(&mut game, &canary, 0);
    assert_eq!(opened.caught.unwrap().challengers, 4, "all of them caught it");
    let gained: Vec<u64> =
        (1..5).zip(before).map(|(key, before)| game.wealth_of(key) - before).collect();
    assert_eq!(gained, [BONUS / 2, BONUS / 2, 0, 0]);
}

#[test]
fn a_sham_who_contradicts_a_canary_with_another_lie_gets_nothing_of_the_bonus() {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    let mut liar = Player::new(0, lie(8, 1 << 2, 1));
    let mut sham = Player::new(1, lie(8, 1 << 5, 2));
    let mut honest = Player::new(2, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&sham, &honest]);
    play(&mut game, &mut [&mut liar, &mut sham, &mut honest]);
    assert_eq!(game.watch.runs, 1, "both counter roots stood; the arbiter's run told the true one");
    let before = game.wealth_of(2);
    let opened = open(&mut game, &canary, 0);
    assert_eq!(opened.caught.unwrap().challengers, 1);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
    assert_eq!(game.wealth_of(2), before + BONUS);
}

#[test]
fn a_missed_canary_gives_the_bonus_back() {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    let liar = Player::new(0, lie(8, 1 << 4, 1));
    claim(&mut game, &liar);
    game.pass_deadline();
    assert_eq!(game.outcome(), Some(ClaimOutcome::Final));
    assert_eq!(open(&mut game, &canary, 0).outcome, CanaryOutcome::Missed);
    assert_eq!(game.wealth_of(OPERATOR), START);
}

#[test]
fn a_canary_stays_hidden_until_its_claim_has_ended() {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    let hidden = |game: &Game| {
        assert_eq!(try_open(game, &canary, 0, planted(game)), Err(CanaryError::NotEnded));
    };
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let mut honest = Player::new(1, game.truth.clone());
    hidden(&game);
    liar.take(&mut game).unwrap();
    hidden(&game);
    liar.claim(&mut game).unwrap();
    hidden(&game);
    honest.commit(&mut game).unwrap();
    game.pass_deadline();
    assert_eq!(game.claim().phase, ClaimPhase::Revealing);
    hidden(&game);
    honest.reveal(&mut game).unwrap();
    game.pass_deadline();
    assert_eq!(game.claim().phase, ClaimPhase::Disputed);
    hidden(&game);
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert!(!game.job.is_terminal(), "the job is open to others; what the claim was can be told");
    assert_eq!(open(&mut game, &canary, 0).outcome, CanaryOutcome::Caught);
}

#[test]
fn a_canary_of_a_job_that_somebody_else_did_is_void() {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    let other = Player::new(3, game.truth.clone());
    claim(&mut game, &other);
    assert_eq!(try_open(&game, &canary, 0, planted(&game)), Err(CanaryError::NotEnded));
    game.pass_deadline();
    assert_eq!(open(&mut game, &canary, 0).outcome, CanaryOutcome::Void);
    assert_eq!(game.wealth_of(OPERATOR), START);
}

#[test]
fn a_canary_whose_executor_let_the_lease_lapse_is_void_at_once() {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    Player::new(0, game.truth.clone()).take(&mut game).unwrap();
    game.pass_deadline();
    assert_eq!(game.job.phase, JobPhase::Open);
    assert_eq!(open(&mut game, &canary, 0).outcome, CanaryOutcome::Void);
}

#[test]
fn a_canary_whose_job_was_never_admitted_is_void() {
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    let opened = try_open(&game, &canary, 0, None).unwrap();
    assert_eq!((opened.outcome, opened.transfers.len()), (CanaryOutcome::Void, 1));
}

#[test]
fn a_commitment_that_came_after_the_job_pays_nobody() {
    let (game, canary) = lied(1..2);
    for admitted in [0, COMMITTED - 1, COMMITTED] {
        let late = Planted { job: &game.job, admitted, before: None };
        let opened = try_open(&game, &canary, 0, Some(late)).unwrap();
        assert_eq!((opened.outcome, opened.caught), (CanaryOutcome::Void, None));
        assert!(opened.transfers.iter().all(|paid| paid.kind == TransferKind::CanaryRefund));
    }
    let opened = try_open(&game, &canary, 0, planted(&game)).unwrap();
    assert_eq!(opened.outcome, CanaryOutcome::Caught);
}

#[test]
fn of_two_commitments_to_one_claim_only_one_is_paid() {
    let (game, canary) = lied(1..2);
    let again =
        Planted { job: &game.job, admitted: COMMITTED + 1, before: Some(content(b"another")) };
    let opened = try_open(&game, &canary, 0, Some(again)).unwrap();
    assert_eq!(opened.outcome, CanaryOutcome::Void);
    let [back] = &opened.transfers[..] else { panic!("{:?}", opened.transfers) };
    assert_eq!((back.kind, back.amount), (TransferKind::CanaryRefund, Amount(BONUS)));
}

#[test]
fn a_commitment_opens_once_and_only_to_what_was_committed_to() {
    let (game, canary) = lied(1..2);
    for outcome in CanaryOutcome::ALL {
        let opened = Canary { outcome: Some(outcome), ..canary };
        let refused = try_open(&game, &opened, 0, planted(&game));
        assert_eq!(refused, Err(CanaryError::Opened(outcome)));
    }
    let right = reveal_of(&game, 0);
    let wrong = [
        CanaryReveal { job: JobId(MessageId(content(b"another job"))), ..right.clone() },
        CanaryReveal { executor: keypair(1).key(), ..right.clone() },
        CanaryReveal { salt: [9; 32], ..right.clone() },
    ];
    for reveal in wrong {
        let said = ready(&game, OPERATOR, Message::CanaryReveal(reveal.clone()));
        let refused = canary.open(&game.params, &said, &reveal, planted(&game)).unwrap_err();
        assert_eq!(refused, CanaryError::Unknown(reveal.commitment(game.network)));
    }
    let elsewhere = NetworkId(content(b"another network"));
    assert_ne!(right.commitment(elsewhere), right.commitment(game.network));
}

#[test]
fn only_the_operator_commits_and_reveals() {
    let (game, canary) = lied(1..2);
    for somebody in [0, 1, 100, 101] {
        let commit = CanaryCommit { commitments: vec![content(b"c")], bonus: Amount(1) };
        let said = ready(&game, somebody, Message::CanaryCommit(commit.clone()));
        let refused = commit.escrow(&game.params, &said, &BTreeSet::new());
        assert_eq!(refused, Err(CanaryError::NotOperator));
        let reveal = reveal_of(&game, 0);
        let said = ready(&game, somebody, Message::CanaryReveal(reveal.clone()));
        let refused = canary.open(&game.params, &said, &reveal, planted(&game));
        assert_eq!(refused, Err(CanaryError::NotOperator));
    }
}

#[test]
fn a_message_commits_to_1_to_256_canaries_and_to_none_twice() {
    let game = Game::new(params(2), 8);
    let said = |commitments: Vec<Digest>, known: &[Digest]| {
        let commit = CanaryCommit { commitments, bonus: Amount(5) };
        let said = ready(&game, OPERATOR, Message::CanaryCommit(commit.clone()));
        commit.escrow(&game.params, &said, &known.iter().copied().collect())
    };
    let many = |count: u32| (0..count).map(|at| content(&at.to_le_bytes())).collect::<Vec<_>>();
    assert_eq!(said(vec![], &[]), Err(CanaryError::Count(0)));
    assert_eq!(said(many(257), &[]), Err(CanaryError::Count(257)));
    let escrow = said(many(256), &[]).unwrap();
    assert_eq!(escrow.len(), 256);
    assert!(escrow.iter().all(|transfer| transfer.amount == Amount(5)));
    let [one, two] = [content(b"one"), content(b"two")];
    assert_eq!(said(vec![one, two, one], &[]), Err(CanaryError::Repeated(one)));
    assert_eq!(said(vec![one, two], &[two]), Err(CanaryError::Repeated(two)));
    assert!(said(vec![one], &[two]).is_ok());
}

#[test]
fn a_bonus_stays_below_what_a_slash_burns() {
    let game = Game::new(params(2), 8);
    // Of 50,000 at 60 percent, 20,000 are burned.
    assert_eq!(game.params.most_bonus(), Amount(19_999));
    let said = |bonus| {
        let commit = CanaryCommit { commitments: vec![content(b"c")], bonus: Amount(bonus) };
        let said = ready(&game, OPERATOR, Message::CanaryCommit(commit.clone()));
        commit.escrow(&game.params, &said, &BTreeSet::new())
    };
    assert!(said(19_999).is_ok());
    let most = Amount(19_999);
    assert_eq!(said(20_000), Err(CanaryError::Bonus { bonus: Amount(20_000), most }));
}

#[test]
fn the_cap_holds_for_the_bond_that_was_slashed_whatever_was_escrowed() {
    // The commitment was made under a larger bond than the job's.
    let (mut game, mut canary) = lied(1..3);
    let large = 49_999;
    canary.bonus = Amount(large);
    let more = Transfer {
        debit: Account::Free(keypair(OPERATOR).key()),
        credit: Account::Canary(canary.commitment),
        amount: Amount(large - BONUS),
        kind: TransferKind::CanaryEscrow,
        cause: MessageId(content(b"more")),
    };
    game.ledger.post(&[more]).unwrap();
    let before = game.wealth_of(1) + game.wealth_of(2);
    open(&mut game, &canary, 0);
    let share = 19_999 / 2;
    assert_eq!(game.wealth_of(1) + game.wealth_of(2), before + 2 * share);
    assert_eq!(game.wealth_of(OPERATOR), START - 2 * share);
}

#[test]
fn a_canary_that_nobody_showed_the_truth_about_pays_nobody() {
    // The executor equivocated: no counter root was rewarded.
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    let liar = Player::new(0, lie(8, 1 << 4, 1));
    claim(&mut game, &liar);
    let [one, other] = [liar.trace.clone(), lie(8, 1 << 2, 7)].map(|trace| {
        let claim = crate::players::claim_of(&game.job, &trace);
        Signed::new(keypair(0), game.network, Message::Claim(claim))
    });
    let proof = Equivocation::prove(game.network, one, other).unwrap();
    game.send(keypair(5), Message::Equivocation(proof)).unwrap();
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(open(&mut game, &canary, 0).outcome, CanaryOutcome::Void);
    // The executor timed out and the arbiter's run failed: nobody knows the true root.
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    game.machine = Machine::FailsToRun;
    let mut liar = Player::silent_after(0, lie(8, 1 << 2, 1), 0);
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert_eq!(open(&mut game, &canary, 0).outcome, CanaryOutcome::Void);
    // The dispute was inconclusive.
    let mut game = Game::new(params(2), 8);
    let canary = plant(&mut game, 0, BONUS);
    game.machine = Machine::FailsToReplay;
    let mut liar = Player::new(0, lie(8, 1 << 2, 1));
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Cancelled));
    assert_eq!(open(&mut game, &canary, 0).outcome, CanaryOutcome::Void);
    assert_eq!(game.wealth_of(OPERATOR), START);
}

#[test]
fn of_a_job_opened_again_each_executors_claim_is_its_own_canary() {
    let mut game = Game::new(params(2), 8);
    let canaries = [0, 1, 2].map(|executor| plant(&mut game, executor, BONUS));
    for (executor, wrong) in [(0, 1 << 4), (1, 1 << 6)] {
        let mut liar = Player::new(executor, lie(8, wrong, 1));
        let mut honest = Player::new(10, game.truth.clone());
        claim(&mut game, &liar);
        challenge(&mut game, &[&honest]);
        play(&mut game, &mut [&mut liar, &mut honest]);
    }
    let last = Player::new(2, lie(8, 1, 1));
    claim(&mut game, &last);
    game.pass_deadline();
    assert_eq!(game.job.phase, JobPhase::Final);
    let became = [0, 1, 2].map(|at| open(&mut game, &canaries[usize::from(at)], at).outcome);
    assert_eq!(became, [CanaryOutcome::Caught, CanaryOutcome::Caught, CanaryOutcome::Missed]);
}

#[test]
fn outcomes_of_canaries_have_names_of_their_own() {
    let names: BTreeSet<&str> = CanaryOutcome::ALL.map(CanaryOutcome::name).into();
    assert_eq!(names, BTreeSet::from(["caught", "missed", "void"]));
}

#[test]
fn a_canarys_messages_change_no_job() {
    let (mut game, _) = lied(1..2);
    let reveal = Message::CanaryReveal(reveal_of(&game, 0));
    let commit = CanaryCommit { commitments: vec![content(b"c")], bonus: Amount(1) };
    for message in [reveal, Message::CanaryCommit(commit)] {
        let kind = message.kind();
        assert_eq!(game.refuses(OPERATOR, message), Rejection::WrongKind { kind });
    }
}

proptest! {
    /// `sham_costs`: an executor whose lie the operator calls a canary and all its challengers are one person; the slash and
    /// the bonus together never pay the bond.
    #[test]
    fn a_slash_and_a_bonus_together_never_pay_the_bond(bond in 1u64.., percent in 0u8..=60) {
        let rules = Params { executor_bond: Amount(bond), payout_percent: percent, ..params(2) };
        let paid = Amount(bond).percent(percent).0 as u128 + rules.most_bonus().0 as u128;
        prop_assert!(paid < u128::from(bond));
        prop_assert_eq!(paid + 1, u128::from(bond), "and it is the largest such");
    }

    /// The bonus is paid whole, to the challengers and the operator, and each challenger gets the same.
    #[test]
    fn every_credit_of_a_bonus_goes_somewhere(bonus in 0u64..20_000, challengers in 1u8..6) {
        let (game, canary) = lied(1..1 + challengers);
        let canary = Canary { bonus: Amount(bonus), ..canary };
        let opened = try_open(&game, &canary, 0, planted(&game)).unwrap();
        let sum: u64 = opened.transfers.iter().map(|paid| paid.amount.0).sum();
        prop_assert_eq!(sum, bonus);
        let paid = opened.transfers.iter().filter(|paid| paid.kind == TransferKind::CanaryBonus);
        let shares: BTreeSet<u64> = paid.map(|paid| paid.amount.0).collect();
        prop_assert!(shares.len() <= 1);
    }
}
