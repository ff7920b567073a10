//! What is refused, when and why: messages for another place, kind, time, side or purse. Nothing changes by it.

use gainsay_commitment::content;
use gainsay_protocol::*;

use crate::game::{Entry, Game, Refused, keypair, params};
use crate::players::{Player, challenge, claim, claim_of, play, reveal_of};
use crate::toy::{Trace, lie};

#[test]
fn a_take_or_claim_for_another_job_is_refused() {
    let mut game = Game::new(params(2), 8);
    let other = JobId(MessageId(content(b"another job")));
    let take = Message::Take(Take { job: other, attempt: 0 });
    assert!(matches!(game.refuses(0, take), Rejection::WrongKind { .. }));
    let executor = Player::new(0, game.truth.clone());
    executor.take(&mut game).unwrap();
    game.upload(executor.trace.output());
    let claim = Claim { job: other, ..claim_of(&game.job, &executor.trace) };
    assert!(matches!(game.refuses(0, Message::Claim(claim)), Rejection::WrongKind { .. }));
}

/// Two tensors that are not of the type of `good`: each differs in one thing only.
fn others_than(good: &TensorRef) -> [TensorRef; 2] {
    let other_type = TensorRef { dtype: good.dtype + 1, ..good.clone() };
    let other_shape = TensorRef { shape: vec![2, 4], ..good.clone() };
    [other_type, other_shape]
}

#[test]
fn outputs_of_another_number_type_or_shape_are_refused() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    executor.take(&mut game).unwrap();
    game.upload(executor.trace.output());
    let good = claim_of(&game.job, &executor.trace);
    let (what, output) = (Ports::Outputs, good.outputs[0].clone());
    for outputs in [vec![], vec![output.clone(); 2]] {
        let due = Rejection::PortCount { what, got: outputs.len(), expected: 1 };
        assert_eq!(game.refuses(0, Message::Claim(Claim { outputs, ..good.clone() })), due);
    }
    for other in others_than(&output) {
        let claim = Claim { outputs: vec![other], ..good.clone() };
        let due = Rejection::PortType { what, position: 0 };
        assert_eq!(game.refuses(0, Message::Claim(claim)), due);
    }
    game.send(executor.keypair, Message::Claim(good)).unwrap();
}

#[test]
fn inputs_of_another_number_type_or_shape_are_refused() {
    let game = Game::new(params(2), 8);
    let (what, input) = (Ports::Inputs, game.job.job.inputs[0].clone());
    let admit = |inputs: Vec<TensorRef>| {
        let held = inputs.iter().map(|input| input.content).collect();
        let job = Message::Job(Job { inputs, ..game.job.job.clone() });
        let signed = Signed::new(keypair(crate::game::REQUESTER), game.network, job);
        let ready = signed.verify(game.network).unwrap().ready(&held).unwrap();
        let admitted = JobState::admit(&game.params, &ready, game.job.facts.clone(), game.now);
        admitted.map(|admitted| admitted.state.job.inputs)
    };
    for inputs in [vec![], vec![input.clone(); 2]] {
        let due = Rejection::PortCount { what, got: inputs.len(), expected: 1 };
        assert_eq!(admit(inputs), Err(due));
    }
    for other in others_than(&input) {
        assert_eq!(admit(vec![other]), Err(Rejection::PortType { what, position: 0 }));
    }
    assert_eq!(admit(vec![input.clone()]), Ok(vec![input]));
}

#[test]
fn replay_of_signed_messages_of_one_claim_in_the_next_changes_nothing() {
    let mut game = Game::new(params(2), 8);
    let mut first = Player::new(0, lie(8, 1 << 4, 1));
    let mut honest = Player::new(1, game.truth.clone());
    claim(&mut game, &first);
    challenge(&mut game, &[&honest]);
    play(&mut game, &mut [&mut first, &mut honest]);
    let said = game.log.clone();
    let second = Player::new(2, lie(8, 1 << 4, 1));
    claim(&mut game, &second);
    challenge(&mut game, &[&honest]);
    let before = game.job.clone();
    for (_, entry) in said {
        if let Entry::Message(ready) | Entry::Evidence(ready, _) = entry {
            assert!(game.deliver(ready.signed().clone()).is_err());
            assert_eq!(game.job, before);
        }
    }
}

