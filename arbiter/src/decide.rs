//! What an event does, as a pure function of the event and what it is about.
//!
//! The arbiter calls this inside its transactions, and the fold of the log calls it again: `db_is_fold` holds
//! because there is no other place where a job's state or a transfer is made.

use gainsay_commitment::Digest;
use gainsay_network::api::ArtifactView;
use gainsay_protocol::{
    Account, Amount, ClaimId, Effect, Event, EvidenceStanding, Job, JobState, LoggedEvent, Message,
    Mint, Params, ProgramFacts, Ready, Rejection, Time, Transfer, TransferKind, Transition,
    Verdict, step,
};

use crate::error::Refused;
use crate::store::{Decision, Subject, Work};

/// What the arbiter has found out about a message outside the transaction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Findings<'a> {
    /// The artifact that it admits, or on which it asks for a job.
    pub artifact: Option<&'a ArtifactView>,
    /// How its evidence stands.
    pub standing: Option<EvidenceStanding>,
}

/// What the arbiter itself brings about on a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// Time has passed.
    Tick,
    /// The disputed layer was replayed.
    Judged {
        /// The claim.
        claim: ClaimId,
        /// The counter root of the dispute.
        counter_root: Digest,
        /// What the replay says.
        verdict: Verdict,
    },
    /// A step below the disputed layer was replayed.
    StepJudged {
        /// The claim.
        claim: ClaimId,
        /// The counter root of the dispute.
        counter_root: Digest,
        /// The challengers' sub-root of the pair.
        sub_root: Digest,
        /// What the replay says.
        verdict: Verdict,
    },
    /// The program was run.
    Ran {
        /// The claim.
        claim: ClaimId,
        /// The true trace root, unless it could not be carried out.
        root: Option<Digest>,
    },
}

/// The job that a message is about.
pub fn subject_of(ready: &Ready) -> Subject {
    match ready.message() {
        Message::Job(_) => Subject::Job(gainsay_protocol::JobId(ready.id())),
        Message::Take(take) => Subject::Job(take.job),
        Message::Claim(claim) => Subject::Job(claim.job),
        Message::Commit(commit) => Subject::Id(commit.claim.0.0),
        Message::Reveal(reveal) => Subject::Id(reveal.claim.0.0),
        Message::Dissection(dissection) => Subject::Id(dissection.claim.0.0),
        Message::Evidence(evidence) => Subject::Id(evidence.claim.0.0),
        Message::StepValue(value) => Subject::Id(value.claim.0.0),
        Message::StepEvidence(evidence) => Subject::Id(evidence.claim.0.0),
        Message::SubRoot(root) => Subject::Id(root.claim.0.0),
        Message::SubDissection(dissection) => Subject::Id(dissection.claim.0.0),
        Message::ChunkDissection(dissection) => Subject::Id(dissection.claim.0.0),
        Message::AdmitArtifact(_)
        | Message::Mint(_)
        | Message::Withdraw(_)
        | Message::Equivocation(_) => Subject::Nothing,
    }
}

/// What a message does at `now`.
///
/// # Errors
/// Why it is refused; then it does nothing.
pub fn message(
    params: &Params,
    ready: &Ready,
    findings: Findings<'_>,
    job: Option<&JobState>,
    now: Time,
) -> Result<Decision, Refused> {
    let signed = Box::new(ready.signed().clone());
    let mut decision = Decision::new(now, LoggedEvent::Message(signed.clone()));
    match ready.message() {
        Message::AdmitArtifact(admit) => {
            let unknown = Refused::Unknown { what: "artifact", id: admit.artifact.0 };
            decision.artifact = Some(findings.artifact.ok_or(unknown)?.clone());
        }
        Message::Mint(asked) => decision.transfers.push(mint(params, ready, asked)?),
        Message::Job(asked) => {
            let facts = facts_for(asked, findings.artifact)?;
            apply(&mut decision, JobState::admit(params, ready, facts, now)?);
        }
        Message::Evidence(_) | Message::StepValue(_) | Message::StepEvidence(_) => {
            let Subject::Id(claim) = subject_of(ready) else {
                return Err(Rejection::WrongKind { kind: ready.message().kind() }.into());
            };
            let job = known(job, "claim", claim)?;
            let unchecked = || Refused::Evidence("it was not checked".to_owned());
            let standing = findings.standing.ok_or_else(unchecked)?;
            let bytes = match standing {
                EvidenceStanding::Complete { bytes } => Some(bytes),
                EvidenceStanding::MalformedState => None,
            };
            decision.event = LoggedEvent::Evidence { message: signed, bytes };
            apply(&mut decision, step(params, job, &Event::Evidence(ready, standing), now)?);
        }
        Message::Withdraw(_) | Message::Equivocation(_) => {
            let kind = ready.message().kind();
            return Err(Rejection::NotPlayed { kind }.into());
        }
        other => {
            let job = match (other, subject_of(ready)) {
                (Message::Take(_) | Message::Claim(_), Subject::Job(id)) => {
                    known(job, "job", id.0.0)?
                }
                (_, Subject::Id(id)) => known(job, "claim", id)?,
                _ => return Err(Rejection::WrongKind { kind: other.kind() }.into()),
            };
            apply(&mut decision, step(params, job, &Event::Message(ready), now)?);
        }
    }
    Ok(decision)
}

