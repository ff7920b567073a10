//! One result on every kernel set, and the small tensors that tests are written with.

#![allow(dead_code, clippy::unwrap_used)]

use std::num::NonZeroUsize;

use gainsay_canon::{Isa, Kernels, Operator, Tensor};

/// The bits of the one quiet NaN.
pub const QUIET: u32 = 0x7fc0_0000;

/// The one result, which must be the same for every kernel set with one and two threads.
pub fn run(operator: &Operator, operands: &[&Tensor]) -> Tensor {
    let threads = [1, 2].map(|threads| NonZeroUsize::new(threads).unwrap());
    let sets = Isa::supported().into_iter().flat_map(|isa| threads.map(|threads| (isa, threads)));
    let results = sets.map(|(isa, threads)| {
        Kernels::new(isa, threads).unwrap().run(operator, operands).unwrap().remove(0)
    });
    let results: Vec<Tensor> = results.collect();
    assert!(results.iter().all(|result| result == &results[0]), "{operator}: {results:?}");
    results[0].clone()
}

pub fn f32s(shape: &[u64], values: &[f32]) -> Tensor {
    Tensor::f32(shape, values.to_vec()).unwrap()
}

pub fn i64s(shape: &[u64], values: &[i64]) -> Tensor {
    Tensor::i64(shape, values.to_vec()).unwrap()
}

pub fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.as_f32().unwrap().iter().map(|x| x.to_bits()).collect()
}

pub fn of(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}