#[test]
fn what_this_version_does_not_play_is_refused_not_judged() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, game.truth.clone());
    claim(&mut game, &executor);
    for message in crate::wire::examples() {
        let kind = message.kind();
        for blob in message.required_blobs() {
            game.hold(blob);
        }
        let expected = match &message {
            Message::SubRoot(_) | Message::SubDissection(_) | Message::ChunkDissection(_) => {
                Rejection::NoClaim
            }
            Message::AdmitArtifact(_)
            | Message::Mint(_)
            | Message::Announce(_)
            | Message::Withdraw(_)
            | Message::Job(_) => Rejection::WrongKind { kind },
            _ => continue,
        };
        assert_eq!(game.refuses(0, message), expected);
    }
}

#[test]
fn evidence_goes_in_as_evidence_and_nothing_else_does() {
    let mut game = Game::new(params(2), 1);
    let executor = Player::new(0, game.truth.clone());
    let liar = Player::new(1, lie(1, 1, 1));
    claim(&mut game, &executor);
    let Some((_, Entry::Message(ready))) = game.log.last().cloned() else { panic!() };
    let standing = EvidenceStanding::MalformedState;
    assert!(game.apply(Entry::Evidence(ready, standing)).is_err());
    challenge(&mut game, &[&liar]);
    let evidence = executor.missing(&game).remove(0);
    let held = evidence.required_blobs().into_iter().collect();
    let signed = Signed::new(executor.keypair, game.network, evidence);
    let ready = signed.verify(game.network).unwrap().ready(&held).unwrap();
    let as_message = game.apply(Entry::Message(Box::new(ready)));
    assert!(matches!(as_message, Err(Refused::Rule(Rejection::WrongKind { .. }))));
}

#[test]
fn commitments_and_reveals_outside_their_time_are_refused() {
    let mut game = Game::new(params(2), 8);
    let executor = Player::new(0, lie(8, 1, 1));
    let [one, late] = [1, 2].map(|key| Player::new(key, game.truth.clone()));
    claim(&mut game, &executor);
    let reveal = Message::Reveal(reveal_of(game.claim_id(), &one.trace, one.key()));
    let not_in_time = |refused| matches!(refused, Rejection::NotInTime { .. });
    assert!(not_in_time(game.refuses(1, reveal.clone())), "before the window has ended");
    one.commit(&mut game).unwrap();
    assert!(matches!(
        one.commit(&mut game),
        Err(Refused::Rule(Rejection::AlreadyChallenged { .. }))
    ));
    game.now = Time(game.claim().window_ends.0 - 1);
    assert!(not_in_time(game.refuses(1, reveal.clone())));
    game.now = game.claim().window_ends;
    // Even if the sweeper has not come by yet.
    assert!(matches!(late.commit(&mut game), Err(Refused::Rule(Rejection::NotInTime { .. }))));
    let unknown = Message::Reveal(reveal_of(game.claim_id(), &late.trace, late.key()));
    assert!(matches!(game.refuses(2, unknown), Rejection::NotChallenged { .. }));
    game.now = game.claim().reveal_ends;
    assert!(not_in_time(game.refuses(1, reveal.clone())), "at the end it is over");
    game.now = Time(game.claim().reveal_ends.0 - 1);
    game.send(one.keypair, reveal).unwrap();
}

#[test]
fn a_reveal_must_be_of_a_trace_with_the_jobs_inputs_and_the_claims_length() {
    let mut game = Game::new(params(2), 5);
    let executor = Player::new(0, game.truth.clone());
    claim(&mut game, &executor);
    let other_input = Trace::honest(5, *b"not data");
    let longer = Trace::honest(8, *b"the data");
    let shorter = Trace::honest(4, *b"the data");
    for (key, trace) in [(1, other_input), (2, longer), (3, shorter)] {
        let player = Player::new(key, trace);
        player.commit(&mut game).unwrap();
    }
    game.pass_deadline();
    for key in 1..=3u8 {
        let trace = match key {
            1 => Trace::honest(5, *b"not data"),
            2 => Trace::honest(8, *b"the data"),
            _ => Trace::honest(4, *b"the data"),
        };
        let refused = Player::new(key, trace).reveal(&mut game);
        assert!(matches!(refused, Err(Refused::Rule(Rejection::Opening(_)))), "{refused:?}");
    }
}

