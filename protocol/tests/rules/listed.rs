//! `docs/attacks.md` is true: every invariant and every attack has a row there, and every test that it names exists.

use std::collections::BTreeMap;
use std::path::Path;

const INVARIANTS: [&str; 21] = [
    "conservation",
    "bond_ends_once",
    "truth_wins",
    "honest_never_loses",
    "sham_costs",
    "first_divergence",
    "bounded_work",
    "bounded_delay",
    "winnable_stays",
    "no_late_move",
    "downtime_free",
    "terminal_absorbs",
    "once_only",
    "done_by_another",
    "isolation",
    "prefix_recovery",
    "db_is_fold",
    "log_append_only",
    "hostile_bytes_safe",
    "version_gate",
    "one_trace",
];

const ATTACKS: [&str; 42] = [
    "an_accomplice_commits_the_true_root_first_and_stalls",
    "an_executor_that_times_out_to_many_garbage_roots",
    "an_equivocation_proof_as_an_escape_from_challengers",
    "two_planted_lies_so_that_a_sham_root_wins_at_the_later_one",
    "conceding_by_time_out_to_a_sham",
    "delay_by_sequential_stakes",
    "resource_exhaustion_by_many_small_disputes",
    "mass_false_alarms_against_one_executor",
    "self_challenge_to_get_the_bond_back",
    "copying_a_challenge_before_it_lands",
    "copying_a_proof_before_it_lands",
    "free_commitments_that_scare_others_off",
    "sybils_diluting_the_reward",
    "last_second_moves",
    "moves_after_resolution",
    "out_of_order_resolution",
    "bricking_by_many_children",
    "payouts_that_block_each_other",
    "losing_bonds_recycled_by_sybils",
    "a_non_empty_padding_leaf",
    "a_malformed_agreed_state",
    "a_wrong_sub_root_by_a_member_of_the_honest_side",
    "an_artifact_with_withheld_weights",
    "one_giant_layer",
    "a_layer_that_runs_out_of_memory",
    "a_run_longer_than_the_window",
    "garbage_claims_racing_for_jobs",
    "lapsing_leases",
    "re_opening_loops",
    "poisoned_inputs",
    "false_equivocation_by_resending_or_re_opening",
    "withheld_data",
    "replay_of_signed_messages",
    "index_padding_and_length_confusion",
    "referee_outage",
    "clock_jumps",
    "flooding_timed_against_a_clock",
    "clock_arithmetic_that_saturates_and_freezes",
    "lazy_challengers",
    "wrong_version_or_artifact",
    "false_slashing_by_honest_nondeterminism",
    "identical_evidence_in_two_encodings",
];

/// Name, what stops it, and the tests, of every row.
fn rows(page: &str) -> BTreeMap<&str, (&str, Vec<&str>)> {
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, stops, tests, ""] = cells[..] else { panic!("not three cells: {line}") };
        let tests = tests.split_whitespace().map(|test| test.trim_matches('`')).collect();
        assert!(rows.insert(name.trim_matches('`'), (stops, tests)).is_none(), "twice: {name}");
    }
    rows
}

/// Whether a file has a test of that name: an attribute that makes it one stands before the function.
fn has_test(source: &str, name: &str) -> bool {
    let (lines, head) = (source.lines().collect::<Vec<_>>(), format!("fn {name}("));
    let is_test = |at: usize| {
        let before = lines[..at].iter().rev().map(|line| line.trim());
        let mut attributes =
            before.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        attributes.any(|line| line.starts_with("#[test") || line.starts_with("#[tokio::test"))
    };
    let is_head = |line: &str| {
        let line = line.trim().trim_start_matches("async ");
        line.starts_with(&head)
    };
    (0..lines.len()).any(|at| is_head(lines[at]) && is_test(at))
}

#[test]
fn every_invariant_and_attack_has_a_row_and_every_test_named_there_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let page = read(&root.join("docs/attacks.md"));
    let rows = rows(&page);
    assert_eq!(rows.len(), INVARIANTS.len() + ATTACKS.len(), "rows without a name of the lists");
    for name in INVARIANTS.into_iter().chain(ATTACKS) {
        let (stops, tests) = rows.get(name).unwrap_or_else(|| panic!("{name} has no row"));
        assert!(stops.ends_with('.'), "{name}: what stops it is a sentence");
        let first = tests.first().unwrap_or_else(|| panic!("{name} has no test"));
        assert!(first.contains(name), "{first} is not named after {name}");
        for test in tests {
            let (file, function) = test.split_once("::").unwrap_or_else(|| panic!("{test}"));
            assert!(has_test(&read(&root.join(file)), function), "there is no test {test}");
        }
    }
}

#[test]
fn a_test_that_is_not_there_would_be_noticed() {
    let source = "#[test]\n/// Says.\nfn one() {}\n\nfn two() {}\n\n#[test]\n\nfn three() {}\n";
    assert!(has_test(source, "one"));
    assert!(!has_test(source, "on") && !has_test(source, "two") && !has_test(source, "four"));
    assert!(has_test("    #[tokio::test(x)]\n    async fn five() {}", "five"));
    let page = "| `name` | Stops. | `a::b` `c::d` |";
    assert_eq!(rows(page)["name"], ("Stops.", vec!["a::b", "c::d"]));
}
