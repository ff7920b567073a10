//! Attacks of PROTOCOL section 9, one test each, named after it.

use gainsay_commitment::{Digest, NodeId, Opening, StateList, content};
use gainsay_protocol::*;

use crate::game::{Entry, FEE, Game, Refused, START, keypair, params};
use crate::players::{Player, challenge, claim, claim_of, play, reveal_of, salt};
use crate::toy::{Lies, Trace, lie};

fn forged(game: &Game, forger: u64) -> Trace {
    Trace::forged(game.layers(), game.input(), game.truth.output(), forger)
}

/// Says everything again that was ever said: nothing changes by it.
fn say_everything_again(game: &mut Game) {
    let before = (game.job.clone(), game.ledger.clone());
    for (_, entry) in game.log.clone() {
        let _ = game.apply(entry);
        assert_eq!((&game.job, &game.ledger), (&before.0, &before.1));
    }
}

#[test]
fn an_accomplice_commits_the_true_root_first_and_stalls() {
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let mut accomplice = Player::silent_after(1, game.truth.clone(), 0);
    let mut honest = Player::new(2, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&accomplice, &honest]);
    play(&mut game, &mut [&mut liar, &mut accomplice, &mut honest]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert!(game.wealth_of(2) > game.wealth_of(1), "moves are half of the reward");
    assert!(game.wealth_of(0) + game.wealth_of(1) < 2 * START);
}

#[test]
fn an_executor_that_times_out_to_many_garbage_roots_rewards_none_of_them() {
    let mut game = Game::new(params(2), 8);
    let mut executor = Player::silent_after(0, game.truth.clone(), 0);
    let mut shams: Vec<Player> =
        (1..=8).map(|key| Player::new(key, lie(8, 1 << 4, key.into()))).collect();
    claim(&mut game, &executor);
    challenge(&mut game, &shams.iter().collect::<Vec<_>>());
    let mut all: Vec<&mut Player> = shams.iter_mut().chain([&mut executor]).collect();
    play(&mut game, &mut all);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(game.watch.runs, 1);
    let bond = game.params.challenger_bond.0;
    assert!((1..=8).all(|key| game.wealth_of(key) == START - bond));
    assert!(!game.log.iter().any(|(_, entry)| matches!(entry, Entry::Judged(..))));
}

#[test]
fn conceding_by_time_out_to_a_sham_while_an_honest_challenger_plays() {
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::silent_after(0, lie(8, 1 << 4, 1), 0);
    let mut sham = Player::new(1, lie(8, 1 << 5, 2));
    let mut honest = Player::new(2, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&sham, &honest]);
    play(&mut game, &mut [&mut liar, &mut sham, &mut honest]);
    assert!(game.wealth_of(2) > START);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
}

#[test]
fn two_planted_lies_so_that_a_sham_root_wins_at_the_later_one() {
    // The sham shares the first lie, is right at the second, and so beats the claim: with the honest
    // challenger there, two roots stand, and the run tells which is true.
    let mut game = Game::new(params(2), 8);
    let both = Trace::lying(8, *b"the data", 1 << 1 | 1 << 5, Lies::Inconsistent, 1);
    let first = Trace::lying(8, *b"the data", 1 << 1, Lies::Inconsistent, 1);
    let mut liar = Player::new(0, both);
    let mut sham = Player::new(1, first);
    let mut honest = Player::new(2, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&sham, &honest]);
    play(&mut game, &mut [&mut liar, &mut sham, &mut honest]);
    let of = |player: &Player| game.claim().dispute(&player.trace.root()).unwrap().clone();
    assert_eq!((of(&sham).layer(), of(&honest).layer()), (Some(6), Some(2)));
    assert_eq!(of(&sham).outcome(), Some(Outcome::Judged(Verdict::ExecutorFault)));
    assert_eq!(game.watch.runs, 1);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
    assert!(game.wealth_of(2) > START);
}

#[test]
fn mass_false_alarms_against_one_executor_only_pay_it() {
    let mut game = Game::new(params(2), 8);
    let mut executor = Player::new(0, game.truth.clone());
    let mut liars: Vec<Player> =
        (1..=12).map(|key| Player::new(key, lie(8, 1 << (key % 8), key.into()))).collect();
    claim(&mut game, &executor);
    challenge(&mut game, &liars.iter().collect::<Vec<_>>());
    let mut all: Vec<&mut Player> = liars.iter_mut().chain([&mut executor]).collect();
    play(&mut game, &mut all);
    assert_eq!(game.job.phase, JobPhase::Final);
    assert_eq!(game.wealth_of(0), START + FEE + 12 * game.params.dispute_cost.0);
}

