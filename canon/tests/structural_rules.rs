//! The rules of the operators that index, slide, resample, sort and normalise, one fact per test, on every kernel set.

#![allow(clippy::unwrap_used)]

#[path = "support/run.rs"]
mod support;

use gainsay_canon::{
    Corners, DType, Extension, Extreme, Interpolation, Keys, Operator, Order, Outside, Reduction,
    Rounding, Scalar, SliceRange, Tensor, TensorType, Update, Window2d,
};
use support::{QUIET, bits, f32s, i64s, of, run};

fn types(shapes: &[(DType, &[u64])]) -> Vec<TensorType> {
    shapes.iter().map(|&(dtype, shape)| TensorType::new(dtype, shape)).collect()
}

fn refusal(operator: &Operator, shapes: &[(DType, &[u64])]) -> String {
    operator.infer(&types(shapes)).unwrap_err().to_string()
}

#[test]
fn an_index_out_of_range_reads_zero_and_writes_nothing() {
    let x = f32s(&[3], &[1.0, 2.0, 3.0]);
    let at = i64s(&[5], &[2, -1, 3, 0, i64::MIN]);
    let expected = of(&[3.0, 0.0, 0.0, 1.0, 0.0]);
    for operator in [Operator::Gather { axis: 0 }, Operator::Take { axis: 0 }] {
        assert_eq!(bits(&run(&operator, &[&x, &at])), expected);
    }
    let huge = Tensor::u64([2], vec![u64::MAX, 1]).unwrap();
    assert_eq!(bits(&run(&Operator::Take { axis: 0 }, &[&x, &huge])), of(&[0.0, 2.0]));
    let narrow = Tensor::i8([2], vec![-128, 1]).unwrap();
    assert_eq!(bits(&run(&Operator::Take { axis: 0 }, &[&x, &narrow])), of(&[0.0, 2.0]));
    let values = f32s(&[5], &[10.0, 20.0, 30.0, 40.0, 50.0]);
    for update in [Update::Assign, Update::Add] {
        let scatter = run(&Operator::Scatter { axis: 0, update }, &[&x, &at, &values]);
        let assign = run(&Operator::TakeAssign { axis: 0, update }, &[&x, &at, &values]);
        let one = i64s(&[5, 1], &[2, -1, 3, 0, i64::MIN]);
        let nd = run(&Operator::ScatterNd { update }, &[&x, &one, &values]);
        let expected = if update == Update::Assign { [40.0, 2.0, 10.0] } else { [41.0, 2.0, 13.0] };
        assert_eq!(bits(&scatter), of(&expected));
        assert!(scatter == assign && scatter == nd);
    }
    // One coordinate out of range is enough.
    let square = f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let places = i64s(&[3, 2], &[1, 0, 0, 2, -1, 0]);
    assert_eq!(bits(&run(&Operator::GatherNd, &[&square, &places])), of(&[3.0, 0.0, 0.0]));
}

#[test]
fn duplicates_are_joined_in_row_major_order() {
    let x = f32s(&[2], &[0.0, 1.0]);
    let at = i64s(&[4], &[0, 0, 0, 1]);
    let values = f32s(&[4], &[1e8, 1.0, -1e8, f32::NAN]);
    let scatter = |update| bits(&run(&Operator::Scatter { axis: 0, update }, &[&x, &at, &values]));
    // ((0 + 1e8) + 1) - 1e8, where 1 is lost.
    assert_eq!(scatter(Update::Add), [0, QUIET]);
    assert_eq!(scatter(Update::Assign)[0], (-1e8_f32).to_bits());
    assert_eq!(scatter(Update::Max), [1e8_f32.to_bits(), QUIET]);
    let flags = Tensor::bool([3], vec![false, true, false]).unwrap();
    let ones = Tensor::bool([2], vec![true, false]).unwrap();
    let or = Operator::TakeAssign { axis: 0, update: Update::Add };
    let at = Tensor::u8([2], vec![2, 1]).unwrap();
    assert_eq!(run(&or, &[&flags, &at, &ones]).as_bool().unwrap(), [0, 1, 1]);
    let wide = Tensor::i32([1], vec![i32::MAX]).unwrap();
    let one = Tensor::i32([1], vec![1]).unwrap();
    let wrapped = run(&or, &[&wide, &i64s(&[1], &[0]), &one]);
    assert_eq!(wrapped.as_i32().unwrap(), [i32::MIN]);
}

