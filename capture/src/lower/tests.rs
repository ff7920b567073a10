//! Scalars are rounded once, names come from the recording, what Burn's tensors cannot record is refused too.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{DType as BurnDType, Shape};
use burn_capture::TensorId;
use burn_ir::{
    ActivationOperationIr, AllReduceOpIr, BaseOperationIr, BinaryOpIr, CreationOpIr, CtcLossOpIr,
    CustomOpIr, DequantizeOpIr, DistributedOperationIr, FloatOperationIr, LinearOpIr,
    ModuleOperationIr, NumericOperationIr, OperationIr, ScalarIr, ScalarOpIr, TensorIr, UnaryOpIr,
};
use gainsay_canon::{DType, Scalar};

use super::{lower, operator, value};
use crate::error::{Fault, Refusal};
use crate::graph::Origin;
use crate::record::Recording;
use crate::table::{Reason, Rule, entry, operators};

fn tensor(id: u64, dtype: BurnDType) -> TensorIr {
    TensorIr::uninit(TensorId::new(id), Shape::from([2, 3]), dtype)
}

fn recording(operations: Vec<OperationIr>, output: u64) -> Recording {
    Recording {
        operations,
        values: BTreeMap::new(),
        inputs: Vec::new(),
        outputs: vec![("output".to_owned(), TensorId::new(output))],
        parameters: BTreeMap::new(),
    }
}

fn zeros(id: u64, dtype: BurnDType) -> OperationIr {
    OperationIr::BaseFloat(BaseOperationIr::Zeros(CreationOpIr { out: tensor(id, dtype) }))
}

#[test]
fn scalars_are_rounded_once_to_the_element_type() {
    // Just above the midpoint between two f32 of magnitude 1: rounding by way of anything else would round down.
    let above = 1.0 + 2.0f64.powi(-24) + 2.0f64.powi(-50);
    let next = f32::from_bits(1.0f32.to_bits() + 1);
    assert_eq!(value::scalar(ScalarIr::Float(above), DType::F32), Ok(Scalar::f32(next)));
    // 2^60 + 2^36 + 1 is above a midpoint of f32; as f64 first, it would be the midpoint, and round to even.
    let whole = (1i64 << 60) + (1 << 36) + 1;
    let expected = f32::from_bits((2.0f32.powi(60)).to_bits() + 1);
    assert_eq!(value::scalar(ScalarIr::Int(whole), DType::F32), Ok(Scalar::f32(expected)));
    assert_eq!(value::scalar(ScalarIr::Float(0.1), DType::F64), Ok(Scalar::f64(0.1)));
}

#[test]
fn integers_must_fit_and_fractions_are_cut() {
    assert_eq!(value::scalar(ScalarIr::Float(-2.9), DType::I64), Ok(Scalar::i64(-2)));
    assert_eq!(value::scalar(ScalarIr::UInt(u64::MAX), DType::U64), Ok(Scalar::u64(u64::MAX)));
    assert_eq!(value::scalar(ScalarIr::Int(-128), DType::I8), Ok(Scalar::i8(-128)));
    for (scalar, dtype) in [
        (ScalarIr::Int(128), DType::I8),
        (ScalarIr::Int(-1), DType::U32),
        (ScalarIr::UInt(u64::MAX), DType::I64),
        (ScalarIr::Float(f64::NAN), DType::I32),
        (ScalarIr::Float(1e300), DType::I64),
    ] {
        let refused = value::scalar(scalar, dtype);
        assert!(
            matches!(refused, Err(Refusal::Scalar { .. })),
            "{scalar:?} as {dtype}: {refused:?}"
        );
    }
}

#[test]
fn names_are_those_of_burns_representation() {
    let scalar = ScalarOpIr {
        lhs: tensor(1, BurnDType::F32),
        rhs: ScalarIr::Float(2.0),
        out: tensor(2, BurnDType::F32),
    };
    let typed = OperationIr::NumericFloat(BurnDType::F32, NumericOperationIr::AddScalar(scalar));
    assert_eq!(operator(&typed), "AddScalar");
    assert_eq!(operator(&zeros(1, BurnDType::F32)), "Zeros");
}

#[test]
fn custom_operators_are_refused_by_their_id() {
    let custom = OperationIr::Custom(CustomOpIr::new(
        "flash_everything",
        &[tensor(1, BurnDType::F32)],
        &[tensor(2, BurnDType::F32)],
    ));
    let fault =
        lower(&recording(vec![zeros(1, BurnDType::F32), custom], 2), &[], None).unwrap_err();
    assert!(matches!(fault, Fault::Operation { refusal: Refusal::Refused(Reason::Custom), .. }));
    let text = fault.to_string();
    assert!(text.starts_with("operation 2 of 2, `flash_everything`"), "{text}");
}

#[test]
fn element_types_without_canonical_form_are_refused() {
    let fault = lower(&recording(vec![zeros(1, BurnDType::Flex32)], 1), &[], None).unwrap_err();
    assert!(fault.to_string().contains("Flex32"), "{fault}");
}