#[test]
fn resource_exhaustion_by_many_small_disputes_is_bounded_by_the_tree() {
    // `bounded_work`: each inner node is revealed at most once, each layer judged for as many roots as there are.
    for liars in [1u8, 4, 16] {
        let mut game = Game::new(params(2), 8);
        let mut executor = Player::new(0, game.truth.clone());
        let mut all: Vec<Player> =
            (1..=liars).map(|key| Player::new(key, lie(8, 1 << 4, key.into()))).collect();
        claim(&mut game, &executor);
        challenge(&mut game, &all.iter().collect::<Vec<_>>());
        play(&mut game, &mut all.iter_mut().chain([&mut executor]).collect::<Vec<_>>());
        assert_eq!(game.watch.executor_reveals, 2, "as many as for one challenger");
    }
}

#[test]
fn copying_a_challenge_before_it_lands_is_useless() {
    let mut game = Game::new(params(2), 8);
    let liar = Player::new(0, lie(8, 1 << 4, 1));
    let honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    let id = game.claim_id();
    let commitment = challenge_commitment(
        game.network,
        honest.trace.root(),
        &salt(honest.key()),
        honest.key(),
        id,
    );
    let copy = Message::Commit(Commit { claim: id, commitment });
    game.send(keypair(2), copy).unwrap();
    honest.commit(&mut game).unwrap();
    game.pass_deadline();
    // The copycat sees the reveal and sends it as its own.
    honest.reveal(&mut game).unwrap();
    let stolen = reveal_of(id, &honest.trace, honest.key());
    assert_eq!(game.refuses(2, Message::Reveal(stolen)), Rejection::Commitment);
    game.pass_deadline();
    assert_eq!(game.wealth_of(2), START - game.params.challenger_bond.0);
    assert_eq!(game.claim().challenges.len(), 1);
}

#[test]
fn free_commitments_that_scare_others_off_cost_the_bond() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    claim(&mut game, &executor);
    for key in 1..=3 {
        Player::new(key, lie(8, key.into(), 1)).commit(&mut game).unwrap();
    }
    game.pass_deadline();
    assert_eq!(game.claim().phase, ClaimPhase::Revealing, "shown as challenged");
    game.pass_deadline();
    assert_eq!(game.job.phase, JobPhase::Final);
    let bond = game.params.challenger_bond.0;
    assert!((1..=3).all(|key| game.wealth_of(key) == START - bond));
    assert_eq!(game.ledger.balance(Account::Burned), Amount(3 * bond));
    assert_eq!(game.notices.iter().filter(|n| **n == Notice::ChallengeForfeited).count(), 3);
}

#[test]
fn lazy_challengers_who_repeat_the_claims_own_root_lose_their_bond() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let fan = Player::new(1, game.truth.clone());
    claim(&mut game, &executor);
    challenge(&mut game, &[&fan]);
    assert_eq!(game.job.phase, JobPhase::Final);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
    assert_eq!(game.wealth_of(0), START + FEE, "and pays the executor nothing");
}

#[test]
fn an_executor_cannot_challenge_itself_under_its_own_key() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    claim(&mut game, &executor);
    assert!(matches!(executor.commit(&mut game), Err(Refused::Rule(Rejection::OwnClaim { .. }))));
}

#[test]
fn bricking_by_many_children_is_refused() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let liar = Player::new(1, lie(8, 1 << 4, 1));
    claim(&mut game, &executor);
    challenge(&mut game, &[&liar]);
    let Message::Dissection(good) = liar.missing(&game).remove(0) else { panic!() };
    for count in [0, 1, 3, 4, 256, 10_000] {
        let children = vec![good.children[0]; count];
        let bad = Dissection { children, ..good.clone() };
        let refused = game.refuses(1, Message::Dissection(bad));
        assert!(matches!(refused, Rejection::Dissection(_)), "{refused}");
    }
    for node in [NodeId { level: 255, index: u32::MAX }, NodeId { level: 0, index: 4 }] {
        let bad = Dissection { node, ..good.clone() };
        game.refuses(1, Message::Dissection(bad));
    }
}

#[test]
fn a_wrong_hash_changes_nothing_so_a_hostile_member_cannot_spoil_a_side() {
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let mut honest = Player::new(1, game.truth.clone());
    let spoiler = Player::new(2, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&spoiler, &honest]);
    while game.outcome().is_none() {
        if let Some(Message::Dissection(mut bad)) = spoiler.missing(&game).pop() {
            bad.children.reverse();
            let refused = game.refuses(2, Message::Dissection(bad));
            assert!(matches!(refused, Rejection::Dissection(_)));
        }
        assert!(liar.react(&mut game) | honest.react(&mut game));
        game.serve();
    }
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
}

