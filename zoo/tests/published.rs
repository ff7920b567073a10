//! Small models in the formats that people publish are read as they were meant: names, layouts, gate orders, formulas.
//!
//! `formats/reference.py` computed the expected outputs in numpy; it knows nothing of Burn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod formats;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use formats::{Case, Input, Tensors, case, folder, published, tensors, values, write};
use gainsay_zoo::bert::{Bert, Pooling, PoolingMode};
use gainsay_zoo::llama::Llama;
use gainsay_zoo::pretrained::PretrainedError;
use gainsay_zoo::resnet::{Depth, Resnet};
use gainsay_zoo::tagger::Tagger;
use gainsay_zoo::unet::Unet;
use gainsay_zoo::vit::Vit;
use safetensors::Dtype;

fn image(input: &Input) -> Tensor<4> {
    let values = values(input.name.as_ref().unwrap(), &input.shape);
    Tensor::from_data(TensorData::new(values, input.shape.clone()), &Device::flex())
}

fn integers(input: &Input) -> Tensor<2, Int> {
    let data = TensorData::new(input.integers.clone(), input.shape.clone());
    Tensor::from_data(data, &Device::flex())
}

fn assert_agrees<const D: usize>(case: &Case, found: Tensor<D>) {
    assert_eq!(found.dims().to_vec(), case.output.shape);
    let found: Vec<f32> = found.into_data().iter::<f32>().collect();
    let worst = found
        .iter()
        .zip(&case.output.values)
        .map(|(found, expected)| (found - expected).abs() / expected.abs().max(1.0))
        .fold(0.0, f32::max);
    println!("largest difference {worst:e}");
    assert!(worst <= 2e-5, "largest difference {worst:e}");
}

fn quiet() -> impl FnMut(u64) {
    |_| ()
}

fn bert(folder: &Path) -> Result<Bert, PretrainedError> {
    Bert::load(folder, &Device::flex(), &mut quiet())
}

fn llama(folder: &Path) -> Result<Llama, PretrainedError> {
    Llama::load(folder, &Device::flex(), &mut quiet())
}

fn hidden(model: &Bert, case: &Case) -> Tensor<3> {
    let [ids, mask, types] = case.inputs.as_slice() else { panic!("three inputs") };
    model.encoder.forward(integers(ids), integers(mask), integers(types))
}

#[test]
fn a_bert_folder_is_read_as_hugging_face_means_it() {
    let case = case("bert");
    let model = bert(published(&case).path()).unwrap();
    // The reference leaves the masked token's own row as it falls; here as there it sees the others.
    assert_agrees(&case, hidden(&model, &case));
    assert_eq!(model.pooling, Pooling { mode: PoolingMode::Mean, normalize: false });
}

#[test]
fn a_bert_folder_without_prefix_is_the_same_model() {
    let case = case("bert");
    let bare = tensors(&case, Dtype::F32)
        .into_iter()
        .map(|(name, tensor)| (name.strip_prefix("bert.").unwrap_or(&name).to_owned(), tensor));
    let model = bert(folder(&case, &bare.collect()).path()).unwrap();
    assert_agrees(&case, hidden(&model, &case));
}

#[test]
fn an_old_bert_export_calls_its_norms_gamma_and_beta() {
    let case = case("bert");
    let old = tensors(&case, Dtype::F32).into_iter().map(|(name, tensor)| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        (name.replace("LayerNorm.bias", "LayerNorm.beta"), tensor)
    });
    let model = bert(folder(&case, &old.collect()).path()).unwrap();
    assert_agrees(&case, hidden(&model, &case));
}

#[test]
fn a_llama_folder_is_read_as_hugging_face_means_it() {
    let case = case("llama");
    let model = llama(published(&case).path()).unwrap();
    assert_agrees(&case, model.forward(integers(&case.inputs[0])));
}

#[test]
fn newer_llama_folders_keep_rotary_positions_elsewhere() {
    let case = case("llama");
    let logits = |theta: f64, newer: bool| {
        let mut changed = formats::case("llama");
        let config = changed.config.as_mut().unwrap();
        config["rope_theta"] = theta.into();
        if newer {
            config.as_object_mut().unwrap().remove("rope_theta");
            config["rope_parameters"] =
                serde_json::json!({ "rope_type": "default", "rope_theta": theta });
        }
        let model = llama(published(&changed).path()).unwrap();
        model.forward(integers(&case.inputs[0])).into_data()
    };
    assert_eq!(logits(500.0, true).as_bytes(), logits(500.0, false).as_bytes());
    assert_ne!(logits(500.0, true).as_bytes(), logits(10_000.0, true).as_bytes());
}

