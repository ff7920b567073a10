//! The rules of canonical arithmetic, one fact per test, on every kernel set.

#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use gainsay_canon::{
    Binary, DType, Extreme, Isa, Kernels, Operator, PaddingCounts, Reduction, Relation, Rounding,
    Scalar, SliceRange, Tensor, TensorType, Unary, Window2d,
};

const QUIET: u32 = 0x7fc0_0000;

/// The one result, which must be the same for every kernel set.
fn run(operator: &Operator, operands: &[&Tensor]) -> Tensor {
    let results = Isa::supported().into_iter().map(|isa| {
        let kernels = Kernels::new(isa, NonZeroUsize::MIN).unwrap();
        kernels.run(operator, operands).unwrap().remove(0)
    });
    let results: Vec<Tensor> = results.collect();
    assert!(results.iter().all(|result| result == &results[0]), "{operator}: {results:?}");
    results[0].clone()
}

fn row(values: &[f32]) -> Tensor {
    Tensor::f32([values.len() as u64], values.to_vec()).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.as_f32().unwrap().iter().map(|x| x.to_bits()).collect()
}

fn of(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn binary(function: Binary) -> Operator {
    Operator::Binary { function }
}

fn refusal(operator: &Operator, operands: &[TensorType]) -> String {
    operator.infer(operands).unwrap_err().to_string()
}

fn f32s(shape: &[u64]) -> TensorType {
    TensorType::new(DType::F32, shape)
}

#[test]
fn integers_wrap_and_division_is_total() {
    let a = Tensor::i32([5], vec![i32::MAX, i32::MIN, -7, 5, i32::MIN]).unwrap();
    let b = Tensor::i32([5], vec![1, -1, 2, 0, i32::MIN]).unwrap();
    assert_eq!(
        run(&binary(Binary::Add), &[&a, &b]).as_i32().unwrap(),
        [i32::MIN, i32::MAX, -5, 5, 0]
    );
    assert_eq!(
        run(&binary(Binary::Div), &[&a, &b]).as_i32().unwrap(),
        [i32::MAX, i32::MIN, -3, 0, 1]
    );
    assert_eq!(
        run(&binary(Binary::Mul), &[&a, &b]).as_i32().unwrap(),
        [i32::MAX, i32::MIN, -14, 0, 0]
    );
    let abs = Operator::Unary { function: Unary::Abs };
    assert_eq!(run(&abs, &[&a]).as_i32().unwrap(), [i32::MAX, i32::MIN, 7, 5, i32::MIN]);
    let bytes = Tensor::i8([300], vec![1; 300]).unwrap();
    let mean = Operator::Reduce { function: Reduction::Mean, axes: vec![0] };
    // Sum and count both wrap to 44.
    assert_eq!(run(&mean, &[&bytes]).as_i8().unwrap(), [1]);
}

#[test]
fn conversions_saturate_wrap_and_round_to_even() {
    let cast = |x: &Tensor, to| run(&Operator::Cast { to }, &[x]);
    let x = row(&[f32::NAN, f32::INFINITY, -f32::INFINITY, -1.9, 3e9, 255.5]);
    assert_eq!(cast(&x, DType::I32).as_i32().unwrap(), [0, i32::MAX, i32::MIN, -1, i32::MAX, 255]);
    assert_eq!(cast(&x, DType::U8).as_u8().unwrap(), [0, 255, 0, 0, 255, 255]);
    assert_eq!(
        cast(&row(&[f32::NAN, 0.0, -0.0, 1e-45]), DType::Bool).as_bool().unwrap(),
        [1, 0, 0, 1]
    );
    let wide = Tensor::i64([3], vec![256 + 7, -1, 16_777_217]).unwrap();
    assert_eq!(cast(&wide, DType::U8).as_u8().unwrap(), [7, 255, 1]);
    assert_eq!(cast(&wide, DType::F32).as_f32().unwrap(), [263.0, -1.0, 16_777_216.0]);
    let doubles = Tensor::f64([2], vec![1.0 + f64::EPSILON, -f64::NAN]).unwrap();
    assert_eq!(bits(&cast(&doubles, DType::F32)), [1.0_f32.to_bits(), QUIET]);
}

#[test]
fn arithmetic_writes_the_quiet_nan_and_movement_copies_bits() {
    let nans = [0x7f80_0001, 0xffc0_0000, 0x7fc0_1234, 0xffff_ffff];
    let x = row(&nans.map(f32::from_bits));
    for function in [
        Unary::Neg,
        Unary::Abs,
        Unary::Recip,
        Unary::Sqrt,
        Unary::Exp,
        Unary::Log,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Relu,
        Unary::Gelu,
        Unary::Erf,
    ] {
        assert_eq!(bits(&run(&Operator::Unary { function }, &[&x])), [QUIET; 4], "{function:?}");
    }
    for function in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min] {
        assert_eq!(bits(&run(&binary(function), &[&x, &row(&[1.0])])), [QUIET; 4], "{function:?}");
        assert_eq!(bits(&run(&binary(function), &[&row(&[1.0]), &x])), [QUIET; 4], "{function:?}");
    }
    assert_eq!(bits(&run(&Operator::Clamp { min: None, max: None }, &[&x])), [QUIET; 4]);
    assert_eq!(bits(&run(&Operator::Cast { to: DType::F32 }, &[&x])), [QUIET; 4]);
    assert_eq!(
        bits(&run(&Operator::Unary { function: Unary::Sqrt }, &[&row(&[-1.0, -0.0])])),
        [QUIET, 0x8000_0000]
    );
    let zeros = Operator::Binary { function: Binary::Div };
    assert_eq!(bits(&run(&zeros, &[&row(&[0.0]), &row(&[0.0])])), [QUIET]);

    assert_eq!(bits(&run(&Operator::Reshape { shape: vec![2, 2] }, &[&x])), nans);
    assert_eq!(bits(&run(&Operator::Expand { shape: vec![1, 4] }, &[&x])), nans);
    let condition = Tensor::bool([4], vec![true, false, true, false]).unwrap();
    let expected = [nans[0], 0x8000_0000, nans[2], 0x8000_0000];
    assert_eq!(bits(&run(&Operator::Where, &[&condition, &x, &row(&[-0.0])])), expected);
    let value = Scalar { dtype: DType::F32, bits: 0xff80_0001 };
    assert_eq!(bits(&run(&Operator::Full { shape: vec![2], value }, &[])), [0xff80_0001; 2]);
}

