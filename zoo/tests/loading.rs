//! Published models that do not fit are refused by name, with the file and what was expected.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod formats;

use std::path::Path;

use burn::tensor::Device;
use formats::{Tensors, case, folder, published, tensors};
use gainsay_zoo::bert::Bert;
use gainsay_zoo::llama::Llama;
use gainsay_zoo::pretrained::PretrainedError;
use gainsay_zoo::tagger::Tagger;
use gainsay_zoo::unet::Unet;
use safetensors::Dtype;

fn tagger(folder: &Path) -> Result<Tagger, PretrainedError> {
    Tagger::load(folder, &Device::flex(), &mut |_| ())
}

/// What a tagger whose tensors were changed so is refused with.
fn refusal(change: impl FnOnce(&mut Tensors)) -> PretrainedError {
    let case = case("tagger");
    let mut tensors = tensors(&case, Dtype::F32);
    change(&mut tensors);
    tagger(folder(&case, &tensors).path()).unwrap_err()
}

fn assert_says(error: &PretrainedError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
}

#[test]
fn a_missing_tensor_is_named_with_its_file_and_shape() {
    let error = refusal(|tensors| drop(tensors.remove("gru.bias_hh_l0")));
    assert!(matches!(error, PretrainedError::Missing { .. }), "{error}");
    assert_says(&error, &["`gru.bias_hh_l0`", "model.safetensors", "[9]"]);
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let error = refusal(|tensors| {
        let (dtype, _, bytes) = tensors["lstm.weight_ih_l0_reverse"].clone();
        tensors.insert("lstm.weight_ih_l0_reverse".into(), (dtype, vec![4, 12], bytes));
    });
    assert!(matches!(error, PretrainedError::Shape { .. }), "{error}");
    assert_says(&error, &["`lstm.weight_ih_l0_reverse`", "[4, 12]", "[12, 4]"]);
}

#[test]
fn extra_tensors_are_named() {
    let error = refusal(|tensors| {
        let extra = tensors["classifier.bias"].clone();
        tensors.insert("lstm.bias_ih_l1".into(), extra.clone());
        tensors.insert("crf.transitions".into(), extra);
    });
    assert!(matches!(error, PretrainedError::Unexpected { .. }), "{error}");
    assert_says(&error, &["`lstm.bias_ih_l1`", "`crf.transitions`"]);
}

#[test]
fn a_tensor_of_integers_is_refused_as_a_weight() {
    let error = refusal(|tensors| {
        let (_, shape, bytes) = tensors["classifier.bias"].clone();
        tensors.insert("classifier.bias".into(), (Dtype::I32, shape, bytes));
    });
    assert!(matches!(error, PretrainedError::Element { .. }), "{error}");
    assert_says(&error, &["`classifier.bias`", "I32", "BF16"]);
}

#[test]
fn a_file_of_something_else_is_not_mistaken_for_a_model() {
    let error = refusal(|tensors| drop(tensors.remove("lstm.weight_hh_l0")));
    assert_says(&error, &["`lstm.weight_hh_l0`", "is this a tagger?"]);
    let case = case("tagger");
    let error = Unet::load(published(&case).path(), &Device::flex(), &mut |_| ()).unwrap_err();
    assert_says(&error, &["is this a U-Net?"]);
}

#[test]
fn damaged_files_are_refused_without_reading_past_them() {
    let case = case("tagger");
    let folder = published(&case);
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 7, 8, 40, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = tagger(folder.path()).unwrap_err();
        assert!(matches!(error, PretrainedError::Malformed { .. }), "{length} bytes: {error}");
    }
    // A header that claims more than the file has, or more than any file.
    for claimed in [whole.len() as u64, u64::MAX] {
        let mut lying = whole.clone();
        lying[..8].copy_from_slice(&claimed.to_le_bytes());
        std::fs::write(&path, &lying).unwrap();
        assert!(matches!(tagger(folder.path()), Err(PretrainedError::Malformed { .. })));
    }
    let header = br#"{"a":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,4]}}"#;
    let mut overflowing = (header.len() as u64).to_le_bytes().to_vec();
    overflowing.extend_from_slice(header);
    overflowing.extend_from_slice(&[0; 4]);
    std::fs::write(&path, &overflowing).unwrap();
    let error = tagger(folder.path()).unwrap_err();
    assert!(matches!(error, PretrainedError::Malformed { .. }), "{error}");
}

#[test]
fn a_folder_without_weights_says_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let error = tagger(folder.path()).unwrap_err();
    assert_says(&error, &["model.safetensors"]);
    std::fs::write(folder.path().join("pytorch_model.bin"), b"").unwrap();
    assert_says(&tagger(folder.path()).unwrap_err(), &["convert", "safetensors.torch.save_file"]);
}

#[test]
fn a_configuration_of_another_kind_of_model_is_refused_by_its_key() {
    let bert = |change: fn(&mut serde_json::Value)| {
        let mut case = case("bert");
        change(case.config.as_mut().unwrap());
        Bert::load(published(&case).path(), &Device::flex(), &mut |_| ()).unwrap_err()
    };
    assert_says(
        &bert(|config| config["hidden_act"] = "gelu_new".into()),
        &["config.json", "hidden_act"],
    );
    assert_says(
        &bert(|config| config["model_type"] = "roberta".into()),
        &["model_type", "roberta"],
    );
    assert_says(&bert(|config| config["num_attention_heads"] = 3.into()), &["multiple"]);
    assert_says(&bert(|config| config["hidden_size"] = u64::MAX.into()), &["expected 1 to"]);
    let forget =
        |config: &mut serde_json::Value| drop(config.as_object_mut().unwrap().remove("vocab_size"));
    assert_says(&bert(forget), &["config.json", "vocab_size"]);

    let mut case = case("llama");
    case.config.as_mut().unwrap()["rope_scaling"] = serde_json::json!({ "factor": 8.0 });
    let error = Llama::load(published(&case).path(), &Device::flex(), &mut |_| ()).unwrap_err();
    assert_says(&error, &["rope_scaling"]);
}

#[test]
fn pooling_is_what_sentence_transformers_says() {
    let case = case("bert");
    let folder = published(&case);
    let modules = serde_json::json!([
        { "path": "", "type": "sentence_transformers.models.Transformer" },
        { "path": "1_Pooling", "type": "sentence_transformers.models.Pooling" },
        { "path": "2_Normalize", "type": "sentence_transformers.models.Normalize" },
    ]);
    std::fs::write(folder.path().join("modules.json"), modules.to_string()).unwrap();
    std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    let pooling = |config: serde_json::Value| {
        std::fs::write(folder.path().join("1_Pooling/config.json"), config.to_string()).unwrap();
        Bert::load(folder.path(), &Device::flex(), &mut |_| ()).map(|model| model.pooling)
    };
    let mean = pooling(serde_json::json!({ "pooling_mode_mean_tokens": true })).unwrap();
    assert_eq!(format!("{mean:?}"), "Pooling { mode: Mean, normalize: true }");
    let cls = pooling(serde_json::json!({ "pooling_mode_cls_token": true })).unwrap();
    assert_eq!(format!("{cls:?}"), "Pooling { mode: Cls, normalize: true }");
    let max = pooling(serde_json::json!({ "pooling_mode_max_tokens": true })).unwrap_err();
    assert_says(&max, &["1_Pooling", "pooling_mode_mean_tokens"]);
}
