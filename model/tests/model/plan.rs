//! Planned runs against the operators one by one: outputs, states at both grains, several jobs, several threads.

use std::sync::Arc;

use gainsay_canon::{DType, Operator, Tensor, TensorType, Unary};
use gainsay_commitment::StateList;
use gainsay_model::{
    Artifact, Cuts, InputError, Plan, ProgramBuilder, RunError, Runner, Slot, digest_of,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::generator::{Made, Numbers, all_kernels, make, recipes, reference};
use crate::trace::{all_values, state};

/// Other inputs of the same types, specials among them.
fn other_inputs(made: &Made, seed: u64) -> Vec<Tensor> {
    let mut numbers = Numbers(seed);
    made.inputs.iter().map(|input| numbers.tensor(input.tensor_type())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn planned_runs_give_what_the_operators_give_one_by_one(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let program = Arc::clone(made.runner(reference()).program());
        let values = all_values(&made, &program);
        let outputs: Vec<Tensor> =
            program.program().outputs.iter().map(|output| values[&output.slot].clone()).collect();
        let states: Vec<StateList> =
            (0..=program.layer_count()).map(|index| state(&made, &program, &values, index)).collect();
        for kernels in all_kernels() {
            let (isa, threads) = (kernels.isa(), kernels.threads());
            let runner = made.runner(kernels);
            // Twice, so that the second run finds what the first left.
            for _ in 0..2 {
                let trace = runner.trace(&made.inputs).unwrap();
                prop_assert_eq!(&trace.states, &states, "{} with {} threads", isa, threads);
                prop_assert_eq!(&trace.outputs, &outputs, "{} with {} threads", isa, threads);
                prop_assert_eq!(&runner.run(&made.inputs).unwrap(), &outputs);
            }
        }
    }

    #[test]
    fn the_finest_trace_lists_every_live_value_after_every_operator_that_computes(
        recipe in recipes(),
    ) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        let program = runner.program();
        let values = all_values(&made, program);
        let trace = runner.trace_operators(&made.inputs).unwrap();
        let computing = (1u32..).zip(program.costs()).filter(|(_, cost)| **cost > 0);
        let ends: Vec<u32> = computing.map(|(end, _)| end).collect();
        prop_assert_eq!(trace.states.len(), ends.len().max(1) + 1);
        for (index, &end) in ends.iter().enumerate().take(ends.len().saturating_sub(1)) {
            let live = (0..end).map(|at| program.slot_of(at));
            let live = live.filter(|slot| program.needed_until(*slot) > end);
            let list = live.map(|slot: Slot| (slot.0, digest_of(&values[&slot]))).collect();
            prop_assert_eq!(&trace.states[index + 1], &StateList(list), "after {}", end);
        }
        prop_assert_eq!(&trace.outputs, &runner.run(&made.inputs).unwrap());
    }

    #[test]
    fn jobs_in_lockstep_are_committed_as_if_each_had_run_alone(
        recipe in recipes(),
        count in 1usize..5,
        bad in proptest::option::of(0usize..5),
        pick: u16,
    ) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let mut jobs: Vec<Vec<Tensor>> =
            (0..count as u64).map(|job| other_inputs(&made, recipe.seed ^ job)).collect();
        if let Some(inputs) = bad.and_then(|bad| jobs.get_mut(bad)) {
            inputs.push(Tensor::f32([1], vec![0.0]).unwrap());
        }
        let all = all_kernels();
        let runner = made.runner(all[usize::from(pick) % all.len()].clone());
        let alone = made.runner(reference());
        let (traces, outputs) = (runner.trace_many(&jobs), runner.run_many(&jobs));
        prop_assert_eq!(traces.len(), jobs.len());
        prop_assert_eq!(outputs.len(), jobs.len());
        for (position, job) in jobs.iter().enumerate() {
            if Some(position) == bad {
                let refused = |error: &RunError| {
                    matches!(error, RunError::Input(InputError::Count { .. }))
                };
                prop_assert!(traces[position].as_ref().is_err_and(refused));
                prop_assert!(outputs[position].as_ref().is_err_and(refused));
                continue;
            }
            let expected = alone.trace(job).unwrap();
            let trace = traces[position].as_ref().unwrap();
            prop_assert_eq!(trace.root().unwrap(), expected.root().unwrap(), "job {}", position);
            prop_assert_eq!(trace, &expected);
            prop_assert_eq!(outputs[position].as_ref().unwrap(), &expected.outputs);
        }
    }

    #[test]
    fn a_plan_has_no_more_steps_than_instructions_and_no_more_memory_than_values(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        let program = runner.program();
        let count = program.program().instructions.len();
        let all: u64 = (0..count as u32).map(|at| program.bytes_of(program.slot_of(at))).sum();
        for cuts in [Cuts::Layers, Cuts::Operators] {
            let plan = Plan::new(program, cuts).unwrap();
            prop_assert!(plan.step_count() <= count);
            prop_assert!(plan.planned_bytes() <= all, "{} over {}", plan.planned_bytes(), all);
            let text = plan.describe(program);
            prop_assert_eq!(text.steps.len(), plan.step_count());
            prop_assert_eq!(text.to_string().lines().count(), plan.step_count() + 1);
        }
    }
}

