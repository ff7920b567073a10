//! Which written sequence computes which function of floats.

use super::circular::{acos, asin, atan, atan2, cos, sin, tan};
use super::elementary::{erf, exp, gelu, log, sigmoid, tanh};
use super::hyperbolic::{acosh, asinh, atanh, cosh, expm1, log_sigmoid, log1p, silu, sinh};
use super::number::{Float, Number};
use super::powers::{hypot, pow, rem, rsqrt};
use super::{circular64, exponential64, powers64};
use crate::{Binary, Unary};

/// A function of one `f32`; any NaN stands for the quiet one.
pub(super) fn unary_f32(function: Unary, x: f32) -> f32 {
    match function {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Recip => 1.0 / x,
        Unary::Sqrt => x.root(),
        Unary::Exp => exp(x),
        Unary::Log => log(x),
        Unary::Tanh => tanh(x),
        Unary::Sigmoid => sigmoid(x),
        Unary::Relu => x.larger(0.0),
        Unary::Gelu => gelu(x),
        Unary::Erf => erf(x),
        Unary::Log1p => log1p(x),
        Unary::Expm1 => expm1(x),
        Unary::Sin => sin(x),
        Unary::Cos => cos(x),
        Unary::Tan => tan(x),
        Unary::Sinh => sinh(x),
        Unary::Cosh => cosh(x),
        Unary::Asin => asin(x),
        Unary::Acos => acos(x),
        Unary::Atan => atan(x),
        Unary::Asinh => asinh(x),
        Unary::Acosh => acosh(x),
        Unary::Atanh => atanh(x),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Trunc => x.trunc(),
        Unary::Round => x.round_ties_even(),
        Unary::Sign => x.signum_or_zero(),
        Unary::Rsqrt => rsqrt(x),
        Unary::Silu => silu(x),
        Unary::LogSigmoid => log_sigmoid(x),
        Unary::Not | Unary::BitNot => f32::NAN,
    }
}

/// A function of one `f64`; any NaN stands for the quiet one.
pub(super) fn unary_f64(function: Unary, x: f64) -> f64 {
    match function {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Recip => 1.0 / x,
        Unary::Sqrt => x.root(),
        Unary::Exp => exponential64::exp(x),
        Unary::Log => exponential64::log(x),
        Unary::Tanh => exponential64::tanh(x),
        Unary::Sigmoid => exponential64::sigmoid(x),
        Unary::Relu => x.larger(0.0),
        Unary::Gelu => powers64::gelu(x),
        Unary::Erf => powers64::erf(x),
        Unary::Log1p => exponential64::log1p(x),
        Unary::Expm1 => exponential64::expm1(x),
        Unary::Sin => circular64::sin(x),
        Unary::Cos => circular64::cos(x),
        Unary::Tan => circular64::tan(x),
        Unary::Sinh => exponential64::sinh(x),
        Unary::Cosh => exponential64::cosh(x),
        Unary::Asin => circular64::asin(x),
        Unary::Acos => circular64::acos(x),
        Unary::Atan => circular64::atan(x),
        Unary::Asinh => exponential64::asinh(x),
        Unary::Acosh => exponential64::acosh(x),
        Unary::Atanh => exponential64::atanh(x),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Trunc => x.trunc(),
        Unary::Round => x.round_ties_even(),
        Unary::Sign => x.signum_or_zero(),
        Unary::Rsqrt => powers64::rsqrt(x),
        Unary::Silu => exponential64::silu(x),
        Unary::LogSigmoid => exponential64::log_sigmoid(x),
        Unary::Not | Unary::BitNot => f64::NAN,
    }
}

/// The functions of two `f32` beyond the four operations, maximum and minimum.
pub(super) fn binary_f32(function: Binary, a: f32, b: f32) -> f32 {
    match function {
        Binary::Rem => rem(a, b),
        Binary::Pow => pow(a, b),
        Binary::Atan2 => atan2(a, b),
        Binary::Hypot => hypot(a, b),
        _ => 0.0,
    }
}

/// The same of two `f64`.
pub(super) fn binary_f64(function: Binary, a: f64, b: f64) -> f64 {
    match function {
        Binary::Rem => powers64::rem(a, b),
        Binary::Pow => powers64::pow(a, b),
        Binary::Atan2 => circular64::atan2(a, b),
        Binary::Hypot => powers64::hypot(a, b),
        _ => 0.0,
    }
}
