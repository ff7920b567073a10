//! `truth_wins`, `terminal_absorbs`, `no_late_move`, `first_divergence`, `isolation`, `bounded_work`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gainsay_commitment::{Digest, NodeId};
use gainsay_protocol::{
    ClaimId, ClaimOutcome, ClaimState, Dispute, DisputePhase, JobState, Key, Known, LoggedEvent,
    Message, Outcome, Params, Side, Standing, Time,
};

use super::{Change, Commit, Role, Violation, below, broken};
use crate::arbiter::{Arbiter, Carried};
use crate::source::Oracle;

/// The claims of a job before and after, in pairs.
fn claims((before, after): &Change) -> impl Iterator<Item = (&ClaimState, &ClaimState)> {
    before.iter().flat_map(|before| &before.claims).zip(&after.claims)
}

fn disputes(change: &Change) -> impl Iterator<Item = (&Dispute, &Dispute)> {
    claims(change).flat_map(|(was, is)| was.disputes.iter().zip(&is.disputes))
}

/// With a live honest challenger no wrong claim is final; no correct one of an honest executor is rejected.
pub(super) fn truth_wins(
    oracle: &Oracle,
    roles: &BTreeMap<Key, Role>,
    job: &JobState,
    found: &mut Vec<Violation>,
) {
    let Some(truth) = oracle.truth(job) else { return };
    let watched = roles.values().any(|role| *role == Role::HonestChallenger);
    for claim in &job.claims {
        below::truth_wins((oracle, roles), (job, claim), found);
        let correct = claim.claim.root == truth.trace.root();
        let honest = roles.get(&claim.executor) == Some(&Role::HonestExecutor);
        match claim.outcome() {
            Some(ClaimOutcome::Final) if !correct && watched => {
                broken(found, "truth_wins", format!("a wrong claim is final: {:?}", claim.id));
            }
            Some(ClaimOutcome::Rejected) if correct && honest => {
                broken(found, "truth_wins", format!("a correct claim is rejected: {:?}", claim.id));
            }
            _ => {}
        }
    }
}

/// Ended jobs, claims and disputes change no more.
pub(super) fn terminal_absorbs(change: &Change, found: &mut Vec<Violation>) {
    let (before, after) = change;
    if let Some(before) = before.as_ref().filter(|before| before.is_terminal() && *before != after)
    {
        broken(found, "terminal_absorbs", format!("job {:?} was {:?}", before.id, before.phase));
    }
    for (was, is) in claims(change).filter(|(was, is)| was.outcome().is_some() && was != is) {
        broken(found, "terminal_absorbs", format!("claim {:?}: {:?}", was.id, is.phase));
    }
    for (was, is) in disputes(change).filter(|(was, is)| was.outcome().is_some() && was != is) {
        broken(found, "terminal_absorbs", format!("dispute {was:?} became {is:?}"));
    }
}

/// Once a clock has ended, nothing happens to its dispute but that; and no dispute times out before.
pub(super) fn no_late_move(change: &Change, now: Time, found: &mut Vec<Violation>) {
    for (was, is) in disputes(change).filter(|(was, is)| was != is) {
        below::no_late_move((was, is), now, found);
        if below::is_paired(was) {
            below::decided_by_pairs(is, found);
            continue;
        }
        let (due, timed_out) = time_outs(was.standing(now), is.outcome());
        if was.outcome().is_none() && timed_out != due {
            broken(found, "no_late_move", format!("at {now:?} due {due:?}: {was:?} to {is:?}"));
        }
    }
}

/// The time-out that is due, and the one with which something ended.
pub(super) fn time_outs(
    standing: Standing,
    outcome: Option<Outcome>,
) -> (Option<Outcome>, Option<Outcome>) {
    use Outcome::{BothTimeout, ChallengerTimeout, ExecutorTimeout};
    let due = match standing {
        Standing::InTime(_) => None,
        Standing::ExecutorLate => Some(ExecutorTimeout),
        Standing::ChallengerLate => Some(ChallengerTimeout),
        Standing::BothLate => Some(BothTimeout),
    };
    let timed_out = outcome
        .filter(|outcome| matches!(outcome, ExecutorTimeout | ChallengerTimeout | BothTimeout));
    (due, timed_out)
}

/// At the node a dispute stands at both sides are known to differ, and everything left of it is equal.
pub(super) fn first_divergence(job: &JobState, found: &mut Vec<Violation>) {
    for claim in &job.claims {
        for dispute in &claim.disputes {
            below::first_divergence(dispute, found);
            let node = match (&dispute.phase, dispute.layer()) {
                (DisputePhase::Dissecting { node }, _) => *node,
                (_, Some(layer)) => NodeId::leaf(layer),
                (_, None) => continue,
            };
            if !diverges_first_at(claim, dispute, node) {
                broken(found, "first_divergence", format!("not at {node:?}: {dispute:?}"));
            }
        }
    }
}

