//! Canaries: lies that the operator plants among its own jobs, so that looking pays where nobody else lies.
//!
//! The operator commits beforehand to (job, executor) with the bonus in escrow, and says what it was when the claim has
//! ended. Until then nothing in log, job or claim depends on it. `sham_costs`: what a slash pays out and the bonus stay
//! below the bond together, so lying to oneself loses even where the operator calls the lie a canary. A commitment opens
//! once, and for each claim at most one is paid.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{Context, Digest, hash};

use crate::settle::winners;
use crate::{
    Account, Amount, ClaimOutcome, ClaimState, JobId, JobState, Key, Millis, NetworkId, Params,
    Ready, Transfer, TransferKind,
};

/// The most commitments of one message.
pub const MOST_CANARIES: usize = 256;

/// The operator commits to lies that it will plant; each bonus goes into escrow.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CanaryCommit {
    /// A [`canary_commitment`] for each.
    pub commitments: Vec<Digest>,
    /// What catching one of them pays beside the slash, to all who did together.
    pub bonus: Amount,
}

/// The operator opens a commitment.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CanaryReveal {
    /// The job on which the lie was to be told.
    pub job: JobId,
    /// Who was to tell it.
    pub executor: Key,
    /// The salt of the commitment.
    pub salt: [u8; 32],
}

/// `H(canary; network, job, executor, salt)`: what the operator commits to. A job's id is that of its message, so it is
/// known before the job is submitted.
pub fn canary_commitment(network: NetworkId, job: JobId, executor: Key, salt: &[u8; 32]) -> Digest {
    hash(Context::Canary, &(network, job, executor, salt))
}

/// What became of a canary.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub enum CanaryOutcome {
    /// The claim was rejected, and somebody had shown the true root.
    Caught,
    /// The claim became final.
    Missed,
    /// There was no lie to catch, or nobody to pay: never admitted, never claimed by that executor, admitted before the
    /// commitment, opened before under another commitment, cancelled, or rejected without a true root.
    Void,
}

impl CanaryOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Caught, Self::Missed, Self::Void];

    /// The name, for metrics and views.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Missed => "missed",
            Self::Void => "void",
        }
    }
}

/// A commitment in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Canary {
    /// The commitment.
    pub commitment: Digest,
    /// What is in escrow for it.
    pub bonus: Amount,
    /// The index of its log entry.
    pub committed: u64,
    /// What became of it, once it is opened.
    pub outcome: Option<CanaryOutcome>,
}

/// The job that an opened commitment names, as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Planted<'a> {
    /// The job.
    pub job: &'a JobState,
    /// The index of the log entry that admitted it.
    pub admitted: u64,
    /// Another commitment to the same claim that was opened before.
    pub before: Option<Digest>,
}

/// How a canary was caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caught {
    /// Serving time from the claim to the first commitment to the true root.
    pub after: Millis,
    /// How many committed to it.
    pub challengers: u32,
}

/// An opened canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What became of it.
    pub outcome: CanaryOutcome,
    /// How it was caught, if it was.
    pub caught: Option<Caught>,
    /// Where the bonus goes; together they empty the escrow.
    pub transfers: Vec<Transfer>,
}

/// Why a canary is refused; nothing changes by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanaryError {
    /// Somebody else than the operator.
    #[error("only the network's operator plants canaries")]
    NotOperator,
    /// None, or too many.
    #[error("{0} commitments in one message, it takes 1 to {MOST_CANARIES}")]
    Count(usize),
    /// A commitment for the second time.
    #[error("{0} was committed to before: every canary needs a salt of its own")]
    Repeated(Digest),
    /// A bonus that would make knowing of a canary worth a bond.
    #[error("a bonus of {bonus} is over {most}: it must stay below what a slash burns")]
    Bonus {
        /// The bonus offered.
        bonus: Amount,
        /// The most.
        most: Amount,
    },
    /// Nothing that was committed to.
    #[error("nothing was committed to by {0}: job, executor or salt is not that of the commitment")]
    Unknown(Digest),
    /// It was opened before.
    #[error("it was opened before, as {}", .0.name())]
    Opened(CanaryOutcome),
    /// The claim has not ended, or may still come.
    #[error("the claim has not ended: until it has, the canary stays hidden")]
    NotEnded,
}

impl Params {
    /// The largest bonus of a canary: less than what is burned of a slashed executor's bond.
    pub fn most_bonus(&self) -> Amount {
        below_burned(self.executor_bond, self.payout_percent)
    }
}

/// One less than what is burned of a slashed bond.
fn below_burned(bond: Amount, payout_percent: u8) -> Amount {
    bond.less(bond.percent(payout_percent)).less(Amount(1))
}