#[test]
fn movement_copies_the_bits_of_nan_and_joining_does_not() {
    let odd = f32::from_bits(0xff80_0001);
    let (x, at) = (f32s(&[2], &[odd, 1.0]), i64s(&[2], &[1, 0]));
    let bits_of = |operator: &Operator, operands: &[&Tensor]| bits(&run(operator, operands));
    assert_eq!(bits_of(&Operator::Take { axis: 0 }, &[&x, &at]), of(&[1.0, odd]));
    let extend = Operator::Extend { padding: vec![(0, 1)], mode: Extension::Reflect };
    assert_eq!(bits_of(&extend, &[&x]), of(&[odd, 1.0, odd]));
    assert_eq!(bits_of(&Operator::Unfold { axis: 0, size: 1, step: 1 }, &[&x]), of(&[odd, 1.0]));
    let sort = Operator::Sort { axis: 0, order: Order::Ascending };
    assert_eq!(bits_of(&sort, &[&x]), of(&[1.0, odd]));
    let assign = |update| Operator::Scatter { axis: 0, update };
    let none = (i64s(&[0], &[]), f32s(&[0], &[]));
    assert_eq!(bits_of(&assign(Update::Assign), &[&x, &none.0, &none.1]), of(&[odd, 1.0]));
    assert_eq!(bits_of(&assign(Update::Add), &[&x, &none.0, &none.1]), [QUIET, 0x3f80_0000]);
    let nearest = Operator::Interpolate2d {
        output: [1, 2],
        mode: Interpolation::Nearest,
        corners: Corners::Apart,
    };
    assert_eq!(bits_of(&nearest, &[&f32s(&[1, 1, 1, 2], &[odd, 1.0])]), [QUIET, 0x3f80_0000]);
}

#[test]
fn sorting_is_stable_puts_nan_last_and_negative_zero_first() {
    let nan = f32::NAN;
    let x = f32s(&[7], &[nan, 0.0, -0.0, 1.0, -nan, 0.0, f32::NEG_INFINITY]);
    let arg = |order| run(&Operator::ArgSort { axis: 0, order }, &[&x]).as_i64().unwrap().to_vec();
    assert_eq!(arg(Order::Ascending), [6, 2, 1, 5, 3, 0, 4]);
    assert_eq!(arg(Order::Descending), [3, 1, 5, 2, 6, 0, 4]);
    let sort = |x: &Tensor, order| run(&Operator::Sort { axis: 0, order }, &[x]);
    let flags = Tensor::bool([3], vec![true, false, true]).unwrap();
    assert_eq!(sort(&flags, Order::Ascending).as_bool().unwrap(), [0, 1, 1]);
    let unsigned = Tensor::u64([3], vec![1 << 63, 1, u64::MAX]).unwrap();
    assert_eq!(sort(&unsigned, Order::Descending).as_u64().unwrap(), [u64::MAX, 1 << 63, 1]);
    let signed = Tensor::i8([3], vec![1, -128, 0]).unwrap();
    assert_eq!(sort(&signed, Order::Ascending).as_i8().unwrap(), [-128, 0, 1]);
    // bfloat16: NaN, 1, -1.
    let halves = TensorType::new(DType::BF16, [3]);
    let halves = Tensor::from_bytes(&halves, &[0xc1, 0xff, 0x80, 0x3f, 0x80, 0xbf]).unwrap();
    let sorted = sort(&halves, Order::Ascending);
    assert_eq!(sorted.as_half_bits().unwrap(), [0xbf80, 0x3f80, 0xffc1]);
}

#[test]
fn running_results_go_from_the_first_on_and_keep_nan() {
    let x = f32s(&[4], &[-0.0, 1.0, f32::NAN, 2.0]);
    let run = |function| bits(&run(&Operator::Cumulative { function, axis: 0 }, &[&x]));
    assert_eq!(run(Reduction::Sum), [0x8000_0000, 0x3f80_0000, QUIET, QUIET]);
    assert_eq!(run(Reduction::Min), [0x8000_0000, 0x8000_0000, QUIET, QUIET]);
    let mean = Operator::Cumulative { function: Reduction::Mean, axis: 0 };
    assert_eq!(
        refusal(&mean, &[(DType::F32, &[4])]),
        "cumulative_mean: there is no cumulative mean"
    );
}

