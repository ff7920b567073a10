//! Who was paid and who paid, from the arbiter's statements: for frauds, shams and canaries.

use gainsay_protocol::{Account, Challenge, ClaimOutcome, ClaimState, JobState, Key, TransferKind};
use serde::Serialize;

use super::play::Played;

/// What somebody was paid.
#[derive(Debug, Clone, Serialize)]
pub struct Pay {
    /// Who.
    pub name: String,
    /// How much, in micro-credits.
    pub micro: u64,
}

/// A sham challenge and what it cost who made it.
#[derive(Debug, Clone, Serialize)]
pub struct ShamFigures {
    /// Who made it.
    pub challenger: String,
    /// The correct claim that it was about.
    pub claim: String,
    /// What was lost: the whole bond, in micro-credits.
    pub lost_micro: u64,
    /// What of it went to the executor for its trouble.
    pub to_executor_micro: u64,
    /// What of it was burned.
    pub burned_micro: u64,
}

/// A lie that the operator planted.
#[derive(Debug, Clone, Serialize)]
pub struct CanaryFigures {
    /// The job.
    pub job: String,
    /// The claim, if it was claimed.
    pub claim: Option<String>,
    /// The log entry by which the operator had committed to it.
    pub committed_log_index: u64,
    /// The log entry that admitted its job.
    pub admitted_log_index: u64,
    /// The log entry by which it was opened.
    pub revealed_log_index: u64,
    /// What became of it: caught, missed or void.
    pub outcome: String,
    /// Serving time from the claim to the first commitment to the true root.
    pub caught_after_ms: Option<u64>,
    /// How many committed to the true root.
    pub caught_by: u32,
    /// The bonus in escrow for it.
    pub bonus_micro: u64,
    /// What of it was paid to whom.
    pub bonuses: Vec<Pay>,
    /// What those were paid out of the executor's bond beside it.
    pub rewards: Vec<Pay>,
}

/// What a key's statement says went from one account to its free balance, or out of it, for one reason.
fn moved(played: &Played, owner: Key, from: Account, kind: TransferKind) -> u64 {
    let lines = played.statements.get(&owner).map_or(&[][..], |lines| lines.as_slice());
    let same = lines.iter().map(|line| line.transfer);
    same.filter(|transfer| transfer.debit == from && transfer.kind == kind)
        .map(|transfer| transfer.amount.0)
        .sum()
}

/// The name of a participant.
pub fn name_of(played: &Played, key: Key) -> String {
    let known = played.accounts.iter().find(|(known, ..)| *known == key);
    known.map_or_else(|| key.short(), |(_, name, ..)| name.clone())
}

/// What each of these was paid from that account, whoever got nothing left out.
fn paid<'a>(
    played: &Played,
    challenges: impl Iterator<Item = &'a Challenge>,
    from: Account,
    kind: TransferKind,
) -> Vec<Pay> {
    let pay = |challenge: &Challenge| Pay {
        name: name_of(played, challenge.challenger),
        micro: credited(played, challenge.challenger, from, kind),
    };
    challenges.map(pay).filter(|pay| pay.micro > 0).collect()
}

/// What came to a key's free balance from that account.
fn credited(played: &Played, key: Key, from: Account, kind: TransferKind) -> u64 {
    let lines = played.statements.get(&key).map_or(&[][..], |lines| lines.as_slice());
    let own = lines.iter().map(|line| line.transfer).filter(|transfer| {
        transfer.debit == from && transfer.credit == Account::Free(key) && transfer.kind == kind
    });
    own.map(|transfer| transfer.amount.0).sum()
}

/// What each challenger was paid for a rejected claim.
pub fn rewards(played: &Played, claim: &ClaimState) -> Vec<Pay> {
    if claim.outcome() != Some(ClaimOutcome::Rejected) {
        return Vec::new();
    }
    paid(played, claim.challenges.iter(), Account::Bond(claim.take), TransferKind::Reward)
}

/// What a sham challenge cost who made it.
pub fn sham(played: &Played, claim: &ClaimState, challenge: &Challenge) -> ShamFigures {
    let bond = Account::Bond(challenge.id);
    let part = |kind| moved(played, challenge.challenger, bond, kind);
    let (to_executor, burned) = (part(TransferKind::DisputeCost), part(TransferKind::Burn));
    ShamFigures {
        challenger: name_of(played, challenge.challenger),
        claim: claim.id.0.0.to_string(),
        lost_micro: to_executor.saturating_add(burned),
        to_executor_micro: to_executor,
        burned_micro: burned,
    }
}

/// The claim of the canary executor on a job.
pub fn canary_claim<'a>(played: &Played, job: &'a JobState) -> Option<&'a ClaimState> {
    let planted = played.canaries.iter().find(|(canary, _)| canary.plan.job_id() == job.id)?;
    job.claims.iter().find(|claim| claim.executor == planted.0.plan.executor)
}

/// What became of each canary.
pub fn canaries(played: &Played) -> Vec<CanaryFigures> {
    let figures = played.canaries.iter().map(|(canary, revealed)| {
        let job = played.jobs.iter().map(|(_, job)| job).find(|job| job.id == revealed.job);
        let claim = job.and_then(|job| canary_claim(played, job));
        let escrow = Account::Canary(canary.plan.commitment);
        let bonuses = claim
            .map(|claim| paid(played, claim.challenges.iter(), escrow, TransferKind::CanaryBonus));
        CanaryFigures {
            job: revealed.job.0.0.to_string(),
            claim: claim.map(|claim| claim.id.0.0.to_string()),
            committed_log_index: canary.committed.unwrap_or_default(),
            admitted_log_index: canary.planted.unwrap_or_default(),
            revealed_log_index: revealed.log_index,
            outcome: revealed.outcome.name().to_owned(),
            caught_after_ms: revealed.caught.map(|caught| caught.after.0),
            caught_by: revealed.caught.map_or(0, |caught| caught.challengers),
            bonus_micro: canary.bonus.map_or(0, |bonus| bonus.0),
            bonuses: bonuses.unwrap_or_default(),
            rewards: claim.map(|claim| rewards(played, claim)).unwrap_or_default(),
        }
    });
    figures.collect()
}
