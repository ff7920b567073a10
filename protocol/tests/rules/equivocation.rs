//! Equivocation: what proves it, what it costs, and the attacks on it.

use gainsay_commitment::Opening;
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{Game, REQUESTER, Refused, START, keypair, params};
use crate::players::{Player, challenge, claim, claim_of, play};
use crate::toy::{Trace, lie};

/// A claim as signed by a key.
fn signed(game: &Game, number: u8, claim: Claim) -> Signed {
    Signed::new(keypair(number), game.network, Message::Claim(claim))
}

/// What key 0 says of an attempt, telling `trace`.
fn said(game: &Game, attempt: u32, trace: &Trace) -> Signed {
    signed(game, 0, Claim { attempt, ..claim_of(&game.job, trace) })
}

/// Key 0 said two things at attempt 0.
fn proof(game: &Game, one: &Trace, other: &Trace) -> Message {
    let claims = [one, other].map(|trace| said(game, 0, trace));
    let [one, other] = claims;
    Message::Equivocation(Equivocation::prove(game.network, one, other).unwrap())
}

fn refused_as(refused: Result<Equivocation, EquivocationError>) -> EquivocationError {
    refused.unwrap_err()
}

/// A game with a wrong claim by key 0 on eight layers, and the proof that it had said something else as well.
fn caught() -> (Game, Player, Message) {
    let mut game = Game::new(params(2), 8);
    let liar = Player::new(0, lie(8, 1 << 4, 1));
    claim(&mut game, &liar);
    let proof = proof(&game, &liar.trace, &lie(8, 1 << 2, 7));
    (game, liar, proof)
}

#[test]
fn two_claims_of_one_key_for_one_attempt_reject_the_claim_without_a_game() {
    let (mut game, _, proof) = caught();
    game.send(keypair(5), proof).unwrap();
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!((game.job.phase.clone(), game.job.attempt), (JobPhase::Open, 1));
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    let cost = game.params.ledger.proof_cost;
    assert_eq!(game.wealth_of(5), START + cost.0, "the metered cost and no more");
    assert_eq!(game.ledger.balance(Account::Burned), game.params.executor_bond.less(cost));
    assert!(game.notices.contains(&Notice::Equivocated));
    let barred = game.refuses(0, Message::Take(Take { job: game.job.id, attempt: 1 }));
    assert!(matches!(barred, Rejection::Barred { .. }));
}

#[test]
fn a_true_claim_does_not_save_who_also_signed_another() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    claim(&mut game, &executor);
    let proof = proof(&game, &executor.trace, &lie(8, 1, 1));
    game.send(keypair(5), proof).unwrap();
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
}

#[test]
fn neither_of_the_two_claims_need_be_the_one_admitted() {
    let (mut game, _, _) = caught();
    let proof = proof(&game, &lie(8, 1, 5), &lie(8, 2, 6));
    game.send(keypair(5), proof).unwrap();
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
}

#[test]
fn whoever_holds_a_job_and_signs_two_claims_loses_the_bond_before_any_is_admitted() {
    let mut game = Game::new(params(2), 8);
    Player::new(0, game.truth.clone()).take(&mut game).unwrap();
    let proof = proof(&game, &game.truth, &lie(8, 1, 1));
    game.send(keypair(5), proof).unwrap();
    assert_eq!((game.job.phase.clone(), game.job.attempt), (JobPhase::Open, 0));
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    assert_eq!(game.wealth_of(5), START + game.params.ledger.proof_cost.0);
}