#[test]
fn extremes_of_bools_are_any_and_all() {
    let x = Tensor::bool([3, 2], vec![false, false, true, false, true, true]).unwrap();
    let reduce = |function| {
        run(&Operator::Reduce { function, axes: vec![1] }, &[&x]).as_bool().unwrap().to_vec()
    };
    assert_eq!(reduce(Reduction::Max), [0, 1, 1]);
    assert_eq!(reduce(Reduction::Min), [0, 0, 1]);
    let arg = Operator::Arg { extreme: Extreme::Max, axis: 1 };
    assert_eq!(run(&arg, &[&x]).as_i64().unwrap(), [0, 0, 0]);
    let sum = Operator::Reduce { function: Reduction::Sum, axes: vec![1] };
    assert_eq!(
        refusal(&sum, &[(DType::Bool, &[3, 2])]),
        "unsupported element type bool for reduce_sum"
    );
}

#[test]
fn products_of_integer_matrices_wrap() {
    let a = Tensor::i8([1, 2], vec![100, 2]).unwrap();
    let b = Tensor::i8([2, 2], vec![2, 1, 3, -128]).unwrap();
    assert_eq!(run(&Operator::MatMul, &[&a, &b]).as_i8().unwrap(), [-50, 100]);
}

#[test]
fn windows_and_extensions_take_these_elements() {
    let x = i64s(&[5], &[0, 1, 2, 3, 4]);
    let unfold = |size, step| run(&Operator::Unfold { axis: 0, size, step }, &[&x]);
    assert_eq!(unfold(3, 2), i64s(&[2, 3], &[0, 1, 2, 2, 3, 4]));
    assert_eq!(unfold(6, 1), i64s(&[0, 6], &[]));
    let extend = |mode| run(&Operator::Extend { padding: vec![(2, 3)], mode }, &[&x]);
    assert_eq!(extend(Extension::Reflect).as_i64().unwrap(), [2, 1, 0, 1, 2, 3, 4, 3, 2, 1]);
    assert_eq!(extend(Extension::Edge).as_i64().unwrap(), [0, 0, 0, 1, 2, 3, 4, 4, 4, 4]);
    let image = i64s(&[1, 1, 2, 2], &[1, 2, 3, 4]);
    let columns =
        Operator::Unfold2d { kernel: [2, 1], stride: [1, 1], padding: [1, 0], dilation: [1, 1] };
    // Three windows down, two across; the kernel's upper element, then its lower one.
    let expected = [0, 0, 1, 2, 3, 4, 1, 2, 3, 4, 0, 0];
    assert_eq!(run(&columns, &[&image]), i64s(&[1, 2, 6], &expected));
    let value = i64s(&[2], &[10, 20]);
    let ranges = vec![SliceRange { start: 1, end: 5, step: -2 }];
    let assigned = run(&Operator::SliceAssign { ranges }, &[&x, &value]);
    assert_eq!(assigned.as_i64().unwrap(), [0, 1, 20, 3, 10]);
}

#[test]
fn only_existing_inputs_take_part_in_a_transposed_convolution() {
    let x = f32s(&[1, 1, 1, 2], &[1.0, 2.0]);
    let w = f32s(&[1, 1, 1, 2], &[3.0, f32::INFINITY]);
    let stretched = |stride, padding, output_padding| Operator::ConvTranspose2d {
        stride: [1, stride],
        padding: [0, padding],
        output_padding: [0, output_padding],
        dilation: [1, 1],
        groups: 1,
    };
    let inf = f32::INFINITY;
    // No 0 * inf where a kernel element meets no input, and +0 where none does.
    assert_eq!(bits(&run(&stretched(3, 0, 1), &[&x, &w])), of(&[3.0, inf, 0.0, 6.0, inf, 0.0]));
    assert_eq!(bits(&run(&stretched(1, 0, 0), &[&x, &w])), of(&[3.0, inf, inf]));
    assert_eq!(bits(&run(&stretched(1, 1, 0), &[&x, &w])), of(&[inf]));
    let bias = f32s(&[1], &[-1.0]);
    assert_eq!(bits(&run(&stretched(1, 0, 0), &[&x, &w, &bias])), of(&[2.0, inf, inf]));
}

