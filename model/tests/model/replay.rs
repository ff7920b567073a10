//! Replays from evidence: the verdict's foundation.

use std::collections::BTreeMap;

use gainsay_canon::{DType, Kernels, Tensor, TensorType};
use gainsay_commitment::{Digest, StateList, content, tensor_digest};
use gainsay_model::{
    Ambient, AmbientFault, Evidence, EvidenceFault, Malformation, Replay, ReplayError, Required,
    Runner, Slot, Trace, check_evidence, replay_layer,
};
use proptest::prelude::*;

use crate::generator::{Made, make, recipes, reference};
use crate::golden::tiny;
use crate::trace::one_value_off;

/// Replays with only the weights that the layer requires.
fn replay(
    made: &Made,
    runner: &Runner,
    layer: u32,
    agreed: Digest,
    evidence: &Evidence,
    kernels: &Kernels,
) -> Result<Replay, ReplayError> {
    let program = runner.program();
    let required = Required::of(program, layer).unwrap();
    let weights: BTreeMap<u32, Tensor> = required
        .weights
        .iter()
        .map(|&index| (index, made.artifact.weight(index).unwrap().clone()))
        .collect();
    let ambient = Ambient { inputs: &made.inputs, weights: &weights };
    replay_layer(program, layer, agreed, evidence, ambient, kernels)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_layer_replays_to_its_state(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        let fast = Kernels::detect().unwrap();
        let trace = runner.trace(&made.inputs).unwrap();
        for layer in 1..=runner.program().layer_count() {
            let evidence = runner.evidence(&made.inputs, layer).unwrap();
            prop_assert_eq!(&evidence.list, &trace.states[layer as usize - 1]);
            prop_assert_eq!(&Evidence::decode(&evidence.encode()).unwrap(), &evidence);
            let agreed = trace.digests[layer as usize - 1];
            for kernels in [&reference(), &fast] {
                let replayed = replay(&made, &runner, layer, agreed, &evidence, kernels).unwrap();
                prop_assert_eq!(&replayed.list, &trace.states[layer as usize], "layer {}", layer);
                prop_assert_eq!(replayed.digest, trace.digests[layer as usize]);
            }
        }
    }

    #[test]
    fn a_replay_of_the_tampered_layer_gives_the_honest_state(recipe in recipes(), pick: u32) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        let honest = runner.trace(&made.inputs).unwrap();
        let layer = 1 + pick % runner.program().layer_count();
        let mut changed = false;
        let lie = runner.trace_tampered(&made.inputs, layer, |t| changed = one_value_off(t)).unwrap();
        prop_assume!(changed);
        let evidence = runner.evidence(&made.inputs, layer).unwrap();
        let agreed = lie.digests[layer as usize - 1];
        let replayed = replay(&made, &runner, layer, agreed, &evidence, &reference()).unwrap();
        prop_assert_eq!(replayed.digest, honest.digests[layer as usize]);
        prop_assert_ne!(replayed.digest, lie.digests[layer as usize]);
    }

    #[test]
    fn changed_evidence_never_gives_another_state(recipe in recipes(), pick: u32, at: u32, byte in 1u8..) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        let trace = runner.trace(&made.inputs).unwrap();
        let layer = 1 + pick % runner.program().layer_count();
        let mut bytes = runner.evidence(&made.inputs, layer).unwrap().encode();
        let at = at as usize % bytes.len();
        bytes[at] ^= byte;
        if let Ok(evidence) = Evidence::decode(&bytes) {
            let agreed = trace.digests[layer as usize - 1];
            let refused = replay(&made, &runner, layer, agreed, &evidence, &reference());
            prop_assert!(matches!(refused, Err(ReplayError::Evidence(_))), "{:?}", refused);
        }
    }
}

/// The tiny model in its second layer, whose state is one value and which reads it.
struct Case {
    made: Made,
    runner: Runner,
    trace: Trace,
    layer: u32,
    evidence: Evidence,
}

impl Case {
    fn new() -> Self {
        let made = tiny();
        let runner = made.runner(reference());
        let trace = runner.trace(&made.inputs).unwrap();
        let layer = (2..=runner.program().layer_count())
            .find(|&layer| !Required::of(runner.program(), layer).unwrap().state.is_empty())
            .unwrap();
        let evidence = runner.evidence(&made.inputs, layer).unwrap();
        Self { made, runner, trace, layer, evidence }
    }

