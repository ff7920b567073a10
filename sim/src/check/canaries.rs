//! Canaries, from outside: their escrow (`conservation`), when they open (`no_late_move`), whom they pay (`truth_wins`,
//! `sham_costs`).

use std::collections::BTreeMap;

use gainsay_commitment::Digest;
use gainsay_protocol::{
    Account, CanaryReveal, ClaimState, Dispute, JobId, JobState, Key, LoggedEvent, Message,
    Outcome, TransferKind, Verdict,
};

use super::money::Money;
use super::{Commit, Violation, broken};
use crate::arbiter::Arbiter;
use crate::source::Oracle;

/// What is in escrow for canaries, and what they paid.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    escrow: BTreeMap<Digest, u64>,
    /// Bonuses paid for a claim.
    paid: BTreeMap<(JobId, Key), u64>,
    pub(super) opened: u64,
}

impl Canaries {
    pub(super) fn follow(
        &mut self,
        arbiter: &Arbiter,
        (commit, money, oracle): (&Commit, &Money, &Oracle),
        found: &mut Vec<Violation>,
    ) {
        let LoggedEvent::Message(signed) = &commit.entry.event else {
            return self.idle(commit, found);
        };
        match &signed.message {
            Message::CanaryCommit(asked) => {
                for commitment in &asked.commitments {
                    if self.escrow.insert(*commitment, asked.bonus.0).is_some() {
                        broken(found, "once_only", format!("{commitment} for the second time"));
                    }
                }
            }
            Message::CanaryReveal(reveal) => {
                let commitment = reveal.commitment(arbiter.network);
                self.opens(arbiter, (commit, commitment), found);
                self.pays(arbiter, (commit, reveal), (money, oracle), found);
            }
            _ => self.idle(commit, found),
        }
    }

    /// Nothing else touches an escrow.
    fn idle(&self, commit: &Commit, found: &mut Vec<Violation>) {
        let canary = |account| matches!(account, Account::Canary(_));
        if let Some(moved) = commit.transfers.iter().find(|t| canary(t.debit) || canary(t.credit)) {
            broken(found, "conservation", format!("moved beside any canary: {moved:?}"));
        }
    }

    /// A canary opens once, and then all of its escrow goes somewhere.
    fn opens(
        &mut self,
        arbiter: &Arbiter,
        (commit, commitment): (&Commit, Digest),
        found: &mut Vec<Violation>,
    ) {
        self.opened += 1;
        let account = Account::Canary(commitment);
        let moved = commit.transfers.iter().filter(|transfer| transfer.debit == account);
        let moved: u64 = moved.map(|transfer| transfer.amount.0).sum();
        let left = arbiter.tables.ledger.balance(account);
        match self.escrow.remove(&commitment) {
            Some(bonus) if bonus == moved && left.0 == 0 => {}
            bonus => {
                let what = format!("{moved} of {bonus:?} paid, {left:?} left of {commitment}");
                broken(found, "conservation", what);
            }
        }
    }

    /// Only once its claim has ended, only for a lie, only to who caught it, and together with what the slash paid
    /// less than the bond.
    fn pays(
        &mut self,
        arbiter: &Arbiter,
        (commit, reveal): (&Commit, &CanaryReveal),
        (money, oracle): (&Money, &Oracle),
        found: &mut Vec<Violation>,
    ) {
        let Some(job) = arbiter.tables.jobs.get(&reveal.job) else { return };
        let claim = job.claims.iter().find(|claim| claim.executor == reveal.executor);
        let may_come = claim.is_none() && !job.barred.contains(&reveal.executor);
        let is_over = claim.is_some_and(|claim| claim.outcome().is_some());
        if !(is_over || job.is_terminal() || (claim.is_none() && !may_come)) {
            broken(found, "no_late_move", format!("opened before its claim ended: {reveal:?}"));
        }
        let mut bonuses = commit.transfers.iter().filter(|t| t.kind == TransferKind::CanaryBonus);
        let keys: Vec<Key> = bonuses.clone().filter_map(|paid| owner(paid.credit)).collect();
        let bonus: u64 = bonuses.by_ref().map(|transfer| transfer.amount.0).sum();
        let Some(claim) = claim.filter(|_| bonus > 0) else { return };
        if let Some(key) = keys.iter().find(|key| !caught_it(oracle, (job, claim), **key)) {
            broken(found, "truth_wins", format!("{key:?} has a bonus of {claim:?}"));
        }
        let all = self.paid.entry((job.id, claim.executor)).or_default();
        *all += bonus;
        let slashed = money.paid_out(claim.take);
        if slashed + *all >= claim.bond.0 {
            let what = format!("{slashed} and {all} in bonuses paid of a bond of {:?}", claim.bond);
            broken(found, "sham_costs", what);
        }
    }
}

fn owner(account: Account) -> Option<Key> {
    match account {
        Account::Free(key) => Some(key),
        _ => None,
    }
}

/// Whether the claim is wrong and the key's root is the true one, or the only one that stood, by a judgement.
fn caught_it(oracle: &Oracle, (job, claim): (&JobState, &ClaimState), key: Key) -> bool {
    let Some(truth) = oracle.truth(job).map(|truth| truth.trace.root()) else { return false };
    let outcome = |dispute: &Dispute| dispute.outcome().filter(|end| !end.refutes_counter());
    let mut stood = claim.disputes.iter().filter(|dispute| outcome(dispute).is_some());
    let own = stood.clone().find(|dispute| claim.is_member(key, &dispute.counter_root));
    let Some(own) = own.filter(|_| claim.claim.root != truth) else { return false };
    let by_judgement = outcome(own) == Some(Outcome::Judged(Verdict::ExecutorFault));
    let alone = stood.by_ref().count() == 1;
    own.counter_root == truth || (alone && by_judgement)
}
