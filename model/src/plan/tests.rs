//! What only the inside of a plan shows: no two values share memory while both are needed, and nothing that earlier runs
//! left in memory is ever read.

use proptest::prelude::*;

#[path = "../../tests/model/generator.rs"]
#[allow(dead_code)]
mod generator;

use self::generator::{all_kernels, make, recipes, reference};
use super::{Cuts, Lockstep, Place, Plan, Prepared};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_two_values_share_a_buffer_while_both_are_needed(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let runner = made.runner(reference());
        for cuts in [Cuts::Layers, Cuts::Operators] {
            let plan = Plan::new(runner.program(), cuts).unwrap();
            // Whose result each buffer holds: what is read must still be there.
            let mut holds: Vec<Option<usize>> = vec![None; plan.buffers.len()];
            let mut boundaries = plan.boundaries.iter().peekable();
            let mut wanted = vec![None; plan.kept.len()];
            for (index, step) in plan.steps.iter().enumerate() {
                while let Some(boundary) = boundaries.next_if(|found| found.steps_end <= index) {
                    for &(_, at) in &boundary.list {
                        let Place::Buffer(buffer) = plan.kept[at].place else { continue };
                        let made_by = *wanted[at].get_or_insert(holds[buffer]);
                        prop_assert!(made_by.is_some());
                        prop_assert_eq!(holds[buffer], made_by, "kept value {}", at);
                    }
                }
                for value in &step.values {
                    if let Place::Buffer(buffer) = value.place {
                        prop_assert_eq!(holds[buffer], value.made_by, "read by step {}", index);
                        prop_assert!(buffer != step.buffer, "step {} reads where it writes", index);
                    }
                }
                if let Some(over) = step.over {
                    prop_assert_eq!(holds[step.buffer], Some(over));
                    prop_assert_eq!(&plan.steps[over].result, &step.result);
                    prop_assert_eq!(plan.steps[over].until, index);
                }
                if let Some(before) = holds[step.buffer] {
                    let until = plan.steps[before].until;
                    prop_assert!(until < index || step.over == Some(before), "step {}", index);
                }
                holds[step.buffer] = Some(index);
                let holder = &plan.buffers[step.buffer];
                prop_assert_eq!(holder.dtype, step.result.dtype);
                prop_assert!(holder.elements().unwrap() >= step.result.elements().unwrap());
            }
        }
    }

    #[test]
    fn what_earlier_runs_left_is_never_read(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let program = made.runner(reference()).program().clone();
        for kernels in [Some(reference()), all_kernels().pop()].into_iter().flatten() {
            let plan = Plan::new(&program, Cuts::Layers).unwrap();
            let prepared = Prepared::new(plan, &program, &made.artifact, &kernels).unwrap();
            let trace = || {
                let inputs = [made.inputs.as_slice()];
                Lockstep::new(&prepared, &program, inputs).trace(&mut |_| ()).unwrap()
            };
            let first = trace();
            prepared.pool.poison();
            prop_assert_eq!(&trace(), &first);
        }
    }
}

#[test]
fn random_programs_reach_every_kind_of_fusion() {
    use gainsay_canon::{LinkOperand, Operator, Source};
    use proptest::strategy::ValueTree;

    let mut random = proptest::test_runner::TestRunner::deterministic();
    let (mut chains, mut reshaped, mut layouts, mut views) = (0, 0, 0, 0);
    let (mut in_place, mut moved, mut reused) = (0, 0, 0);
    let (mut attention, mut normalised) = (0, 0);
    for _ in 0..400 {
        let recipe = recipes().new_tree(&mut random).unwrap().current();
        let Some(made) = make(&recipe) else { continue };
        let runner = made.runner(reference());
        let plan = Plan::new(runner.program(), Cuts::Layers).unwrap();
        let weights = runner.program().program().weights.len();
        moved += usize::from(plan.constants.len() > weights);
        reused += usize::from(plan.buffers.len() < plan.steps.len());
        for step in &plan.steps {
            let others = step.spec.chain.iter().flat_map(|link| &link.operands);
            let others = others.filter_map(|operand| match operand {
                LinkOperand::Chain => None,
                LinkOperand::Other(other) => Some(other),
            });
            let others: Vec<_> = others.collect();
            let operator = &step.spec.operator;
            let laid_out = !step.spec.layout.is_empty();
            attention += usize::from(matches!(operator, Operator::Attention { .. }) && laid_out);
            let chained = !step.spec.chain.is_empty();
            normalised += usize::from(matches!(operator, Operator::LayerNorm { .. }) && chained);
            chains += usize::from(!step.spec.chain.is_empty());
            reshaped += usize::from(others.iter().any(|other| !other.view.is_empty()));
            layouts += usize::from(!step.spec.layout.is_empty());
            views += usize::from(step.spec.operands.iter().any(|x| x.view.len() > 1));
            in_place += usize::from(
                step.spec.operands.iter().chain(others).any(|x| x.source == Source::Output),
            );
        }
    }
    let found = [chains, reshaped, layouts, views, in_place, moved, reused, attention, normalised];
    assert!(found.iter().all(|&found| found >= 5), "{found:?}");
}