#[test]
fn an_equivocation_proof_as_an_escape_from_challengers() {
    // At every moment of a game that it loses, the liar has an accomplice prove that it equivocated.
    for moment in 0..6u8 {
        let (mut game, mut liar, proof) = caught();
        let mut honest = Player::new(1, game.truth.clone());
        let mut sham = Player::new(2, lie(8, 1 << 6, 9));
        let (bond, ledger) = (game.params.executor_bond.0, game.params.ledger.clone());
        honest.commit(&mut game).unwrap();
        sham.commit(&mut game).unwrap();
        if moment > 0 {
            game.pass_deadline();
            honest.reveal(&mut game).unwrap();
            sham.reveal(&mut game).unwrap();
        }
        if moment > 1 {
            game.pass_deadline();
            for _ in 2..moment {
                assert!(liar.react(&mut game) | honest.react(&mut game) | sham.react(&mut game));
            }
        }
        game.send(keypair(5), proof).unwrap();
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected), "moment {moment}");
        assert!(game.claim().disputes.iter().all(|d| d.outcome() == Some(Outcome::Equivocation)));
        let escaped = game.wealth_of(0) + game.wealth_of(5);
        assert_eq!(escaped, 2 * START - bond + ledger.proof_cost.0, "the whole bond is lost");
        let repaid = if moment > 0 { ledger.challenge_cost.0 } else { 0 };
        assert_eq!(game.wealth_of(1), START + repaid, "moment {moment}");
        assert_eq!(game.wealth_of(2), START + repaid, "not yet lost is freed");
        // Even with every challenger its own, two fifths of the bond are gone.
        assert!(game.ledger.balance(Account::Burned).0 * 100 >= bond * 40);
    }
}

#[test]
fn a_challenger_who_had_lost_already_stays_slashed() {
    let (mut game, mut liar, proof) = caught();
    let mut stalls = Player::silent_after(1, lie(8, 1 << 6, 9), 0);
    let mut honest = Player::new(2, game.truth.clone());
    let shams: [&Player; 2] = [&stalls, &honest];
    challenge(&mut game, &shams);
    // Everybody moves but one, whose clock ends while the liar is in time in the other dispute.
    for _ in 0..30 {
        if game.claim().dispute(&stalls.trace.root()).unwrap().outcome().is_some() {
            break;
        }
        if !(liar.react(&mut game) | stalls.react(&mut game)) {
            game.pass_deadline();
        }
        honest.react(&mut game);
    }
    let lost = game.claim().dispute(&stalls.trace.root()).unwrap().outcome();
    assert_eq!(lost, Some(Outcome::ChallengerTimeout));
    if game.outcome().is_none() {
        game.send(keypair(5), proof).unwrap();
    }
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
    assert!(game.wealth_of(2) >= START + game.params.ledger.challenge_cost.0);
}

#[test]
fn false_equivocation_by_resending_or_re_opening() {
    let (mut game, liar, _) = caught();
    let network = game.network;
    let once = said(&game, 0, &liar.trace);
    // The same bytes, another signature of the same content, another opening of the same content.
    let same = refused_as(Equivocation::prove(network, once.clone(), once.clone()));
    assert_eq!(same, EquivocationError::Same);
    let mut claim_again = claim_of(&game.job, &liar.trace);
    claim_again.attempt = 0;
    claim_again.first = Opening { index: 0, siblings: Vec::new() };
    let opened_otherwise = signed(&game, 0, claim_again);
    let same = refused_as(Equivocation::prove(network, once.clone(), opened_otherwise));
    assert_eq!(same, EquivocationError::Same);
    // Another attempt at the re-opened job, and another job.
    let re_opened = said(&game, 1, &lie(8, 1, 1));
    let other = refused_as(Equivocation::prove(network, once.clone(), re_opened));
    assert_eq!(other, EquivocationError::Acts("attempts"));
    let elsewhere = Claim {
        job: JobId(MessageId(gainsay_commitment::content(b"another job"))),
        attempt: 0,
        ..claim_of(&game.job, &lie(8, 1, 1))
    };
    let other = refused_as(Equivocation::prove(network, once.clone(), signed(&game, 0, elsewhere)));
    assert_eq!(other, EquivocationError::Acts("jobs"));
    // Somebody else's claim for the same attempt.
    let theirs = Claim { attempt: 0, ..claim_of(&game.job, &lie(8, 1, 1)) };
    let strange = refused_as(Equivocation::prove(network, once, signed(&game, 3, theirs)));
    assert!(matches!(strange, EquivocationError::Signers { .. }));
    // Whoever sends such a pair all the same is refused, and the claim runs on.
    let [one, other] = [0, 1].map(|attempt| Box::new(said(&game, attempt, &liar.trace)));
    let refused = game.refuses(5, Message::Equivocation(Equivocation { one, other }));
    assert!(matches!(refused, Rejection::Equivocation(_)));
    assert_eq!(game.outcome(), None);
}

