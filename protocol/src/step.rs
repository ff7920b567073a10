//! The state machine: one job, one event, one moment in, a new state and its effects out.
//!
//! `no_late_move`: a message is judged by the clocks as they stand at `now`, whether or not the sweeper's tick
//! has come. `once_only` and `done_by_another`: a move that is already known changes nothing and is accepted.
//! `terminal_absorbs`: what has ended accepts nothing.

use gainsay_commitment::{Context, Digest, hash};

use crate::event::Event;
use crate::settle::{Truth, burn_challenge, lapse, refund, settle};
use crate::{
    ClaimId, ClaimOutcome, ClaimPhase, ClaimState, Dispute, DisputePhase, Effect, EvidenceStanding,
    JobPhase, JobState, Message, MessageId, Notice, Outcome, Params, Ready, RefundReason,
    Rejection, Standing, Time, Transfer, Transition, Verdict,
};

/// Applies `event` to a job at `now`. On a rejection nothing has changed.
pub fn step(
    params: &Params,
    state: &JobState,
    event: &Event<'_>,
    now: Time,
) -> Result<Transition, Rejection> {
    let mut next = Step { params, now, state: state.clone(), effects: Vec::new() };
    match event {
        Event::Message(ready) => next.message(ready)?,
        Event::Evidence(ready, standing) => next.checked(ready, *standing)?,
        Event::Tick => next.tick()?,
        Event::Resumed => next.resumed(),
        Event::Judged { claim, counter_root, verdict } => {
            next.judged(*claim, *counter_root, *verdict)?
        }
        Event::StepJudged { claim, counter_root, sub_root, verdict } => {
            next.step_judged((*claim, *counter_root), *sub_root, *verdict)?
        }
        Event::Ran { claim, root } => next.ran(*claim, *root)?,
    }
    Ok(Transition { state: next.state, effects: next.effects })
}

/// When a tick can next change the job, if ever.
pub fn next_deadline(state: &JobState) -> Option<Time> {
    match &state.phase {
        JobPhase::Open => Some(state.job.deadline),
        JobPhase::Taken(lease) => Some(lease.until),
        JobPhase::Claimed => {
            let claim = state.claim()?;
            match claim.phase {
                ClaimPhase::Window => Some(claim.window_ends),
                ClaimPhase::Revealing => Some(claim.reveal_ends),
                ClaimPhase::Disputed => {
                    claim.disputes.iter().filter_map(Dispute::next_deadline).min()
                }
                ClaimPhase::Running | ClaimPhase::Ended(_) => None,
            }
        }
        JobPhase::Final | JobPhase::Refunded(_) => None,
    }
}

/// One step under way.
pub(crate) struct Step<'a> {
    pub(crate) params: &'a Params,
    pub(crate) now: Time,
    pub(crate) state: JobState,
    pub(crate) effects: Vec<Effect>,
}

