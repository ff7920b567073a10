//! Elementwise operators.

use burn::tensor::activation as act;
use burn::tensor::{FloatDType, IntDType, Tensor};

use crate::case::{Case, RANK};
use crate::value::{Value, broadcast, number};
use crate::{Closure, Tensors};

pub fn closure(operator: &str) -> Option<(Closure, Tensors)> {
    let tensors = match operator {
        "Clip" | "Dropout" => Tensors::First(1),
        _ => Tensors::All,
    };
    unary(operator).or_else(|| binary(operator)).map(|closure| (closure, tensors))
}

/// A function of floats.
macro_rules! float {
    (|$x:ident, $case:ident| $body:expr) => {
        |$case: &Case, mut values: Vec<Value>| {
            let _ = $case;
            let value = values.remove(0);
            let dims = value.dims().to_vec();
            let $x = value.float();
            vec![Value::Float($body, dims)]
        }
    };
}

/// A function of floats or integers.
macro_rules! any_number {
    (|$x:ident| $body:expr) => {
        |_: &Case, mut values: Vec<Value>| {
            let value = values.remove(0);
            let dims = value.dims().to_vec();
            vec![number!(value, dims, $x => $body)]
        }
    };
}

fn unary(operator: &str) -> Option<Closure> {
    Some(match operator {
        "Abs" => any_number!(|x| x.abs()),
        "Neg" => any_number!(|x| x.neg()),
        "Sign" => any_number!(|x| x.sign()),
        "Acos" => float!(|x, _case| x.acos()),
        "Acosh" => float!(|x, _case| x.acosh()),
        "Asin" => float!(|x, _case| x.asin()),
        "Asinh" => float!(|x, _case| x.asinh()),
        "Atan" => float!(|x, _case| x.atan()),
        "Atanh" => float!(|x, _case| x.atanh()),
        "Ceil" => float!(|x, _case| x.ceil()),
        "Cos" => float!(|x, _case| x.cos()),
        "Cosh" => float!(|x, _case| x.cosh()),
        "Erf" => float!(|x, _case| x.erf()),
        "Exp" => float!(|x, _case| x.exp()),
        "Floor" => float!(|x, _case| x.floor()),
        "Log" => float!(|x, _case| x.log()),
        "Reciprocal" => float!(|x, _case| x.recip()),
        "Round" => float!(|x, _case| x.round()),
        "Sin" => float!(|x, _case| x.sin()),
        "Sinh" => float!(|x, _case| x.sinh()),
        "Sqrt" => float!(|x, _case| x.sqrt()),
        "Tan" => float!(|x, _case| x.tan()),
        "Tanh" => float!(|x, _case| x.tanh()),
        "Relu" => float!(|x, _case| act::relu(x)),
        "Sigmoid" => float!(|x, _case| act::sigmoid(x)),
        "Softplus" => float!(|x, _case| act::softplus(x, 1.0)),
        "Softsign" => float!(|x, _case| act::softsign(x)),
        "Mish" => float!(|x, _case| act::mish(x)),
        "HardSwish" => float!(|x, _case| act::hard_swish(x)),
        "LeakyRelu" => float!(|x, case| act::leaky_relu(x, case.float("alpha", 0.01))),
        "Elu" => float!(|x, case| act::elu(x, case.float("alpha", 1.0))),
        "Celu" => float!(|x, case| act::celu(x, case.float("alpha", 1.0))),
        "ThresholdedRelu" => float!(|x, case| act::thresholded_relu(x, case.float("alpha", 1.0))),
        "Shrink" => {
            float!(|x, case| act::shrink(x, case.float("lambd", 0.5), case.float("bias", 0.0)))
        }
        "HardSigmoid" => float!(|x, case| {
            act::hard_sigmoid(x, case.float("alpha", 0.2), case.float("beta", 0.5))
        }),
        "Swish" => {
            float!(|x, case| x.clone() * act::sigmoid(x.mul_scalar(case.float("alpha", 1.0))))
        }
        "Gelu" => float!(|x, case| match case.text("approximate", "none").as_str() {
            "tanh" => act::gelu_approximate(x),
            _ => act::gelu(x),
        }),
        "Selu" => float!(|x, case| {
            let (alpha, gamma) = (case.float("alpha", 1.673_263_2), case.float("gamma", 1.050_701));
            act::elu(x, alpha).mul_scalar(gamma)
        }),
        "IsNaN" => |_, mut values| {
            let value = values.remove(0);
            let dims = value.dims().to_vec();
            vec![Value::Bool(value.float().is_nan(), dims)]
        },
        "IsInf" => is_inf,
        "Not" => |_, mut values| {
            let value = values.remove(0);
            let dims = value.dims().to_vec();
            vec![Value::Bool(value.bool().bool_not(), dims)]
        },
        "BitwiseNot" => |_, mut values| {
            let value = values.remove(0);
            let dims = value.dims().to_vec();
            vec![Value::Int(value.int().bitwise_not(), dims)]
        },
        "Identity" => |_, values| values,
        "Dropout" => dropout,
        "Clip" => clip,
        "Cast" => cast,
        _ => return None,
    })
}