    /// With the state before the layer as honest runs have it.
    fn honest(&self) -> Result<Replay, ReplayError> {
        let agreed = self.trace.digests[self.layer as usize - 1];
        replay(&self.made, &self.runner, self.layer, agreed, &self.evidence, &reference())
    }

    /// With whatever the evidence lists as the state that both sides agreed on.
    fn agreed_on_list(&self) -> Result<Replay, ReplayError> {
        let agreed = self.evidence.list.digest(self.layer - 1);
        replay(&self.made, &self.runner, self.layer, agreed, &self.evidence, &reference())
    }
}

#[test]
fn a_list_that_is_not_the_agreed_state_is_refused() {
    let mut case = Case::new();
    case.evidence.list.0[0].1 = Digest([7; 32]);
    let refused = case.honest();
    assert!(
        matches!(refused, Err(ReplayError::Evidence(EvidenceFault::List { .. }))),
        "{refused:?}"
    );
}

#[test]
fn an_agreed_list_with_other_slots_is_malformed() {
    type Change = fn(&mut Vec<(u32, Digest)>);
    let changes: [Change; 4] = [
        |list| list.clear(),
        |list| list.push((u32::MAX, Digest([1; 32]))),
        |list| list[0].0 += 1,
        |list| list.insert(0, list[0]),
    ];
    for change in changes {
        let mut case = Case::new();
        change(&mut case.evidence.list.0);
        let refused = case.agreed_on_list();
        assert!(
            matches!(refused, Err(ReplayError::Malformed(Malformation::Slots { .. }))),
            "{refused:?}"
        );
    }
}

/// Makes the agreed state commit to `tensor` and `bytes` for the value that the layer reads.
fn commit_to(case: &mut Case, tensor: TensorType, bytes: Vec<u8>) {
    let given = &mut case.evidence.tensors[0];
    let digest = tensor_digest(tensor.dtype as u8, &tensor.shape, content(&bytes));
    (given.tensor, given.bytes) = (tensor, bytes);
    let slot = given.slot;
    let entry = case.evidence.list.0.iter_mut().find(|(number, _)| *number == slot.0).unwrap();
    entry.1 = digest;
}

#[test]
fn an_agreed_value_of_another_type_is_malformed() {
    for tensor in [TensorType::new(DType::F32, [4, 1]), TensorType::new(DType::I32, [1, 4])] {
        let mut case = Case::new();
        commit_to(&mut case, tensor, vec![0; 16]);
        let refused = case.agreed_on_list();
        assert!(
            matches!(refused, Err(ReplayError::Malformed(Malformation::Type { .. }))),
            "{refused:?}"
        );
    }
}

#[test]
fn an_agreed_value_of_the_wrong_length_is_malformed() {
    let mut case = Case::new();
    let tensor = case.evidence.tensors[0].tensor.clone();
    commit_to(&mut case, tensor, vec![0; 15]);
    let refused = case.agreed_on_list();
    assert!(
        matches!(refused, Err(ReplayError::Malformed(Malformation::Content { .. }))),
        "{refused:?}"
    );
}

#[test]
fn wrong_missing_and_extra_bytes_are_refused_and_blame_nobody() {
    let mut case = Case::new();
    case.evidence.tensors[0].bytes[3] ^= 1;
    assert!(matches!(case.honest(), Err(ReplayError::Evidence(EvidenceFault::Bytes { .. }))));

    let mut case = Case::new();
    case.evidence.tensors[0].tensor.shape = vec![4];
    assert!(matches!(case.honest(), Err(ReplayError::Evidence(EvidenceFault::Bytes { .. }))));

    let mut case = Case::new();
    case.evidence.tensors.clear();
    assert!(matches!(case.honest(), Err(ReplayError::Evidence(EvidenceFault::Missing(_)))));

    let mut case = Case::new();
    let again = case.evidence.tensors[0].clone();
    case.evidence.tensors.push(again);
    assert!(matches!(case.honest(), Err(ReplayError::Evidence(EvidenceFault::Extra(_)))));

    let mut case = Case::new();
    case.evidence.tensors[0].slot = Slot(0);
    assert!(matches!(case.honest(), Err(ReplayError::Evidence(EvidenceFault::Extra(_)))));

    assert!(Case::new().honest().is_ok());
}

