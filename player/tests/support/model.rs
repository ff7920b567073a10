//! A small perceptron of several layers.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gainsay_canon::{DType, Isa, Kernels, Operator, Tensor, TensorType, Unary};
use gainsay_model::{Artifact, ProgramBuilder};

/// Kernels that every machine has.
pub fn kernels() -> Kernels {
    Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap()
}

fn value(number: u64) -> f32 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
    let mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
    mixed as f32 / (1u64 << 23) as f32 - 1.0
}

fn tensor(shape: &[u64], seed: u64) -> Tensor {
    let count: u64 = shape.iter().product();
    let values = (0..count).map(|at| value(seed.wrapping_mul(1000) + at)).collect();
    Tensor::f32(shape.to_vec(), values).unwrap()
}

/// A perceptron with `depth` hidden layers.
pub fn tiny_model(depth: u64) -> Arc<Artifact> {
    let mut builder = ProgramBuilder::new("forward");
    let mut x = builder.input("x", TensorType::new(DType::F32, [1, 6]));
    let mut weights = Vec::new();
    for layer in 0..depth {
        let tensor = tensor(&[6, 6], layer + 1);
        let weight = builder.weight(layer as u32, tensor.tensor_type().clone());
        weights.push((format!("hidden.{layer}.weight"), tensor));
        x = builder.push(Operator::Linear, &[x, weight]).unwrap();
        x = builder.push(Operator::Unary { function: Unary::Tanh }, &[x]).unwrap();
    }
    x = builder.push(Operator::Softmax { axis: 1 }, &[x]).unwrap();
    builder.output("y", x);
    Arc::new(Artifact::new("tiny", weights, vec![builder.finish()]).unwrap())
}

/// Inputs of the tiny model.
pub fn inputs(number: u64) -> Vec<Tensor> {
    vec![tensor(&[1, 6], 500 + number)]
}
