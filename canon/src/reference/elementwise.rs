//! Elementwise operators.

use super::number::{Float, Number};
use super::{Call, each_index, offset};
use crate::scalar::FromScalar;
use crate::shape::{broadcast_strides, extents};
use crate::tensor::Data;
use crate::{Binary, Class, OperatorError, Relation, Scalar, Tensor, Unary};

type Computed = Result<Data, OperatorError>;

/// `$body` for any integer type, wrapped again as that type; `$other` for others.
macro_rules! map_integers {
    ($data:expr, $v:ident => $body:expr, $other:expr) => {
        match $data {
            Data::I8($v) => Data::I8($body),
            Data::I16($v) => Data::I16($body),
            Data::I32($v) => Data::I32($body),
            Data::I64($v) => Data::I64($body),
            Data::U8($v) => Data::U8($body),
            Data::U16($v) => Data::U16($body),
            Data::U32($v) => Data::U32($body),
            Data::U64($v) => Data::U64($body),
            _ => $other,
        }
    };
}

/// `$body` for any number type, wrapped again as that type; `$other` for half types and bools.
macro_rules! map_numbers {
    ($data:expr, $v:ident => $body:expr, $other:expr) => {
        match $data {
            Data::F32($v) => Data::F32($body),
            Data::F64($v) => Data::F64($body),
            Data::I8($v) => Data::I8($body),
            Data::I16($v) => Data::I16($body),
            Data::I32($v) => Data::I32($body),
            Data::I64($v) => Data::I64($body),
            Data::U8($v) => Data::U8($body),
            Data::U16($v) => Data::U16($body),
            Data::U32($v) => Data::U32($body),
            Data::U64($v) => Data::U64($body),
            Data::F16(_) | Data::BF16(_) | Data::Bool(_) => $other,
        }
    };
}

/// `$body` for two of one number type or bools, wrapped by `$wrap` or as that type.
macro_rules! zip_numbers {
    ($pair:expr, $wrap:ident, ($a:ident, $b:ident) => $body:expr, $other:expr) => {
        match $pair {
            (Data::F32($a), Data::F32($b)) => $wrap!(F32, $body),
            (Data::F64($a), Data::F64($b)) => $wrap!(F64, $body),
            (Data::I8($a), Data::I8($b)) => $wrap!(I8, $body),
            (Data::I16($a), Data::I16($b)) => $wrap!(I16, $body),
            (Data::I32($a), Data::I32($b)) => $wrap!(I32, $body),
            (Data::I64($a), Data::I64($b)) => $wrap!(I64, $body),
            (Data::U8($a), Data::U8($b)) => $wrap!(U8, $body),
            (Data::U16($a), Data::U16($b)) => $wrap!(U16, $body),
            (Data::U32($a), Data::U32($b)) => $wrap!(U32, $body),
            (Data::U64($a), Data::U64($b)) => $wrap!(U64, $body),
            (Data::Bool($a), Data::Bool($b)) => $wrap!(Bool, $body),
            _ => $other,
        }
    };
}

macro_rules! same {
    ($variant:ident, $body:expr) => {
        Data::$variant($body)
    };
}
macro_rules! bools {
    ($variant:ident, $body:expr) => {
        Data::Bool($body)
    };
}

fn map<T: Copy, U>(values: &[T], function: impl Fn(T) -> U) -> Vec<U> {
    values.iter().map(|&v| function(v)).collect()
}

/// The results of an operator on broadcast operands.
struct Pairs {
    shape: Vec<usize>,
    of_a: Vec<usize>,
    of_b: Vec<usize>,
}

impl Pairs {
    fn map<A: Copy, B: Copy, U>(&self, a: &[A], b: &[B], function: impl Fn(A, B) -> U) -> Vec<U> {
        let mut result = Vec::with_capacity(self.shape.iter().product());
        each_index(&self.shape, |index| {
            result.push(function(a[offset(index, &self.of_a)], b[offset(index, &self.of_b)]));
        });
        result
    }
}

