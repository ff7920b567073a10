//! Version 1, held fixed: these bits may never change under the same version number.
//!
//! Inputs are written formulas; results are FNV-1a digests of the output bytes, with a few elements in full.

#![allow(clippy::unwrap_used)]

#[path = "support/golden.rs"]
mod support;

use gainsay_canon::{
    Binary, DType, Extreme, NUMERICS_VERSION, Operator, PaddingCounts, Reduction, Relation,
    Rounding, Scalar, SliceRange, Tensor, TensorType, Unary, Window2d,
};
use support::{check, fnv, tensor};

/// Every 65,521st `f32` of all there are.
fn some_of_all_floats() -> Tensor {
    let x: Vec<f32> = (0..=u32::MAX).step_by(65_521).map(f32::from_bits).collect();
    Tensor::f32([x.len() as u64], x).unwrap()
}

#[test]
fn version_1_elementary_functions_have_these_bits() {
    assert_eq!(NUMERICS_VERSION, 1);
    let table = [
        ("exp", Unary::Exp, 0xb807_2ce3_012e_735a, [0x3f80_0000, 0x3f80_0000, 0x7fc0_0000]),
        ("log", Unary::Log, 0x17e1_b0cc_0c06_8ce2, [0xff80_0000, 0x7fc0_0000, 0x7fc0_0000]),
        ("tanh", Unary::Tanh, 0x43f3_013b_180e_3770, [0x0000_0000, 0x8000_7f88, 0x7fc0_0000]),
        ("sigmoid", Unary::Sigmoid, 0x38bd_19dd_148b_8395, [0x3f00_0000, 0x3f00_0000, 0x7fc0_0000]),
        ("erf", Unary::Erf, 0xeb9d_975b_7306_6aea, [0x0000_0000, 0x8000_8fe7, 0x7fc0_0000]),
        ("gelu", Unary::Gelu, 0xb9a4_7eb4_fb44_6736, [0x0000_0000, 0x8000_3fc4, 0x7fc0_0000]),
        ("recip", Unary::Recip, 0xf2c2_91c9_b99d_7a2a, [0x7f80_0000, 0xff80_0000, 0x7fc0_0000]),
        ("sqrt", Unary::Sqrt, 0xd42d_8bcf_8147_c93c, [0x0000_0000, 0x7fc0_0000, 0x7fc0_0000]),
        ("relu", Unary::Relu, 0x950a_5807_dade_7930, [0x0000_0000, 0x0000_0000, 0x7fc0_0000]),
    ];
    let all = |(name, function, digest, sample)| {
        (name, Operator::Unary { function }, vec![some_of_all_floats()], digest, sample)
    };
    check(table.map(all).into());
}

#[test]
fn version_1_contractions_reductions_and_composites_have_these_bits() {
    let conv = Operator::Conv2d { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 };
    let window = Window2d {
        kernel: [3, 2],
        stride: [2, 2],
        padding: [1, 0],
        dilation: [1, 1],
        rounding: Rounding::Ceil,
    };
    let sum = Operator::Reduce { function: Reduction::Sum, axes: vec![0, 2] };
    let product = Operator::Reduce { function: Reduction::Product, axes: vec![1] };
    let mean = Operator::Reduce { function: Reduction::Mean, axes: vec![1] };
    let average = Operator::AvgPool2d { window, padding_counts: PaddingCounts::Yes };
    let integers = Tensor::i64([3], vec![i64::MAX, -16_777_217, 33_554_435]).unwrap();
    let image = || tensor(&[2, 4, 9, 11], 3);
    check(vec![
        (
            "matmul",
            Operator::MatMul,
            vec![tensor(&[2, 13, 300], 1), tensor(&[300, 70], 2)],
            0x317f_b963_7bb8_868e,
            [0xc0ef_eb28, 0xbfa4_0ed5, 0xc1eb_bed3],
        ),
        (
            "linear",
            Operator::Linear,
            vec![tensor(&[5, 64], 4), tensor(&[64, 10], 5), tensor(&[10], 6)],
            0x7a05_4c10_d107_b507,
            [0xc122_9013, 0xc24b_d78e, 0x4142_8de9],
        ),
        (
            "conv2d",
            conv,
            vec![image(), tensor(&[6, 2, 3, 3], 7), tensor(&[6], 8)],
            0x6b96_a0a5_529b_5366,
            [0x41cc_6700, 0xc125_4ddb, 0xc108_397a],
        ),
        (
            "sum",
            sum,
            vec![tensor(&[7, 3, 100], 9)],
            0x632b_87df_7cde_1815,
            [0x414a_2131, 0xbeaa_96c0, 0xc154_cac8],
        ),
        (
            "product",
            product,
            vec![tensor(&[4, 37], 10)],
            0x19f8_cb03_d0ab_3007,
            [0xca88_336c, 0x48a0_088d, 0x4a82_b434],
        ),
        (
            "mean",
            mean,
            vec![tensor(&[4, 37], 11)],
            0xeae6_fac5_f5ca_0d60,
            [0x3c36_6e45, 0xbe2a_cd18, 0x3d8c_692a],
        ),
        (
            "max_pool2d",
            Operator::MaxPool2d { window },
            vec![image()],
            0x2e7a_0028_bbcb_59c1,
            [0x3f88_ac8c, 0x407c_65ce, 0x3fcc_c810],
        ),
        (
            "avg_pool2d",
            average,
            vec![image()],
            0x3667_2744_00be_8c62,
            [0xbf58_2ab9, 0x3ee3_0300, 0x3f07_6608],
        ),
        (
            "adaptive",
            Operator::AdaptiveAvgPool2d { output: [4, 3] },
            vec![image()],
            0x4a18_8dda_b755_c95a,
            [0xbeec_a165, 0x3e0b_713d, 0x3e3b_d9ad],
        ),
        (
            "softmax",
            Operator::Softmax { axis: 1 },
            vec![tensor(&[6, 77], 12)],
            0x39a5_d5d1_ed69_1b00,
            [0x3b25_f321, 0x39c6_eef9, 0x3a9c_5e1b],
        ),
        (
            "log_softmax",
            Operator::LogSoftmax { axis: 0 },
            vec![tensor(&[6, 77], 13)],
            0xec67_f97c_d46a_3493,
            [0xbfe4_787f, 0xc06a_1e94, 0xc00f_6020],
        ),
        (
            "cast",
            Operator::Cast { to: DType::F32 },
            vec![integers],
            0xde00_ae91_d184_2cec,
            [0x5f00_0000, 0xcb80_0000, 0x4c00_0001],
        ),
    ]);
}