/// What the arbiter's own doing does to a job at `now`; `None` if it changes nothing.
///
/// # Errors
/// If the job does not wait for it.
pub fn occurrence(
    params: &Params,
    occurrence: Occurrence,
    job: &JobState,
    now: Time,
) -> Result<Option<Decision>, Rejection> {
    let id = job.id;
    let (event, logged) = match occurrence {
        Occurrence::Tick => (Event::Tick, LoggedEvent::Tick(id)),
        Occurrence::Judged { claim, counter_root, verdict } => (
            Event::Judged { claim, counter_root, verdict },
            LoggedEvent::Judged { job: id, claim, counter_root, verdict },
        ),
        Occurrence::StepJudged { claim, counter_root, sub_root, verdict } => (
            Event::StepJudged { claim, counter_root, sub_root, verdict },
            LoggedEvent::StepJudged { job: id, claim, counter_root, sub_root, verdict },
        ),
        Occurrence::Ran { claim, root } => {
            (Event::Ran { claim, root }, LoggedEvent::Ran { job: id, claim, root })
        }
    };
    let transition = step(params, job, &event, now)?;
    if transition.state == *job && transition.effects.is_empty() {
        return Ok(None);
    }
    let mut decision = Decision::new(now, logged);
    apply(&mut decision, transition);
    let could_not = matches!(
        occurrence,
        Occurrence::Ran { root: None, .. }
            | Occurrence::Judged { verdict: Verdict::Inconclusive, .. }
            | Occurrence::StepJudged { verdict: Verdict::Inconclusive, .. }
    );
    decision.suspend = could_not.then_some(job.job.artifact);
    Ok(Some(decision))
}

/// A job after the arbiter was away; `None` if nothing changes for it.
///
/// # Errors
/// Never for a state that the state machine made.
pub fn resumed(params: &Params, job: &JobState, now: Time) -> Result<Option<JobState>, Rejection> {
    let transition = step(params, job, &Event::Resumed, now)?;
    Ok((transition.state != *job).then_some(transition.state))
}

/// What the registry says of the program that a job names.
///
/// # Errors
/// If the artifact is not known or suspended, or has no such program.
pub fn facts_for(job: &Job, artifact: Option<&ArtifactView>) -> Result<ProgramFacts, Refused> {
    let unknown = Refused::Unknown { what: "artifact", id: job.artifact.0 };
    let artifact = artifact.ok_or(unknown)?;
    let missing = Refused::NoProgram {
        artifact: job.artifact,
        index: job.program,
        count: artifact.programs.len(),
    };
    let index = usize::try_from(job.program).map_err(|_| missing.clone())?;
    let program = artifact.programs.get(index).ok_or(missing)?;
    Ok(ProgramFacts {
        layers: u32::try_from(program.layers.len()).unwrap_or(u32::MAX),
        inputs: program.inputs.iter().map(|(_, port)| port.clone()).collect(),
        outputs: program.outputs.iter().map(|(_, port)| port.clone()).collect(),
        below: program.below.clone(),
    })
}

fn known<'a>(
    job: Option<&'a JobState>,
    what: &'static str,
    id: Digest,
) -> Result<&'a JobState, Refused> {
    job.ok_or(Refused::Unknown { what, id })
}

fn mint(params: &Params, ready: &Ready, asked: &Mint) -> Result<Transfer, Refused> {
    if ready.signer() != params.operator {
        return Err(Refused::NotOperator);
    }
    Ok(Transfer {
        debit: Account::World,
        credit: Account::Free(asked.to),
        amount: asked.amount,
        kind: TransferKind::Deposit,
        cause: ready.id(),
    })
}

/// Puts a transition into a decision.
fn apply(decision: &mut Decision, transition: Transition) {
    for effect in transition.effects {
        match effect {
            // A job may cost nothing; nothing is moved then.
            Effect::Transfer(transfer) if transfer.amount == Amount::ZERO => {}
            Effect::Transfer(transfer) => decision.transfers.push(transfer),
            Effect::Replay { counter_root } => decision.work.push(Work::Replay(counter_root)),
            Effect::ReplayStep { counter_root, sub_root } => {
                decision.work.push(Work::Step(counter_root, sub_root));
            }
            Effect::Run => decision.work.push(Work::Run),
            Effect::Notice(notice) => decision.notices.push(notice),
        }
    }
    decision.job = Some(transition.state);
}
