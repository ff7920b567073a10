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

#[test]
fn games_go_below_layers_and_open_canaries() {
    let tally = gainsay_sim::campaign(2, 40, gainsay_sim::Replays::Once, |_| {}).tally;
    println!("{tally:?}");
    assert!(tally.below > 0 && tally.pairs > 0);
    assert!(tally.chunks > 0 && tally.steps > tally.chunks, "chunks and whole steps");
    assert!(tally.canaries > 0);
}