#[test]
fn version_1_operators_are_stored_as_these_bytes() {
    let window = Window2d {
        kernel: [3, 2],
        stride: [2, 1],
        padding: [1, 0],
        dilation: [1, 1],
        rounding: Rounding::Ceil,
    };
    let scalar = Scalar::f32(1.5);
    let axis = 1;
    let range = SliceRange { start: 1, end: 5, step: -2 };
    let pair = [1, 2];
    let operators = vec![
        Operator::Reshape { shape: vec![2, 3] },
        Operator::Permute { axes: vec![1, 0] },
        Operator::Slice { ranges: vec![range] },
        Operator::Concat { axis },
        Operator::Expand { shape: vec![4, 1] },
        Operator::Cast { to: DType::BF16 },
        Operator::Full { shape: vec![2], value: Scalar::bool(true) },
        Operator::Pad { padding: vec![(0, 1)], value: Scalar::i64(-1) },
        Operator::Unary { function: Unary::Not },
        Operator::Binary { function: Binary::Or },
        Operator::BinaryScalar { function: Binary::Div, scalar },
        Operator::Compare { relation: Relation::GreaterEqual },
        Operator::CompareScalar { relation: Relation::Less, scalar },
        Operator::Where,
        Operator::Clamp { min: None, max: Some(scalar) },
        Operator::MatMul,
        Operator::Linear,
        Operator::Conv2d { stride: pair, padding: pair, dilation: pair, groups: 3 },
        Operator::Reduce { function: Reduction::Min, axes: vec![0, 1] },
        Operator::Arg { extreme: Extreme::Min, axis },
        Operator::MaxPool2d { window },
        Operator::AvgPool2d { window, padding_counts: PaddingCounts::Yes },
        Operator::AdaptiveAvgPool2d { output: pair },
        Operator::Softmax { axis },
        Operator::LogSoftmax { axis },
    ];
    assert_eq!(borsh::to_vec(&Operator::Concat { axis }).unwrap(), [0x04, 1]);
    assert_eq!(borsh::to_vec(&Operator::MatMul).unwrap(), [0x40]);
    let tags: Vec<u8> =
        operators.iter().map(|operator| borsh::to_vec(operator).unwrap()[0]).collect();
    let expected = [
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26,
        0x40, 0x41, 0x42, 0x60, 0x61, 0x62, 0x63, 0x64, 0x80, 0x81,
    ];
    assert_eq!(tags, expected);
    assert_eq!(fnv(&borsh::to_vec(&operators).unwrap()), 0xc965_15e0_5a21_4e5c);
    let tensor_type = TensorType::new(DType::F16, [1, 2]);
    assert_eq!(fnv(&borsh::to_vec(&tensor_type).unwrap()), 0xeac8_efa1_bd47_ab13);
}
