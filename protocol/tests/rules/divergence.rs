//! `first_divergence`: the judged layer is the first where the roots differ, and its input state is agreed.

use gainsay_commitment::NodeId;
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{Game, params};
use crate::players::{Player, challenge, claim, evidence_of};
use crate::toy::{Trace, lie};

/// Plays until evidence is given for the only dispute, and checks what is judged.
fn judged_at_first_difference(arity: u32, layers: u32, ours: Trace, theirs: Trace) {
    let first = ours.first_difference(&theirs).unwrap();
    let mut game = Game::new(params(arity), layers);
    let (mut executor, mut challenger) = (Player::new(0, ours), Player::new(1, theirs));
    claim(&mut game, &executor);
    challenge(&mut game, &[&challenger]);
    let counter_root = challenger.trace.root();
    while let Some(DisputePhase::Dissecting { .. }) = phase(&game, counter_root) {
        assert!(executor.react(&mut game) | challenger.react(&mut game));
    }
    let phase = phase(&game, counter_root);
    assert_eq!(phase, Some(DisputePhase::AwaitingEvidence { layer: first }));
    let (shape, known) = (executor.trace.shape(), |side| game.claim().known(side, &counter_root));
    for (side, player) in [(Side::Executor, &executor), (Side::Challenger, &challenger)] {
        // What is known is enough for a case file: the opening of the judged state under either root.
        let root = player.trace.root();
        let opening = known(side).opening(shape, first, None).unwrap();
        assert_eq!(opening, player.trace.open(first).unwrap());
        assert!(opening.verify(shape, first, player.trace.state(first), root).is_ok());
        // And either side alone can show the agreed state under the claim's root.
        let evidence = evidence_of(game.claim(), &player.trace, side, counter_root, first).unwrap();
        let (before, state) = (first - 1, player.trace.state(first - 1));
        assert!(evidence.opening.verify(shape, before, state, game.claim().claim.root).is_ok());
    }
    for index in 0..first {
        assert_eq!(executor.trace.state(index), challenger.trace.state(index));
    }
    let rounds = game.claim().disputes[0].rounds;
    let depth = u32::from(shape.depth());
    assert!(rounds <= (depth - 1).div_ceil(arity.ilog2()), "{rounds} rounds, depth {depth}");
    let leaf = NodeId::leaf(first);
    assert_ne!(known(Side::Executor).get(leaf), known(Side::Challenger).get(leaf));
}

fn phase(game: &Game, counter_root: gainsay_commitment::Digest) -> Option<DisputePhase> {
    game.claim().dispute(&counter_root).map(|dispute| dispute.phase.clone())
}

#[test]
fn any_two_traces_of_few_layers_are_judged_at_their_first_difference() {
    for arity in [2, 4, 16] {
        for layers in 1..=5 {
            for ours in 0..1u64 << layers {
                for theirs in (0..1u64 << layers).filter(|theirs| *theirs | ours != 0) {
                    let (ours, theirs) = (lie(layers, ours, 1), lie(layers, theirs, 2));
                    judged_at_first_difference(arity, layers, ours, theirs);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::game::cases(200))]

    #[test]
    fn first_divergence_of_any_two_traces_is_what_is_judged(
        log2 in 1u32..=8,
        layers in 1u32..=63,
        ours: u64,
        theirs: u64,
    ) {
        let (ours, theirs) = (lie(layers, ours, 1), lie(layers, theirs, 2));
        prop_assume!(ours.root() != theirs.root());
        judged_at_first_difference(1 << log2, layers, ours, theirs);
    }
}

#[test]
fn openings_that_already_show_the_pair_start_the_dispute_at_the_leaf() {
    // With one layer both leaves were opened at admission; nobody owes a reveal.
    let mut game = Game::new(params(2), 1);
    let executor = Player::new(0, lie(1, 1, 1));
    let challenger = Player::new(1, game.truth.clone());
    claim(&mut game, &executor);
    challenge(&mut game, &[&challenger]);
    let dispute = &game.claim().disputes[0];
    assert_eq!(dispute.phase, DisputePhase::AwaitingEvidence { layer: 1 });
    assert_eq!(dispute.rounds, 0);
    // The same where only the first state after the inputs differs: it lies beside the opening of S_0.
    let mut game = Game::new(params(2), 7);
    let executor = Player::new(0, lie(7, 1, 1));
    let challenger = Player::new(1, game.truth.clone());
    claim(&mut game, &executor);
    challenge(&mut game, &[&challenger]);
    assert_eq!(game.claim().disputes[0].phase, DisputePhase::AwaitingEvidence { layer: 1 });
}

#[test]
fn only_the_state_before_the_judged_layer_is_evidence() {
    let mut game = Game::new(params(256), 8);
    let mut executor = Player::new(0, lie(8, 1 << 4, 1));
    let mut challenger = Player::new(1, game.truth.clone());
    claim(&mut game, &executor);
    challenge(&mut game, &[&challenger]);
    assert!(executor.react(&mut game) && challenger.react(&mut game));
    let counter_root = challenger.trace.root();
    let good =
        evidence_of(game.claim(), &challenger.trace, Side::Challenger, counter_root, 5).unwrap();
    for value in challenger.trace.values.clone() {
        game.upload(value);
    }
    let at =
        |layer| evidence_of(game.claim(), &challenger.trace, Side::Challenger, counter_root, layer);
    let mut bad: Vec<EvidenceMessage> = [1, 4].into_iter().filter_map(at).collect();
    bad.push(EvidenceMessage { layer: 0, ..good.clone() });
    bad.push(EvidenceMessage { layer: u32::MAX, ..good.clone() });
    bad.push(EvidenceMessage { layer: 6, ..good.clone() });
    bad.push(EvidenceMessage { list: executor.trace.lists[5].clone(), ..good.clone() });
    bad.push(EvidenceMessage { opening: challenger.trace.open(4).unwrap(), ..good.clone() });
    bad.push(EvidenceMessage { opening: executor.trace.open(5).unwrap(), ..good.clone() });
    bad.push(EvidenceMessage { tensors: Vec::new(), ..good.clone() });
    bad.push(EvidenceMessage { counter_root: executor.trace.root(), ..good.clone() });
    let before = game.job.clone();
    for evidence in bad {
        let told = format!("{evidence:?}");
        assert!(game.send(challenger.keypair, Message::Evidence(evidence)).is_err(), "{told}");
        assert_eq!(game.job, before);
    }
    game.send(challenger.keypair, Message::Evidence(good)).unwrap();
    assert!(matches!(game.claim().disputes[0].phase, DisputePhase::Judging { layer: 5, .. }));
}
