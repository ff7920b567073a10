//! Scalars are rounded once, names come from the recording, what Burn's tensors cannot record is refused too.

use std::collections::BTreeMap;

use burn::tensor::{DType as BurnDType, Shape};
use burn_capture::TensorId;
use burn_ir::{
    BaseOperationIr, CreationOpIr, CustomOpIr, NumericOperationIr, OperationIr, ScalarIr,
    ScalarOpIr, TensorIr,
};
use gainsay_canon::{DType, Scalar};

use super::{lower, operator, value};
use crate::error::{Fault, Refusal};
use crate::record::Recording;
use crate::table::Reason;

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
