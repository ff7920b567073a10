//! A dispute: the claim's root against one counter root, narrowed to the first layer where they differ.
//!
//! `first_divergence`: the descent goes left whenever the left halves differ, so every leaf before the one it
//! ends at is equal under both roots. Both sides owe the reveal of each node on the way, once per (root, node).

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{Digest, NodeId, Opened, Opening, StateList, TraceShape, descendants};

use crate::{Below, Clock, DeepLayer, Key, MessageId, Params, Standing, TensorRef, Time, classify};

/// What is known of one root's tree: openings and reveals, remembered for every dispute of the claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Known(BTreeMap<NodeId, Digest>);

impl Known {
    /// The hash of a node, if it was shown.
    pub fn get(&self, node: NodeId) -> Option<Digest> {
        self.0.get(&node).copied()
    }

    /// Remembers the nodes of an accepted opening.
    pub fn opened(&mut self, opened: Opened) {
        self.0.extend(opened.nodes);
    }

    /// Remembers the nodes of an accepted reveal.
    pub fn revealed(&mut self, nodes: Vec<(NodeId, Digest)>) {
        self.0.extend(nodes);
    }

    /// The opening of a leaf, if every sibling on its path is known, in this tree or (for subtrees that are
    /// equal under both roots) in `agreed`, an opening of the same leaf.
    pub fn opening(
        &self,
        shape: TraceShape,
        index: u32,
        agreed: Option<&Opening>,
    ) -> Option<Opening> {
        let siblings = (0..shape.depth())
            .map(|level| {
                let beside = NodeId { level, index: (index >> level) ^ 1 };
                self.get(beside).or_else(|| agreed?.siblings.get(usize::from(level)).copied())
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Opening { index, siblings })
    }
}

/// A side of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Side {
    /// The claim's.
    Executor,
    /// The counter root's.
    Challenger,
}

/// What a replay of the disputed layer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Verdict {
    /// The layer gives what the counter root says.
    ExecutorFault = 0,
    /// The layer gives what the claim says.
    ChallengerFault = 1,
    /// The layer gives neither, or the agreed state is not one of the program.
    BothFault = 2,
    /// The replay could not be carried out, twice.
    Inconclusive = 3,
}

impl Verdict {
    /// The name, for metrics and views.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExecutorFault => "executor_fault",
            Self::ChallengerFault => "challenger_fault",
            Self::BothFault => "both_fault",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// How a dispute ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Outcome {
    /// By a replay.
    Judged(Verdict),
    /// The executor's clock ended while it owed a move.
    ExecutorTimeout,
    /// The challengers' clock ended while they owed a move.
    ChallengerTimeout,
    /// Both clocks ended while both owed a move.
    BothTimeout,
    /// The side showed padding that is not EMPTY.
    Padding(Side),
    /// The executor had signed another claim for the same attempt.
    Equivocation,
    /// The executor's sub-root lost together with one of the other side's, which had others that did not lose.
    ExecutorBelow,
}

impl Outcome {
    /// Whether the claim stands rejected by it.
    pub fn rejects_claim(self) -> bool {
        matches!(
            self,
            Self::Judged(Verdict::ExecutorFault | Verdict::BothFault)
                | Self::ExecutorTimeout
                | Self::BothTimeout
                | Self::Padding(Side::Executor)
                | Self::Equivocation
                | Self::ExecutorBelow
        )
    }

    /// Whether the counter root lost by it.
    pub fn refutes_counter(self) -> bool {
        matches!(
            self,
            Self::Judged(Verdict::ChallengerFault | Verdict::BothFault)
                | Self::ChallengerTimeout
                | Self::BothTimeout
                | Self::Padding(Side::Challenger)
        )
    }

    /// The name, for metrics and views.
    pub fn name(self) -> &'static str {
        match self {
            Self::Judged(verdict) => verdict.name(),
            Self::ExecutorTimeout => "executor_timeout",
            Self::ChallengerTimeout => "challenger_timeout",
            Self::BothTimeout => "both_timeout",
            Self::Padding(Side::Executor) => "executor_padding",
            Self::Padding(Side::Challenger) => "challenger_padding",
            Self::Equivocation => "equivocation",
            Self::ExecutorBelow => "executor_below",
        }
    }
}

/// Where a dispute stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum DisputePhase {
    /// The descendants of this node are owed by every side whose reveal is not known yet.
    Dissecting {
        /// The node on which the sides differ.
        node: NodeId,
    },
    /// The first different leaf is found; either side gives the evidence.
    AwaitingEvidence {
        /// The judged layer: the leaf's index.
        layer: u32,
    },
    /// The evidence is complete; the arbiter replays.
    Judging {
        /// The judged layer.
        layer: u32,
        /// Who gave the evidence.
        by: Key,
        /// The message that gave it.
        evidence: MessageId,
        /// The agreed state's list.
        list: StateList,
        /// The agreed state's opening under the claim's root.
        opening: Opening,
        /// The tensors given: number in the list, and type and content.
        tensors: Vec<(u32, TensorRef)>,
    },
    /// It is over.
    Ended {
        /// How.
        outcome: Outcome,
        /// The judged layer, if it came to that.
        layer: Option<u32>,
    },
    /// The first different leaf is found, and its layer is over the arbiter's budget: see [`Dispute::below`].
    Below {
        /// The layer.
        layer: u32,
    },
}

