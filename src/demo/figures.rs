//! The demo's figures: what the arbiter recorded, held against the liars' own journals.
//!
//! A lie is in its liar's journal before it is told, so a lie that nobody noticed is still counted, and a verdict
//! against somebody whose journal has no lie is a false slash.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gainsay_challenger::Alarm;
use gainsay_commitment::Digest;
use gainsay_executor::Lie;
use gainsay_network::api::AccountView;
use gainsay_protocol::{ClaimOutcome, ClaimState, Dispute, JobId, JobPhase, JobState, Key};
use serde::Serialize;

use super::kind::{CANARY, Plan};
use super::network::{challenger_name, executor_name};
use super::pay::{self, CanaryFigures, Pay, ShamFigures};
use super::play::Played;
use crate::cli::LIES;
use crate::cli::args::DemoArgs;

/// One dispute of the demo.
#[derive(Debug, Clone, Serialize)]
pub struct DisputeFigures {
    /// The claim's id.
    pub claim: String,
    /// Who claimed.
    pub executor: String,
    /// Who contradicted.
    pub challengers: Vec<String>,
    /// The kind of lie that it was about.
    pub kind: String,
    /// n: the program's layers.
    pub layers: u32,
    /// The layer it came down to, if it came to that.
    pub layer: Option<u32>,
    /// That layer's name.
    pub layer_name: Option<String>,
    /// The step of that layer, if it went on below it.
    pub step: Option<StepFigures>,
    /// Dissection steps at which somebody owed a reveal.
    pub rounds: u32,
    /// Bytes of the accepted messages and evidence.
    pub bytes: u64,
    /// How long the replay of the layer took, if there was one.
    pub replay_ms: Option<f64>,
    /// From the beginning of the dispute to its end, in serving time.
    pub wall_ms: u64,
    /// How it ended.
    pub verdict: String,
    /// What challengers were paid for the claim, if it was rejected.
    pub rewards: Vec<Pay>,
}

/// What a dispute came down to below a layer.
#[derive(Debug, Clone, Serialize)]
pub struct StepFigures {
    /// The step: one operator.
    pub step: u32,
    /// How many the layer has.
    pub steps: usize,
    /// Dissection steps below the layer.
    pub rounds: u32,
}

impl StepFigures {
    fn of(dispute: &Dispute) -> Option<Self> {
        let below = dispute.below.as_ref()?;
        let pair = below.pair(&dispute.judged_under())?;
        Some(Self { step: pair.step()?, steps: below.deep.steps.len(), rounds: pair.rounds })
    }
}

/// The demo's figures.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Inferences asked for.
    pub jobs: usize,
    /// Correct claims that are final.
    pub honest_claims: usize,
    /// Lies told: wrong claims, and disputes of correct ones.
    pub frauds: usize,
    /// Lies whose teller was slashed.
    pub frauds_caught: usize,
    /// Lies that went through.
    pub frauds_missed: usize,
    /// Bonds slashed of somebody who told no lie, and honest parties that ended with less than they began with.
    pub false_slashes: usize,
    /// Whether every credit deposited is accounted for.
    pub conservation: bool,
    /// The share of final results that name the right digit; null if the right answers are not known.
    pub accuracy: Option<f64>,
    /// How long it all took.
    pub seconds: f64,
    /// How many lies of each kind were told.
    pub kinds: BTreeMap<String, usize>,
    /// The most challengers that were on one side of a dispute about a lie.
    pub challengers_on_one_fraud: usize,
    /// Every dispute.
    pub disputes: Vec<DisputeFigures>,
    /// Challenges of correct claims, and what they cost.
    pub shams: Vec<ShamFigures>,
    /// Lies that the operator planted, and what became of them.
    pub canaries: Vec<CanaryFigures>,
}