#[test]
fn copying_a_proof_before_it_lands() {
    let (mut game, _, proof) = caught();
    // The copycat sees the proof on its way and is first; the prover comes second.
    game.send(keypair(6), proof.clone()).unwrap();
    assert!(matches!(game.refuses(5, proof), Rejection::Ended("rejected")));
    let cost = game.params.ledger.proof_cost.0;
    assert_eq!(
        game.wealth_of(6),
        START + cost,
        "a copy earns the metered cost of a proof, no more"
    );
    assert_eq!(game.wealth_of(5), START);
    let burned = game.ledger.balance(Account::Burned).0;
    assert_eq!(burned, game.params.executor_bond.0 - cost);
}

#[test]
fn proofs_that_do_not_hold_change_nothing() {
    let (mut game, liar, proof) = caught();
    let Message::Equivocation(good) = proof else { panic!() };
    let swapped = Equivocation { one: good.other.clone(), other: good.one.clone() };
    let refused = game.refuses(5, Message::Equivocation(swapped));
    assert_eq!(refused, Rejection::Equivocation(EquivocationError::Order), "one encoding");
    let mut forged = good.clone();
    forged.other.signature = forged.one.signature;
    let refused = game.refuses(5, Message::Equivocation(forged));
    let said = refused.to_string();
    assert!(matches!(refused, Rejection::Equivocation(EquivocationError::Envelope(_))), "{said}");
    let foreign = NetworkId(gainsay_commitment::content(b"another network"));
    let [one, other] = [&liar.trace, &lie(8, 1, 1)].map(|trace| {
        let claim = Claim { attempt: 0, ..claim_of(&game.job, trace) };
        Signed::new(keypair(0), foreign, Message::Claim(claim))
    });
    let there = Equivocation::prove(foreign, one, other).unwrap();
    let refused = game.refuses(5, Message::Equivocation(there));
    assert!(matches!(refused, Rejection::Equivocation(EquivocationError::Envelope(_))));
    let take =
        Signed::new(keypair(0), game.network, Message::Take(Take { job: game.job.id, attempt: 0 }));
    let refused = Equivocation { one: Box::new(take), other: good.other }.verify(game.network);
    assert_eq!(refused, Err(EquivocationError::NotAClaim { kind: "take" }));
}

#[test]
fn a_key_with_nothing_at_stake_at_that_attempt_is_not_what_a_claim_falls_by() {
    let (mut game, _, _) = caught();
    // A stranger signs two claims for the attempt that another key claimed.
    let [one, other] = [1, 2].map(|wrong| {
        let claim = Claim { attempt: 0, ..claim_of(&game.job, &lie(8, wrong, 1)) };
        signed(&game, 3, claim)
    });
    let theirs = Equivocation::prove(game.network, one, other).unwrap();
    assert_eq!(game.refuses(3, Message::Equivocation(theirs)), Rejection::NoClaim);
    assert_eq!(game.outcome(), None);
}

#[test]
fn a_proof_after_the_end_finds_no_bond() {
    // Final: the window passed before the proof came, whether or not the sweeper had come.
    for swept in [0, 1] {
        let (mut game, _, proof) = caught();
        game.now = game.claim().window_ends;
        if swept == 1 {
            game.tick();
        }
        let refused = game.refuses(5, proof);
        assert_eq!(refused, Rejection::Ended("final"), "swept: {swept}");
    }
    // Rejected: by a game, and at the attempt before.
    let (mut game, mut liar, proof) = caught();
    let mut honest = Player::new(1, game.truth.clone());
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert_eq!(game.refuses(5, proof.clone()), Rejection::Ended("rejected"));
    let next = Player::new(2, game.truth.clone());
    claim(&mut game, &next);
    assert_eq!(game.refuses(5, proof), Rejection::Ended("rejected"));
    assert_eq!(game.outcome(), None, "the next attempt is another act");
    assert_eq!(game.wealth_of(REQUESTER), START - game.job.job.fee.0);
}

