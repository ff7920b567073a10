//! Games from seeds: no invariant is violated, and a seed is its game.

use gainsay_sim::{Lines, Setting, play, shrink};

fn games(seeds: std::ops::Range<u64>) -> Vec<String> {
    let mut failed = Vec::new();
    for seed in seeds {
        let played = play(Setting::of(seed), Lines::Last);
        if !played.violations.is_empty() {
            let shrunk = shrink(&played);
            let last = &shrunk.played.lines;
            let last = last.get(last.len().saturating_sub(25)..).unwrap_or_default();
            failed.push(format!(
                "{:?}\n{:#?}\n{last:#?}",
                shrunk.played.setting, shrunk.played.violations
            ));
        }
    }
    failed
}

#[test]
fn a_hundred_games_violate_nothing() {
    let failed = games(0..100);
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}
