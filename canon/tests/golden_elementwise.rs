//! Version 1 of the elementwise functions, held fixed: these bits may never change under the same version number.
//!
//! Inputs are written formulas; results are FNV-1a digests of the output bytes.

#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use gainsay_canon::{
    Binary, Class, DType, Isa, Kernels, NUMERICS_VERSION, Operator, Reduction, Scalar, Tensor,
    TensorType, Unary,
};

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Every 65,521st `f32` of all there are.
fn some_of_all_floats() -> Tensor {
    let x: Vec<f32> = (0..=u32::MAX).step_by(65_521).map(f32::from_bits).collect();
    Tensor::f32([x.len() as u64], x).unwrap()
}

const COUNT: u64 = 20_000;

/// A hash of a counter.
fn hash(i: u64, salt: u64) -> u64 {
    let x = (i + 1 + salt * 1_000_003).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A third of any bits, a third between -8 and 8, a third whole or half numbers up to 16, of any element type.
fn mixed(dtype: DType, salt: u64) -> Tensor {
    let element = |i: u64| {
        let bits = hash(i, salt);
        let everyday = (bits >> 40) as f64 / (1 << 20) as f64 - 8.0;
        let whole = (bits >> 58) as f64 * 0.5 - 16.0;
        let value = if i % 3 == 1 { everyday } else { whole };
        match dtype {
            _ if i.is_multiple_of(3) || dtype.is_integer() => bits >> 3,
            _ => Scalar::float(dtype, value).unwrap().bits,
        }
    };
    let size = dtype.size_bytes();
    let bytes: Vec<u8> =
        (0..COUNT).flat_map(|i| element(i).to_le_bytes().into_iter().take(size)).collect();
    Tensor::from_bytes(&TensorType::new(dtype, [COUNT]), &bytes).unwrap()
}

type Golden = (String, Operator, Vec<Tensor>);

/// Compares digests on every kernel set; prints what is found where it differs.
fn check(cases: &[Golden], expected: &[u64]) {
    let mut wrong = Vec::new();
    for isa in Isa::supported() {
        let kernels = Kernels::new(isa, NonZeroUsize::MIN).unwrap();
        for (i, (name, operator, operands)) in cases.iter().enumerate() {
            let operands: Vec<&Tensor> = operands.iter().collect();
            let found = fnv(&kernels.run(operator, &operands).unwrap()[0].bytes());
            if expected.get(i) != Some(&found) {
                wrong.push(format!("{isa} {name}: {found:#018x},"));
            }
        }
    }
    assert_eq!(cases.len(), expected.len(), "{}", wrong.join("\n"));
    assert!(wrong.is_empty(), "version {NUMERICS_VERSION} has changed:\n{}", wrong.join("\n"));
}

/// Every unary function of floats, by its stored discriminant.
fn unary_functions() -> impl Iterator<Item = Unary> {
    let all = (0..34_u8).map(|discriminant| borsh::from_slice(&[discriminant]).unwrap());
    all.filter(|function| !matches!(function, Unary::Not | Unary::BitNot))
}

fn one(function: Unary, x: Tensor) -> Golden {
    (format!("{function:?} {}", x.dtype()), Operator::Unary { function }, vec![x])
}

#[test]
fn version_1_functions_of_one_f32_have_these_bits() {
    let cases = unary_functions().map(|function| one(function, some_of_all_floats()));
    check(&cases.collect::<Vec<_>>(), &OF_F32);
}

#[test]
fn version_1_functions_of_one_f64_have_these_bits() {
    let cases = unary_functions().map(|function| one(function, mixed(DType::F64, 1)));
    check(&cases.collect::<Vec<_>>(), &OF_F64);
}

#[test]
fn version_1_functions_of_one_half_number_have_these_bits() {
    let cases = [DType::F16, DType::BF16].into_iter().flat_map(|dtype| {
        [Unary::Exp, Unary::Sin, Unary::Gelu].map(|function| one(function, mixed(dtype, 2)))
    });
    check(&cases.collect::<Vec<_>>(), &OF_HALVES);
}

#[test]
fn version_1_functions_of_two_numbers_have_these_bits() {
    use Binary::{Add, Atan2, BitAnd, BitOr, BitXor, Div, Hypot, Pow, Rem, ShiftLeft, ShiftRight};
    let case = |function, dtype| {
        let operands = vec![mixed(dtype, 3), mixed(dtype, 4)];
        (format!("{function:?} {dtype}"), Operator::Binary { function }, operands)
    };
    let floats = [DType::F32, DType::F64].into_iter();
    let mut cases: Vec<Golden> =
        floats.flat_map(|dtype| [Rem, Pow, Atan2, Hypot].map(|f| case(f, dtype))).collect();
    let integers = [DType::I32, DType::I8, DType::U64].into_iter();
    cases.extend(integers.flat_map(|dtype| {
        [Rem, Pow, BitAnd, BitOr, BitXor, ShiftLeft, ShiftRight].map(|f| case(f, dtype))
    }));
    cases.extend(
        [DType::F16, DType::BF16]
            .into_iter()
            .flat_map(|dtype| [Add, Div, Pow].map(|f| case(f, dtype))),
    );
    check(&cases, &OF_TWO);
}

#[test]
fn version_1_conversions_and_half_operators_have_these_bits() {
    let mut cases = Vec::new();
    for from in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
        for to in DType::ALL {
            let name = format!("{from} to {to}");
            cases.push((name, Operator::Cast { to }, vec![mixed(from, 5)]));
        }
    }
    let square = |dtype, salt| mixed(dtype, salt).reshaped([100, 200]).unwrap();
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        let x = || vec![run_tame(square(dtype, 6))];
        let sum = Operator::Reduce { function: Reduction::Sum, axes: vec![1] };
        cases.push((format!("sum {dtype}"), sum, x()));
        cases.push((format!("softmax {dtype}"), Operator::Softmax { axis: 1 }, x()));
        cases.push((format!("log_softmax {dtype}"), Operator::LogSoftmax { axis: 0 }, x()));
        let product = vec![run_tame(square(dtype, 6)), transposed(run_tame(square(dtype, 7)))];
        cases.push((format!("matmul {dtype}"), Operator::MatMul, product));
        let class = Class::Nan;
        cases.push((
            format!("is_nan {dtype}"),
            Operator::Classify { class },
            vec![mixed(dtype, 8)],
        ));
    }
    check(&cases, &OF_CONVERSIONS);
}

