//! The executor's sub-root against one of the other side: where it stands, and its clocks.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{ChunkNode, Digest, NodeId, Opening, StateList};

use crate::{Clock, Key, MessageId, Outcome, Side, Standing, TensorRef, Time, classify};

/// Where a pair of sub-roots stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum PairPhase {
    /// The descendants of this node of the steps' trees are owed.
    Dissecting {
        /// The node on which the sub-roots differ.
        node: NodeId,
    },
    /// The first different step is found; both sides owe what they say it gives.
    Showing {
        /// The step, from 1.
        step: u32,
    },
    /// The descendants of this node of the two contents' trees are owed.
    Chunks {
        /// The step.
        step: u32,
        /// The node on which the contents differ.
        node: ChunkNode,
    },
    /// Either side gives the evidence for the step or for one chunk of its value.
    AwaitingEvidence {
        /// The step.
        step: u32,
        /// The chunk, unless the step is judged whole.
        chunk: Option<u64>,
    },
    /// The evidence is complete; the arbiter replays.
    Judging {
        /// The step.
        step: u32,
        /// The chunk, unless the step is judged whole.
        chunk: Option<u64>,
        /// The evidence.
        given: Box<StepGiven>,
    },
    /// It is over.
    Ended {
        /// How.
        outcome: Outcome,
        /// The step it came down to, if it has.
        step: Option<u32>,
    },
}

/// Accepted evidence for a step or a chunk.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StepGiven {
    /// Who gave it.
    pub by: Key,
    /// The message that gave it.
    pub evidence: MessageId,
    /// The list of `D_{j-1}`.
    pub list: StateList,
    /// Its opening under the sub-root of whoever gave it.
    pub opening: Opening,
    /// For a whole step, the values given: number in the list, and type and content.
    pub tensors: Vec<(u32, TensorRef)>,
    /// For a chunk, the blob of the slices given.
    pub slices: Option<Digest>,
}

/// The executor's sub-root against one of the other side.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pair {
    /// The challengers' sub-root.
    pub sub_root: Digest,
    /// Where it stands.
    pub phase: PairPhase,
    /// The executor's clock.
    pub executor_clock: Clock,
    /// The challengers' clock.
    pub challenger_clock: Clock,
    /// How many dissection steps it took so far.
    pub rounds: u32,
}

impl Pair {
    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.phase {
            PairPhase::Ended { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// The step it came down to, if it has.
    pub fn step(&self) -> Option<u32> {
        match &self.phase {
            PairPhase::Dissecting { .. } => None,
            PairPhase::Showing { step }
            | PairPhase::Chunks { step, .. }
            | PairPhase::AwaitingEvidence { step, .. }
            | PairPhase::Judging { step, .. } => Some(*step),
            PairPhase::Ended { step, .. } => *step,
        }
    }

    /// Who is late at `now`; evidence is owed by both together.
    pub fn standing(&self, now: Time) -> Standing {
        match self.phase {
            PairPhase::AwaitingEvidence { .. } => match self.next_deadline() {
                Some(last) if now >= last => Standing::BothLate,
                last => Standing::InTime(last),
            },
            _ => classify(now, &self.executor_clock, &self.challenger_clock),
        }
    }

    /// When it ends by time-out if nobody moves.
    pub fn next_deadline(&self) -> Option<Time> {
        let ends = [self.executor_clock.ends(), self.challenger_clock.ends()].into_iter().flatten();
        match self.phase {
            PairPhase::AwaitingEvidence { .. } => ends.max(),
            _ => ends.min(),
        }
    }

    pub(crate) fn is_in_time(&self, now: Time) -> bool {
        matches!(self.standing(now), Standing::InTime(_))
    }

    /// The clock of a side.
    pub fn clock(&self, side: Side) -> &Clock {
        match side {
            Side::Executor => &self.executor_clock,
            Side::Challenger => &self.challenger_clock,
        }
    }

    pub(crate) fn end(&mut self, outcome: Outcome, now: Time) {
        self.phase = PairPhase::Ended { outcome, step: self.step() };
        self.stop(now);
    }

    /// The evidence is complete: the clocks stop.
    pub(crate) fn judge(&mut self, phase: PairPhase, now: Time) {
        self.phase = phase;
        self.stop(now);
    }

    fn stop(&mut self, now: Time) {
        self.executor_clock.stop(now);
        self.challenger_clock.stop(now);
    }
}