#[test]
fn shards_are_one_model() {
    let case = case("llama");
    let all = tensors(&case, Dtype::F32);
    let folder = folder(&case, &all);
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let shard = |name: &str| match name.contains("layers.1") {
        true => "model-00002-of-00002.safetensors",
        false => "model-00001-of-00002.safetensors",
    };
    for file in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
        let part = all.iter().filter(|(name, _)| shard(name) == file);
        write(
            folder.path(),
            file,
            &part.map(|(name, tensor)| (name.clone(), tensor.clone())).collect(),
        );
    }
    let map: BTreeMap<&str, &str> = all.keys().map(|name| (name.as_str(), shard(name))).collect();
    let index = serde_json::json!({ "metadata": { "total_size": 0 }, "weight_map": map });
    let path = folder.path().join("model.safetensors.index.json");
    std::fs::write(&path, index.to_string()).unwrap();
    assert_agrees(&case, llama(folder.path()).unwrap().forward(integers(&case.inputs[0])));

    let outside =
        serde_json::json!({ "weight_map": { "model.norm.weight": "../model.safetensors" } });
    std::fs::write(&path, outside.to_string()).unwrap();
    let error = llama(folder.path()).unwrap_err().to_string();
    assert!(error.contains("../model.safetensors"), "{error}");
}

#[test]
fn a_bfloat16_folder_is_widened_exactly() {
    let case = case("llama");
    let half = tensors(&case, Dtype::BF16);
    let widened: Tensors = half
        .iter()
        .map(|(name, (_, shape, bytes))| {
            let bytes = bytes.chunks(2).flat_map(|half| [0, 0, half[0], half[1]]).collect();
            (name.clone(), (Dtype::F32, shape.clone(), bytes))
        })
        .collect();
    let logits = |tensors: &Tensors| {
        let model = llama(folder(&case, tensors).path()).unwrap();
        model.forward(integers(&case.inputs[0])).into_data()
    };
    assert_eq!(logits(&half).as_bytes(), logits(&widened).as_bytes());
}

#[test]
fn a_tied_last_layer_is_the_table_of_tokens() {
    let mut case = case("llama");
    let mut tensors = tensors(&case, Dtype::F32);
    let table = tensors["model.embed_tokens.weight"].clone();
    tensors.insert("lm_head.weight".into(), table);
    let logits = |case: &Case, tensors: &Tensors| {
        let model = llama(folder(case, tensors).path()).unwrap();
        let logits = model.forward(integers(&case.inputs[0])).into_data();
        logits.iter::<f32>().collect::<Vec<_>>()
    };
    let copied = logits(&case, &tensors);
    case.config.as_mut().unwrap()["tie_word_embeddings"] = true.into();
    tensors.remove("lm_head.weight");
    for (tied, copied) in logits(&case, &tensors).into_iter().zip(copied) {
        assert!((tied - copied).abs() <= 1e-5 * copied.abs().max(1.0), "{tied} {copied}");
    }
}

#[test]
fn a_vit_folder_is_read_as_hugging_face_means_it() {
    let case = case("vit");
    let model = Vit::load(published(&case).path(), &Device::flex(), &mut quiet()).unwrap();
    assert_agrees(&case, model.forward(image(&case.inputs[0])));
}

#[test]
fn a_tagger_file_has_the_gates_where_pytorch_puts_them() {
    let case = case("tagger");
    let model = Tagger::load(published(&case).path(), &Device::flex(), &mut quiet()).unwrap();
    assert_agrees(&case, model.forward(integers(&case.inputs[0])));
}

#[test]
fn a_unet_file_is_read_as_pytorch_means_it() {
    let case = case("unet");
    let model = Unet::load(published(&case).path(), &Device::flex(), &mut quiet()).unwrap();
    assert_agrees(&case, model.forward(image(&case.inputs[0])));
}

#[test]
fn resnet_files_are_read_as_torchvision_means_them() {
    for (name, depth) in [("resnet18", Depth::Eighteen), ("resnet50", Depth::Fifty)] {
        let case = case(name);
        let folder = published(&case);
        let model = Resnet::load(depth, folder.path(), &Device::flex(), &mut quiet()).unwrap();
        assert_agrees(&case, model.forward(image(&case.inputs[0])));
    }
}

#[test]
fn one_file_of_any_name_will_do() {
    let case = case("tagger");
    let folder = published(&case);
    let renamed = folder.path().join("best.safetensors");
    std::fs::rename(folder.path().join("model.safetensors"), renamed).unwrap();
    let model = Tagger::load(folder.path(), &Device::flex(), &mut quiet()).unwrap();
    assert_agrees(&case, model.forward(integers(&case.inputs[0])));
}