#[test]
fn negative_zero_is_below_positive_zero_except_in_comparisons() {
    let (a, b) = (row(&[-0.0, 0.0, -0.0]), row(&[0.0, -0.0, -0.0]));
    assert_eq!(bits(&run(&binary(Binary::Max), &[&a, &b])), of(&[0.0, 0.0, -0.0]));
    assert_eq!(bits(&run(&binary(Binary::Min), &[&a, &b])), of(&[-0.0, -0.0, -0.0]));
    assert_eq!(bits(&run(&Operator::Unary { function: Unary::Relu }, &[&a])), of(&[0.0; 3]));
    let less = Operator::Compare { relation: Relation::Less };
    assert_eq!(run(&less, &[&a, &b]).as_bool().unwrap(), [0; 3]);
    let arg = |extreme, x: &[f32]| {
        run(&Operator::Arg { extreme, axis: 0 }, &[&row(x)]).as_i64().unwrap()[0]
    };
    assert_eq!(arg(Extreme::Max, &[-0.0, 0.0, 0.0]), 1);
    assert_eq!(arg(Extreme::Min, &[0.0, -0.0, -0.0]), 1);
    assert_eq!(arg(Extreme::Max, &[9.0, f32::NAN, f32::INFINITY, f32::NAN]), 1);
}

