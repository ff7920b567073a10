//! Random well-typed programs: a list of choices, read as operators on the values made so far.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gainsay_canon::{
    Binary, DType, Isa, Kernels, Keys, Operator, Reduction, Relation, Rounding, Scalar, SliceRange,
    Tensor, TensorType, Unary, Window2d,
};
use gainsay_model::{Artifact, Program, ProgramBuilder, Runner, Value};
use proptest::prelude::*;

/// Choices from which a program, its weights and its inputs follow.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub inputs: Vec<u8>,
    pub steps: Vec<(u8, u16, u16, u8)>,
    pub outputs: Vec<u16>,
    pub seed: u64,
}

pub fn recipes() -> impl Strategy<Value = Recipe> {
    let step = (any::<u8>(), any::<u16>(), any::<u16>(), any::<u8>());
    let inputs = proptest::collection::vec(any::<u8>(), 1..4);
    let steps = proptest::collection::vec(step, 1..24);
    let outputs = proptest::collection::vec(any::<u16>(), 0..4);
    (inputs, steps, outputs, any::<u64>()).prop_map(|(inputs, steps, outputs, seed)| Recipe {
        inputs,
        steps,
        outputs,
        seed,
    })
}

/// A program made from a recipe, as an artifact with inputs to run it on.
pub struct Made {
    pub artifact: Arc<Artifact>,
    pub inputs: Vec<Tensor>,
}

impl Made {
    pub fn runner(&self, kernels: Kernels) -> Runner {
        Runner::new(Arc::clone(&self.artifact), 0, kernels).unwrap()
    }
}

pub fn reference() -> Kernels {
    Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap()
}

/// Every kernel set of this machine, with 1, 2 and 4 threads.
pub fn all_kernels() -> Vec<Kernels> {
    let threads = [1, 2, 4].map(|count| NonZeroUsize::new(count).unwrap());
    let sets = Isa::supported().into_iter();
    sets.flat_map(|isa| threads.map(|count| Kernels::new(isa, count).unwrap())).collect()
}

/// A small generator of numbers: splitmix64.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Mostly small numbers, now and then a special one.
    fn float(&mut self) -> f32 {
        let bits = self.next();
        match bits % 97 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => -0.0,
            3 => f32::from_bits(0x7fc0_1234),
            4 => 1.0e-40,
            _ => ((bits >> 40) as f32) / ((1u64 << 23) as f32) - 1.0,
        }
    }

    pub fn tensor(&mut self, tensor: &TensorType) -> Tensor {
        let count = tensor.elements().unwrap();
        let shape = tensor.shape.clone();
        match tensor.dtype {
            DType::F32 => Tensor::f32(shape, (0..count).map(|_| self.float()).collect()).unwrap(),
            DType::I64 => {
                Tensor::i64(shape, (0..count).map(|_| (self.next() % 19) as i64 - 9).collect())
                    .unwrap()
            }
            DType::Bool => {
                Tensor::bool(shape, (0..count).map(|_| self.next().is_multiple_of(2)).collect())
                    .unwrap()
            }
            other => panic!("no {other} here"),
        }
    }
}

struct Writer {
    builder: ProgramBuilder,
    weights: Vec<(String, Tensor)>,
    values: Vec<Value>,
    numbers: Numbers,
}

impl Writer {
    fn weight(&mut self, shape: &[u64]) -> Value {
        let tensor = self.numbers.tensor(&TensorType::new(DType::F32, shape));
        let index = self.weights.len();
        self.weights.push((format!("block.{}.part.w{index}", index / 3), tensor.clone()));
        self.builder.weight(index as u32, tensor.tensor_type().clone())
    }

    fn try_push(&mut self, operator: Operator, operands: &[Value]) -> bool {
        let pushed = self.builder.push(operator, operands);
        pushed.map(|value| self.values.push(value)).is_ok()
    }

    fn shape(&self, value: Value) -> Vec<u64> {
        self.builder.type_of(value).unwrap().shape.clone()
    }

    fn size(&self, value: Value) -> u64 {
        self.shape(value).iter().product()
    }

