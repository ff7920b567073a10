//! The benchmarks of disputes, as a user runs them: what they count does not depend on the machine.

#![cfg(feature = "models")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::{gainsay, text};

fn cases(arguments: &[&str]) -> Vec<Value> {
    let output = gainsay().arg("bench").args(arguments).args(["--games", "1", "--json"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["cases"].as_array().unwrap().clone()
}

/// Rounds are the tree's depth over the levels of one reveal, rounded up, less what the openings of both ends have
/// shown already; never more than that, and a million steps at arity 128 fit 32 KiB.
#[test]
fn a_dispute_takes_a_round_per_reveal_and_one_replay() {
    for (steps, arity, rounds, bytes) in
        [(1_000, 2, 10, 8 << 10), (1_000, 16, 3, 8 << 10), (65_000, 128, 3, 32 << 10)]
    {
        let (steps, arity) = (steps.to_string(), arity.to_string());
        let found = cases(&["dispute", "--steps", &steps, "--arity", &arity]);
        let [case] = found.as_slice() else { panic!("{found:?}") };
        let count = |name: &str| case[name].as_u64().unwrap();
        assert!((2..=rounds).contains(&count("rounds")), "{case}");
        assert!(count("bytes") <= bytes, "{case}");
        assert_eq!(count("replays"), 1, "{case}");
    }
}

#[test]
fn challengers_of_one_root_cost_the_executor_no_more_than_one() {
    let found = cases(&["sybil", "--steps", "5000", "--challengers", "1,7,64"]);
    let [one, seven, many] = found.as_slice() else { panic!("{found:?}") };
    for case in [seven, many] {
        for name in ["rounds", "bytes", "executor_bytes", "replays"] {
            assert_eq!(case[name], one[name], "{name}: {case}");
        }
    }
}

#[test]
fn a_trace_of_no_length_is_refused_by_name() {
    let output = gainsay().args(["bench", "dispute", "--steps", "1"]).output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output).contains("--steps 1: a trace has 2 to"), "{}", text(&output));
}
