//! What participants may do to a job: take, claim, commit, reveal, dissect, give evidence.
//!
//! Each move is checked in full before anything changes. `no_late_move`: the clocks are read as they stand at
//! `now`. `done_by_another`: a move that is already known is accepted and changes nothing.

use gainsay_commitment::{Digest, NodeId, Padding, TraceShape, check_reveal};

use crate::job::check_ports;
use crate::step::{Step, dispute_mut};
use crate::{
    Account, Challenge, Claim, ClaimId, ClaimPhase, ClaimState, Commit, Dispute, DisputePhase,
    Dissection, Effect, EvidenceMessage, EvidenceStanding, JobPhase, Key, Known, Lease, Message,
    Notice, Outcome, Ports, Ready, Rejection, Reveal, Revealed, Side, Take, TensorRef, Time,
    Transfer, TransferKind, Verdict, challenge_commitment,
};

impl Step<'_> {
    pub(crate) fn take(&mut self, ready: &Ready, take: &Take) -> Result<(), Rejection> {
        let key = ready.signer();
        if take.job != self.state.id {
            return Err(Rejection::WrongKind { kind: ready.message().kind() });
        }
        if self.state.phase != JobPhase::Open {
            return Err(Rejection::NotOpen { phase: self.state.phase.name() });
        }
        if take.attempt != self.state.attempt {
            return Err(Rejection::Attempt { got: take.attempt, due: self.state.attempt });
        }
        if self.state.barred.contains(&key) {
            return Err(Rejection::Barred { key });
        }
        let (deadline, now) = (self.state.job.deadline, self.now);
        if now >= deadline {
            return Err(Rejection::Deadline { deadline, now });
        }
        let bond = self.params.executor_bond;
        self.state.phase = JobPhase::Taken(Lease {
            id: ready.id(),
            executor: key,
            since: now,
            until: now.after(self.params.lease),
            bond,
        });
        self.transfer(Transfer {
            debit: Account::Free(key),
            credit: Account::Bond(ready.id()),
            amount: bond,
            kind: TransferKind::Lock,
            cause: ready.id(),
        });
        self.notice(Notice::Taken);
        Ok(())
    }

    pub(crate) fn claim(&mut self, ready: &Ready, claim: &Claim) -> Result<(), Rejection> {
        let key = ready.signer();
        if claim.job != self.state.id {
            return Err(Rejection::WrongKind { kind: ready.message().kind() });
        }
        let lease = match &self.state.phase {
            JobPhase::Taken(lease) if lease.executor == key => lease.clone(),
            JobPhase::Taken(_) => return Err(Rejection::NotHolder { key }),
            other => {
                return Err(Rejection::NotOpen { phase: other.name() });
            }
        };
        if claim.attempt != self.state.attempt {
            return Err(Rejection::Attempt { got: claim.attempt, due: self.state.attempt });
        }
        if self.now >= lease.until {
            return Err(Rejection::Late);
        }
        if claim.layers != self.state.facts.layers {
            let expected = self.state.facts.layers;
            return Err(Rejection::Layers { got: claim.layers, expected });
        }
        check_ports(Ports::Outputs, &self.state.facts.outputs, &claim.outputs)?;
        let shape = TraceShape::new(claim.layers)?;
        let first_state = TensorRef::list(&self.state.job.inputs).digest(0);
        let last_state = TensorRef::list(&claim.outputs).digest(claim.layers);
        let mut known = Known::default();
        known.opened(claim.first.verify(shape, 0, first_state, claim.root)?);
        known.opened(claim.last.verify(shape, claim.layers, last_state, claim.root)?);
        let window_ends = self.now.after(self.params.window);
        self.state.claims.push(ClaimState {
            id: ClaimId(ready.id()),
            claim: claim.clone(),
            executor: key,
            take: lease.id,
            bond: lease.bond,
            first_state,
            last_state,
            admitted: self.now,
            window_ends,
            reveal_ends: window_ends.after(self.params.reveal),
            phase: ClaimPhase::Window,
            ended: None,
            challenges: Vec::new(),
            forfeited: Vec::new(),
            known: [(claim.root, known)].into(),
            disputes: Vec::new(),
        });
        self.state.phase = JobPhase::Claimed;
        self.notice(Notice::Claimed);
        Ok(())
    }

    /// The claim under way, if it is `id`; an ended one accepts nothing.
    pub(crate) fn live_claim(&mut self, id: ClaimId) -> Result<&mut ClaimState, Rejection> {
        if let Some(outcome) = self.state.claim_by_id(id).and_then(ClaimState::outcome) {
            return Err(Rejection::Ended(outcome.name()));
        }
        self.state.claims.last_mut().filter(|claim| claim.id == id).ok_or(Rejection::NoClaim)
    }

    pub(crate) fn commit(&mut self, ready: &Ready, commit: &Commit) -> Result<(), Rejection> {
        let (key, now, bond) = (ready.signer(), self.now, self.params.challenger_bond);
        let claim = self.live_claim(commit.claim)?;
        if claim.executor == key {
            return Err(Rejection::OwnClaim { key });
        }
        if now >= claim.window_ends {
            let (from, until) = (claim.admitted, claim.window_ends);
            return Err(Rejection::NotInTime { what: "a commitment", from, until, now });
        }
        if claim.challenge_of(key).is_some() {
            return Err(Rejection::AlreadyChallenged { key });
        }
        claim.challenges.push(Challenge {
            id: ready.id(),
            challenger: key,
            commitment: commit.commitment,
            bond,
            admitted: now,
            revealed: None,
        });
        self.transfer(Transfer {
            debit: Account::Free(key),
            credit: Account::Bond(ready.id()),
            amount: bond,
            kind: TransferKind::Lock,
            cause: ready.id(),
        });
        self.notice(Notice::Committed);
        Ok(())
    }

    pub(crate) fn reveal(&mut self, ready: &Ready, reveal: &Reveal) -> Result<(), Rejection> {
        let (key, now) = (ready.signer(), self.now);
        let network = self.params.network();
        let claim = self.live_claim(reveal.claim)?;
        let (from, until) = (claim.window_ends, claim.reveal_ends);
        if now < from || now >= until {
            return Err(Rejection::NotInTime { what: "a reveal", from, until, now });
        }
        let shape = claim.shape()?;
        let challenge = claim.challenge_of(key).ok_or(Rejection::NotChallenged { key })?;
        let due = challenge_commitment(network, reveal.root, &reveal.salt, key, reveal.claim);
        if challenge.commitment != due {
            return Err(Rejection::Commitment);
        }
        let known_already = challenge.revealed.is_some();
        let mut known = claim.known.get(&reveal.root).cloned().unwrap_or_default();
        known.opened(reveal.first.verify(shape, 0, claim.first_state, reveal.root)?);
        let layers = shape.layers();
        known.opened(reveal.last.verify(shape, layers, reveal.last_state, reveal.root)?);
        // Only what holds is taken, a repetition too: nobody fills the log with openings that lead nowhere.
        if known_already {
            return Ok(());
        }
        claim.known.insert(reveal.root, known);
        let revealed =
            Revealed { root: reveal.root, last_state: reveal.last_state, message: ready.id() };
        if let Some(challenge) =
            claim.challenges.iter_mut().find(|challenge| challenge.challenger == key)
        {
            challenge.revealed = Some(revealed);
        }
        self.notice(Notice::Revealed);
        Ok(())
    }

    pub(crate) fn dissection(
        &mut self,
        ready: &Ready,
        dissection: &Dissection,
    ) -> Result<(), Rejection> {
        let (params, key, now) = (self.params, ready.signer(), self.now);
        let claim = self.live_claim(dissection.claim)?;
        if claim.phase != ClaimPhase::Disputed {
            return Err(Rejection::NotDue);
        }
        let shape = claim.shape()?;
        let (root, node) = (dissection.root, dissection.node);
        let side = side_of(claim, key, &root)?;
        let mine = claim.known.get(&root).cloned().unwrap_or_default();
        let hash = mine.get(node).ok_or(Rejection::NotDue)?;
        let reveal = check_reveal(shape, node, params.arity, hash, &dissection.children)?;
        if reveal.nodes.iter().all(|(place, _)| mine.get(*place).is_some()) {
            return Ok(());
        }
        if !waits_in_time(claim, side, &root, node, now)? {
            return Err(Rejection::NotDue);
        }
        claim.known.entry(root).or_default().revealed(reveal.nodes);
        let (padding, size_bytes) = (reveal.padding, ready.size_bytes());
        self.notice(Notice::Moved);
        self.after_reveal(root, node, (key, size_bytes), padding);
        self.finish_claim();
        Ok(())
    }

    /// Every dispute in which the revealed node was owed in time goes on.
    fn after_reveal(
        &mut self,
        root: Digest,
        node: NodeId,
        (by, size_bytes): (Key, u64),
        padding: Padding,
    ) {
        let (params, now) = (self.params, self.now);
        let deep = self.state.facts.below.as_slice();
        let Some(claim) = self.state.claims.last_mut() else {
            return;
        };
        let executor_moved = root == claim.claim.root;
        let ours = claim.known.get(&claim.claim.root).cloned().unwrap_or_default();
        let mut ended = Vec::new();
        for dispute in &mut claim.disputes {
            let concerned = executor_moved || dispute.counter_root == root;
            let waits = dispute.phase == (DisputePhase::Dissecting { node });
            if !concerned || !waits || !dispute.is_in_time(now) {
                continue;
            }
            dispute.bytes = dispute.bytes.saturating_add(size_bytes);
            if !executor_moved {
                *dispute.moves.entry(by).or_default() += 1;
            }
            if padding != Padding::Empty {
                let side = if executor_moved { Side::Executor } else { Side::Challenger };
                let outcome = Outcome::Padding(side);
                dispute.end(outcome, now);
                ended.push(outcome);
                continue;
            }
            let theirs = claim.known.get(&dispute.counter_root).cloned().unwrap_or_default();
            dispute.advance((params, deep), &ours, &theirs, now);
        }
        for outcome in ended {
            self.notice(Notice::DisputeEnded(outcome));
        }
    }

    pub(crate) fn evidence(
        &mut self,
        ready: &Ready,
        standing: EvidenceStanding,
    ) -> Result<(), Rejection> {
        let Message::Evidence(evidence) = ready.message() else {
            return Err(Rejection::WrongKind { kind: ready.message().kind() });
        };
        let (key, now) = (ready.signer(), self.now);
        let claim = self.live_claim(evidence.claim)?;
        let side = if key == claim.executor {
            Side::Executor
        } else if claim.is_member(key, &evidence.counter_root) {
            Side::Challenger
        } else {
            return Err(Rejection::NotASide { key, root: evidence.counter_root });
        };
        check_list(claim, evidence)?;
        let counter_root = evidence.counter_root;
        let dispute = dispute_mut(claim, &counter_root)?;
        match dispute.phase {
            DisputePhase::AwaitingEvidence { layer } if layer == evidence.layer => {}
            DisputePhase::Judging { layer, .. } if layer == evidence.layer => return Ok(()),
            _ => return Err(Rejection::NotDue),
        }
        let clock = match side {
            Side::Executor => &dispute.executor_clock,
            Side::Challenger => &dispute.challenger_clock,
        };
        if clock.is_late(now) {
            return Err(Rejection::Late);
        }
        if side == Side::Challenger {
            *dispute.moves.entry(key).or_default() += 1;
        }
        dispute.bytes = dispute.bytes.saturating_add(ready.size_bytes());
        match standing {
            EvidenceStanding::Complete { bytes } => {
                dispute.bytes = dispute.bytes.saturating_add(bytes);
                let phase = DisputePhase::Judging {
                    layer: evidence.layer,
                    by: key,
                    evidence: ready.id(),
                    list: evidence.list.clone(),
                    opening: evidence.opening.clone(),
                    tensors: evidence.tensors.clone(),
                };
                dispute.judge(phase, now);
                self.notice(Notice::EvidenceGiven);
                self.effects.push(Effect::Replay { counter_root });
            }
            EvidenceStanding::MalformedState => {
                let outcome = Outcome::Judged(Verdict::BothFault);
                dispute.end(outcome, now);
                self.notice(Notice::EvidenceGiven);
                self.notice(Notice::DisputeEnded(outcome));
                self.finish_claim();
            }
        }
        Ok(())
    }
}