#[test]
fn a_reveal_must_open_both_ends_and_no_padding_but_empty() {
    let mut game = Game::new(params(2), 5);
    let executor = Player::new(0, lie(5, 1, 1));
    let honest = Player::new(1, game.truth.clone());
    claim(&mut game, &executor);
    honest.commit(&mut game).unwrap();
    game.pass_deadline();
    let good = reveal_of(game.claim_id(), &honest.trace, honest.key());
    let mut bad = vec![
        Reveal { last_state: honest.trace.state(4), ..good.clone() },
        Reveal { last: good.first.clone(), ..good.clone() },
        Reveal { first: good.last.clone(), ..good.clone() },
        Reveal { last: honest.trace.open(4).unwrap(), ..good.clone() },
    ];
    for level in 0..good.last.siblings.len() {
        let mut traps = [good.clone(), good.clone(), good.clone(), good.clone()];
        traps[0].first.siblings[level] = content(b"a trap");
        traps[1].last.siblings[level] = content(b"a trap");
        traps[2].first.siblings.truncate(level);
        traps[3].last.siblings.truncate(level);
        bad.extend(traps);
    }
    for reveal in bad.clone() {
        let refused = game.refuses(1, Message::Reveal(reveal));
        assert!(matches!(refused, Rejection::Opening(_)), "{refused}");
    }
    game.send(honest.keypair, Message::Reveal(good)).unwrap();
    // Nor after the right one: the log takes no openings that lead nowhere.
    for reveal in bad {
        let refused = game.refuses(1, Message::Reveal(reveal));
        assert!(matches!(refused, Rejection::Opening(_)), "{refused:?}");
    }
}

#[test]
fn an_ended_claim_says_so_to_whoever_moves() {
    let mut game = Game::new(params(2), 5);
    let mut executor = Player::new(0, game.truth.clone());
    let mut liar = Player::new(1, lie(5, 1 << 2, 1));
    claim(&mut game, &executor);
    challenge(&mut game, &[&liar]);
    play(&mut game, &mut [&mut executor, &mut liar]);
    let mut told = 0;
    for (_, entry) in game.log.clone() {
        let (Entry::Message(ready) | Entry::Evidence(ready, _)) = entry else { continue };
        if matches!(ready.message(), Message::Take(_) | Message::Claim(_)) {
            continue;
        }
        let signer = [0, 1].into_iter().find(|number| keypair(*number).key() == ready.signer());
        let refused = game.refuses(signer.unwrap(), ready.message().clone());
        assert_eq!(refused, Rejection::Ended("final"));
        told += 1;
    }
    assert!(told >= 4);
}

#[test]
fn the_poor_cannot_take_or_challenge() {
    let mut game = Game::new(params(2), 5);
    let pauper = Player::new(50, game.truth.clone());
    assert!(matches!(pauper.take(&mut game), Err(Refused::Ledger(_))));
    assert_eq!(game.job.phase, JobPhase::Open);
    claim(&mut game, &Player::new(0, lie(5, 1, 1)));
    assert!(matches!(pauper.commit(&mut game), Err(Refused::Ledger(_))));
    assert!(game.claim().challenges.is_empty());
}

#[test]
fn an_attempt_is_taken_by_one_key_at_a_time_and_by_its_number() {
    let mut game = Game::new(params(2), 5);
    let id = game.job.id;
    for attempt in [1, u32::MAX] {
        let refused = game.refuses(0, Message::Take(Take { job: id, attempt }));
        assert_eq!(refused, Rejection::Attempt { got: attempt, due: 0 });
    }
    Player::new(0, game.truth.clone()).take(&mut game).unwrap();
    for key in [0, 1] {
        let refused = game.refuses(key, Message::Take(Take { job: id, attempt: 0 }));
        assert_eq!(refused, Rejection::NotOpen { phase: "taken" });
    }
    game.now = game.now.after(game.params.lease);
    let late = Player::new(0, game.truth.clone()).claim(&mut game);
    assert!(
        matches!(late, Err(Refused::Rule(Rejection::Late))),
        "even before the sweeper has come"
    );
    let mut game = Game::with_job(params(2), 5, 100);
    game.now = Time(100);
    let take = Message::Take(Take { job: game.job.id, attempt: 0 });
    assert!(matches!(game.refuses(0, take), Rejection::Deadline { .. }));
}
