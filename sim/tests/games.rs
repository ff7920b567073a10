//! Games from seeds: no invariant is violated, and a seed is its game.

/// Games in CI; `GAINSAY_SIM_GAMES` asks for more.
fn count() -> u64 {
    std::env::var("GAINSAY_SIM_GAMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

#[test]
fn a_thousand_games_violate_nothing_and_each_seed_is_its_game() {
    let summary = gainsay_sim::campaign(1, count(), gainsay_sim::Replays::Twice, |_| {});
    println!("{:?}", summary.tally);
    assert!(summary.failed.is_empty(), "{}", summary.report());
}
