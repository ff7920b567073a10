//! Structural operators on tensors large enough for chunks and threads as they are outside tests: still the reference's bits.

#![allow(clippy::unwrap_used)]

#[path = "support/golden.rs"]
mod support;

use std::num::NonZeroUsize;

use gainsay_canon::{
    Corners, DType, Extension, Interpolation, Isa, Kernels, Keys, Operator, Order, Outside,
    PaddingCounts, Reduction, Rounding, Scalar, SliceRange, Tensor, Update, Window2d,
};
use support::{tensor, values};

fn check(operator: &Operator, operands: &[Tensor]) {
    let operands: Vec<&Tensor> = operands.iter().collect();
    let kernels = |isa, threads| Kernels::new(isa, NonZeroUsize::new(threads).unwrap()).unwrap();
    let expected = kernels(Isa::Reference, 1).run(operator, &operands).unwrap();
    for isa in Isa::supported().into_iter().filter(|isa| *isa != Isa::Reference) {
        for threads in [1, 3] {
            assert!(
                kernels(isa, threads).run(operator, &operands).unwrap() == expected,
                "{operator} {isa} {threads}"
            );
        }
    }
}

/// Indices below `extent`, and one above it now and then.
fn indices(shape: &[u64], extent: i64) -> Tensor {
    let index = |x: f32| ((x.to_bits() >> 3) as i64) % (extent + 1);
    let values = values(shape.iter().product(), 31).into_iter().map(index).collect();
    Tensor::i64(shape, values).unwrap()
}

#[test]
fn large_movements_are_the_reference() {
    let table = || tensor(&[1_000, 100], 1);
    check(&Operator::Take { axis: 0 }, &[table(), indices(&[40, 30], 1_000)]);
    check(&Operator::Take { axis: 1 }, &[table(), indices(&[70], 100)]);
    check(&Operator::Gather { axis: 0 }, &[table(), indices(&[900, 100], 1_000)]);
    check(&Operator::GatherNd, &[table(), indices(&[90_000, 2], 100)]);
    let update = Update::Add;
    let values = tensor(&[900, 100], 2);
    check(
        &Operator::Scatter { axis: 0, update },
        &[table(), indices(&[900, 100], 1_000), values.clone()],
    );
    check(&Operator::TakeAssign { axis: 0, update }, &[table(), indices(&[900], 1_000), values]);
    let ranges = [(10, 990, 2), (3, 99, -1)];
    let ranges = ranges.map(|(start, end, step)| SliceRange { start, end, step }).to_vec();
    check(&Operator::SliceAssign { ranges }, &[table(), tensor(&[490, 96], 3)]);
    check(&Operator::Unfold { axis: 0, size: 7, step: 3 }, &[table()]);
    let padding = vec![(100, 30), (40, 99)];
    check(&Operator::Extend { padding, mode: Extension::Reflect }, &[table()]);
    check(&Operator::Permute { axes: vec![1, 0] }, &[table()]);
    check(&Operator::Concat { axis: 1 }, &[table(), tensor(&[1_000, 37], 4), table()]);
    check(&Operator::Concat { axis: 0 }, &[table(), tensor(&[3, 100], 4), table()]);
    check(&Operator::Expand { shape: vec![9, 1_000, 100] }, &[table()]);
    let bytes = Operator::Cast { to: DType::I8 };
    let kernels = Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap();
    let bytes = kernels.run(&bytes, &[&table()]).unwrap().remove(0);
    for axis in [0, 1] {
        check(&Operator::Sort { axis, order: Order::Descending }, &[table()]);
        check(&Operator::ArgSort { axis, order: Order::Ascending }, std::slice::from_ref(&bytes));
        check(&Operator::Cumulative { function: Reduction::Sum, axis }, &[table()]);
    }
}