#[test]
fn a_deformed_sample_lies_between_four_pixels_and_is_zero_a_pixel_outside() {
    let x = f32s(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 5.0]);
    let w = f32s(&[1, 1, 1, 1], &[2.0]);
    let operator = |masked| Operator::DeformConv2d {
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
        offset_groups: 1,
        masked,
    };
    // Rows, then columns: the middle; half a pixel above; a pixel outside; where it is.
    let offset = f32s(&[1, 2, 2, 2], &[0.5, -0.5, -2.0, 0.0, 0.5, 0.0, 0.0, 0.0]);
    assert_eq!(bits(&run(&operator(false), &[&x, &offset, &w])), of(&[5.5, 2.0, 0.0, 10.0]));
    let mask = f32s(&[1, 1, 2, 2], &[0.5, 1.0, 1.0, -1.0]);
    let masked = run(&operator(true), &[&x, &offset, &w, &mask]);
    assert_eq!(bits(&masked), of(&[2.75, 2.0, 0.0, -10.0]));
}

#[test]
fn the_place_of_a_maximum_is_that_of_the_first_and_of_nan() {
    let window = Window2d {
        kernel: [1, 2],
        stride: [1, 1],
        padding: [0, 1],
        dilation: [1, 3],
        rounding: Rounding::Floor,
    };
    let x = f32s(&[1, 1, 1, 4], &[7.0, f32::NAN, 7.0, 7.0]);
    // Windows of elements (-1, 2), (0, 3), (1, 4): 4 is padding.
    let places = run(&Operator::ArgMaxPool2d { window }, &[&x]);
    assert_eq!(places.as_i64().unwrap(), [2, 0, 1]);
    let empty = Window2d { kernel: [1, 1], padding: [0, 1], dilation: [1, 1], ..window };
    let places = run(&Operator::ArgMaxPool2d { window: empty }, &[&x]);
    assert_eq!(places.as_i64().unwrap(), [-1, 0, 1, 2, 3, -1]);
}

#[test]
fn resampling_takes_these_values() {
    let x = f32s(&[1, 1, 1, 4], &[1.0, 2.0, 4.0, 8.0]);
    let resample = |width, mode, corners| {
        run(&Operator::Interpolate2d { output: [1, width], mode, corners }, &[&x])
            .as_f32()
            .unwrap()
            .to_vec()
    };
    use Corners::{Aligned, Apart};
    use Interpolation::{Bicubic, Bilinear, Lanczos3, Nearest, NearestExact};
    assert_eq!(resample(3, Nearest, Apart), [1.0, 2.0, 4.0]);
    assert_eq!(resample(3, NearestExact, Apart), [1.0, 4.0, 8.0]);
    assert_eq!(resample(2, Bilinear, Apart), [1.5, 6.0]);
    assert_eq!(resample(8, Bilinear, Apart), [1.0, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0, 8.0]);
    assert_eq!(resample(7, Bilinear, Aligned), [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0]);
    assert_eq!(resample(1, Bilinear, Aligned), [1.0]);
    // Weights -0.09375, 0.59375, 0.59375, -0.09375 of 1, 2, 4, 8.
    assert_eq!(resample(7, Bicubic, Aligned)[3], 2.71875);
    for mode in [Bilinear, Bicubic, Lanczos3] {
        assert_eq!(resample(4, mode, Apart), [1.0, 2.0, 4.0, 8.0], "{mode:?}");
    }
    // sinc(d) sinc(d / 3) at d = 1.5, 0.5, 0.5, 1.5: -0.135095, 0.607927, of their sum.
    let between = resample(7, Lanczos3, Aligned)[3];
    let weights = [-0.135_094_91, 0.607_927_1, 0.607_927_1, -0.135_094_91];
    let sum: f64 = weights.iter().sum();
    let expected: f64 = weights.iter().zip([1.0, 2.0, 4.0, 8.0]).map(|(w, x)| w / sum * x).sum();
    assert!((f64::from(between) - expected).abs() < 1e-6, "{between} {expected}");
}

#[test]
fn a_point_that_is_no_number_samples_as_written() {
    let x = f32s(&[1, 1, 1, 3], &[1.0, 2.0, 4.0]);
    let grid = f32s(&[1, 1, 2, 2], &[f32::NAN, 0.0, f32::INFINITY, 0.0]);
    let sample = |mode, outside| {
        let corners = Corners::Apart;
        bits(&run(&Operator::GridSample2d { mode, outside, corners }, &[&x, &grid]))
    };
    assert_eq!(sample(Interpolation::Bilinear, Outside::Zeros), [QUIET; 2]);
    assert_eq!(sample(Interpolation::Bilinear, Outside::Reflection), [QUIET; 2]);
    assert_eq!(sample(Interpolation::Bilinear, Outside::Border), of(&[2.0, 2.0]));
    assert_eq!(sample(Interpolation::Nearest, Outside::Zeros), of(&[1.0, 0.0]));
    assert_eq!(sample(Interpolation::Nearest, Outside::Border), of(&[2.0, 2.0]));
}

