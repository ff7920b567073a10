//! `winnable_stays` and `done_by_another` below a layer, by asking what would happen: probes change nothing.

use gainsay_commitment::{Arity, Digest, check_reveal};
use gainsay_player::{StepSource, missing_move};
use gainsay_protocol::{
    Below, ClaimState, Dispute, JobState, Key, Message, Pair, PairPhase, Side, Signed,
    SubDissection, Time,
};

use super::probe::{Probes, counts_until, refusal};
use super::{Violation, broken};
use crate::arbiter::Arbiter;
use crate::source::Told;

/// Where a pair was probed: how far it has come, and for which side.
pub(super) type Place = (Digest, Digest, u32, Option<u32>, u8, Side);

fn place_of(dispute: &Dispute, pair: &Pair, side: Side) -> Place {
    let phase = match pair.phase {
        PairPhase::Dissecting { .. } => 0,
        PairPhase::Showing { .. } => 1,
        PairPhase::Chunks { .. } => 2,
        PairPhase::AwaitingEvidence { .. } => 3,
        PairPhase::Judging { .. } | PairPhase::Ended { .. } => 4,
    };
    (dispute.counter_root, pair.sub_root, pair.rounds, pair.step(), phase, side)
}

impl Probes {
    /// In each pair of the true sub-root, what is due can be said until the clock ends, with the same result.
    pub(super) fn winnable_below(
        &mut self,
        arbiter: &Arbiter,
        (job, claim, dispute): (&JobState, &ClaimState, &Dispute),
        (side, truth): (Side, &Told),
        found: &mut Vec<Violation>,
    ) {
        let Some(below) = dispute.below_layer() else { return };
        let Some(root) = truth.steps(below.deep.layer).map(|steps| steps.root()) else { return };
        if below.pairs.is_empty() {
            return self.postable(arbiter, (job, claim, dispute), (side, truth), found);
        }
        for pair in below.pairs.iter().filter(|pair| pair.outcome().is_none()) {
            if below.root_of(pair, side) != Some(root) {
                continue;
            }
            if !self.below.insert((claim.id, place_of(dispute, pair, side))) {
                continue;
            }
            let Some(key) = self.mover(claim, dispute, side) else { continue };
            let alone = with_pair(claim, dispute, pair);
            let (params, mover) = (arbiter.params_of(job), (side, key.key()));
            let due = missing_move(params, &alone, mover, &dispute.counter_root, truth);
            let Ok(Some(due)) = due else { continue };
            let signed = Signed::new(key, arbiter.network, due.message);
            probe(arbiter, (claim, dispute, pair), side, &signed, found);
        }
    }

    /// A sub-root can be posted until the time for them is over.
    fn postable(
        &mut self,
        arbiter: &Arbiter,
        (job, claim, dispute): (&JobState, &ClaimState, &Dispute),
        (side, truth): (Side, &Told),
        found: &mut Vec<Violation>,
    ) {
        let place = (dispute.counter_root, Digest::default(), 0, dispute.layer(), 5, side);
        let (now, Some(end)) = (arbiter.now(), dispute.executor_clock.ends()) else { return };
        if end <= now || !self.below.insert((claim.id, place)) {
            return;
        }
        let Some(key) = self.mover(claim, dispute, side) else { return };
        let (params, mover) = (arbiter.params_of(job), (side, key.key()));
        let due = missing_move(params, claim, mover, &dispute.counter_root, truth);
        let Ok(Some(due)) = due else { return };
        let signed = Signed::new(key, arbiter.network, due.message);
        let posted = |at: Time| {
            let decided = arbiter.would(&signed, at).map_err(refusal)?;
            let job = decided.job.ok_or("nothing")?;
            let below = below_of(&job, claim, dispute).ok_or("nothing below")?;
            Ok::<_, String>(below.posted.clone())
        };
        let (at_once, at_last) = (posted(now), posted(Time(end.0 - 1)));
        if at_once != at_last || at_once.is_err() {
            let what = format!("{at_once:?} at {now:?}, {at_last:?} just before {end:?}");
            broken(found, "winnable_stays", what);
        }
        if let Ok(posted) = posted(end) {
            broken(found, "no_late_move", format!("at {end:?} it would be {posted:?}"));
        }
    }
}

fn below_of<'a>(job: &'a JobState, claim: &ClaimState, dispute: &Dispute) -> Option<&'a Below> {
    let dispute = job.claim_by_id(claim.id)?.dispute(&dispute.counter_root)?;
    dispute.below.as_deref()
}

/// The claim as if the dispute had no other pair.
fn with_pair(claim: &ClaimState, dispute: &Dispute, pair: &Pair) -> ClaimState {
    let mut alone = claim.clone();
    let root = dispute.counter_root;
    let disputes = alone.disputes.iter_mut().filter(|dispute| dispute.counter_root == root);
    for below in disputes.filter_map(|dispute| dispute.below.as_mut()) {
        below.pairs = vec![pair.clone()];
    }
    alone
}

fn probe(
    arbiter: &Arbiter,
    (claim, dispute, pair): (&ClaimState, &Dispute, &Pair),
    side: Side,
    signed: &Signed,
    found: &mut Vec<Violation>,
) {
    // Where the other side's clock ends first, the pair is won by waiting.
    let end = match pair.phase {
        PairPhase::AwaitingEvidence { .. } => pair.clock(side).ends(),
        _ => pair.next_deadline(),
    };
    let (now, Some(end)) = (arbiter.now(), end) else { return };
    if end <= now {
        return;
    }
    let after = |at: Time| {
        let decided = arbiter.would(signed, at).map_err(refusal)?;
        let job = decided.job.ok_or("nothing")?;
        let below = below_of(&job, claim, dispute).ok_or("nothing below")?;
        let after = below.pair(&pair.sub_root).ok_or("no pair")?;
        // The same move may still count in another pair, whose clock has not ended.
        Ok((after.phase.clone(), after != pair))
    };
    counts_until((now, end), after, found);
}

/// A reveal that is known already was not to be refused to a member of its side.
pub(super) fn done_by_another(
    arbiter: &Arbiter,
    (signer, message): (Key, &Message),
    why: &str,
    found: &mut Vec<Violation>,
) {
    let Message::SubDissection(said) = message else { return };
    let job = arbiter.tables.ids.get(&said.claim.0.0);
    let job = job.and_then(|job| arbiter.tables.jobs.get(job));
    let claim = job.and_then(|job| job.claim()).filter(|claim| claim.id == said.claim);
    let Some(claim) = claim else { return };
    let below = claim.dispute(&said.counter_root).and_then(Dispute::below_layer);
    let Some(below) = below else { return };
    let ours = match below.executor_root() == Some(said.sub_root) {
        true => signer == claim.executor,
        false => {
            below.pair(&said.sub_root).is_some() && claim.is_member(signer, &said.counter_root)
        }
    };
    if ours && is_known(below, said) {
        broken(found, "done_by_another", format!("{:?} is known and refused: {why}", said.node));
    }
}

fn is_known(below: &Below, said: &SubDissection) -> bool {
    let known = below.known(&said.sub_root);
    let arity = Arity::new(said.children.len() as u32);
    let (Ok(shape), Some(hash), Ok(arity)) = (below.shape(), known.get(said.node), arity) else {
        return false;
    };
    let reveal = check_reveal(shape.tree(), said.node, arity, hash, &said.children);
    reveal.is_ok_and(|reveal| reveal.nodes.iter().all(|(at, _)| known.get(*at).is_some()))
}
