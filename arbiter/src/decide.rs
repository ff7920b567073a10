//! What an event does, as a pure function of the event and what it is about.
//!
//! The arbiter calls this inside its transactions, and the fold of the log calls it again: `db_is_fold` holds
//! because there is no other place where a job's state or a transfer is made.

use gainsay_commitment::Digest;
use gainsay_network::api::ArtifactView;
use gainsay_protocol::{
    Account, Amount, Announce, CanaryError, CanaryReveal, ClaimId, Effect, Equivocation, Event,
    EvidenceStanding, Job, JobState, LoggedEvent, Message, MessageId, Mint, Params, Planted,
    ProgramFacts, Ready, Rejection, Schedule, Time, Transfer, TransferKind, Transition, Verdict,
    Withdrawal, step,
};

use crate::error::Refused;
use crate::store::{CanaryBooks, CanaryChange, Decision, Situation, Subject, Work};

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
        Message::Take(take) => Subject::Take(take.job, ready.signer()),
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
        // Nothing but claims decodes there.
        Message::Equivocation(proof) => proof.act().map_or(Subject::Nothing, Subject::Act),
        Message::Announce(_) => Subject::Schedule,
        Message::CanaryCommit(commit) => Subject::Commitments(commit.commitments.clone()),
        Message::CanaryReveal(reveal) => {
            let commitment = reveal.commitment(ready.signed().network);
            Subject::Canary(commitment, reveal.job, reveal.executor)
        }
        Message::AdmitArtifact(_) | Message::Mint(_) | Message::Withdraw(_) => Subject::Nothing,
    }
}

/// What a message does at `now`.
///
/// # Errors
/// Why it is refused; then it does nothing.
pub fn message(
    schedule: &Schedule,
    ready: &Ready,
    findings: Findings<'_>,
    situation: Situation<'_>,
    now: Time,
) -> Result<Decision, Refused> {
    let job = situation.job;
    // What was admitted keeps the parameters under which it was.
    let params = schedule.at(job.map_or(now, |job| job.admitted));
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
        Message::Withdraw(asked) => {
            let (id, owner) = (ready.id(), ready.signer());
            let (withdrawal, transfer) = Withdrawal::request(params, id, owner, asked.amount, now);
            decision.withdrawal = Some(withdrawal);
            decision.transfers.push(transfer);
        }
        Message::Announce(announced) => {
            decision.announced = Some(announce(ready, announced, situation, now)?);
        }
        Message::CanaryCommit(asked) => {
            let known = &situation.books.canaries.known;
            decision.transfers = asked.escrow(params, ready, known).map_err(Rejection::from)?;
            decision.canary = Some(CanaryChange::Committed(asked.clone()));
        }
        Message::CanaryReveal(reveal) => open(&mut decision, params, ready, reveal, situation)?,
        Message::Equivocation(proof) => {
            equivocation(&mut decision, params, ready, proof, situation)?;
        }
        other => {
            let job = match (other, subject_of(ready)) {
                (Message::Take(_), Subject::Take(id, key)) => {
                    let job = known(job, "job", id.0.0)?;
                    params.may_take(key, situation.books.exposure)?;
                    job
                }
                (Message::Claim(_), Subject::Job(id)) => known(job, "job", id.0.0)?,
                (_, Subject::Id(id)) => known(job, "claim", id)?,
                _ => return Err(Rejection::WrongKind { kind: other.kind() }.into()),
            };
            apply(&mut decision, step(params, job, &Event::Message(ready), now)?);
        }
    }
    Ok(decision)
}

/// A proof slashes what is under way. Of what has ended nothing is left to slash: then it is only recorded, once.
fn equivocation(
    decision: &mut Decision,
    params: &Params,
    ready: &Ready,
    proof: &Equivocation,
    situation: Situation<'_>,
) -> Result<(), Refused> {
    let act = proof.verify(params.network()).map_err(Rejection::from)?;
    if let Some(by) = situation.books.proven {
        return Err(Refused::Proven { key: act.key, attempt: act.attempt, by });
    }
    let job = known(situation.job, "job", act.job.0.0)?;
    match step(params, job, &Event::Message(ready), decision.time) {
        Ok(transition) => apply(decision, transition),
        Err(Rejection::Ended(_)) => {}
        Err(other) => return Err(other.into()),
    }
    decision.proven = Some(act);
    Ok(())
}

/// Says what became of a canary and pays its bonus. The job itself is not touched by it.
fn open(
    decision: &mut Decision,
    params: &Params,
    ready: &Ready,
    reveal: &CanaryReveal,
    situation: Situation<'_>,
) -> Result<(), Refused> {
    let CanaryBooks { canary, admitted, before, .. } = &situation.books.canaries;
    let commitment = reveal.commitment(params.network());
    let unknown = || Rejection::Canary(CanaryError::Unknown(commitment));
    let canary = canary.as_ref().ok_or_else(unknown)?;
    let planted = match (situation.job, admitted) {
        (Some(job), Some(admitted)) => Some(Planted { job, admitted: *admitted, before: *before }),
        _ => None,
    };
    let opened = canary.open(params, ready, reveal, planted).map_err(Rejection::from)?;
    decision.transfers.clone_from(&opened.transfers);
    let reveal = reveal.clone();
    decision.canary = Some(CanaryChange::Opened { commitment, reveal, opened });
    Ok(())
}

fn announce(
    ready: &Ready,
    announced: &Announce,
    situation: Situation<'_>,
    now: Time,
) -> Result<Announce, Refused> {
    let unloaded = || Refused::Unavailable("the parameters were not loaded".to_owned());
    let mut schedule = situation.books.schedule.clone().ok_or_else(unloaded)?;
    if ready.signer() != schedule.first().operator {
        return Err(Refused::NotAnnouncer);
    }
    schedule.announce(announced, now).map_err(Rejection::from)?;
    Ok(announced.clone())
}

/// Pays a withdrawal at `now`; `None` if it was paid before.
///
/// # Errors
/// If it is not due.
pub fn payment(
    withdrawal: MessageId,
    situation: Situation<'_>,
    now: Time,
) -> Result<Option<Decision>, Rejection> {
    let Some(pending) = situation.books.withdrawal else { return Ok(None) };
    let mut decision = Decision::new(now, LoggedEvent::Paid(withdrawal));
    decision.transfers.push(pending.pay(now)?);
    Ok(Some(decision))
}

/// What the arbiter's own doing does to a job at `now`; `None` if it changes nothing.
///
/// # Errors
/// If the job does not wait for it.
pub fn occurrence(
    schedule: &Schedule,
    occurrence: Occurrence,
    job: &JobState,
    now: Time,
) -> Result<Option<Decision>, Rejection> {
    let (id, params) = (job.id, schedule.at(job.admitted));
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
pub fn resumed(
    schedule: &Schedule,
    job: &JobState,
    now: Time,
) -> Result<Option<JobState>, Rejection> {
    let transition = step(schedule.at(job.admitted), job, &Event::Resumed, now)?;
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
