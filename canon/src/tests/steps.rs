//! Steps against their meaning: the same operators one by one, computed by the reference.

use std::sync::Arc;

use proptest::prelude::*;

use super::all_kernels;
use super::generate::{Rng, scalar, tensor};
use super::views::{laid_out, seen_as, unlaid};
use crate::{
    Binary, DType, Keys, Link, LinkOperand, Operand, Operator, Reduction, Scalar, Source, StepJob,
    StepSpec, Tensor, TensorType, Unary,
};

/// A step with values for several jobs.
struct Case {
    spec: StepSpec,
    values: Vec<TensorType>,
    constants: Vec<Arc<Tensor>>,
    /// What the output is before, where it is read.
    output: Option<TensorType>,
}

impl Case {
    fn new(operator: Operator) -> Case {
        let spec = StepSpec { operator, operands: vec![], chain: vec![], layout: vec![] };
        Case { spec, values: vec![], constants: vec![], output: None }
    }

    /// A new operand that is seen as `shape`, through random movement operators.
    fn operand(&mut self, rng: &mut Rng, dtype: DType, shape: &[u64], constant: bool) -> Operand {
        let (stored, view) = seen_as(rng, shape);
        let source = if constant {
            self.constants.push(Arc::new(tensor(rng, dtype, &stored)));
            Source::Constant(self.constants.len() - 1)
        } else {
            self.values.push(TensorType::new(dtype, stored));
            Source::Value(self.values.len() - 1)
        };
        Operand { source, view }
    }

    fn given(&mut self, rng: &mut Rng, dtype: DType, shape: &[u64], constant: bool) {
        let operand = self.operand(rng, dtype, shape, constant);
        self.spec.operands.push(operand);
    }

    /// Random links and a random layout behind a result of this shape.
    fn finish(mut self, rng: &mut Rng, shape: &[u64]) -> Case {
        for _ in 0..rng.below(4) {
            let link = self.link(rng, shape);
            self.spec.chain.push(link);
        }
        let mut end = shape.to_vec();
        if rng.chance(2) {
            let (layout, shape) = laid_out(rng, shape);
            (self.spec.layout, end) = (layout, shape);
        }
        // The output, read where it is written or elsewhere.
        if rng.chance(2) {
            let view =
                if self.spec.layout.is_empty() { vec![] } else { unlaid(&self.spec.layout, shape) };
            self.output = Some(TensorType::new(DType::F32, end));
            let other = LinkOperand::Other(Operand { source: Source::Output, view });
            let operands = vec![LinkOperand::Chain, other];
            let operator = Operator::Binary { function: Binary::Add };
            self.spec.chain.push(Link { operator, operands });
        }
        self
    }

    fn link(&mut self, rng: &mut Rng, shape: &[u64]) -> Link {
        use Binary::{Add, Atan2, Div, Hypot, Max, Min, Mul, Pow, Rem, Sub};
        use Unary::{Abs, Erf, Exp, Gelu, Log, Neg, Recip, Relu, Sigmoid, Silu, Sin, Sqrt, Tanh};
        let chain = vec![LinkOperand::Chain];
        match rng.below(5) {
            0 => {
                let function = rng.pick(&[
                    Abs, Erf, Exp, Gelu, Gelu, Log, Neg, Recip, Relu, Sigmoid, Silu, Sin, Sqrt,
                    Tanh,
                ]);
                Link { operator: Operator::Unary { function }, operands: chain }
            }
            1 => {
                let (function, scalar) = (
                    rng.pick(&[Add, Sub, Mul, Div, Max, Min, Rem, Pow, Atan2, Hypot]),
                    scalar(rng, DType::F32),
                );
                Link { operator: Operator::BinaryScalar { function, scalar }, operands: chain }
            }
            2 => {
                let (min, max) = (Some(scalar(rng, DType::F32)), None);
                Link { operator: Operator::Clamp { min, max }, operands: chain }
            }
            _ => {
                let operator = Operator::Binary {
                    function: rng.pick(&[Add, Sub, Mul, Div, Max, Min, Rem, Pow, Atan2, Hypot]),
                };
                if rng.chance(8) {
                    return Link {
                        operator,
                        operands: vec![LinkOperand::Chain, LinkOperand::Chain],
                    };
                }
                let skipped =
                    if rng.chance(3) { rng.below(shape.len() as u64 + 1) as usize } else { 0 };
                let other: Vec<u64> =
                    shape[skipped..].iter().map(|&e| if rng.chance(3) { 1 } else { e }).collect();
                let constant = rng.chance(2);
                let other = LinkOperand::Other(self.operand(rng, DType::F32, &other, constant));
                let mut operands = vec![LinkOperand::Chain, other];
                if rng.chance(3) {
                    operands.reverse();
                }
                Link { operator, operands }
            }
        }
    }
}

