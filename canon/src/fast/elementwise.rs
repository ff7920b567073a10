//! Elementwise operators on vectors of `f32`.

use super::circular::{acos, asin, atan, atan2, cos, sin, tan};
use super::elementary::{erf, exp, gelu, log, sigmoid, tanh};
use super::hyperbolic::{acosh, asinh, atanh, cosh, expm1, log_sigmoid, log1p, silu, sinh};
use super::powers::{hypot, pow, rem, rsqrt, sign};
use super::simd::{Kernel, Simd, WIDEST};
use super::strided::{Walk, signed};
use super::{Computed, Fast};
use crate::scalar::FromScalar;
use crate::shape::{broadcast_strides, extents};
use crate::tensor::Data;
use crate::{Binary, OperatorError, Scalar, Tensor, TensorType, Unary};

/// Elements per task.
pub(super) const CHUNK: usize = if cfg!(test) { 48 } else { 16_384 };

/// A function of one vector.
pub(super) trait Lanes: Copy + Sync {
    /// `#[inline(always)]`.
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F;
}

/// A function of two vectors.
pub(super) trait Lanes2: Copy + Sync {
    /// `#[inline(always)]`.
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F;
}

macro_rules! functions {
    ($of:ident $operands:tt: $($name:ident = |$s:ident| $body:expr;)*) => {
        $(functions! { @one $of $operands $name $s $body })*
    };
    (@one $of:ident ($($operand:ident),*) $name:ident $s:ident $body:expr) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name;
        impl $of for $name {
            #[inline(always)]
            fn apply<S: Simd>(self, $s: S, $($operand: S::F),*) -> S::F {
                $body
            }
        }
    };
}

functions! { Lanes (x):
    Neg = |s| s.settle(s.neg(x));
    Abs = |s| s.settle(s.abs(x));
    Recip = |s| s.settle(s.div(s.splat(1.0), x));
    Sqrt = |s| s.settle(s.sqrt(x));
    Exp = |s| exp(s, x);
    Log = |s| log(s, x);
    Tanh = |s| tanh(s, x);
    Sigmoid = |s| sigmoid(s, x);
    Relu = |s| s.nan_or(x, s.where_less(s.splat(0.0), x, x, s.splat(0.0)));
    Gelu = |s| s.settle(gelu(s, x));
    Erf = |s| erf(s, x);
    Log1p = |s| log1p(s, x);
    Expm1 = |s| expm1(s, x);
    Sin = |s| s.settle(sin(s, x));
    Cos = |s| s.settle(cos(s, x));
    Tan = |s| s.settle(tan(s, x));
    Sinh = |s| sinh(s, x);
    Cosh = |s| cosh(s, x);
    Asin = |s| s.settle(asin(s, x));
    Acos = |s| s.settle(acos(s, x));
    Atan = |s| atan(s, x);
    Asinh = |s| asinh(s, x);
    Acosh = |s| acosh(s, x);
    Atanh = |s| atanh(s, x);
    Floor = |s| s.settle(s.floor(x));
    Ceil = |s| s.settle(s.ceil(x));
    Trunc = |s| s.settle(s.trunc(x));
    Round = |s| s.settle(s.round(x));
    Sign = |s| sign(s, x);
    Rsqrt = |s| s.settle(rsqrt(s, x));
    Silu = |s| s.settle(silu(s, x));
    LogSigmoid = |s| s.settle(log_sigmoid(s, x));
}

functions! { Lanes2 (a, b):
    Add = |s| s.settle(s.add(a, b));
    Sub = |s| s.settle(s.sub(a, b));
    Mul = |s| s.settle(s.mul(a, b));
    Div = |s| s.settle(s.div(a, b));
    Max = |s| s.maximum(a, b);
    Min = |s| s.minimum(a, b);
    Rem = |s| rem(s, a, b);
    Pow = |s| pow(s, a, b);
    Atan2 = |s| atan2(s, a, b);
    Hypot = |s| hypot(s, a, b);
}

/// A function of two vectors with the right one fixed.
#[derive(Clone, Copy)]
struct With<F>(F, f32);

impl<F: Lanes2> Lanes for With<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        self.0.apply(s, x, s.splat(self.1))
    }
}

/// The same with the left one fixed.
#[derive(Clone, Copy)]
struct Before<F>(f32, F);

impl<F: Lanes2> Lanes for Before<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        self.1.apply(s, s.splat(self.0), x)
    }
}

/// `min(max(x, lower), upper)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clamp {
    pub lower: Option<f32>,
    pub upper: Option<f32>,
}

impl Lanes for Clamp {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        let x = self.lower.map_or(x, |lower| s.maximum(x, s.splat(lower)));
        s.settle(self.upper.map_or(x, |upper| s.minimum(x, s.splat(upper))))
    }
}

