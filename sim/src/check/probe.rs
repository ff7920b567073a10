//! `winnable_stays` and `done_by_another`, by asking what would happen: probes change nothing.

use std::collections::{BTreeMap, BTreeSet};

use gainsay_commitment::{Digest, check_reveal};
use gainsay_player::missing_move;
use gainsay_protocol::{
    ClaimId, ClaimPhase, ClaimState, Dispute, DisputePhase, Dissection, JobState, Key, Keypair,
    Side, Signed, Time,
};

use super::probe_below::Place;
use super::{Violation, broken};
use crate::arbiter::{Arbiter, No};
use crate::source::Oracle;

/// Disputes that were probed where they stand, and keys to probe with.
#[derive(Debug, Default)]
pub(super) struct Probes {
    pub(super) keys: BTreeMap<Key, Keypair>,
    done: BTreeSet<(ClaimId, Digest, u32, Option<u32>, Side)>,
    pub(super) below: BTreeSet<(ClaimId, Place)>,
}

impl Probes {
    /// What the side with the true root can do now it can do to the last moment of its clock, with the same result;
    /// and not after it (`no_late_move`).
    pub(super) fn winnable_stays(
        &mut self,
        arbiter: &Arbiter,
        (job, oracle): (&JobState, &Oracle),
        found: &mut Vec<Violation>,
    ) {
        let Some(claim) = job.claim().filter(|claim| claim.phase == ClaimPhase::Disputed) else {
            return;
        };
        let Some(truth) = oracle.truth(job) else { return };
        let root = truth.trace.root();
        for dispute in &claim.disputes {
            let side = match (claim.claim.root == root, dispute.counter_root == root) {
                (true, _) => Side::Executor,
                (false, true) => Side::Challenger,
                (false, false) => continue,
            };
            self.winnable_below(arbiter, (job, claim, dispute), (side, &truth), found);
            let place = (claim.id, dispute.counter_root, dispute.rounds, dispute.layer(), side);
            if dispute.outcome().is_some()
                || dispute.below_layer().is_some()
                || !self.done.insert(place)
            {
                continue;
            }
            let counter_root = dispute.counter_root;
            let Some(key) = self.mover(claim, dispute, side) else { continue };
            let due = missing_move(
                arbiter.params_of(job),
                claim,
                (side, key.key()),
                &counter_root,
                truth.as_ref(),
            );
            let Ok(Some(due)) = due else { continue };
            let signed = Signed::new(key, arbiter.network, due.message);
            probe(arbiter, (claim, dispute, side), &signed, found);
        }
    }

    pub(super) fn mover(
        &self,
        claim: &ClaimState,
        dispute: &Dispute,
        side: Side,
    ) -> Option<&Keypair> {
        match side {
            Side::Executor => self.keys.get(&claim.executor),
            Side::Challenger => {
                let mut members = claim.members(dispute.counter_root);
                members.find_map(|member| self.keys.get(&member.challenger))
            }
        }
    }
}

fn probe(
    arbiter: &Arbiter,
    (claim, dispute, side): (&ClaimState, &Dispute, Side),
    signed: &Signed,
    found: &mut Vec<Violation>,
) {
    let own = match side {
        Side::Executor => &dispute.executor_clock,
        Side::Challenger => &dispute.challenger_clock,
    };
    // Where the other side's clock ends first, the dispute is won by waiting.
    let end = match dispute.phase {
        DisputePhase::Dissecting { .. } => dispute.next_deadline(),
        _ => own.ends(),
    };
    let (now, Some(end)) = (arbiter.now(), end) else { return };
    if end <= now {
        return;
    }
    let after = |at: Time| {
        let decided = arbiter.would(signed, at).map_err(refusal)?;
        let job = decided.job.ok_or("nothing")?;
        let claim = job.claim_by_id(claim.id).ok_or("no claim")?;
        let after = claim.dispute(&dispute.counter_root).ok_or("no dispute")?;
        // The same move may still count in another dispute, whose clock has not ended.
        Ok::<_, String>((after.phase.clone(), after != dispute))
    };
    counts_until((now, end), after, found);
}

/// A due move does the same now and at the last moment before `end`, and at `end` it changes nothing. `after` says what
/// would be there then, and whether the move had changed it.
pub(super) fn counts_until<P: PartialEq + std::fmt::Debug>(
    (now, end): (Time, Time),
    after: impl Fn(Time) -> Result<(P, bool), String>,
    found: &mut Vec<Violation>,
) {
    let (at_once, at_last) = (after(now), after(Time(end.0 - 1)));
    if at_once != at_last || at_once.is_err() {
        let what = format!("{at_once:?} at {now:?}, {at_last:?} just before {end:?}");
        broken(found, "winnable_stays", what);
    }
    if let Ok((phase, true)) = after(end) {
        broken(found, "no_late_move", format!("at {end:?} it would become {phase:?}"));
    }
}

/// Why something would not be accepted.
pub(super) fn refusal(no: No) -> String {
    match no {
        No::Refused(why) => why.to_string(),
        No::Silence => "no answer".to_owned(),
    }
}

fn is_known(claim: &ClaimState, said: &Dissection) -> bool {
    let (Ok(shape), Some(known)) = (claim.shape(), claim.known.get(&said.root)) else {
        return false;
    };
    // Whatever the arity, the last nodes it shows are its children's children.
    let arity = gainsay_commitment::Arity::new(said.children.len() as u32);
    let reveal = known
        .get(said.node)
        .zip(arity.ok())
        .and_then(|(hash, arity)| check_reveal(shape, said.node, arity, hash, &said.children).ok());
    reveal.is_some_and(|reveal| reveal.nodes.iter().all(|(at, _)| known.get(*at).is_some()))
}

/// A move that is known already was not to be refused to a member of its side.
pub(super) fn done_by_another(
    arbiter: &Arbiter,
    (signer, said): (Key, &Dissection),
    why: &str,
    found: &mut Vec<Violation>,
) {
    let job = arbiter.tables.ids.get(&said.claim.0.0);
    let job = job.and_then(|job| arbiter.tables.jobs.get(job));
    let claim = job.and_then(|job| job.claim()).filter(|claim| claim.id == said.claim);
    let Some(claim) = claim.filter(|claim| claim.phase == ClaimPhase::Disputed) else { return };
    let ours = match said.root == claim.claim.root {
        true => signer == claim.executor,
        false => claim.is_member(signer, &said.root),
    };
    if ours && is_known(claim, said) {
        broken(found, "done_by_another", format!("{:?} is known and refused: {why}", said.node));
    }
}
