//! Validation: one form of a program, everything else refused by name.

use gainsay_canon::{Binary, DType, Operator, Tensor, TensorType, Unary};
use gainsay_model::{
    Artifact, ArtifactError, BuildError, Input, Instruction, MAX_INSTRUCTIONS, Output, Program,
    ProgramBuilder, ProgramError, Slot, WeightType,
};
use proptest::prelude::*;

use crate::generator::{recipes, write};

fn f32s(shape: &[u64]) -> TensorType {
    TensorType::new(DType::F32, shape)
}

fn unary(operand: u32) -> Instruction {
    Instruction {
        operator: Operator::Unary { function: Unary::Neg },
        operands: vec![Slot(operand)],
    }
}

fn output(name: &str, slot: u32) -> Output {
    Output { name: name.into(), slot: Slot(slot) }
}

/// `y = -(-x) + w`, slots: x 0, w 1, then 2, 3, 4.
fn valid() -> Program {
    let add = Operator::Binary { function: Binary::Add };
    Program {
        name: "main".into(),
        inputs: vec![Input { name: "x".into(), tensor: f32s(&[3]) }],
        weights: vec![0],
        instructions: vec![
            unary(0),
            unary(2),
            Instruction { operator: add, operands: vec![Slot(3), Slot(1)] },
        ],
        outputs: vec![output("y", 4)],
    }
}

fn weights() -> Vec<WeightType> {
    vec![WeightType { name: "w".into(), tensor: f32s(&[3]) }]
}

fn refused(change: impl FnOnce(&mut Program)) -> ProgramError {
    let mut program = valid();
    change(&mut program);
    program.validate(&weights()).expect_err("an invalid program was accepted")
}

#[test]
fn a_valid_program_is_typed() {
    let typed = valid().validate(&weights()).unwrap();
    assert_eq!(typed.slot_count(), 5);
    assert_eq!(typed.type_of(Slot(4)), Some(&f32s(&[3])));
    assert_eq!(typed.type_of(Slot(5)), None);
    assert_eq!(typed.origin(Slot(5)), None);
    assert_eq!(typed.total_cost(), 9);
    assert_eq!(typed.peak_bytes(), 12 + 24);
}

#[test]
fn operands_that_are_not_earlier_values_are_refused() {
    for slot in [2, 3, 99, u32::MAX] {
        let error = refused(|p| p.instructions[0].operands = vec![Slot(slot)]);
        assert!(
            matches!(error, ProgramError::Operand { instruction: 0, operator: "neg", .. }),
            "{error}"
        );
    }
}

#[test]
fn dead_instructions_and_unread_weights_are_refused() {
    let error = refused(|p| p.outputs[0].slot = Slot(3));
    assert!(
        matches!(error, ProgramError::UnreadWeight { .. } | ProgramError::Dead { .. }),
        "{error}"
    );
    let error = refused(|p| {
        p.instructions.push(unary(0));
    });
    assert!(matches!(error, ProgramError::Dead { instruction: 3, .. }), "{error}");
    let error = refused(|p| {
        p.instructions[2] = unary(3);
    });
    assert!(matches!(error, ProgramError::UnreadWeight { .. }), "{error}");
}

#[test]
fn operands_that_do_not_fit_are_refused_with_the_instruction() {
    let error = refused(|p| p.inputs[0].tensor = f32s(&[4]));
    assert!(
        matches!(error, ProgramError::Operator { instruction: 2, operator: "add", .. }),
        "{error}"
    );
    let error = refused(|p| p.instructions[1].operands = vec![]);
    assert!(matches!(error, ProgramError::Operator { instruction: 1, .. }), "{error}");
    let error = refused(|p| p.inputs[0].tensor = f32s(&[1 << 40]));
    assert!(matches!(error, ProgramError::Value { .. }), "{error}");
}

#[test]
fn counts_are_limited() {
    let error = refused(|p| p.outputs.clear());
    assert!(matches!(error, ProgramError::Count { what: "outputs", count: 0, .. }), "{error}");
    let error = refused(|p| p.instructions.clear());
    assert!(matches!(error, ProgramError::Count { what: "instructions", .. }), "{error}");
    let error = refused(|p| p.instructions = vec![unary(0); MAX_INSTRUCTIONS + 1]);
    assert!(matches!(error, ProgramError::Count { what: "instructions", .. }), "{error}");
    let error = refused(|p| p.instructions[0].operands = vec![Slot(0); 5000]);
    assert!(matches!(error, ProgramError::Count { what: "operands", .. }), "{error}");
    let error = refused(|p| p.inputs = vec![p.inputs[0].clone(); 5000]);
    assert!(matches!(error, ProgramError::Count { what: "inputs", .. }), "{error}");
}