impl Call<'_> {
    fn pairs(&self, a: &Tensor, b: &Tensor) -> Pairs {
        let shape = self.output_extents();
        let of = |x: &Tensor| broadcast_strides(&extents(x.shape()), &shape);
        Pairs { of_a: of(a), of_b: of(b), shape }
    }

    pub(super) fn unary(&self, function: Unary) -> Computed {
        let x = self.operand(0)?;
        Ok(match x.data() {
            Data::F32(v) => Data::F32(map(v, |x| unary(function, x))),
            Data::F64(v) => Data::F64(map(v, |x| unary(function, x))),
            Data::Bool(v) => Data::Bool(map(v, |x| 1 - x)),
            data => map_integers!(
                data,
                v => map(v, |x| unary_integer(function, x, !x)),
                return Err(self.unsupported(x))
            ),
        })
    }

    pub(super) fn classify(&self, class: Class) -> Computed {
        let x = self.operand(0)?;
        Ok(Data::Bool(match x.data() {
            Data::F32(v) => map(v, |x| u8::from(classify(class, x))),
            Data::F64(v) => map(v, |x| u8::from(classify(class, x))),
            _ => return Err(self.unsupported(x)),
        }))
    }

    pub(super) fn binary(&self, function: Binary) -> Computed {
        let (a, b) = (self.operand(0)?, self.operand(1)?);
        let pairs = self.pairs(a, b);
        let apply = zip_numbers!(
            (a.data(), b.data()), same,
            (a, b) => pairs.map(a, b, |a, b| binary(function, a, b)),
            return Err(self.unsupported(a))
        );
        Ok(apply)
    }

    pub(super) fn binary_scalar(&self, function: Binary, scalar: Scalar) -> Computed {
        let a = self.operand(0)?;
        Ok(match a.data() {
            Data::Bool(v) => Data::Bool(map(v, |a| binary(function, a, u8::from_scalar(scalar)))),
            data => map_numbers!(
                data,
                v => map(v, |a| binary(function, a, FromScalar::from_scalar(scalar))),
                return Err(self.unsupported(a))
            ),
        })
    }

    pub(super) fn compare(&self, relation: Relation) -> Computed {
        let (a, b) = (self.operand(0)?, self.operand(1)?);
        let pairs = self.pairs(a, b);
        Ok(zip_numbers!(
            (a.data(), b.data()), bools,
            (a, b) => pairs.map(a, b, |a, b| u8::from(compare(relation, a, b))),
            return Err(self.unsupported(a))
        ))
    }

    pub(super) fn compare_scalar(&self, relation: Relation, scalar: Scalar) -> Computed {
        let a = self.operand(0)?;
        let constant = super::movement::filled(scalar, 1);
        Ok(zip_numbers!(
            (a.data(), &constant), bools,
            (a, b) => map(a, |a| u8::from(compare(relation, a, b[0]))),
            return Err(self.unsupported(a))
        ))
    }

    /// Data movement: the chosen element's bits.
    pub(super) fn select(&self) -> Computed {
        let (condition, a, b) = (self.operand(0)?, self.operand(1)?, self.operand(2)?);
        let Some(condition_values) = condition.as_bool() else {
            return Err(self.unsupported(condition));
        };
        let Pairs { shape, of_a, of_b } = self.pairs(a, b);
        let of_condition = broadcast_strides(&extents(condition.shape()), &shape);
        macro_rules! choose {
            ($($variant:ident)*) => {
                match (a.data(), b.data()) {
                    $((Data::$variant(a), Data::$variant(b)) => {
                        let mut result = Vec::with_capacity(shape.iter().product());
                        each_index(&shape, |index| {
                            let chosen = condition_values[offset(index, &of_condition)] == 1;
                            result.push(if chosen { a[offset(index, &of_a)] } else { b[offset(index, &of_b)] });
                        });
                        Data::$variant(result)
                    })*
                    _ => return Err(self.unsupported(a)),
                }
            };
        }
        Ok(choose!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool))
    }

    /// `min(max(x, lower), upper)`.
    pub(super) fn clamp(&self, lower: Option<Scalar>, upper: Option<Scalar>) -> Computed {
        let x = self.operand(0)?;
        Ok(
            map_numbers!(x.data(), v => map(v, |x| clamped(x, lower, upper)), return Err(self.unsupported(x))),
        )
    }
}

/// A function of a float.
pub(crate) fn unary<F: Float>(function: Unary, x: F) -> F {
    x.elementary(function).settle()
}

/// A function of an integer, whose bitwise complement is `complement`; 0 for functions of floats.
pub(crate) fn unary_integer<N: Number>(function: Unary, x: N, complement: N) -> N {
    match function {
        Unary::Neg => x.neg(),
        Unary::Abs => x.magnitude(),
        Unary::Relu => x.larger(N::ZERO),
        Unary::Sign => x.signum_or_zero(),
        Unary::BitNot => complement,
        _ => N::ZERO,
    }
}

pub(crate) fn classify<F: Float>(class: Class, x: F) -> bool {
    match class {
        Class::Nan => x.is_nan(),
        Class::Infinite => x.magnitude().equal(F::NEGATIVE_INFINITY.neg()),
    }
}

/// For bools (bytes 0 and 1), `and` and `or` are the smaller and the larger.
pub(crate) fn binary<N: Number>(function: Binary, a: N, b: N) -> N {
    let result = match function {
        Binary::Add => a.add(b),
        Binary::Sub => a.sub(b),
        Binary::Mul => a.mul(b),
        Binary::Div => a.div(b),
        Binary::Max | Binary::Or => a.larger(b),
        Binary::Min | Binary::And => a.smaller(b),
        function => a.joined(function, b),
    };
    result.settle()
}

/// `min(max(x, lower), upper)`.
pub(crate) fn clamped<N: Number>(x: N, lower: Option<Scalar>, upper: Option<Scalar>) -> N {
    let x = lower.map_or(x, |bound| x.larger(N::from_scalar(bound)));
    upper.map_or(x, |bound| x.smaller(N::from_scalar(bound))).settle()
}

/// IEEE 754: every comparison with NaN is false, but `!=` is true.
pub(crate) fn compare<N: Number>(relation: Relation, a: N, b: N) -> bool {
    match relation {
        Relation::Equal => a.equal(b),
        Relation::NotEqual => !a.equal(b),
        Relation::Less => a.less(b),
        Relation::LessEqual => a.less(b) || a.equal(b),
        Relation::Greater => b.less(a),
        Relation::GreaterEqual => b.less(a) || a.equal(b),
    }
}