#[test]
fn clones_run_at_once_without_disturbing_each_other() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..12 {
        let recipe = recipes().new_tree(&mut runner).unwrap().current();
        let Some(made) = make(&recipe) else { continue };
        let kernels = all_kernels().pop().unwrap();
        let shared = made.runner(kernels);
        let jobs: Vec<Vec<Tensor>> = (0..6).map(|job| other_inputs(&made, job)).collect();
        let alone: Vec<_> =
            jobs.iter().map(|job| made.runner(reference()).trace(job).unwrap()).collect();
        std::thread::scope(|scope| {
            for (job, expected) in jobs.iter().zip(&alone) {
                let runner = shared.clone();
                scope.spawn(move || {
                    for _ in 0..3 {
                        assert_eq!(&runner.trace(job).unwrap(), expected);
                    }
                });
            }
        });
    }
}

fn runner_of(builder: ProgramBuilder, weights: Vec<(String, Tensor)>) -> Runner {
    let artifact = Artifact::new("fixed", weights, vec![builder.finish()]).unwrap();
    Runner::new(Arc::new(artifact), 0, reference()).unwrap()
}

#[test]
fn inputs_weights_and_one_value_under_two_names_can_be_returned() {
    let w = Tensor::f32([2], vec![5.0, 6.0]).unwrap();
    let mut builder = ProgramBuilder::new("main");
    let x = builder.input("x", TensorType::new(DType::F32, [2, 2]));
    let weight = builder.weight(0, w.tensor_type().clone());
    let y = builder.push(Operator::Unary { function: Unary::Neg }, &[x]).unwrap();
    let flat = builder.push(Operator::Reshape { shape: vec![4] }, &[y]).unwrap();
    let of_input = builder.push(Operator::Reshape { shape: vec![4] }, &[x]).unwrap();
    let of_weight = builder.push(Operator::Reshape { shape: vec![2, 1] }, &[weight]).unwrap();
    let outputs = [y, y, x, weight, flat, of_input, of_weight];
    for (position, value) in outputs.into_iter().enumerate() {
        builder.output(format!("y{position}"), value);
    }
    let runner = runner_of(builder, vec![("w".to_owned(), w.clone())]);
    let x = Tensor::f32([2, 2], vec![1.0, -2.0, f32::NAN, 4.0]).unwrap();
    for _ in 0..2 {
        let trace = runner.trace(std::slice::from_ref(&x)).unwrap();
        let y = Tensor::f32([2, 2], vec![-1.0, 2.0, f32::NAN, -4.0]).unwrap();
        let expected = [
            y.clone(),
            y.clone(),
            x.clone(),
            w.clone(),
            y.reshaped([4]).unwrap(),
            x.clone().reshaped([4]).unwrap(),
            w.clone().reshaped([2, 1]).unwrap(),
        ];
        assert_eq!(trace.outputs, expected);
        let last: Vec<_> = trace.states.last().unwrap().0.iter().map(|(_, found)| *found).collect();
        assert_eq!(last, expected.iter().map(digest_of).collect::<Vec<_>>());
    }
}

#[test]
fn values_without_elements_are_run_and_committed() {
    let w = Tensor::f32([0, 3], vec![]).unwrap();
    let mut builder = ProgramBuilder::new("main");
    let x = builder.input("x", TensorType::new(DType::F32, [2, 0]));
    let weight = builder.weight(0, w.tensor_type().clone());
    let y = builder.push(Operator::Linear, &[x, weight]).unwrap();
    let z = builder.push(Operator::Unary { function: Unary::Exp }, &[x]).unwrap();
    let z = builder.push(Operator::Permute { axes: vec![1, 0] }, &[z]).unwrap();
    builder.output("y", y);
    builder.output("z", z);
    let runner = runner_of(builder, vec![("w".to_owned(), w)]);
    let trace = runner.trace(&[Tensor::f32([2, 0], vec![]).unwrap()]).unwrap();
    let zeros = Tensor::f32([2, 3], vec![0.0; 6]).unwrap();
    assert_eq!(trace.outputs, [zeros, Tensor::f32([0, 2], vec![]).unwrap()]);
}

