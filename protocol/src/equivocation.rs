//! Equivocation: one key, one (network, job, attempt), two different contents (PROTOCOL, section 5).
//!
//! A claim is a once-only act. A proof needs nothing but its two signed claims; what it does depends on what is left to
//! slash. Only content counts: two openings or two signatures of one content are one act, so resending is never an
//! equivocation, nor is a claim for another attempt. `sham_costs`: whoever proves it, at most `payout_percent` of
//! the bond is paid out, and nobody is paid more than was spent.

use std::collections::BTreeSet;

use borsh::BorshSerialize;

use crate::settle::{Bond, is_refuted, reopen};
use crate::step::Step;
use crate::{
    Account, Claim, ClaimOutcome, ClaimState, Dispute, Equivocation, JobId, JobPhase, Key, Lease,
    Message, NetworkId, Notice, Outcome, Ready, Rejection, Signed, TransferKind,
};

/// What a key can do only once: claim at one attempt at one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize)]
pub struct OnceOnly {
    /// Which job.
    pub job: JobId,
    /// Which attempt at it.
    pub attempt: u32,
    /// Who claims.
    pub key: Key,
}

/// Why two signed claims prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EquivocationError {
    /// A message that is not a claim.
    #[error("it holds a {kind} message where a claim is due")]
    NotAClaim {
        /// Its kind.
        kind: &'static str,
    },
    /// The signers differ.
    #[error("the claims are signed by different keys, {one} and {other}")]
    Signers {
        /// Who signed one.
        one: Key,
        /// Who signed the other.
        other: Key,
    },
    /// The claims are for different acts.
    #[error("the claims are for different {0}: each may be made once")]
    Acts(&'static str),
    /// The claims say the same.
    #[error("the claims say the same: program, layers, trace root and outputs are equal")]
    Same,
    /// The claims are not in the order of their ids: of each proof there is one encoding.
    #[error("the claims are not in the order of their ids")]
    Order,
    /// A claim is not for this network, or not signed by its signer.
    #[error(transparent)]
    Envelope(#[from] crate::EnvelopeError),
}

impl Equivocation {
    /// The proof from two signed claims, in either order.
    ///
    /// # Errors
    /// If they prove nothing.
    pub fn prove(
        network: NetworkId,
        one: Signed,
        other: Signed,
    ) -> Result<Self, EquivocationError> {
        let (one, other) = if one.id() <= other.id() { (one, other) } else { (other, one) };
        let proof = Self { one: Box::new(one), other: Box::new(other) };
        proof.verify(network)?;
        Ok(proof)
    }

    /// The act that was done twice.
    ///
    /// # Errors
    /// If the two claims do not prove it.
    pub fn verify(&self, network: NetworkId) -> Result<OnceOnly, EquivocationError> {
        let (one, other) = (claim_in(&self.one)?, claim_in(&self.other)?);
        let act = act_of(&self.one, one);
        if self.one.signer != self.other.signer {
            let (one, other) = (self.one.signer, self.other.signer);
            return Err(EquivocationError::Signers { one, other });
        }
        if one.job != other.job {
            return Err(EquivocationError::Acts("jobs"));
        }
        if one.attempt != other.attempt {
            return Err(EquivocationError::Acts("attempts"));
        }
        if content(one) == content(other) {
            return Err(EquivocationError::Same);
        }
        if self.one.id() >= self.other.id() {
            return Err(EquivocationError::Order);
        }
        for claim in [&self.one, &self.other] {
            claim.as_ref().clone().verify(network)?;
        }
        Ok(act)
    }

    /// The act as the first claim names it, unverified: where to look for what the proof is about.
    pub fn act(&self) -> Option<OnceOnly> {
        claim_in(&self.one).ok().map(|claim| act_of(&self.one, claim))
    }
}

fn claim_in(signed: &Signed) -> Result<&Claim, EquivocationError> {
    match &signed.message {
        Message::Claim(claim) => Ok(claim),
        other => Err(EquivocationError::NotAClaim { kind: other.kind() }),
    }
}

fn act_of(signed: &Signed, claim: &Claim) -> OnceOnly {
    OnceOnly { job: claim.job, attempt: claim.attempt, key: signed.signer }
}

/// What a claim says. The program follows from the job; openings are no statement of their own: they either open
/// the root or are refused.
fn content(claim: &Claim) -> (u32, gainsay_commitment::Digest, &[crate::TensorRef]) {
    (claim.layers, claim.root, &claim.outputs)
}

impl Step<'_> {
    /// A proof takes effect on a claim under way, or on a lease that has not led to one. What time has already decided
    /// comes first, however late the sweeper is.
    pub(crate) fn equivocation(
        &mut self,
        ready: &Ready,
        proof: &Equivocation,
    ) -> Result<(), Rejection> {
        let act = proof.verify(self.params.network())?;
        if act.job != self.state.id {
            return Err(Rejection::WrongKind { kind: ready.message().kind() });
        }
        self.tick()?;
        if let JobPhase::Taken(lease) = &self.state.phase
            && lease.executor == act.key
            && self.state.attempt == act.attempt
        {
            let lease = lease.clone();
            self.slash_lease(ready, &lease);
            return Ok(());
        }
        let made =
            |claim: &&ClaimState| claim.executor == act.key && claim.claim.attempt == act.attempt;
        let claim = self.state.claims.iter().find(made).ok_or(Rejection::NoClaim)?.clone();
        if let Some(outcome) = claim.outcome() {
            return Err(Rejection::Ended(outcome.name()));
        }
        self.slash_claim(ready, &claim);
        Ok(())
    }

    fn slash_lease(&mut self, ready: &Ready, lease: &Lease) {
        let mut bond = Bond { id: lease.id, left: lease.bond, cause: ready.id() };
        let payable = lease.bond.percent(self.params.payout_percent);
        let cost = self.params.ledger.proof_cost.at_most(payable);
        bond.pay(self, Account::Free(ready.signer()), cost, TransferKind::ProofCost);
        bond.rest(self, Account::Burned, TransferKind::Burn);
        self.state.barred.insert(lease.executor);
        self.notice(Notice::Equivocated);
        reopen(self);
    }

    /// The challengers' costs come first, in equal parts where they exceed what may be paid out; then the prover's.
    fn slash_claim(&mut self, ready: &Ready, claim: &ClaimState) {
        let params = self.params;
        let mut bond = Bond { id: claim.take, left: claim.bond, cause: ready.id() };
        let mut payable = claim.bond.percent(params.payout_percent);
        let spenders = spenders(claim);
        let part = params.ledger.challenge_cost.at_most(payable.over(spenders.len() as u64));
        for key in spenders {
            bond.pay(self, Account::Free(key), part, TransferKind::ChallengeCost);
            payable = payable.less(part);
        }
        let cost = params.ledger.proof_cost.at_most(payable);
        bond.pay(self, Account::Free(ready.signer()), cost, TransferKind::ProofCost);
        bond.rest(self, Account::Burned, TransferKind::Burn);
        for challenge in &claim.challenges {
            let bond = Bond { id: challenge.id, left: challenge.bond, cause: ready.id() };
            if is_refuted(claim, challenge) {
                bond.rest(self, Account::Burned, TransferKind::Burn);
            } else {
                bond.rest(self, Account::Free(challenge.challenger), TransferKind::Unlock);
            }
        }
        self.end_disputes();
        self.notice(Notice::Equivocated);
        self.end_claim(ClaimOutcome::Rejected);
        self.state.barred.insert(claim.executor);
        self.state.attempt += 1;
        reopen(self);
    }

    fn end_disputes(&mut self) {
        let now = self.now;
        let Some(claim) = self.state.claims.last_mut() else { return };
        let open = claim.disputes.iter_mut().filter(|dispute| dispute.outcome().is_none());
        let ended = open.map(|dispute: &mut Dispute| dispute.end(Outcome::Equivocation, now));
        for () in ended.collect::<Vec<_>>() {
            self.notice(Notice::DisputeEnded(Outcome::Equivocation));
        }
    }
}

/// Challengers who have shown that they spent something: a counter root of their own that has not lost. A commitment
/// alone shows nothing, and could be made by whoever holds a proof already.
fn spenders(claim: &ClaimState) -> BTreeSet<Key> {
    let shown = |challenge: &&crate::Challenge| {
        challenge.revealed.as_ref().is_some_and(|revealed| revealed.root != claim.claim.root)
            && !is_refuted(claim, challenge)
    };
    claim.challenges.iter().filter(shown).map(|challenge| challenge.challenger).collect()
}
