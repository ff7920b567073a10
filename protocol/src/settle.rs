//! Who gets what (PROTOCOL, section 5).
//!
//! `bond_ends_once`: each bond is emptied here, once, by transfers that add up to it. `sham_costs`: at most
//! `payout_percent` of a slashed bond is paid out, the rest is burned, whoever the payees are.

use std::collections::BTreeMap;

use gainsay_commitment::Digest;

use crate::step::Step;
use crate::{
    Account, Amount, Challenge, ClaimOutcome, ClaimState, Dispute, JobPhase, Key, Lease, MessageId,
    Notice, Outcome, RefundReason, Transfer, TransferKind, Verdict,
};

/// What is known about which root is true when a claim is settled.
#[derive(Clone, Copy)]
pub(crate) enum Truth {
    /// Nobody contradicted.
    Undisputed,
    /// Every dispute has ended and at most one counter root stands.
    Disputed,
    /// The arbiter ran the program to tell the true root; `None` if it could not.
    Ran(Option<Digest>),
}

/// Empties a bond step by step; what is left at the end goes to one place.
pub(crate) struct Bond {
    pub(crate) id: MessageId,
    pub(crate) left: Amount,
    pub(crate) cause: MessageId,
}

impl Bond {
    pub(crate) fn pay(
        &mut self,
        step: &mut Step<'_>,
        credit: Account,
        amount: Amount,
        kind: TransferKind,
    ) {
        let amount = amount.at_most(self.left);
        if amount > Amount::ZERO {
            self.left = self.left.less(amount);
            let debit = Account::Bond(self.id);
            step.transfer(Transfer { debit, credit, amount, kind, cause: self.cause });
        }
    }

    pub(crate) fn rest(mut self, step: &mut Step<'_>, credit: Account, kind: TransferKind) {
        let left = self.left;
        self.pay(step, credit, left, kind);
    }
}

/// Ends the claim under way and moves its money.
pub(crate) fn settle(step: &mut Step<'_>, truth: Truth) {
    let Some(claim) = step.state.claims.last().cloned() else {
        return;
    };
    let outcomes: Vec<Outcome> = claim.disputes.iter().filter_map(Dispute::outcome).collect();
    let rejected = outcomes.iter().any(|outcome| outcome.rejects_claim());
    if rejected {
        reject(step, &claim, truth);
    } else if outcomes.contains(&Outcome::Judged(Verdict::Inconclusive)) {
        cancel(step, &claim);
    } else {
        finalise(step, &claim);
    }
}

/// The counter root that is rewarded, if any.
fn true_root(claim: &ClaimState, truth: Truth) -> Option<Digest> {
    let mut standing = claim
        .disputes
        .iter()
        .filter(|dispute| dispute.outcome().is_some_and(|outcome| !outcome.refutes_counter()))
        .map(|dispute| dispute.counter_root);
    match truth {
        Truth::Undisputed | Truth::Ran(None) => None,
        Truth::Disputed => standing.next(),
        Truth::Ran(Some(root)) => standing.find(|counter| *counter == root),
    }
}

fn root_of(challenge: &Challenge) -> Option<Digest> {
    challenge.revealed.as_ref().map(|revealed| revealed.root)
}

/// Whether the challenge's counter root lost its dispute, or the challenger's sub-root its pair.
pub(crate) fn is_refuted(claim: &ClaimState, challenge: &Challenge) -> bool {
    let lost = root_of(challenge)
        .and_then(|root| claim.dispute(&root)?.outcome())
        .is_some_and(Outcome::refutes_counter);
    lost || lost_below(claim, challenge.challenger)
}

/// Whether the challenger's own sub-root lost: it is slashed even if its side wins.
fn lost_below(claim: &ClaimState, challenger: Key) -> bool {
    let root = claim.challenge_of(challenger).and_then(root_of);
    let dispute = root.and_then(|root| claim.dispute(&root));
    dispute
        .and_then(|dispute| dispute.below.as_ref())
        .is_some_and(|below| below.has_lost(challenger))
}

fn executor_bond(step: &Step<'_>, claim: &ClaimState) -> Bond {
    Bond { id: claim.take, left: claim.bond, cause: step.cause(claim.id) }
}

fn challenge_bond(step: &Step<'_>, claim: &ClaimState, challenge: &Challenge) -> Bond {
    Bond { id: challenge.id, left: challenge.bond, cause: step.cause(claim.id) }
}

fn free_bond(step: &mut Step<'_>, claim: &ClaimState, challenge: &Challenge) {
    let owner = Account::Free(challenge.challenger);
    challenge_bond(step, claim, challenge).rest(step, owner, TransferKind::Unlock);
}

fn burn_bond(step: &mut Step<'_>, claim: &ClaimState, challenge: &Challenge) {
    challenge_bond(step, claim, challenge).rest(step, Account::Burned, TransferKind::Burn);
}

fn finalise(step: &mut Step<'_>, claim: &ClaimState) {
    let fee = Transfer {
        debit: Account::Escrow(step.state.id),
        credit: Account::Free(claim.executor),
        amount: step.state.job.fee,
        kind: TransferKind::Fee,
        cause: step.cause(claim.id),
    };
    if fee.amount > Amount::ZERO {
        step.transfer(fee);
    }
    executor_bond(step, claim).rest(step, Account::Free(claim.executor), TransferKind::Unlock);
    for challenge in &claim.challenges {
        let mut bond = challenge_bond(step, claim, challenge);
        let payable = challenge.bond.percent(step.params.payout_percent);
        let cost = step.params.dispute_cost.at_most(payable);
        bond.pay(step, Account::Free(claim.executor), cost, TransferKind::DisputeCost);
        bond.rest(step, Account::Burned, TransferKind::Burn);
    }
    step.end_claim(ClaimOutcome::Final);
    step.state.phase = JobPhase::Final;
}

