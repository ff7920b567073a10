//! Burn's Flex backend as the measure: the captured program must return what the closure returns there.

#![allow(dead_code, missing_docs)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use gainsay_canon::{DType, Isa, Kernels, Tensor as CanonTensor};
use gainsay_capture::{CaptureArtifact, Entry, Outputs, recorded};
use gainsay_model::{Artifact, Runner};

/// How far apart Burn and canonical arithmetic may be.
pub const TOLERANCE: f64 = 1e-5;

/// Returned tensors as numbers.
pub trait Numbers {
    fn numbers(self) -> Vec<Vec<f64>>;
}

impl<const D: usize> Numbers for Tensor<D> {
    fn numbers(self) -> Vec<Vec<f64>> {
        vec![self.into_data().iter::<f64>().collect()]
    }
}

impl<const D: usize> Numbers for Tensor<D, Int> {
    fn numbers(self) -> Vec<Vec<f64>> {
        vec![self.into_data().iter::<f64>().collect()]
    }
}

impl<const D: usize> Numbers for Tensor<D, Bool> {
    fn numbers(self) -> Vec<Vec<f64>> {
        vec![self.into_data().iter::<bool>().map(|bit| f64::from(u8::from(bit))).collect()]
    }
}

impl<N: Numbers> Numbers for Vec<N> {
    fn numbers(self) -> Vec<Vec<f64>> {
        self.into_iter().flat_map(Numbers::numbers).collect()
    }
}

impl<A: Numbers, B: Numbers> Numbers for (A, B) {
    fn numbers(self) -> Vec<Vec<f64>> {
        [self.0.numbers(), self.1.numbers()].concat()
    }
}

pub fn canonical(tensor: &CanonTensor) -> Vec<f64> {
    match tensor.tensor_type().dtype {
        DType::F32 => tensor.as_f32().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::F64 => tensor.as_f64().unwrap().to_vec(),
        DType::I64 => tensor.as_i64().unwrap().iter().map(|&x| x as f64).collect(),
        DType::I32 => tensor.as_i32().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::I16 => tensor.as_i16().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::I8 => tensor.as_i8().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::U64 => tensor.as_u64().unwrap().iter().map(|&x| x as f64).collect(),
        DType::U32 => tensor.as_u32().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::U16 => tensor.as_u16().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::U8 => tensor.as_u8().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::Bool => tensor.as_bool().unwrap().iter().map(|&x| f64::from(x)).collect(),
        DType::BF16 => tensor
            .as_half_bits()
            .unwrap()
            .iter()
            .map(|&bits| f64::from(f32::from_bits(u32::from(bits) << 16)))
            .collect(),
        DType::F16 => tensor.as_half_bits().unwrap().iter().map(|&bits| half(bits)).collect(),
    }
}

/// The number that the bits of an f16 are.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

/// Floats in [-2, 2) with exact zeros, negative zeros and ones among them.
pub fn floats(count: usize, seed: u64) -> Vec<f32> {
    let number = |at: usize| {
        let mixed = (at as u64 + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(seed.wrapping_mul(0xd1b5_4a32));
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        match mixed % 23 {
            0 => 0.0,
            1 => -0.0,
            2 => 1.0,
            _ => (mixed >> 40) as f32 / (1u32 << 22) as f32 - 2.0,
        }
    };
    (0..count).map(number).collect()
}

/// Positive floats.
pub fn positive(count: usize) -> Vec<f32> {
    floats(count, 5).into_iter().map(|x| x.abs() + 0.1).collect()
}

/// Integers from -4 to 4.
pub fn integers(count: usize, seed: u64) -> Vec<i64> {
    floats(count, seed).into_iter().map(|x| (x * 2.0) as i64).collect()
}

pub fn runner(artifact: Artifact) -> Runner {
    let kernels = Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap();
    Runner::new(Arc::new(artifact), 0, kernels).unwrap()
}

pub fn assert_close(what: &str, expected: &[Vec<f64>], found: &[CanonTensor]) {
    assert_eq!(expected.len(), found.len(), "{what}: number of outputs");
    for (output, (expected, found)) in expected.iter().zip(found).enumerate() {
        let found = canonical(found);
        assert_eq!(expected.len(), found.len(), "{what}: elements of output {output}");
        for (at, (expected, found)) in expected.iter().zip(&found).enumerate() {
            let same = expected == found
                || (expected.is_nan() && found.is_nan())
                || (expected - found).abs() <= TOLERANCE * expected.abs().max(1.0);
            assert!(same, "{what}: output {output}, element {at}: Burn {expected}, canon {found}");
        }
    }
}

/// Captures a closure over one float tensor and compares it with Flex on `values`.
pub fn agree_on<const D: usize, O: Outputs + Numbers>(
    what: &str,
    shape: [usize; D],
    values: Vec<f32>,
    forward: impl Fn(Tensor<D>) -> O,
) -> Runner {
    let closure = |_: &usize, x: Tensor<D>| forward(x);
    let artifact = Artifact::capture("test", &0usize, closure, shape)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    note(recorded(&0usize, closure, shape).unwrap());
    let runner = runner(artifact);
    let extents: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
    let found = runner.run(&[CanonTensor::f32(extents, values.clone()).unwrap()]).unwrap();
    let input = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
    assert_close(what, &forward(input).numbers(), &found);
    runner
}

/// The same on mixed values.
pub fn agree<const D: usize, O: Outputs + Numbers>(
    what: &str,
    shape: [usize; D],
    forward: impl Fn(Tensor<D>) -> O,
) -> Runner {
    agree_on(what, shape, floats(shape.iter().product(), 1), forward)
}

/// Captures a closure over one integer tensor and compares it with Flex.
pub fn agree_int<const D: usize, O: Outputs + Numbers>(
    what: &str,
    shape: [usize; D],
    forward: impl Fn(Tensor<D, Int>) -> O,
) {
    let closure = |_: &usize, x: Tensor<D, Int>| forward(x);
    let artifact = Artifact::capture("test", &0usize, closure, shape)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    note(recorded(&0usize, closure, shape).unwrap());
    let values = integers(shape.iter().product(), 3);
    let extents: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
    let found =
        runner(artifact).run(&[CanonTensor::i64(extents, values.clone()).unwrap()]).unwrap();
    let input = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
    assert_close(what, &forward(input).numbers(), &found);
}

thread_local! {
    static SEEN: RefCell<BTreeSet<Entry>> = const { RefCell::new(BTreeSet::new()) };
}

fn note(entries: Vec<Entry>) {
    SEEN.with_borrow_mut(|seen| seen.extend(entries));
}

/// What Burn recorded for the closures that this thread compared.
pub fn seen() -> BTreeSet<Entry> {
    SEEN.with_borrow(Clone::clone)
}

/// The names of the operators that a program runs.
pub fn operators(runner: &Runner) -> Vec<&'static str> {
    runner
        .program()
        .program()
        .instructions
        .iter()
        .map(|instruction| instruction.operator.name())
        .collect()
}
