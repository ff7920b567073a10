//! Traces: the states of PROTOCOL section 1, recomputed here in the plainest way, and `one_trace`.

use std::collections::BTreeMap;

use gainsay_canon::Tensor;
use gainsay_commitment::StateList;
use gainsay_model::{InputError, Origin, RunError, Runner, Slot, TypedProgram, digest_of};
use proptest::prelude::*;

use crate::generator::{Made, all_kernels, make, recipes, reference};

/// Every value of a run, none freed.
pub fn all_values(made: &Made, program: &TypedProgram) -> BTreeMap<Slot, Tensor> {
    let kernels = reference();
    let ambient = made.inputs.iter().cloned().chain(
        program.program().weights.iter().map(|&index| made.artifact.weight(index).unwrap().clone()),
    );
    let mut values: BTreeMap<Slot, Tensor> = (0u32..).map(Slot).zip(ambient).collect();
    for (position, instruction) in (0u32..).zip(&program.program().instructions) {
        let operands: Vec<&Tensor> =
            instruction.operands.iter().map(|slot| &values[slot]).collect();
        let result = kernels.run(&instruction.operator, &operands).unwrap().remove(0);
        values.insert(program.slot_of(position), result);
    }
    values
}

/// `S_index` read off the definition.
pub fn state(
    made: &Made,
    program: &TypedProgram,
    values: &BTreeMap<Slot, Tensor>,
    index: u32,
) -> StateList {
    let listed = |slots: Vec<(u32, Slot)>| {
        StateList(
            slots.into_iter().map(|(number, slot)| (number, digest_of(&values[&slot]))).collect(),
        )
    };
    let outputs: Vec<Slot> = program.program().outputs.iter().map(|output| output.slot).collect();
    if index == 0 {
        return listed((0..made.inputs.len() as u32).map(|at| (at, Slot(at))).collect());
    }
    if index == program.layer_count() {
        return listed((0u32..).zip(outputs).collect());
    }
    let end = program.layer(index).unwrap().instructions.end as usize;
    let later = program.program().instructions.iter().skip(end).flat_map(|found| &found.operands);
    let wanted: Vec<Slot> = later.copied().chain(outputs).collect();
    let made = (0..end as u32).map(|position| program.slot_of(position));
    listed(made.filter(|slot| wanted.contains(slot)).map(|slot| (slot.0, slot)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_states_are_those_of_the_definition(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        let program = runner.program();
        let trace = runner.trace(&made.inputs).unwrap();
        let values = all_values(&made, program);
        prop_assert_eq!(trace.states.len() as u32, program.layer_count() + 1);
        for (index, list) in (0u32..).zip(&trace.states) {
            prop_assert_eq!(list, &state(&made, program, &values, index), "state {}", index);
            prop_assert_eq!(list.digest(index), trace.digests[index as usize]);
            let numbers: Vec<u32> = list.0.iter().map(|(number, _)| *number).collect();
            prop_assert_eq!(Some(numbers), program.state_numbers(index));
        }
        prop_assert_eq!(program.state_numbers(program.layer_count() + 1), None);
        let returned = program.program().outputs.iter().map(|output| values[&output.slot].clone());
        prop_assert_eq!(&trace.outputs, &returned.collect::<Vec<_>>());
        prop_assert_eq!(&trace.outputs, &runner.run(&made.inputs).unwrap());
    }

    #[test]
    fn one_trace(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let expected = made.runner(reference()).trace(&made.inputs).unwrap();
        for kernels in all_kernels() {
            let (isa, threads) = (kernels.isa(), kernels.threads());
            let trace = made.runner(kernels).trace(&made.inputs).unwrap();
            prop_assert_eq!(&trace, &expected, "{} with {} threads", isa, threads);
        }
        prop_assert_eq!(expected.tree().unwrap().root(), expected.root().unwrap());
    }

    #[test]
    fn the_first_divergence_of_a_tampered_trace_is_the_tampered_layer(recipe in recipes(), pick: u32) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        let honest = runner.trace(&made.inputs).unwrap();
        let layer = 1 + pick % runner.program().layer_count();
        let mut changed = false;
        let lie = runner
            .trace_tampered(&made.inputs, layer, |tensor| changed = one_value_off(tensor))
            .unwrap();
        prop_assume!(changed);
        let differs = honest.digests.iter().zip(&lie.digests).position(|(h, l)| h != l);
        prop_assert_eq!(differs, Some(layer as usize));
        prop_assert_ne!(honest.root().unwrap(), lie.root().unwrap());
    }
}

/// Flips the lowest bit of the first byte; `false` for an empty tensor.
pub fn one_value_off(tensor: &mut Tensor) -> bool {
    let mut bytes = tensor.bytes().into_owned();
    let Some(first) = bytes.first_mut() else { return false };
    *first ^= 1;
    *tensor = Tensor::from_bytes(tensor.tensor_type(), &bytes).unwrap();
    true
}

fn fixed() -> (Made, Runner) {
    let made = crate::golden::tiny();
    let runner = made.runner(reference());
    (made, runner)
}

#[test]
fn inputs_of_the_wrong_number_or_type_are_refused() {
    let (made, runner) = fixed();
    let refused = runner.run(&[]);
    assert!(matches!(refused, Err(RunError::Input(InputError::Count { expected: 1, found: 0 }))));
    let other = Tensor::f32([1, 2], vec![0.0; 2]).unwrap();
    let refused = runner.trace(&[other]);
    assert!(matches!(refused, Err(RunError::Input(InputError::Type { .. }))), "{refused:?}");
    assert!(runner.run(&made.inputs).is_ok());
}

#[test]
fn layers_that_do_not_exist_are_refused() {
    let (made, runner) = fixed();
    let last = runner.program().layer_count();
    for layer in [0, last + 1, u32::MAX] {
        assert!(matches!(runner.evidence(&made.inputs, layer), Err(RunError::Layer { .. })));
        assert!(matches!(
            runner.trace_tampered(&made.inputs, layer, |_| ()),
            Err(RunError::Layer { .. })
        ));
    }
    assert!(Runner::new(made.artifact.clone(), 1, reference()).is_err());
}

#[test]
fn tampering_into_another_type_is_refused() {
    let (made, runner) = fixed();
    let refused = runner.trace_tampered(&made.inputs, 1, |tensor| {
        *tensor = Tensor::bool([1], vec![true]).unwrap();
    });
    assert!(matches!(refused, Err(RunError::Tamper { .. })));
}

#[test]
fn a_program_without_inputs_has_a_trace() {
    use gainsay_canon::{Operator, Scalar};
    let mut builder = gainsay_model::ProgramBuilder::new("constant");
    let ones =
        builder.push(Operator::Full { shape: vec![2], value: Scalar::f32(1.0) }, &[]).unwrap();
    builder.output("y", ones);
    let artifact =
        gainsay_model::Artifact::new("constant", vec![], vec![builder.finish()]).unwrap();
    let made = Made { artifact: artifact.into(), inputs: vec![] };
    let runner = made.runner(reference());
    let trace = runner.trace(&[]).unwrap();
    assert_eq!(trace.states.first(), Some(&StateList(vec![])));
    assert_eq!(runner.program().layer_count(), 1);
    assert!(matches!(runner.program().origin(Slot(0)), Some(Origin::Instruction(0))));
}