/// `q`, `k` and `v` of one query, three keys and two values each.
fn attention(keys: Keys, mask: Option<[bool; 3]>, bias: Option<[f32; 3]>) -> Vec<u32> {
    let q = f32s(&[1, 1], &[1.0]);
    let k = f32s(&[3, 1], &[0.0, 0.0, f32::INFINITY]);
    let v = f32s(&[3, 2], &[1.0, -0.0, 3.0, -0.0, f32::NAN, f32::NAN]);
    let mask = mask.map(|mask| Tensor::bool([3], mask.to_vec()).unwrap());
    let bias = bias.map(|bias| f32s(&[1, 3], &bias));
    let operator = Operator::Attention {
        scale: Scalar::f32(1.0),
        softcap: None,
        keys,
        masked: mask.is_some(),
        biased: bias.is_some(),
    };
    let operands: Vec<&Tensor> = [&q, &k, &v].into_iter().chain(&mask).chain(&bias).collect();
    bits(&run(&operator, &operands))
}

#[test]
fn a_masked_key_takes_no_part_at_all() {
    let inf = f32::INFINITY;
    assert_eq!(attention(Keys::All, None, None), [QUIET; 2]);
    // Neither its infinite score nor its NaN values are met.
    let masked = attention(Keys::All, Some([false, false, true]), None);
    assert_eq!(masked, of(&[2.0, 0.0]));
    assert_eq!(attention(Keys::All, Some([false, true, true]), None), of(&[1.0, 0.0]));
    // A row without keys, and one that its bias masks.
    assert_eq!(attention(Keys::All, Some([true; 3]), None), [0; 2]);
    let hidden = attention(Keys::All, Some([false, false, true]), Some([-inf; 3]));
    assert_eq!(hidden, [0; 2]);
    // A bias of -inf leaves a weight of 0, and 0 * NaN is NaN.
    assert_eq!(attention(Keys::All, None, Some([0.0, 0.0, -inf])), [QUIET; 2]);
}

#[test]
fn a_causal_query_sees_the_keys_up_to_its_distance_from_the_end() {
    let attend = |s: u64, t: u64| {
        let q = f32s(&[s, 1], &vec![0.0; s as usize]);
        let k = f32s(&[t, 1], &vec![0.0; t as usize]);
        let v = f32s(&[t, 1], &(0..t).map(|i| (1 << i) as f32).collect::<Vec<_>>());
        let operator = Operator::Attention {
            scale: Scalar::f32(1.0),
            softcap: None,
            keys: Keys::Causal,
            masked: false,
            biased: false,
        };
        run(&operator, &[&q, &k, &v]).as_f32().unwrap().to_vec()
    };
    assert_eq!(attend(2, 2), [1.0, 1.5]);
    assert_eq!(attend(1, 2), [1.5]);
    // More queries than keys: the first see none.
    assert_eq!(attend(3, 2), [0.0, 1.0, 1.5]);
}

#[test]
fn layer_norm_is_the_written_composition() {
    let x: Vec<f32> = (0..40).map(|i| ((i * i) as f32 * 0.37).fract() - 0.4).collect();
    let gamma: Vec<f32> = (0..40).map(|i| 0.5 + i as f32 * 0.03).collect();
    let beta: Vec<f32> = (0..40).map(|i| 0.1 - i as f32 * 0.01).collect();
    let epsilon = 1e-5;
    let [row, g, b] = [&x, &gamma, &beta].map(|v| f32s(&[40], v));
    let found = run(&Operator::LayerNorm { epsilon: Scalar::f32(epsilon) }, &[&row, &g, &b]);
    let mean = |values: &[f32]| {
        let mean = Operator::Reduce { function: Reduction::Mean, axes: vec![0] };
        run(&mean, &[&f32s(&[40], values)]).as_f32().unwrap()[0]
    };
    let centre = mean(&x);
    let d: Vec<f32> = x.iter().map(|x| x - centre).collect();
    let squares: Vec<f32> = d.iter().map(|d| d * d).collect();
    let root = (mean(&squares) + epsilon).sqrt();
    let expected: Vec<f32> = (0..40).map(|i| d[i] / root * gamma[i] + beta[i]).collect();
    assert_eq!(bits(&found), of(&expected));
}

