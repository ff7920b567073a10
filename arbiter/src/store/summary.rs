//! What is derived from a job or a log entry for lists, indices and the feed.

use gainsay_commitment::Digest;
use gainsay_network::api::JobSummary;
use gainsay_protocol::{ClaimPhase, JobPhase, JobState, LoggedEvent, Message, Signed};

/// Kinds of log entries on the feed beside those of messages, whose kind is their discriminant on the wire.
pub mod kind {
    /// A deadline took effect on a job.
    pub const TICK: u8 = 32;
    /// A dispute was judged.
    pub const JUDGED: u8 = 33;
    /// The arbiter ran a program.
    pub const RAN: u8 = 34;
    /// The arbiter serves again after a gap; every clock may have been extended.
    pub const RESUMED: u8 = 35;
    /// A heartbeat; never on the feed.
    pub const HEARTBEAT: u8 = 36;
    /// A withdrawal was paid.
    pub const PAID: u8 = 37;
    /// A step below a layer was judged.
    pub const STEP_JUDGED: u8 = 38;
}

/// One line about a job.
pub fn summary_of(state: &JobState) -> JobSummary {
    let claim = state.claim();
    let executor = match &state.phase {
        JobPhase::Taken(lease) => Some(lease.executor),
        _ => claim.map(|claim| claim.executor),
    };
    JobSummary {
        id: state.id,
        artifact: state.job.artifact,
        program: state.job.program,
        phase: state.phase.name().to_owned(),
        attempt: state.attempt,
        fee: state.job.fee,
        deadline: state.job.deadline,
        executor,
        claim: claim.map(|claim| claim.id),
        claim_phase: claim.map(|claim| claim_phase_name(&claim.phase).to_owned()),
        challenges: claim.map_or(0, |claim| saturate(claim.challenges.len())),
        disputes: claim.map_or(0, |claim| saturate(claim.disputes.len())),
    }
}

fn claim_phase_name(phase: &ClaimPhase) -> &'static str {
    match phase {
        ClaimPhase::Window => "window",
        ClaimPhase::Revealing => "revealing",
        ClaimPhase::Disputed => "disputed",
        ClaimPhase::Running => "running",
        ClaimPhase::Ended(outcome) => outcome.name(),
    }
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A log entry's kind: a message's discriminant, or one of [`kind`].
pub fn entry_kind(event: &LoggedEvent) -> u8 {
    match event {
        LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } => {
            message_kind(&signed.message)
        }
        LoggedEvent::Tick(_) => kind::TICK,
        LoggedEvent::Judged { .. } => kind::JUDGED,
        LoggedEvent::StepJudged { .. } => kind::STEP_JUDGED,
        LoggedEvent::Ran { .. } => kind::RAN,
        LoggedEvent::Resumed => kind::RESUMED,
        LoggedEvent::Heartbeat => kind::HEARTBEAT,
        LoggedEvent::Paid(_) => kind::PAID,
    }
}

/// A message's discriminant on the wire.
pub fn message_kind(message: &Message) -> u8 {
    match message {
        Message::AdmitArtifact(_) => 1,
        Message::Mint(_) => 2,
        Message::Withdraw(_) => 3,
        Message::Job(_) => 4,
        Message::Take(_) => 5,
        Message::Claim(_) => 6,
        Message::Commit(_) => 7,
        Message::Reveal(_) => 8,
        Message::Dissection(_) => 9,
        Message::Evidence(_) => 10,
        Message::SubRoot(_) => 11,
        Message::SubDissection(_) => 12,
        Message::ChunkDissection(_) => 13,
        Message::Equivocation(_) => 14,
        Message::Announce(_) => 15,
        Message::StepValue(_) => 16,
        Message::StepEvidence(_) => 17,
        Message::CanaryCommit(_) => 18,
        Message::CanaryReveal(_) => 19,
    }
}

/// What a log entry is about on the feed: the job, else the artifact or account; zeros if it is about every
/// job; `None` for heartbeats.
pub fn entry_topic(event: &LoggedEvent, job: Option<&JobState>) -> Option<Digest> {
    if let Some(job) = job {
        return Some(job.id.0.0);
    }
    match event {
        LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } => {
            Some(message_topic(signed))
        }
        LoggedEvent::Tick(job)
        | LoggedEvent::Judged { job, .. }
        | LoggedEvent::StepJudged { job, .. }
        | LoggedEvent::Ran { job, .. } => Some(job.0.0),
        LoggedEvent::Resumed => Some(Digest::default()),
        LoggedEvent::Heartbeat => None,
        LoggedEvent::Paid(withdrawal) => Some(withdrawal.0),
    }
}

fn message_topic(signed: &Signed) -> Digest {
    match &signed.message {
        Message::AdmitArtifact(admit) => admit.artifact.0,
        Message::Mint(mint) => Digest(*mint.to.as_bytes()),
        // New parameters concern everybody, and so does what is to be earned by looking.
        Message::Announce(_) | Message::CanaryCommit(_) => Digest::default(),
        Message::CanaryReveal(reveal) => reveal.job.0.0,
        _ => Digest(*signed.signer.as_bytes()),
    }
}
