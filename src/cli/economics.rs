//! `gainsay economics`: what each role can expect, the smallest bond and the smallest sampling rate.

use anyhow::{Context, Result};
use clap::Args;
use gainsay_protocol::economics::{Liar, Market};
use gainsay_protocol::{Amount, Keypair, Millis};
use serde::Serialize;

use super::args::{Output, credits};
use super::config::Config;
use super::print;

/// Flags of `economics`. Amounts are in credits; what is left out is taken from the configuration's [network] section.
#[derive(Debug, Args)]
pub struct EconomicsArgs {
    /// What a final claim earns, in credits.
    #[arg(long, env = "GAINSAY_FEE", value_name = "CREDITS", default_value = "1", value_parser = credits)]
    pub fee: Amount,
    /// What one inference costs whoever runs it, in credits.
    #[arg(long, env = "GAINSAY_COMPUTE_COST", value_name = "CREDITS", default_value = "0.5", value_parser = credits)]
    pub compute_cost: Amount,
    /// What a wrong claim costs to make, in credits.
    #[arg(long, env = "GAINSAY_CHEAT_COST", value_name = "CREDITS", default_value = "0", value_parser = credits)]
    pub cheat_cost: Amount,
    /// What all moves of the winning side of a dispute cost, in credits.
    #[arg(long, env = "GAINSAY_MOVE_COST", value_name = "CREDITS", default_value = "0", value_parser = credits)]
    pub move_cost: Amount,
    /// What a liar gains elsewhere when its wrong claim becomes final, in credits.
    #[arg(long, env = "GAINSAY_FRAUD_GAIN", value_name = "CREDITS", default_value = "10", value_parser = credits)]
    pub fraud_gain: Amount,
    /// The executor's bond, in credits; the configured one if left out.
    #[arg(long, env = "GAINSAY_BOND", value_name = "CREDITS", value_parser = credits)]
    pub bond: Option<Amount>,
    /// How long a bond is locked, in seconds; the configured window and reveal time if left out.
    #[arg(long, env = "GAINSAY_WINDOW_S", value_name = "SECONDS")]
    pub window_s: Option<u64>,
    /// What locked money would earn elsewhere, as a share per year: 0.05 is five percent.
    #[arg(long, env = "GAINSAY_CAPITAL_RATE", value_name = "SHARE", default_value_t = 0.05)]
    pub capital_rate: f64,
    /// The share of claims that each challenger re-runs, from 0 to 1.
    #[arg(long, env = "GAINSAY_SAMPLE", value_name = "RATE", default_value_t = 0.1)]
    pub sample: f64,
    /// How many challengers watch, each on its own.
    #[arg(long, env = "GAINSAY_CHALLENGERS", value_name = "N", default_value_t = 3)]
    pub challengers: u32,
    /// The share of the executors' own claims that are wrong, from 0 to 1.
    #[arg(long, env = "GAINSAY_FRAUD_RATE", value_name = "RATE", default_value_t = 0.01)]
    pub fraud_rate: f64,
    /// The share of all claims that are canaries, from 0 to 1.
    #[arg(long, env = "GAINSAY_CANARY_RATE", value_name = "RATE", default_value_t = 0.0)]
    pub canary_rate: f64,
    /// What catching a canary pays beside the slash, in credits.
    #[arg(long, env = "GAINSAY_CANARY_BONUS", value_name = "CREDITS", default_value = "0", value_parser = credits)]
    pub canary_bonus: Amount,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Expected values per claim, in micro-credits; shares from 0 to 1.
#[derive(Serialize)]
struct Report {
    detection: f64,
    honest_executor_micro: f64,
    liar_alone_micro: f64,
    liar_coalition_micro: f64,
    challenger_micro: f64,
    requester_micro: f64,
    treasury_micro: f64,
    burned_micro: f64,
    operator_micro: f64,
    wrong: f64,
    wrong_and_final: f64,
    smallest_bond_alone_micro: Option<f64>,
    smallest_bond_coalition_micro: Option<f64>,
    smallest_sampling_alone: Option<f64>,
    smallest_sampling_coalition: Option<f64>,
    break_even_fraud_rate: Option<f64>,
    smallest_canary_rate: Option<f64>,
}

/// Runs `gainsay economics`.
pub fn run(config: &Config, args: &EconomicsArgs) -> Result<()> {
    // Whose network it is makes no difference here.
    let anyone = Keypair::from_seed(&[1; 32]).key();
    let params = config.network.params(anyone)?;
    let defaults = Market::of(&params);
    let market = Market {
        fee: args.fee,
        compute_cost: args.compute_cost,
        cheat_cost: args.cheat_cost,
        move_cost: args.move_cost,
        fraud_gain: args.fraud_gain,
        executor_bond: args.bond.unwrap_or(defaults.executor_bond),
        locked: args.window_s.map_or(defaults.locked, |s| Millis(s.saturating_mul(1000))),
        capital_rate: args.capital_rate,
        challengers: args.challengers,
        sampling: args.sample,
        fraud_rate: args.fraud_rate,
        canary_rate: args.canary_rate,
        canary_bonus: args.canary_bonus,
        ..defaults
    };
    market.check().context("the figures cannot be used")?;
    let report = report(&market);
    print(args.output, &report, || tell(&report))
}

fn report(market: &Market) -> Report {
    let outlook = market.outlook();
    Report {
        detection: outlook.detection,
        honest_executor_micro: outlook.honest_executor,
        liar_alone_micro: outlook.liar_alone,
        liar_coalition_micro: outlook.liar_coalition,
        challenger_micro: outlook.challenger,
        requester_micro: outlook.requester,
        treasury_micro: outlook.treasury,
        burned_micro: outlook.burned,
        operator_micro: outlook.operator,
        wrong: market.wrong(),
        wrong_and_final: outlook.wrong_and_final,
        smallest_bond_alone_micro: market.smallest_bond(Liar::Alone),
        smallest_bond_coalition_micro: market.smallest_bond(Liar::Coalition),
        smallest_sampling_alone: market.smallest_sampling(Liar::Alone),
        smallest_sampling_coalition: market.smallest_sampling(Liar::Coalition),
        break_even_fraud_rate: market.break_even_fraud_rate(),
        smallest_canary_rate: market.smallest_canary_rate(),
    }
}

fn tell(report: &Report) {
    let in_credits = |micro: f64| format!("{:.6}", micro / 1e6);
    println!("expected per claim, in credits");
    for (who, micro) in [
        ("an honest executor", report.honest_executor_micro),
        ("a lying executor", report.liar_alone_micro),
        ("a liar with accomplices", report.liar_coalition_micro),
        ("each challenger", report.challenger_micro),
        ("the requester", report.requester_micro),
        ("the treasury", report.treasury_micro),
        ("burned", report.burned_micro),
        ("the operator, for canaries", report.operator_micro),
    ] {
        println!("  {who:<28}{:>20}", in_credits(micro));
    }
    println!("\nprobabilities");
    println!("  {:<28}{:>20.6}", "a lie is caught", report.detection);
    println!("  {:<28}{:>20.6}", "a claim is wrong", report.wrong);
    println!("  {:<28}{:>20.6}", "it is, and becomes final", report.wrong_and_final);
    println!("\nsmallest for which a lie loses      alone      with accomplices");
    let bond = |bond: Option<f64>| bond.map_or("none".to_owned(), in_credits);
    let share = |rate: Option<f64>| rate.map_or("none".to_owned(), |rate| format!("{rate:.6}"));
    println!(
        "  bond, credits        {:>18}{:>22}",
        bond(report.smallest_bond_alone_micro),
        bond(report.smallest_bond_coalition_micro)
    );
    println!(
        "  sampling rate        {:>18}{:>22}",
        share(report.smallest_sampling_alone),
        share(report.smallest_sampling_coalition)
    );
    match report.break_even_fraud_rate {
        Some(rate) => {
            println!("\nlooking pays for itself if at least {rate:.6} of claims are wrong")
        }
        None => println!("\nlooking does not pay for itself, however many claims are wrong"),
    }
    match report.smallest_canary_rate {
        Some(0.0) => println!("no canaries are needed for it"),
        Some(rate) => println!("with this bonus it does once {rate:.6} of claims are canaries"),
        None => println!("no share of canaries with this bonus makes it pay"),
    }
}
