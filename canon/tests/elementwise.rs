//! The rules of elementwise operators, one fact per test, on every kernel set.

#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use gainsay_canon::{
    Binary, Class, DType, Isa, Kernels, Operator, Scalar, Tensor, TensorType, Unary,
};

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

fn unary(function: Unary, x: &Tensor) -> Tensor {
    run(&Operator::Unary { function }, &[x])
}

fn binary(function: Binary, a: &Tensor, b: &Tensor) -> Tensor {
    run(&Operator::Binary { function }, &[a, b])
}

fn cast(x: &Tensor, to: DType) -> Tensor {
    run(&Operator::Cast { to }, &[x])
}

/// Values of a float type, each exactly one.
fn floats(dtype: DType, values: &[f64]) -> Tensor {
    let wide = Tensor::f64([values.len() as u64], values.to_vec()).unwrap();
    if dtype == DType::F64 { wide } else { cast(&wide, dtype) }
}

const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];

/// The bits of every element.
fn bits(x: &Tensor) -> Vec<u64> {
    let size = x.dtype().size_bytes();
    let wide = |element: &[u8]| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(element);
        u64::from_le_bytes(bytes)
    };
    x.bytes().chunks(size).map(wide).collect()
}

fn quiet(dtype: DType) -> u64 {
    match dtype {
        DType::F32 => 0x7fc0_0000,
        DType::F64 => 0x7ff8_0000_0000_0000,
        DType::F16 => 0x7e00,
        _ => 0x7fc0,
    }
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Special values of C, Annex F: function, argument, result. All are exact in every float type.
const OF_ONE: [(Unary, f64, f64); 89] = {
    use Unary::*;
    [
        (Exp, 0.0, 1.0),
        (Exp, -0.0, 1.0),
        (Exp, INF, INF),
        (Exp, -INF, 0.0),
        (Log, 1.0, 0.0),
        (Log, 0.0, -INF),
        (Log, -0.0, -INF),
        (Log, INF, INF),
        (Log, -1.0, NAN),
        (Log, -INF, NAN),
        (Tanh, -0.0, -0.0),
        (Tanh, INF, 1.0),
        (Tanh, -INF, -1.0),
        (Sigmoid, INF, 1.0),
        (Sigmoid, -INF, 0.0),
        (Sigmoid, -0.0, 0.5),
        (Erf, 0.0, 0.0),
        (Erf, -0.0, -0.0),
        (Erf, INF, 1.0),
        (Erf, -INF, -1.0),
        (Log1p, 0.0, 0.0),
        (Log1p, -0.0, -0.0),
        (Log1p, -1.0, -INF),
        (Log1p, -2.0, NAN),
        (Log1p, -INF, NAN),
        (Log1p, INF, INF),
        (Expm1, 0.0, 0.0),
        (Expm1, -0.0, -0.0),
        (Expm1, -INF, -1.0),
        (Expm1, INF, INF),
        (Sin, 0.0, 0.0),
        (Sin, -0.0, -0.0),
        (Sin, INF, NAN),
        (Sin, -INF, NAN),
        (Cos, -0.0, 1.0),
        (Cos, INF, NAN),
        (Tan, 0.0, 0.0),
        (Tan, -0.0, -0.0),
        (Tan, -INF, NAN),
        (Sinh, -0.0, -0.0),
        (Sinh, INF, INF),
        (Sinh, -INF, -INF),
        (Cosh, -0.0, 1.0),
        (Cosh, INF, INF),
        (Cosh, -INF, INF),
        (Asin, 0.0, 0.0),
        (Asin, -0.0, -0.0),
        (Asin, 2.0, NAN),
        (Asin, -INF, NAN),
        (Acos, 1.0, 0.0),
        (Acos, 1.5, NAN),
        (Acos, -INF, NAN),
        (Atan, 0.0, 0.0),
        (Atan, -0.0, -0.0),
        (Asinh, 0.0, 0.0),
        (Asinh, -0.0, -0.0),
        (Asinh, INF, INF),
        (Asinh, -INF, -INF),
        (Acosh, 1.0, 0.0),
        (Acosh, 0.5, NAN),
        (Acosh, -INF, NAN),
        (Acosh, INF, INF),
        (Atanh, -0.0, -0.0),
        (Atanh, 1.0, INF),
        (Atanh, -1.0, -INF),
        (Atanh, 1.5, NAN),
        (Atanh, -INF, NAN),
        (Rsqrt, 0.0, INF),
        (Rsqrt, -0.0, -INF),
        (Rsqrt, INF, 0.0),
        (Rsqrt, -1.0, NAN),
        (Rsqrt, 4.0, 0.5),
        (Floor, -0.0, -0.0),
        (Floor, -0.5, -1.0),
        (Ceil, -0.5, -0.0),
        (Ceil, 1.5, 2.0),
        (Trunc, -1.5, -1.0),
        (Trunc, -0.5, -0.0),
        (Round, 0.5, 0.0),
        (Round, 1.5, 2.0),
        (Round, 2.5, 2.0),
        (Round, -0.5, -0.0),
        (Round, -INF, -INF),
        (Sign, -0.0, 0.0),
        (Sign, -INF, -1.0),
        (Silu, -INF, NAN),
        (Silu, INF, INF),
        (LogSigmoid, -INF, -INF),
        (LogSigmoid, INF, 0.0),
    ]
};

#[test]
fn functions_of_one_float_have_the_special_values_of_c() {
    for dtype in FLOATS {
        for (function, x, y) in OF_ONE {
            let found = bits(&unary(function, &floats(dtype, &[x])));
            assert_eq!(found, bits(&floats(dtype, &[y])), "{function:?}({x}) in {dtype}");
        }
    }
}

#[test]
fn functions_of_two_floats_have_the_special_values_of_c() {
    use Binary::{Atan2, Hypot, Pow, Rem};
    let pi = std::f64::consts::PI;
    let table = [
        (Pow, 0.0, -3.0, INF),
        (Pow, -0.0, -3.0, -INF),
        (Pow, -0.0, -2.0, INF),
        (Pow, 0.0, -INF, INF),
        (Pow, -0.0, 3.0, -0.0),
        (Pow, -0.0, 2.5, 0.0),
        (Pow, -1.0, INF, 1.0),
        (Pow, -1.0, -INF, 1.0),
        (Pow, 1.0, NAN, 1.0),
        (Pow, NAN, 0.0, 1.0),
        (Pow, NAN, -0.0, 1.0),
        (Pow, NAN, 1.0, NAN),
        (Pow, 2.0, NAN, NAN),
        (Pow, -2.0, 0.5, NAN),
        (Pow, -2.0, 3.0, -8.0),
        (Pow, -2.0, 2.0, 4.0),
        (Pow, 0.5, -INF, INF),
        (Pow, 2.0, -INF, 0.0),
        (Pow, -2.0, INF, INF),
        (Pow, 0.5, INF, 0.0),
        (Pow, -INF, -3.0, -0.0),
        (Pow, -INF, -2.0, 0.0),
        (Pow, -INF, 3.0, -INF),
        (Pow, -INF, 2.5, INF),
        (Pow, INF, -1.0, 0.0),
        (Pow, INF, 0.5, INF),
        (Atan2, 0.0, 0.0, 0.0),
        (Atan2, -0.0, 0.0, -0.0),
        (Atan2, 0.0, -0.0, pi),
        (Atan2, -0.0, -0.0, -pi),
        (Atan2, 0.0, -1.0, pi),
        (Atan2, -0.0, 1.0, -0.0),
        (Atan2, 1.0, 0.0, pi / 2.0),
        (Atan2, -1.0, -0.0, -pi / 2.0),
        (Atan2, 1.0, -INF, pi),
        (Atan2, -1.0, INF, -0.0),
        (Atan2, INF, 1.0, pi / 2.0),
        (Atan2, -INF, INF, -pi / 4.0),
        (Atan2, INF, -INF, 3.0 * pi / 4.0),
        (Atan2, NAN, 1.0, NAN),
        (Atan2, 0.0, NAN, NAN),
        (Hypot, 3.0, -4.0, 5.0),
        (Hypot, -0.0, -0.0, 0.0),
        (Hypot, -INF, NAN, INF),
        (Hypot, NAN, INF, INF),
        (Hypot, NAN, 1.0, NAN),
        (Rem, 5.0, 3.0, 2.0),
        (Rem, -5.0, 3.0, 1.0),
        (Rem, 5.0, -3.0, -1.0),
        (Rem, -5.0, -3.0, -2.0),
        (Rem, -0.0, 3.0, -0.0),
        (Rem, 6.0, -3.0, 0.0),
        (Rem, 1.0, 0.0, NAN),
        (Rem, INF, 1.0, NAN),
        (Rem, 1.0, INF, 1.0),
        (Rem, -1.0, INF, INF),
        (Rem, NAN, 1.0, NAN),
    ];
    for dtype in FLOATS {
        for (function, a, b, y) in table {
            let found = binary(function, &floats(dtype, &[a]), &floats(dtype, &[b]));
            let context = format!("{function:?}({a}, {b}) in {dtype}");
            assert_eq!(bits(&found), bits(&floats(dtype, &[y])), "{context}");
            let scalar = Scalar { dtype, bits: bits(&floats(dtype, &[b]))[0] };
            let with = run(&Operator::BinaryScalar { function, scalar }, &[&floats(dtype, &[a])]);
            assert_eq!(found, with, "{context} with a constant");
        }
    }
}

#[test]
fn remainders_are_exact_however_far_apart_the_operands_are() {
    let a = Tensor::f32([3], vec![3.402_823_5e38, 1e-44, 16_777_216.0]).unwrap();
    let b = Tensor::f32([3], vec![1e-45, 3e-45, 0.1]).unwrap();
    // As integers in units of 2^-149: 10^-44 is 7, 3 * 10^-45 is 2, and 0.1 is 13421773 * 2^-27.
    let found = binary(Binary::Rem, &a, &b);
    let rest = (1_u128 << 51) % 13_421_773;
    let expected = [0.0, f32::from_bits(1), rest as f32 * 2.0_f32.powi(-27)];
    assert_eq!(found.as_f32().unwrap(), expected);
    let wide = |x| Tensor::f64([1], vec![x]).unwrap();
    let found = binary(Binary::Rem, &wide(f64::MAX), &wide(3.0));
    // 2^k mod 3 is 1 or 2 for k even or odd: MAX is (2^53 - 1) * 2^971.
    assert_eq!(found.as_f64().unwrap(), [2.0]);
}

#[test]
fn every_nan_becomes_the_quiet_one_and_has_no_sign() {
    let nans = [
        Tensor::f32([2], [0x7f80_0001, 0xffc0_1234].map(f32::from_bits).to_vec()).unwrap(),
        Tensor::f64([2], [0x7ff0_0000_0000_0001, u64::MAX].map(f64::from_bits).to_vec()).unwrap(),
        Tensor::f16_bits([2], vec![0x7c01, 0xfe12]).unwrap(),
        Tensor::bf16_bits([2], vec![0x7f81, 0xffff]).unwrap(),
    ];
    for x in &nans {
        let quiet = quiet(x.dtype());
        for discriminant in 0..34_u8 {
            let function: Unary = borsh::from_slice(&[discriminant]).unwrap();
            if !matches!(function, Unary::Not | Unary::BitNot | Unary::Sign) {
                assert_eq!(bits(&unary(function, x)), [quiet; 2], "{function:?} {x:?}");
            }
        }
        assert_eq!(bits(&unary(Unary::Sign, x)), [0; 2]);
        for function in [Binary::Rem, Binary::Atan2, Binary::Hypot, Binary::Pow] {
            let two = floats(x.dtype(), &[2.0]);
            assert_eq!(bits(&binary(function, x, &two)), [quiet; 2], "{function:?}");
            assert_eq!(bits(&binary(function, &two, x)), [quiet; 2], "{function:?}");
        }
        assert_eq!(bits(&cast(x, x.dtype())), [quiet; 2]);
        let classify = |class| run(&Operator::Classify { class }, &[x]);
        assert_eq!(classify(Class::Nan).as_bool().unwrap(), [1; 2]);
        assert_eq!(classify(Class::Infinite).as_bool().unwrap(), [0; 2]);
        // Movement keeps what is there.
        assert_eq!(bits(&run(&Operator::Reshape { shape: vec![1, 2] }, &[x])), bits(x));
        assert_eq!(bits(&run(&Operator::Expand { shape: vec![1, 2] }, &[x])), bits(x));
    }
    let infinite = run(
        &Operator::Classify { class: Class::Infinite },
        &[&Tensor::f16_bits([3], vec![0x7c00, 0xfc00, 0x7bff]).unwrap()],
    );
    assert_eq!(infinite.as_bool().unwrap(), [1, 1, 0]);
}

#[test]
fn integers_have_remainders_of_the_divisors_sign_wrapping_powers_and_shifts_modulo_the_width() {
    let a = Tensor::i8([8], vec![5, -5, 5, -5, -128, 7, -128, 0]).unwrap();
    let b = Tensor::i8([8], vec![3, 3, -3, -3, -1, 0, 100, 5]).unwrap();
    assert_eq!(binary(Binary::Rem, &a, &b).as_i8().unwrap(), [2, 1, -1, -2, 0, 0, 72, 0]);
    let unsigned = |values: [u8; 3]| Tensor::u8([3], values.to_vec()).unwrap();
    let rem = binary(Binary::Rem, &unsigned([255, 7, 9]), &unsigned([16, 0, 10]));
    assert_eq!(rem.as_u8().unwrap(), [15, 0, 9]);

    let a = Tensor::i8([9], vec![2, 3, -2, 2, 1, -1, -1, 0, 0]).unwrap();
    let b = Tensor::i8([9], vec![7, 5, 3, -1, -5, -5, -6, -1, 0]).unwrap();
    assert_eq!(binary(Binary::Pow, &a, &b).as_i8().unwrap(), [-128, -13, -8, 0, 1, -1, 1, 0, 1]);
    let powers = binary(Binary::Pow, &unsigned([2, 3, 7]), &unsigned([8, 255, 2]));
    assert_eq!(powers.as_u8().unwrap(), [0, 171, 49]);

    let a = Tensor::i32([4], vec![-8, 1, 1, -1]).unwrap();
    let b = Tensor::i32([4], vec![1, 33, -1, 31]).unwrap();
    assert_eq!(binary(Binary::ShiftRight, &a, &b).as_i32().unwrap(), [-4, 0, 0, -1]);
    assert_eq!(binary(Binary::ShiftLeft, &a, &b).as_i32().unwrap(), [-16, 2, i32::MIN, i32::MIN]);
    let logical = binary(Binary::ShiftRight, &unsigned([255, 128, 1]), &unsigned([4, 8, 15]));
    assert_eq!(logical.as_u8().unwrap(), [15, 128, 0]);

    let (a, b) = (Tensor::i64([1], vec![0b1100]).unwrap(), Tensor::i64([1], vec![-6]).unwrap());
    assert_eq!(binary(Binary::BitAnd, &a, &b).as_i64().unwrap(), [0b1000]);
    assert_eq!(binary(Binary::BitOr, &a, &b).as_i64().unwrap(), [-2]);
    assert_eq!(binary(Binary::BitXor, &a, &b).as_i64().unwrap(), [-10]);
    assert_eq!(unary(Unary::BitNot, &a).as_i64().unwrap(), [-13]);
    assert_eq!(unary(Unary::BitNot, &unsigned([0, 1, 255])).as_u8().unwrap(), [255, 254, 0]);
    assert_eq!(unary(Unary::Sign, &b).as_i64().unwrap(), [-1]);
    assert_eq!(unary(Unary::Sign, &unsigned([0, 1, 255])).as_u8().unwrap(), [0, 1, 1]);
    let bools = |values: [bool; 4]| Tensor::bool([4], values.to_vec()).unwrap();
    let xor =
        binary(Binary::Xor, &bools([false, false, true, true]), &bools([false, true, false, true]));
    assert_eq!(xor.as_bool().unwrap(), [0, 1, 1, 0]);
}

#[test]
fn operators_on_half_types_are_those_on_f32_rounded_once() {
    let of = |dtype, bits: Vec<u16>| match dtype {
        DType::F16 => Tensor::f16_bits([bits.len() as u64], bits).unwrap(),
        _ => Tensor::bf16_bits([bits.len() as u64], bits).unwrap(),
    };
    for dtype in [DType::F16, DType::BF16] {
        // Every 7th pattern; 9362 of them, 2 * 31 * 151.
        let x = of(dtype, (0..9_362).map(|i| i * 7).collect());
        let y = of(dtype, (0..9_362).map(|i: u16| i.wrapping_mul(40_503)).collect());
        let (wide_x, wide_y) = (cast(&x, DType::F32), cast(&y, DType::F32));
        for discriminant in 0..34_u8 {
            let function: Unary = borsh::from_slice(&[discriminant]).unwrap();
            if !matches!(function, Unary::Not | Unary::BitNot) {
                let expected = cast(&unary(function, &wide_x), dtype);
                assert_eq!(unary(function, &x), expected, "{function:?}");
            }
        }
        for function in [Binary::Add, Binary::Div, Binary::Max, Binary::Pow, Binary::Rem] {
            let expected = cast(&binary(function, &wide_x, &wide_y), dtype);
            assert_eq!(binary(function, &x, &y), expected, "{function:?}");
        }
        let shaped = |x: &Tensor, shape: [u64; 2]| x.clone().reshaped(shape).unwrap();
        let (a, b) = (shaped(&x, [62, 151]), shaped(&y, [151, 62]));
        let wide = [shaped(&wide_x, [62, 151]), shaped(&wide_y, [151, 62])];
        let product = run(&Operator::MatMul, &[&a, &b]);
        assert_eq!(product, cast(&run(&Operator::MatMul, &[&wide[0], &wide[1]]), dtype));
        let softmax = Operator::Softmax { axis: 1 };
        assert_eq!(run(&softmax, &[&a]), cast(&run(&softmax, &[&wide[0]]), dtype));
        let (half, single) = (Scalar::float(dtype, 0.1).unwrap(), |scalar: Scalar| {
            let one = Tensor::from_bytes(
                &TensorType::new(dtype, [1]),
                &(scalar.bits as u16).to_le_bytes(),
            );
            Scalar::f32(cast(&one.unwrap(), DType::F32).as_f32().unwrap()[0])
        });
        let times = |scalar| Operator::BinaryScalar { function: Binary::Mul, scalar };
        let expected = cast(&run(&times(single(half)), &[&wide_x]), dtype);
        assert_eq!(run(&times(half), &[&x]), expected);
        let clamp = |min| Operator::Clamp { min: Some(min), max: None };
        let expected = cast(&run(&clamp(single(half)), &[&wide_x]), dtype);
        assert_eq!(run(&clamp(half), &[&x]), expected);
        let less = Operator::Compare { relation: gainsay_canon::Relation::Less };
        assert_eq!(run(&less, &[&x, &y]), run(&less, &[&wide_x, &wide_y]));
    }
}

#[test]
fn a_sum_of_half_numbers_is_rounded_once_at_its_end() {
    // 4096 ones: adding in f16 would stop at 2048.
    let ones = Tensor::f16_bits([4096], vec![0x3c00; 4096]).unwrap();
    let sum = Operator::Reduce { function: gainsay_canon::Reduction::Sum, axes: vec![0] };
    assert_eq!(bits(&run(&sum, &[&ones])), [0x6c00]);
}

#[test]
fn every_type_converts_to_every_other() {
    let one = |dtype: DType| {
        let tensor = Tensor::i32([3], vec![0, 1, 3]).unwrap();
        if dtype == DType::I32 { tensor } else { cast(&tensor, dtype) }
    };
    for from in DType::ALL {
        for to in DType::ALL {
            let (found, expected) = (cast(&one(from), to), one(to));
            let small = [from, to].contains(&DType::Bool);
            let expected =
                if small { cast(&cast(&one(DType::I32), DType::Bool), to) } else { expected };
            assert_eq!(found, expected, "{from} to {to}");
        }
    }
    let wide = Tensor::i64([3], vec![(1 << 62) + (1 << 54) + 1, i64::MIN, 65_519]).unwrap();
    assert_eq!(bits(&cast(&wide, DType::BF16)), [0x5e81, 0xdf00, 0x4780]);
    assert_eq!(bits(&cast(&wide, DType::F16)), [0x7c00, 0xfc00, 0x7bff]);
    // To f32 first, this would be a tie: 1 + 2^-11 + 2^-40.
    let near_tie = Tensor::f64([1], vec![1.0 + 2.0_f64.powi(-11) + 2.0_f64.powi(-40)]).unwrap();
    assert_eq!(bits(&cast(&near_tie, DType::F16)), [0x3c01]);
    let halves = Tensor::f16_bits([5], vec![0x7c00, 0xfc00, 0x7e00, 0xbe00, 0x0001]).unwrap();
    assert_eq!(cast(&halves, DType::I8).as_i8().unwrap(), [127, -128, 0, -1, 0]);
    assert_eq!(cast(&halves, DType::Bool).as_bool().unwrap(), [1; 5]);
    assert_eq!(bits(&cast(&halves, DType::BF16)), [0x7f80, 0xff80, 0x7fc0, 0xbfc0, 0x3380]);
}

#[test]
fn scalars_round_once() {
    assert_eq!(Scalar::f16(65_519.999).bits, 0x7bff);
    assert_eq!(Scalar::f16(65_520.0).bits, 0x7c00);
    assert_eq!(Scalar::bf16(0.1).bits, 0x3dcd);
    assert_eq!(
        Scalar::float_of_integer(DType::BF16, (1 << 62) + (1 << 54) + 1).unwrap().bits,
        0x5e81
    );
    assert_eq!(
        Scalar::float_of_integer(DType::F32, 16_777_217).unwrap(),
        Scalar::f32(16_777_216.0)
    );
    assert_eq!(Scalar::float(DType::I8, 1.0), None);
    assert_eq!(Scalar::f16(1.5).to_string(), "1.5");
}