    fn step(&mut self, (kind, a, b, attribute): (u8, u16, u16, u8)) {
        // Recent values are likelier, so that programs are deep and not only wide.
        let pick = |values: &[Value], at: u16| {
            let back = usize::from(at >> 8) % (usize::from(at % 8) + 1);
            values[values.len() - 1 - back.min(values.len() - 1)]
        };
        let (a, b) = (pick(&self.values, a), pick(&self.values, b));
        if !self.apply(kind, a, b, attribute) {
            let unary = [Unary::Relu, Unary::Neg, Unary::Abs][usize::from(attribute) % 3];
            let scalar = Operator::BinaryScalar { function: Binary::Add, scalar: Scalar::i64(3) };
            let not = Operator::Unary { function: Unary::Not };
            let _ = self.try_push(Operator::Unary { function: unary }, &[a])
                || self.try_push(scalar, &[a])
                || self.try_push(not, &[a]);
        }
    }

    fn apply(&mut self, kind: u8, a: Value, b: Value, attribute: u8) -> bool {
        let (shape, extent) = (self.shape(a), u64::from(attribute % 5) + 1);
        let rank = shape.len();
        let axis = if rank == 0 { 0 } else { attribute % rank as u8 };
        let functions = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Div];
        match kind % 30 {
            0..=2 => {
                let function = functions[usize::from(attribute) % 5];
                self.size(b) <= 512 && self.try_push(Operator::Binary { function }, &[a, b])
            }
            3 | 4 => {
                let Some(&inner) = shape.last() else { return false };
                let (w, bias) = (self.weight(&[inner, extent]), self.weight(&[extent]));
                self.try_push(Operator::Linear, &[a, w, bias])
            }
            5 => {
                let Some(&inner) = shape.last() else { return false };
                let w = self.weight(&[inner, extent]);
                rank >= 2 && self.try_push(Operator::MatMul, &[a, w])
            }
            6 => self.try_push(Operator::Reshape { shape: vec![shape.iter().product()] }, &[a]),
            7 => self.try_push(Operator::Permute { axes: (0..rank as u8).rev().collect() }, &[a]),
            8 => {
                let small = self.size(a) + self.size(b) <= 512;
                let concat = || Operator::Concat { axis };
                small && (self.try_push(concat(), &[a, b]) || self.try_push(concat(), &[a, a]))
            }
            9 => {
                let whole = shape.iter().map(|&end| SliceRange { start: 0, end, step: 1 });
                let mut ranges: Vec<SliceRange> = whole.collect();
                if let Some(range) = ranges.get_mut(usize::from(axis)).filter(|range| range.end > 1)
                {
                    range.start = 1;
                    range.step = if attribute > 127 { -1 } else { 1 };
                }
                self.try_push(Operator::Slice { ranges }, &[a])
            }
            10 => {
                let all = [Reduction::Sum, Reduction::Mean, Reduction::Max];
                let function = all[usize::from(attribute) % 3];
                self.try_push(Operator::Reduce { function, axes: vec![axis] }, &[a])
            }
            11 => self.try_push(Operator::Softmax { axis }, &[a]),
            12 => {
                let functions = [Unary::Exp, Unary::Tanh, Unary::Gelu, Unary::Sigmoid];
                let function = functions[usize::from(attribute) % 4];
                self.try_push(Operator::Unary { function }, &[a])
            }
            13 => self.convolve(a, extent),
            14 => self.try_push(
                Operator::Cast { to: [DType::I64, DType::F32][usize::from(attribute % 2)] },
                &[a],
            ),
            15 => {
                let relation = Relation::Less;
                self.size(b) <= 512
                    && self.try_push(Operator::Compare { relation }, &[a, b])
                    && self
                        .values
                        .last()
                        .copied()
                        .is_some_and(|c| self.try_push(Operator::Where, &[c, a, b]))
            }
            16 => self.try_push(Operator::Full { shape, value: Scalar::f32(0.5) }, &[]),
            17 => {
                let window = Window2d {
                    kernel: [2, 2],
                    stride: [1, 1],
                    padding: [1, 0],
                    dilation: [1, 1],
                    rounding: Rounding::Floor,
                };
                self.try_push(Operator::MaxPool2d { window }, &[a])
            }
            18 | 19 => {
                let scalar = Scalar::f32(0.25);
                self.try_push(Operator::BinaryScalar { function: Binary::Mul, scalar }, &[a])
            }
            _ => self.apply_block(kind % 30, a, b, attribute),
        }
    }

    /// The shapes that networks are made of: what a planner looks for.
    fn apply_block(&mut self, kind: u8, a: Value, b: Value, attribute: u8) -> bool {
        let shape = self.shape(a);
        let (rank, size) = (shape.len() as u8, self.size(a));
        match kind {
            20 => {
                let axes = (0..rank).map(|axis| (axis + 1 + attribute % 3) % rank.max(1));
                self.try_push(Operator::Permute { axes: axes.collect() }, &[a])
            }
            21 => {
                let shape = vec![2, size / 2];
                size.is_multiple_of(2) && self.try_push(Operator::Reshape { shape }, &[a])
            }
            22 => {
                let shape: Vec<u64> = [2].into_iter().chain(shape).collect();
                size <= 256 && self.try_push(Operator::Expand { shape }, &[a])
            }
            23 => {
                let split = self.heads(a);
                match self.values.last().copied() {
                    Some(x) if split && attribute > 99 => self.attend(x, attribute),
                    _ => split,
                }
            }
            24 => self.attend(a, attribute),
            25 => {
                let Some(&width) = shape.last() else { return false };
                let (gamma, beta) = (self.weight(&[width]), self.weight(&[width]));
                let normalise = || Operator::LayerNorm { epsilon: Scalar::f32(1e-5) };
                match attribute % 2 {
                    0 => self.try_push(normalise(), &[a, gamma, beta]),
                    _ => self.try_push(normalise(), &[a, gamma]),
                }
            }
            26 | 27 => self.residual(a, attribute),
            28 => {
                let squared = Operator::Binary { function: Binary::Mul };
                self.try_push(squared, &[a, a])
            }
            _ => {
                // A weight seen through movement operators.
                let (w, added) = (self.weight(&[3, 4]), Operator::Binary { function: Binary::Add });
                let permuted = self.try_push(Operator::Permute { axes: vec![1, 0] }, &[w]);
                let Some(&moved) = self.values.last() else { return false };
                permuted
                    && (self.try_push(Operator::MatMul, &[a, moved])
                        || self.try_push(added, &[moved, b])
                        || self.try_push(Operator::Softmax { axis: 0 }, &[moved]))
            }
        }
    }

    /// Splits the last axis into two heads and brings them to the front.
    fn heads(&mut self, x: Value) -> bool {
        let shape = self.shape(x);
        let [before @ .., last] = &shape[..] else { return false };
        if before.is_empty() || !last.is_multiple_of(2) {
            return false;
        }
        let split = before.iter().copied().chain([2, last / 2]).collect();
        let rank = shape.len() as u8 + 1;
        let axes = (0..rank - 3).chain([rank - 2, rank - 3, rank - 1]).collect();
        self.try_push(Operator::Reshape { shape: split }, &[x])
            && self.then(Operator::Permute { axes })
    }

    fn then(&mut self, operator: Operator) -> bool {
        self.values.last().copied().is_some_and(|value| self.try_push(operator, &[value]))
    }

    fn attend(&mut self, q: Value, attribute: u8) -> bool {
        let shape = self.shape(q);
        let operator = Operator::Attention {
            scale: Scalar::f32(0.5),
            softcap: None,
            keys: if attribute.is_multiple_of(2) { Keys::All } else { Keys::Causal },
            masked: false,
            biased: false,
        };
        let attended = shape.len() >= 2 && self.try_push(operator, &[q, q, q]);
        let rank = shape.len() as u8;
        if attended && rank >= 3 && attribute > 99 {
            // As after the heads of a transformer: back to one row per token, and a product.
            let axes = (0..rank - 3).chain([rank - 2, rank - 3, rank - 1]).collect();
            let width = shape[shape.len() - 3] * shape[shape.len() - 1];
            let mut joined: Vec<u64> = shape[..shape.len() - 3].to_vec();
            joined.extend([shape[shape.len() - 2], width]);
            let w = self.weight(&[width, 3]);
            return self.then(Operator::Permute { axes })
                && self.then(Operator::Reshape { shape: joined })
                && self
                    .values
                    .last()
                    .copied()
                    .is_some_and(|joined| self.try_push(Operator::Linear, &[joined, w]));
        }
        attended
    }

    /// A product of the same width, a function of it, and what went in added again.
    fn residual(&mut self, x: Value, attribute: u8) -> bool {
        let shape = self.shape(x);
        let Some(&width) = shape.last() else { return false };
        let (w, bias) = (self.weight(&[width, width]), self.weight(&[width]));
        if !self.try_push(Operator::Linear, &[x, w, bias]) {
            return false;
        }
        if attribute.is_multiple_of(3) {
            let (function, flat) = (Unary::Tanh, vec![shape.iter().product()]);
            let _ = self.then(Operator::Reshape { shape: flat })
                && self.then(Operator::Unary { function })
                && self.then(Operator::Reshape { shape });
        }
        let Some(&y) = self.values.last() else { return false };
        let operands = if attribute > 127 { [x, y] } else { [y, x] };
        self.try_push(Operator::Binary { function: Binary::Add }, &operands)
    }

    fn convolve(&mut self, x: Value, channels: u64) -> bool {
        let shape = self.shape(x);
        let [_, inputs, _, _] = shape[..] else { return false };
        let (w, bias) = (self.weight(&[channels, inputs, 3, 3]), self.weight(&[channels]));
        let (stride, padding, dilation) = ([1, 1], [1, 1], [1, 1]);
        self.try_push(Operator::Conv2d { stride, padding, dilation, groups: 1 }, &[x, w, bias])
    }
}

