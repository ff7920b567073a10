//! What goes into the state machine and what comes out of it.

use gainsay_commitment::{ChunkError, Digest, OpeningError, RevealError, TreeError};

use crate::{
    Amount, ClaimId, ClaimOutcome, EquivocationError, JobState, Key, Outcome, Ready, RefundReason,
    Time, Transfer, Verdict,
};

/// How evidence stands after its bytes were checked against the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceStanding {
    /// The list fits the program and every byte the layer reads is there.
    Complete {
        /// Bytes of the tensors.
        bytes: u64,
    },
    /// The list hashes to the agreed state but is not one of the program: both sides are at fault.
    MalformedState,
}

/// What can happen to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A participant says something (anything but evidence).
    Message(&'a Ready),
    /// A participant gives evidence, or shows what a step gives, which the arbiter has checked against the program.
    Evidence(&'a Ready, EvidenceStanding),
    /// Time has passed.
    Tick,
    /// The arbiter serves again after a gap.
    Resumed,
    /// The replay of the disputed layer is done.
    Judged {
        /// The claim.
        claim: ClaimId,
        /// The counter root of the dispute.
        counter_root: Digest,
        /// What it says.
        verdict: Verdict,
    },
    /// The replay of a step below the disputed layer, or of a chunk of its value, is done.
    StepJudged {
        /// The claim.
        claim: ClaimId,
        /// The counter root of the dispute.
        counter_root: Digest,
        /// The challengers' sub-root of the pair.
        sub_root: Digest,
        /// What it says.
        verdict: Verdict,
    },
    /// The arbiter's own run is done.
    Ran {
        /// The claim.
        claim: ClaimId,
        /// The true trace root; `None` if the run could not be carried out.
        root: Option<Digest>,
    },
}

/// What the caller must do, in one transaction with storing the new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Move money.
    Transfer(Transfer),
    /// Replay the disputed layer, then feed [`Event::Judged`].
    Replay {
        /// The counter root of the dispute.
        counter_root: Digest,
    },
    /// Replay the step that a pair of sub-roots came down to, then feed [`Event::StepJudged`].
    ReplayStep {
        /// The counter root of the dispute.
        counter_root: Digest,
        /// The challengers' sub-root of the pair.
        sub_root: Digest,
    },
    /// Run the program once, then feed [`Event::Ran`].
    Run,
    /// Tell those who watch.
    Notice(Notice),
}

/// What has happened, for feeds, metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A job was admitted.
    JobAdmitted,
    /// A job was taken.
    Taken,
    /// A take lapsed.
    Lapsed,
    /// A claim was admitted.
    Claimed,
    /// A challenge was committed.
    Committed,
    /// A counter root was revealed.
    Revealed,
    /// A challenge's bond was burned: not revealed, or the claim's own root.
    ChallengeForfeited,
    /// A dispute began.
    DisputeBegan,
    /// A dissection move was accepted.
    Moved,
    /// Evidence was accepted.
    EvidenceGiven,
    /// A dispute ended.
    DisputeEnded(Outcome),
    /// A claim ended.
    ClaimEnded(ClaimOutcome),
    /// A job was opened again after a rejected claim or a lapse.
    Reopened,
    /// A job's fee went back.
    Refunded(RefundReason),
    /// An equivocation of a claim under way, or of whoever held the job, was proven and slashed.
    Equivocated,
}

/// A new state and what must be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The new state.
    pub state: JobState,
    /// What must be done, in this order.
    pub effects: Vec<Effect>,
}

/// Which of a program's ports an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The job's inputs.
    Inputs,
    /// The claim's outputs.
    Outputs,
}

