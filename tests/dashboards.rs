//! The dashboards: everything they show exists.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn dashboards() -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/grafana");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, serde_json::from_str(&text).unwrap()));
        }
    }
    assert!(!found.is_empty(), "there is no dashboard");
    found
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    let all = dashboard["panels"].as_array().unwrap();
    all.iter().filter(|panel| panel["type"] != "row").collect()
}

fn metric_names(expression: &str) -> BTreeSet<String> {
    expression
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("gainsay_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_that_a_dashboard_names_is_one_that_the_arbiter_registers() {
    let metrics = gainsay::arbiter::Metrics::new().unwrap();
    let registered: BTreeSet<String> = metrics.names().into_iter().collect();
    assert!(registered.len() > 12, "{registered:?}");
    let mut used = BTreeSet::new();
    for (path, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                let names = metric_names(expression);
                assert!(!names.is_empty(), "{}: {expression} names no metric", path.display());
                used.extend(names);
            }
        }
    }
    for name in used {
        let plain = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).filter(|base| registered.contains(*base)))
            .unwrap_or(&name);
        assert!(registered.contains(plain), "{name} is not registered: {registered:?}");
    }
}

#[test]
fn every_panel_has_a_title_a_description_a_unit_and_a_query() {
    for (path, dashboard) in dashboards() {
        let panels = panels(&dashboard);
        assert!(panels.len() >= 12, "{} has only {} panels", path.display(), panels.len());
        for panel in panels {
            let title = panel["title"].as_str().unwrap();
            assert!(!title.is_empty());
            assert!(panel["description"].as_str().unwrap().len() > 20, "{title}: no description");
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
            assert!(!unit.is_empty(), "{title}: no unit");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}: no query");
        }
    }
}

#[test]
fn a_metric_that_does_not_exist_would_be_noticed() {
    assert_eq!(
        metric_names("sum(rate(gainsay_no_such_total[5m])) / gainsay_other"),
        ["gainsay_no_such_total".to_owned(), "gainsay_other".to_owned()].into()
    );
}