/// `y = f(x)`.
pub(super) struct Map<'a, F> {
    pub x: &'a [f32],
    pub y: &'a mut [f32],
    pub function: F,
}

impl<F: Lanes> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // The function stands here once, for whole vectors and the last part alike: there are many of these loops.
        for (x, y) in self.x.chunks(S::LANES).zip(self.y.chunks_mut(S::LANES)) {
            let mut part = [0.0; WIDEST];
            let result = self.function.apply(s, load_part(s, x, &mut part));
            store_part(s, y, result, &mut part);
        }
    }
}

/// A vector from a slice of at most `LANES` elements, through `part` where there are fewer.
#[inline(always)]
fn load_part<S: Simd>(s: S, x: &[f32], part: &mut [f32; WIDEST]) -> S::F {
    if x.len() == S::LANES {
        return s.load(x);
    }
    part[..x.len()].copy_from_slice(x);
    s.load(part)
}

/// The counterpart.
#[inline(always)]
fn store_part<S: Simd>(s: S, y: &mut [f32], result: S::F, part: &mut [f32; WIDEST]) {
    if y.len() == S::LANES {
        return s.store(y, result);
    }
    s.store(part, result);
    y.copy_from_slice(&part[..y.len()]);
}

/// `y = f(a, b)`.
pub(super) struct Map2<'a, F> {
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub y: &'a mut [f32],
    pub function: F,
}

impl<F: Lanes2> Kernel for Map2<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let pairs = self.a.chunks(S::LANES).zip(self.b.chunks(S::LANES));
        for ((a, b), y) in pairs.zip(self.y.chunks_mut(S::LANES)) {
            let mut part = [0.0; WIDEST];
            let (a, b) = (load_part(s, a, &mut part), load_part(s, b, &mut part));
            store_part(s, y, self.function.apply(s, a, b), &mut part);
        }
    }
}

/// The strides of operands of these types under a result shape.
pub(super) fn walk<const K: usize>(operands: [&Tensor; K], shape: &[usize]) -> Walk<K> {
    let strides = operands.map(|x| signed(&broadcast_strides(&extents(x.shape()), shape)));
    Walk::new(shape, strides.each_ref().map(Vec::as_slice))
}

impl Fast {
    fn map(&self, x: &[f32], weight: u64, function: impl Lanes) -> Result<Data, OperatorError> {
        let mut result = vec![0.0; x.len()];
        let threads = self.threads.worthwhile(x.len() as u64 * weight);
        self.threads.chunks(threads, &mut result, CHUNK, |start, y| {
            self.vectors.run(Map { x: &x[start..start + y.len()], y, function });
        })?;
        Ok(Data::F32(result))
    }

    pub(super) fn unary(&self, function: Unary, x: &[f32]) -> Computed {
        Ok(Some(match function {
            Unary::Neg => self.map(x, 1, Neg)?,
            Unary::Abs => self.map(x, 1, Abs)?,
            Unary::Recip => self.map(x, 2, Recip)?,
            Unary::Sqrt => self.map(x, 2, Sqrt)?,
            Unary::Exp => self.map(x, 2, Exp)?,
            Unary::Log => self.map(x, 6, Log)?,
            Unary::Tanh => self.map(x, 8, Tanh)?,
            Unary::Sigmoid => self.map(x, 6, Sigmoid)?,
            Unary::Relu => self.map(x, 1, Relu)?,
            Unary::Gelu => self.map(x, 5, Gelu)?,
            Unary::Erf => self.map(x, 4, Erf)?,
            Unary::Log1p => self.map(x, 8, Log1p)?,
            Unary::Expm1 => self.map(x, 6, Expm1)?,
            Unary::Sin => self.map(x, 6, Sin)?,
            Unary::Cos => self.map(x, 6, Cos)?,
            Unary::Tan => self.map(x, 12, Tan)?,
            Unary::Sinh => self.map(x, 8, Sinh)?,
            Unary::Cosh => self.map(x, 8, Cosh)?,
            Unary::Asin => self.map(x, 12, Asin)?,
            Unary::Acos => self.map(x, 12, Acos)?,
            Unary::Atan => self.map(x, 8, Atan)?,
            Unary::Asinh => self.map(x, 12, Asinh)?,
            Unary::Acosh => self.map(x, 10, Acosh)?,
            Unary::Atanh => self.map(x, 10, Atanh)?,
            Unary::Floor => self.map(x, 1, Floor)?,
            Unary::Ceil => self.map(x, 1, Ceil)?,
            Unary::Trunc => self.map(x, 1, Trunc)?,
            Unary::Round => self.map(x, 1, Round)?,
            Unary::Sign => self.map(x, 1, Sign)?,
            Unary::Rsqrt => self.map(x, 6, Rsqrt)?,
            Unary::Silu => self.map(x, 7, Silu)?,
            Unary::LogSigmoid => self.map(x, 10, LogSigmoid)?,
            Unary::Not | Unary::BitNot => return Ok(None),
        }))
    }