#[test]
fn names_are_unique_printable_and_short() {
    for name in ["", "with space", "tab\t", "ümlaut", "\u{202e}", &"n".repeat(256)] {
        let error = refused(|p| p.name = name.into());
        assert!(matches!(error, ProgramError::Name { what: "program", .. }), "{error}");
        let error = refused(|p| p.outputs[0].name = name.into());
        assert!(matches!(error, ProgramError::Name { what: "output", .. }), "{error}");
    }
    let error = refused(|p| p.outputs.push(p.outputs[0].clone()));
    assert!(matches!(error, ProgramError::DuplicateName { what: "output", .. }), "{error}");
    let error = refused(|p| p.inputs.push(p.inputs[0].clone()));
    assert!(matches!(error, ProgramError::DuplicateName { what: "input", .. }), "{error}");
}

#[test]
fn weights_ascend_and_exist() {
    for indices in [vec![1], vec![0, 0], vec![u32::MAX]] {
        let error = refused(|p| p.weights = indices);
        assert!(matches!(error, ProgramError::Weight { .. }), "{error}");
    }
}

#[test]
fn outputs_exist() {
    let error = refused(|p| p.outputs.push(output("z", 5)));
    assert!(matches!(error, ProgramError::Output { .. }), "{error}");
}

#[test]
fn the_builder_leaves_out_what_no_output_needs_and_orders_weights() {
    let mut builder = ProgramBuilder::new("main");
    let late = builder.weight(7, f32s(&[2]));
    let early = builder.weight(3, f32s(&[2]));
    let unread = builder.weight(5, f32s(&[2]));
    let x = builder.input("x", f32s(&[2]));
    let add = || Operator::Binary { function: Binary::Add };
    let a = builder.push(add(), &[x, late]).unwrap();
    let _dead = builder.push(add(), &[a, unread]).unwrap();
    let b = builder.push(add(), &[a, early]).unwrap();
    assert_eq!(builder.weight(7, f32s(&[2])), late);
    builder.output("y", b);
    let program = builder.finish();
    assert_eq!(program.weights, [3, 7]);
    assert_eq!(program.instructions.len(), 2);
    assert_eq!(program.instructions[0].operands, [Slot(0), Slot(2)]);
    assert_eq!(program.instructions[1].operands, [Slot(3), Slot(1)]);

    let weights = (0..9).map(|i| (format!("w{i}"), Tensor::f32([2], vec![i as f32; 2]).unwrap()));
    let artifact = Artifact::new("few", weights.collect(), vec![program]).unwrap();
    let names: Vec<&str> = artifact.manifest().weights.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["w3", "w7"]);
    assert_eq!(artifact.programs()[0].program().weights, [0, 1]);
    assert_eq!(artifact.weight(1).unwrap().as_f32(), Some(&[7.0f32, 7.0][..]));
}

#[test]
fn the_builder_refuses_what_canon_refuses_and_foreign_values() {
    let mut other = ProgramBuilder::new("other");
    other.input("a", f32s(&[1]));
    let foreign = other.input("b", f32s(&[1]));
    let mut builder = ProgramBuilder::new("main");
    let x = builder.input("x", f32s(&[2]));
    let refused = builder.push(Operator::MatMul, &[x, foreign]);
    assert!(matches!(refused, Err(BuildError::Value { operator: "matmul" })));
    let refused = builder.push(Operator::MatMul, &[x, x]);
    assert!(matches!(refused, Err(BuildError::Operator { step: 0, operator: "matmul", .. })));
}

#[test]
fn a_weight_that_is_not_there_is_named() {
    let refused = Artifact::new("none", vec![], vec![valid()]);
    let Err(ArtifactError::Program { program, source: ProgramError::Weight { .. } }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(program, "main");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_program_has_one_encoding(recipe in recipes(), at: u16, bit in 0u8..8) {
        let Some((program, _, _)) = write(&recipe) else { return Ok(()) };
        let bytes = program.encode();
        prop_assert_eq!(&Program::decode(&bytes).unwrap(), &program);
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert!(Program::decode(&longer).is_err());
        prop_assert!(Program::decode(&bytes[..usize::from(at) % bytes.len()]).is_err());
        let mut changed = bytes.clone();
        changed[usize::from(at) % bytes.len()] ^= 1 << bit;
        if let Ok(other) = Program::decode(&changed) {
            prop_assert_eq!(other.encode(), changed);
        }
    }

    #[test]
    fn hostile_bytes_safe(recipe in recipes(), changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6)) {
        // Whatever decodes is either refused or valid; nothing panics.
        let Some((program, weights, _)) = write(&recipe) else { return Ok(()) };
        let types: Vec<WeightType> = weights
            .iter()
            .map(|(name, weight)| WeightType { name: name.clone(), tensor: weight.tensor_type().clone() })
            .collect();
        let mut bytes = program.encode();
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(program) = Program::decode(&bytes) {
            let _ = program.validate(&types);
        }
    }
}
