//! What participants may do below a layer: post a sub-root, dissect, show a step's value, give evidence.
//!
//! As above a layer, each move is checked in full before anything changes, one that is already known changes nothing, and
//! a clock that has ended takes nothing. The opening of `D_m` that comes with a sub-root proves its padding EMPTY.

use gainsay_commitment::{
    ChunkNode, Digest, StateList, StepShape, check_children, check_reveal, inner_state_digest,
    leaf_digest,
};

use crate::step::{Step, dispute_mut};
use crate::{
    Below, ChunkDissection, ClaimId, ClaimPhase, ClaimState, Dispute, DisputePhase, Effect,
    EvidenceStanding, Key, Notice, Outcome, Pair, PairPhase, Posted, Ready, Rejection, Side,
    StepEvidence, StepGiven, StepValue, SubDissection, SubRoot, Verdict,
};

impl Step<'_> {
    pub(crate) fn sub_root(&mut self, ready: &Ready, posted: &SubRoot) -> Result<(), Rejection> {
        let (params, key, now) = (self.params, ready.signer(), self.now);
        let claim = self.live_claim(posted.claim)?;
        let side = side_of(claim, key, &posted.counter_root)?;
        let (trace, own_root, layer) = (claim.shape()?, claim.claim.root, posted.layer);
        let known = claim.known(side, &posted.counter_root);
        let own_leaf = known.get(gainsay_commitment::NodeId::leaf(layer));
        let members = claim.members(posted.counter_root).count();
        let (dispute, mut below) = below_mut(claim, &posted.counter_root)?;
        let shape = below.shape()?;
        if layer != below.deep.layer || posted.steps != shape.steps() {
            return Err(Rejection::NotDue);
        }
        if let Some(before) = below.posted_by(key) {
            let same = before.sub_root == posted.sub_root;
            return if same { Ok(()) } else { Err(Rejection::AlreadyPosted { key }) };
        }
        if dispute.executor_clock.is_late(now) {
            return Err(Rejection::Late);
        }
        if !below.pairs.is_empty() {
            return Err(Rejection::NotDue);
        }
        let (first, last) = (&posted.first, &posted.last);
        posted.before.verify(trace, layer.saturating_sub(1), first.state, own_root)?;
        if own_leaf != Some(leaf_digest(layer, trace.states(), last.state)) {
            return Err(Rejection::List { layer });
        }
        let root = posted.sub_root;
        let opened = [
            shape.verify(&first.opening, 0, first.state, root)?,
            shape.verify(&last.opening, shape.steps(), last.state, root)?,
        ];
        let is_new = !below.posted.iter().any(|posted| posted.sub_root == root);
        opened.into_iter().for_each(|opened| below.known_mut(root).opened(opened));
        below.before.get_or_insert_with(|| posted.before.clone());
        below.posted.push(Posted { key, side, sub_root: root, message: ready.id() });
        dispute.bytes = dispute.bytes.saturating_add(ready.size_bytes());
        if side == Side::Challenger && is_new {
            *dispute.moves.entry(key).or_default() += 1;
        }
        // Nobody else may post: there is nothing to wait for.
        if below.has_posted(Side::Executor) && below.posted.len() == members.saturating_add(1) {
            dispute.begin_pairs(&mut below, params, now);
        }
        dispute.below = Some(Box::new(below));
        self.notice(Notice::Moved);
        self.finish_below(posted.counter_root);
        Ok(())
    }

    pub(crate) fn sub_dissection(
        &mut self,
        ready: &Ready,
        dissection: &SubDissection,
    ) -> Result<(), Rejection> {
        let (arity, now, root) = (self.params.arity, self.now, dissection.sub_root);
        let at = (dissection.claim, dissection.counter_root);
        let (node, side, mut below) = {
            let (side, below) = self.below_for(ready.signer(), at, &root)?;
            (dissection.node, side, below.clone())
        };
        let known = below.known(&root);
        let hash = known.get(node).ok_or(Rejection::NotDue)?;
        let tree = below.shape()?.tree();
        let reveal = check_reveal(tree, node, arity, hash, &dissection.children)?;
        if reveal.nodes.iter().all(|(place, _)| known.get(*place).is_some()) {
            return Ok(());
        }
        let waits = |pair: &Pair| pair.phase == (PairPhase::Dissecting { node });
        waits_in_time(&below, (side, &root), waits, now)?;
        below.known_mut(root).revealed(reveal.nodes);
        self.moved(ready, at, side, below)
    }

    pub(crate) fn chunk_dissection(
        &mut self,
        ready: &Ready,
        dissection: &ChunkDissection,
    ) -> Result<(), Rejection> {
        let (arity, now, root) = (self.params.arity, self.now, dissection.sub_root);
        let at = (dissection.claim, dissection.counter_root);
        let (side, below) = self.below_for(ready.signer(), at, &root)?;
        let mut below = below.clone();
        let (step, node): (u32, ChunkNode) = (dissection.step, dissection.node);
        let shape = below.chunk_shape(step).ok_or(Rejection::NotDue)?;
        let content = below.value(&root, step).ok_or(Rejection::NotDue)?;
        let known = below.chunk_value(shape, content, node).ok_or(Rejection::NotDue)?;
        let shown = check_children(shape, node, arity, known, &dissection.children)?;
        if shown.iter().all(|(place, _)| below.chunk_value(shape, content, *place).is_some()) {
            return Ok(());
        }
        let waits = |pair: &Pair| pair.phase == (PairPhase::Chunks { step, node });
        waits_in_time(&below, (side, &root), waits, now)?;
        below.shown((shape, content), shown);
        self.moved(ready, at, side, below)
    }

    pub(crate) fn step_value(
        &mut self,
        ready: &Ready,
        value: &StepValue,
        standing: EvidenceStanding,
    ) -> Result<(), Rejection> {
        let (now, root, step) = (self.now, value.sub_root, value.step);
        let at = (value.claim, value.counter_root);
        let (side, below) = self.below_for(ready.signer(), at, &root)?;
        let mut below = below.clone();
        let shape = below.shape()?;
        let before = agreed(shape, step, &value.list)?;
        shape.verify(&value.opening, step.saturating_sub(1), before, root)?;
        let leaf = below.known(&root).get(gainsay_commitment::NodeId::leaf(step));
        let malformed = standing == EvidenceStanding::MalformedState;
        if !malformed && leaf != Some(shape.leaf(step, value.after)) {
            return Err(Rejection::List { layer: shape.layer() });
        }
        if below.value(&root, step).is_some() {
            return Ok(());
        }
        let waits = |pair: &Pair| pair.phase == (PairPhase::Showing { step });
        waits_in_time(&below, (side, &root), waits, now)?;
        if malformed {
            let concerned = below.pairs.iter_mut();
            for pair in concerned.filter(|pair| is_of(pair, side, &root) && waits(pair)) {
                pair.end(Outcome::Judged(Verdict::BothFault), now);
            }
        } else {
            below.show(root, step, value.content);
        }
        self.moved(ready, at, side, below)
    }

    pub(crate) fn step_evidence(
        &mut self,
        ready: &Ready,
        evidence: &StepEvidence,
        standing: EvidenceStanding,
    ) -> Result<(), Rejection> {
        let (key, now) = (ready.signer(), self.now);
        let at = (evidence.claim, evidence.counter_root);
        let claim = self.live_claim(evidence.claim)?;
        let side = side_of(claim, key, &evidence.counter_root)?;
        let (_, mut below) = below_mut(claim, &evidence.counter_root)?;
        let pair = below.pair(&evidence.sub_root).ok_or(Rejection::NotDue)?;
        let own = below.root_of(pair, side).ok_or(Rejection::NotDue)?;
        let (shape, step, asked) = (below.shape()?, evidence.step, (evidence.step, evidence.chunk));
        let before = agreed(shape, step, &evidence.list)?;
        shape.verify(&evidence.opening, step.saturating_sub(1), before, own)?;
        match pair.phase {
            PairPhase::AwaitingEvidence { step, chunk } if (step, chunk) == asked => {}
            PairPhase::Judging { step, chunk, .. } if (step, chunk) == asked => return Ok(()),
            _ => return Err(Rejection::NotDue),
        }
        if pair.clock(side).is_late(now) {
            return Err(Rejection::Late);
        }
        let sub_root = evidence.sub_root;
        let Some(pair) = below.pairs.iter_mut().find(|pair| pair.sub_root == sub_root) else {
            return Err(Rejection::NotDue);
        };
        match standing {
            EvidenceStanding::Complete { bytes } => {
                let given = Box::new(StepGiven {
                    by: key,
                    evidence: ready.id(),
                    list: evidence.list.clone(),
                    opening: evidence.opening.clone(),
                    tensors: evidence.tensors.clone(),
                    slices: evidence.slices,
                });
                pair.judge(PairPhase::Judging { step, chunk: evidence.chunk, given }, now);
                self.count_bytes(at, bytes)?;
                let counter_root = evidence.counter_root;
                self.effects.push(Effect::ReplayStep { counter_root, sub_root });
            }
            EvidenceStanding::MalformedState => {
                pair.end(Outcome::Judged(Verdict::BothFault), now);
            }
        }
        self.notice(Notice::EvidenceGiven);
        self.moved(ready, at, side, below)
    }

    pub(crate) fn step_judged(
        &mut self,
        (claim, counter_root): (ClaimId, Digest),
        sub_root: Digest,
        verdict: Verdict,
    ) -> Result<(), Rejection> {
        let now = self.now;
        let claim = self.live_claim(claim)?;
        let (dispute, mut below) = below_mut(claim, &counter_root)?;
        let pair = below.pairs.iter_mut().find(|pair| pair.sub_root == sub_root);
        let pair = pair.filter(|pair| matches!(pair.phase, PairPhase::Judging { .. }));
        pair.ok_or(Rejection::NotDue)?.end(Outcome::Judged(verdict), now);
        dispute.below = Some(Box::new(below));
        self.finish_below(counter_root);
        Ok(())
    }

    /// Sub-roots whose time is over begin, pairs whose clock has ended end.
    pub(crate) fn tick_below(&mut self) {
        let (params, now) = (self.params, self.now);
        let Some(claim) = self.state.claims.last_mut() else { return };
        let mut concerned = Vec::new();
        for dispute in &mut claim.disputes {
            let DisputePhase::Below { .. } = dispute.phase else { continue };
            let Some(mut below) = dispute.below.take() else { continue };
            let over = dispute.executor_clock.is_late(now);
            let both = below.has_posted(Side::Executor) && below.has_posted(Side::Challenger);
            if below.pairs.is_empty() && over && both {
                dispute.begin_pairs(&mut below, params, now);
            } else {
                below.time_out(now);
            }
            dispute.below = Some(below);
            concerned.push(dispute.counter_root);
        }
        concerned.into_iter().for_each(|counter_root| self.end_below(counter_root));
    }

    /// What is known below a sub-root, for a move of `key` under it.
    fn below_for(
        &mut self,
        key: Key,
        (claim, counter_root): (ClaimId, Digest),
        sub_root: &Digest,
    ) -> Result<(Side, &Below), Rejection> {
        let claim = self.live_claim(claim)?;
        let side = side_of(claim, key, &counter_root)?;
        let below = claim.dispute(&counter_root).and_then(Dispute::below_layer);
        let below = below.ok_or(Rejection::NotDue)?;
        let own = match side {
            Side::Executor => below.executor_root() == Some(*sub_root),
            Side::Challenger => below.pair(sub_root).is_some(),
        };
        if own { Ok((side, below)) } else { Err(Rejection::NotASide { key, root: *sub_root }) }
    }

    /// An accepted move: every pair goes on as far as it can.
    fn moved(
        &mut self,
        ready: &Ready,
        (claim, counter_root): (ClaimId, Digest),
        side: Side,
        mut below: Below,
    ) -> Result<(), Rejection> {
        let (params, now) = (self.params, self.now);
        let claim = self.live_claim(claim)?;
        let dispute = dispute_mut(claim, &counter_root)?;
        below.advance(params, now);
        dispute.below = Some(Box::new(below));
        dispute.bytes = dispute.bytes.saturating_add(ready.size_bytes());
        if side == Side::Challenger {
            *dispute.moves.entry(ready.signer()).or_default() += 1;
        }
        self.notice(Notice::Moved);
        self.finish_below(counter_root);
        Ok(())
    }

    fn count_bytes(
        &mut self,
        (claim, counter_root): (ClaimId, Digest),
        bytes: u64,
    ) -> Result<(), Rejection> {
        let dispute = dispute_mut(self.live_claim(claim)?, &counter_root)?;
        dispute.bytes = dispute.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Ends the dispute if its pairs have decided it, and the claim if that was the last one.
    fn finish_below(&mut self, counter_root: Digest) {
        self.end_below(counter_root);
        self.finish_claim();
    }

    fn end_below(&mut self, counter_root: Digest) {
        let now = self.now;
        let Some(claim) = self.state.claims.last_mut() else { return };
        let Ok(dispute) = dispute_mut(claim, &counter_root) else { return };
        let Some(outcome) = dispute.below_layer().and_then(Below::outcome) else { return };
        dispute.end(outcome, now);
        self.notice(Notice::DisputeEnded(outcome));
    }
}

