//! Below a layer: a dispute about a layer over the arbiter's budget goes on over its operators, then over the chunks of the
//! first value that differs (PROTOCOL, section 3.4).
//!
//! Members commit to sub-roots; the executor's and each one of the other side are a [`Pair`] with clocks of its own. A pair
//! goes down as the dispute did: always to the first difference, so that what comes before is agreed. What is shown of a
//! sub-root or a content is remembered for every pair. A side loses only when all its sub-roots have.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{
    ChunkNode, ChunkShape, Digest, NodeId, Opening, StepShape, TreeError, descendants,
};

use crate::dispute::first_different_child;
use crate::{
    Clock, Key, Known, MessageId, Outcome, Pair, PairPhase, Params, Side, Standing, Time, Verdict,
};

/// What the registry says of a layer over the budget.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DeepLayer {
    /// The layer, from 1.
    pub layer: u32,
    /// Per step the bytes of its value, if it is judged by one chunk of it; else it is judged whole.
    pub steps: Vec<Option<u64>>,
}

impl DeepLayer {
    /// The shape of the tree below it.
    pub(crate) fn shape(&self) -> Result<StepShape, TreeError> {
        StepShape::new(self.layer, u32::try_from(self.steps.len()).unwrap_or(u32::MAX))
    }

    /// The bytes of a step's value, if it is judged by the chunk.
    fn chunked(&self, step: u32) -> Option<u64> {
        *self.steps.get((step as usize).checked_sub(1)?)?
    }
}

/// One key's commitment to the steps of the layer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Posted {
    /// Whose.
    pub key: Key,
    /// For which side.
    pub side: Side,
    /// The sub-root.
    pub sub_root: Digest,
    /// The message that posted it.
    pub message: MessageId,
}

/// What is owed below a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueBelow {
    /// Nothing.
    Nothing,
    /// A sub-root for this layer.
    SubRoot(u32),
    /// The descendants of this node under the own sub-root.
    Reveal(NodeId),
    /// What the own side says this step gives.
    Value(u32),
    /// The descendants of this node of the own content of this step.
    Chunks(u32, ChunkNode),
    /// The evidence for this step, or for a chunk of its value.
    Evidence(u32, Option<u64>),
}

/// A dispute below its layer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Below {
    /// The layer with its steps.
    pub deep: DeepLayer,
    /// Opening of `S_{i-1}` under the claim's root, once a sub-root brought it.
    pub before: Option<Opening>,
    /// Sub-roots in the order they were posted.
    pub posted: Vec<Posted>,
    /// The pairs; none while sub-roots can still be posted.
    pub pairs: Vec<Pair>,
    /// What is known of each sub-root's tree.
    known: BTreeMap<Digest, Known>,
    /// Under a sub-root, the content that a step gives.
    values: BTreeMap<(Digest, u32), Digest>,
    /// What is known of the tree of each content of a length: nodes of one length mean nothing in the tree of another.
    contents: BTreeMap<(Digest, u64), BTreeMap<ChunkNode, Digest>>,
}

impl Below {
    pub(crate) fn new(deep: DeepLayer) -> Self {
        Self {
            deep,
            before: None,
            posted: Vec::new(),
            pairs: Vec::new(),
            known: BTreeMap::new(),
            values: BTreeMap::new(),
            contents: BTreeMap::new(),
        }
    }

    /// The shape of the steps' trees.
    ///
    /// # Errors
    /// Never for a layer that the registry named.
    pub fn shape(&self) -> Result<StepShape, TreeError> {
        self.deep.shape()
    }

    /// The sub-root that a key posted.
    pub fn posted_by(&self, key: Key) -> Option<&Posted> {
        self.posted.iter().find(|posted| posted.key == key)
    }

    /// The executor's sub-root.
    pub fn executor_root(&self) -> Option<Digest> {
        let own = self.posted.iter().find(|posted| posted.side == Side::Executor);
        own.map(|posted| posted.sub_root)
    }

