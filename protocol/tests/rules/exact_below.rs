//! What single characters of the rules decide below a layer: who is paid for a move, which pair a move is for, when evidence
//! is late.

use gainsay_commitment::{NodeId, content};
use gainsay_protocol::*;

use crate::deep::{self, Planted};
use crate::exact::{below, hurry, pair, pair_of, two_pairs};
use crate::game::{Entry, Game, params};
use crate::players::{Player, challenge, claim};
use crate::toy::lie;

/// The event by which a message enters that the judge found to stand so.
fn found(game: &Game, player: &Player, message: Message, standing: EvidenceStanding) -> Entry {
    let held = message.required_blobs().into_iter().collect();
    let signed = Signed::new(player.keypair, game.network, message);
    let ready = signed.verify(game.network).unwrap().ready(&held).unwrap();
    Entry::Evidence(Box::new(ready), standing)
}

/// Why an event is refused.
fn refusal(game: &Game, entry: &Entry) -> Option<Rejection> {
    step(&game.params, &game.job, &entry.event(), game.now).err()
}

/// Plays until the pair of one player is in a phase of that kind, and returns which that is; only `who` speak.
fn until(
    game: &mut Game,
    who: &[&Player],
    of: &Player,
    wish: impl Fn(&PairPhase) -> bool,
) -> usize {
    let at = pair_of(game, of);
    while !wish(&pair(game, at).phase) {
        let said = who.iter().find_map(|player| Some((player, player.missing(game).pop()?)));
        let (player, message) = said.expect("somebody owes a move");
        message.required_blobs().into_iter().for_each(|blob| game.hold(blob));
        game.send(player.keypair, message).unwrap();
    }
    at
}

fn is_showing(phase: &PairPhase) -> bool {
    matches!(phase, PairPhase::Showing { .. })
}

fn is_awaiting(phase: &PairPhase) -> bool {
    matches!(phase, PairPhase::AwaitingEvidence { .. })
}

/// How many moves of a player are counted in the dispute.
fn moves_of(game: &Game, player: &Player) -> u32 {
    game.claim().disputes[0].moves.get(&player.key()).copied().unwrap_or(0)
}

#[test]
fn who_brings_a_sub_root_has_moved_and_who_repeats_one_has_not() {
    let mut game = Game::with_facts(params(2), deep::facts(5, &[3], 6), 1_000_000_000);
    let at = |step: u64| Planted { steps: 1 << (step - 1), byte: 2_000, ..Planted::default() };
    let wrong = Player { planted: at(4), ..Player::new(0, lie(5, 1 << 2, 1)) };
    let [first, same] = [1, 2].map(|key| Player::new(key, game.truth.clone()));
    let other = Player { planted: at(5), ..Player::new(3, game.truth.clone()) };
    claim(&mut game, &wrong);
    challenge(&mut game, &[&first, &same, &other]);
    while below(&game).is_none() {
        let said = [&wrong, &first].into_iter().find_map(|player| {
            let message = player.missing(&game).pop()?;
            Some((player, message))
        });
        let (player, message) = said.expect("somebody owes a move");
        game.send(player.keypair, message).unwrap();
    }
    for (player, counted) in [(&wrong, 0), (&first, 1), (&same, 0), (&other, 1)] {
        let before = moves_of(&game, player);
        let message = player.missing(&game).pop().unwrap();
        assert!(matches!(message, Message::SubRoot(_)));
        game.send(player.keypair, message).unwrap();
        assert_eq!(moves_of(&game, player) - before, counted);
    }
    assert_eq!(below(&game).unwrap().pairs.len(), 2);
}

#[test]
fn every_move_of_a_challenger_below_a_layer_is_counted_once_and_none_of_the_executor() {
    let (mut game, players) = two_pairs();
    let mut kinds = std::collections::BTreeSet::new();
    while game.outcome().is_none() {
        for (at, player) in players.iter().enumerate() {
            let Some(message) = player.missing(&game).into_iter().next() else { continue };
            message.required_blobs().into_iter().for_each(|blob| game.hold(blob));
            let before = moves_of(&game, player);
            kinds.insert((at > 0, message.kind()));
            game.send(player.keypair, message).unwrap();
            assert_eq!(moves_of(&game, player) - before, u32::from(at > 0));
        }
        game.serve();
    }
    let of_challengers = kinds.iter().filter(|(challenger, _)| *challenger).count();
    assert!(of_challengers >= 3 && of_challengers < kinds.len(), "{kinds:?}");
}