#[test]
fn comparisons_with_nan_are_false_but_inequality() {
    let (a, b) = (row(&[f32::NAN, 1.0]), row(&[f32::NAN, 1.0]));
    let all = [
        (Relation::Equal, [0, 1]),
        (Relation::NotEqual, [1, 0]),
        (Relation::Less, [0, 0]),
        (Relation::LessEqual, [0, 1]),
        (Relation::Greater, [0, 0]),
        (Relation::GreaterEqual, [0, 1]),
    ];
    for (relation, expected) in all {
        assert_eq!(
            run(&Operator::Compare { relation }, &[&a, &b]).as_bool().unwrap(),
            expected,
            "{relation:?}"
        );
    }
}

#[test]
fn a_contraction_is_one_ascending_chain_of_fused_operations() {
    let a: Vec<f32> = (0..1_000).map(|i| (i as f32 * 0.37).fract() - 0.5).collect();
    let b: Vec<f32> = (0..1_000).map(|i| (i as f32 * 0.73).fract() - 0.5).collect();
    let chain = a.iter().zip(&b).fold(0.0_f32, |acc, (a, b)| a.mul_add(*b, acc));
    let x = Tensor::f32([1, 1_000], a).unwrap();
    let w = Tensor::f32([1_000, 1], b).unwrap();
    assert_eq!(bits(&run(&Operator::MatMul, &[&x, &w])), of(&[chain]));
    assert_eq!(bits(&run(&Operator::Linear, &[&x, &w, &row(&[0.1])])), of(&[chain + 0.1]));
    let none = Tensor::f32([2, 0], vec![]).unwrap();
    let nothing = Tensor::f32([0, 2], vec![]).unwrap();
    assert_eq!(bits(&run(&Operator::MatMul, &[&none, &nothing])), of(&[0.0; 4]));
}

#[test]
fn padding_takes_part_in_a_convolution_and_not_in_pooling() {
    let image = Tensor::f32([1, 1, 1, 1], vec![2.0]).unwrap();
    let kernel = Tensor::f32([1, 1, 1, 3], vec![f32::INFINITY, 1.0, 1.0]).unwrap();
    let conv = Operator::Conv2d { stride: [1, 1], padding: [0, 1], dilation: [1, 1], groups: 1 };
    assert_eq!(bits(&run(&conv, &[&image, &kernel])), [QUIET], "0 * inf");
    let negative = Tensor::f32([1, 1, 1, 1], vec![-2.0]).unwrap();
    let window = Window2d {
        kernel: [1, 2],
        stride: [1, 1],
        padding: [0, 2],
        dilation: [1, 1],
        rounding: Rounding::Floor,
    };
    let inf = f32::NEG_INFINITY;
    assert_eq!(
        bits(&run(&Operator::MaxPool2d { window }, &[&negative])),
        of(&[inf, -2.0, -2.0, inf])
    );
    let average = |padding_counts| Operator::AvgPool2d { window, padding_counts };
    let counted = run(&average(PaddingCounts::Yes), &[&negative]);
    assert_eq!(bits(&counted), of(&[0.0, -1.0, -1.0, 0.0]));
    assert_eq!(bits(&run(&average(PaddingCounts::No), &[&negative]))[1..3], of(&[-2.0, -2.0]));
    assert_eq!(bits(&run(&average(PaddingCounts::No), &[&negative]))[0], QUIET, "0 / 0");
}

