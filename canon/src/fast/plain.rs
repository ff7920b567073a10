//! Elementwise operators on element types other than `f32`, comparisons and choices, in plain loops that threads share.
//!
//! The functions are those of the reference.

use super::elementwise::{CHUNK, walk};
use super::{Computed, Fast};
use crate::reference::{binary, clamped, classify, compare, unary, unary_integer};
use crate::scalar::FromScalar;
use crate::shape::extents;
use crate::tensor::Data;
use crate::{Class, Operator, OperatorError, Relation, Tensor, TensorType};

/// `$body` for any number type but `f32`, wrapped again as that type.
macro_rules! map_numbers {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            Data::F64($v) => Data::F64($body),
            Data::I8($v) => Data::I8($body),
            Data::I16($v) => Data::I16($body),
            Data::I32($v) => Data::I32($body),
            Data::I64($v) => Data::I64($body),
            Data::U8($v) => Data::U8($body),
            Data::U16($v) => Data::U16($body),
            Data::U32($v) => Data::U32($body),
            Data::U64($v) => Data::U64($body),
            Data::Bool($v) => Data::Bool($body),
            Data::F32(_) | Data::F16(_) | Data::BF16(_) => return Ok(None),
        }
    };
}

impl Fast {
    /// `function` of every element; `weight` says how long one takes.
    fn each<T: Copy + Sync, U: Copy + Default + Send>(
        &self,
        x: &[T],
        weight: u64,
        function: impl Fn(T) -> U + Sync,
    ) -> Result<Vec<U>, OperatorError> {
        let mut result = vec![U::default(); x.len()];
        let threads = self.threads.worthwhile(x.len() as u64 * weight);
        self.threads.chunks(threads, &mut result, CHUNK, |start, y| {
            let x = &x[start..start + y.len()];
            x.iter().zip(y).for_each(|(&x, y)| *y = function(x));
        })?;
        Ok(result)
    }

    /// Operators of one operand that is not `f32`.
    pub(super) fn map_plain(&self, operator: &Operator, x: &Tensor) -> Computed {
        Ok(Some(match operator {
            Operator::Unary { function } => {
                let function = *function;
                macro_rules! integers {
                    ($($variant:ident)*) => {
                        match x.data() {
                            Data::F64(v) => Data::F64(self.each(v, 400, |x| unary(function, x))?),
                            Data::Bool(v) => Data::Bool(self.each(v, 1, |x| 1 - x)?),
                            $(Data::$variant(v) => {
                                Data::$variant(self.each(v, 1, |x| unary_integer(function, x, !x))?)
                            })*
                            _ => return Ok(None),
                        }
                    };
                }
                integers!(I8 I16 I32 I64 U8 U16 U32 U64)
            }
            Operator::BinaryScalar { function, scalar } => map_numbers!(x.data(), v => {
                let constant = FromScalar::from_scalar(*scalar);
                self.each(v, 2, |x| binary(*function, x, constant))?
            }),
            Operator::Clamp { min, max } => {
                map_numbers!(x.data(), v => self.each(v, 2, |x| clamped(x, *min, *max))?)
            }
            _ => return Ok(None),
        }))
    }

    pub(super) fn classify(&self, class: Class, x: &Tensor) -> Computed {
        Ok(Some(Data::Bool(match x.data() {
            Data::F32(v) => self.each(v, 1, |x| u8::from(classify(class, x)))?,
            Data::F64(v) => self.each(v, 1, |x| u8::from(classify(class, x)))?,
            _ => return Ok(None),
        })))
    }