/// Whether some kernel set computed the step in a fused form, after checking all of them.
fn check(rng: &mut Rng, case: &Case) -> Result<bool, TestCaseError> {
    let failed = |error: crate::OperatorError| TestCaseError::fail(error.to_string());
    let jobs = rng.between(1, 3) as usize;
    let values: Vec<Vec<Tensor>> = (0..jobs)
        .map(|_| case.values.iter().map(|x| tensor(rng, x.dtype, &x.shape)).collect())
        .collect();
    let result =
        case.spec.infer(&case.values, &case.constants, case.output.as_ref()).map_err(failed)?;
    let before: Vec<Tensor> = (0..jobs).map(|_| tensor(rng, result.dtype, &result.shape)).collect();
    let mut expected: Option<Vec<Tensor>> = None;
    let mut fused = false;
    for kernels in all_kernels() {
        let step = kernels
            .prepare(case.spec.clone(), &case.values, case.constants.clone(), case.output.as_ref())
            .map_err(failed)?;
        let mut outputs = before.clone();
        let mut prepared: Vec<StepJob<'_>> = values
            .iter()
            .zip(&mut outputs)
            .map(|(values, output)| StepJob { operands: values.iter().collect(), output })
            .collect();
        step.run(&mut prepared).map_err(failed)?;
        fused |= step.is_fused();
        match &expected {
            None => expected = Some(outputs),
            Some(expected) => prop_assert_eq!(
                &outputs,
                expected,
                "{} with {} threads, fused {}: {:?}",
                kernels.isa(),
                kernels.threads(),
                step.is_fused(),
                case.spec
            ),
        }
    }
    Ok(fused)
}

fn every_step_of(name: &str, cases: u32, generate: impl Fn(&mut Rng) -> Case) {
    let mut config = ProptestConfig::with_cases(cases);
    config.failure_persistence = None;
    let fused = std::cell::Cell::new(0);
    proptest!(config, |(seed in any::<u64>())| {
        let rng = &mut Rng(seed);
        let case = generate(rng);
        if check(rng, &case)? {
            fused.set(fused.get() + 1);
        }
    });
    assert!(fused.get() * 4 > cases, "{name}: only {} of {cases} cases were fused", fused.get());
}

fn leading(rng: &mut Rng) -> Vec<u64> {
    rng.pick(&[&[][..], &[3], &[2, 4], &[1], &[2, 1, 3]]).to_vec()
}

fn linear(rng: &mut Rng) -> Case {
    let m = rng.pick(&[1, 2, 5, 6, 7, 13, 25, 40]);
    let k = rng.pick(&[1, 3, 8, 9, 17, 30]);
    let n = rng.pick(&[1, 7, 12, 16, 17, 32, 64, 65, 127, 130]);
    let (m, k) = if m * n * k > 20_000 { (m.min(7), k.min(9)) } else { (m, k) };
    let matmul = rng.chance(3);
    let mut case = Case::new(if matmul { Operator::MatMul } else { Operator::Linear });
    let mut shape = leading(rng);
    shape.truncate(if m > 7 { 1 } else { 3 });
    shape.push(m);
    case.given(rng, DType::F32, &[&shape[..], &[k]].concat(), false);
    case.given(rng, DType::F32, &[k, n], true);
    if !matmul && rng.chance(2) {
        let constant = rng.chance(2);
        case.given(rng, DType::F32, &[n], constant);
    }
    shape.push(n);
    case.finish(rng, &shape)
}

#[test]
fn linear_steps_are_their_operators_one_by_one() {
    every_step_of("linear", 400, linear);
}