/// What a side owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The descendants of this node under its root.
    Reveal(NodeId),
    /// The evidence for this layer.
    Evidence(u32),
}

/// A dispute between the claim's root and one counter root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Dispute {
    /// The counter root.
    pub counter_root: Digest,
    /// Where it stands.
    pub phase: DisputePhase,
    /// The executor's clock.
    pub executor_clock: Clock,
    /// The challengers' clock.
    pub challenger_clock: Clock,
    /// How many accepted moves and evidence each key of the counter root gave.
    pub moves: BTreeMap<Key, u32>,
    /// Dissection nodes at which a reveal was owed.
    pub rounds: u32,
    /// Bytes of the accepted messages and evidence.
    pub bytes: u64,
    /// When it began.
    pub since: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// What is known below the layer, if it came to that; kept when it has ended.
    pub below: Option<Box<Below>>,
}

impl Dispute {
    /// A dispute that begins at `now`, at the deepest node that what is known already decides.
    pub(crate) fn begin(
        (params, deep): (&Params, &[DeepLayer]),
        shape: TraceShape,
        counter_root: Digest,
        claim: &Known,
        counter: &Known,
        now: Time,
    ) -> Self {
        let clock = Clock::new(params.budget);
        let mut dispute = Self {
            counter_root,
            phase: DisputePhase::Dissecting { node: shape.root() },
            executor_clock: clock,
            challenger_clock: clock,
            moves: BTreeMap::new(),
            rounds: 0,
            bytes: 0,
            since: now,
            ended: None,
            below: None,
        };
        dispute.descend((params, deep), shape.root(), claim, counter, now);
        dispute
    }

    /// Goes down from `node` as far as both trees are known, and sets the clocks for what is owed there.
    fn descend(
        &mut self,
        (params, deep): (&Params, &[DeepLayer]),
        mut node: NodeId,
        claim: &Known,
        counter: &Known,
        now: Time,
    ) {
        while let Some(child) = first_different_child(node, claim, counter) {
            node = child;
        }
        if node.level == 0
            && let Some(found) = deep.iter().find(|deep| deep.layer == node.index)
        {
            return self.go_below(params, found.clone(), now);
        }
        self.phase = if node.level == 0 {
            DisputePhase::AwaitingEvidence { layer: node.index }
        } else {
            self.rounds += 1;
            DisputePhase::Dissecting { node }
        };
        self.set_clocks(params, claim, counter, now);
    }

    /// The layer is over the budget: from now on both sides' members commit to its steps, for as long as a side's budget.
    fn go_below(&mut self, params: &Params, deep: DeepLayer, now: Time) {
        self.phase = DisputePhase::Below { layer: deep.layer };
        self.below = Some(Box::new(Below::new(deep)));
        let mut clock = Clock::new(params.budget);
        clock.start(now, params.grace);
        (self.executor_clock, self.challenger_clock) = (clock, clock);
    }

    /// The time for sub-roots is over, or nobody else may post one: the pairs have clocks of their own.
    pub(crate) fn begin_pairs(&mut self, below: &mut Below, params: &Params, now: Time) {
        self.executor_clock.stop(now);
        self.challenger_clock.stop(now);
        below.begin(params, now);
    }

    /// Under what the case file of its judgement is kept: below a layer the sub-root of the pair that decided it, else
    /// the counter root.
    pub fn judged_under(&self) -> Digest {
        let pairs = self.below.as_ref().map_or(&[][..], |below| &below.pairs);
        let judged = pairs.iter().filter(|pair| matches!(pair.outcome(), Some(Outcome::Judged(_))));
        let decided = judged.clone().find(|pair| pair.outcome() == self.outcome());
        decided.or_else(|| judged.clone().next()).map_or(self.counter_root, |pair| pair.sub_root)
    }

    /// What is below its layer, while it is there.
    pub fn below_layer(&self) -> Option<&Below> {
        match self.phase {
            DisputePhase::Below { .. } => self.below.as_deref(),
            _ => None,
        }
    }

    /// Runs the clock of every side that owes, with at least the grace, and stops the others.
    fn set_clocks(&mut self, params: &Params, claim: &Known, counter: &Known, now: Time) {
        let executor_owes = self.due(params, claim) != Due::Nothing;
        let challenger_owes = self.due(params, counter) != Due::Nothing;
        for (clock, owes) in [
            (&mut self.executor_clock, executor_owes),
            (&mut self.challenger_clock, challenger_owes),
        ] {
            if owes { clock.start(now, params.grace) } else { clock.stop(now) }
        }
    }