#[test]
fn a_value_is_of_the_state_that_the_sub_root_has_there() {
    let (mut game, players) = two_pairs();
    let (executor, honest) = (&players[0], &players[1]);
    until(&mut game, &[executor, honest], honest, is_showing);
    let Some(Message::StepValue(good)) = honest.missing(&game).pop() else { panic!() };
    let complete = EvidenceStanding::Complete { bytes: 0 };
    let other = StepValue { after: content(b"another state"), ..good.clone() };
    let entry = found(&game, honest, Message::StepValue(other), complete);
    assert_eq!(refusal(&game, &entry), Some(Rejection::List { layer: 3 }));
    let entry = found(&game, honest, Message::StepValue(good), complete);
    assert_eq!(refusal(&game, &entry), None);
}

#[test]
fn a_malformed_state_ends_the_pairs_that_it_was_shown_for() {
    // Both pairs wait for the same step; a challenger speaks for its own alone, the executor for both.
    for (by, ended) in [(1, [true, false]), (2, [false, true]), (0, [true, true])] {
        let (mut game, players) = two_pairs();
        let all: Vec<&Player> = players.iter().collect();
        let [honest, hostile] = [1, 2].map(|at| pair_of(&game, &players[at]));
        while [honest, hostile].into_iter().any(|at| !is_showing(&pair(&game, at).phase)) {
            let said = all.iter().find_map(|player| {
                let missing = player.missing(&game).into_iter();
                let mut missing = missing.filter(|said| matches!(said, Message::SubDissection(_)));
                Some((player, missing.next()?))
            });
            let (player, message) = said.expect("somebody owes a dissection");
            game.send(player.keypair, message).unwrap();
        }
        assert_eq!(pair(&game, honest).phase, pair(&game, hostile).phase);
        let message = players[by].missing(&game).pop().unwrap();
        let entry = found(&game, &players[by], message, EvidenceStanding::MalformedState);
        game.apply(entry).unwrap();
        let both_fault = Some(Outcome::Judged(Verdict::BothFault));
        let ends = [honest, hostile].map(|at| pair(&game, at).outcome() == both_fault);
        assert_eq!(ends, ended, "by player {by}");
    }
}

#[test]
fn a_malformed_state_ends_no_pair_that_does_not_wait_for_it() {
    let (mut game, players) = two_pairs();
    let (executor, honest) = (&players[0], &players[1]);
    // The other challenger has not moved: its pair is still being dissected.
    until(&mut game, &[executor, honest], honest, is_showing);
    let hostile = pair_of(&game, &players[2]);
    assert!(matches!(pair(&game, hostile).phase, PairPhase::Dissecting { .. }));
    let mut message = executor.missing(&game).into_iter();
    let message = message.find(|said| matches!(said, Message::StepValue(_))).unwrap();
    let entry = found(&game, executor, message, EvidenceStanding::MalformedState);
    game.apply(entry).unwrap();
    assert_eq!(pair(&game, hostile).outcome(), None);
    let own = pair_of(&game, honest);
    assert_eq!(pair(&game, own).outcome(), Some(Outcome::Judged(Verdict::BothFault)));
}

#[test]
fn what_no_pair_of_the_own_sub_root_waits_for_is_not_due() {
    let (mut game, players) = two_pairs();
    let honest = &players[1];
    // States 2 and 3: under a known node, but the sub-roots differ at state 4 first.
    let node = NodeId { level: 1, index: 1 };
    let Some(Message::SubDissection(due)) = honest.missing(&game).pop() else { panic!() };
    assert_ne!(due.node, node);
    let children = honest.deep(below(&game).unwrap()).reveal(node, game.params.arity).unwrap();
    let early = SubDissection { node, children, ..due.clone() };
    assert_eq!(game.refuses(1, Message::SubDissection(early)), Rejection::NotDue);
    game.send(honest.keypair, Message::SubDissection(due)).unwrap();
}

