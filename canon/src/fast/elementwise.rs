//! Elementwise operators on vectors of `f32`; other element types and bools in plain loops over the same runs.

use super::elementary::{erf, exp, gelu, log, sigmoid, tanh};
use super::simd::{Kernel, Simd, WIDEST};
use super::strided::{Walk, signed};
use super::{Computed, Fast};
use crate::reference::{binary, compare};
use crate::scalar::FromScalar;
use crate::shape::{broadcast_strides, extents};
use crate::tensor::Data;
use crate::{Binary, OperatorError, Relation, Scalar, Tensor, TensorType, Unary};

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 48 } else { 16_384 };

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
}

functions! { Lanes2 (a, b):
    Add = |s| s.settle(s.add(a, b));
    Sub = |s| s.settle(s.sub(a, b));
    Mul = |s| s.settle(s.mul(a, b));
    Div = |s| s.settle(s.div(a, b));
    Max = |s| s.maximum(a, b);
    Min = |s| s.minimum(a, b);
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
struct Map<'a, F> {
    x: &'a [f32],
    y: &'a mut [f32],
    function: F,
}

impl<F: Lanes> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut x = self.x.chunks_exact(S::LANES);
        let mut y = self.y.chunks_exact_mut(S::LANES);
        for (x, y) in x.by_ref().zip(y.by_ref()) {
            s.store(y, self.function.apply(s, s.load(x)));
        }
        let (x, y) = (x.remainder(), y.into_remainder());
        if !y.is_empty() {
            let mut last = [0.0; WIDEST];
            last[..x.len()].copy_from_slice(x);
            let result = self.function.apply(s, s.load(&last));
            s.store(&mut last, result);
            y.copy_from_slice(&last[..y.len()]);
        }
    }
}

/// `y = f(a, b)`.
struct Map2<'a, F> {
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
    function: F,
}

impl<F: Lanes2> Kernel for Map2<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (mut a, mut b) = (self.a.chunks_exact(S::LANES), self.b.chunks_exact(S::LANES));
        let mut y = self.y.chunks_exact_mut(S::LANES);
        for ((a, b), y) in a.by_ref().zip(b.by_ref()).zip(y.by_ref()) {
            s.store(y, self.function.apply(s, s.load(a), s.load(b)));
        }
        let (a, b, y) = (a.remainder(), b.remainder(), y.into_remainder());
        if !y.is_empty() {
            let (mut last_a, mut last_b) = ([0.0; WIDEST], [0.0; WIDEST]);
            last_a[..a.len()].copy_from_slice(a);
            last_b[..b.len()].copy_from_slice(b);
            let result = self.function.apply(s, s.load(&last_a), s.load(&last_b));
            s.store(&mut last_a, result);
            y.copy_from_slice(&last_a[..y.len()]);
        }
    }
}

