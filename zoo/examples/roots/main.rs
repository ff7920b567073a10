//! Imports the zoo's small models on this machine, runs each with its trace, and prints one line per model: name, artifact
//! id, and a digest over the trace roots of its programs.
//!
//! `cargo run --release -p gainsay-zoo --example roots`; `GAINSAY_ISA` forces a kernel set, `GAINSAY_THREADS`
//! says how many threads there are (2). `tests/machines/run` holds the
//! lines of several machines against each other.

#[path = "../../../model/tests/operators/calls.rs"]
mod calls;

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;

use gainsay_canon::{DType, Isa, Kernels, Tensor};
use gainsay_commitment::content;
use gainsay_model::{Artifact, Runner};
use gainsay_zoo::digits;
use gainsay_zoo::import::{Architecture, Import, Preset, Shapes, Weights};

/// What a model may cost at most, in FLOP: emulators are slow.
const LIMIT: u64 = 50_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let isa = Isa::detect()?;
    let threads = match std::env::var("GAINSAY_THREADS") {
        Ok(number) => number.parse()?,
        Err(_) => NonZeroUsize::MIN.saturating_add(1),
    };
    let kernels = Kernels::new(isa, threads)?;
    eprintln!("{} with {isa} kernels on {threads} threads", std::env::consts::ARCH);
    report("operators", &kernels, calls::artifact()?)?;
    report("digits", &kernels, digits::artifact()?)?;
    for architecture in Architecture::ALL {
        report(architecture.name(), &kernels, tiny(architecture)?)?;
    }
    Ok(())
}

/// A model of a test's size with seeded weights.
fn tiny(architecture: Architecture) -> Result<Artifact, Box<dyn Error>> {
    use Architecture as A;
    let (seqs, sides) = match architecture {
        A::Bert => (vec![7, 16], vec![]),
        A::Llama => (vec![9], vec![]),
        A::Tagger => (vec![5], vec![]),
        A::Resnet18 | A::Resnet50 => (vec![], vec![40]),
        A::Unet => (vec![], vec![32]),
        A::Vit => (vec![], vec![]),
    };
    let import = Import {
        architecture,
        weights: Weights::Seeded { seed: 7, preset: Preset::Tiny },
        shapes: Shapes { batches: vec![1, 2], seqs, sides },
        outputs: Vec::new(),
        name: None,
    };
    Ok(import.run(&mut |_| ())?)
}

fn report(name: &str, kernels: &Kernels, artifact: Artifact) -> Result<(), Box<dyn Error>> {
    let artifact = Arc::new(artifact);
    let mut roots = Vec::new();
    let mut cost = 0;
    for index in 0..artifact.programs().len() as u32 {
        let runner = Runner::new(Arc::clone(&artifact), index, kernels.clone())?;
        cost += runner.program().total_cost();
        let inputs = runner
            .program()
            .program()
            .inputs
            .iter()
            .map(|input| value(&input.name, &input.tensor))
            .collect::<Result<Vec<_>, _>>()?;
        roots.extend_from_slice(&runner.trace(&inputs)?.root()?.0);
    }
    if cost > LIMIT {
        return Err(format!("{name} costs {cost} FLOP: too much for an emulator").into());
    }
    println!("{name} {} {}", artifact.id(), content(&roots));
    Ok(())
}

/// A seeded input: images from -3 to 3 for the special-value program, else plain ones; tokens, masks, segments.
fn value(name: &str, kind: &gainsay_canon::TensorType) -> Result<Tensor, Box<dyn Error>> {
    let count = kind.elements()? as u64;
    if kind.dtype == DType::F32 {
        // An odd seed has special values: NaN, infinities, subnormals, signed zeros.
        let seed = if kind.shape == calls::SHAPE { 1 } else { 2 };
        return Ok(Tensor::f32(kind.shape.as_slice(), calls::values(count, seed))?);
    }
    let values: Vec<i64> = match name {
        "attention_mask" => (0..count).map(|i| i64::from(i % 7 < 5)).collect(),
        "token_type_ids" => vec![0; count as usize],
        _ => (0..count).map(|i| (i * 37 % 31) as i64).collect(),
    };
    Ok(Tensor::i64(kind.shape.as_slice(), values)?)
}