#[test]
fn refusals_name_what_is_wrong() {
    use DType::{Bool, F16, F32, I64};
    let take = Operator::Take { axis: 1 };
    assert_eq!(
        refusal(&take, &[(F32, &[2, 3]), (F32, &[2])]),
        "unsupported element type f32 for take"
    );
    assert_eq!(refusal(&take, &[(F32, &[2]), (I64, &[2])]), "take: there is no axis 1 in f32[2]");
    let deep = take.infer(&types(&[(F32, &[1; 6]), (I64, &[1; 4])])).unwrap_err();
    assert_eq!(deep.to_string(), "take: a tensor has at most 8 axes, found 9");
    assert_eq!(
        refusal(&Operator::GatherNd, &[(F32, &[2]), (I64, &[4, 2])]),
        "gather_nd: 2 coordinates for f32[2]"
    );
    let scatter = Operator::Scatter { axis: 0, update: Update::Mul };
    assert_eq!(
        refusal(&scatter, &[(Bool, &[2]), (I64, &[1]), (Bool, &[1])]),
        "unsupported element type bool for scatter"
    );
    assert_eq!(
        refusal(&scatter, &[(F32, &[2]), (I64, &[1]), (F32, &[2])]),
        "scatter: values f32[2] where f32[1] is due"
    );
    let extend = Operator::Extend { padding: vec![(2, 0)], mode: Extension::Reflect };
    assert_eq!(
        refusal(&extend, &[(F16, &[2])]),
        "extend: padding 2 and 0 beyond the 2 elements of axis 0"
    );
    let transposed = Operator::ConvTranspose2d {
        stride: [1, 1],
        padding: [3, 0],
        output_padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    };
    assert_eq!(
        refusal(&transposed, &[(F32, &[1, 1, 2, 2]), (F32, &[1, 1, 3, 3])]),
        "conv_transpose2d: padding 3 and output padding 0 on a reach of 4"
    );
    let attention = Operator::Attention {
        scale: Scalar::f32(1.0),
        softcap: None,
        keys: Keys::All,
        masked: true,
        biased: false,
    };
    let rows: (DType, &[u64]) = (F32, &[2, 3]);
    assert_eq!(refusal(&attention, &[rows, rows, rows]), "attention takes 4 operands, found 3");
    assert_eq!(
        refusal(&attention, &[rows, rows, rows, (Bool, &[2, 3])]),
        "attention: bool[2, 3] does not broadcast to the scores [2, 2]"
    );
    let sample = Operator::GridSample2d {
        mode: Interpolation::Bicubic,
        outside: Outside::Zeros,
        corners: Corners::Apart,
    };
    assert_eq!(
        refusal(&sample, &[(F32, &[1, 1, 2, 2]), (F32, &[1, 3, 3, 2])]),
        "grid_sample2d: mode Bicubic is not Nearest or Bilinear"
    );
}

#[test]
fn costs_and_names_of_structural_operators() {
    let cost =
        |operator: &Operator, shapes: &[(DType, &[u64])]| operator.cost(&types(shapes)).operations;
    let f = DType::F32;
    let attention = Operator::Attention {
        scale: Scalar::f32(0.125),
        softcap: None,
        keys: Keys::Causal,
        masked: false,
        biased: false,
    };
    // Six scores of two heads: 4 and 5 terms, and the exponential's share.
    assert_eq!(
        cost(&attention, &[(f, &[2, 3, 4]), (f, &[2, 2, 4]), (f, &[2, 2, 5])]),
        12 * (2 * 9 + 30)
    );
    assert_eq!(attention.to_string(), "attention(scale 0.125, softcap none, keys Causal)");
    assert_eq!(cost(&Operator::Take { axis: 0 }, &[(f, &[9, 4]), (DType::I64, &[3])]), 0);
    let conv =
        Operator::Conv3d { stride: [1, 1, 1], padding: [0, 0, 0], dilation: [1, 1, 1], groups: 1 };
    assert_eq!(
        cost(&conv, &[(f, &[1, 2, 3, 3, 3]), (f, &[4, 2, 2, 2, 2]), (f, &[4])]),
        4 * 8 * (2 * 16 + 1)
    );
    let update = Update::Add;
    assert_eq!(Operator::TakeAssign { axis: 2, update }.to_string(), "take_assign(axis 2, Add)");
    assert_eq!(
        Operator::Sort { axis: 1, order: Order::Descending }.to_string(),
        "sort(axis 1, Descending)"
    );
}