#[test]
fn evidence_can_be_checked_before_anything_is_computed() {
    let case = Case::new();
    let (program, layer) = (case.runner.program(), case.layer);
    let agreed = case.trace.digests[layer as usize - 1];
    assert_eq!(check_evidence(program, layer, agreed, &case.evidence), Ok(()));
    let refused = check_evidence(program, layer - 1, agreed, &case.evidence);
    assert!(matches!(refused, Err(ReplayError::Evidence(_))), "{refused:?}");
    for none in [0, u32::MAX] {
        let refused = check_evidence(program, none, agreed, &case.evidence);
        assert!(matches!(refused, Err(ReplayError::Ambient(AmbientFault::Layer { .. }))));
    }
}

#[test]
fn wrong_inputs_weights_and_layers_are_the_callers_fault() {
    let case = Case::new();
    let program = case.runner.program();
    let kernels = reference();
    let weights = case.made.artifact.as_ref();
    let first = case.runner.evidence(&case.made.inputs, 1).unwrap();
    let agreed = case.trace.digests[0];
    let fault = |inputs: &[Tensor], weights: &dyn gainsay_model::WeightSource, layer| {
        let refused =
            replay_layer(program, layer, agreed, &first, Ambient { inputs, weights }, &kernels);
        match refused {
            Err(ReplayError::Ambient(fault)) => fault,
            other => panic!("{other:?}"),
        }
    };
    let wrong = [Tensor::f32([1, 4], vec![0.0; 4]).unwrap()];
    assert!(matches!(fault(&wrong, weights, 1), AmbientFault::Input { position: 0, .. }));
    assert!(matches!(fault(&[], weights, 1), AmbientFault::Inputs(_)));
    assert!(matches!(fault(&case.made.inputs, &BTreeMap::new(), 1), AmbientFault::Weight(_)));
    assert!(matches!(fault(&case.made.inputs, weights, 0), AmbientFault::Layer { .. }));
    assert!(matches!(fault(&case.made.inputs, weights, 99), AmbientFault::Layer { .. }));
}

#[test]
fn values_that_a_layer_does_not_read_are_carried_by_digest() {
    use gainsay_canon::{Binary, Operator, Unary};
    // `kept` is live across the middle layers, which do not read it.
    let mut builder = gainsay_model::ProgramBuilder::new("main");
    let x = builder.input("x", TensorType::new(DType::F32, [2]));
    let kept = builder.push(Operator::Unary { function: Unary::Neg }, &[x]).unwrap();
    let mut last = kept;
    for _ in 0..3 {
        let up = builder.push(Operator::Unary { function: Unary::Exp }, &[last]).unwrap();
        let down = builder.push(Operator::Unary { function: Unary::Neg }, &[last]).unwrap();
        last = builder.push(Operator::Binary { function: Binary::Add }, &[up, down]).unwrap();
    }
    let sum = builder.push(Operator::Binary { function: Binary::Add }, &[kept, last]).unwrap();
    builder.output("y", sum);
    builder.output("kept", kept);
    let artifact = gainsay_model::Artifact::new("kept", vec![], vec![builder.finish()]).unwrap();
    let inputs = vec![Tensor::f32([2], vec![0.5, 1.0]).unwrap()];
    let made = Made { artifact: artifact.into(), inputs };
    let runner = made.runner(reference());
    let trace = runner.trace(&made.inputs).unwrap();
    let carried = (2..=runner.program().layer_count()).filter(|&layer| {
        let evidence = runner.evidence(&made.inputs, layer).unwrap();
        let agreed = trace.digests[layer as usize - 1];
        let replayed = replay(&made, &runner, layer, agreed, &evidence, &reference()).unwrap();
        assert_eq!(replayed.list, trace.states[layer as usize]);
        evidence.list.0.len() > evidence.tensors.len()
    });
    assert!(carried.count() > 0);
    assert_eq!(trace.states.last().map(|list: &StateList| list.0.len()), Some(2));
}
