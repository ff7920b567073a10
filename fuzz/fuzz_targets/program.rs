//! Programs: what is valid has one encoding, and every kernel set, on any number of threads, gives one trace of it.
#![no_main]

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use gainsay_canon::{DType, Isa, Kernels, Tensor, TensorType};
use gainsay_fuzz::{bytes, calls};
use gainsay_model::{Artifact, Program, Runner, Steps, WeightType};
use libfuzzer_sys::fuzz_target;

/// More than this is not run: the longest run should take some milliseconds on the reference kernels.
const MOST_OPERATIONS: u64 = 1 << 20;
const MOST_BYTES: u64 = 1 << 20;

static MACHINES: LazyLock<Vec<Kernels>> = LazyLock::new(|| {
    let thread = |count| NonZeroUsize::new(count).unwrap();
    let kernels = [(Isa::Reference, 1), (Isa::Scalar, 1), (Isa::Avx2, 2), (Isa::Avx512, 1)];
    // Those that this machine has.
    kernels.into_iter().filter_map(|(isa, count)| Kernels::new(isa, thread(count)).ok()).collect()
});

fn tensor(tensor: &TensorType, seed: u64) -> Option<Tensor> {
    let length = tensor.byte_len().ok()?;
    let values = match tensor.dtype {
        DType::F32 => calls::values(tensor.elements().ok()? as u64, seed)
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect(),
        DType::Bool => bytes(length, seed).into_iter().map(|byte| byte & 1).collect(),
        // Small numbers: many of them are indices.
        _ => bytes(length, seed).into_iter().map(|byte| byte & 3).collect::<Vec<u8>>(),
    };
    Tensor::from_bytes(tensor, &values).ok()
}

// A program, and the types of the weights that it may read.
fuzz_target!(|bytes: &[u8]| {
    let Ok((program, weights)) = borsh::from_slice::<(Program, Vec<TensorType>)>(bytes) else {
        return;
    };
    assert_eq!(borsh::to_vec(&(&program, &weights)).unwrap(), bytes, "two encodings");
    let named = weights
        .iter()
        .enumerate()
        .map(|(at, tensor)| WeightType { name: format!("w{at}"), tensor: tensor.clone() });
    let Ok(typed) = program.clone().validate(&named.collect::<Vec<_>>()) else { return };
    for layer in 1..=typed.layer_count() {
        let steps = Steps::of(&typed, layer).expect("a layer has steps");
        assert!((1..=steps.count()).all(|step| steps.judged_by(step).is_some()));
    }
    let large =
        weights.iter().any(|tensor| tensor.byte_len().map_or(true, |len| len as u64 > MOST_BYTES));
    if large || typed.total_cost() > MOST_OPERATIONS || typed.peak_bytes() > MOST_BYTES {
        return;
    }
    let made = weights.iter().zip(1..).map(|(kind, seed)| tensor(kind, seed));
    let Some(made) = made.collect::<Option<Vec<Tensor>>>() else { return };
    let made = made.into_iter().enumerate().map(|(at, value)| (format!("w{at}"), value));
    let inputs =
        typed.program().inputs.iter().zip(7..).map(|(input, seed)| tensor(&input.tensor, seed));
    let Some(inputs) = inputs.collect::<Option<Vec<Tensor>>>() else { return };
    let artifact = Artifact::new("fuzzed", made.collect(), vec![program]).expect("it was valid");
    let artifact = Arc::new(artifact);
    let mut first = None;
    for kernels in MACHINES.iter() {
        let runner = Runner::new(artifact.clone(), 0, kernels.clone()).unwrap();
        // What one kernel set refuses, all do.
        let found = runner.trace(&inputs).ok().map(|trace| trace.root().unwrap());
        let due = *first.get_or_insert(found);
        assert_eq!(found, due, "{kernels:?} differs on {:?}", typed.program());
    }
});