/// A program, the weights it shares with nobody, and inputs.
pub type Written = (Program, Vec<(String, Tensor)>, Vec<Tensor>);

/// Writes the program; `None` if its outputs are all inputs, which is no program.
pub fn write(recipe: &Recipe) -> Option<Written> {
    let shapes: [&[u64]; 5] = [&[2, 3], &[4], &[1, 2, 4, 3], &[3, 2], &[]];
    let mut writer = Writer {
        builder: ProgramBuilder::new("main"),
        weights: Vec::new(),
        values: Vec::new(),
        numbers: Numbers(recipe.seed),
    };
    let mut inputs = Vec::new();
    for (position, choice) in recipe.inputs.iter().enumerate() {
        let dtype = if choice % 11 == 10 { DType::I64 } else { DType::F32 };
        let tensor = TensorType::new(dtype, shapes[usize::from(*choice) % shapes.len()]);
        inputs.push(writer.numbers.tensor(&tensor));
        let value = writer.builder.input(format!("x{position}"), tensor);
        writer.values.push(value);
    }
    recipe.steps.iter().for_each(|step| writer.step(*step));
    // The last value, then any, then perhaps the same again, an input or a weight.
    let last = *writer.values.last().unwrap();
    let more =
        recipe.outputs.iter().map(|&at| writer.values[usize::from(at) % writer.values.len()]);
    let mut outputs: Vec<Value> = [last].into_iter().chain(more).collect();
    if recipe.seed.is_multiple_of(3) {
        let weight = writer.weight(&[2]);
        outputs.push(weight);
        outputs.push(outputs[0]);
    }
    for (position, value) in outputs.into_iter().enumerate() {
        writer.builder.output(format!("y{position}"), value);
    }
    let program = writer.builder.finish();
    (!program.instructions.is_empty()).then_some((program, writer.weights, inputs))
}

pub fn make(recipe: &Recipe) -> Option<Made> {
    let (program, weights, inputs) = write(recipe)?;
    let artifact = Artifact::new("random", weights, vec![program]).unwrap();
    Some(Made { artifact: Arc::new(artifact), inputs })
}