    /// What a side owes, given what is known of its tree.
    pub fn due(&self, params: &Params, known: &Known) -> Due {
        match &self.phase {
            DisputePhase::Dissecting { node } => {
                let shown = descendants(*node, params.arity)
                    .into_iter()
                    .all(|child| known.get(child).is_some());
                if shown { Due::Nothing } else { Due::Reveal(*node) }
            }
            DisputePhase::AwaitingEvidence { layer } => Due::Evidence(*layer),
            DisputePhase::Judging { .. }
            | DisputePhase::Ended { .. }
            | DisputePhase::Below { .. } => Due::Nothing,
        }
    }

    /// Who is late at `now`. Evidence is owed by both together: it is missing only once both are late.
    pub fn standing(&self, now: Time) -> Standing {
        match self.phase {
            DisputePhase::AwaitingEvidence { .. } => match self.next_deadline() {
                Some(last) if now >= last => Standing::BothLate,
                last => Standing::InTime(last),
            },
            DisputePhase::Below { .. } => self.standing_below(now),
            _ => classify(now, &self.executor_clock, &self.challenger_clock),
        }
    }

    /// When it ends by time-out if nobody moves.
    pub fn next_deadline(&self) -> Option<Time> {
        let ends = [self.executor_clock.ends(), self.challenger_clock.ends()].into_iter().flatten();
        match self.phase {
            DisputePhase::AwaitingEvidence { .. } => ends.max(),
            DisputePhase::Below { .. } => {
                let pairs = self.below.as_ref().and_then(|below| below.next_deadline());
                ends.chain(pairs).min()
            }
            _ => ends.min(),
        }
    }

    /// Below a layer a side is late that has no sub-root when the time for them is over; pairs have their own clocks.
    fn standing_below(&self, now: Time) -> Standing {
        let Some(below) = self.below.as_ref().filter(|_| self.executor_clock.is_late(now)) else {
            return Standing::InTime(self.next_deadline());
        };
        match (below.has_posted(Side::Executor), below.has_posted(Side::Challenger)) {
            (true, true) => Standing::InTime(self.next_deadline()),
            (true, false) => Standing::ChallengerLate,
            (false, true) => Standing::ExecutorLate,
            (false, false) => Standing::BothLate,
        }
    }

    /// Whether no clock has ended: if one has, nothing counts any more but that.
    pub(crate) fn is_in_time(&self, now: Time) -> bool {
        matches!(self.standing(now), Standing::InTime(_))
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.phase {
            DisputePhase::Ended { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// The layer it came down to, if it has.
    pub fn layer(&self) -> Option<u32> {
        match self.phase {
            DisputePhase::Dissecting { .. } => None,
            DisputePhase::AwaitingEvidence { layer }
            | DisputePhase::Judging { layer, .. }
            | DisputePhase::Below { layer } => Some(layer),
            DisputePhase::Ended { layer, .. } => layer,
        }
    }

    /// After a reveal became known: goes on if both sides' are, else only sees to the clocks.
    pub(crate) fn advance(
        &mut self,
        (params, deep): (&Params, &[DeepLayer]),
        claim: &Known,
        counter: &Known,
        now: Time,
    ) {
        let DisputePhase::Dissecting { node } = self.phase else {
            return;
        };
        let owed =
            self.due(params, claim) != Due::Nothing || self.due(params, counter) != Due::Nothing;
        if owed {
            self.set_clocks(params, claim, counter, now);
        } else {
            self.descend((params, deep), node, claim, counter, now);
        }
    }

    /// Ends it.
    pub(crate) fn end(&mut self, outcome: Outcome, now: Time) {
        let layer = self.layer();
        self.phase = DisputePhase::Ended { outcome, layer };
        self.executor_clock.stop(now);
        self.challenger_clock.stop(now);
        self.ended = Some(now);
    }

    /// The evidence is complete: the clocks stop, the arbiter replays.
    pub(crate) fn judge(&mut self, phase: DisputePhase, now: Time) {
        self.phase = phase;
        self.executor_clock.stop(now);
        self.challenger_clock.stop(now);
    }

    /// After the arbiter was away: every running clock has at least the grace. Who was late before stays so.
    pub(crate) fn resume(&mut self, params: &Params, now: Time) {
        if !self.is_in_time(now) {
            return;
        }
        self.executor_clock.extend(now, params.grace);
        self.challenger_clock.extend(now, params.grace);
        if let (DisputePhase::Below { .. }, Some(below)) = (&self.phase, &mut self.below) {
            below.resume(params, now);
        }
    }
}

/// The left child if it differs, the right one if the left are equal; `None` if a left child is not known.
pub(crate) fn first_different_child(
    node: NodeId,
    claim: &Known,
    counter: &Known,
) -> Option<NodeId> {
    let level = node.level.checked_sub(1)?;
    let left = NodeId { level, index: node.index.checked_mul(2)? };
    let right = NodeId { level, index: left.index.checked_add(1)? };
    let (ours, theirs) = (claim.get(left)?, counter.get(left)?);
    if ours != theirs {
        return Some(left);
    }
    // Both right children are known whenever both left ones are: they were shown together.
    (claim.get(right)? != counter.get(right)?).then_some(right)
}
