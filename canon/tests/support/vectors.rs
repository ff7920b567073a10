//! How far the functions of `f64` are from correctly rounded results that `vectors.py` wrote.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use gainsay_canon::{Binary, Isa, Kernels, Operator, Tensor, Unary};

/// The operators, by their names in the file.
pub fn operator(name: &str) -> Option<Operator> {
    let unary = |function| Operator::Unary { function };
    let binary = |function| Operator::Binary { function };
    Some(match name {
        "exp" => unary(Unary::Exp),
        "log" => unary(Unary::Log),
        "tanh" => unary(Unary::Tanh),
        "sigmoid" => unary(Unary::Sigmoid),
        "erf" => unary(Unary::Erf),
        "log1p" => unary(Unary::Log1p),
        "expm1" => unary(Unary::Expm1),
        "sin" => unary(Unary::Sin),
        "cos" => unary(Unary::Cos),
        "tan" => unary(Unary::Tan),
        "sinh" => unary(Unary::Sinh),
        "cosh" => unary(Unary::Cosh),
        "asin" => unary(Unary::Asin),
        "acos" => unary(Unary::Acos),
        "atan" => unary(Unary::Atan),
        "asinh" => unary(Unary::Asinh),
        "acosh" => unary(Unary::Acosh),
        "atanh" => unary(Unary::Atanh),
        "rsqrt" => unary(Unary::Rsqrt),
        "pow" => binary(Binary::Pow),
        "atan2" => binary(Binary::Atan2),
        "hypot" => binary(Binary::Hypot),
        "rem" => binary(Binary::Rem),
        _ => return None,
    })
}

/// Floats as integers in the order of their values; both zeros are 0.
pub fn ordered(x: f64) -> i64 {
    let magnitude = (x.to_bits() & (u64::MAX >> 1)) as i64;
    if x.is_sign_negative() { -magnitude } else { magnitude }
}

/// What was found for one function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    /// Points tried.
    pub points: u64,
    /// Results that are not the correctly rounded one.
    pub off: u64,
    /// The largest distance to the correctly rounded result, in steps of `f64`.
    pub steps: u64,
    /// The bits of the first argument there.
    pub input: u64,
}

/// Runs every line of `text` on the best kernel set.
pub fn check(text: &str) -> BTreeMap<String, Worst> {
    let mut points: BTreeMap<&str, [Vec<f64>; 3]> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let columns = points.entry(words.next().unwrap()).or_default();
        let values: Vec<f64> =
            words.map(|word| f64::from_bits(u64::from_str_radix(word, 16).unwrap())).collect();
        let (&result, arguments) = values.split_last().unwrap();
        columns[2].push(result);
        arguments.iter().zip(columns).for_each(|(&x, column)| column.push(x));
    }
    let kernels = Kernels::new(*Isa::supported().last().unwrap(), NonZeroUsize::MIN).unwrap();
    let worst = |(name, [a, b, expected]): (&str, [Vec<f64>; 3])| {
        let tensor = |x: &Vec<f64>| Tensor::f64([x.len() as u64], x.clone()).unwrap();
        let operands = if b.is_empty() { vec![tensor(&a)] } else { vec![tensor(&a), tensor(&b)] };
        let operands: Vec<&Tensor> = operands.iter().collect();
        let result = kernels.run(&operator(name).unwrap(), &operands).unwrap().remove(0);
        let mut worst = Worst::default();
        for ((x, &y), &expected) in a.iter().zip(result.as_f64().unwrap()).zip(&expected) {
            let steps = if y.is_nan() { u64::MAX } else { ordered(y).abs_diff(ordered(expected)) };
            worst.points += 1;
            worst.off += u64::from(steps > 0);
            if steps > worst.steps {
                (worst.steps, worst.input) = (steps, x.to_bits());
            }
        }
        (name.to_owned(), worst)
    };
    points.into_iter().map(worst).collect()
}
