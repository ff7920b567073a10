//! What only floats, only integers or only bools can do.

use burn::tensor::Tensor;

use crate::common::{agree, agree_int, agree_on, positive};
use crate::{X, constant};

#[test]
pub fn elementary_functions_agree_with_burn() {
    agree("exp", X, Tensor::exp);
    agree_on("log", [40], positive(40), Tensor::log);
    agree_on("sqrt", [40], positive(40), Tensor::sqrt);
    agree("tanh", X, Tensor::tanh);
    agree("erf", X, Tensor::erf);
    agree("is nan", X, |x| (x.clone().is_nan(), x.is_inf()));
}

#[test]
pub fn more_elementary_functions_agree_with_burn() {
    agree_on("log1p", [40], positive(40), Tensor::log1p);
    agree("sin cos", X, |x| (x.clone().sin(), x.cos()));
    agree("sinh cosh", X, |x| (x.clone().sinh(), x.cosh()));
    agree("tan", X, |x| (x * 0.7).tan());
    agree("asin acos", X, |x| ((x.clone() * 0.45).asin(), (x * 0.45).acos()));
    agree("asinh atan", X, |x| (x.clone().asinh(), x.atan()));
    agree_on("acosh", [40], positive(40), |x| (x + 1.0).acosh());
    agree("atanh", X, |x| (x * 0.45).atanh());
    agree("atan2", X, |x| x.clone().atan2(constant(&x, X, 2)));
    agree("hypot", X, |x| x.clone().hypot(constant(&x, X, 2)));
    agree("rounding", X, |x| {
        let x = x * 3.0;
        ((x.clone().round(), x.clone().floor()), (x.clone().ceil(), x.trunc()))
    });
    agree("rounding ties", X, |x| (x * 2.0).round() / 2.0);
    agree("reciprocal", X, |x| (x.clone() + 2.5).recip());
    agree("cross", [2, 3, 4], |x| x.clone().cross(constant(&x, [2, 3, 4], 2), 1));
    agree("is nan or infinite", X, |x| {
        let wild = (x.clone() - 1.0).recip();
        let none = wild.clone() - wild.clone();
        (wild.is_inf(), none.is_nan())
    });
}

#[test]
pub fn functions_of_other_float_types_agree_with_burn() {
    use burn::tensor::FloatDType;
    agree("in f64", X, |x| {
        let x = x.cast(FloatDType::F64);
        ((x.clone().exp(), x.clone().tanh()), (x.clone().sin(), x.abs().sqrt()))
    });
    for half in [FloatDType::F16, FloatDType::BF16] {
        agree("in half", X, |x| {
            // Whole numbers and halves, which are exact in every type.
            let x = (x * 2.0).round().cast(half);
            (x.clone() * x.clone(), (x.clone().abs(), x.neg()))
        });
    }
}

#[test]
pub fn bits_agree_with_burn() {
    agree_int("bitwise", X, |x| {
        let other = x.clone().flip([0, 1, 2]);
        (
            (x.clone().bitwise_and(other.clone()), x.clone().bitwise_or(other.clone())),
            (x.clone().bitwise_xor(other), x.bitwise_not()),
        )
    });
    agree_int("bitwise with constants", X, |x| {
        ((x.clone().bitwise_and_scalar(6), x.clone().bitwise_or_scalar(9)), x.bitwise_xor_scalar(5))
    });
    agree_int("shifts", X, |x| {
        let by = x.clone().abs();
        (
            (x.clone().bitwise_left_shift(by.clone()), x.clone().bitwise_right_shift(by)),
            (x.clone().bitwise_left_shift_scalar(3), x.bitwise_right_shift_scalar(1)),
        )
    });
    agree_int("matmul", [2, 3, 3], |x| x.clone().matmul(x.swap_dims(1, 2)));
}

/// What this file compares.
pub const SAMPLES: &[fn()] = &[
    elementary_functions_agree_with_burn,
    more_elementary_functions_agree_with_burn,
    functions_of_other_float_types_agree_with_burn,
    bits_agree_with_burn,
    crate::module::sampling_agrees_with_burn,
];
