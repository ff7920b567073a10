//! Inputs that produce NaN, and batches without rows: the right bits or the right error, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, relu, softmax};
use burn::tensor::{Device, Int, Tensor};
use gainsay_canon::Tensor as CanonTensor;
use gainsay_capture::{CaptureArtifact, CaptureError, Fault};
use gainsay_model::Artifact;

const QUIET: u32 = 0x7fc0_0000;

#[derive(burn::module::Module, Debug)]
struct Block {
    norm: LayerNorm,
    hidden: Linear,
}

fn block() -> Block {
    let device = Device::flex();
    Block {
        norm: LayerNormConfig::new(8).init(&device),
        hidden: LinearConfig::new(8, 4).init(&device),
    }
}

fn bits(tensor: &CanonTensor) -> Vec<u32> {
    tensor.as_f32().unwrap().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_nan_in_the_input_becomes_the_quiet_one() {
    let forward = |m: &Block, x: Tensor<2>| softmax(gelu(m.hidden.forward(m.norm.forward(x))), 1);
    let artifact = Artifact::capture("block", &block(), forward, [2, 8]).unwrap();
    let mut values = vec![0.5; 16];
    // A signalling NaN with a payload and a sign, in the first row alone.
    values[3] = f32::from_bits(0xff80_0001);
    let input = CanonTensor::f32([2, 8], values).unwrap();
    let found = bits(&common::runner(artifact).run(&[input]).unwrap()[0]);
    assert_eq!(found[..4], [QUIET; 4]);
    assert!(found[4..].iter().all(|&bits| !f32::from_bits(bits).is_nan()), "{found:x?}");
}

#[test]
fn operators_outside_their_domain_give_the_quiet_nan() {
    let forward = |_: &usize, x: Tensor<1>| {
        [x.clone().log(), x.clone().sqrt(), x.clone().asin(), x.clone().acosh(), x.powf_scalar(0.3)]
    };
    let artifact = Artifact::capture("domain", &0usize, forward, [2]).unwrap();
    let input = CanonTensor::f32([2], vec![-3.5, -2.0]).unwrap();
    for output in common::runner(artifact).run(&[input]).unwrap() {
        assert_eq!(bits(&output), [QUIET; 2]);
    }
}

#[test]
fn an_empty_batch_gives_an_empty_result() {
    let forward = |m: &Block, x: Tensor<2>| softmax(relu(m.hidden.forward(m.norm.forward(x))), 1);
    let artifact = Artifact::capture("block", &block(), forward, [0, 8]).unwrap();
    let input = CanonTensor::f32([0, 8], Vec::new()).unwrap();
    let found = common::runner(artifact).run(&[input]).unwrap();
    assert_eq!(found[0].shape(), [0, 4]);
}

#[test]
fn sums_over_an_empty_batch_are_zero_and_means_are_nan() {
    let forward = |_: &usize, x: Tensor<2>| [x.clone().sum_dim(0), x.mean_dim(0)];
    let artifact = Artifact::capture("sums", &0usize, forward, [0, 3]).unwrap();
    let input = CanonTensor::f32([0, 3], Vec::new()).unwrap();
    let found = common::runner(artifact).run(&[input]).unwrap();
    assert_eq!(bits(&found[0]), [0; 3]);
    assert_eq!(bits(&found[1]), [QUIET; 3]);
}

#[test]
fn the_maximum_over_an_empty_batch_is_refused_by_name() {
    let error =
        Artifact::capture("max", &0usize, |_, x: Tensor<2>| x.max_dim(0), [0, 3]).unwrap_err();
    assert!(matches!(&error, CaptureError::Program { fault, .. }
        if matches!(**fault, Fault::Operation { .. } | Fault::Panicked { .. })));
    let text = error.to_string();
    assert!(text.contains("MaxDim") && text.contains("empty"), "{text}");
}

#[test]
fn a_token_outside_the_vocabulary_reads_zeros() {
    let forward = |_: &usize, (table, tokens): (Tensor<2>, Tensor<2, Int>)| {
        burn::tensor::module::embedding(table, tokens)
    };
    let artifact = Artifact::capture("table", &0usize, forward, ([3, 2], [1, 4])).unwrap();
    let table = CanonTensor::f32([3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let tokens = CanonTensor::i64([1, 4], vec![2, -1, 3, 0]).unwrap();
    let found = common::runner(artifact).run(&[table, tokens]).unwrap();
    assert_eq!(found[0].as_f32().unwrap(), [5.0, 6.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
}