#[test]
fn a_value_of_a_single_chunk_takes_no_dissection() {
    // The claim is wrong though every step before the last is right: the last one gives eight bytes.
    let mut game = Game::with_facts(params(2), deep::facts(5, &[3], 6), 1_000_000_000);
    let mut players = [Player::new(0, lie(5, 1 << 2, 1)), Player::new(1, game.truth.clone())];
    claim(&mut game, &players[0]);
    challenge(&mut game, &[&players[1]]);
    while below(&game).is_none_or(|below| below.pairs.is_empty()) {
        assert!(players.iter_mut().any(|player| player.react(&mut game)));
    }
    let mut dissected = u32::from(matches!(pair(&game, 0).phase, PairPhase::Dissecting { .. }));
    while !is_awaiting(&pair(&game, 0).phase) {
        let before = pair(&game, 0).phase.clone();
        assert!(players.iter_mut().any(|player| player.react(&mut game)));
        let now = &pair(&game, 0).phase;
        dissected += u32::from(*now != before && matches!(now, PairPhase::Dissecting { .. }));
    }
    assert_eq!(pair(&game, 0).phase, PairPhase::AwaitingEvidence { step: 6, chunk: Some(0) });
    assert_eq!(pair(&game, 0).rounds, dissected, "no round for the chunk");
}

#[test]
fn evidence_of_another_step_or_chunk_is_not_due_even_while_a_pair_is_judged() {
    let (mut game, players) = two_pairs();
    let (executor, honest) = (&players[0], &players[1]);
    let at = until(&mut game, &[executor, honest], honest, is_awaiting);
    let Some(Message::StepEvidence(good)) = honest.missing(&game).pop() else { panic!() };
    let complete = EvidenceStanding::Complete { bytes: 12_345 };
    let deep = honest.deep(below(&game).unwrap());
    let others = [
        StepEvidence { chunk: good.chunk.map(|chunk| chunk + 1), ..good.clone() },
        StepEvidence { chunk: None, ..good.clone() },
        StepEvidence {
            step: good.step - 1,
            list: deep.lists[good.step as usize - 2].clone(),
            opening: deep.open(good.step - 2).unwrap(),
            ..good.clone()
        },
    ];
    let evidence = |said: &StepEvidence, game: &Game| {
        found(game, honest, Message::StepEvidence(said.clone()), complete)
    };
    let not_due = |game: &Game| {
        for other in &others {
            assert_eq!(refusal(game, &evidence(other, game)), Some(Rejection::NotDue));
        }
    };
    not_due(&game);
    // What is given counts into the dispute's bytes, with the message that gives it.
    let (bytes, entry) = (game.claim().disputes[0].bytes, evidence(&good, &game));
    let Entry::Evidence(ready, _) = &entry else { panic!() };
    let due = bytes + ready.size_bytes() + 12_345;
    game.apply(entry).unwrap();
    assert_eq!(game.claim().disputes[0].bytes, due);
    assert!(matches!(pair(&game, at).phase, PairPhase::Judging { .. }));
    not_due(&game);
    assert_eq!(refusal(&game, &evidence(&good, &game)), None, "done by another");
}

#[test]
fn evidence_for_a_pair_is_owed_by_both_together_until_the_last_clock_ends() {
    let (mut game, players) = two_pairs();
    let (executor, honest) = (&players[0], &players[1]);
    let at = until(&mut game, &[executor, honest], honest, is_awaiting);
    let last = pair(&game, at).challenger_clock.ends().unwrap();
    hurry(&mut game, at, Millis(5));
    assert_eq!(pair(&game, at).next_deadline(), Some(last));
    game.now = game.now.after(Millis(5));
    game.tick();
    assert_eq!(pair(&game, at).outcome(), None, "the other side can still give it");
    assert_eq!(pair(&game, at).standing(game.now), Standing::InTime(Some(last)));
    let Some(given) = executor.missing(&game).into_iter().find(|said| {
        matches!(said, Message::StepEvidence(evidence)
            if evidence.sub_root == pair(&game, at).sub_root)
    }) else {
        panic!("it owes evidence")
    };
    given.required_blobs().into_iter().for_each(|blob| game.hold(blob));
    assert_eq!(game.refuses(0, given), Rejection::Late, "its own clock has ended");
    let given = honest.missing(&game).pop().unwrap();
    let entry = found(&game, honest, given, EvidenceStanding::Complete { bytes: 0 });
    assert_eq!(refusal(&game, &entry), None);
    game.now = Time(last.0 - 1);
    assert_eq!(pair(&game, at).standing(game.now), Standing::InTime(Some(last)));
    assert_eq!(pair(&game, at).standing(last), Standing::BothLate);
    game.now = last;
    game.tick();
    assert_eq!(pair(&game, at).outcome(), Some(Outcome::BothTimeout));
}