fn reference(operator: &Operator, x: &Tensor) -> Tensor {
    gainsay_canon::reference::run(operator, &[x]).unwrap().remove(0)
}

/// Between -4 and 4.
fn run_tame(x: Tensor) -> Tensor {
    let [min, max] = [-4.0, 4.0].map(|bound| Scalar::float(x.dtype(), bound));
    let x = reference(&Operator::Clamp { min, max }, &x);
    // A NaN in every row would hide all else.
    let finite = reference(&Operator::Classify { class: Class::Nan }, &x);
    let zero = Tensor::zeros(&TensorType::new(x.dtype(), [1])).unwrap();
    gainsay_canon::reference::run(&Operator::Where, &[&finite, &zero, &x]).unwrap().remove(0)
}

fn transposed(x: Tensor) -> Tensor {
    reference(&Operator::Permute { axes: vec![1, 0] }, &x)
}

const OF_F32: [u64; 32] = [
    0xa5ad_7992_5d14_9916, // Neg f32
    0x0898_86ec_dfa6_dd16, // Abs f32
    0xf2c2_91c9_b99d_7a2a, // Recip f32
    0xd42d_8bcf_8147_c93c, // Sqrt f32
    0xb807_2ce3_012e_735a, // Exp f32
    0x17e1_b0cc_0c06_8ce2, // Log f32
    0x43f3_013b_180e_3770, // Tanh f32
    0x38bd_19dd_148b_8395, // Sigmoid f32
    0x950a_5807_dade_7930, // Relu f32
    0xb9a4_7eb4_fb44_6736, // Gelu f32
    0xeb9d_975b_7306_6aea, // Erf f32
    0x5562_30d4_ebff_c476, // Log1p f32
    0x2f9e_2b80_37b2_c815, // Expm1 f32
    0x1d3a_3cdc_cd18_ce91, // Sin f32
    0x2610_5503_aa4c_c394, // Cos f32
    0xbd8c_6986_0ac0_fc8a, // Tan f32
    0xc3db_cd79_1ec5_d444, // Sinh f32
    0x7c71_a863_7583_7422, // Cosh f32
    0xe985_67fd_f928_b230, // Asin f32
    0x174c_a3b1_e3cf_1660, // Acos f32
    0xd59e_10b7_4e6c_b6c0, // Atan f32
    0x14ee_df96_e61f_906d, // Asinh f32
    0x6cf4_8c71_b0b3_eefd, // Acosh f32
    0x5cec_61f6_d2ac_a6d2, // Atanh f32
    0x9b34_642a_b36f_13b3, // Floor f32
    0x2b7a_8f10_9f4e_6263, // Ceil f32
    0x4944_aa2e_e831_cc43, // Trunc f32
    0xc9ec_e6de_2fba_d41c, // Round f32
    0x5395_0ccd_c404_9375, // Sign f32
    0xfc0d_d14f_98a1_fcbf, // Rsqrt f32
    0x15b6_71d2_514f_26d8, // Silu f32
    0x14cd_cbfe_2192_31a3, // LogSigmoid f32
];
const OF_F64: [u64; 32] = [
    0xa635_c538_deb7_b672, // Neg f64
    0x21ea_d819_2dcc_f7f2, // Abs f64
    0xd41f_77fc_a217_486a, // Recip f64
    0xfe05_b079_379b_ef60, // Sqrt f64
    0x5259_7902_597c_49e7, // Exp f64
    0x619c_c4be_28b8_f5fa, // Log f64
    0xee1c_1905_299f_0c93, // Tanh f64
    0x0dde_2b3e_2446_9499, // Sigmoid f64
    0x1035_f9d8_260d_88bf, // Relu f64
    0x2ab3_8a1e_5367_1cb2, // Gelu f64
    0xe19d_6583_5ef5_e856, // Erf f64
    0x0c5e_cb82_a181_ced0, // Log1p f64
    0x3be9_9d40_40a0_0d31, // Expm1 f64
    0x1892_3f6c_52c6_037f, // Sin f64
    0x485d_0e67_d4ea_1cd9, // Cos f64
    0x8929_9280_f935_fa52, // Tan f64
    0x3986_9a64_37ff_ae5e, // Sinh f64
    0x2ed1_a0fe_4e9f_48a3, // Cosh f64
    0xccb7_8a0b_f916_9143, // Asin f64
    0x86c6_7f80_0a7a_8930, // Acos f64
    0x0d6c_ae08_f32d_760a, // Atan f64
    0xc139_7b59_e56c_9c31, // Asinh f64
    0x607a_c55d_cb06_f887, // Acosh f64
    0x1410_34f7_bebb_f0c4, // Atanh f64
    0x9063_feb3_3c84_a75c, // Floor f64
    0xe039_4362_e315_57f9, // Ceil f64
    0xa21f_e7dc_54ba_c578, // Trunc f64
    0x958a_335e_a6e2_b46e, // Round f64
    0xfcaf_0db4_c13c_d5d8, // Sign f64
    0x5505_cc8b_5804_c0f9, // Rsqrt f64
    0x8118_062c_9efe_62f3, // Silu f64
    0xbc5f_0633_0f4b_49b5, // LogSigmoid f64
];
const OF_HALVES: [u64; 6] = [
    0x5cf3_d81e_3377_3c60, // Exp f16
    0xd007_ef9e_0b2b_0cdc, // Sin f16
    0x34d3_4856_c902_728c, // Gelu f16
    0x8414_a9d3_735f_0e6a, // Exp bf16
    0xbe29_cce6_8b40_b57e, // Sin bf16
    0x6c4d_3fc1_6a2c_1054, // Gelu bf16
];
const OF_TWO: [u64; 35] = [
    0x37aa_f605_2514_03b3, // Rem f32
    0xcc5c_eb0d_8be6_6ce8, // Pow f32
    0x5e77_36df_bdd3_dd95, // Atan2 f32
    0x2dd0_2ae1_ae15_0766, // Hypot f32
    0x5dd0_fafd_b68f_f87e, // Rem f64
    0xfb51_1cac_363a_4b6b, // Pow f64
    0xa120_d0ee_a530_cb23, // Atan2 f64
    0x8cb8_aa2b_68c6_41f4, // Hypot f64
    0x85cd_0a94_d933_2196, // Rem i32
    0x4c66_f3e6_b649_93b1, // Pow i32
    0x9f25_3eee_d952_6164, // BitAnd i32
    0x2a80_4579_dccc_a7f6, // BitOr i32
    0x651c_bf99_2755_a6ab, // BitXor i32
    0x1530_e946_f4fb_56b1, // ShiftLeft i32
    0x34df_5d31_f6d8_3b20, // ShiftRight i32
    0xb1d0_a4b1_c47b_7365, // Rem i8
    0xe08a_28dd_156b_846a, // Pow i8
    0xb559_a0f9_cd25_fe58, // BitAnd i8
    0x9e02_dfff_2e80_0a99, // BitOr i8
    0xdb2a_a2cb_c092_35bc, // BitXor i8
    0x7adf_f7fa_a367_08d2, // ShiftLeft i8
    0x394d_b476_b9cc_8f47, // ShiftRight i8
    0x5937_517c_b8e2_1f7d, // Rem u64
    0x1653_c21f_63e4_3d82, // Pow u64
    0x78d1_aba6_474d_170e, // BitAnd u64
    0x049d_8e6e_cacb_b745, // BitOr u64
    0xcaff_a9f6_123b_fb46, // BitXor u64
    0x540a_c8ea_dc84_c796, // ShiftLeft u64
    0xc388_ca17_923a_3ea0, // ShiftRight u64
    0xc908_7f28_db77_7326, // Add f16
    0x98ef_063d_0bf3_f7df, // Div f16
    0x8cf7_37df_c399_6a15, // Pow f16
    0x70a9_2625_5f7a_ebe4, // Add bf16
    0x9c38_c8ae_af46_cb53, // Div bf16
    0xeafd_6088_b409_ef7a, // Pow bf16
];
const OF_CONVERSIONS: [u64; 171] = [
    0x061d_602b_8e0a_1fe9, // f32 to f32
    0x712d_ade0_358d_f3f0, // f32 to f64
    0xa1da_8e76_3793_1e07, // f32 to f16
    0xaed7_40a2_0fbd_af9f, // f32 to bf16
    0xa410_b290_c849_bd60, // f32 to i8
    0xe713_934f_4ecb_3a58, // f32 to i16
    0x7d62_296c_b5a3_61f9, // f32 to i32
    0x1145_5792_c52f_1123, // f32 to i64
    0x0f56_04df_ca3f_6ebf, // f32 to u8
    0x8d47_d1e6_29a5_e62c, // f32 to u16
    0x3e13_7679_4f83_8202, // f32 to u32
    0x264e_7162_7eaf_e477, // f32 to u64
    0x7a51_62b5_a647_469a, // f32 to bool
    0x031c_023c_2f9e_d782, // f64 to f32
    0x6052_caf6_5dd6_b763, // f64 to f64
    0x5319_33f1_ed1e_8b3d, // f64 to f16
    0x2d1f_dc3e_5ebc_a92c, // f64 to bf16
    0x6ba6_b424_07f9_cd66, // f64 to i8
    0xb9ea_cb58_4c72_20cc, // f64 to i16
    0xeef8_9124_9350_3498, // f64 to i32
    0xcb58_7bfa_54d3_8e18, // f64 to i64
    0xf91b_d4e3_bd88_a560, // f64 to u8
    0x4886_2203_64e8_0e1e, // f64 to u16
    0xaf81_189b_e04e_db16, // f64 to u32
    0x8850_ed95_eaa6_2a06, // f64 to u64
    0x7a51_62b5_a647_469a, // f64 to bool
    0x4741_df29_aecc_dd16, // f16 to f32
    0xf71c_0595_d37f_63ae, // f16 to f64
    0x9d42_5223_94c9_b41b, // f16 to f16
    0x3cad_7e2f_ae58_4e82, // f16 to bf16
    0x2086_7c35_0242_bd2b, // f16 to i8
    0x1d43_4abe_b7e1_0183, // f16 to i16
    0xf7a1_9ea7_3bad_c353, // f16 to i32
    0xfe6d_87de_58df_f7bf, // f16 to i64
    0xb90f_2a6b_0b7e_85d7, // f16 to u8
    0xc00e_a038_d3c4_0341, // f16 to u16
    0xa284_897f_a4e3_1349, // f16 to u32
    0xf4e9_0b21_fbc2_6ad9, // f16 to u64
    0x7a51_62b5_a647_469a, // f16 to bool
    0xd66b_9c83_b7f9_a477, // bf16 to f32
    0xe86a_8394_8a39_e08f, // bf16 to f64
    0x3690_d524_2eaf_8b5b, // bf16 to f16
    0x01d9_454d_cb82_7157, // bf16 to bf16
    0x90fd_40cf_d575_8df5, // bf16 to i8
    0x1221_51e9_341e_9f75, // bf16 to i16
    0xd337_26a3_2bc1_197e, // bf16 to i32
    0x01e0_de01_010b_1efa, // bf16 to i64
    0x3c42_3f34_ef43_1e60, // bf16 to u8
    0xee38_6de1_dab7_f04c, // bf16 to u16
    0x3bb3_b6e4_57bc_7098, // bf16 to u32
    0x0210_289d_cae9_14f9, // bf16 to u64
    0x7a51_62b5_a647_469a, // bf16 to bool
    0x33d9_af0f_75a5_eb42, // i8 to f32
    0xc949_0a8b_52ae_b5dc, // i8 to f64
    0x988e_afb9_7793_aecb, // i8 to f16
    0xe0e8_d65d_e0d8_97f2, // i8 to bf16
    0x4e50_cb00_a810_2359, // i8 to i8
    0x32df_1ffa_e6d2_71b5, // i8 to i16
    0x40bb_fc24_a301_aebd, // i8 to i32
    0xe2b3_398b_655a_c715, // i8 to i64
    0x4e50_cb00_a810_2359, // i8 to u8
    0x32df_1ffa_e6d2_71b5, // i8 to u16
    0x40bb_fc24_a301_aebd, // i8 to u32
    0xe2b3_398b_655a_c715, // i8 to u64
    0x19be_de6d_5101_c357, // i8 to bool
    0xbac6_86de_1a2b_1ab2, // i16 to f32
    0x6d3a_9e46_d5c2_a930, // i16 to f64
    0x9287_3aa4_4715_7a61, // i16 to f16
    0xaaec_b607_ddff_e452, // i16 to bf16
    0x4e50_cb00_a810_2359, // i16 to i8
    0x313f_803e_6029_a51c, // i16 to i16
    0xd18a_c754_6508_67c8, // i16 to i32
    0x04ea_4cdb_5501_8328, // i16 to i64
    0x4e50_cb00_a810_2359, // i16 to u8
    0x313f_803e_6029_a51c, // i16 to u16
    0xd18a_c754_6508_67c8, // i16 to u32
    0x04ea_4cdb_5501_8328, // i16 to u64
    0x475e_a216_048c_d7c5, // i16 to bool
    0x4a4d_cd9f_7142_2c8b, // i32 to f32
    0x98c2_72b0_cfb5_3852, // i32 to f64
    0x0c2f_0386_4e98_0468, // i32 to f16
    0xe46a_d05a_a539_047b, // i32 to bf16
    0x4e50_cb00_a810_2359, // i32 to i8
    0x313f_803e_6029_a51c, // i32 to i16
    0x537e_9f20_a316_481f, // i32 to i32
    0xda2d_c149_3823_132b, // i32 to i64
    0x4e50_cb00_a810_2359, // i32 to u8
    0x313f_803e_6029_a51c, // i32 to u16
    0x537e_9f20_a316_481f, // i32 to u32
    0xda2d_c149_3823_132b, // i32 to u64
    0x475e_a216_048c_d7c5, // i32 to bool
    0xb30f_b33c_c95b_d88d, // i64 to f32
    0x26f7_6552_d613_c89a, // i64 to f64
    0x6d92_bffc_26a1_d525, // i64 to f16
    0x8b5e_c818_f9b3_de89, // i64 to bf16
    0x4e50_cb00_a810_2359, // i64 to i8
    0x313f_803e_6029_a51c, // i64 to i16
    0x537e_9f20_a316_481f, // i64 to i32
    0x9100_bb03_edbf_47de, // i64 to i64
    0x4e50_cb00_a810_2359, // i64 to u8
    0x313f_803e_6029_a51c, // i64 to u16
    0x537e_9f20_a316_481f, // i64 to u32
    0x9100_bb03_edbf_47de, // i64 to u64
    0x475e_a216_048c_d7c5, // i64 to bool
    0xac40_b491_cff4_9cea, // u8 to f32
    0x2b55_2c7c_2b92_8e9f, // u8 to f64
    0xb5ee_c38a_712d_621c, // u8 to f16
    0xc136_d137_49ad_6222, // u8 to bf16
    0x4e50_cb00_a810_2359, // u8 to i8
    0xe21d_dcdc_ae5f_4085, // u8 to i16
    0x3d9b_9b88_7129_11c5, // u8 to i32
    0x245d_cf86_eebd_8765, // u8 to i64
    0x4e50_cb00_a810_2359, // u8 to u8
    0xe21d_dcdc_ae5f_4085, // u8 to u16
    0x3d9b_9b88_7129_11c5, // u8 to u32
    0x245d_cf86_eebd_8765, // u8 to u64
    0x19be_de6d_5101_c357, // u8 to bool
    0x4fdf_7986_cd53_b06e, // u16 to f32
    0xba8c_6017_477e_5dd4, // u16 to f64
    0xd681_cebd_d9da_ff7d, // u16 to f16
    0xc562_7643_c9a6_b78a, // u16 to bf16
    0x4e50_cb00_a810_2359, // u16 to i8
    0x313f_803e_6029_a51c, // u16 to i16
    0xe35b_10f0_d0a6_687c, // u16 to i32
    0x3e0a_7099_33a4_b2fc, // u16 to i64
    0x4e50_cb00_a810_2359, // u16 to u8
    0x313f_803e_6029_a51c, // u16 to u16
    0xe35b_10f0_d0a6_687c, // u16 to u32
    0x3e0a_7099_33a4_b2fc, // u16 to u64
    0x475e_a216_048c_d7c5, // u16 to bool
    0x9eba_0224_6d2c_06a8, // u32 to f32
    0x44f4_2b96_04a5_8bec, // u32 to f64
    0x6d92_bffc_26a1_d525, // u32 to f16
    0xcc49_aea5_afde_358d, // u32 to bf16
    0x4e50_cb00_a810_2359, // u32 to i8
    0x313f_803e_6029_a51c, // u32 to i16
    0x537e_9f20_a316_481f, // u32 to i32
    0x7733_5c42_cbc0_357f, // u32 to i64
    0x4e50_cb00_a810_2359, // u32 to u8
    0x313f_803e_6029_a51c, // u32 to u16
    0x537e_9f20_a316_481f, // u32 to u32
    0x7733_5c42_cbc0_357f, // u32 to u64
    0x475e_a216_048c_d7c5, // u32 to bool
    0xb30f_b33c_c95b_d88d, // u64 to f32
    0x26f7_6552_d613_c89a, // u64 to f64
    0x6d92_bffc_26a1_d525, // u64 to f16
    0x8b5e_c818_f9b3_de89, // u64 to bf16
    0x4e50_cb00_a810_2359, // u64 to i8
    0x313f_803e_6029_a51c, // u64 to i16
    0x537e_9f20_a316_481f, // u64 to i32
    0x9100_bb03_edbf_47de, // u64 to i64
    0x4e50_cb00_a810_2359, // u64 to u8
    0x313f_803e_6029_a51c, // u64 to u16
    0x537e_9f20_a316_481f, // u64 to u32
    0x9100_bb03_edbf_47de, // u64 to u64
    0x475e_a216_048c_d7c5, // u64 to bool
    0x7e72_f843_b164_519b, // sum f64
    0xf64f_bace_e3e5_ff9d, // softmax f64
    0x4583_38fb_606d_616f, // log_softmax f64
    0x756b_edbb_0437_cade, // matmul f64
    0x0ed9_e7ee_21f2_0da5, // is_nan f64
    0xc09a_9b12_5779_6906, // sum f16
    0x6f71_b2a4_b66d_389b, // softmax f16
    0x4da4_997c_2049_907d, // log_softmax f16
    0xc210_ffdf_1c98_44e3, // matmul f16
    0xeae5_027f_23a6_f839, // is_nan f16
    0xb9a0_6efe_0cd3_aaee, // sum bf16
    0x608a_16dc_270f_9338, // softmax bf16
    0x1474_e6d9_767d_5ff0, // log_softmax bf16
    0x602b_febb_4784_9a1d, // matmul bf16
    0xdf24_22dd_0f91_72b2, // is_nan bf16
];
