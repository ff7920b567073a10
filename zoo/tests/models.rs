//! Every model of the zoo, tiny and seeded: canonical arithmetic agrees with Burn's Flex backend up to rounding, and an
//! artifact survives its folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use gainsay_canon::{Kernels, Tensor as CanonTensor};
use gainsay_model::{Artifact, Limits, Runner};
use gainsay_zoo::bert::{Bert, BertConfig, BertOutput};
use gainsay_zoo::import::{Architecture, Import, ImportError, Preset, Shapes, Stage, Weights};
use gainsay_zoo::llama::{Llama, LlamaConfig};
use gainsay_zoo::resnet::{Depth, Resnet, ResnetConfig};
use gainsay_zoo::sizes::{Images, Sequence};
use gainsay_zoo::tagger::{Tagger, TaggerConfig};
use gainsay_zoo::unet::{Unet, UnetConfig};
use gainsay_zoo::vit::{Vit, VitConfig};

const SEED: u64 = 7;
/// The largest difference, relative to values above 1, that rounding in another order may make.
const TOLERANCE: f32 = 1e-5;
/// The most arithmetic of a tiny model.
const TINY_FLOP: u64 = 50_000_000;

fn quiet() -> impl FnMut(u64) {
    |_| ()
}

/// Numbers in [-1, 1).
fn floats(count: usize) -> Vec<f32> {
    let hash = |at: u64| (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_mul(at | 1) >> 40;
    (0..count as u64).map(|at| hash(at) as f32 / 8_388_608.0 - 1.0).collect()
}

fn tokens(count: usize, vocabulary: i64) -> Vec<i64> {
    (0..count as i64).map(|at| (at * 37 + 11) % vocabulary).collect()
}

fn image(shape: [usize; 4]) -> (Tensor<4>, CanonTensor) {
    let values = floats(shape.iter().product());
    let canon = CanonTensor::f32(shape.map(|extent| extent as u64), values.clone()).unwrap();
    (Tensor::from_data(TensorData::new(values, shape), &Device::flex()), canon)
}

fn matrix(size: Sequence, values: Vec<i64>) -> (Tensor<2, Int>, CanonTensor) {
    let canon = CanonTensor::i64([size.batch as u64, size.seq as u64], values.clone()).unwrap();
    let data = TensorData::new(values, [size.batch, size.seq]);
    (Tensor::from_data(data, &Device::flex()), canon)
}

fn run(artifact: &Artifact, program: u32, inputs: &[CanonTensor]) -> CanonTensor {
    let kernels = Kernels::detect().unwrap();
    let runner = Runner::new(Arc::new(artifact.clone()), program, kernels).unwrap();
    runner.run(inputs).unwrap().remove(0)
}

fn assert_agrees<const D: usize>(model: &str, burn: Tensor<D>, canon: &CanonTensor) {
    let shape: Vec<u64> = burn.dims().iter().map(|&extent| extent as u64).collect();
    assert_eq!(canon.shape(), shape, "{model}");
    let burn: Vec<f32> = burn.into_data().iter::<f32>().collect();
    let canon = canon.as_f32().unwrap();
    assert!(
        burn.iter().any(|value| (value - burn[0]).abs() > 1e-3),
        "{model} says the same of everything"
    );
    let worst = burn
        .iter()
        .zip(canon)
        .map(|(burn, canon)| (burn - canon).abs() / burn.abs().max(1.0))
        .fold(0.0, |worst: f32, next| if next.is_nan() { f32::INFINITY } else { worst.max(next) });
    println!("{model}: largest difference {worst:e}, seed {SEED}");
    assert!(worst <= TOLERANCE, "{model}: largest difference {worst:e}");
}

/// Checks what holds for every artifact of a tiny model.
fn assert_sound(artifact: &Artifact) {
    for program in artifact.programs() {
        let (name, cost) = (&program.program().name, program.total_cost());
        assert!(cost <= TINY_FLOP, "{name}: {cost} FLOP");
        assert!(program.layers().len() >= 2, "{name} has nothing to narrow");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    artifact.save(&path).unwrap();
    assert_eq!(Artifact::load(&path, &Limits::default()).unwrap().id(), artifact.id());
}

#[test]
fn a_bert_agrees_with_flex() {
    let model = Bert::seeded(BertConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let sizes = [Sequence { batch: 2, seq: 9 }, Sequence { batch: 1, seq: 16 }];
    let outputs = [BertOutput::SentenceEmbedding, BertOutput::LastHiddenState];
    let artifact = model.artifact("bert", &sizes, &outputs).unwrap();
    let names: Vec<_> = artifact.programs().iter().map(|p| p.program().name.clone()).collect();
    assert_eq!(names, ["embed-2x9", "encode-2x9", "embed-1x16", "encode-1x16"]);
    assert_sound(&artifact);
    for (at, size) in sizes.into_iter().enumerate() {
        let count = size.batch * size.seq;
        let (ids, canon_ids) = matrix(size, tokens(count, 101));
        let kept = (0..count).map(|at| i64::from(at % size.seq < 6)).collect();
        let (mask, canon_mask) = matrix(size, kept);
        let (types, canon_types) = matrix(size, tokens(count, 2));
        let inputs = [canon_ids, canon_mask, canon_types];
        let hidden = model.encoder.forward(ids, mask.clone(), types);
        let embedding = model.pooling.forward(hidden.clone(), mask);
        assert_agrees("bert embedding", embedding, &run(&artifact, at as u32 * 2, &inputs));
        assert_agrees("bert hidden state", hidden, &run(&artifact, at as u32 * 2 + 1, &inputs));
    }
}

#[test]
fn padding_changes_no_bit_of_an_embedding() {
    let model = Bert::seeded(BertConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let size = Sequence { batch: 1, seq: 12 };
    let artifact = model.artifact("bert", &[size], &[BertOutput::SentenceEmbedding]).unwrap();
    let embedding = |padding: i64| {
        let ids = (0..12).map(|at| if at < 5 { at + 3 } else { padding }).collect();
        let mask = (0..12).map(|at| i64::from(at < 5)).collect();
        let rows = [ids, mask, vec![0; 12]].map(|row| matrix(size, row).1);
        run(&artifact, 0, &rows).bytes().into_owned()
    };
    assert_eq!(embedding(0), embedding(77));
}

#[test]
fn a_llama_agrees_with_flex() {
    let model = Llama::seeded(&LlamaConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let size = Sequence { batch: 2, seq: 11 };
    let artifact = model.artifact("llama", &[size]).unwrap();
    assert_sound(&artifact);
    let (ids, canon) = matrix(size, tokens(22, 61));
    assert_agrees("llama", model.forward(ids), &run(&artifact, 0, &[canon]));
}

#[test]
fn a_llama_does_not_look_ahead() {
    let model = Llama::seeded(&LlamaConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let size = Sequence { batch: 1, seq: 8 };
    let artifact = model.artifact("llama", &[size]).unwrap();
    let logits = |last: i64| {
        let mut ids = tokens(8, 61);
        ids[7] = last;
        run(&artifact, 0, &[matrix(size, ids).1]).as_f32().unwrap()[..7 * 61].to_vec()
    };
    assert_eq!(logits(3), logits(40));
}

#[test]
fn the_rotary_tables_are_computed_canonically() {
    let model = Llama::seeded(&LlamaConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let artifact = model.artifact("llama", &[Sequence { batch: 1, seq: 8 }]).unwrap();
    let instructions = &artifact.programs()[0].program().instructions;
    let names: Vec<_> = instructions.iter().map(|step| step.operator.name()).collect();
    for function in ["cos", "sin", "log"] {
        assert!(!names.contains(&function), "{function} is left in {names:?}");
    }
    let constants: Vec<_> = artifact
        .manifest()
        .weights
        .iter()
        .filter(|weight| weight.name.starts_with("constant."))
        .collect();
    assert_eq!(constants.len(), 2, "{constants:?}");
}

#[test]
fn resnets_agree_with_flex() {
    for depth in [Depth::Eighteen, Depth::Fifty] {
        let config = ResnetConfig::tiny(depth);
        let model = Resnet::seeded(&config, SEED, &Device::flex(), &mut quiet()).unwrap();
        let artifact = model.artifact(depth.name(), &[Images { batch: 1, side: 64 }]).unwrap();
        assert_sound(&artifact);
        let (burn, canon) = image([1, 3, 64, 64]);
        assert_agrees(depth.name(), model.forward(burn), &run(&artifact, 0, &[canon]));
    }
}

#[test]
fn a_vit_agrees_with_flex() {
    let model = Vit::seeded(&VitConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let artifact = model.artifact("vit", &[2]).unwrap();
    assert_sound(&artifact);
    let (burn, canon) = image([2, 3, 24, 24]);
    assert_agrees("vit", model.forward(burn), &run(&artifact, 0, &[canon]));
}

#[test]
fn a_tagger_agrees_with_flex() {
    let model = Tagger::seeded(&TaggerConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let size = Sequence { batch: 2, seq: 6 };
    let artifact = model.artifact("tagger", &[size]).unwrap();
    assert_sound(&artifact);
    let (ids, canon) = matrix(size, tokens(12, 50));
    assert_agrees("tagger", model.forward(ids), &run(&artifact, 0, &[canon]));
}

#[test]
fn a_unet_agrees_with_flex() {
    let model = Unet::seeded(&UnetConfig::tiny(), SEED, &Device::flex(), &mut quiet()).unwrap();
    let artifact = model.artifact("unet", &[Images { batch: 1, side: 32 }]).unwrap();
    assert_sound(&artifact);
    let (burn, canon) = image([1, 3, 32, 32]);
    assert_agrees("unet", model.forward(burn), &run(&artifact, 0, &[canon]));
}

fn import(architecture: Architecture, shapes: Shapes) -> Result<Artifact, ImportError> {
    let weights = Weights::Seeded { seed: SEED, preset: Preset::Tiny };
    Import { architecture, weights, shapes, outputs: Vec::new(), name: None }.run(&mut |_| ())
}

#[test]
fn every_architecture_is_imported_by_its_name_and_always_the_same() {
    for architecture in Architecture::ALL {
        let shapes = match architecture {
            Architecture::Bert | Architecture::Tagger | Architecture::Llama => {
                Shapes { seqs: vec![8], ..Shapes::default() }
            }
            Architecture::Vit => Shapes::default(),
            _ => Shapes { sides: vec![32], ..Shapes::default() },
        };
        let artifact = import(architecture, shapes.clone()).unwrap();
        assert_eq!(artifact.name(), architecture.name());
        assert_eq!(artifact.id(), import(architecture, shapes).unwrap().id());
    }
}

#[test]
fn an_import_says_how_far_it_is() {
    let weights = Weights::Seeded { seed: SEED, preset: Preset::Tiny };
    let shapes = Shapes { batches: vec![1, 2], seqs: vec![4, 6], sides: Vec::new() };
    let request = Import {
        architecture: Architecture::Bert,
        weights,
        shapes,
        outputs: Vec::new(),
        name: Some("encoder"),
    };
    let mut stages = Vec::new();
    let artifact = request.run(&mut |stage| stages.push(stage)).unwrap();
    assert_eq!((artifact.name(), artifact.programs().len()), ("encoder", 4));
    assert_eq!(stages.first(), Some(&Stage::Weights { bytes: 0, of: None }));
    assert_eq!(stages.last(), Some(&Stage::Capture));
    let read = |stage: &Stage| match stage {
        Stage::Weights { bytes, .. } => *bytes,
        Stage::Capture => 0,
    };
    let bytes: u64 = stages.iter().map(read).sum();
    let stored: u64 = artifact.weights().iter().map(|weight| weight.bytes().len() as u64).sum();
    // Positions are cut to each length, so that not every stored weight is a parameter.
    assert!(bytes > 0 && bytes.abs_diff(stored) < bytes / 4, "{bytes} read, {stored} stored");
}

#[test]
fn shapes_that_a_model_does_not_have_are_refused() {
    let shapes = |batches: &[usize], seqs: &[usize], sides: &[usize]| Shapes {
        batches: batches.to_vec(),
        seqs: seqs.to_vec(),
        sides: sides.to_vec(),
    };
    let cases = [
        (Architecture::Bert, shapes(&[], &[41], &[]), "1 to 40"),
        (Architecture::Bert, shapes(&[], &[0], &[]), "0 tokens"),
        (Architecture::Bert, shapes(&[0], &[], &[]), "a batch of 0"),
        (Architecture::Bert, shapes(&[], &[], &[8]), "takes texts"),
        (Architecture::Llama, shapes(&[], &[65], &[]), "1 to 64"),
        (Architecture::Vit, shapes(&[], &[], &[32]), "24 pixels"),
        (Architecture::Unet, shapes(&[], &[], &[30]), "multiples of 4"),
        (Architecture::Resnet18, shapes(&[], &[8], &[]), "takes images"),
    ];
    for (architecture, shapes, part) in cases {
        let error = import(architecture, shapes).unwrap_err();
        assert!(matches!(error, ImportError::Shape(_)), "{error}");
        assert!(error.to_string().contains(part), "{part:?} in {error}");
    }
}