impl CanaryCommit {
    /// The bonuses into escrow, under the parameters in force now. `known` are those of the commitments that are in the
    /// log already.
    ///
    /// # Errors
    /// If it is not the operator's, has no or too many commitments, one that is known, or too large a bonus.
    pub fn escrow(
        &self,
        params: &Params,
        ready: &Ready,
        known: &BTreeSet<Digest>,
    ) -> Result<Vec<Transfer>, CanaryError> {
        if ready.signer() != params.operator {
            return Err(CanaryError::NotOperator);
        }
        if self.commitments.is_empty() || self.commitments.len() > MOST_CANARIES {
            return Err(CanaryError::Count(self.commitments.len()));
        }
        let (bonus, most) = (self.bonus, params.most_bonus());
        if bonus > most {
            return Err(CanaryError::Bonus { bonus, most });
        }
        let mut seen = known.clone();
        if let Some(again) = self.commitments.iter().find(|commitment| !seen.insert(**commitment)) {
            return Err(CanaryError::Repeated(*again));
        }
        let escrow = |commitment: &Digest| Transfer {
            debit: Account::Free(params.operator),
            credit: Account::Canary(*commitment),
            amount: bonus,
            kind: TransferKind::CanaryEscrow,
            cause: ready.id(),
        };
        let paid = self.commitments.iter().filter(|_| bonus > Amount::ZERO);
        Ok(paid.map(escrow).collect())
    }
}

impl CanaryReveal {
    /// The commitment that it opens.
    pub fn commitment(&self, network: NetworkId) -> Digest {
        canary_commitment(network, self.job, self.executor, &self.salt)
    }
}

impl Canary {
    /// Opens it, under the parameters in force for the job: what became of it and where its bonus goes.
    ///
    /// # Errors
    /// If it is not the operator's, opens something else, was opened before, or the claim may still be under way or come.
    pub fn open(
        &self,
        params: &Params,
        ready: &Ready,
        reveal: &CanaryReveal,
        planted: Option<Planted<'_>>,
    ) -> Result<Opened, CanaryError> {
        if ready.signer() != params.operator {
            return Err(CanaryError::NotOperator);
        }
        let opened = reveal.commitment(params.network());
        if opened != self.commitment {
            return Err(CanaryError::Unknown(opened));
        }
        if let Some(outcome) = self.outcome {
            return Err(CanaryError::Opened(outcome));
        }
        let (outcome, caught) = self.became(planted, reveal.executor)?;
        let mut transfers = Vec::new();
        let mut left = self.bonus;
        let mut pay = |to: Key, amount: Amount, kind: TransferKind| {
            if amount > Amount::ZERO {
                let (debit, cause) = (Account::Canary(self.commitment), ready.id());
                let credit = Account::Free(to);
                transfers.push(Transfer { debit, credit, amount, kind, cause });
            }
        };
        let claim = planted.and_then(|planted| {
            claim_of(planted.job, reveal.executor).map(|claim| (planted.job, claim))
        });
        if let (Some((job, claim)), Some(_)) = (claim, caught) {
            let rewarded: Vec<Key> = winning(job, claim)
                .into_iter()
                .take(params.rewarded_commitments as usize)
                .map(|(key, _)| key)
                .collect();
            let payable = left.at_most(below_burned(claim.bond, params.payout_percent));
            let share = payable.over(rewarded.len() as u64);
            for key in rewarded {
                pay(key, share, TransferKind::CanaryBonus);
                left = left.less(share);
            }
        }
        pay(params.operator, left, TransferKind::CanaryRefund);
        Ok(Opened { outcome, caught, transfers })
    }

    /// What became of it, if it was to be a claim of that key on that job; `None` for a job that was never admitted.
    ///
    /// # Errors
    /// If the claim may still be under way or come.
    pub fn became(
        &self,
        planted: Option<Planted<'_>>,
        executor: Key,
    ) -> Result<(CanaryOutcome, Option<Caught>), CanaryError> {
        let Some(planted) = planted else { return Ok((CanaryOutcome::Void, None)) };
        let job = planted.job;
        let Some(claim) = claim_of(job, executor) else {
            // Whoever is barred from the job cannot claim any more.
            let never = job.is_terminal() || job.barred.contains(&executor);
            return if never {
                Ok((CanaryOutcome::Void, None))
            } else {
                Err(CanaryError::NotEnded)
            };
        };
        let ended = claim.outcome().ok_or(CanaryError::NotEnded)?;
        if self.committed >= planted.admitted || planted.before.is_some() {
            return Ok((CanaryOutcome::Void, None));
        }
        let won = winning(job, claim);
        let caught = won.first().map(|(_, after)| Caught {
            after: *after,
            challengers: u32::try_from(won.len()).unwrap_or(u32::MAX),
        });
        Ok(match (ended, caught) {
            (ClaimOutcome::Final, _) => (CanaryOutcome::Missed, None),
            (ClaimOutcome::Rejected, Some(caught)) => (CanaryOutcome::Caught, Some(caught)),
            (ClaimOutcome::Rejected | ClaimOutcome::Cancelled, _) => (CanaryOutcome::Void, None),
        })
    }
}

/// The claim of that key: whoever's claim was rejected is barred from the job, so there is at most one.
fn claim_of(job: &JobState, executor: Key) -> Option<&ClaimState> {
    job.claims.iter().find(|claim| claim.executor == executor)
}

/// Who committed to the true root of a rejected claim, and how long after it, the first first.
fn winning(job: &JobState, claim: &ClaimState) -> Vec<(Key, Millis)> {
    let Some(root) = job.rewarded.get(&claim.id) else { return Vec::new() };
    let won = winners(claim, *root);
    won.map(|won| (won.challenger, won.admitted.since(claim.admitted))).collect()
}
