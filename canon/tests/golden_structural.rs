//! Version 1 of the operators that index, slide, resample, sort and normalise, held fixed: these bits may never change
//! under the same version number.

#![allow(clippy::unwrap_used)]

#[path = "support/golden.rs"]
mod support;

use gainsay_canon::{
    Corners, Extension, Interpolation, Keys, Operator, Order, Outside, Reduction, Rounding, Scalar,
    SliceRange, Tensor, Update, Window2d,
};
use support::{check, fnv, tensor, values};

#[test]
fn version_1_structural_operators_have_these_bits() {
    let image = || tensor(&[2, 4, 9, 11], 3);
    let indices = |shape: &[u64], extent: u64| {
        let index = |x: f32| (x.to_bits() as u64 % (extent + 2)) as i64 - 1;
        let values = values(shape.iter().product(), 21).into_iter().map(index).collect();
        Tensor::i64(shape, values).unwrap()
    };
    let resampled = |mode, corners| Operator::Interpolate2d { output: [13, 7], mode, corners };
    let sampled = |mode, outside| Operator::GridSample2d { mode, outside, corners: Corners::Apart };
    let grid = || tensor(&[2, 5, 6, 2], 23);
    let attention = |keys, biased: bool| Operator::Attention {
        scale: Scalar::f32(0.3),
        softcap: biased.then_some(Scalar::f32(3.0)),
        keys,
        masked: false,
        biased,
    };
    let heads = |salt| tensor(&[2, 3, 19, 8], salt);
    let places = indices(&[2, 4, 5, 11], 9);
    let add = Update::Add;
    check(vec![
        (
            "gather",
            Operator::Gather { axis: 2 },
            vec![image(), places.clone()],
            0x29b3_b443_4d45_ce8a,
            [0x3f80_5928, 0x3f0c_22d0, 0x0000_0000],
        ),
        (
            "take",
            Operator::Take { axis: 1 },
            vec![image(), indices(&[3, 2], 4)],
            0x2aae_df99_3049_76dc,
            [0x4023_3e6c, 0x3ef6_f800, 0xc03e_a7ce],
        ),
        (
            "gather_nd",
            Operator::GatherNd,
            vec![image(), indices(&[7, 2], 2)],
            0x6e9f_364f_381f_8f1f,
            [0x0000_0000, 0x4030_1b9a, 0x0000_0000],
        ),
        (
            "scatter",
            Operator::Scatter { axis: 2, update: add },
            vec![image(), places, tensor(&[2, 4, 5, 11], 22)],
            0x97ee_cd89_b77b_b4c9,
            [0x4071_e0cc, 0xbf80_1248, 0xc02c_dfce],
        ),
        (
            "take_assign",
            Operator::TakeAssign { axis: 2, update: Update::Max },
            vec![image(), indices(&[30], 9), tensor(&[2, 4, 30, 11], 22)],
            0x93c4_1966_aa6f_4d22,
            [0x4021_0d70, 0x3f74_92e8, 0x402d_73d8],
        ),
        (
            "unfold2d",
            Operator::Unfold2d {
                kernel: [3, 2],
                stride: [2, 1],
                padding: [1, 2],
                dilation: [2, 1],
            },
            vec![image()],
            0x1704_bc17_f015_8211,
            [0x0000_0000, 0x0000_0000, 0x0000_0000],
        ),
        (
            "conv3d",
            Operator::Conv3d {
                stride: [1, 2, 1],
                padding: [1, 0, 2],
                dilation: [2, 1, 1],
                groups: 2,
            },
            vec![tensor(&[2, 4, 5, 6, 7], 24), tensor(&[6, 2, 2, 3, 2], 25), tensor(&[6], 26)],
            0xfc0d_1233_4759_4cc8,
            [0xbda2_8900, 0xbda2_8900, 0x3f24_59e8],
        ),
        (
            "conv_transpose2d",
            Operator::ConvTranspose2d {
                stride: [2, 3],
                padding: [1, 2],
                output_padding: [1, 0],
                dilation: [1, 2],
                groups: 2,
            },
            vec![image(), tensor(&[4, 3, 3, 2], 27), tensor(&[6], 28)],
            0xfaca_d87c_ab16_45c4,
            [0x40ee_33d7, 0x4063_3d0a, 0xc101_5eed],
        ),
        (
            "conv_transpose3d",
            Operator::ConvTranspose3d {
                stride: [2, 1, 2],
                padding: [0, 1, 1],
                output_padding: [1, 0, 0],
                dilation: [1, 1, 1],
                groups: 1,
            },
            vec![tensor(&[1, 3, 3, 4, 5], 29), tensor(&[3, 2, 2, 3, 3], 30)],
            0xb67a_c6b5_d25d_fe65,
            [0xbecc_5e67, 0x40bf_c0dc, 0x0000_0000],
        ),
        (
            "deform_conv2d",
            Operator::DeformConv2d {
                stride: [2, 1],
                padding: [1, 1],
                dilation: [1, 2],
                groups: 2,
                offset_groups: 2,
                masked: true,
            },
            vec![
                image(),
                tensor(&[2, 24, 5, 11], 31),
                tensor(&[6, 2, 3, 2], 32),
                tensor(&[2, 12, 5, 11], 33),
                tensor(&[6], 34),
            ],
            0x0373_04fc_84b4_9412,
            [0xc1ac_f492, 0xc02a_439b, 0x4089_16a6],
        ),
        (
            "cumulative",
            Operator::Cumulative { function: Reduction::Sum, axis: 2 },
            vec![image()],
            0xe172_1fb7_a1e9_3d90,
            [0x3f88_ac8c, 0xbf80_1248, 0x3ff9_97ac],
        ),
        (
            "sort",
            Operator::Sort { axis: 3, order: Order::Descending },
            vec![image()],
            0xb09e_d98c_6c28_c7d9,
            [0x406b_5eee, 0x407c_65ce, 0xc072_9350],
        ),
        (
            "adaptive 3d",
            Operator::AdaptiveAvgPool3d { output: [2, 4, 3] },
            vec![tensor(&[2, 3, 5, 6, 7], 35)],
            0x5e83_a956_3728_f202,
            [0x3f16_8ff4, 0x3ebc_9541, 0x3e8d_3bec],
        ),
        (
            "nearest",
            resampled(Interpolation::NearestExact, Corners::Apart),
            vec![image()],
            0x84db_747c_d9a0_9a27,
            [0x3f88_ac8c, 0xbf80_1248, 0xbc57_8200],
        ),
        (
            "bilinear",
            resampled(Interpolation::Bilinear, Corners::Aligned),
            vec![image()],
            0xb3aa_5004_1fc2_4704,
            [0x3f88_ac8c, 0xbf80_1248, 0xbc57_8200],
        ),
        (
            "bicubic",
            resampled(Interpolation::Bicubic, Corners::Apart),
            vec![image()],
            0x2368_e4b9_9234_3e5a,
            [0x3e36_d5cf, 0x3f12_2460, 0x3f8a_27e3],
        ),
        (
            "lanczos3",
            resampled(Interpolation::Lanczos3, Corners::Apart),
            vec![image()],
            0xe9bf_b89d_1dee_51b9,
            [0x3e50_cc59, 0x3f08_e248, 0x3f8d_aba5],
        ),
        (
            "grid zeros",
            sampled(Interpolation::Bilinear, Outside::Zeros),
            vec![image(), grid()],
            0xc42a_06f7_e7a2_8e25,
            [0x0000_0000, 0x0000_0000, 0x0000_0000],
        ),
        (
            "grid reflection",
            sampled(Interpolation::Bilinear, Outside::Reflection),
            vec![image(), grid()],
            0x57a8_4d6e_006f_5136,
            [0xbff3_623d, 0xbfd6_90b7, 0x3ccc_4b31],
        ),
        (
            "grid border",
            sampled(Interpolation::Nearest, Outside::Border),
            vec![image(), grid()],
            0x35ae_2e57_a781_6b31,
            [0xc015_06d6, 0xbf9e_31bc, 0xc046_fb32],
        ),
        (
            "attention",
            attention(Keys::Causal, false),
            vec![heads(36), heads(37), heads(38)],
            0x687b_c2a3_681d_9be7,
            [0xc073_bb2e, 0x4031_e678, 0x4036_c49e],
        ),
        (
            "attention biased",
            attention(Keys::All, true),
            vec![heads(36), heads(37), heads(38), tensor(&[3, 1, 19], 39)],
            0xded5_ed08_647e_a255,
            [0x4012_254b, 0x3f56_ee9f, 0x3fb1_cdf4],
        ),
        (
            "layer_norm",
            Operator::LayerNorm { epsilon: Scalar::f32(1e-5) },
            vec![tensor(&[5, 83], 40), tensor(&[83], 41), tensor(&[83], 42)],
            0x1871_53f5_153d_d3f0,
            [0x4032_094d, 0xc07f_2e87, 0x3fa0_53fc],
        ),
    ]);
}