impl Figures {
    /// Computes the figures.
    pub fn of(
        args: &DemoArgs,
        plan: &Plan,
        played: &Played,
        folder: &Path,
        took: Duration,
    ) -> Result<Self> {
        let lies = Lies::read(plan, played, folder)?;
        let mut figures = Self {
            jobs: args.jobs as usize,
            honest_claims: 0,
            frauds: 0,
            frauds_caught: 0,
            frauds_missed: 0,
            false_slashes: 0,
            conservation: played.totals.is_conserved(),
            accuracy: accuracy(played),
            seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
            kinds: BTreeMap::new(),
            challengers_on_one_fraud: 0,
            disputes: Vec::new(),
            shams: Vec::new(),
            canaries: pay::canaries(played),
        };
        for (_, job) in &played.jobs {
            for claim in &job.claims {
                figures.count_claim(job, claim, &lies);
                figures.count_challenges(played, claim, &lies);
                for dispute in &claim.disputes {
                    figures.disputes.push(describe(played, &lies, (job, claim, dispute)));
                }
            }
        }
        figures.false_slashes += honest_losers(plan, played);
        let against = figures
            .disputes
            .iter()
            .filter(|of| !["false-alarm", "none"].contains(&of.kind.as_str()));
        figures.challengers_on_one_fraud =
            against.map(|dispute| dispute.challengers.len()).max().unwrap_or(0);
        Ok(figures)
    }

    fn fraud(&mut self, kind: &str, caught: bool) {
        self.frauds += 1;
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        if caught { self.frauds_caught += 1 } else { self.frauds_missed += 1 }
    }

    fn count_claim(&mut self, job: &JobState, claim: &ClaimState, lies: &Lies) {
        let rejected = claim.outcome() == Some(ClaimOutcome::Rejected);
        match lies.of_claim(job, claim) {
            Some(kind) => self.fraud(&kind, rejected),
            None if rejected => self.false_slashes += 1,
            None => self.honest_claims += usize::from(claim.outcome() == Some(ClaimOutcome::Final)),
        }
    }

    fn count_challenges(&mut self, played: &Played, claim: &ClaimState, lies: &Lies) {
        for challenge in claim.challenges.iter().chain(&claim.forfeited) {
            let lost = challenge_lost(claim, challenge.challenger);
            let root = challenge.revealed.as_ref().map(|revealed| revealed.root);
            let lied = root.is_some_and(|root| lies.is_alarm(claim, root));
            if lied {
                self.fraud("false-alarm", lost);
                self.shams.push(pay::sham(played, claim, challenge));
            } else if lost {
                self.false_slashes += 1;
            }
        }
    }

    /// An error unless every lie was caught and nobody else was slashed.
    pub fn verdict(&self) -> Result<()> {
        if self.frauds_missed > 0 {
            bail!("{} of {} frauds were not caught", self.frauds_missed, self.frauds);
        }
        if self.false_slashes > 0 {
            bail!("{} honest parties were slashed", self.false_slashes);
        }
        if let Some(canary) = self.canaries.iter().find(|canary| canary.outcome != "caught") {
            bail!("the canary on job {} is {}", canary.job, canary.outcome);
        }
        if !self.conservation {
            bail!("the ledger does not add up");
        }
        if self.honest_claims != self.jobs {
            bail!(
                "only {} of {} jobs ended with a correct final claim",
                self.honest_claims,
                self.jobs
            );
        }
        Ok(())
    }
}

/// What the liars wrote down before they lied.
struct Lies {
    claims: Vec<Lie>,
    alarms: Vec<Alarm>,
    /// Job and executor of each canary.
    canaries: Vec<(JobId, Key)>,
}

impl Lies {
    fn read(plan: &Plan, played: &Played, folder: &Path) -> Result<Self> {
        let journal = |name: &str| folder.join(name).join(LIES);
        let unreadable = |name: &str| format!("cannot read the journal of {name}");
        let planted = played.canaries.iter().map(|(canary, _)| &canary.plan);
        let canaries = planted.map(|plan| (plan.job_id(), plan.executor)).collect();
        let mut lies = Self { claims: Vec::new(), alarms: Vec::new(), canaries };
        if !plan.executor_kinds.is_empty() {
            let name = executor_name(plan.liar);
            lies.claims = Lie::read(&journal(&name)).with_context(|| unreadable(&name))?;
        }
        if let Some(index) = plan.alarmist {
            let name = challenger_name(index);
            lies.alarms = Alarm::read(&journal(&name)).with_context(|| unreadable(&name))?;
        }
        Ok(lies)
    }

