//! A claim under way: its window, the challenges on it, and its disputes.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{Digest, TraceShape, TreeError};

use crate::{Amount, Claim, ClaimId, Dispute, Key, Known, MessageId, Params, Side, Time};

/// A revealed challenge.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Revealed {
    /// The counter root.
    pub root: Digest,
    /// The challenger's `S_n`.
    pub last_state: Digest,
    /// The message that revealed it.
    pub message: MessageId,
}

/// One key's challenge.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Challenge {
    /// The commitment's message, which also names the bond.
    pub id: MessageId,
    /// Who challenges.
    pub challenger: Key,
    /// The hidden commitment.
    pub commitment: Digest,
    /// The locked bond.
    pub bond: Amount,
    /// When it was admitted.
    pub admitted: Time,
    /// The reveal, if it came.
    pub revealed: Option<Revealed>,
}

/// Where a claim stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ClaimPhase {
    /// It can be challenged.
    Window,
    /// Commitments are being revealed.
    Revealing,
    /// At least one dispute runs.
    Disputed,
    /// All disputes have ended; the arbiter runs the program once to tell the true root.
    Running,
    /// It is over.
    Ended(ClaimOutcome),
}

/// How a claim ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ClaimOutcome {
    /// It stands; the fee is paid.
    Final,
    /// It was wrong or not defended; the bond is slashed.
    Rejected,
    /// It could not be judged; everybody is refunded.
    Cancelled,
}

impl ClaimOutcome {
    /// The name, for metrics and views.
    pub fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An admitted claim with everything that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ClaimState {
    /// Its id.
    pub id: ClaimId,
    /// What was claimed.
    pub claim: Claim,
    /// Who claimed.
    pub executor: Key,
    /// The take, which also names the bond.
    pub take: MessageId,
    /// The bond's amount.
    pub bond: Amount,
    /// `S_0`.
    pub first_state: Digest,
    /// `S_n` as claimed.
    pub last_state: Digest,
    /// When it was admitted.
    pub admitted: Time,
    /// When its window ends.
    pub window_ends: Time,
    /// When reveals end and disputes begin.
    pub reveal_ends: Time,
    /// Where it stands.
    pub phase: ClaimPhase,
    /// When it ended.
    pub ended: Option<Time>,
    /// Challenges in the order of their commitments.
    pub challenges: Vec<Challenge>,
    /// Challenges whose bond was burned when the reveal time ended.
    pub forfeited: Vec<Challenge>,
    /// What is known of the claim's tree and of each counter root's.
    pub known: BTreeMap<Digest, Known>,
    /// Disputes in the order of their counter roots.
    pub disputes: Vec<Dispute>,
}

impl ClaimState {
    /// The shape of the trace's tree.
    pub fn shape(&self) -> Result<TraceShape, TreeError> {
        TraceShape::new(self.claim.layers)
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<ClaimOutcome> {
        match self.phase {
            ClaimPhase::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The dispute with that counter root.
    pub fn dispute(&self, counter_root: &Digest) -> Option<&Dispute> {
        self.disputes.iter().find(|dispute| dispute.counter_root == *counter_root)
    }

    /// The challenge of that key.
    pub fn challenge_of(&self, challenger: Key) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.challenger == challenger)
    }

    /// Whether `key` revealed `counter_root`.
    pub fn is_member(&self, key: Key, counter_root: &Digest) -> bool {
        self.challenge_of(key)
            .and_then(|challenge| challenge.revealed.as_ref())
            .is_some_and(|revealed| revealed.root == *counter_root)
    }

    /// The members of a counter root's side, in the order of their commitments.
    pub fn members(&self, counter_root: Digest) -> impl Iterator<Item = &Challenge> + '_ {
        self.challenges.iter().filter(move |challenge| {
            challenge.revealed.as_ref().is_some_and(|revealed| revealed.root == counter_root)
        })
    }

    /// What is known of a side's tree in a dispute.
    pub fn known(&self, side: Side, counter_root: &Digest) -> Known {
        let root = match side {
            Side::Executor => &self.claim.root,
            Side::Challenger => counter_root,
        };
        self.known.get(root).cloned().unwrap_or_default()
    }

    /// What `side` owes in the dispute with that counter root.
    pub fn due(&self, params: &Params, side: Side, counter_root: &Digest) -> crate::Due {
        self.dispute(counter_root).map_or(crate::Due::Nothing, |dispute| {
            dispute.due(params, &self.known(side, counter_root))
        })
    }
}