#[test]
fn version_1_structural_operators_are_stored_as_these_bytes() {
    let window = Window2d {
        kernel: [3, 2],
        stride: [2, 1],
        padding: [1, 0],
        dilation: [1, 1],
        rounding: Rounding::Ceil,
    };
    let (axis, pair, three) = (1, [1, 2], [1, 2, 3]);
    let range = SliceRange { start: 1, end: 5, step: -2 };
    let operators = vec![
        Operator::Gather { axis },
        Operator::Take { axis },
        Operator::GatherNd,
        Operator::Scatter { axis, update: Update::Assign },
        Operator::TakeAssign { axis, update: Update::Add },
        Operator::ScatterNd { update: Update::Mul },
        Operator::SliceAssign { ranges: vec![range] },
        Operator::Unfold { axis, size: 3, step: 2 },
        Operator::Extend { padding: vec![(1, 0)], mode: Extension::Edge },
        Operator::Unfold2d { kernel: pair, stride: pair, padding: pair, dilation: pair },
        Operator::Conv3d { stride: three, padding: three, dilation: three, groups: 3 },
        Operator::ConvTranspose2d {
            stride: pair,
            padding: pair,
            output_padding: pair,
            dilation: pair,
            groups: 3,
        },
        Operator::ConvTranspose3d {
            stride: three,
            padding: three,
            output_padding: three,
            dilation: three,
            groups: 3,
        },
        Operator::DeformConv2d {
            stride: pair,
            padding: pair,
            dilation: pair,
            groups: 3,
            offset_groups: 4,
            masked: true,
        },
        Operator::Cumulative { function: Reduction::Max, axis },
        Operator::Sort { axis, order: Order::Ascending },
        Operator::ArgSort { axis, order: Order::Descending },
        Operator::ArgMaxPool2d { window },
        Operator::AdaptiveAvgPool3d { output: three },
        Operator::Interpolate2d {
            output: pair,
            mode: Interpolation::Lanczos3,
            corners: Corners::Aligned,
        },
        Operator::GridSample2d {
            mode: Interpolation::Bilinear,
            outside: Outside::Reflection,
            corners: Corners::Apart,
        },
        Operator::Attention {
            scale: Scalar::f32(0.5),
            softcap: Some(Scalar::f32(2.0)),
            keys: Keys::Causal,
            masked: true,
            biased: false,
        },
        Operator::LayerNorm { epsilon: Scalar::f64(1e-5) },
    ];
    let tags: Vec<u8> =
        operators.iter().map(|operator| borsh::to_vec(operator).unwrap()[0]).collect();
    let expected = [
        0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x43, 0x44, 0x45, 0x46, 0x65,
        0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x82, 0x83,
    ];
    assert_eq!(tags, expected);
    assert_eq!(fnv(&borsh::to_vec(&operators).unwrap()), 0xb2a4_4058_eb42_d1e4);
}