    pub(super) fn binary_scalar(&self, function: Binary, x: &[f32], scalar: Scalar) -> Computed {
        let c = f32::from_scalar(scalar);
        Ok(Some(match function {
            Binary::Add => self.map(x, 1, With(Add, c))?,
            Binary::Sub => self.map(x, 1, With(Sub, c))?,
            Binary::Mul => self.map(x, 1, With(Mul, c))?,
            Binary::Div => self.map(x, 2, With(Div, c))?,
            Binary::Max => self.map(x, 1, With(Max, c))?,
            Binary::Min => self.map(x, 1, With(Min, c))?,
            Binary::Rem => self.map(x, 60, With(Rem, c))?,
            Binary::Pow => self.map(x, 12, With(Pow, c))?,
            Binary::Atan2 => self.map(x, 12, With(Atan2, c))?,
            Binary::Hypot => self.map(x, 4, With(Hypot, c))?,
            _ => return Ok(None),
        }))
    }

    pub(super) fn clamp(
        &self,
        x: &[f32],
        lower: Option<Scalar>,
        upper: Option<Scalar>,
    ) -> Computed {
        let bound = |scalar: Option<Scalar>| scalar.map(f32::from_scalar);
        Ok(Some(self.map(x, 1, Clamp { lower: bound(lower), upper: bound(upper) })?))
    }

    pub(super) fn binary(
        &self,
        function: Binary,
        a: &Tensor,
        b: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let (Some(x), Some(y)) = (a.as_f32(), b.as_f32()) else {
            return self.plain_binary(function, a, b, result);
        };
        let shape = extents(&result.shape);
        let walk = walk([a, b], &shape);
        Ok(Some(match function {
            Binary::Add => self.map2((x, y), 1, &shape, &walk, Add)?,
            Binary::Sub => self.map2((x, y), 1, &shape, &walk, Sub)?,
            Binary::Mul => self.map2((x, y), 1, &shape, &walk, Mul)?,
            Binary::Div => self.map2((x, y), 2, &shape, &walk, Div)?,
            Binary::Max => self.map2((x, y), 1, &shape, &walk, Max)?,
            Binary::Min => self.map2((x, y), 1, &shape, &walk, Min)?,
            Binary::Rem => self.map2((x, y), 60, &shape, &walk, Rem)?,
            Binary::Pow => self.map2((x, y), 12, &shape, &walk, Pow)?,
            Binary::Atan2 => self.map2((x, y), 12, &shape, &walk, Atan2)?,
            Binary::Hypot => self.map2((x, y), 4, &shape, &walk, Hypot)?,
            _ => return Ok(None),
        }))
    }

    fn map2(
        &self,
        (a, b): (&[f32], &[f32]),
        weight: u64,
        shape: &[usize],
        walk: &Walk<2>,
        function: impl Lanes2,
    ) -> Result<Data, OperatorError> {
        let mut result = vec![0.0; shape.iter().product()];
        let threads = self.threads.worthwhile(result.len() as u64 * weight);
        if walk.runs() == 1 && walk.strides == [1, 1] {
            self.threads.chunks(threads, &mut result, CHUNK, |start, y| {
                let range = start..start + y.len();
                self.vectors.run(Map2 { a: &a[range.clone()], b: &b[range], y, function });
            })?;
            return Ok(Data::F32(result));
        }
        let inner = walk.inner;
        let runs = (CHUNK / inner.max(1)).max(1);
        self.threads.chunks(threads, &mut result, runs * inner, |start, y| {
            let first = start / inner;
            walk.each(first..first + y.len() / inner, |run, [at_a, at_b]| {
                let y = &mut y[run * inner..(run + 1) * inner];
                let (a, b) = (&a[at_a as usize..], &b[at_b as usize..]);
                match walk.strides {
                    [1, 1] => {
                        self.vectors.run(Map2 { a: &a[..inner], b: &b[..inner], y, function })
                    }
                    [1, _] => {
                        self.vectors.run(Map { x: &a[..inner], y, function: With(function, b[0]) })
                    }
                    [_, 1] => self.vectors.run(Map {
                        x: &b[..inner],
                        y,
                        function: Before(a[0], function),
                    }),
                    _ => self.vectors.run(Map2 { a: &a[..1], b: &b[..1], y, function }),
                }
            });
        })?;
        Ok(Data::F32(result))
    }
}

/// The constant as a tensor of no axes.
pub(super) fn constant(scalar: Scalar) -> Tensor {
    Tensor::computed(TensorType::new(scalar.dtype, []), crate::reference::filled(scalar, 1))
}
