//! The dispute protocol of Gainsay as pure data and pure functions.
//!
//! This crate does no IO, reads no clock and draws no randomness: time is an argument, signatures are checked
//! but made only by whoever holds a [`Keypair`]. The way in is [`Signed::verify`], then [`Verified::ready`]
//! (the blobs a message speaks of are held), then [`JobState::admit`] or [`step()`]: a new state and the
//! [`Effect`]s the caller must carry out in one transaction. Money is moved only by [`Transfer`]s, which
//! [`Ledger::post`] applies or refuses as a whole. Every player reads [`Dispute::due`] and makes that move.

#![forbid(unsafe_code)]

mod below;
mod below_moves;
mod canary;
mod claim;
mod clock;
mod delay;
mod dispute;
pub mod economics;
mod envelope;
mod equivocation;
mod event;
mod exposure;
mod identity;
mod job;
mod ledger;
mod ledger_params;
mod log;
mod message;
mod message_below;
mod moves;
mod pair;
mod params;
mod schedule;
mod settle;
mod step;
mod units;
mod withdrawal;

pub use below::{Below, DeepLayer, DueBelow, Posted};
pub use canary::{Canary, CanaryError, CanaryOutcome, Caught, MOST_CANARIES, Opened, Planted};
pub use claim::{Challenge, ClaimOutcome, ClaimPhase, ClaimState, Revealed};
pub use clock::{Clock, Standing, classify};
pub use delay::Service;
pub use dispute::{Dispute, DisputePhase, Due, Known, Outcome, Side, Verdict};
pub use envelope::{EnvelopeError, MissingBlobs, Ready, Signed, Verified};
pub use equivocation::{EquivocationError, OnceOnly};
pub use event::{Effect, Event, EvidenceStanding, Notice, Ports, Rejection, Transition};
pub use exposure::Exposure;
pub use identity::{Key, Keypair, MessageId, NetworkId, ParseKeyError, Signature, Unsigned};
pub use job::{JobPhase, JobState, Lease, PortType, ProgramFacts, RefundReason};
pub use ledger::{Account, Ledger, LedgerError, Transfer, TransferKind};
pub use ledger_params::LedgerParams;
pub use log::{LogEntry, LoggedEvent, Receipt, ReceiptError};
pub use message::{
    AdmitArtifact, Announce, ArtifactId, CanaryCommit, CanaryReveal, ChunkDissection, Claim,
    ClaimId, Commit, Dissection, Equivocation, EvidenceMessage, Job, JobId, Message, Mint, Reveal,
    StepEvidence, StepValue, SubDissection, SubRoot, Take, TensorRef, Withdraw, canary_commitment,
    challenge_commitment,
};
pub use pair::{Pair, PairPhase, StepGiven};
pub use params::{LayerBudget, Params, ParamsError};
pub use schedule::{Schedule, ScheduleError};
pub use step::{next_deadline, step};
pub use units::{Amount, Millis, Time};
pub use withdrawal::Withdrawal;