    pub(crate) fn has_posted(&self, side: Side) -> bool {
        self.posted.iter().any(|posted| posted.side == side)
    }

    /// The pair of a challengers' sub-root.
    pub fn pair(&self, sub_root: &Digest) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.sub_root == *sub_root)
    }

    /// What is known of a sub-root's tree.
    pub fn known(&self, sub_root: &Digest) -> Known {
        self.known.get(sub_root).cloned().unwrap_or_default()
    }

    pub(crate) fn known_mut(&mut self, sub_root: Digest) -> &mut Known {
        self.known.entry(sub_root).or_default()
    }

    /// The content that a step gives under a sub-root, if it was shown.
    pub fn value(&self, sub_root: &Digest, step: u32) -> Option<Digest> {
        self.values.get(&(*sub_root, step)).copied()
    }

    pub(crate) fn show(&mut self, sub_root: Digest, step: u32, content: Digest) {
        self.values.insert((sub_root, step), content);
    }

    /// The shape of the content that a step gives, if it is judged by the chunk.
    pub fn chunk_shape(&self, step: u32) -> Option<ChunkShape> {
        self.deep.chunked(step).map(ChunkShape::new)
    }

    /// The value of a node of a content's tree, if it was shown.
    pub fn chunk_value(
        &self,
        shape: ChunkShape,
        content: Digest,
        node: ChunkNode,
    ) -> Option<Digest> {
        if node == shape.root() {
            return Some(content);
        }
        self.contents.get(&(content, shape.bytes()))?.get(&node).copied()
    }

    pub(crate) fn shown(
        &mut self,
        (shape, content): (ChunkShape, Digest),
        nodes: Vec<(ChunkNode, Digest)>,
    ) {
        self.contents.entry((content, shape.bytes())).or_default().extend(nodes);
    }

    /// The sub-root of a side in a pair.
    pub fn root_of(&self, pair: &Pair, side: Side) -> Option<Digest> {
        match side {
            Side::Executor => self.executor_root(),
            Side::Challenger => Some(pair.sub_root),
        }
    }

    /// Whether `key`'s sub-root has lost: it is slashed even if its side wins.
    pub fn has_lost(&self, key: Key) -> bool {
        let own = self.posted_by(key).filter(|posted| posted.side == Side::Challenger);
        own.and_then(|posted| self.pair(&posted.sub_root)?.outcome())
            .is_some_and(Outcome::refutes_counter)
    }

    /// What a side owes in a pair.
    pub fn due(&self, params: &Params, pair: &Pair, side: Side) -> DueBelow {
        let Some(root) = self.root_of(pair, side) else { return DueBelow::Nothing };
        match &pair.phase {
            PairPhase::Dissecting { node } => {
                let known = self.known.get(&root);
                let shown = |child| known.is_some_and(|known| known.get(child).is_some());
                let all = descendants(*node, params.arity).into_iter().all(shown);
                if all { DueBelow::Nothing } else { DueBelow::Reveal(*node) }
            }
            PairPhase::Showing { step } => match self.value(&root, *step) {
                Some(_) => DueBelow::Nothing,
                None => DueBelow::Value(*step),
            },
            PairPhase::Chunks { step, node } => {
                let Some((shape, content)) = self.chunk_shape(*step).zip(self.value(&root, *step))
                else {
                    return DueBelow::Nothing;
                };
                let shown = |child| self.chunk_value(shape, content, child).is_some();
                let all = shape.descendants(*node, params.arity).into_iter().all(shown);
                if all { DueBelow::Nothing } else { DueBelow::Chunks(*step, *node) }
            }
            PairPhase::AwaitingEvidence { step, chunk } => DueBelow::Evidence(*step, *chunk),
            PairPhase::Judging { .. } | PairPhase::Ended { .. } => DueBelow::Nothing,
        }
    }

    /// Everybody who may has posted, or the time is over: the executor's sub-root against each of the others.
    pub(crate) fn begin(&mut self, params: &Params, now: Time) {
        let Ok(shape) = self.shape() else { return };
        let mut roots: Vec<Digest> = Vec::new();
        for posted in self.posted.iter().filter(|posted| posted.side == Side::Challenger) {
            if !roots.contains(&posted.sub_root) {
                roots.push(posted.sub_root);
            }
        }
        let clock = Clock::new(params.budget);
        let pair = |sub_root| Pair {
            sub_root,
            phase: PairPhase::Dissecting { node: shape.tree().root() },
            executor_clock: clock,
            challenger_clock: clock,
            rounds: 0,
        };
        self.pairs = roots.into_iter().map(pair).collect();
        (0..self.pairs.len()).for_each(|at| self.descend(params, at, now));
    }

    /// Goes down in every pair as far as both sides are known, and sets the clocks of those in which something is owed.
    pub(crate) fn advance(&mut self, params: &Params, now: Time) {
        for at in 0..self.pairs.len() {
            // A pair in which a clock has ended waits for nothing but the tick.
            if self
                .pairs
                .get(at)
                .is_some_and(|pair| pair.outcome().is_none() && pair.is_in_time(now))
            {
                self.descend(params, at, now);
            }
        }
    }

    fn descend(&mut self, params: &Params, at: usize, now: Time) {
        let mut further = false;
        while let Some(next) = self.pairs.get(at).and_then(|pair| self.next_phase(pair)) {
            let Some(pair) = self.pairs.get_mut(at) else { return };
            let step = matches!(next, PairPhase::Dissecting { .. } | PairPhase::Chunks { .. });
            pair.rounds += u32::from(step);
            pair.phase = next;
            further = true;
        }
        let owes = |below: &Self, side| {
            let pair = below.pairs.get(at);
            pair.is_some_and(|pair| below.due(params, pair, side) != DueBelow::Nothing)
        };
        let (executor, challenger) = (owes(self, Side::Executor), owes(self, Side::Challenger));
        let Some(pair) = self.pairs.get_mut(at) else { return };
        if matches!(pair.phase, PairPhase::Judging { .. } | PairPhase::Ended { .. }) {
            return;
        }
        let clocks =
            [(&mut pair.executor_clock, executor), (&mut pair.challenger_clock, challenger)];
        for (clock, owes) in clocks {
            // A clock that runs on for the same move gets nothing from what happens elsewhere.
            let runs = clock.ends().is_some();
            match owes {
                true if further || !runs => clock.start(now, params.grace),
                true => {}
                false => clock.stop(now),
            }
        }
    }

    /// Where a pair goes on if both sides are known there.
    fn next_phase(&self, pair: &Pair) -> Option<PairPhase> {
        let ours = self.executor_root()?;
        match &pair.phase {
            PairPhase::Dissecting { node } => {
                let (ours, theirs) = (self.known.get(&ours)?, self.known.get(&pair.sub_root)?);
                let mut at = *node;
                while let Some(child) = first_different_child(at, ours, theirs) {
                    at = child;
                }
                if at.level > 0 {
                    return (at != *node).then_some(PairPhase::Dissecting { node: at });
                }
                let step = at.index;
                Some(match self.deep.chunked(step) {
                    Some(_) => PairPhase::Showing { step },
                    None => PairPhase::AwaitingEvidence { step, chunk: None },
                })
            }
            PairPhase::Showing { step } => {
                self.value(&ours, *step)?;
                self.value(&pair.sub_root, *step)?;
                let root = self.chunk_shape(*step)?.root();
                Some(match root.chunks {
                    1 => PairPhase::AwaitingEvidence { step: *step, chunk: Some(0) },
                    _ => PairPhase::Chunks { step: *step, node: root },
                })
            }
            PairPhase::Chunks { step, node } => {
                let shape = self.chunk_shape(*step)?;
                let contents = [self.value(&ours, *step)?, self.value(&pair.sub_root, *step)?];
                let mut at = *node;
                while let Some(child) = self.first_different_half(shape, contents, at) {
                    at = child;
                }
                if at.chunks > 1 {
                    return (at != *node).then_some(PairPhase::Chunks { step: *step, node: at });
                }
                Some(PairPhase::AwaitingEvidence { step: *step, chunk: Some(at.start) })
            }
            _ => None,
        }
    }

    /// The left half if it differs, the right one if the left are equal; `None` if a left half is not known.
    fn first_different_half(
        &self,
        shape: ChunkShape,
        [ours, theirs]: [Digest; 2],
        node: ChunkNode,
    ) -> Option<ChunkNode> {
        let (left, right) = node.halves()?;
        let value = |content, node| self.chunk_value(shape, content, node);
        if value(ours, left)? != value(theirs, left)? {
            return Some(left);
        }
        (value(ours, right)? != value(theirs, right)?).then_some(right)
    }

    /// When the next pair ends by time-out if nobody moves.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.pairs.iter().filter_map(Pair::next_deadline).min()
    }

    /// Ends every pair in which a clock has ended.
    pub(crate) fn time_out(&mut self, now: Time) {
        for pair in self.pairs.iter_mut().filter(|pair| pair.outcome().is_none()) {
            let outcome = match pair.standing(now) {
                Standing::InTime(_) => continue,
                Standing::ExecutorLate => Outcome::ExecutorTimeout,
                Standing::ChallengerLate => Outcome::ChallengerTimeout,
                Standing::BothLate => Outcome::BothTimeout,
            };
            pair.end(outcome, now);
        }
    }

    /// After the arbiter was away: every running clock of a pair in time has at least the grace.
    pub(crate) fn resume(&mut self, params: &Params, now: Time) {
        for pair in self.pairs.iter_mut().filter(|pair| pair.is_in_time(now)) {
            pair.executor_clock.extend(now, params.grace);
            pair.challenger_clock.extend(now, params.grace);
        }
    }

    /// How the dispute ends by its pairs, once all of them have: the executor has one sub-root and loses with it; the other
    /// side loses when all of theirs have. A lost executor plays the other pairs on or times out in them, so that whose
    /// sub-root is wrong does not depend on which pair ends first.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let ended: Vec<Outcome> = self.pairs.iter().filter_map(Pair::outcome).collect();
        if ended.is_empty() || ended.len() < self.pairs.len() {
            return None;
        }
        let all_lost = ended.iter().all(|outcome| outcome.refutes_counter());
        let borne_out = Outcome::Judged(Verdict::ExecutorFault);
        if ended.contains(&borne_out) {
            return Some(borne_out);
        }
        let mut against = ended.iter().filter(|outcome| outcome.rejects_claim());
        if let Some(first) = against.next() {
            let alone =
                ended.iter().find(|found| found.rejects_claim() && !found.refutes_counter());
            return Some(match alone {
                Some(outcome) => *outcome,
                None if all_lost => *first,
                // It lost together with a sub-root of the other side, which has others that did not lose.
                None => Outcome::ExecutorBelow,
            });
        }
        let inconclusive = Outcome::Judged(Verdict::Inconclusive);
        let judged = Outcome::Judged(Verdict::ChallengerFault);
        let found = [inconclusive, judged].into_iter().find(|outcome| ended.contains(outcome));
        found.or_else(|| ended.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_content_of_one_length_is_not_known_of_one_of_another() {
        let mut below =
            Below::new(DeepLayer { layer: 1, steps: vec![Some(8 << 10), Some(5 << 10)] });
        let [long, short] =
            [1, 2].map(|step| below.chunk_shape(step).unwrap_or_else(|| ChunkShape::new(0)));
        let (content, node) = (Digest([1; 32]), ChunkNode { start: 0, chunks: 4 });
        below.shown((long, content), vec![(node, Digest([2; 32]))]);
        assert_eq!(below.chunk_value(long, content, node), Some(Digest([2; 32])));
        assert!(short.contains(node) && below.chunk_value(short, content, node).is_none());
        assert_eq!(below.chunk_value(short, content, short.root()), Some(content));
    }
}