fn side_of(claim: &ClaimState, key: Key, counter_root: &Digest) -> Result<Side, Rejection> {
    if claim.phase != ClaimPhase::Disputed {
        Err(Rejection::NotDue)
    } else if key == claim.executor {
        Ok(Side::Executor)
    } else if claim.is_member(key, counter_root) {
        Ok(Side::Challenger)
    } else {
        Err(Rejection::NotASide { key, root: *counter_root })
    }
}

/// The dispute with that counter root and a copy of what is below its layer, if it has come to that.
fn below_mut<'a>(
    claim: &'a mut ClaimState,
    counter_root: &Digest,
) -> Result<(&'a mut Dispute, Below), Rejection> {
    let dispute = dispute_mut(claim, counter_root)?;
    let below = dispute.below_layer().cloned().ok_or(Rejection::NotDue)?;
    Ok((dispute, below))
}

fn is_of(pair: &Pair, side: Side, sub_root: &Digest) -> bool {
    side == Side::Executor || pair.sub_root == *sub_root
}

/// Whether some pair of the sub-root waits for the move and no clock of it has ended.
fn waits_in_time(
    below: &Below,
    (side, sub_root): (Side, &Digest),
    waits: impl Fn(&Pair) -> bool,
    now: crate::Time,
) -> Result<(), Rejection> {
    let waiting = below.pairs.iter().filter(|pair| is_of(pair, side, sub_root) && waits(pair));
    let waiting: Vec<&Pair> = waiting.collect();
    match (waiting.is_empty(), waiting.iter().any(|pair| pair.is_in_time(now))) {
        (true, _) => Err(Rejection::NotDue),
        (false, false) => Err(Rejection::Late),
        (false, true) => Ok(()),
    }
}

/// `D_{step-1}` with this list.
fn agreed(shape: StepShape, step: u32, list: &StateList) -> Result<Digest, Rejection> {
    let layer = shape.layer();
    let before = step.checked_sub(1).ok_or(Rejection::List { layer })?;
    Ok(match before {
        0 => list.digest(layer.saturating_sub(1)),
        _ => inner_state_digest(layer, before, list),
    })
}
