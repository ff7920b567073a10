//! Importing a published model and embedding texts with it, as a user does; everything here is tiny and offline.

#![cfg(feature = "models")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{gainsay, text};

fn import(arguments: &[&str], out: &Path) -> Command {
    let mut command = gainsay();
    command.args(["artifact", "import", "--json"]).args(arguments).arg("--out").arg(out);
    command
}

fn accepted(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "this was accepted: {}", text(output));
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// A tokenizer of four words for the tiny encoder.
fn write_tokenizer(path: &Path) {
    let vocabulary = json!({ "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "cat": 4, "dog": 5, "sat": 6, "ran": 7 });
    let special = |name: &str| json!({ "SpecialToken": { "id": name, "type_id": 0 } });
    let content = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]"), content, special("[SEP]")],
            "pair": [special("[CLS]"), content, special("[SEP]")],
            "special_tokens": {
                "[CLS]": { "id": "[CLS]", "ids": [2], "tokens": ["[CLS]"] },
                "[SEP]": { "id": "[SEP]", "ids": [3], "tokens": ["[SEP]"] }
            }
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary
        }
    });
    std::fs::write(path, file.to_string()).unwrap();
}

#[test]
fn every_architecture_is_imported_from_a_seed() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 7] = [
        ("bert", &["--seq", "8"]),
        ("resnet18", &["--side", "32"]),
        ("resnet50", &["--side", "32"]),
        ("vit", &[]),
        ("tagger", &["--seq", "4"]),
        ("unet", &["--side", "16"]),
        ("llama", &["--seq", "8"]),
    ];
    for (arch, shape) in cases {
        let out = folder.path().join(arch);
        let arguments = [&["--arch", arch, "--seeded", "1"], shape].concat();
        let imported = accepted(&import(&arguments, &out).output().unwrap());
        assert_eq!(imported["name"], arch);
        let inspected =
            gainsay().args(["artifact", "inspect", "--json"]).arg(&out).output().unwrap();
        assert!(inspected.status.success(), "{}", text(&inspected));
    }
}

#[test]
fn several_shapes_make_several_programs_and_a_second_import_has_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("encoder");
    let arguments = ["--arch", "bert", "--seeded", "3", "--seq", "8,16", "--batch", "1,2"];
    let first = accepted(&import(&arguments, &out).output().unwrap());
    assert_eq!(first["programs"], json!(["embed-1x8", "embed-1x16", "embed-2x8", "embed-2x16"]));
    // A tokenizer beside the manifest does not keep the folder from being written again.
    write_tokenizer(&out.join("tokenizer.json"));
    let second = accepted(&import(&arguments, &out).output().unwrap());
    assert_eq!(first["artifact"], second["artifact"]);
}

#[test]
fn texts_are_embedded_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("encoder");
    let arguments = ["--arch", "bert", "--seeded", "3", "--seq", "4,8", "--batch", "2"];
    let imported = accepted(&import(&arguments, &out).output().unwrap());
    let embed =
        |more: &[&str]| gainsay().args(["embed", "--model"]).arg(&out).args(more).output().unwrap();
    let said = refused(&embed(&["cat"]));
    assert!(said.contains("tokenizer.json") && said.contains("--tokenizer"), "{said}");

    write_tokenizer(&out.join("tokenizer.json"));
    let short = accepted(&embed(&["--json", "cat sat", "dog ran", "cat sat"]));
    assert_eq!(
        (&short["artifact"], &short["program"]),
        (&imported["artifact"], &json!("embed-2x4"))
    );
    let texts = short["texts"].as_array().unwrap();
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[0]["embedding"], texts[2]["embedding"]);
    assert_ne!(texts[0]["embedding"], texts[1]["embedding"]);
    let length: f64 = texts[1]["embedding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap().powi(2))
        .sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");

    let long = accepted(&embed(&["--json", "cat sat", "dog ran cat sat dog"]));
    assert_eq!(long["program"], "embed-2x8");
    let table = embed(&["cat", "dog"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("1.000"), "{}", text(&table));
    let cut = embed(&["cat cat cat cat cat cat cat cat cat"]);
    assert!(
        String::from_utf8_lossy(&cut.stderr).contains("only the first 8 tokens"),
        "{}",
        text(&cut)
    );
}

#[test]
fn an_import_that_cannot_be_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let from = folder.path().join("from");
    std::fs::create_dir(&from).unwrap();
    let said = |arguments: &[&str]| refused(&import(arguments, &out).output().unwrap());
    let empty = said(&["--arch", "resnet18", "--from", from.to_str().unwrap()]);
    assert!(empty.contains("model.safetensors"), "{empty}");
    assert!(said(&["--arch", "bert"]).contains("--from"), "neither folder nor seed");
    let long = said(&["--arch", "bert", "--seeded", "1", "--seq", "4096"]);
    assert!(long.contains("1 to 40"), "{long}");
    assert!(!out.exists());
}

#[test]
fn a_model_of_another_kind_does_not_embed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tagger");
    accepted(&import(&["--arch", "tagger", "--seeded", "1", "--seq", "4"], &out).output().unwrap());
    let output = gainsay().args(["embed", "--model"]).arg(&out).arg("cat").output().unwrap();
    let said = refused(&output);
    assert!(said.contains("artifact import --arch bert"), "{said}");
}