/// The strides of operands of these types under a result shape.
fn walk<const K: usize>(operands: [&Tensor; K], shape: &[usize]) -> Walk<K> {
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
            _ => return Ok(None),
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
        macro_rules! others {
            ($($variant:ident)*) => {
                match (a.data(), b.data()) {
                    $((Data::$variant(x), Data::$variant(y)) => {
                        Data::$variant(zip((a, x), (b, y), result, |a, b| binary(function, a, b)))
                    })*
                    _ => return Ok(None),
                }
            };
        }
        let (Some(x), Some(y)) = (a.as_f32(), b.as_f32()) else {
            return Ok(Some(others!(F64 I8 I16 I32 I64 U8 U16 U32 U64 Bool)));
        };
        let shape = extents(&result.shape);
        let walk = walk([a, b], &shape);
        Ok(Some(match function {
            Binary::Add => self.map2(x, y, &shape, &walk, Add)?,
            Binary::Sub => self.map2(x, y, &shape, &walk, Sub)?,
            Binary::Mul => self.map2(x, y, &shape, &walk, Mul)?,
            Binary::Div => self.map2(x, y, &shape, &walk, Div)?,
            Binary::Max => self.map2(x, y, &shape, &walk, Max)?,
            Binary::Min => self.map2(x, y, &shape, &walk, Min)?,
            _ => return Ok(None),
        }))
    }

    fn map2(
        &self,
        a: &[f32],
        b: &[f32],
        shape: &[usize],
        walk: &Walk<2>,
        function: impl Lanes2,
    ) -> Result<Data, OperatorError> {
        let mut result = vec![0.0; shape.iter().product()];
        let threads = self.threads.worthwhile(result.len() as u64);
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

    pub(super) fn compare(
        &self,
        relation: Relation,
        a: &Tensor,
        b: &Tensor,
        result: &TensorType,
    ) -> Computed {
        macro_rules! compared {
            ($($variant:ident)*) => {
                match (a.data(), b.data()) {
                    $((Data::$variant(x), Data::$variant(y)) => {
                        zip((a, x), (b, y), result, |a, b| u8::from(compare(relation, a, b)))
                    })*
                    _ => return Ok(None),
                }
            };
        }
        Ok(Some(Data::Bool(compared!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64 Bool))))
    }

    pub(super) fn select(&self, operands: [&Tensor; 3], result: &TensorType) -> Computed {
        let [condition, a, b] = operands;
        let Some(conditions) = condition.as_bool() else { return Ok(None) };
        let shape = extents(&result.shape);
        let walk = walk([condition, a, b], &shape);
        macro_rules! chosen {
            ($($variant:ident)*) => {
                match (a.data(), b.data()) {
                    $((Data::$variant(a), Data::$variant(b)) => Data::$variant(choose(&walk, &shape, conditions, a, b)),)*
                    _ => return Ok(None),
                }
            };
        }
        Ok(Some(chosen!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool)))
    }
}

/// `function` on broadcast operands.
fn zip<T: Copy, U>(
    (a, x): (&Tensor, &[T]),
    (b, y): (&Tensor, &[T]),
    result: &TensorType,
    function: impl Fn(T, T) -> U,
) -> Vec<U> {
    let shape = extents(&result.shape);
    let mut output = Vec::with_capacity(shape.iter().product());
    if shape.contains(&0) {
        return output;
    }
    let walk = walk([a, b], &shape);
    walk.each(0..walk.runs(), |_, [at_x, at_y]| {
        let (x, y) = (&x[at_x as usize..], &y[at_y as usize..]);
        match walk.strides {
            [1, 1] => output.extend(
                x[..walk.inner].iter().zip(&y[..walk.inner]).map(|(&x, &y)| function(x, y)),
            ),
            [1, _] => output.extend(x[..walk.inner].iter().map(|&x| function(x, y[0]))),
            [_, 1] => output.extend(y[..walk.inner].iter().map(|&y| function(x[0], y))),
            _ => output.extend((0..walk.inner).map(|_| function(x[0], y[0]))),
        }
    });
    output
}

/// The chosen elements, bits as they are.
fn choose<T: Copy>(walk: &Walk<3>, shape: &[usize], conditions: &[u8], a: &[T], b: &[T]) -> Vec<T> {
    let mut output = Vec::with_capacity(shape.iter().product());
    if shape.contains(&0) {
        return output;
    }
    let [of_condition, of_a, of_b] = walk.strides.map(|stride| stride as usize);
    walk.each(0..walk.runs(), |_, at| {
        let [at_condition, at_a, at_b] = at.map(|at| at as usize);
        output.extend((0..walk.inner).map(|i| {
            let chosen = conditions[at_condition + i * of_condition] == 1;
            if chosen { a[at_a + i * of_a] } else { b[at_b + i * of_b] }
        }));
    });
    output
}

/// The constant as a tensor of no axes.
pub(super) fn constant(scalar: Scalar) -> Tensor {
    Tensor::computed(TensorType::new(scalar.dtype, []), crate::reference::filled(scalar, 1))
}
