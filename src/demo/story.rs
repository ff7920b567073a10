//! What the demo tells a person at its end.

use super::figures::{DisputeFigures, Figures, StepFigures};
use super::pay::Pay;
use super::play::Played;

/// Tells the story of every dispute, then the balances, then the sum.
pub fn tell(played: &Played, figures: &Figures) {
    println!("Disputes");
    for dispute in &figures.disputes {
        let (first, second) = lines(dispute);
        println!("  {first}\n    {second}");
        if let [_, _, ..] = dispute.challengers[..] {
            println!("    all committed the same root and were paid {}", shares(&dispute.rewards));
        }
    }
    shams(figures);
    canaries(figures);
    balances(played);
    if let Some(accuracy) = figures.accuracy {
        println!(
            "\n{:.1}% of the {} final results name the right digit.",
            100.0 * accuracy,
            figures.honest_claims
        );
    }
    println!(
        "\n{} honest claims final, {} frauds caught, {} missed, {} falsely slashed ({:.1} s)",
        figures.honest_claims,
        figures.frauds_caught,
        figures.frauds_missed,
        figures.false_slashes,
        figures.seconds
    );
}

/// A dispute in two lines.
fn lines(dispute: &DisputeFigures) -> (String, String) {
    let challengers = dispute.challengers.join(" and ");
    let (executor, kind) = (&dispute.executor, &dispute.kind);
    let claim = dispute.claim.get(..8).unwrap_or(&dispute.claim);
    let first = if kind == "false-alarm" {
        format!("{challengers} disputed claim {claim} by {executor}, which is correct ({kind})")
    } else {
        format!("{executor} claimed {claim}, which is wrong ({kind}); {challengers} disagreed")
    };
    let rounds = match dispute.rounds {
        0 => "at once".to_owned(),
        1 => "after 1 dissection round".to_owned(),
        rounds => format!("after {rounds} dissection rounds"),
    };
    let rounds = match &dispute.step {
        Some(StepFigures { step, steps, rounds: below }) => {
            format!("{rounds}, operator {step} of {steps} after {below} below it")
        }
        None => rounds,
    };
    let sent = size(dispute.bytes);
    let wall = dispute.wall_ms;
    let verdict = dispute.verdict.replace('_', " ");
    let second = match (dispute.layer, &dispute.layer_name, dispute.replay_ms) {
        (Some(layer), Some(name), Some(replay)) => format!(
            "layer {layer} of {} ({name}) {rounds}, {sent} sent; replayed in {replay:.2} ms: {verdict} ({wall} ms)",
            dispute.layers
        ),
        (Some(layer), Some(name), None) => format!(
            "layer {layer} of {} ({name}) {rounds}, {sent} sent; {verdict} ({wall} ms)",
            dispute.layers
        ),
        _ => format!("not narrowed down, {sent} sent; {verdict} after {wall} ms"),
    };
    (first, second)
}

/// Who was paid what.
fn shares(pay: &[Pay]) -> String {
    let shares = pay.iter().map(|pay| format!("{} {}", credits(pay.micro.into()), pay.name));
    let shares: Vec<String> = shares.collect();
    if shares.is_empty() { "nothing".to_owned() } else { shares.join(", ") }
}

/// What contradicting the truth cost.
fn shams(figures: &Figures) {
    if figures.shams.is_empty() {
        return;
    }
    println!("\nSham challenges");
    for sham in &figures.shams {
        println!(
            "  {} contradicted claim {}, which is correct, and lost its bond of {}: {} to the executor for its trouble, {} burned",
            sham.challenger,
            sham.claim.get(..8).unwrap_or(&sham.claim),
            credits(sham.lost_micro.into()),
            credits(sham.to_executor_micro.into()),
            credits(sham.burned_micro.into()),
        );
    }
}

/// How the operator's planted lies fared.
fn canaries(figures: &Figures) {
    if figures.canaries.is_empty() {
        return;
    }
    println!("\nCanaries: lies that the operator planted to see whether anybody looks");
    for canary in &figures.canaries {
        println!(
            "  job {}: committed to in log entry {}, admitted in {}, revealed in {}: {}{}",
            canary.job.get(..8).unwrap_or(&canary.job),
            canary.committed_log_index,
            canary.admitted_log_index,
            canary.revealed_log_index,
            canary.outcome,
            canary.caught_after_ms.map_or(String::new(), |after| format!(
                " {after} ms after the claim by {}",
                canary.caught_by
            )),
        );
        println!(
            "    a bonus of {} beside the slash: {}",
            credits(canary.bonus_micro.into()),
            shares(&canary.bonuses)
        );
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        _ => format!("{:.1} KiB", bytes as f64 / 1024.0),
    }
}

fn balances(played: &Played) {
    println!("\n{:<14} {:>16} {:>16} {:>16}", "Balances", "before", "after", "change");
    for (_, name, before, after) in &played.accounts {
        let worth = |view: &gainsay_network::api::AccountView| {
            i128::from(view.free.0) + i128::from(view.bonds.0) + i128::from(view.escrow.0)
        };
        let (before, after) = (worth(before), worth(after));
        println!(
            "{name:<14} {:>16} {:>16} {:>+16.6}",
            credits(before),
            credits(after),
            (after - before) as f64 / 1e6
        );
    }
    let totals = &played.totals;
    println!("{:<14} {:>16} {:>16}", "burned", "", totals.burned.to_string());
    println!("{:<14} {:>16} {:>16}", "treasury", "", totals.treasury.to_string());
}

fn credits(micro: i128) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}
