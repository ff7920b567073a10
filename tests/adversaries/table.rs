//! `docs/adversaries.md` says what the code has: kinds, coalitions, and the other tests that it names.

use std::fmt::Write;
use std::path::Path;

use crate::coalitions::COALITIONS;
use crate::kinds::{self, Role};

/// What has a test of its own: the attack, what stops it, the file, the test.
const BY_THEMSELVES: [(&str, &str, &str, &str); 15] = [
    (
        "a swarm of a thousand keys on one claim",
        "one dispute, one replay; every key locks a bond",
        "tests/adversaries/main.rs",
        "a_thousand_sybils_on_one_claim_gain_nothing_and_hold_up_nobody",
    ),
    (
        "the arbiter is killed or restarts in the middle of a dispute",
        "`downtime_free`, `prefix_recovery`",
        "tests/crash.rs",
        "a_dispute_ends_as_it_would_have_after_the_arbiter_was_killed_in_the_middle",
    ),
    (
        "a crash at every step of a dispute",
        "`prefix_recovery`",
        "arbiter/tests/daemon/restart.rs",
        "a_crash_at_every_step_of_a_dispute_changes_nothing_about_its_end",
    ),
    (
        "flooding or an outage timed against a clock",
        "`downtime_free`: serving time stands still",
        "arbiter/tests/daemon/restart.rs",
        "downtime_is_on_nobodys_clock_and_serving_time_never_goes_back",
    ),
    (
        "a false alarm below a layer",
        "the chunk's replay",
        "arbiter/tests/daemon/below.rs",
        "a_false_alarm_below_a_layer_loses_and_the_claim_stands",
    ),
    (
        "a lie in any one operator of a layer over the budget",
        "the chunk's replay",
        "arbiter/tests/daemon/below.rs",
        "a_lie_in_one_operator_of_a_layer_over_the_budget_is_judged_by_one_chunk",
    ),
    (
        "the same lie told again to make the arbiter replay it",
        "replays are remembered by content",
        "arbiter/tests/daemon/disputes.rs",
        "the_same_lie_told_again_is_not_replayed_again",
    ),
    (
        "admitted bytes that vanish: the arbiter's own fault",
        "an incident: refunds, and the artifact is suspended",
        "arbiter/tests/daemon/disputes.rs",
        "what_cannot_be_judged_costs_nobody_and_suspends_the_artifact",
    ),
    (
        "an artifact damaged on the arbiter's disk",
        "no job is taken on it",
        "arbiter/tests/daemon/restart.rs",
        "an_artifact_that_is_damaged_on_disk_takes_no_jobs_and_others_do",
    ),
    (
        "uploads that fill the disk",
        "a quota for each key",
        "arbiter/tests/daemon/refusals.rs",
        "uploads_over_the_quota_are_refused",
    ),
    (
        "frames of a wrong version, length, checksum or encoding",
        "`hostile_bytes_safe`",
        "network/src/server/tests.rs",
        "bad_frames_are_refused_by_name_and_the_connection_stays_usable",
    ),
    (
        "a length prefix of 4 GiB",
        "compared before a byte is reserved",
        "network/src/server/tests.rs",
        "an_announced_length_over_the_limit_is_refused_before_the_payload_is_sent",
    ),
    (
        "requests that dribble",
        "a time limit for each frame",
        "network/src/server/tests.rs",
        "a_request_that_dribbles_is_refused_in_time",
    ),
    (
        "handshakes that are begun and left",
        "a time limit and a quota",
        "network/src/server/tests.rs",
        "a_handshake_that_is_begun_and_left_ends_in_time",
    ),
    (
        "every kind beside loss, delay, crashes and wrong clocks, in virtual time",
        "every invariant after every event",
        "sim/tests/games.rs",
        "a_thousand_games_violate_nothing_and_each_seed_is_its_game",
    ),
];

fn test_of(role: Role) -> &'static str {
    match role {
        Role::Executor => "an_executor_that_attacks_loses_and_costs_nobody_honest_anything",
        Role::Challenger => "a_challenger_that_attacks_loses_and_costs_nobody_honest_anything",
        Role::Both => "attacking_from_both_sides_loses_and_costs_nobody_honest_anything",
        Role::Requester | Role::Line => {
            "requesters_and_peers_that_attack_gain_nothing_and_hold_up_nobody"
        }
    }
}

/// The tables as the document must have them.
fn tables() -> String {
    let mut out = String::from(
        "| kind | side | what it tries | what stops it | test |\n|---|---|---|---|---|\n",
    );
    for kind in kinds::all() {
        let (name, side, test) = (kind.name(), kind.role().name(), test_of(kind.role()));
        let (tries, stopped_by) = (kind.tries(), kind.stopped_by());
        writeln!(out, "| {name} | {side} | {tries} | {stopped_by} | `{test}` |").unwrap();
    }
    out.push_str("\n## Coalitions\n\n");
    for members in COALITIONS {
        writeln!(out, "- {}", members.join(", ")).unwrap();
    }
    out.push_str("\n## Tested by themselves\n\n| attack | what stops it | test |\n|---|---|---|\n");
    for (attack, stopped_by, file, test) in BY_THEMSELVES {
        writeln!(out, "| {attack} | {stopped_by} | `{file}`: `{test}` |").unwrap();
    }
    out
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_document_lists_every_kind_and_every_test_that_it_names_is_there() {
    let document = read("docs/adversaries.md");
    let at = document.find("| kind |").expect("the document has the table");
    let (found, expected) = (&document[at..], tables());
    assert!(found == expected, "docs/adversaries.md from `| kind |` on must be:\n\n{expected}");
    for (_, _, file, test) in BY_THEMSELVES {
        assert!(read(file).contains(&format!("fn {test}(")), "{file} has no {test}");
    }
    let here = read("tests/adversaries/main.rs");
    for kind in kinds::all() {
        assert!(here.contains(&format!("fn {}(", test_of(kind.role()))), "{}", kind.name());
    }
    let names: std::collections::BTreeSet<_> =
        kinds::all().iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds::all().len(), "a name is given twice");
    assert!(COALITIONS.iter().all(|members| members.iter().all(|name| names.contains(name))));
}