fn side_of(claim: &ClaimState, key: Key, root: &Digest) -> Result<Side, Rejection> {
    if *root == claim.claim.root && key == claim.executor {
        Ok(Side::Executor)
    } else if *root != claim.claim.root && claim.is_member(key, root) {
        Ok(Side::Challenger)
    } else {
        Err(Rejection::NotASide { key, root: *root })
    }
}

/// Whether some dispute waits for this reveal and no clock of it has ended; late in all of them is an error.
fn waits_in_time(
    claim: &ClaimState,
    side: Side,
    root: &Digest,
    node: NodeId,
    now: Time,
) -> Result<bool, Rejection> {
    let waiting: Vec<&Dispute> = claim
        .disputes
        .iter()
        .filter(|dispute| side == Side::Executor || dispute.counter_root == *root)
        .filter(|dispute| dispute.phase == DisputePhase::Dissecting { node })
        .collect();
    if !waiting.is_empty() && !waiting.iter().any(|dispute| dispute.is_in_time(now)) {
        return Err(Rejection::Late);
    }
    Ok(!waiting.is_empty())
}

/// The evidence's list must be the agreed state before its layer.
fn check_list(claim: &ClaimState, evidence: &EvidenceMessage) -> Result<(), Rejection> {
    let layer = evidence.layer;
    let before = layer.checked_sub(1).ok_or(Rejection::List { layer })?;
    let shape = claim.shape()?;
    let state = evidence.list.digest(before);
    evidence.opening.verify(shape, before, state, claim.claim.root)?;
    Ok(())
}