impl Step<'_> {
    pub(crate) fn notice(&mut self, notice: Notice) {
        self.effects.push(Effect::Notice(notice));
    }

    pub(crate) fn transfer(&mut self, transfer: Transfer) {
        self.effects.push(Effect::Transfer(transfer));
    }

    fn message(&mut self, ready: &Ready) -> Result<(), Rejection> {
        match ready.message() {
            Message::Take(take) => self.take(ready, take),
            Message::Claim(claim) => self.claim(ready, claim),
            Message::Commit(commit) => self.commit(ready, commit),
            Message::Reveal(reveal) => self.reveal(ready, reveal),
            Message::Dissection(dissection) => self.dissection(ready, dissection),
            Message::SubRoot(posted) => self.sub_root(ready, posted),
            Message::SubDissection(dissection) => self.sub_dissection(ready, dissection),
            Message::ChunkDissection(dissection) => self.chunk_dissection(ready, dissection),
            Message::Equivocation(proof) => self.equivocation(ready, proof),
            Message::AdmitArtifact(_)
            | Message::Mint(_)
            | Message::Announce(_)
            | Message::Withdraw(_)
            | Message::Job(_)
            | Message::StepValue(_)
            | Message::StepEvidence(_)
            | Message::CanaryCommit(_)
            | Message::CanaryReveal(_)
            | Message::Evidence(_) => Err(Rejection::WrongKind { kind: ready.message().kind() }),
        }
    }

    /// What the arbiter has checked against the program.
    fn checked(&mut self, ready: &Ready, standing: EvidenceStanding) -> Result<(), Rejection> {
        match ready.message() {
            Message::StepValue(value) => self.step_value(ready, value, standing),
            Message::StepEvidence(evidence) => self.step_evidence(ready, evidence, standing),
            _ => self.evidence(ready, standing),
        }
    }

    fn judged(
        &mut self,
        claim: ClaimId,
        counter_root: Digest,
        verdict: Verdict,
    ) -> Result<(), Rejection> {
        let now = self.now;
        let claim = self.live_claim(claim)?;
        let dispute = dispute_mut(claim, &counter_root)?;
        if !matches!(dispute.phase, DisputePhase::Judging { .. }) {
            return Err(Rejection::NotDue);
        }
        let outcome = Outcome::Judged(verdict);
        dispute.end(outcome, now);
        self.notice(Notice::DisputeEnded(outcome));
        self.finish_claim();
        Ok(())
    }

    fn ran(&mut self, claim: ClaimId, root: Option<Digest>) -> Result<(), Rejection> {
        if self.live_claim(claim)?.phase != ClaimPhase::Running {
            return Err(Rejection::NotDue);
        }
        settle(self, Truth::Ran(root));
        Ok(())
    }

    /// The arbiter was away: whatever still runs leaves at least the grace. What had run out before stays so.
    fn resumed(&mut self) {
        let (params, now) = (self.params, self.now);
        let least = now.after(params.grace);
        let extend = |until: &mut Time| {
            if *until > now {
                *until = least.max(*until);
            }
        };
        if let JobPhase::Taken(lease) = &mut self.state.phase {
            extend(&mut lease.until);
        }
        let Some(claim) = self.state.claims.last_mut() else { return };
        if claim.outcome().is_some() {
            return;
        }
        extend(&mut claim.window_ends);
        extend(&mut claim.reveal_ends);
        // It was never sooner than this: where the window was not prolonged, nothing changes.
        claim.reveal_ends = claim.reveal_ends.max(claim.window_ends.after(params.reveal));
        for dispute in &mut claim.disputes {
            dispute.resume(params, now);
        }
    }

    pub(crate) fn tick(&mut self) -> Result<(), Rejection> {
        let now = self.now;
        match &self.state.phase {
            JobPhase::Open if now >= self.state.job.deadline => {
                refund(self, RefundReason::Deadline);
            }
            JobPhase::Taken(lease) if now >= lease.until => {
                let lease = lease.clone();
                lapse(self, &lease);
            }
            JobPhase::Claimed => self.tick_claim()?,
            _ => {}
        }
        Ok(())
    }

    fn tick_claim(&mut self) -> Result<(), Rejection> {
        let now = self.now;
        let Some(claim) = self.state.claims.last_mut() else {
            return Ok(());
        };
        if claim.phase == ClaimPhase::Window && now >= claim.window_ends {
            if claim.challenges.is_empty() {
                settle(self, Truth::Undisputed);
                return Ok(());
            }
            claim.phase = ClaimPhase::Revealing;
        }
        if claim.phase == ClaimPhase::Revealing && now >= claim.reveal_ends {
            self.begin_disputes()?;
        }
        self.tick_below();
        self.time_out();
        self.finish_claim();
        Ok(())
    }

    /// The reveal time is over: bonds of what was not revealed are burned, one dispute per counter root begins.
    fn begin_disputes(&mut self) -> Result<(), Rejection> {
        let (params, now) = (self.params, self.now);
        let deep = self.state.facts.below.as_slice();
        let Some(claim) = self.state.claims.last_mut() else {
            return Ok(());
        };
        let shape = claim.shape()?;
        let own = claim.claim.root;
        let (kept, forfeited): (Vec<_>, Vec<_>) =
            claim.challenges.drain(..).partition(|challenge| {
                challenge.revealed.as_ref().is_some_and(|revealed| revealed.root != own)
            });
        claim.challenges = kept;
        claim.forfeited = forfeited.clone();
        let ours = claim.known.get(&own).cloned().unwrap_or_default();
        claim.disputes = claim
            .known
            .iter()
            .filter(|(root, _)| **root != own)
            .map(|(root, theirs)| Dispute::begin((params, deep), shape, *root, &ours, theirs, now))
            .collect();
        claim.phase = ClaimPhase::Disputed;
        let disputes = claim.disputes.len();
        for challenge in &forfeited {
            burn_challenge(self, challenge);
            self.notice(Notice::ChallengeForfeited);
        }
        for _ in 0..disputes {
            self.notice(Notice::DisputeBegan);
        }
        Ok(())
    }

    /// Ends every dispute in which a clock has ended.
    fn time_out(&mut self) {
        let now = self.now;
        let Some(claim) = self.state.claims.last_mut() else {
            return;
        };
        let mut ended = Vec::new();
        for dispute in &mut claim.disputes {
            let outcome = match dispute.standing(now) {
                Standing::InTime(_) => continue,
                Standing::ExecutorLate => Outcome::ExecutorTimeout,
                Standing::ChallengerLate => Outcome::ChallengerTimeout,
                Standing::BothLate => Outcome::BothTimeout,
            };
            dispute.end(outcome, now);
            ended.push(outcome);
        }
        for outcome in ended {
            self.notice(Notice::DisputeEnded(outcome));
        }
    }

    /// Settles the claim once every dispute has ended. If it is rejected and a counter root stands that no
    /// replay has borne out, or several stand, the arbiter runs the program to tell which of them is true.
    pub(crate) fn finish_claim(&mut self) {
        let Some(claim) = self.state.claims.last_mut() else {
            return;
        };
        if claim.phase != ClaimPhase::Disputed {
            return;
        }
        let Some(outcomes) =
            claim.disputes.iter().map(Dispute::outcome).collect::<Option<Vec<_>>>()
        else {
            return;
        };
        let rejected = outcomes.iter().any(|outcome| outcome.rejects_claim());
        let mut standing = outcomes.iter().filter(|outcome| !outcome.refutes_counter());
        let borne_out = Outcome::Judged(Verdict::ExecutorFault);
        let (first, more) = (standing.next(), standing.next().is_some());
        if rejected && first.is_some_and(|first| more || *first != borne_out) {
            claim.phase = ClaimPhase::Running;
            self.effects.push(Effect::Run);
        } else {
            settle(self, Truth::Disputed);
        }
    }

    /// Marks the claim ended.
    pub(crate) fn end_claim(&mut self, outcome: ClaimOutcome) {
        let now = self.now;
        if let Some(claim) = self.state.claims.last_mut() {
            claim.phase = ClaimPhase::Ended(outcome);
            claim.ended = Some(now);
        }
        self.notice(Notice::ClaimEnded(outcome));
    }

    /// The cause of transfers that no single message brought about.
    pub(crate) fn cause(&self, claim: ClaimId) -> MessageId {
        MessageId(hash(Context::Cause, &("settle", claim)))
    }
}

pub(crate) fn dispute_mut<'a>(
    claim: &'a mut ClaimState,
    counter_root: &Digest,
) -> Result<&'a mut Dispute, Rejection> {
    let found = claim.disputes.iter_mut().find(|dispute| dispute.counter_root == *counter_root);
    found.ok_or(Rejection::NotDue)
}
