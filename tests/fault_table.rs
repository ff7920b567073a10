//! The fault table, as a user makes it: a part of it is played, and the committed one is about the same layers and kinds.

#![cfg(feature = "models")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{gainsay, text};

/// Plays every so many games of the committed table's models; returns the report and the Markdown.
fn played(stride: &str) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.md");
    let mut command = gainsay();
    command.args(["fault-table", "--json", "--stride", stride, "--markdown"]).arg(&file);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (report, std::fs::read_to_string(&file).unwrap())
}

/// What a table is about: its headings, and of each row the layer and its name.
fn outline(markdown: &str) -> Vec<String> {
    let line = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", "layer", ..] => Some(line.to_owned()),
            ["", layer, name, ..] if layer.parse::<u32>().is_ok() => {
                Some(format!("{layer} {name}"))
            }
            _ => line.starts_with("## ").then(|| line.to_owned()),
        }
    };
    markdown.lines().filter_map(line).collect()
}

#[test]
fn a_part_of_the_table_is_played_without_a_wrong_verdict_and_the_committed_one_has_its_rows() {
    let (report, markdown) = played("29");
    let tables = report["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 2);
    for table in tables {
        assert_eq!(table["wrong"].as_array().unwrap(), &Vec::<Value>::new());
        assert!(table["games"].as_u64().unwrap() > 0, "{table}");
    }
    let judged =
        |sort: &str| tables.iter().map(|table| table[sort]["count"].as_u64().unwrap()).sum::<u64>();
    assert!(judged("chunks") > 0 && judged("whole_layers") > 0, "{report}");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fault-table.md");
    let committed = std::fs::read_to_string(committed).unwrap();
    assert_eq!(outline(&committed), outline(&markdown), "make docs/fault-table.md again");
    assert!(outline(&committed).len() > 8);
    assert!(!committed.contains("wrong**"), "the committed table has a wrong verdict");
}
