//! Every check can fail: each rule is broken once, and its invariant is reported by name.

use std::collections::BTreeSet;

use gainsay_sim::{Breakage, INVARIANTS, Lines, Setting, play};

/// Whether a game with that breakage reports the invariant, and the names it reported.
fn seen(breakage: Breakage, invariant: &str) -> Result<u64, BTreeSet<&'static str>> {
    let mut others = BTreeSet::new();
    for seed in 0..60 {
        let setting = Setting { breakage: Some(breakage), ..Setting::of(seed) };
        let violations = play(setting, Lines::Last).violations;
        if violations.iter().any(|violation| violation.invariant == invariant) {
            return Ok(seed);
        }
        others.extend(violations.iter().map(|violation| violation.invariant));
    }
    Err(others)
}

#[test]
fn every_invariant_is_reported_when_its_rule_is_broken() {
    let mut missed = Vec::new();
    for (breakage, invariant) in Breakage::ALL {
        match seen(breakage, invariant) {
            Ok(seed) => println!("{breakage:?}: {invariant} at seed {seed}"),
            Err(others) => missed.push(format!("{breakage:?}: not {invariant} but {others:?}")),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_invariant_has_a_breakage() {
    let broken: BTreeSet<&str> = Breakage::ALL.iter().map(|(_, invariant)| *invariant).collect();
    assert_eq!(broken, BTreeSet::from(INVARIANTS));
}
