//! `kill -9` of the arbiter in the middle of a dispute, with real processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use support::{Network, until};

/// Longer than each side's budget in this network, so that charged downtime would decide the dispute.
const DOWNTIME: Duration = Duration::from_secs(7);

const PARAMETERS: &str = "arity = 2
window_ms = 3000
reveal_ms = 1500
budget_ms = 5000
grace_ms = 2500
lease_ms = 60000";

/// `downtime_free` and `prefix_recovery`: the arbiter is killed while a move is owed, stays down for longer than
/// anybody's clock, and after its restart the dispute ends by the replay of the layer that was lied about.
#[test]
fn a_dispute_ends_as_it_would_have_after_the_arbiter_was_killed_in_the_middle() {
    let mut network = Network::new(PARAMETERS);
    let (executor, challenger, requester) =
        (network.new_key("executor"), network.new_key("challenger"), network.new_key("requester"));
    let arbiter = network.start_arbiter();
    for (key, credits) in [(&executor, "1000"), (&challenger, "1000"), (&requester, "10")] {
        network.fund(key, credits);
    }
    let artifact = network.push("requester");
    let liar =
        network.start("executor", &["executor", "--cheat", "wrong-layer", "--cheat-seed", "5"]);
    let watcher = network.start("challenger", &["challenger", "--sample", "1"]);
    // One job in three is lied about.
    for seed in 0..3 {
        network.submit("requester", &artifact, seed);
    }
    // Both players stand still as soon as the counter root is out, so that the dispute cannot end.
    until("a revealed challenge", || {
        let claims = network.json("requester", &["claims"]);
        let claims = claims.as_array().unwrap();
        let revealing = claims.iter().any(|claim| claim["phase"] == "revealing");
        let log = std::fs::read_to_string(network.path("challenger.log")).unwrap();
        (revealing && log.contains("revealed")).then_some(())
    });
    for player in [&watcher, &liar] {
        player.signal("STOP");
    }
    let before = until("a dispute under way", || {
        let disputes = network.json("requester", &["disputes", "--live"]);
        disputes.as_array().unwrap().first().cloned()
    });
    arbiter.kill();
    let down = Instant::now();
    until("the downtime to pass", || (down.elapsed() >= DOWNTIME).then_some(()));

    let _arbiter = network.start_arbiter();
    for player in [&watcher, &liar] {
        player.signal("CONT");
    }
    let after = until("the verdict", || {
        let disputes = network.json("requester", &["disputes"]);
        let dispute = disputes.as_array().unwrap().first().cloned().unwrap();
        (!dispute["ended_ms"].is_null()).then_some(dispute)
    });
    assert_eq!(after["claim"], before["claim"]);
    assert_eq!(after["counter_root"], before["counter_root"]);
    assert_eq!(after["phase"], "executor_fault", "{after}");
    let claims = network.json("requester", &["claims"]);
    let disputed = claims.as_array().unwrap().iter().find(|claim| claim["claim"] == after["claim"]);
    assert_eq!(disputed.unwrap()["phase"], "rejected");
    // The liar lost one bond of 100, and only that one; the challenger was paid.
    let worth = |key: &str| {
        let balance = network.json("requester", &["balance", key]);
        balance["free_micro"].as_u64().unwrap() + balance["bonds_micro"].as_u64().unwrap()
    };
    let lost = 1_000_000_000 - worth(&executor);
    assert!((97_000_000..=100_000_000).contains(&lost), "the executor lost {lost}");
    assert!(worth(&challenger) > 1_000_000_000, "the challenger was not paid");
}