#[test]
fn a_move_is_accepted_from_its_own_side_only() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let [one, other] = [1, 2].map(|key| Player::new(key, lie(8, 1 << 4, key.into())));
    let outsider = 9;
    claim(&mut game, &executor);
    challenge(&mut game, &[&one, &other]);
    for (owner, wrong) in [(&executor, [1, 2, outsider]), (&one, [0, 2, outsider])] {
        let message = owner.missing(&game).remove(0);
        for key in wrong {
            let refused = game.refuses(key, message.clone());
            assert!(matches!(refused, Rejection::NotASide { .. }), "{refused}");
        }
        game.send(owner.keypair, message).unwrap();
    }
}

#[test]
fn done_by_another_counts_as_done() {
    // `done_by_another` and `once_only`: the second to send it is not refused, and nothing happens twice.
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::silent_after(0, lie(8, 1 << 4, 1), 2);
    let pair = [1, 2].map(|key| Player::new(key, game.truth.clone()));
    claim(&mut game, &liar);
    challenge(&mut game, &[&pair[0], &pair[1]]);
    while game.outcome().is_none() {
        liar.react(&mut game);
        if let Some(message) = pair[0].missing(&game).pop() {
            if let Message::Evidence(evidence) = &message {
                game.upload(pair[0].trace.values[evidence.layer as usize - 1]);
            }
            game.send(pair[0].keypair, message.clone()).unwrap();
            let before = game.job.clone();
            for player in [&pair[1], &pair[0]] {
                game.send(player.keypair, message.clone()).unwrap();
                assert_eq!(game.job, before);
            }
        }
        game.serve();
    }
    assert_eq!(game.watch.replays, 1);
    assert_eq!(game.claim().disputes[0].moves[&pair[0].key()], 3);
    assert!(!game.claim().disputes[0].moves.contains_key(&pair[1].key()));
}

#[test]
fn once_only_saying_everything_again_changes_nothing_at_any_point() {
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, 1 << 4, 1));
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    say_everything_again(&mut game);
    challenge(&mut game, &[&honest]);
    while game.outcome().is_none() {
        let log = game.log.clone();
        let before = game.job.clone();
        for (_, entry) in log {
            if matches!(entry, Entry::Message(_) | Entry::Evidence(..)) {
                let _ = game.apply(entry);
                assert_eq!(game.job, before);
            }
        }
        assert!(liar.react(&mut game) | honest.react(&mut game));
        game.serve();
    }
    say_everything_again(&mut game);
}

#[test]
fn moves_after_resolution_are_refused() {
    let mut game = Game::new(params(2), 8);
    let mut executor = Player::new(0, game.truth.clone());
    let mut liar = Player::new(1, lie(8, 1 << 4, 1));
    claim(&mut game, &executor);
    challenge(&mut game, &[&liar]);
    play(&mut game, &mut [&mut executor, &mut liar]);
    assert_eq!(game.job.phase, JobPhase::Final);
    let said: Vec<_> = game.log.clone();
    for (_, entry) in said {
        let refused = match entry {
            Entry::Message(ready) | Entry::Evidence(ready, _) => {
                game.deliver(ready.signed().clone()).is_err()
            }
            Entry::Judged(..) | Entry::StepJudged(..) | Entry::Ran(..) => {
                game.apply(entry).is_err()
            }
            Entry::Tick | Entry::Resumed => continue,
        };
        assert!(refused);
    }
    say_everything_again(&mut game);
}

#[test]
fn out_of_order_resolution_is_refused() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    let liar = Player::new(1, lie(8, 1 << 4, 1));
    let early = |game: &mut Game| {
        let before = game.job.clone();
        let nobodys = ClaimId(MessageId(Digest::default()));
        let claim = game.job.claim().map_or(nobodys, |claim| claim.id);
        for claim in [claim, nobodys] {
            let verdict = Entry::Judged(claim, liar.trace.root(), Verdict::ExecutorFault);
            assert!(game.apply(verdict).is_err());
            assert!(game.apply(Entry::Ran(claim, Some(liar.trace.root()))).is_err());
        }
        assert_eq!(game.job, before);
    };
    early(&mut game);
    claim(&mut game, &executor);
    early(&mut game);
    challenge(&mut game, &[&liar]);
    early(&mut game);
}

#[test]
fn a_non_empty_padding_leaf_is_refused_at_the_door() {
    // Six states leave two padding leaves. The trap repeats the last state there; its root is one no honest
    // tree has, and the opening of the last state shows the padding.
    let honest = Trace::honest(5, *b"the data");
    let mut game = Game::new(params(2), 5);
    let executor = Player::new(0, honest.clone());
    executor.take(&mut game).unwrap();
    game.upload(honest.output());
    let mut message = claim_of(&game.job, &honest);
    let depth = message.last.siblings.len();
    for level in 0..depth {
        let mut trap = message.clone();
        trap.last.siblings[level] = content(b"a trap");
        let refused = game.refuses(0, Message::Claim(trap));
        assert!(matches!(refused, Rejection::Opening(_)), "{refused}");
    }
    message.last.siblings.push(Digest::default());
    assert!(matches!(game.refuses(0, Message::Claim(message)), Rejection::Opening(_)));
}