fn cancel(step: &mut Step<'_>, claim: &ClaimState) {
    executor_bond(step, claim).rest(step, Account::Free(claim.executor), TransferKind::Unlock);
    for challenge in &claim.challenges {
        if is_refuted(claim, challenge) {
            burn_bond(step, claim, challenge);
        } else {
            free_bond(step, claim, challenge);
        }
    }
    step.end_claim(ClaimOutcome::Cancelled);
    refund(step, RefundReason::Cancelled);
}

fn reject(step: &mut Step<'_>, claim: &ClaimState, truth: Truth) {
    let rewarded = true_root(claim, truth);
    let mut bond = executor_bond(step, claim);
    let payable = claim.bond.percent(step.params.payout_percent);
    let cost = step.params.judgement_cost.at_most(payable);
    bond.pay(step, Account::Treasury, cost, TransferKind::JudgementCost);
    if let Some(root) = rewarded {
        step.state.rewarded.insert(claim.id, root);
        for (key, amount) in shares(step, claim, root, payable.less(cost)) {
            bond.pay(step, Account::Free(key), amount, TransferKind::Reward);
        }
    }
    bond.rest(step, Account::Burned, TransferKind::Burn);
    for challenge in &claim.challenges {
        let kept = match truth {
            // Nobody knows which of the standing roots is true: none is rewarded and none is slashed.
            Truth::Ran(None) => !is_refuted(claim, challenge),
            _ => {
                let is_true = rewarded.is_some() && root_of(challenge) == rewarded;
                is_true && !lost_below(claim, challenge.challenger)
            }
        };
        if kept {
            free_bond(step, claim, challenge);
        } else {
            burn_bond(step, claim, challenge);
        }
    }
    step.end_claim(ClaimOutcome::Rejected);
    step.state.barred.insert(claim.executor);
    step.state.attempt += 1;
    reopen(step);
}

/// The challenges on the side of the rewarded root that did not lose below it, in the order of their commitments.
pub(crate) fn winners(claim: &ClaimState, root: Digest) -> impl Iterator<Item = &Challenge> {
    claim.members(root).filter(|challenge| !lost_below(claim, challenge.challenger))
}

/// Half of the reward in equal parts to the first commitments, half by count to who moved.
fn shares(
    step: &Step<'_>,
    claim: &ClaimState,
    root: Digest,
    reward: Amount,
) -> BTreeMap<Key, Amount> {
    let most = step.params.rewarded_commitments as usize;
    let first: Vec<Key> =
        winners(claim, root).take(most).map(|challenge| challenge.challenger).collect();
    let no_moves = BTreeMap::new();
    let moves = claim.dispute(&root).map_or(&no_moves, |dispute| &dispute.moves);
    let moves = moves.iter().filter(|(key, _)| !lost_below(claim, **key));
    let moves: Vec<(&Key, &u32)> = moves.collect();
    let total: u64 = moves.iter().map(|(_, count)| u64::from(**count)).sum();
    let for_moves = if total == 0 { Amount::ZERO } else { reward.over(2) };
    let for_first = reward.less(for_moves);
    let mut shares: BTreeMap<Key, Amount> = BTreeMap::new();
    let mut add = |key: Key, amount: Amount| {
        let share = shares.entry(key).or_default();
        *share = share.checked_add(amount).unwrap_or(*share);
    };
    for key in &first {
        add(*key, for_first.over(first.len() as u64));
    }
    for (key, count) in moves {
        add(*key, for_moves.share(u64::from(*count), total));
    }
    shares
}

/// Opens the job to other keys, or refunds it when its attempts or its time are used up.
pub(crate) fn reopen(step: &mut Step<'_>) {
    if step.state.attempt >= step.params.attempts {
        refund(step, RefundReason::Attempts);
    } else if step.now >= step.state.job.deadline {
        refund(step, RefundReason::Deadline);
    } else {
        step.state.phase = JobPhase::Open;
        step.notice(Notice::Reopened);
    }
}

/// The fee goes back to the requester and the job ends.
pub(crate) fn refund(step: &mut Step<'_>, reason: RefundReason) {
    let fee = step.state.job.fee;
    if fee > Amount::ZERO {
        step.transfer(Transfer {
            debit: Account::Escrow(step.state.id),
            credit: Account::Free(step.state.requester),
            amount: fee,
            kind: TransferKind::Refund,
            cause: step.state.id.0,
        });
    }
    step.state.phase = JobPhase::Refunded(reason);
    step.notice(Notice::Refunded(reason));
}

/// A take ended without a claim: it costs a fee that doubles each time, and bars the key from the job.
pub(crate) fn lapse(step: &mut Step<'_>, lease: &Lease) {
    let mut bond = Bond { id: lease.id, left: lease.bond, cause: lease.id };
    let doubled = 1u64.checked_shl(step.state.lapses).unwrap_or(u64::MAX);
    let fee = Amount(step.params.lapse_fee.0.saturating_mul(doubled));
    bond.pay(step, Account::Free(step.state.requester), fee, TransferKind::LapseFee);
    bond.rest(step, Account::Free(lease.executor), TransferKind::Unlock);
    step.state.barred.insert(lease.executor);
    step.state.lapses = step.state.lapses.saturating_add(1);
    step.notice(Notice::Lapsed);
    reopen(step);
}

/// The bond of a challenge that was not revealed, or that revealed the claim's own root.
pub(crate) fn burn_challenge(step: &mut Step<'_>, challenge: &Challenge) {
    let bond = Bond { id: challenge.id, left: challenge.bond, cause: challenge.id };
    bond.rest(step, Account::Burned, TransferKind::Burn);
}
