//! Texts become token ids of a fixed length, without a network: the tokenizer here has a dozen words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gainsay_zoo::text::{TextError, TextTokenizer};
use serde_json::json;

const WORDS: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "##s", "on", "mat", ".", "##ting"];

fn tokenizer(longest: usize) -> TextTokenizer {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        (0..).zip(WORDS).map(|(id, word)| (word.to_owned(), json!(id))).collect();
    let special =
        |name: &str, kind: i64| json!({ "SpecialToken": { "id": name, "type_id": kind } });
    let text = |id: &str, kind: i64| json!({ "Sequence": { "id": id, "type_id": kind } });
    let file = json!({
        "version": "1.0",
        "truncation": { "max_length": 3, "strategy": "LongestFirst", "stride": 0 },
        "padding": {
            "strategy": { "Fixed": 9 }, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"
        },
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)],
            "pair": [special("[CLS]", 0), text("A", 0), special("[SEP]", 0), text("B", 1), special("[SEP]", 1)],
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
    std::fs::write(&path, file.to_string()).unwrap();
    TextTokenizer::load(&path, longest).unwrap()
}

#[test]
fn words_are_cut_into_known_pieces() {
    let encoded = tokenizer(16).encode("The CATS sat on thé mat, sitting.").unwrap();
    assert_eq!(encoded.ids, [2, 4, 5, 7, 6, 8, 4, 9, 1, 1, 10, 3]);
    assert_eq!(encoded.types, [0; 12]);
    assert!(!encoded.truncated);
}

#[test]
fn the_length_asked_for_wins_over_the_files_own() {
    let encoded = tokenizer(5).encode("the cat sat on the mat").unwrap();
    assert_eq!(encoded.ids, [2, 4, 5, 6, 3]);
    assert!(encoded.truncated);
}

#[test]
fn inputs_are_padded_and_rows_without_a_text_hold_a_token() {
    let tokenizer = tokenizer(6);
    let texts = [tokenizer.encode("cat").unwrap(), tokenizer.encode("").unwrap()];
    let [ids, mask, types] = tokenizer.inputs(&texts, 3, 6).unwrap();
    assert_eq!(ids.shape(), [3, 6]);
    assert_eq!(ids.as_i64().unwrap(), [2, 5, 3, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(mask.as_i64().unwrap(), [1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(types.as_i64().unwrap(), [0; 18]);
}

#[test]
fn more_texts_than_rows_are_refused() {
    let tokenizer = tokenizer(6);
    let texts = [tokenizer.encode("cat").unwrap(), tokenizer.encode("mat").unwrap()];
    let error = tokenizer.inputs(&texts, 1, 6).unwrap_err();
    assert!(matches!(error, TextError::Batch { texts: 2, batch: 1 }), "{error}");
}

#[test]
fn a_file_of_something_else_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, "{}").unwrap();
    let error = TextTokenizer::load(&path, 8).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json"), "{error}");
}