#[test]
fn a_malformed_agreed_state_is_the_fault_of_both_who_agreed_on_it() {
    // Both swear to the same impossible state 2 and differ at 3.
    let other_slot = StateList(vec![(77, crate::toy::tensor(*b"whatever").digest())]);
    let two_tensors = StateList(vec![(2, content(b"a")), (3, content(b"b"))]);
    let odd = TensorRef { dtype: 9, shape: vec![1, 8], content: content(b"whatever") };
    let other_type = StateList(vec![(2, odd.digest())]);
    for list in [StateList::default(), other_slot, two_tensors, other_type.clone()] {
        let mut game = Game::new(params(2), 8);
        let [mut liar, mut sham] = [0, 1]
            .map(|key| Player::new(key, lie(8, 1 << 2, key.into()).with_list(2, list.clone())));
        claim(&mut game, &liar);
        challenge(&mut game, &[&sham]);
        while !matches!(game.claim().disputes[0].phase, DisputePhase::AwaitingEvidence { .. }) {
            assert!(liar.react(&mut game) | sham.react(&mut game));
        }
        let Message::Evidence(mut evidence) = sham.missing(&game).remove(0) else { panic!() };
        if list == other_type {
            evidence.tensors = vec![(2, odd.clone())];
            game.upload(*b"whatever");
        }
        game.upload(sham.trace.values[2]);
        game.send(sham.keypair, Message::Evidence(evidence)).unwrap();
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
        let outcome = game.claim().disputes[0].outcome();
        assert_eq!(outcome, Some(Outcome::Judged(Verdict::BothFault)));
        assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
        assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
        assert_eq!(game.watch.replays, 0);
    }
}

#[test]
fn withheld_data_is_the_fault_of_both_who_swore_to_it() {
    let mut game = Game::new(params(2), 8);
    let [mut liar, mut sham] =
        [0, 1].map(|key| Player::new(key, lie(8, 1 << 2, key.into()).with_unknown_tensor(2)));
    claim(&mut game, &liar);
    challenge(&mut game, &[&sham]);
    play(&mut game, &mut [&mut liar, &mut sham]);
    assert_eq!(game.claim().disputes[0].outcome(), Some(Outcome::BothTimeout));
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    assert_eq!(game.wealth_of(1), START - game.params.challenger_bond.0);
}

#[test]
fn garbage_claims_racing_for_jobs_are_refused_or_slashed() {
    let mut game = Game::new(params(2), 8);
    let racer = Player::new(0, forged(&game, 1));
    racer.take(&mut game).unwrap();
    game.upload(game.truth.output());
    let good = claim_of(&game.job, &racer.trace);
    let with = |change: fn(&mut Claim)| {
        let mut claim = good.clone();
        change(&mut claim);
        Message::Claim(claim)
    };
    let bad = [
        with(|claim| claim.root = Digest::default()),
        with(|claim| claim.layers = 7),
        with(|claim| claim.layers = 0),
        with(|claim| claim.layers = u32::MAX),
        with(|claim| claim.attempt = 1),
        with(|claim| claim.outputs.clear()),
        with(|claim| claim.outputs.push(claim.outputs[0].clone())),
        with(|claim| claim.outputs[0].dtype = 2),
        with(|claim| claim.outputs[0].shape = vec![2, 4]),
        with(|claim| std::mem::swap(&mut claim.first, &mut claim.last)),
        with(|claim| claim.first = Opening { index: 0, siblings: Vec::new() }),
        with(|claim| claim.job = JobId(MessageId(Digest::default()))),
    ];
    for message in bad {
        game.refuses(0, message);
    }
    game.refuses(1, Message::Claim(good.clone()));
    let unknown = TensorRef { content: content(b"withheld"), ..good.outputs[0].clone() };
    let withheld = Message::Claim(Claim { outputs: vec![unknown], ..good.clone() });
    assert!(matches!(game.send(racer.keypair, withheld), Err(Refused::Blobs(_))));
    game.send(racer.keypair, Message::Claim(good.clone())).unwrap();
    game.refuses(0, Message::Claim(good));
    let mut honest = Player::new(1, game.truth.clone());
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut honest]);
    assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
    let job = game.job.id;
    game.refuses(0, Message::Take(Take { job, attempt: 1 }));
}
