//! Canaries from the command line, with real processes: planted, told, caught by two, opened, paid.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::{Network, text, until};

const PARAMETERS: &str = "arity = 2
window_ms = 6000
reveal_ms = 1500
budget_ms = 20000
grace_ms = 2500
lease_ms = 60000";

const BONUS_MICRO: u64 = 2_000_001;

/// Signs a job on an image and writes in the book that `executor` will lie about it.
fn prepare(network: &Network, artifact: &str, executor: &str, seed: u32) {
    let image: Vec<f32> = (0..64).map(|at| ((at * 5 + seed * 11) % 17) as f32 / 16.0).collect();
    let file = network.path(&format!("canary-{seed}.json"));
    std::fs::write(&file, serde_json::to_vec(&image).unwrap()).unwrap();
    let (book, input) = (book(network), format!("image={}", file.display()));
    let flags = ["canary", "prepare", "--book", &book, "--executor", executor];
    let job = ["--artifact", artifact, "--input", &input, "--fee", "0.5"];
    let prepared = network.json("requester", &[&flags[..], &job].concat());
    assert_eq!(prepared["commitment"].as_str().unwrap().len(), 64, "{prepared}");
}

fn book(network: &Network) -> String {
    network.path("book").display().to_string()
}

fn canary(network: &Network, name: &str, command: &str, flags: &[&str]) -> Value {
    let book = book(network);
    network.json(name, &[&["canary", command, "--book", &book], flags].concat())
}

fn refused(network: &Network, name: &str, command: &str, flags: &[&str]) -> String {
    let book = book(network);
    let arguments = [&["canary", command, "--book", &book], flags].concat();
    let output = network.command(name, &arguments).output().unwrap();
    assert!(!output.status.success(), "{}", text(&output));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_canary_goes_from_the_book_to_its_bonus_and_every_command_can_be_run_again() {
    let mut network = Network::new(PARAMETERS);
    let keys = ["canary", "first", "second", "requester"].map(|name| network.new_key(name));
    let _arbiter = network.start_arbiter();
    for key in &keys {
        network.fund(key, "1000");
    }
    let operator = network.json("operator", &["balance"])["key"].as_str().unwrap().to_owned();
    network.fund(&operator, "50");
    let artifact = network.push("requester");
    for seed in [1, 2] {
        prepare(&network, &artifact, &keys[0], seed);
    }
    // What cannot be is refused, and leaves the book as it was.
    let more = refused(&network, "operator", "commit", &["--bonus", "40"]);
    assert!(more.contains("below what a slash burns"), "{more}");
    let other = refused(&network, "requester", "commit", &["--bonus", "1"]);
    assert!(other.contains("this is for the network's operator"), "{other}");
    let poor = refused(&network, "operator", "commit", &["--bonus", "30"]);
    assert!(poor.contains("holds only"), "{poor}");
    assert_eq!(canary(&network, "requester", "plant", &[])["jobs"], serde_json::json!([]));

    let done = canary(&network, "operator", "commit", &["--bonus", "2.000001"]);
    assert_eq!((&done["committed"], &done["bonus_micro"]), (&2.into(), &BONUS_MICRO.into()));
    let again = canary(&network, "operator", "commit", &["--bonus", "2.000001"]);
    assert_eq!(again["committed"], 0);
    let escrow = |name: &str| network.json(name, &["balance"])["escrow_micro"].as_u64().unwrap();
    assert_eq!(escrow("operator"), 2 * BONUS_MICRO);

    let executor = ["executor", "--canaries", &book(&network), "--threads", "1"];
    let _executor = network.start("canary", &executor);
    let watch = ["challenger", "--sample", "1", "--threads", "1"];
    let _watchers = ["first", "second"].map(|name| network.start(name, &watch));
    let planted = canary(&network, "requester", "plant", &[]);
    assert_eq!(planted["jobs"].as_array().unwrap().len(), 2, "{planted}");
    assert_eq!(canary(&network, "requester", "plant", &[])["jobs"], serde_json::json!([]));
    let honest = network.submit("requester", &artifact, 9);

    let mut revealed = Vec::new();
    until("every canary is opened", || {
        let opened = canary(&network, "operator", "reveal", &[]);
        revealed.extend(opened.as_array().unwrap().iter().cloned());
        (revealed.len() == 2).then_some(())
    });
    for canary in &revealed {
        assert_eq!((&canary["outcome"], &canary["caught_by"]), (&"caught".into(), &2.into()));
        assert!(canary["caught_after_ms"].as_u64().unwrap() < 6_000, "{canary}");
    }
    assert_eq!(canary(&network, "operator", "reveal", &[]), serde_json::json!([]));
    let listed = canary(&network, "requester", "list", &[]);
    for canary in listed.as_array().unwrap() {
        assert_eq!((&canary["state"], &canary["outcome"]), (&"revealed".into(), &"caught".into()));
        assert_eq!(canary["executor"], keys[0].as_str());
    }
    // An odd bonus leaves one micro-credit with the operator, twice.
    assert_eq!(escrow("operator"), 0);
    let free = network.json("operator", &["balance"])["free_micro"].as_u64().unwrap();
    assert_eq!(free, 50_000_000 - 2 * (BONUS_MICRO - 1));
    let history = network.json("operator", &["account", "--history"]);
    let kinds: Vec<&str> = history["transfers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    let count = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!(
        (count("canary_escrow"), count("canary_bonus"), count("canary_refund")),
        (2, 4, 2),
        "{kinds:?}"
    );
    until("the gauges have seen it", || {
        let metrics = network.http_get("/metrics");
        metrics.contains("gainsay_canaries{state=\"caught\"} 2").then_some(())
    });
    // What is not in its book the canary executor does honestly.
    let result = network.json("requester", &["result", &honest, "--wait", "final"]);
    assert_eq!(result["job"], honest.as_str(), "{result}");
}
