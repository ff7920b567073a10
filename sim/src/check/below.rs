//! The game below a layer, pair by pair: `no_late_move`, `first_divergence`, `isolation`, `truth_wins`.
//!
//! A pair of sub-roots is held to what a dispute is held to. What belongs to pairs alone: a side loses only when all its
//! sub-roots have, and a sub-root that tells the truth never does.

use std::collections::{BTreeMap, BTreeSet};

use gainsay_commitment::{ChunkNode, Digest, NodeId};
use gainsay_player::StepSource;
use gainsay_protocol::{
    Account, Below, ClaimId, ClaimState, Dispute, JobState, Key, Known, LoggedEvent, Message,
    Millis, Outcome, Pair, PairPhase, Posted, Side, Time, TransferKind,
};

use super::disputes::{parts_first_at, time_outs};
use super::{Change, Commit, Role, Violation, broken};
use crate::source::Oracle;

/// What there is below the layer of a dispute, whether or not it has ended.
fn below_of(dispute: &Dispute) -> Option<&Below> {
    dispute.below.as_deref()
}

/// Whether the dispute is in the hands of its pairs.
pub(super) fn is_paired(dispute: &Dispute) -> bool {
    dispute.below_layer().is_some_and(|below| !below.pairs.is_empty())
}

/// Whether sub-roots can be posted.
pub(super) fn is_posting(dispute: &Dispute) -> bool {
    dispute.below_layer().is_some_and(|below| below.pairs.is_empty())
}

fn pairs<'a>(was: &'a Dispute, is: &'a Dispute) -> impl Iterator<Item = (&'a Pair, &'a Pair)> {
    let of = |dispute: &'a Dispute| below_of(dispute).map_or(&[][..], |below| &below.pairs);
    of(was).iter().zip(of(is)).filter(|(was, is)| was != is)
}

/// Pairs time out when their clocks end, not before; then nothing else happens to them. No sub-root comes late.
pub(super) fn no_late_move((was, is): (&Dispute, &Dispute), now: Time, found: &mut Vec<Violation>) {
    for (was, is) in pairs(was, is) {
        let (due, timed_out) = time_outs(was.standing(now), is.outcome());
        if was.outcome().is_none() && timed_out != due {
            broken(found, "no_late_move", format!("at {now:?} due {due:?}: {was:?} to {is:?}"));
        }
        if was.outcome().is_some() {
            broken(found, "terminal_absorbs", format!("pair {was:?} became {is:?}"));
        }
    }
    let posted = |dispute| below_of(dispute).map_or(0, |below| below.posted.len());
    let over = !is_posting(was) || was.executor_clock.is_late(now);
    if posted(is) > posted(was) && over {
        broken(found, "no_late_move", format!("at {now:?} a sub-root was taken: {was:?}"));
    }
}

/// A dispute in the hands of its pairs ends when all of them have: against the executor if it lost one, against the other
/// side if that lost all.
pub(super) fn decided_by_pairs(is: &Dispute, found: &mut Vec<Violation>) {
    let Some((below, outcome)) = below_of(is).zip(is.outcome()) else { return };
    if below.pairs.is_empty() || outcome == Outcome::Equivocation {
        return;
    }
    let ended: Vec<Outcome> = below.pairs.iter().filter_map(Pair::outcome).collect();
    let rejects = ended.iter().any(|outcome| outcome.rejects_claim());
    let refutes = ended.iter().all(|outcome| outcome.refutes_counter());
    let all = ended.len() == below.pairs.len();
    if !all || rejects != outcome.rejects_claim() || refutes != outcome.refutes_counter() {
        broken(found, "truth_wins", format!("{outcome:?} of pairs that ended {ended:?}"));
    }
}

/// In each pair what it came down to differs, and everything before it is equal.
pub(super) fn first_divergence(dispute: &Dispute, found: &mut Vec<Violation>) {
    let Some(below) = below_of(dispute) else { return };
    for pair in &below.pairs {
        let node = match (&pair.phase, pair.step()) {
            (PairPhase::Dissecting { node }, _) => *node,
            (_, Some(step)) => NodeId::leaf(step),
            (_, None) => continue,
        };
        let known: [Option<Known>; 2] = [Side::Executor, Side::Challenger]
            .map(|side| below.root_of(pair, side).map(|root| below.known(&root)));
        let [Some(ours), Some(theirs)] = known else { continue };
        let depth = below.shape().map_or(0, |shape| shape.tree().depth());
        if !parts_first_at(node, depth, &ours, &theirs) || !chunks_part_first(below, pair) {
            broken(found, "first_divergence", format!("not at {node:?}: {pair:?}"));
        }
    }
}

