//! Structural operators against results that an independent implementation computed (`support/structural.py`).

#![allow(clippy::unwrap_used)]

#[path = "support/run.rs"]
mod support;

use gainsay_canon::{
    Corners, Extension, Interpolation, Keys, Operator, Order, Outside, Reduction, Rounding, Scalar,
    Tensor, Update, Window2d,
};
use support::run;

const CASES: &str = include_str!("data/structural.txt");

fn tensor(line: &str) -> Tensor {
    let mut words = line.split(' ');
    let (dtype, shape) = (words.next().unwrap(), words.next().unwrap());
    let shape = shape.split(',').filter(|extent| *extent != "-");
    let shape: Vec<u64> = shape.map(|extent| extent.parse().unwrap()).collect();
    match dtype {
        "f32" => Tensor::f32(shape, words.map(|x| x.parse().unwrap()).collect()),
        "i64" => Tensor::i64(shape, words.map(|x| x.parse().unwrap()).collect()),
        _ => Tensor::bool(shape, words.map(|x| x == "1").collect()),
    }
    .unwrap()
}

/// The operators whose case is a word or two.
fn operator(name: &str, result: &Tensor) -> Operator {
    let words: Vec<&str> = name.split(' ').collect();
    let update = || match words[1] {
        "none" => Update::Assign,
        "add" => Update::Add,
        "mul" => Update::Mul,
        "min" => Update::Min,
        _ => Update::Max,
    };
    let order = || match words[1] {
        "ascending" => Order::Ascending,
        _ => Order::Descending,
    };
    let corners = |word: &str| if word == "Apart" { Corners::Apart } else { Corners::Aligned };
    let mode = |word: &str| match word {
        "Nearest" => Interpolation::Nearest,
        "Bilinear" => Interpolation::Bilinear,
        _ => Interpolation::Bicubic,
    };
    match words[0] {
        "gather" => Operator::Gather { axis: 1 },
        "take" => Operator::Take { axis: 1 },
        "gather_nd" => Operator::GatherNd,
        "scatter" => Operator::Scatter { axis: 0, update: update() },
        "scatter_nd" => Operator::ScatterNd { update: update() },
        "extend" => Operator::Extend {
            padding: vec![(1, 2), (2, 1)],
            mode: if words[1] == "edge" { Extension::Edge } else { Extension::Reflect },
        },
        "cumulative_sum" => Operator::Cumulative { function: Reduction::Sum, axis: 1 },
        "sort" => Operator::Sort { axis: 1, order: order() },
        "arg_sort" => Operator::ArgSort { axis: 1, order: order() },
        "interpolate" => Operator::Interpolate2d {
            output: [result.shape()[2], result.shape()[3]],
            mode: mode(words[1]),
            corners: corners(words[2]),
        },
        "grid_sample" => Operator::GridSample2d {
            mode: mode(words[1]),
            outside: match words[2] {
                "zeros" => Outside::Zeros,
                "border" => Outside::Border,
                _ => Outside::Reflection,
            },
            corners: corners(words[3]),
        },
        "layer_norm" => Operator::LayerNorm { epsilon: Scalar::f32(1e-5) },
        "attention" => Operator::Attention {
            scale: Scalar::f32(0.5),
            softcap: (name == "attention softcap").then_some(Scalar::f32(2.0)),
            keys: if name == "attention causal" { Keys::Causal } else { Keys::All },
            masked: name == "attention masked",
            biased: name == "attention biased",
        },
        _ => window(name),
    }
}

/// The operators with windows, whose attributes are those of the script.
fn window(name: &str) -> Operator {
    let window = Window2d {
        kernel: [3, 2],
        stride: [2, 2],
        padding: [1, 0],
        dilation: [1, 1],
        rounding: Rounding::Floor,
    };
    match name {
        "conv3d" => Operator::Conv3d {
            stride: [1, 2, 1],
            padding: [1, 0, 2],
            dilation: [2, 1, 1],
            groups: 2,
        },
        "conv_transpose2d" => Operator::ConvTranspose2d {
            stride: [2, 3],
            padding: [1, 0],
            output_padding: [1, 0],
            dilation: [1, 2],
            groups: 1,
        },
        "conv_transpose2d even" => Operator::ConvTranspose2d {
            stride: [2, 2],
            padding: [0, 0],
            output_padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        },
        "conv_transpose3d" => Operator::ConvTranspose3d {
            stride: [2, 1, 2],
            padding: [0, 1, 1],
            output_padding: [0, 0, 0],
            dilation: [1, 1, 1],
            groups: 1,
        },
        "deform_conv2d" => Operator::DeformConv2d {
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
            offset_groups: 2,
            masked: true,
        },
        "max_pool2d" => Operator::MaxPool2d { window },
        "arg_max_pool2d" => Operator::ArgMaxPool2d { window },
        other => unreachable!("case {other}"),
    }
}

/// The largest difference, in units of a millionth of the larger magnitude (of one at least).
fn difference(a: &Tensor, b: &Tensor) -> f32 {
    let pairs = a.as_f32().unwrap().iter().zip(b.as_f32().unwrap());
    pairs.map(|(a, b)| (a - b).abs() / a.abs().max(b.abs()).max(1.0) * 1e6).fold(0.0, f32::max)
}

#[test]
fn results_agree_with_the_reference_implementation_of_onnx() {
    let mut count = 0;
    for case in CASES.split("case ").skip(1) {
        let (name, lines) = case.split_once('\n').unwrap();
        let (operands, result) = lines.trim_end().split_once("result ").unwrap();
        let expected = tensor(result);
        let operands: Vec<Tensor> =
            operands.lines().map(|line| tensor(line.strip_prefix("operand ").unwrap())).collect();
        let found = run(&operator(name, &expected), &operands.iter().collect::<Vec<_>>());
        assert_eq!(found.tensor_type(), expected.tensor_type(), "{name}");
        if expected.as_f32().is_some() {
            let difference = difference(&found, &expected);
            assert!(difference <= 2.0, "{name}: {difference}\n{found:?}\n{expected:?}");
        } else {
            assert_eq!(found, expected, "{name}");
        }
        count += 1;
    }
    assert_eq!(count, 49);
}
