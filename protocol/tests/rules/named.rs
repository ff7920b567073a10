//! Invariants of PROTOCOL section 8 and attacks of section 9 that have no file of their own, one test each, named after it.

use gainsay_commitment::{Digest, NodeId, Opening};
use gainsay_protocol::*;

use crate::clocks::{FIFTH, disputed};
use crate::game::{Entry, FEE, Game, Machine, Refused, START, keypair, params};
use crate::players::{Player, challenge, claim, claim_of, play, reveal_of};
use crate::toy::{Trace, lie};

/// A wrong claim, or a correct one, against one challenger who says the opposite, played to its end.
fn ended(wrong: bool, machine: Machine) -> Game {
    let mut game = Game::new(Params { attempts: 1, ..params(2) }, 8);
    game.machine = machine;
    let (truth, liar) = (game.truth.clone(), lie(8, FIFTH, 9));
    let (told, counter) = if wrong { (liar, truth) } else { (truth, liar) };
    let (mut executor, mut challenger) = (Player::new(0, told), Player::new(1, counter));
    claim(&mut game, &executor);
    challenge(&mut game, &[&challenger]);
    play(&mut game, &mut [&mut executor, &mut challenger]);
    game
}

/// A job in each of its last states.
fn every_end() -> Vec<Game> {
    let mut expired = Game::with_job(params(2), 8, 7_000);
    expired.pass(7_000);
    let games = vec![
        ended(false, Machine::Works),
        ended(true, Machine::Works),
        ended(true, Machine::FailsToReplay),
        expired,
    ];
    let phases: Vec<_> = games.iter().map(|game| game.job.phase.clone()).collect();
    let refunded = [RefundReason::Attempts, RefundReason::Cancelled, RefundReason::Deadline];
    let [attempts, cancelled, deadline] = refunded.map(JobPhase::Refunded);
    assert_eq!(phases, [JobPhase::Final, attempts, cancelled, deadline]);
    games
}

/// The honest move at once, the others at the last millisecond of their clocks, until the claim has ended.
fn stall(game: &mut Game, honest: &mut [&mut Player], slow: &mut [Player]) {
    while game.outcome().is_none() {
        while honest.iter_mut().any(|player| player.react(game)) {}
        game.serve();
        let Some(deadline) = next_deadline(&game.job) else { continue };
        game.now = game.now.max(Time(deadline.0 - 1));
        let mut moved = false;
        for player in slow.iter_mut() {
            while player.react(game) {
                moved = true;
            }
        }
        game.serve();
        if !moved && game.outcome().is_none() {
            game.pass_deadline();
            game.serve();
        }
    }
}

#[test]
fn bond_ends_once_however_often_its_end_is_asked_for() {
    for mut game in every_end() {
        let before = (game.job.clone(), game.ledger.clone());
        for (_, entry) in game.log.clone() {
            let _ = game.apply(entry);
        }
        if let Some(claim) = game.job.claim().map(|claim| (claim.id, claim.claim.root)) {
            for verdict in [Verdict::ExecutorFault, Verdict::ChallengerFault, Verdict::Inconclusive]
            {
                assert!(game.apply(Entry::Judged(claim.0, claim.1, verdict)).is_err());
            }
            assert!(game.apply(Entry::Ran(claim.0, Some(claim.1))).is_err());
        }
        assert_eq!((&game.job, &game.ledger), (&before.0, &before.1));
        let bonds = game.ledger.accounts().filter(|(at, _)| matches!(at, Account::Bond(_)));
        assert!(bonds.map(|(_, held)| held).all(|held| held == Amount::ZERO));
    }
}

#[test]
fn terminal_absorbs_whatever_is_said_and_however_late() {
    for mut game in every_end() {
        game.now = game.now.after(Millis(1_000_000_000));
        let before = (game.job.clone(), game.ledger.clone());
        for message in crate::wire::examples() {
            message.required_blobs().into_iter().for_each(|blob| game.hold(blob));
            for key in [0, 1, 7] {
                let said = game.send(keypair(key), message.clone());
                assert!(said.is_err(), "{} accepted after the end", message.kind());
            }
        }
        let (job, attempt) = (game.job.id, game.job.attempt);
        let take = Message::Take(Take { job, attempt });
        assert!(matches!(game.refuses(7, take), Rejection::NotOpen { .. }));
        for entry in [Entry::Tick, Entry::Resumed] {
            game.apply(entry).unwrap();
        }
        assert_eq!((&game.job, &game.ledger), (&before.0, &before.1));
        assert_eq!(next_deadline(&game.job), None);
    }
}