/// Whether the contents differ at the chunks that the pair stands at, and are equal before them.
fn chunks_part_first(below: &Below, pair: &Pair) -> bool {
    let (step, at) = match &pair.phase {
        PairPhase::Chunks { step, node } => (*step, *node),
        PairPhase::AwaitingEvidence { step, chunk: Some(chunk) }
        | PairPhase::Judging { step, chunk: Some(chunk), .. } => (*step, ChunkNode::chunk(*chunk)),
        _ => return true,
    };
    let Some(shape) = below.chunk_shape(step) else { return false };
    let contents = [below.executor_root(), Some(pair.sub_root)]
        .map(|root| root.and_then(|root| below.value(&root, step)));
    let [Some(ours), Some(theirs)] = contents else { return false };
    let values = |node| [ours, theirs].map(|content| below.chunk_value(shape, content, node));
    let mut node = shape.root();
    while node != at {
        let Some((left, right)) = node.halves() else { return false };
        if at.start < right.start {
            node = left;
            continue;
        }
        let [one, other] = values(left);
        if one.is_none() || one != other {
            return false;
        }
        node = right;
    }
    let [one, other] = values(at);
    one.is_some() && other.is_some() && one != other
}

/// Whether a message concerns what is below a dispute.
pub(super) fn concerns(message: &Message, was: &Dispute) -> bool {
    let root = was.counter_root;
    match message {
        Message::SubRoot(said) => said.counter_root == root && is_posting(was),
        Message::SubDissection(said) => said.counter_root == root && is_paired(was),
        Message::StepValue(said) => said.counter_root == root && is_paired(was),
        Message::ChunkDissection(said) => said.counter_root == root && is_paired(was),
        Message::StepEvidence(said) => said.counter_root == root && is_paired(was),
        _ => false,
    }
}

/// An event changes only the pairs that it concerns, and where a pair goes on everybody has at least the grace.
pub(super) fn isolation(
    (was, is): (&Dispute, &Dispute),
    commit: &Commit,
    grace: Millis,
    found: &mut Vec<Violation>,
) {
    let message = match &commit.entry.event {
        LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } => signed,
        LoggedEvent::StepJudged { sub_root, .. } => {
            if pairs(was, is).any(|(was, _)| was.sub_root != *sub_root) {
                broken(found, "isolation", "a verdict changed another pair");
            }
            return;
        }
        _ => return,
    };
    let Some(below) = below_of(was) else { return };
    for (was, is) in pairs(was, is) {
        let goes_on = was.phase != is.phase;
        let hurried = [is.executor_clock, is.challenger_clock]
            .iter()
            .any(|clock| clock.ends().is_some() && clock.left(commit.entry.time) < grace);
        if !waits_for(&message.message, below, was) || (goes_on && hurried) {
            let kind = message.message.kind();
            broken(found, "isolation", format!("a {kind} message changed {was:?} to {is:?}"));
        }
    }
}

/// Whether a pair waits for what the message says.
fn waits_for(message: &Message, below: &Below, pair: &Pair) -> bool {
    let is_root = |root: Digest| root == pair.sub_root || Some(root) == below.executor_root();
    match (message, &pair.phase) {
        (Message::SubDissection(said), PairPhase::Dissecting { node }) => {
            is_root(said.sub_root) && *node == said.node
        }
        (Message::StepValue(said), PairPhase::Showing { step }) => {
            is_root(said.sub_root) && *step == said.step
        }
        // What is shown of a content counts wherever that content is.
        (Message::ChunkDissection(said), PairPhase::Chunks { step, node }) => {
            let content = below.value(&said.sub_root, said.step);
            let mut own = [Some(pair.sub_root), below.executor_root()].into_iter().flatten();
            *node == said.node && own.any(|root| below.value(&root, *step) == content)
        }
        (Message::StepEvidence(said), PairPhase::AwaitingEvidence { step, chunk }) => {
            said.sub_root == pair.sub_root && (*step, *chunk) == (said.step, said.chunk)
        }
        _ => false,
    }
}