fn attention(rng: &mut Rng) -> Case {
    let leading = leading(rng);
    let [s, t] = [0, 1].map(|_| rng.pick(&[1, 2, 5, 6, 7, 13, 33, 70]));
    let (s, t) = if s * t > 300 { (s, t.min(13)) } else { (s, t) };
    let [d, e] = [0, 1].map(|_| rng.pick(&[1, 3, 8, 16, 17, 33]));
    let e = if rng.chance(10) { 70 } else { e };
    let keys = rng.pick(&[Keys::All, Keys::All, Keys::Causal]);
    let [masked, biased, capped] = [0, 1, 2].map(|_| rng.chance(3));
    let scale = Scalar::f32(rng.pick(&[1.0, 0.176_776_69, -0.5]));
    let softcap = capped.then(|| Scalar::f32(rng.pick(&[1.5, 50.0])));
    let mut case = Case::new(Operator::Attention { scale, softcap, keys, masked, biased });
    for matrix in [[s, d], [t, d], [t, e]] {
        case.given(rng, DType::F32, &[&leading[..], &matrix].concat(), false);
    }
    let scores = [&leading[..], &[s, t]].concat();
    for (wanted, dtype) in [(masked, DType::Bool), (biased, DType::F32)] {
        if wanted {
            let shape: Vec<u64> =
                scores.iter().map(|&extent| if rng.chance(3) { 1 } else { extent }).collect();
            let constant = rng.chance(2);
            case.given(rng, dtype, &shape, constant);
        }
    }
    case.finish(rng, &[&leading[..], &[s, e]].concat())
}

#[test]
fn attention_steps_are_their_operators_one_by_one() {
    every_step_of("attention", 500, attention);
}

fn rows(rng: &mut Rng) -> Case {
    let mut shape = leading(rng);
    shape.push(rng.pick(&[1, 2, 5, 15, 16, 17, 33, 50]));
    let axis = shape.len() as u8 - 1;
    let operator = match rng.below(4) {
        0 => Operator::Softmax { axis },
        1 => Operator::LogSoftmax { axis },
        _ => Operator::LayerNorm { epsilon: Scalar::f32(1e-5) },
    };
    let norm = matches!(operator, Operator::LayerNorm { .. });
    let mut case = Case::new(operator);
    case.given(rng, DType::F32, &shape, false);
    for _ in 0..if norm { rng.between(1, 2) } else { 0 } {
        let constant = rng.chance(2);
        case.given(rng, DType::F32, &shape[usize::from(axis)..], constant);
    }
    case.finish(rng, &shape)
}

#[test]
fn steps_of_rows_are_their_operators_one_by_one() {
    every_step_of("rows", 500, rows);
}

fn any_shape(rng: &mut Rng) -> Vec<u64> {
    (0..rng.below(5))
        .map(|_| rng.pick(&[1, 2, 3, 4, 6, 8, 17, 33]))
        .scan(1, |total, extent| {
            *total *= extent;
            (*total < 2_000).then_some(extent)
        })
        .collect()
}

fn elementwise(rng: &mut Rng) -> Case {
    let shape = any_shape(rng);
    let mut case = Case::new(Operator::MatMul);
    let Link { operator, operands } = case.link(rng, &shape);
    case.spec.operator = operator;
    for operand in operands {
        match operand {
            LinkOperand::Chain => case.given(rng, DType::F32, &shape, false),
            LinkOperand::Other(other) => case.spec.operands.push(other),
        }
    }
    case.finish(rng, &shape)
}

#[test]
fn elementwise_steps_are_their_operators_one_by_one() {
    every_step_of("elementwise", 600, elementwise);
}

/// The output is the first operand: computed in place.
fn in_place(rng: &mut Rng) -> Case {
    let mut case = if rng.chance(2) { elementwise(rng) } else { rows(rng) };
    let result = case.spec.infer(&case.values, &case.constants, case.output.as_ref()).unwrap();
    if case.spec.layout.is_empty() {
        case.spec.operands[0] = Operand { source: Source::Output, view: vec![] };
        let end = case.spec.infer(&case.values, &case.constants, Some(&result));
        if end.as_ref() == Ok(&result) {
            case.output = Some(result);
            return case;
        }
    }
    in_place(rng)
}

#[test]
fn steps_in_place_are_their_operators_one_by_one() {
    every_step_of("in place", 400, in_place);
}

fn reduction(rng: &mut Rng) -> Case {
    use Reduction::{Max, Mean, Min, Product, Sum};
    let shape = any_shape(rng);
    let axes: Vec<u8> = (0..shape.len() as u8).filter(|_| rng.chance(2)).collect();
    let mut reduced = shape.clone();
    axes.iter().for_each(|&axis| reduced[usize::from(axis)] = 1);
    let function = rng.pick(&[Max, Mean, Min, Product, Sum]);
    let mut case = Case::new(Operator::Reduce { function, axes });
    case.given(rng, DType::F32, &shape, false);
    case.finish(rng, &reduced)
}