fn diverges_first_at(claim: &ClaimState, dispute: &Dispute, node: NodeId) -> bool {
    let known = |side| claim.known(side, &dispute.counter_root);
    let (ours, theirs) = (known(Side::Executor), known(Side::Challenger));
    let depth = claim.shape().map_or(0, |shape| shape.depth());
    parts_first_at(node, depth, &ours, &theirs)
}

/// Whether two trees of that depth are known to differ at a node and to be equal everywhere left of it.
pub(super) fn parts_first_at(node: NodeId, depth: u8, ours: &Known, theirs: &Known) -> bool {
    let differ = match (ours.get(node), theirs.get(node)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    };
    let mut above = (node.level..depth).map(|level| (level, node.index >> (level - node.level)));
    differ
        && above.all(|(level, index)| {
            let left = NodeId { level, index: index.saturating_sub(1) };
            index & 1 == 0 || (ours.get(left).is_some() && ours.get(left) == theirs.get(left))
        })
}

/// A message changes only disputes that it concerns, and leaves everybody in them at least the grace.
pub(super) fn isolation(
    change: &Change,
    commit: &Commit,
    params: &Params,
    found: &mut Vec<Violation>,
) {
    for (was, is) in disputes(change).filter(|(was, is)| was != is) {
        below::isolation((was, is), commit, params.grace, found);
    }
    let message = match &commit.entry.event {
        LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } => signed,
        LoggedEvent::Judged { counter_root, .. } | LoggedEvent::StepJudged { counter_root, .. } => {
            let mut others = disputes(change).filter(|(was, _)| was.counter_root != *counter_root);
            if others.any(|(was, is)| was != is) {
                broken(found, "isolation", "a verdict changed another dispute");
            }
            return;
        }
        _ => return,
    };
    for (claim, after) in claims(change) {
        let pairs = claim.disputes.iter().zip(&after.disputes).filter(|(was, is)| was != is);
        for (was, is) in pairs {
            let concerned = match &message.message {
                Message::Dissection(said) => {
                    was.phase == (DisputePhase::Dissecting { node: said.node })
                        && (said.root == claim.claim.root || said.root == was.counter_root)
                }
                Message::Evidence(said) => said.counter_root == was.counter_root,
                said if below::concerns(said, was) => true,
                // A proof of equivocation ends every dispute of its claim.
                Message::Equivocation(_) => true,
                _ => false,
            };
            // While sub-roots can be posted one clock runs for all of them, and nothing adds to it.
            let goes_on = !(below::is_posting(was) && below::is_posting(is));
            let hurried = [is.executor_clock, is.challenger_clock].iter().any(|clock| {
                clock.ends().is_some() && clock.left(commit.entry.time) < params.grace
            });
            if !concerned || (goes_on && hurried) {
                let kind = message.message.kind();
                broken(found, "isolation", format!("a {kind} message changed {was:?} to {is:?}"));
            }
        }
    }
}

/// What was revealed and computed so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    revealed: BTreeSet<(ClaimId, Digest, NodeId)>,
    below: below::Shown,
}

impl Work {
    /// A node under a root is revealed once, whoever asks how often.
    pub(super) fn reveals(&mut self, change: &Change, commit: &Commit, found: &mut Vec<Violation>) {
        self.below.reveals(change, commit, found);
        let LoggedEvent::Message(signed) = &commit.entry.event else { return };
        let Message::Dissection(said) = &signed.message else { return };
        let moved = change.0.as_ref().is_some_and(|before| before != &change.1);
        if moved && !self.revealed.insert((said.claim, said.root, said.node)) {
            broken(found, "bounded_work", format!("{:?} was revealed twice", said.node));
        }
    }

    /// Per claim: the executor reveals each node of its tree at most once, the arbiter replays each layer at most once
    /// between two starts and runs the program at most once between two starts.
    pub(super) fn bounded_work(
        &self,
        arbiter: &Arbiter,
        job: &Rc<JobState>,
        found: &mut Vec<Violation>,
    ) {
        if let Some(claim) = job.claim() {
            let states = u64::from(job.facts.layers) + 1;
            let mine = self
                .revealed
                .iter()
                .filter(|(of, root, _)| *of == claim.id && *root == claim.claim.root);
            if mine.count() as u64 >= states.next_power_of_two() {
                broken(found, "bounded_work", "the executor revealed more nodes than there are");
            }
        }
        let carried = arbiter.carried_out.get(&job.id).map_or(&[][..], Vec::as_slice);
        let starts = arbiter.starts as usize;
        let mut counts: BTreeMap<Carried, usize> = BTreeMap::new();
        for done in carried {
            *counts.entry(*done).or_default() += 1;
        }
        if let Some((done, count)) = counts.iter().find(|(_, count)| **count > starts) {
            let what = format!("{done:?} was carried out {count} times in {starts} starts");
            broken(found, "bounded_work", what);
        }
    }
}