fn is_inf(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let dims = value.dims().to_vec();
    let x = value.float();
    let mut found = x.clone().is_inf();
    if case.int("detect_negative", 1) == 0 {
        found = found.bool_and(x.clone().greater_elem(0.0));
    }
    if case.int("detect_positive", 1) == 0 {
        found = found.bool_and(x.lower_elem(0.0));
    }
    vec![Value::Bool(found, dims)]
}

/// At inference nothing is dropped.
fn dropout(_: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let dims = value.dims().to_vec();
    let x = value.float();
    let kept = x.clone().equal(x.clone()).bool_or(x.clone().is_nan());
    vec![Value::Float(x, dims.clone()), Value::Bool(kept, dims)]
}

fn clip(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let dims = value.dims().to_vec();
    let bound = |at: usize| case.numbers(at).map(|numbers| numbers[0]);
    let (low, high) = (bound(1), bound(2));
    vec![match value {
        Value::Float(mut x, _) => {
            x = low.map_or(x.clone(), |low| x.clamp_min(low));
            Value::Float(high.map_or(x.clone(), |high| x.clamp_max(high)), dims)
        }
        Value::Int(mut x, _) => {
            x = low.map_or(x.clone(), |low| x.clamp_min(low as i64));
            Value::Int(high.map_or(x.clone(), |high| x.clamp_max(high as i64)), dims)
        }
        Value::Bool(..) => panic!("a bool"),
    }]
}

/// ONNX's numbers of element types.
fn cast(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let dims = value.dims().to_vec();
    let float = match case.int("to", 0) {
        1 => Some(FloatDType::F32),
        10 => Some(FloatDType::F16),
        11 => Some(FloatDType::F64),
        16 => Some(FloatDType::BF16),
        _ => None,
    };
    vec![match (value, float) {
        (Value::Float(x, _), Some(float)) => Value::Float(x.cast(float), dims),
        (Value::Int(x, _), Some(float)) => Value::Float(x.cast(float), dims),
        (value, None) => match (value, case.int("to", 0)) {
            (Value::Float(x, _), 7) => Value::Int(x.cast(IntDType::I64), dims),
            (Value::Float(x, _), 6) => Value::Int(x.cast(IntDType::I32), dims),
            (_, to) => panic!("a cast to {to}"),
        },
        (Value::Bool(..), _) => panic!("a bool"),
    }]
}

/// Two numbers to one, of either kind.
macro_rules! two {
    (|$a:ident, $b:ident| $body:expr) => {
        |_: &Case, mut values: Vec<Value>| {
            let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
            let dims = broadcast(a.dims(), b.dims());
            vec![match (a, b) {
                (Value::Float($a, _), Value::Float($b, _)) => Value::Float($body, dims),
                (Value::Int($a, _), Value::Int($b, _)) => Value::Int($body, dims),
                _ => panic!("mixed kinds"),
            }]
        }
    };
}