    /// The kind of lie that a claim is.
    fn of_claim(&self, job: &JobState, claim: &ClaimState) -> Option<String> {
        if self.canaries.contains(&(job.id, claim.executor)) {
            return Some(CANARY.to_owned());
        }
        let told = self.claims.iter().find(|lie| {
            lie.job == job.id.0.0
                && lie.attempt == claim.claim.attempt
                && lie.claimed_root == claim.claim.root
        });
        told.map(|lie| lie.kind.to_string())
    }

    /// Whether this counter root on this claim is a false alarm.
    fn is_alarm(&self, claim: &ClaimState, counter_root: Digest) -> bool {
        let id = claim.id.0.0;
        self.alarms.iter().any(|alarm| alarm.claim == id && alarm.counter_root == counter_root)
    }
}

/// `honest_never_loses`: how many executors and challengers that told no lie ended with less than they began with.
fn honest_losers(plan: &Plan, played: &Played) -> usize {
    let liars = [Some(executor_name(plan.liar)), plan.alarmist.map(challenger_name)];
    let worth = |view: &AccountView| {
        [view.free, view.bonds, view.escrow].iter().map(|amount| u128::from(amount.0)).sum::<u128>()
    };
    let honest = played.accounts.iter().filter(|(_, name, ..)| {
        let plays = name.starts_with("executor") || name.starts_with("challenger");
        plays && !liars.contains(&Some(name.clone()))
    });
    honest.filter(|(_, _, before, after)| worth(after) < worth(before)).count()
}

/// Whether a challenger's bond on this claim was slashed.
fn challenge_lost(claim: &ClaimState, challenger: Key) -> bool {
    if claim.forfeited.iter().any(|challenge| challenge.challenger == challenger) {
        return true;
    }
    let root = claim
        .challenge_of(challenger)
        .and_then(|challenge| challenge.revealed.as_ref())
        .map(|revealed| revealed.root);
    root.and_then(|root| claim.dispute(&root))
        .and_then(Dispute::outcome)
        .is_some_and(|outcome| outcome.refutes_counter())
}

fn describe(
    played: &Played,
    lies: &Lies,
    (job, claim, dispute): (&JobState, &ClaimState, &Dispute),
) -> DisputeFigures {
    let name = |key| pay::name_of(played, key);
    let root = dispute.counter_root;
    let case = played.cases.iter().find(|(id, counter, _)| *id == claim.id && *counter == root);
    let kind = lies
        .of_claim(job, claim)
        .or_else(|| lies.is_alarm(claim, root).then(|| "false-alarm".to_owned()));
    let layer = dispute.layer();
    let layer_name = layer.and_then(|layer| {
        let index = usize::try_from(layer.checked_sub(1)?).ok()?;
        played.layers.get(index).cloned()
    });
    DisputeFigures {
        claim: claim.id.0.0.to_string(),
        executor: name(claim.executor),
        challengers: claim.members(root).map(|member| name(member.challenger)).collect(),
        kind: kind.unwrap_or_else(|| "none".to_owned()),
        layers: claim.claim.layers,
        layer,
        layer_name,
        step: StepFigures::of(dispute),
        rounds: dispute.rounds,
        bytes: dispute.bytes,
        replay_ms: case.map(|(_, _, view)| view.replay_us as f64 / 1000.0),
        wall_ms: dispute.ended.map_or(0, |ended| ended.since(dispute.since).0),
        verdict: dispute.outcome().map_or("open", |outcome| outcome.name()).to_owned(),
        rewards: pay::rewards(played, claim),
    }
}

/// The share of final answers whose largest element is the label.
fn accuracy(played: &Played) -> Option<f64> {
    let (mut right, mut known) = (0usize, 0usize);
    for ((question, job), answer) in played.jobs.iter().zip(&played.answers) {
        let (Some(label), Some(bytes)) = (question.label, answer) else { continue };
        if job.phase != JobPhase::Final {
            continue;
        }
        let values: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let largest = values.iter().copied().reduce(f32::max)?;
        known += 1;
        right +=
            usize::from(values.iter().position(|value| *value == largest) == Some(label.into()));
    }
    (known > 0).then(|| right as f64 / known as f64)
}