    pub(super) fn plain_binary(
        &self,
        function: crate::Binary,
        a: &Tensor,
        b: &Tensor,
        result: &TensorType,
    ) -> Computed {
        macro_rules! applied {
            ($($variant:ident)*) => {
                match (a.data(), b.data()) {
                    $((Data::$variant(x), Data::$variant(y)) => {
                        Data::$variant(self.zip((a, x), (b, y), result, |a, b| binary(function, a, b))?)
                    })*
                    _ => return Ok(None),
                }
            };
        }
        Ok(Some(applied!(F64 I8 I16 I32 I64 U8 U16 U32 U64 Bool)))
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
                        self.zip((a, x), (b, y), result, |a, b| u8::from(compare(relation, a, b)))?
                    })*
                    _ => return Ok(None),
                }
            };
        }
        Ok(Some(Data::Bool(compared!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64 Bool))))
    }

    /// `function` on broadcast operands.
    fn zip<T: Copy + Sync, U: Copy + Default + Send>(
        &self,
        (a, x): (&Tensor, &[T]),
        (b, y): (&Tensor, &[T]),
        result: &TensorType,
        function: impl Fn(T, T) -> U + Sync,
    ) -> Result<Vec<U>, OperatorError> {
        let shape = extents(&result.shape);
        let mut output = vec![U::default(); shape.iter().product()];
        if output.is_empty() {
            return Ok(output);
        }
        let walk = walk([a, b], &shape);
        let threads = self.threads.worthwhile(output.len() as u64 * 2);
        if walk.runs() == 1 && walk.strides == [1, 1] {
            self.threads.chunks(threads, &mut output, CHUNK, |start, output| {
                let pairs = x[start..].iter().zip(&y[start..]);
                output.iter_mut().zip(pairs).for_each(|(o, (&x, &y))| *o = function(x, y));
            })?;
            return Ok(output);
        }
        let inner = walk.inner;
        let runs = (CHUNK / inner).max(1);
        self.threads.chunks(threads, &mut output, runs * inner, |start, output| {
            let first = start / inner;
            walk.each(first..first + output.len() / inner, |run, [at_x, at_y]| {
                let output = &mut output[run * inner..(run + 1) * inner];
                let (x, y) = (&x[at_x as usize..], &y[at_y as usize..]);
                match walk.strides {
                    [1, 1] => {
                        let pairs = x.iter().zip(y);
                        output.iter_mut().zip(pairs).for_each(|(o, (&x, &y))| *o = function(x, y));
                    }
                    [1, _] => {
                        output.iter_mut().zip(x).for_each(|(o, &x)| *o = function(x, y[0]));
                    }
                    [_, 1] => {
                        output.iter_mut().zip(y).for_each(|(o, &y)| *o = function(x[0], y));
                    }
                    _ => output.fill(function(x[0], y[0])),
                }
            });
        })?;
        Ok(output)
    }

    /// Data movement: the chosen elements, bits as they are.
    pub(super) fn select(&self, operands: [&Tensor; 3], result: &TensorType) -> Computed {
        let [condition, a, b] = operands;
        let Some(conditions) = condition.as_bool() else { return Ok(None) };
        macro_rules! chosen {
            ($($variant:ident)*) => {
                match (a.data(), b.data()) {
                    $((Data::$variant(x), Data::$variant(y)) => {
                        Data::$variant(self.choose(operands, result, conditions, x, y)?)
                    })*
                    _ => return Ok(None),
                }
            };
        }
        Ok(Some(chosen!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool)))
    }

    fn choose<T: Copy + Default + Send + Sync>(
        &self,
        operands: [&Tensor; 3],
        result: &TensorType,
        conditions: &[u8],
        a: &[T],
        b: &[T],
    ) -> Result<Vec<T>, OperatorError> {
        let shape = extents(&result.shape);
        let mut output = vec![T::default(); shape.iter().product()];
        if output.is_empty() {
            return Ok(output);
        }
        let walk = walk(operands, &shape);
        let [of_condition, of_a, of_b] = walk.strides.map(|stride| stride as usize);
        let threads = self.threads.worthwhile(output.len() as u64 * 2);
        let fill = |output: &mut [T], [at_condition, at_a, at_b]: [usize; 3]| {
            for (i, output) in output.iter_mut().enumerate() {
                let chosen = conditions[at_condition + i * of_condition] == 1;
                *output = if chosen { a[at_a + i * of_a] } else { b[at_b + i * of_b] };
            }
        };
        if walk.runs() == 1 {
            self.threads.chunks(threads, &mut output, CHUNK, |start, output| {
                fill(output, [start * of_condition, start * of_a, start * of_b]);
            })?;
            return Ok(output);
        }
        let inner = walk.inner;
        let runs = (CHUNK / inner).max(1);
        self.threads.chunks(threads, &mut output, runs * inner, |start, output| {
            let first = start / inner;
            walk.each(first..first + output.len() / inner, |run, at| {
                fill(&mut output[run * inner..(run + 1) * inner], at.map(|at| at as usize));
            });
        })?;
        Ok(output)
    }
}
