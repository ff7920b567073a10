//! all-MiniLM-L6-v2: token ids are the reference's, embeddings agree with it to 1e-5.
//!
//! The weights are fetched by `tests/minilm/fetch.sh`; the reference was computed by `tests/minilm/reference.py`, which knows
//! nothing of Gainsay or Burn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use gainsay_canon::Kernels;
use gainsay_model::Runner;
use gainsay_zoo::import::{Architecture, Import, Shapes, Weights};
use gainsay_zoo::text::TextTokenizer;
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-5;
const SEQ: usize = 128;
const WIDTH: usize = 384;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/minilm")
}

/// The model's folder; `None`, said loudly, without a network. CI sets `GAINSAY_DOWNLOADS=required`.
fn model() -> Option<PathBuf> {
    static MODEL: OnceLock<Option<PathBuf>> = OnceLock::new();
    MODEL.get_or_init(fetch).clone()
}

fn fetch() -> Option<PathBuf> {
    let fetched = Command::new("sh").arg(here().join("fetch.sh")).output().unwrap();
    if fetched.status.success() {
        return Some(PathBuf::from(String::from_utf8(fetched.stdout).unwrap().trim()));
    }
    let reason = String::from_utf8_lossy(&fetched.stderr).into_owned();
    let required = std::env::var("GAINSAY_DOWNLOADS").is_ok_and(|value| value == "required");
    assert!(!required, "all-MiniLM-L6-v2 cannot be fetched: {reason}");
    eprintln!("SKIPPED: all-MiniLM-L6-v2 cannot be fetched, so nothing was compared: {reason}");
    None
}

struct Reference {
    sentences: Vec<String>,
    ids: Vec<Vec<i64>>,
    embeddings: Vec<Vec<f32>>,
}

fn reference() -> Reference {
    let bytes = std::fs::read(here().join("reference.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let integers = |name: &str| -> Vec<i64> {
        let data = file.tensor(name).unwrap().data();
        data.chunks(8).map(|chunk| i64::from_le_bytes(chunk.try_into().unwrap())).collect()
    };
    let embeddings: Vec<f32> = file
        .tensor("embeddings")
        .unwrap()
        .data()
        .chunks(4)
        .map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap()))
        .collect();
    let text = std::fs::read_to_string(here().join("sentences.json")).unwrap();
    let ids = integers("input_ids");
    let rows = ids.chunks(SEQ).zip(integers("lengths"));
    Reference {
        sentences: serde_json::from_str(&text).unwrap(),
        ids: rows.map(|(row, length)| row[..length as usize].to_vec()).collect(),
        embeddings: embeddings.chunks(WIDTH).map(<[f32]>::to_vec).collect(),
    }
}

#[test]
fn token_ids_are_those_of_the_reference() {
    let Some(model) = model() else { return };
    let reference = reference();
    assert!(reference.sentences.len() >= 20);
    let tokenizer = TextTokenizer::load(&model.join("tokenizer.json"), SEQ).unwrap();
    for (sentence, expected) in reference.sentences.iter().zip(&reference.ids) {
        let encoded = tokenizer.encode(sentence).unwrap();
        assert_eq!(&encoded.ids, expected, "{sentence:?}");
        assert!(encoded.types.iter().all(|&kind| kind == 0));
    }
    let last = tokenizer.encode(reference.sentences.last().unwrap()).unwrap();
    assert!(last.truncated && last.ids.len() == SEQ);
}

#[test]
fn canonical_embeddings_agree_with_the_reference() {
    let Some(model) = model() else { return };
    let reference = reference();
    let tokenizer = TextTokenizer::load(&model.join("tokenizer.json"), SEQ).unwrap();
    let import = Import {
        architecture: Architecture::Bert,
        weights: Weights::Folder(&model),
        // Two programs: a text's padding must not matter.
        shapes: Shapes { batches: vec![1], seqs: vec![32, SEQ], sides: Vec::new() },
        outputs: Vec::new(),
        name: Some("all-MiniLM-L6-v2"),
    };
    let artifact = Arc::new(import.run(&mut |_| ()).unwrap());
    let runner = |program: u32| {
        Runner::new(Arc::clone(&artifact), program, Kernels::detect().unwrap()).unwrap()
    };
    let runners = [(32, runner(0)), (SEQ, runner(1))];
    let mut worst = 0f32;
    for (sentence, expected) in reference.sentences.iter().zip(&reference.embeddings) {
        let encoded = tokenizer.encode(sentence).unwrap();
        for (seq, runner) in runners.iter().filter(|(seq, _)| encoded.ids.len() <= *seq) {
            let inputs = tokenizer.inputs(std::slice::from_ref(&encoded), 1, *seq).unwrap();
            let outputs = runner.run(&inputs).unwrap();
            let found = outputs[0].as_f32().unwrap();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let difference = (found - expected).abs();
                assert!(
                    difference <= TOLERANCE,
                    "{difference:e} at {sentence:?} with {seq} tokens"
                );
                worst = worst.max(difference);
            }
        }
    }
    println!("{} sentences, largest difference {worst:e}", reference.sentences.len());
}
