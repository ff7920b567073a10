//! Tensors large enough for blocks, panels, chunks and threads as they are outside tests: still the reference's bits.

#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use gainsay_canon::{Binary, Isa, Kernels, Operator, Reduction, Rounding, Tensor, Unary, Window2d};

fn tensor(shape: &[u64], salt: u64) -> Tensor {
    let hash = |i: u64| (i + salt * 7_919).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let value = |i: u64| (hash(i) as f32 - 8_388_608.0) / 2_097_152.0;
    Tensor::f32(shape, (0..shape.iter().product()).map(value).collect()).unwrap()
}

fn check(operator: &Operator, operands: &[Tensor]) {
    let operands: Vec<&Tensor> = operands.iter().collect();
    let kernels = |isa, threads| Kernels::new(isa, NonZeroUsize::new(threads).unwrap()).unwrap();
    let expected = kernels(Isa::Reference, 1).run(operator, &operands).unwrap();
    for isa in Isa::supported() {
        for threads in [1, 2, 4] {
            assert!(
                kernels(isa, threads).run(operator, &operands).unwrap() == expected,
                "{operator} {isa} {threads}"
            );
        }
    }
}

#[test]
fn large_contractions_are_the_reference() {
    check(&Operator::Linear, &[tensor(&[70, 600], 1), tensor(&[600, 301], 2), tensor(&[301], 3)]);
    check(&Operator::Linear, &[tensor(&[3, 700], 1), tensor(&[700, 500], 2)]);
    check(&Operator::MatMul, &[tensor(&[500, 300], 4), tensor(&[300, 20], 5)]);
    check(&Operator::MatMul, &[tensor(&[4, 3, 60, 32], 6), tensor(&[4, 1, 32, 60], 7)]);
    let conv =
        |stride, groups| Operator::Conv2d { stride, padding: [1, 1], dilation: [1, 1], groups };
    check(
        &conv([1, 1], 1),
        &[tensor(&[2, 16, 30, 30], 8), tensor(&[40, 16, 3, 3], 9), tensor(&[40], 10)],
    );
    check(&conv([2, 2], 4), &[tensor(&[3, 32, 33, 31], 11), tensor(&[64, 8, 3, 3], 12)]);
}

#[test]
fn large_elementwise_operators_and_rows_are_the_reference() {
    let x = || tensor(&[9, 100_003], 1);
    check(&Operator::Unary { function: Unary::Gelu }, &[x()]);
    check(&Operator::Unary { function: Unary::Log }, &[x()]);
    check(&Operator::Binary { function: Binary::Mul }, &[x(), tensor(&[9, 1], 2)]);
    check(&Operator::Binary { function: Binary::Sub }, &[x(), tensor(&[100_003], 2)]);
    check(&Operator::Binary { function: Binary::Max }, &[x(), tensor(&[9, 100_003], 2)]);
    check(&Operator::Softmax { axis: 1 }, &[x()]);
    check(&Operator::LogSoftmax { axis: 0 }, &[x()]);
    check(&Operator::Reduce { function: Reduction::Sum, axes: vec![1] }, &[x()]);
    check(&Operator::Reduce { function: Reduction::Mean, axes: vec![0] }, &[x()]);
    let window = Window2d {
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        dilation: [1, 1],
        rounding: Rounding::Floor,
    };
    check(&Operator::MaxPool2d { window }, &[tensor(&[2, 16, 112, 111], 3)]);
}
