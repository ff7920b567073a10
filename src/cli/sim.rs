//! `gainsay sim`: games of the whole network in virtual time, from a seed, with every invariant checked.

use anyhow::{Result, bail};
use clap::Args;
use gainsay_sim::{Campaign, Faults, Lines, Played, Replays, Setting, campaign, play};
use serde::Serialize;

use super::args::Output;
use super::print;

/// Flags of `sim`.
#[derive(Debug, Clone, Args)]
pub struct SimArgs {
    /// How many games.
    #[arg(long, env = "GAINSAY_SIM_GAMES", value_name = "N", default_value = "1000")]
    pub games: u64,
    /// Decides all of them.
    #[arg(long, env = "GAINSAY_SIM_SEED", value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Play every game twice; both must be the same.
    #[arg(long, env = "GAINSAY_SIM_TWICE")]
    pub twice: bool,
    /// Play one game again: the seed that a failing one is reported with, decimal or 0x.
    #[arg(long, env = "GAINSAY_SIM_GAME_SEED", value_name = "N", value_parser = number)]
    pub game_seed: Option<u64>,
    /// Of one game, print every event.
    #[arg(long, env = "GAINSAY_SIM_TRACE", requires = "game_seed")]
    pub trace: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

fn number(text: &str) -> Result<u64, std::num::ParseIntError> {
    match text.strip_prefix("0x") {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16),
        None => text.parse(),
    }
}

#[derive(Serialize)]
struct Report {
    games: u64,
    seed: String,
    digest: String,
    events: u64,
    log_entries: u64,
    players: u64,
    claims: u64,
    finals: u64,
    rejected: u64,
    cancelled: u64,
    disputes: u64,
    disputes_below_a_layer: u64,
    pairs_of_sub_roots: u64,
    judged_steps: u64,
    judged_chunks: u64,
    opened_canaries: u64,
    arbiter_crashes: u64,
    serving_ms: u64,
    failed: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    game_seed: String,
    violated: Vec<String>,
    /// What the smallest game needs that still fails, if it was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_faults: Option<Vec<&'static str>>,
}

/// Runs `gainsay sim`; an error if an invariant does not hold.
pub fn run(args: &SimArgs) -> Result<()> {
    match args.game_seed {
        Some(seed) => one(args, seed),
        None => many(args),
    }
}

fn many(args: &SimArgs) -> Result<()> {
    let bar = indicatif::ProgressBar::new(args.games);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:32} {pos}/{len} games {msg}") {
        bar.set_style(style);
    }
    let replays = if args.twice { Replays::Twice } else { Replays::Once };
    let played = campaign(args.seed, args.games, replays, |played| {
        if let Some(violation) = played.violations.first() {
            bar.set_message(format!(
                "{:#018x} violates {}",
                played.setting.seed, violation.invariant
            ));
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    let report = report(args.seed, &played);
    print(args.output, &report, || tell(&report))?;
    if played.failed.is_empty() { Ok(()) } else { bail!("{}", played.report()) }
}

fn report(seed: u64, played: &Campaign) -> Report {
    let failed = played.failed.iter().map(|failed| {
        let shrunk = played.shrunk.iter().find(|s| s.played.setting.seed == failed.setting.seed);
        let faults = |faults: Faults| faults.iter().map(|fault| fault.name()).collect();
        Failure {
            game_seed: format!("{:#018x}", failed.setting.seed),
            violated: violated(failed),
            needs_faults: shrunk.map(|shrunk| faults(shrunk.played.setting.faults)),
        }
    });
    let tally = played.tally;
    Report {
        games: played.games,
        seed: seed.to_string(),
        digest: played.digest.to_string(),
        events: tally.events,
        log_entries: tally.entries,
        players: tally.players,
        claims: tally.claims,
        finals: tally.finals,
        rejected: tally.rejected,
        cancelled: tally.cancelled,
        disputes: tally.disputes,
        disputes_below_a_layer: tally.below,
        pairs_of_sub_roots: tally.pairs,
        judged_steps: tally.steps,
        judged_chunks: tally.chunks,
        opened_canaries: tally.canaries,
        arbiter_crashes: tally.crashes,
        serving_ms: tally.serving_ms,
        failed: failed.collect(),
    }
}

fn violated(played: &Played) -> Vec<String> {
    let tell =
        |violation: &gainsay_sim::Violation| format!("{}: {}", violation.invariant, violation.what);
    played.violations.iter().map(tell).collect()
}

fn tell(report: &Report) {
    let Report { games, events, log_entries, players, claims, disputes, .. } = report;
    println!(
        "{games} games from seed {}: {players} participants, {events} events, {log_entries} log entries",
        report.seed
    );
    println!(
        "{claims} claims: {} final, {} rejected, {} cancelled; {disputes} disputes; the arbiter crashed {} times",
        report.finals, report.rejected, report.cancelled, report.arbiter_crashes
    );
    println!(
        "{} disputes went below a layer, in {} pairs of sub-roots; {} steps were judged, {} of them by one chunk; {} canaries were opened",
        report.disputes_below_a_layer,
        report.pairs_of_sub_roots,
        report.judged_steps,
        report.judged_chunks,
        report.opened_canaries
    );
    println!("digest {}", report.digest);
    if report.failed.is_empty() {
        println!("every invariant held after every event");
    }
}

fn one(args: &SimArgs, seed: u64) -> Result<()> {
    let lines = if args.trace { Lines::All } else { Lines::Last };
    let played = play(Setting::of(seed), lines);
    let again = play(Setting::of(seed), lines);
    let failure = Failure {
        game_seed: format!("{seed:#018x}"),
        violated: violated(&played),
        needs_faults: None,
    };
    print(args.output, &failure, || {
        for line in &played.lines {
            println!("{line}");
        }
        println!("digest {}", played.digest);
    })?;
    if again != played {
        bail!("the game came out otherwise the second time: digest {}", again.digest);
    }
    if let Some(violation) = played.violations.first() {
        bail!("{} does not hold: {}", violation.invariant, violation.what);
    }
    Ok(())
}