#[test]
fn steps_of_reductions_are_their_operators_one_by_one() {
    every_step_of("reduction", 400, reduction);
}

fn conv(rng: &mut Rng) -> Case {
    loop {
        let groups = rng.pick(&[1, 1, 1, 2, 3]);
        let (batch, channels, out) =
            (rng.between(1, 2), rng.between(1, 4), groups * rng.pick(&[1, 2, 3, 8, 12, 26, 70]));
        let input = [0, 1].map(|_| rng.pick(&[1, 3, 4, 5, 8, 9, 12, 16]));
        let kernel = if rng.chance(4) { [1, 1] } else { [0, 1].map(|_| rng.between(1, 4)) };
        let pair = |rng: &mut Rng, low, high| {
            if rng.chance(2) { [low; 2] } else { [0, 1].map(|_| rng.between(low, high)) }
        };
        let (stride, padding, dilation) = (pair(rng, 1, 3), pair(rng, 0, 3), pair(rng, 1, 3));
        let operator = Operator::Conv2d { stride, padding, dilation, groups };
        let shapes = [
            vec![batch, groups * channels, input[0], input[1]],
            vec![out, channels, kernel[0], kernel[1]],
        ];
        let types = shapes.clone().map(|shape| TensorType::new(DType::F32, shape));
        let Ok(result) = operator.infer(&types) else { continue };
        let shape = result[0].shape.clone();
        if shape.contains(&0) {
            continue;
        }
        let mut case = Case::new(operator);
        case.given(rng, DType::F32, &shapes[0], false);
        let (stored, source) = (shapes[1].clone(), Source::Constant(0));
        case.constants.push(Arc::new(tensor(rng, DType::F32, &stored)));
        case.spec.operands.push(Operand { source, view: vec![] });
        if rng.chance(2) {
            let constant = rng.chance(2);
            case.given(rng, DType::F32, &[out], constant);
        }
        return case.finish(rng, &shape);
    }
}

#[test]
fn conv_steps_are_their_operators_one_by_one() {
    every_step_of("conv", 500, conv);
}

fn matmul(rng: &mut Rng) -> Case {
    let m = rng.pick(&[1, 2, 5, 6, 7, 13, 25, 60]);
    let k = rng.pick(&[1, 3, 8, 9, 17, 30]);
    let n = rng.pick(&[1, 7, 12, 16, 17, 32, 64, 65, 130]);
    let (m, k) = if m * n * k > 10_000 { (m.min(7), k.min(9)) } else { (m, k) };
    let [a, b]: [&[u64]; 2] = rng.pick(&[
        [&[], &[]],
        [&[2, 3], &[2, 3]],
        [&[2, 1], &[3]],
        [&[3], &[]],
        [&[], &[3]],
        [&[4], &[1]],
    ]);
    let mut case = Case::new(Operator::MatMul);
    case.given(rng, DType::F32, &[a, &[m, k]].concat(), false);
    let constant = rng.chance(4);
    case.given(rng, DType::F32, &[b, &[k, n]].concat(), constant);
    let types = [[a, &[m, k]].concat(), [b, &[k, n]].concat()]
        .map(|shape| TensorType::new(DType::F32, shape));
    let result = Operator::MatMul.infer(&types).unwrap().remove(0);
    case.finish(rng, &result.shape)
}

#[test]
fn matmul_steps_are_their_operators_one_by_one() {
    every_step_of("matmul", 500, matmul);
}

fn movement(rng: &mut Rng) -> Case {
    let shape = any_shape(rng);
    let (stored, mut view) = loop {
        let (stored, view) = seen_as(rng, &shape);
        if !view.is_empty() {
            break (stored, view);
        }
    };
    let operator = view.pop().unwrap();
    let mut case = Case::new(operator);
    case.values.push(TensorType::new(DType::F32, stored));
    case.spec.operands.push(Operand { source: Source::Value(0), view });
    case.finish(rng, &shape)
}

#[test]
fn steps_of_movement_are_their_operators_one_by_one() {
    every_step_of("movement", 400, movement);
}
