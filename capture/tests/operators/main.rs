//! Every operator of Burn's that is captured does what Burn does, and no operator is forgotten.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod base;
#[path = "../common/mod.rs"]
mod common;
mod module;
mod numeric;
mod structure;
mod typed;

use burn::tensor::{Int, Tensor, TensorData};
use common::{floats, integers};
use gainsay_capture::{Rule, operators};

pub const X: [usize; 3] = [2, 3, 5];

/// A constant on the device of `like`.
pub fn constant<const D: usize, const E: usize>(
    like: &Tensor<E>,
    shape: [usize; D],
    seed: u64,
) -> Tensor<D> {
    let values = floats(shape.iter().product(), seed);
    Tensor::from_data(TensorData::new(values, shape), &like.device())
}

/// Whole numbers from 0 to below `below`, as indices.
pub fn indices<const D: usize, const E: usize>(
    like: &Tensor<E>,
    shape: [usize; D],
    below: i64,
) -> Tensor<D, Int> {
    let values: Vec<i64> =
        integers(shape.iter().product(), 7).into_iter().map(|x| x.rem_euclid(below)).collect();
    Tensor::from_data(TensorData::new(values, shape), &like.device())
}

/// Operators that Burn 0.22 writes as others before they reach the capture device, or that compute nothing. Lowering's own
/// tests make them by hand.
const NEVER_RECORDED: [&str; 5] =
    ["Operation::Init", "Operation::Drop", "Float::IsNan", "Float::IsInf", "Module::Linear"];

/// The samples that the other tests compare with Burn, run once more to see which operators Burn records for them.
#[test]
fn every_operator_of_burn_is_captured_by_a_sample_or_refused() {
    for samples in [base::SAMPLES, numeric::SAMPLES, typed::SAMPLES, module::SAMPLES] {
        samples.iter().for_each(|sample| sample());
    }
    let seen = common::seen();
    let missing: Vec<String> = operators()
        .filter(|entry| matches!(entry.rule, Rule::Lowered(_)) && !seen.contains(entry))
        .map(|entry| format!("{}::{}", entry.family, entry.operator))
        .filter(|name| !NEVER_RECORDED.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "no sample captures {missing:?}");
}
