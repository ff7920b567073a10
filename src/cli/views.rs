//! `gainsay claims`, `gainsay disputes` and `gainsay show`.

use anyhow::{Context, Result};
use gainsay_player::ArbiterClient;
use gainsay_protocol::{ClaimPhase, ClaimState, Dispute, DisputePhase, JobState};
use serde::Serialize;

use super::args::{ListArgs, ShowArgs};
use super::print;

/// Where a claim stands, in a word.
pub fn claim_phase(claim: &ClaimState) -> &'static str {
    match claim.phase {
        ClaimPhase::Window => "window",
        ClaimPhase::Revealing => "revealing",
        ClaimPhase::Disputed => "disputed",
        ClaimPhase::Running => "running",
        ClaimPhase::Ended(outcome) => outcome.name(),
    }
}

#[derive(Serialize)]
struct ClaimLine {
    claim: String,
    job: String,
    attempt: u32,
    executor: String,
    phase: String,
    root: String,
    challenges: usize,
    disputes: usize,
}

#[derive(Serialize)]
struct DisputeLine {
    claim: String,
    counter_root: String,
    phase: String,
    layer: Option<u32>,
    layers: u32,
    rounds: u32,
    bytes: u64,
    began_ms: u64,
    ended_ms: Option<u64>,
    challengers: Vec<String>,
}

#[derive(Serialize)]
struct JobView {
    job: String,
    artifact: String,
    program: u32,
    requester: String,
    phase: String,
    attempt: u32,
    fee_micro: u64,
    deadline_ms: u64,
    claims: Vec<ClaimView>,
}

#[derive(Serialize)]
struct ClaimView {
    #[serde(flatten)]
    line: ClaimLine,
    outputs: Vec<String>,
    disputes_on_it: Vec<DisputeLine>,
}

fn claim_line(job: &JobState, claim: &ClaimState) -> ClaimLine {
    ClaimLine {
        claim: claim.id.0.0.to_string(),
        job: job.id.0.0.to_string(),
        attempt: claim.claim.attempt,
        executor: claim.executor.to_string(),
        phase: claim_phase(claim).to_owned(),
        root: claim.claim.root.to_string(),
        challenges: claim.challenges.len() + claim.forfeited.len(),
        disputes: claim.disputes.len(),
    }
}

fn dispute_line(claim: &ClaimState, dispute: &Dispute) -> DisputeLine {
    let phase = match &dispute.phase {
        DisputePhase::Dissecting { .. } => "dissecting",
        DisputePhase::AwaitingEvidence { .. } => "awaiting evidence",
        DisputePhase::Judging { .. } => "judging",
        DisputePhase::Below { .. } => "below a layer",
        DisputePhase::Ended { outcome, .. } => outcome.name(),
    };
    let members = claim.members(dispute.counter_root);
    DisputeLine {
        claim: claim.id.0.0.to_string(),
        counter_root: dispute.counter_root.to_string(),
        phase: phase.to_owned(),
        layer: dispute.layer(),
        layers: claim.claim.layers,
        rounds: dispute.rounds,
        bytes: dispute.bytes,
        began_ms: dispute.since.0,
        ended_ms: dispute.ended.map(|ended| ended.0),
        challengers: members.map(|member| member.challenger.to_string()).collect(),
    }
}

/// Every job that has come to a claim, whole.
async fn claimed_jobs(client: &ArbiterClient, live: bool) -> Result<Vec<JobState>> {
    let mut summaries = Vec::new();
    if live {
        summaries = client.live_jobs().await.context("cannot list the jobs")?;
    } else {
        loop {
            let page = client.jobs(summaries.len() as u64).await.context("cannot list the jobs")?;
            if page.is_empty() {
                break;
            }
            summaries.extend(page);
        }
    }
    let mut jobs = Vec::new();
    for summary in summaries.iter().filter(|summary| summary.claim.is_some()) {
        jobs.extend(client.job(summary.id).await.context("cannot read a job")?);
    }
    Ok(jobs)
}