#[test]
fn bounded_work_does_not_grow_with_the_number_of_challengers() {
    for challengers in [1u8, 2, 8, 16] {
        let mut game = Game::new(params(2), 8);
        let mut liar = Player::new(0, lie(8, FIFTH, 1));
        let mut side: Vec<Player> =
            (1..=challengers).map(|key| Player::new(key, game.truth.clone())).collect();
        claim(&mut game, &liar);
        challenge(&mut game, &side.iter().collect::<Vec<_>>());
        play(&mut game, &mut side.iter_mut().chain([&mut liar]).collect::<Vec<_>>());
        let work = (game.watch.executor_reveals, game.watch.replays, game.watch.runs);
        assert_eq!(work, (2, 1, 0), "{challengers} challengers");
    }
}

#[test]
fn sham_costs_and_changes_nothing_for_others() {
    // The liar's own sham, right where the claim is wrong and wrong later, silent or not, takes nothing from the honest.
    let with_sham = |moves: Option<u32>| {
        let mut game = Game::new(params(2), 8);
        let mut liar = Player::new(0, lie(8, 1 << 2, 1));
        let mut sham = Player::silent_after(1, lie(8, 1 << 5, 2), moves.unwrap_or_default());
        let mut honest = Player::new(2, game.truth.clone());
        claim(&mut game, &liar);
        match moves {
            Some(_) => challenge(&mut game, &[&sham, &honest]),
            None => challenge(&mut game, &[&honest]),
        }
        play(&mut game, &mut [&mut liar, &mut sham, &mut honest]);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
        game
    };
    let alone = with_sham(None);
    for moves in [0, 1, 2, 100] {
        let game = with_sham(Some(moves));
        assert_eq!(game.wealth_of(2), alone.wealth_of(2), "the honest get what they would have");
        let of_both = |game: &Game| game.wealth_of(0) + game.wealth_of(1);
        let lost = of_both(&alone) - of_both(&game);
        assert!(lost >= game.params.challenger_bond.percent(40).0, "{lost}");
    }
}

#[test]
fn isolation_a_hostile_dispute_delays_no_other() {
    let lies = [FIFTH, 1 << 2, 1 << 6];
    let ended_of_first = |lies: &[u64]| {
        let (mut game, mut executor, liars) = disputed(lies);
        let [first, hostile @ ..] = &liars[..] else { panic!() };
        let root = first.trace.root();
        let mut first = Player::new(1, first.trace.clone());
        let mut hostile: Vec<Player> = (2..)
            .zip(hostile)
            .map(|(key, player)| Player::silent_after(key, player.trace.clone(), 1))
            .collect();
        let began = game.now;
        // The first dispute is played at once; whoever is hostile in the others takes as long as possible.
        while game.claim().dispute(&root).unwrap().outcome().is_none() {
            assert!(executor.react(&mut game) | first.react(&mut game));
            game.serve();
        }
        let took = game.claim().dispute(&root).unwrap().ended.map(|at| at.since(began));
        stall(&mut game, &mut [&mut executor], &mut hostile);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Final));
        took
    };
    assert_eq!(ended_of_first(&lies[..1]), ended_of_first(&lies));
}

#[test]
fn delay_by_sequential_stakes_is_that_of_one_stake() {
    let took = |stakes: u8| {
        let mut game = Game::new(params(2), 8);
        let mut executor = Player::new(0, game.truth.clone());
        let mut shams: Vec<Player> =
            (1..=stakes).map(|key| Player::new(key, lie(8, FIFTH, key.into()))).collect();
        claim(&mut game, &executor);
        let admitted = game.claim().admitted;
        // One stake after the other, the last of them at the last moment.
        let apart = (game.params.window.0 - 1) / u64::from(stakes);
        for sham in &shams {
            game.pass(apart);
            sham.commit(&mut game).unwrap();
        }
        game.pass_deadline();
        game.now = Time(next_deadline(&game.job).unwrap().0 - 1);
        shams.iter().for_each(|sham| sham.reveal(&mut game).unwrap());
        game.now = game.now.after(Millis(1));
        game.tick();
        stall(&mut game, &mut [&mut executor], &mut shams);
        assert_eq!(game.outcome(), Some(ClaimOutcome::Final));
        let took = game.now.since(admitted);
        let service = Service { replay: Millis(0), run: Millis(0), gaps: 0 };
        assert!(took <= game.params.d_max(8, &[], &service).unwrap(), "{took:?}");
        took
    };
    let one = took(1);
    assert!([2, 4, 16].into_iter().all(|stakes| took(stakes) == one));
}