#[test]
fn rows_without_elements_are_run_on_every_kernel_set() {
    for shape in [[2u64, 0], [0, 3]] {
        let gamma = Tensor::f32([shape[1]], vec![1.0; shape[1] as usize]).unwrap();
        let mut builder = ProgramBuilder::new("main");
        let x = builder.input("x", TensorType::new(DType::F32, shape));
        let weight = builder.weight(0, gamma.tensor_type().clone());
        let epsilon = gainsay_canon::Scalar::f32(1e-5);
        let y = builder.push(Operator::LayerNorm { epsilon }, &[x, weight]).unwrap();
        let z = builder.push(Operator::Softmax { axis: 1 }, &[x]).unwrap();
        let relu = builder.push(Operator::Unary { function: Unary::Relu }, &[x]).unwrap();
        let function = gainsay_canon::Reduction::Sum;
        let sum = builder.push(Operator::Reduce { function, axes: vec![1] }, &[x]).unwrap();
        for (position, value) in [y, z, relu, sum].into_iter().enumerate() {
            builder.output(format!("y{position}"), value);
        }
        let weights = vec![("gamma".to_owned(), gamma)];
        let artifact = Artifact::new("empty", weights, vec![builder.finish()]).unwrap();
        let artifact = Arc::new(artifact);
        let x = Tensor::f32(shape, vec![]).unwrap();
        let run = |kernels| {
            let runner = Runner::new(Arc::clone(&artifact), 0, kernels).unwrap();
            runner.trace(std::slice::from_ref(&x)).unwrap()
        };
        let expected = run(reference());
        for kernels in all_kernels() {
            assert_eq!(run(kernels), expected, "{shape:?}");
        }
    }
}

#[test]
fn a_program_of_the_largest_size_is_planned_quickly() {
    let mut builder = ProgramBuilder::new("main");
    let mut last = builder.input("x", TensorType::new(DType::F32, [4]));
    for _ in 0..gainsay_model::MAX_INSTRUCTIONS {
        last = builder.push(Operator::Unary { function: Unary::Neg }, &[last]).unwrap();
    }
    builder.output("y", last);
    let program = builder.finish().validate(&[]).unwrap();
    let plan = Plan::new(&program, Cuts::Layers).unwrap();
    assert_eq!(plan.step_count(), program.layers().len());
    assert_eq!(plan.planned_bytes(), 16);
    let plan = Plan::new(&program, Cuts::Operators).unwrap();
    assert_eq!(plan.step_count(), gainsay_model::MAX_INSTRUCTIONS);
    assert_eq!(plan.planned_bytes(), 16);
}

#[test]
fn no_jobs_have_no_results() {
    let made = crate::golden::tiny();
    assert!(made.runner(reference()).run_many(&[]).is_empty());
    assert!(made.runner(reference()).trace_many(&[]).is_empty());
}

#[test]
fn a_clock_tells_committing_from_running() {
    let made = crate::golden::tiny();
    let runner = made.runner(reference());
    let mut ticks = 0u64;
    let clock = || {
        ticks += 1;
        std::time::Duration::from_millis(ticks)
    };
    let (trace, timing) = runner.trace_timed(&made.inputs, Cuts::Layers, clock).unwrap();
    assert_eq!(trace, runner.trace(&made.inputs).unwrap());
    let states = u64::from(runner.program().layer_count()) + 1;
    let steps = runner.plan().unwrap().step_count() as u64;
    assert_eq!(timing.hashing.as_millis() as u64, states);
    assert_eq!(timing.total.as_millis() as u64, states + steps + 1, "one to return the outputs");
    let bytes =
        |tensors: &[Tensor]| tensors.iter().map(|tensor| tensor.bytes().len() as u64).sum::<u64>();
    let ends = bytes(&made.inputs) + bytes(&trace.outputs);
    let inner: u64 = runner.program().layers().iter().map(|layer| layer.state_bytes).sum();
    assert!((ends..=ends + inner).contains(&timing.hashed), "{} bytes hashed", timing.hashed);
    let mut ticks = 0u64;
    let (_, times) = runner
        .run_timed(&made.inputs, || {
            ticks += 1;
            std::time::Duration::from_millis(ticks)
        })
        .unwrap();
    assert_eq!(times.len() as u64, steps);
}