#[test]
fn a_tensor_that_nothing_computed_is_refused() {
    let fault = lower(&recording(vec![zeros(1, BurnDType::F32)], 7), &[], None).unwrap_err();
    assert!(matches!(fault, Fault::Value { refusal: Refusal::Unknown, .. }), "{fault}");
}

#[test]
fn empty_is_zeros() {
    let empty = OperationIr::BaseInt(BaseOperationIr::Empty(CreationOpIr {
        out: tensor(1, BurnDType::I32),
    }));
    let graph = lower(&recording(vec![empty], 1), &[], None).unwrap();
    assert_eq!(graph.values.len(), 1);
    assert!(format!("{:?}", graph.values[0].origin).contains("Full"));
}

#[test]
fn what_the_table_refuses_is_refused_in_its_words() {
    let pair = |out: u64| BinaryOpIr {
        lhs: tensor(1, BurnDType::F32),
        rhs: tensor(1, BurnDType::F32),
        out: tensor(out, BurnDType::F32),
    };
    let loss = CtcLossOpIr {
        log_probs: tensor(1, BurnDType::F32),
        targets: tensor(1, BurnDType::I64),
        input_lengths: tensor(1, BurnDType::I64),
        target_lengths: tensor(1, BurnDType::I64),
        blank: 0,
        out: tensor(2, BurnDType::F32),
    };
    let reduced = AllReduceOpIr {
        tensor: tensor(1, BurnDType::F32),
        out: tensor(2, BurnDType::F32),
        op: burn::tensor::distributed::ReduceOperation::Sum,
        device_ids: Vec::new(),
    };
    let back = DequantizeOpIr { input: tensor(1, BurnDType::F32), out: tensor(2, BurnDType::F32) };
    for (operation, reason) in [
        (OperationIr::Activation(ActivationOperationIr::ReluBackward(pair(2))), Reason::Training),
        (OperationIr::Module(ModuleOperationIr::CtcLoss(loss)), Reason::Training),
        (OperationIr::Distributed(DistributedOperationIr::AllReduce(reduced)), Reason::Distributed),
        (OperationIr::Float(BurnDType::F32, FloatOperationIr::Dequantize(back)), Reason::Quantised),
    ] {
        let entry = entry(&operation);
        assert_eq!(entry.rule, Rule::Refused(reason), "{entry:?}");
        let operations = vec![zeros(1, BurnDType::F32), operation];
        let fault = lower(&recording(operations, 2), &[], None).unwrap_err();
        let text = fault.to_string();
        assert!(text.starts_with("operation 2 of 2, `"), "{text}");
        assert!(text.contains(entry.operator) && text.contains(&reason.to_string()), "{text}");
    }
}

#[test]
fn every_variant_has_one_entry() {
    let names: BTreeSet<_> = operators().map(|entry| (entry.family, entry.operator)).collect();
    assert_eq!(names.len(), operators().count());
    assert!(names.len() > 200, "{}", names.len());
}

#[test]
fn constants_of_half_types_are_rounded_once() {
    // 1 + 2^-11 + 2^-40 is above the midpoint of two f16; by way of f32 it would be the midpoint, and round to even.
    let above = 1.0 + 2.0f64.powi(-11) + 2.0f64.powi(-40);
    let expected = Scalar { dtype: DType::F16, bits: 0x3c01 };
    assert_eq!(value::scalar(ScalarIr::Float(above), DType::F16), Ok(expected));
    let whole = Scalar { dtype: DType::BF16, bits: 0x4040 };
    assert_eq!(value::scalar(ScalarIr::Int(3), DType::BF16), Ok(whole));
}

#[test]
fn operators_that_burn_writes_as_others_are_lowered_all_the_same() {
    let question = || UnaryOpIr { input: tensor(1, BurnDType::F32), out: bools(2) };
    let of_shape = |id: u64, shape: [usize; 2]| {
        TensorIr::uninit(TensorId::new(id), Shape::from(shape), BurnDType::F32)
    };
    let linear = LinearOpIr {
        x: tensor(1, BurnDType::F32),
        weight: of_shape(3, [3, 4]),
        bias: None,
        out: of_shape(2, [2, 4]),
    };
    let weight = CreationOpIr { out: of_shape(3, [3, 4]) };
    for (operation, name) in [
        (OperationIr::Float(BurnDType::F32, FloatOperationIr::IsNan(question())), "is_nan"),
        (OperationIr::Float(BurnDType::F32, FloatOperationIr::IsInf(question())), "is_infinite"),
        (OperationIr::Module(ModuleOperationIr::Linear(linear)), "linear"),
    ] {
        let weight = OperationIr::BaseFloat(BaseOperationIr::Zeros(weight.clone()));
        let operations = vec![zeros(1, BurnDType::F32), weight, operation];
        let graph = lower(&recording(operations, 2), &[], None).unwrap();
        let Origin::Operator { operator, .. } = &graph.values.last().unwrap().origin else {
            panic!("no operator");
        };
        assert_eq!(operator.name(), name);
    }
}

fn bools(id: u64) -> TensorIr {
    tensor(id, BurnDType::Bool(burn::tensor::BoolStore::U8))
}
