//! `gainsay params` and `gainsay announce`.

use anyhow::{Context, Result};
use clap::Args;
use gainsay_player::ArbiterClient;
use gainsay_protocol::{Announce, DeepLayer, Message, Millis, Params, Service};
use serde::Serialize;

use super::args::Output;
use super::config::Config;
use super::print;

/// Flags of `params`.
#[derive(Debug, Args)]
pub struct ParamsArgs {
    /// Also print D_max for a program of this many layers (may be repeated). D_max is printed for every admitted
    /// program anyway.
    #[arg(long = "layers", env = "GAINSAY_LAYERS", value_name = "N", value_delimiter = ',')]
    pub layers: Vec<u32>,
    /// Gaps in the arbiter's service for which D_max allows.
    #[arg(long, env = "GAINSAY_GAPS", value_name = "N", default_value_t = 1)]
    pub gaps: u32,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `announce`.
#[derive(Debug, Args)]
pub struct AnnounceArgs {
    /// In how many seconds of serving time they come into force; not sooner than the notice of those in force.
    #[arg(long = "in", env = "GAINSAY_ANNOUNCE_IN_S", value_name = "SECONDS")]
    pub in_s: u64,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

#[derive(Serialize)]
struct View {
    network: String,
    now_ms: u64,
    in_force: InForce,
    announced: Vec<Announced>,
    bounds: Vec<Bound>,
    d_max: Vec<Delay>,
}

#[derive(Serialize)]
struct Announced {
    from_ms: u64,
    params: InForce,
}

#[derive(Serialize)]
struct InForce {
    name: String,
    arbiter: String,
    operator: String,
    arity: u32,
    window_ms: u64,
    reveal_ms: u64,
    budget_ms: u64,
    grace_ms: u64,
    lease_ms: u64,
    executor_bond_micro: u64,
    challenger_bond_micro: u64,
    payout_percent: u8,
    rewarded_commitments: u32,
    judgement_cost_micro: u64,
    dispute_cost_micro: u64,
    lapse_fee_micro: u64,
    attempts: u32,
    least_fee_micro: u64,
    challenge_cost_micro: u64,
    proof_cost_micro: u64,
    withdrawal_delay_ms: u64,
    open_claims: u32,
    exposure_micro: u64,
    notice_ms: u64,
}

/// What a bond can pay, and what it must be able to pay.
#[derive(Serialize)]
struct Bound {
    bond: &'static str,
    pays_at_most_micro: u64,
    must_cover_micro: u64,
    what: &'static str,
}

#[derive(Serialize)]
struct Delay {
    program: Option<String>,
    layers: u32,
    rounds: u64,
    /// The most in any layer that goes on below, once its sub-roots are there.
    rounds_below: u64,
    d_max_ms: u64,
}

fn in_force(params: &Params) -> InForce {
    InForce {
        name: params.name.clone(),
        arbiter: params.arbiter.to_string(),
        operator: params.operator.to_string(),
        arity: params.arity.get(),
        window_ms: params.window.0,
        reveal_ms: params.reveal.0,
        budget_ms: params.budget.0,
        grace_ms: params.grace.0,
        lease_ms: params.lease.0,
        executor_bond_micro: params.executor_bond.0,
        challenger_bond_micro: params.challenger_bond.0,
        payout_percent: params.payout_percent,
        rewarded_commitments: params.rewarded_commitments,
        judgement_cost_micro: params.judgement_cost.0,
        dispute_cost_micro: params.dispute_cost.0,
        lapse_fee_micro: params.lapse_fee.0,
        attempts: params.attempts,
        least_fee_micro: params.least_fee.0,
        challenge_cost_micro: params.ledger.challenge_cost.0,
        proof_cost_micro: params.ledger.proof_cost.0,
        withdrawal_delay_ms: params.ledger.withdrawal_delay.0,
        open_claims: params.ledger.open_claims,
        exposure_micro: params.ledger.exposure.0,
        notice_ms: params.ledger.notice.0,
    }
}

fn bounds(params: &Params) -> Vec<Bound> {
    let share = |bond: gainsay_protocol::Amount| bond.percent(params.payout_percent).0;
    vec![
        Bound {
            bond: "executor_bond",
            pays_at_most_micro: share(params.executor_bond),
            must_cover_micro: params.refunds().0,
            what: "a judgement, a proof, and the inference and moves of every rewarded challenger",
        },
        Bound {
            bond: "challenger_bond",
            pays_at_most_micro: share(params.challenger_bond),
            must_cover_micro: params.dispute_cost.0,
            what: "an executor's cost of a whole dispute",
        },
    ]
}

fn delay(
    params: &Params,
    program: Option<String>,
    (layers, below): (u32, &[DeepLayer]),
    gaps: u32,
) -> Result<Delay> {
    let service = Service::assured(params, gaps);
    let wrong = || format!("no program has {layers} layers, or no layer so many steps");
    let mut rounds_below = 0;
    for deep in below {
        rounds_below = rounds_below.max(params.rounds_below(deep).with_context(wrong)?);
    }
    Ok(Delay {
        program,
        layers,
        rounds: params.rounds(layers).with_context(wrong)?,
        rounds_below,
        d_max_ms: params.d_max(layers, below, &service).with_context(wrong)?.0,
    })
}

/// Runs `gainsay params`.
pub async fn params(client: &ArbiterClient, args: &ParamsArgs) -> Result<()> {
    let (schedule, now) = client.schedule().await.context("cannot read the parameters")?;
    let params = schedule.at(now);
    params.check().context("the arbiter's parameters break a bound")?;
    let mut d_max = Vec::new();
    for artifact in client.artifacts().await.context("cannot list the artifacts")? {
        for program in &artifact.programs {
            let layers = u32::try_from(program.layers.len()).unwrap_or(u32::MAX);
            let name = format!("{}/{}", artifact.name, program.name);
            d_max.push(delay(params, Some(name), (layers, &program.below), args.gaps)?);
        }
    }
    for layers in &args.layers {
        d_max.push(delay(params, None, (*layers, &[]), args.gaps)?);
    }
    let view = View {
        network: params.network().0.to_string(),
        now_ms: now.0,
        in_force: in_force(params),
        announced: schedule
            .announced(now)
            .map(|change| Announced { from_ms: change.from.0, params: in_force(&change.params) })
            .collect(),
        bounds: bounds(params),
        d_max,
    };
    print(args.output, &view, || tell(&view))
}

fn lines(params: &InForce) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(params) else {
        return Vec::new();
    };
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    fields.iter().map(|(name, value)| (name.clone(), shown(value))).collect()
}

fn tell(view: &View) {
    println!("network {}\nserving time {} ms\n\nin force", view.network, view.now_ms);
    let now = lines(&view.in_force);
    for (name, value) in &now {
        println!("  {name:<24} {value}");
    }
    for change in &view.announced {
        println!("\nfrom {} ms on", change.from_ms);
        for ((name, value), (_, before)) in lines(&change.params).iter().zip(&now) {
            if value != before {
                println!("  {name:<24} {value} (now {before})");
            }
        }
    }
    println!("\nbounds");
    for bound in &view.bounds {
        println!(
            "  {}: {} of at most {} micro-credits are for {}",
            bound.bond, bound.must_cover_micro, bound.pays_at_most_micro, bound.what
        );
    }
    println!("\nD_max, from a claim to its end");
    for delay in &view.d_max {
        let program = delay.program.as_deref().unwrap_or("any program");
        println!(
            "  {program} ({} layers, {} rounds, {} more below a layer): {} ms",
            delay.layers, delay.rounds, delay.rounds_below, delay.d_max_ms
        );
    }
}

/// Runs `gainsay announce`: the configuration's `[network]` section, from a later time on.
pub async fn announce(client: &ArbiterClient, config: &Config, args: &AnnounceArgs) -> Result<()> {
    let params = config.network.params(client.arbiter()).context("the configuration")?;
    let now = client.now().await.context("cannot read the serving time")?;
    let from = now.after(Millis(args.in_s.saturating_mul(1000)));
    let receipt = client
        .submit(Message::Announce(Announce { from, params: Box::new(params) }))
        .await
        .context("the announcement was refused")?;
    let told = serde_json::json!({
        "from_ms": from.0,
        "message": receipt.message.0.to_string(),
        "log_index": receipt.index,
    });
    print(args.output, &told, || {
        println!("announced: in force from {} ms of serving time on", from.0);
    })
}