#[test]
fn payouts_that_block_each_other_are_none() {
    // A share of nothing is left out, and everybody else is paid: six micro-credits among eight challengers.
    let tiny = LedgerParams { challenge_cost: Amount::ZERO, ..LedgerParams::FREE };
    let small = Params {
        executor_bond: Amount(10),
        challenger_bond: Amount(10),
        judgement_cost: Amount::ZERO,
        dispute_cost: Amount(1),
        lapse_fee: Amount(1),
        ledger: tiny,
        ..params(2)
    };
    let mut game = Game::new(small, 8);
    let mut liar = Player::new(0, lie(8, FIFTH, 1));
    let mut side: Vec<Player> = (1..=8).map(|key| Player::new(key, game.truth.clone())).collect();
    claim(&mut game, &liar);
    challenge(&mut game, &side.iter().collect::<Vec<_>>());
    play(&mut game, &mut side.iter_mut().chain([&mut liar]).collect::<Vec<_>>());
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    let gains: Vec<u64> = (1..=8).map(|key| game.wealth_of(key) - START).collect();
    assert_eq!(gains.iter().sum::<u64>(), 3, "half by moves; half is too little to be shared");

    // In whatever order two disputes of one claim end, everybody gets the same.
    let in_order = |order: [usize; 2]| {
        let (mut game, mut executor, mut liars) = disputed(&[1 << 1, FIFTH]);
        for at in order {
            let root = liars[at].trace.root();
            while game.claim().dispute(&root).unwrap().outcome().is_none() {
                assert!(liars[at].react(&mut game) | executor.react(&mut game));
                game.serve();
            }
        }
        [0, 1, 2].map(|key| game.wealth_of(key))
    };
    assert_eq!(in_order([0, 1]), in_order([1, 0]));
    assert_eq!(in_order([0, 1])[0], START + FEE + 2 * params(2).dispute_cost.0);
}

#[test]
fn losing_bonds_recycled_by_sybils_lose_two_fifths_each_time() {
    // The executor and its sybils are one purse: what a lost bond pays the executor is at most 60% of it, and only once
    // the claim has ended, so the same money never stands behind two challenges of one claim.
    let (mut game, mut executor, mut liars) = disputed(&[1 << 1, FIFTH]);
    let free = |game: &Game, key: u8| game.ledger.balance(Account::Free(keypair(key).key())).0;
    let bond = game.params.challenger_bond.0;
    let root = liars[0].trace.root();
    let executor_has = free(&game, 0);
    while game.claim().dispute(&root).unwrap().outcome().is_none() {
        assert!(liars[0].react(&mut game) | executor.react(&mut game));
        game.serve();
    }
    assert_eq!(game.outcome(), None, "the other dispute goes on");
    assert_eq!((free(&game, 0), free(&game, 1)), (executor_has, START - bond));
    assert!(matches!(liars[0].commit(&mut game), Err(Refused::Rule(Rejection::NotInTime { .. }))));
    play(&mut game, &mut liars.iter_mut().chain([&mut executor]).collect::<Vec<_>>());
    let purse: u64 = (0..3).map(|key| game.wealth_of(key)).sum();
    assert!(purse <= 3 * START + FEE - 2 * game.params.challenger_bond.percent(40).0);
    assert_eq!(game.ledger.balance(Account::Burned).0, 3 * START + FEE - purse);
}