#[test]
fn large_windows_are_the_reference() {
    let conv =
        Operator::Conv3d { stride: [1, 2, 1], padding: [1, 1, 1], dilation: [1, 1, 1], groups: 2 };
    check(&conv, &[tensor(&[1, 8, 9, 20, 21], 1), tensor(&[20, 4, 3, 3, 3], 2), tensor(&[20], 3)]);
    for (stride, kernel, padding) in [(2, 2, 0), (2, 3, 1), (3, 2, 1), (1, 4, 2)] {
        let transposed = Operator::ConvTranspose2d {
            stride: [stride; 2],
            padding: [padding; 2],
            output_padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        };
        let w = tensor(&[12, 11, kernel, kernel], 5);
        check(&transposed, &[tensor(&[1, 12, 25, 30], 4), w, tensor(&[11], 6)]);
    }
    let (stride, padding, dilation) = ([1, 1], [1, 1], [1, 1]);
    let deformed = Operator::DeformConv2d {
        stride,
        padding,
        dilation,
        groups: 1,
        offset_groups: 2,
        masked: false,
    };
    let operands =
        [tensor(&[1, 6, 30, 33], 7), tensor(&[1, 36, 30, 33], 8), tensor(&[9, 6, 3, 3], 9)];
    check(&deformed, &operands);
    check(
        &Operator::Unfold2d { kernel: [3, 3], stride, padding, dilation },
        &[tensor(&[2, 5, 40, 41], 10)],
    );
    let window = Window2d {
        kernel: [3, 3],
        stride: [2, 1],
        padding: [1, 1],
        dilation,
        rounding: Rounding::Ceil,
    };
    let image = || tensor(&[2, 12, 40, 41], 11);
    check(&Operator::ArgMaxPool2d { window }, &[image()]);
    check(&Operator::AvgPool2d { window, padding_counts: PaddingCounts::Yes }, &[image()]);
    check(&Operator::AdaptiveAvgPool2d { output: [7, 5] }, &[image()]);
    check(&Operator::AdaptiveAvgPool3d { output: [5, 7, 6] }, &[tensor(&[1, 6, 11, 20, 21], 12)]);
    let corners = Corners::Apart;
    for mode in [Interpolation::Nearest, Interpolation::Bilinear, Interpolation::Bicubic] {
        check(&Operator::Interpolate2d { output: [77, 90], mode, corners }, &[image()]);
    }
    let sample =
        Operator::GridSample2d { mode: Interpolation::Bilinear, outside: Outside::Zeros, corners };
    check(&sample, &[image(), tensor(&[2, 33, 30, 2], 13)]);
}

#[test]
fn large_rows_are_the_reference() {
    let epsilon = Scalar::f32(1e-5);
    let operands = [tensor(&[300, 385], 1), tensor(&[385], 2), tensor(&[385], 3)];
    check(&Operator::LayerNorm { epsilon }, &operands);
    let heads = |salt| tensor(&[2, 4, 130, 32], salt);
    for (keys, biased) in [(Keys::Causal, false), (Keys::All, true)] {
        let scale = Scalar::f32(0.2);
        let operator = Operator::Attention { scale, softcap: None, keys, masked: false, biased };
        let mut operands = vec![heads(4), heads(5), heads(6)];
        if biased {
            operands.push(tensor(&[4, 130, 130], 7));
        }
        check(&operator, &operands);
    }
    let double = |shape: &[u64], salt| {
        let values = values(shape.iter().product(), salt).into_iter().map(f64::from).collect();
        Tensor::f64(shape, values).unwrap()
    };
    check(&Operator::MatMul, &[double(&[3, 60, 70], 8), double(&[70, 90], 9)]);
    check(&Operator::MatMul, &[double(&[3, 60, 70], 8), double(&[3, 70, 33], 9)]);
    check(&Operator::Linear, &[double(&[120, 70], 8), double(&[70, 90], 9), double(&[90], 10)]);
    check(&Operator::MatMul, &[indices(&[2, 60, 70], 1 << 40), indices(&[2, 70, 50], 1 << 40)]);
}