/// Why an event is refused; nothing changes by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The message is not for this place.
    #[error("a {kind} message does not belong here")]
    WrongKind {
        /// Its kind.
        kind: &'static str,
    },
    /// The message is part of the protocol but this arbiter's version does not play it.
    #[error("{kind} messages are part of the protocol, but this arbiter does not take them yet")]
    NotPlayed {
        /// Its kind.
        kind: &'static str,
    },
    /// The fee is too low.
    #[error("the fee is {fee}, the least is {least}")]
    Fee {
        /// The fee offered.
        fee: Amount,
        /// The least accepted.
        least: Amount,
    },
    /// The deadline has passed.
    #[error("the deadline {deadline:?} is not after now, {now:?}")]
    Deadline {
        /// The deadline.
        deadline: Time,
        /// Now.
        now: Time,
    },
    /// The wrong number of tensors.
    #[error("{got} {what:?} given where the program has {expected}")]
    PortCount {
        /// Inputs or outputs.
        what: Ports,
        /// How many were given.
        got: usize,
        /// How many the program has.
        expected: usize,
    },
    /// A tensor of the wrong type.
    #[error("{what:?}: the tensor at position {position} is not of the program's type and shape")]
    PortType {
        /// Inputs or outputs.
        what: Ports,
        /// Which one.
        position: usize,
    },
    /// The job cannot be taken now.
    #[error("the job is {phase}, not open")]
    NotOpen {
        /// Where it stands.
        phase: &'static str,
    },
    /// The key may not take this job any more.
    #[error("{key} may not take this job any more")]
    Barred {
        /// The key.
        key: Key,
    },
    /// Not the attempt that is due.
    #[error("attempt {got} where attempt {due} is due")]
    Attempt {
        /// The attempt named.
        got: u32,
        /// The attempt due.
        due: u32,
    },
    /// The signer does not hold the job.
    #[error("{key} does not hold this job")]
    NotHolder {
        /// The signer.
        key: Key,
    },
    /// The trace has another length than the program.
    #[error("a trace of {got} layers for a program of {expected}")]
    Layers {
        /// Layers claimed.
        got: u32,
        /// Layers of the program.
        expected: u32,
    },
    /// An opening does not hold.
    #[error("opening refused: {0}")]
    Opening(#[from] OpeningError),
    /// A trace shape is out of range.
    #[error(transparent)]
    Shape(#[from] TreeError),
    /// A dissection move does not hold.
    #[error("dissection refused: {0}")]
    Dissection(#[from] RevealError),
    /// A dissection move within a content does not hold.
    #[error("chunk dissection refused: {0}")]
    Chunks(#[from] ChunkError),
    /// The key has already posted another sub-root.
    #[error("{key} has already posted another sub-root for this layer")]
    AlreadyPosted {
        /// The key.
        key: Key,
    },
    /// The claim is not there or not the one under way.
    #[error("no such claim under way")]
    NoClaim,
    /// The window is over, or not yet.
    #[error("not in time: {what} is due from {from:?} to {until:?}, now is {now:?}")]
    NotInTime {
        /// What was attempted.
        what: &'static str,
        /// First moment.
        from: Time,
        /// First moment that is too late.
        until: Time,
        /// Now.
        now: Time,
    },
    /// The key has already committed another challenge on this claim.
    #[error("{key} has already challenged this claim")]
    AlreadyChallenged {
        /// The key.
        key: Key,
    },
    /// The executor cannot challenge its own claim under the same key.
    #[error("{key} made this claim and cannot challenge it")]
    OwnClaim {
        /// The key.
        key: Key,
    },
    /// There is no commitment by this key.
    #[error("{key} has not challenged this claim")]
    NotChallenged {
        /// The key.
        key: Key,
    },
    /// The reveal is not what was committed to.
    #[error("the reveal does not match the commitment")]
    Commitment,
    /// The signer may not move for that root.
    #[error("{key} may not move for root {root}")]
    NotASide {
        /// The signer.
        key: Key,
        /// The root.
        root: Digest,
    },
    /// No dispute waits for such a move.
    #[error("no dispute of this claim waits for that")]
    NotDue,
    /// The side's clock has ended.
    #[error("the clock has ended: the move came too late")]
    Late,
    /// The state's list does not hash to the agreed state.
    #[error("the list does not hash to the agreed state before layer {layer}")]
    List {
        /// The disputed layer.
        layer: u32,
    },
    /// The key has as many jobs and claims under way as it may.
    #[error("{key} has {open} jobs and claims under way, the most allowed is {most}")]
    TooManyOpen {
        /// The key.
        key: Key,
        /// How many it has.
        open: u32,
        /// The limit.
        most: u32,
    },
    /// The key would have more locked than it may.
    #[error(
        "{key} has {locked} locked by jobs and claims: {bond} more is over the limit of {most}"
    )]
    TooMuchLocked {
        /// The key.
        key: Key,
        /// What it has locked.
        locked: Amount,
        /// One bond.
        bond: Amount,
        /// The limit.
        most: Amount,
    },
    /// Parameters that cannot be announced.
    #[error("the announcement is refused: {0}")]
    Announce(#[from] crate::ScheduleError),
    /// A message that is no proof of an equivocation.
    #[error("no equivocation: {0}")]
    Equivocation(#[from] EquivocationError),
    /// A canary that cannot be committed to, or not opened.
    #[error("canary refused: {0}")]
    Canary(#[from] crate::CanaryError),
    /// The claim or job is over.
    #[error("it is over: {0}")]
    Ended(&'static str),
}