#[test]
fn a_last_partial_window_counts_only_when_asked_and_never_starts_in_the_padding() {
    let shape = |extent, kernel, stride, padding, rounding| {
        let (kernel, stride, padding) = ([kernel, 1], [stride, 1], [padding, 0]);
        let window = Window2d { kernel, stride, padding, dilation: [1, 1], rounding };
        Operator::MaxPool2d { window }
            .infer(&[f32s(&[1, 1, extent, 1])])
            .map(|types| types[0].shape[2])
    };
    assert_eq!(shape(5, 2, 2, 0, Rounding::Floor), Ok(2));
    assert_eq!(shape(5, 2, 2, 0, Rounding::Ceil), Ok(3));
    assert_eq!(shape(4, 2, 3, 1, Rounding::Ceil), Ok(2));
    // The third window would start at 6, behind extent + padding = 5.
    assert_eq!(shape(4, 1, 3, 1, Rounding::Ceil), Ok(2));
    assert!(shape(2, 3, 1, 0, Rounding::Floor).is_err());
}

#[test]
fn adaptive_windows_reach_from_floor_to_ceiling() {
    let x = Tensor::f32([1, 1, 1, 5], vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let pooled = run(&Operator::AdaptiveAvgPool2d { output: [1, 3] }, &[&x]);
    // 0..2, 1..4, 3..5.
    assert_eq!(pooled.as_f32().unwrap(), [1.5, 3.0, 4.5]);
}

#[test]
fn sums_are_sixteen_strided_partial_sums_joined_by_a_tree() {
    let x: Vec<f32> = (1..=1_000).map(|i| 1.0 / i as f32).collect();
    let mut lanes = [0.0_f32; 16];
    for (i, x) in x.iter().enumerate() {
        lanes[i % 16] += x;
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    let sequential = x.iter().fold(0.0, |sum, x| sum + x);
    assert_ne!(lanes[0], sequential, "the order shows");
    let sum = |axes| Operator::Reduce { function: Reduction::Sum, axes };
    assert_eq!(bits(&run(&sum(vec![0]), &[&row(&x)])), of(&[lanes[0]]));
    // Two axes are flattened row-major, wherever they lie.
    let square = run(&Operator::Reshape { shape: vec![10, 1, 100] }, &[&row(&x)]);
    assert_eq!(bits(&run(&sum(vec![0, 2]), &[&square])), of(&[lanes[0]]));
    let mean = Operator::Reduce { function: Reduction::Mean, axes: vec![0] };
    assert_eq!(bits(&run(&mean, &[&row(&x)])), of(&[lanes[0] / 1_000.0]));
    assert_eq!(bits(&run(&mean, &[&row(&[])])), [QUIET], "0 / 0");
    assert_eq!(bits(&run(&sum(vec![]), &[&row(&[-0.0, 1.5])])), of(&[0.0, 1.5]));
}

#[test]
fn softmax_of_minus_infinity_alone_is_nan() {
    let inf = f32::INFINITY;
    let x = Tensor::f32([4, 2], vec![-inf, -inf, -inf, 0.0, inf, 0.0, 1.0, f32::NAN]).unwrap();
    let nan = f32::from_bits(QUIET);
    let softmax = run(&Operator::Softmax { axis: 1 }, &[&x]);
    assert_eq!(bits(&softmax), of(&[nan, nan, 0.0, 1.0, nan, nan, nan, nan]));
    let log = run(&Operator::LogSoftmax { axis: 1 }, &[&x]);
    assert_eq!(bits(&log), of(&[nan, nan, -inf, 0.0, nan, nan, nan, nan]));
}

#[test]
fn slices_walk_backwards_from_the_end() {
    let x = Tensor::i64([6], (0..6).collect()).unwrap();
    let slice = |start, end, step| {
        let ranges = vec![SliceRange { start, end, step }];
        run(&Operator::Slice { ranges }, &[&x]).as_i64().unwrap().to_vec()
    };
    assert_eq!(slice(1, 6, 2), [1, 3, 5]);
    assert_eq!(slice(1, 6, -2), [5, 3, 1]);
    assert_eq!(slice(0, 6, i64::MIN), [5]);
    assert_eq!(slice(3, 3, 1), [0; 0]);
}

#[test]
fn refusals_name_what_is_wrong() {
    let add = binary(Binary::Add);
    let half = TensorType::new(DType::F16, [2]);
    let bools = TensorType::new(DType::Bool, [2]);
    assert_eq!(refusal(&add, &[bools.clone(), bools]), "unsupported element type bool for add");
    assert_eq!(refusal(&add, &[f32s(&[2]), half]), "add expects f32 here, found f16");
    assert_eq!(refusal(&add, &[f32s(&[2])]), "add takes 2 operands, found 1");
    assert_eq!(refusal(&add, &[f32s(&[2]), f32s(&[3])]), "add: f32[2] and f32[3] do not broadcast");
    assert_eq!(
        refusal(&Operator::MatMul, &[f32s(&[2, 3]), f32s(&[4, 5])]),
        "matmul: f32[2, 3] and f32[4, 5] cannot be multiplied"
    );
    let max = Operator::Reduce { function: Reduction::Max, axes: vec![0] };
    assert_eq!(refusal(&max, &[f32s(&[0, 2])]), "reduce_max: axis 0 of f32[0, 2] is empty");
    let huge = Operator::Expand { shape: vec![1 << 16, 1 << 16] };
    assert_eq!(
        refusal(&huge, &[f32s(&[1])]),
        "expand: a tensor of shape [65536, 65536] is too large: the product of its extents must be below 2147483648"
    );
    let full = Operator::Full { shape: vec![1], value: Scalar { dtype: DType::Bool, bits: 2 } };
    assert_eq!(refusal(&full, &[]), "full: 0x2 is no constant of type bool");
    let softmax = Operator::Softmax { axis: 1 };
    assert_eq!(
        refusal(&softmax, &[TensorType::new(DType::I64, [2, 2])]),
        "unsupported element type i64 for softmax"
    );
    let repeated = Operator::Permute { axes: vec![0, 0] };
    assert_eq!(
        refusal(&repeated, &[f32s(&[2, 3])]),
        "permute: axes [0, 0] do not permute those of f32[2, 3]"
    );
}

#[test]
fn costs_count_arithmetic() {
    let cost = |operator: &Operator, types: &[TensorType]| operator.cost(types).operations;
    assert_eq!(cost(&Operator::MatMul, &[f32s(&[3, 4, 5]), f32s(&[5, 6])]), 3 * 4 * 6 * 2 * 5);
    assert_eq!(
        cost(&Operator::Linear, &[f32s(&[4, 5]), f32s(&[5, 6]), f32s(&[6])]),
        4 * 6 * (2 * 5 + 1)
    );
    let conv = Operator::Conv2d { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
    assert_eq!(cost(&conv, &[f32s(&[1, 2, 8, 8]), f32s(&[3, 2, 3, 3])]), 3 * 64 * 2 * 18);
    assert_eq!(cost(&Operator::Reshape { shape: vec![4] }, &[f32s(&[2, 2])]), 0);
    assert_eq!(cost(&Operator::Unary { function: Unary::Relu }, &[f32s(&[7])]), 7);
    assert_eq!(cost(&Operator::MatMul, &[f32s(&[2])]), 0, "refused");
}

#[test]
fn operators_and_types_read_well() {
    let conv = Operator::Conv2d { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
    assert_eq!(
        conv.to_string(),
        "conv2d(stride [1, 1], padding [0, 0], dilation [1, 1], groups 1)"
    );
    assert_eq!(Operator::Unary { function: Unary::Relu }.to_string(), "relu");
    let add = Operator::BinaryScalar { function: Binary::Add, scalar: Scalar::f32(-0.5) };
    assert_eq!((add.name(), add.to_string().as_str()), ("add_scalar", "add_scalar(-0.5)"));
    let ranges =
        vec![SliceRange { start: 0, end: 3, step: 1 }, SliceRange { start: 1, end: 5, step: -2 }];
    assert_eq!(Operator::Slice { ranges }.to_string(), "slice(0..3, 1..5 by -2)");
}