/// Runs `gainsay claims`.
pub async fn claims(client: &ArbiterClient, args: &ListArgs) -> Result<()> {
    let jobs = claimed_jobs(client, args.live).await?;
    let lines: Vec<ClaimLine> = jobs
        .iter()
        .flat_map(|job| job.claims.iter().map(move |claim| (job, claim)))
        .filter(|(_, claim)| !args.live || claim.outcome().is_none())
        .map(|(job, claim)| claim_line(job, claim))
        .collect();
    print(args.output, &lines, || {
        println!(
            "{:<64}  {:<9}  {:<8}  {:>10}  {:>8}",
            "claim", "phase", "executor", "challenges", "disputes"
        );
        for line in &lines {
            let executor = line.executor.get(..8).unwrap_or_default();
            println!(
                "{}  {:<9}  {executor}  {:>10}  {:>8}",
                line.claim, line.phase, line.challenges, line.disputes
            );
        }
    })
}

/// Runs `gainsay disputes`.
pub async fn disputes(client: &ArbiterClient, args: &ListArgs) -> Result<()> {
    let jobs = claimed_jobs(client, args.live).await?;
    let lines: Vec<DisputeLine> = jobs
        .iter()
        .flat_map(|job| &job.claims)
        .flat_map(|claim| claim.disputes.iter().map(move |dispute| (claim, dispute)))
        .filter(|(_, dispute)| !args.live || dispute.outcome().is_none())
        .map(|(claim, dispute)| dispute_line(claim, dispute))
        .collect();
    print(args.output, &lines, || {
        println!(
            "{:<64}  {:<18}  {:>7}  {:>6}  {:>8}",
            "claim", "phase", "layer", "rounds", "bytes"
        );
        for line in &lines {
            let layer =
                line.layer.map_or("-".to_owned(), |layer| format!("{layer}/{}", line.layers));
            println!(
                "{}  {:<18}  {layer:>7}  {:>6}  {:>8}",
                line.claim, line.phase, line.rounds, line.bytes
            );
        }
    })
}

/// Runs `gainsay show`.
pub async fn show(client: &ArbiterClient, args: &ShowArgs) -> Result<()> {
    let job = client.find(args.id).await.context("cannot look it up")?;
    let job = job.with_context(|| {
        format!("the arbiter knows no job, take, claim or challenge {}", args.id)
    })?;
    let claims = job
        .claims
        .iter()
        .map(|claim| ClaimView {
            line: claim_line(&job, claim),
            outputs: claim.claim.outputs.iter().map(|output| output.content.to_string()).collect(),
            disputes_on_it: claim
                .disputes
                .iter()
                .map(|dispute| dispute_line(claim, dispute))
                .collect(),
        })
        .collect();
    let view = JobView {
        job: job.id.0.0.to_string(),
        artifact: job.job.artifact.0.to_string(),
        program: job.job.program,
        requester: job.requester.to_string(),
        phase: job.phase.name().to_owned(),
        attempt: job.attempt,
        fee_micro: job.job.fee.0,
        deadline_ms: job.job.deadline.0,
        claims,
    };
    print(args.output, &view, || tell(&job, &view))
}

fn tell(job: &JobState, view: &JobView) {
    println!("job       {}\nphase     {}\nartifact  {}", view.job, view.phase, view.artifact);
    println!("requester {}\nfee       {}", view.requester, job.job.fee);
    for claim in &view.claims {
        let line = &claim.line;
        println!(
            "\nclaim     {}\nattempt   {}\nphase     {}",
            line.claim, line.attempt, line.phase
        );
        println!("executor  {}\nroot      {}", line.executor, line.root);
        for dispute in &claim.disputes_on_it {
            let layer = dispute.layer.map_or("not found yet".to_owned(), |layer| layer.to_string());
            println!(
                "  dispute with {}\n    {}, layer {layer} of {}, {} rounds, {} bytes",
                dispute.counter_root, dispute.phase, dispute.layers, dispute.rounds, dispute.bytes
            );
            for challenger in &dispute.challengers {
                println!("    challenger {challenger}");
            }
        }
    }
}