macro_rules! relation {
    (|$a:ident, $b:ident| $body:expr) => {
        |_: &Case, mut values: Vec<Value>| {
            let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
            let dims = broadcast(a.dims(), b.dims());
            vec![match (a, b) {
                (Value::Float($a, _), Value::Float($b, _)) => Value::Bool($body, dims),
                (Value::Int($a, _), Value::Int($b, _)) => Value::Bool($body, dims),
                _ => panic!("mixed kinds"),
            }]
        }
    };
}

macro_rules! ints {
    (|$a:ident, $b:ident| $body:expr) => {
        |_: &Case, mut values: Vec<Value>| {
            let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
            let dims = broadcast(a.dims(), b.dims());
            let ($a, $b) = (a.int(), b.int());
            vec![Value::Int($body, dims)]
        }
    };
}

macro_rules! bools {
    (|$a:ident, $b:ident| $body:expr) => {
        |_: &Case, mut values: Vec<Value>| {
            let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
            let dims = broadcast(a.dims(), b.dims());
            // Burn's logic does not broadcast.
            let extents = crate::case::padded(&dims);
            let ($a, $b) = (a.bool().expand(extents), b.bool().expand(extents));
            vec![Value::Bool($body, dims)]
        }
    };
}

fn binary(operator: &str) -> Option<Closure> {
    Some(match operator {
        "Add" => two!(|a, b| a + b),
        "Sub" => two!(|a, b| a - b),
        "Mul" => two!(|a, b| a * b),
        "Div" => two!(|a, b| a / b),
        "Max" => |_, values| vec![folded(values, |a, b| two_of(a, b, Pick::Max))],
        "Min" => |_, values| vec![folded(values, |a, b| two_of(a, b, Pick::Min))],
        "Sum" => |_, values| vec![folded(values, |a, b| two_of(a, b, Pick::Sum))],
        "Mean" => |_, values| {
            let count = values.len() as f64;
            let sum = folded(values, |a, b| two_of(a, b, Pick::Sum));
            let dims = sum.dims().to_vec();
            vec![Value::Float(sum.float() / count, dims)]
        },
        "Mod" => modulo,
        "Pow" => power,
        "PRelu" => |_, mut values| {
            let (slope, x) = (values.pop().unwrap(), values.pop().unwrap());
            let dims = x.dims().to_vec();
            let (x, slope) = (x.float(), slope.float());
            let negative = x.clone().lower_elem(0.0);
            vec![Value::Float(x.clone().mask_where(negative, x * slope), dims)]
        },
        "Equal" => equal,
        "Greater" => relation!(|a, b| a.greater(b)),
        "GreaterOrEqual" => relation!(|a, b| a.greater_equal(b)),
        "Less" => relation!(|a, b| a.lower(b)),
        "LessOrEqual" => relation!(|a, b| a.lower_equal(b)),
        "And" => bools!(|a, b| a.bool_and(b)),
        "Or" => bools!(|a, b| a.bool_or(b)),
        "Xor" => bools!(|a, b| a.bool_xor(b)),
        "BitwiseAnd" => ints!(|a, b| a.bitwise_and(b)),
        "BitwiseOr" => ints!(|a, b| a.bitwise_or(b)),
        "BitwiseXor" => ints!(|a, b| a.bitwise_xor(b)),
        "BitShift" => |case, mut values| {
            let (by, x) = (values.pop().unwrap(), values.pop().unwrap());
            let dims = broadcast(x.dims(), by.dims());
            vec![Value::Int(
                match case.text("direction", "").as_str() {
                    "LEFT" => x.int().bitwise_left_shift(by.int()),
                    _ => x.int().bitwise_right_shift(by.int()),
                },
                dims,
            )]
        },
        "Where" => select,
        _ => return None,
    })
}

fn folded(values: Vec<Value>, join: fn(Value, Value) -> Value) -> Value {
    values.into_iter().reduce(join).unwrap()
}