#[test]
fn index_padding_and_length_confusion_is_refused_everywhere() {
    // Six states in a tree of eight leaves.
    let mut game = Game::new(params(2), 5);
    let (executor, liar) = (Player::new(0, game.truth.clone()), Player::new(1, lie(5, 1 << 2, 9)));
    executor.take(&mut game).unwrap();
    game.upload(executor.trace.output());
    let good = claim_of(&game.job, &executor.trace);
    let confused = |good: &Opening| {
        let with = |change: &dyn Fn(&mut Opening)| {
            let mut opening = good.clone();
            change(&mut opening);
            opening
        };
        vec![
            with(&|opening| opening.index ^= 1),
            with(&|opening| opening.index += 8),
            with(&|opening| opening.index = u32::MAX),
            with(&|opening| opening.siblings.truncate(opening.siblings.len() - 1)),
            with(&|opening| opening.siblings.push(Digest::default())),
            with(&|opening| opening.siblings.reverse()),
            with(&|opening| opening.siblings.clear()),
        ]
    };
    for (first, last) in confused(&good.first).into_iter().zip(confused(&good.last)) {
        for claim in [Claim { first, ..good.clone() }, Claim { last, ..good.clone() }] {
            let refused = game.refuses(0, Message::Claim(claim));
            assert!(matches!(refused, Rejection::Opening(_)), "{refused}");
        }
    }
    for layers in [0, 4, 6, 7, u32::MAX] {
        let refused = game.refuses(0, Message::Claim(Claim { layers, ..good.clone() }));
        assert!(matches!(refused, Rejection::Layers { expected: 5, .. }), "{refused}");
    }
    game.send(executor.keypair, Message::Claim(good)).unwrap();
    liar.commit(&mut game).unwrap();
    game.pass_deadline();
    let good = reveal_of(game.claim_id(), &liar.trace, liar.key());
    for (first, last) in confused(&good.first).into_iter().zip(confused(&good.last)) {
        for reveal in [Reveal { first, ..good.clone() }, Reveal { last, ..good.clone() }] {
            let refused = game.refuses(1, Message::Reveal(reveal));
            assert!(matches!(refused, Rejection::Opening(_)), "{refused}");
        }
    }
    liar.reveal(&mut game).unwrap();
    game.pass_deadline();
    let Message::Dissection(good) = liar.missing(&game).remove(0) else { panic!() };
    for (level, index) in [(0, 3), (1, 2), (1, 3), (2, 1), (3, 1), (7, 0), (255, 0), (1, u32::MAX)]
    {
        let node = NodeId { level, index };
        let refused = game.refuses(1, Message::Dissection(Dissection { node, ..good.clone() }));
        assert!(matches!(refused, Rejection::NotDue | Rejection::Dissection(_)), "{refused}");
    }
}

#[test]
fn identical_evidence_in_two_encodings_is_one_evidence() {
    let mut game = Game::new(params(2), 8);
    let mut liar = Player::new(0, lie(8, FIFTH, 1));
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&honest]);
    while !matches!(game.claim().disputes[0].phase, DisputePhase::AwaitingEvidence { .. }) {
        assert!(liar.react(&mut game) | honest.react(&mut game));
    }
    let Message::Evidence(evidence) = honest.missing(&game).remove(0) else { panic!() };
    game.upload(honest.trace.values[4]);
    let again = |change: &dyn Fn(&mut EvidenceMessage)| {
        let mut evidence = evidence.clone();
        change(&mut evidence);
        Message::Evidence(evidence)
    };
    // A list or an opening in another order does not hash to the agreed state.
    let twice = again(&|given| given.list.0.push(given.list.0[0]));
    let turned = again(&|given| given.opening.siblings.reverse());
    for message in [twice, turned] {
        let refused = game.refuses(1, message);
        assert!(matches!(refused, Rejection::Opening(_)), "{refused}");
    }
    game.send(honest.keypair, Message::Evidence(evidence.clone())).unwrap();
    let before = (game.job.clone(), game.ledger.clone());
    // The same values told twice, by either side, are the evidence that is there already.
    let doubled = again(&|given| given.tensors.push(given.tensors[0].clone()));
    for key in [0, 1] {
        let _ = game.send(keypair(key), doubled.clone());
        assert_eq!((&game.job, &game.ledger), (&before.0, &before.1));
    }
    game.serve();
    assert_eq!((game.watch.replays, game.outcome()), (1, Some(ClaimOutcome::Rejected)));
    // Of the bytes there is one encoding.
    let signed = Signed::new(honest.keypair, game.network, Message::Evidence(evidence));
    let bytes = borsh::to_vec(&signed).unwrap();
    assert_eq!(borsh::to_vec(&borsh::from_slice::<Signed>(&bytes).unwrap()).unwrap(), bytes);
    assert!(borsh::from_slice::<Signed>(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn truth_wins_against_a_trace_that_is_nowhere() {
    // Nothing is behind the claim's root but the two openings that admission asks for.
    let mut game = Game::new(params(2), 8);
    let forged = Trace::forged(8, game.input(), game.truth.output(), 1);
    let mut liar = Player::new(0, forged);
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &liar);
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut liar, &mut honest]);
    assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
    assert!(game.wealth_of(1) > START);
}