#[test]
fn a_lease_that_ran_out_is_a_lapse_and_no_equivocation_any_more() {
    let mut game = Game::new(params(2), 8);
    Player::new(0, game.truth.clone()).take(&mut game).unwrap();
    let proof = proof(&game, &game.truth, &lie(8, 1, 1));
    game.now = game.now.after(game.params.lease);
    assert_eq!(game.refuses(5, proof), Rejection::NoClaim);
}

proptest! {
    #![proptest_config(crate::game::cases(64))]

    /// Content is program, n, trace root and outputs: a pair proves something if and only if one of them differs.
    #[test]
    fn only_a_difference_in_content_is_an_equivocation(
        root: bool, layers: bool, output: bool, first: bool, last: bool, resigned: bool,
    ) {
        let game = Game::new(params(2), 8);
        let one = claim_of(&game.job, &game.truth);
        let mut other = one.clone();
        let odd = gainsay_commitment::content(b"odd");
        if root { other.root = odd; }
        if layers { other.layers += 1; }
        if output { other.outputs[0].content = odd; }
        if first { other.first.siblings.push(odd); }
        if last { other.last.index += 1; }
        let (one, mut other) = (signed(&game, 0, one), signed(&game, 0, other));
        if resigned { other.signature = Signature([7; 64]); }
        let proven = Equivocation::prove(game.network, one, other);
        let differs = root || layers || output;
        match proven {
            Ok(proof) => {
                prop_assert!(differs && !resigned);
                prop_assert_eq!(proof.verify(game.network).unwrap().key, keypair(0).key());
            }
            Err(EquivocationError::Same) => prop_assert!(!differs),
            Err(other) => prop_assert!(resigned && differs, "{}", other),
        }
    }

    /// However many challengers there are, at most the payable share leaves the bond, and nobody gets more than was spent.
    #[test]
    fn costs_are_repaid_in_equal_parts_out_of_the_payable_share(
        challengers in 0u8..12, challenge_cost in 0u64..3_500, proof_cost in 0u64..1_000,
    ) {
        let mut rules = params(2);
        rules.rewarded_commitments = 8;
        rules.ledger.challenge_cost = Amount(challenge_cost);
        rules.ledger.proof_cost = Amount(proof_cost);
        prop_assume!(rules.check().is_ok());
        let mut game = Game::new(rules, 8);
        let liar = Player::new(0, lie(8, 1 << 4, 1));
        claim(&mut game, &liar);
        let proof = proof(&game, &liar.trace, &lie(8, 1, 7));
        let honest: Vec<Player> = (1..=challengers).map(|key| Player::new(key, game.truth.clone())).collect();
        for challenger in &honest { challenger.commit(&mut game).unwrap(); }
        if challengers > 0 {
            game.pass_deadline();
            for challenger in &honest { challenger.reveal(&mut game).unwrap(); }
        }
        game.send(keypair(15), proof).unwrap();
        let payable = game.params.executor_bond.percent(60).0;
        let part = challenge_cost.min(payable.checked_div(challengers.into()).unwrap_or(0));
        for key in 1..=challengers { prop_assert_eq!(game.wealth_of(key), START + part); }
        let left = payable - part * u64::from(challengers);
        prop_assert_eq!(game.wealth_of(15), START + proof_cost.min(left));
    }
}

#[test]
fn a_poor_prover_needs_no_money() {
    let (mut game, _, proof) = caught();
    let pauper = keypair(50);
    assert!(matches!(game.send(pauper, proof), Ok(()) | Err(Refused::Ledger(_))));
    assert_eq!(game.wealth(pauper.key()), game.params.ledger.proof_cost.0);
}