/// Whose sub-root lost does not get the bond back, however its side fares.
pub(super) fn lost_sub_roots_pay(change: &Change, commit: &Commit, found: &mut Vec<Violation>) {
    for claim in &change.1.claims {
        for dispute in &claim.disputes {
            let Some(below) = below_of(dispute) else { continue };
            let lost = |posted: &&Posted| {
                let pair = below.pairs.iter().find(|pair| pair.sub_root == posted.sub_root);
                posted.side == Side::Challenger
                    && pair.and_then(Pair::outcome).is_some_and(Outcome::refutes_counter)
            };
            for posted in below.posted.iter().filter(lost) {
                let bond = claim.challenge_of(posted.key).map(|own| Account::Bond(own.id));
                let freed = commit.transfers.iter().find(|transfer| {
                    Some(transfer.debit) == bond && transfer.kind == TransferKind::Unlock
                });
                if let Some(freed) = freed {
                    broken(found, "sham_costs", format!("{posted:?} lost, yet {freed:?}"));
                }
            }
        }
    }
}

/// A sub-root that tells the truth, of somebody honest whose root is true, loses in no pair.
pub(super) fn truth_wins(
    (oracle, roles): (&Oracle, &BTreeMap<Key, Role>),
    (job, claim): (&JobState, &ClaimState),
    found: &mut Vec<Violation>,
) {
    for dispute in &claim.disputes {
        let Some(below) = below_of(dispute).filter(|below| !below.pairs.is_empty()) else {
            continue;
        };
        let Some(truth) = oracle.truth(job) else { continue };
        let Some(steps) = truth.steps(below.deep.layer) else { continue };
        let root = truth.trace.root();
        let is_honest = |posted: &Posted| {
            let (role, true_root) = match posted.side {
                Side::Executor => (Role::HonestExecutor, claim.claim.root),
                Side::Challenger => (Role::HonestChallenger, dispute.counter_root),
            };
            roles.get(&posted.key) == Some(&role) && true_root == root
        };
        for posted in below.posted.iter().filter(|posted| is_honest(posted)) {
            if posted.sub_root != steps.root() {
                broken(found, "truth_wins", format!("the honest told another: {posted:?}"));
            }
            let mine = |pair: &&Pair| below.root_of(pair, posted.side) == Some(posted.sub_root);
            let lost = |outcome: &Outcome| match posted.side {
                Side::Executor => outcome.rejects_claim(),
                Side::Challenger => outcome.refutes_counter(),
            };
            for pair in below.pairs.iter().filter(mine) {
                if let Some(outcome) = pair.outcome().filter(lost) {
                    let what = format!("a true sub-root lost by {outcome:?}: {pair:?}");
                    broken(found, "truth_wins", what);
                }
            }
        }
    }
}

/// What was revealed below layers so far.
#[derive(Debug, Default)]
pub(super) struct Shown {
    revealed: BTreeSet<(ClaimId, Digest, Digest, What)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Node(NodeId),
    Value(u32),
    Chunks(u32, ChunkNode),
}

impl Shown {
    /// Under a sub-root each node, value and part of a value is revealed once, whoever asks how often.
    pub(super) fn reveals(&mut self, change: &Change, commit: &Commit, found: &mut Vec<Violation>) {
        let (LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. }) =
            &commit.entry.event
        else {
            return;
        };
        let place = match &signed.message {
            Message::SubDissection(said) => {
                (said.claim, said.counter_root, said.sub_root, What::Node(said.node))
            }
            Message::StepValue(said) => {
                (said.claim, said.counter_root, said.sub_root, What::Value(said.step))
            }
            Message::ChunkDissection(said) => {
                let what = What::Chunks(said.step, said.node);
                (said.claim, said.counter_root, said.sub_root, what)
            }
            _ => return,
        };
        let moved = change.0.as_ref().is_some_and(|before| before != &change.1);
        if moved && !self.revealed.insert(place) {
            broken(found, "bounded_work", format!("{:?} was revealed twice", place.3));
        }
    }
}