#[derive(Clone, Copy)]
enum Pick {
    Max,
    Min,
    Sum,
}

fn two_of(a: Value, b: Value, pick: Pick) -> Value {
    let dims = broadcast(a.dims(), b.dims());
    let extents = crate::case::padded(&dims);
    macro_rules! picked {
        ($a:ident, $b:ident) => {
            match pick {
                Pick::Max => $a.expand(extents).max_pair($b.expand(extents)),
                Pick::Min => $a.expand(extents).min_pair($b.expand(extents)),
                Pick::Sum => $a + $b,
            }
        };
    }
    match (a, b) {
        (Value::Float(a, _), Value::Float(b, _)) => Value::Float(picked!(a, b), dims),
        (Value::Int(a, _), Value::Int(b, _)) => Value::Int(picked!(a, b), dims),
        _ => panic!("mixed kinds"),
    }
}

/// Burn's remainder has the divisor's sign; that of C has the dividend's.
fn modulo(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
    let dims = broadcast(a.dims(), b.dims());
    vec![match (a, b, case.int("fmod", 0)) {
        (Value::Float(a, _), Value::Float(b, _), 1) => {
            let size = a.clone().abs().remainder(b.abs());
            let negative = a.lower_elem(0.0);
            Value::Float(size.clone().mask_where(negative, size.neg()), dims)
        }
        (Value::Float(a, _), Value::Float(b, _), _) => Value::Float(a.remainder(b), dims),
        (Value::Int(a, _), Value::Int(b, _), 1) => {
            let size = a.clone().abs().remainder(b.abs());
            let negative = a.lower_elem(0);
            Value::Int(size.clone().mask_where(negative, size.neg()), dims)
        }
        (Value::Int(a, _), Value::Int(b, _), _) => Value::Int(a.remainder(b), dims),
        _ => panic!("mixed kinds"),
    }]
}

fn power(_: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
    let dims = broadcast(a.dims(), b.dims());
    vec![match (a, b) {
        (Value::Float(a, _), Value::Float(b, _)) => Value::Float(a.powf(b), dims),
        (Value::Float(a, _), Value::Int(b, _)) => {
            let float: FloatDType = a.dtype().into();
            Value::Float(a.powf(b.cast(float)), dims)
        }
        (Value::Int(a, _), Value::Int(b, _)) => {
            let int: IntDType = a.dtype().into();
            Value::Int(a.powi(b.cast(int)), dims)
        }
        (Value::Int(a, _), Value::Float(b, _)) => {
            let int: IntDType = a.dtype().into();
            let float: FloatDType = b.dtype().into();
            let power: Tensor<RANK> = a.cast(float).powf(b);
            Value::Int(power.cast(int), dims)
        }
        _ => panic!("a bool"),
    }]
}

fn equal(_: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
    let dims = broadcast(a.dims(), b.dims());
    let extents = crate::case::padded(&dims);
    vec![match (a, b) {
        (Value::Float(a, _), Value::Float(b, _)) => Value::Bool(a.equal(b), dims),
        (Value::Int(a, _), Value::Int(b, _)) => Value::Bool(a.equal(b), dims),
        (Value::Bool(a, _), Value::Bool(b, _)) => {
            Value::Bool(a.expand(extents).equal(b.expand(extents)), dims)
        }
        _ => panic!("mixed kinds"),
    }]
}

fn select(_: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
    let condition = values.pop().unwrap();
    let dims = broadcast(condition.dims(), &broadcast(a.dims(), b.dims()));
    let extents = crate::case::padded(&dims);
    let mask = condition.bool().expand(extents);
    vec![match (a, b) {
        (Value::Float(a, _), Value::Float(b, _)) => {
            Value::Float(b.expand(extents).mask_where(mask, a.expand(extents)), dims)
        }
        (Value::Int(a, _), Value::Int(b, _)) => {
            Value::Int(b.expand(extents).mask_where(mask, a.expand(extents)), dims)
        }
        _ => panic!("mixed kinds"),
    }]
}
