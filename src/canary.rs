//! Planting canaries: what the operator's book asks for and the arbiter does not have yet is done, as often as need be.
//!
//! Each step is written in the book before anything is told and after it is known; a message that is sent again is the same
//! message, so a crash in between loses nothing and pays nothing twice. Used by `gainsay canary` and by the demo.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use gainsay_commitment::{Digest, content};
use gainsay_network::api::RefusalKind;
use gainsay_player::{
    ArbiterClient, CanaryBook, CanaryEntry, CanaryPlan, CanaryProgress, ClientError, DigestText,
};
use gainsay_protocol::{
    Amount, Canary, CanaryCommit, CanaryOutcome, Caught, Job, JobId, Key, Keypair, MOST_CANARIES,
    Message, NetworkId, Planted, Signed, Time, canary_commitment,
};

/// A lie to be planned.
pub struct Wanted<'a> {
    /// The network.
    pub network: NetworkId,
    /// Who asks for the job.
    pub requester: &'a Keypair,
    /// The job.
    pub job: Job,
    /// Its inputs' bytes.
    pub inputs: Vec<Vec<u8>>,
    /// Who is to lie about it.
    pub executor: Key,
    /// Not to be submitted before.
    pub plant_at: Time,
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gave no random bytes")?;
    Ok(bytes)
}

/// Signs a job and writes down that it is to be lied about. Nobody is told.
pub fn prepare(book: &mut CanaryBook, wanted: Wanted<'_>) -> Result<Digest> {
    let (salt, seed) = (random::<32>()?, u64::from_le_bytes(random()?));
    let signed = Signed::new(wanted.requester, wanted.network, Message::Job(wanted.job));
    let job = JobId(signed.id());
    let commitment = canary_commitment(wanted.network, job, wanted.executor, &salt);
    let mut inputs = Vec::new();
    for bytes in &wanted.inputs {
        let name = content(bytes);
        book.keep_input(name, bytes)?;
        inputs.push(DigestText(name));
    }
    let plan = CanaryPlan {
        commitment,
        job: job.0.0,
        executor: wanted.executor,
        salt: Digest(salt),
        seed,
        plant_at_ms: wanted.plant_at.0,
        message: CanaryPlan::digits(&signed)?,
        inputs,
    };
    book.write(CanaryEntry::Prepared(plan))?;
    Ok(commitment)
}

/// Commits to everything that is planned and not committed to, in as few messages as it takes; says how many canaries.
/// The client must be the operator's.
pub async fn commit(client: &ArbiterClient, book: &mut CanaryBook, bonus: Amount) -> Result<usize> {
    let planned: Vec<DigestText> = book
        .canaries()
        .filter(|canary| canary.bonus.is_none())
        .map(|canary| DigestText(canary.plan.commitment))
        .collect();
    let mut done = 0;
    // What was offered before may have arrived or not: it is the same message.
    for offer in book.offers() {
        let commitments: Vec<DigestText> = offer.commitments.into_iter().map(DigestText).collect();
        done += offer_once(client, book, commitments, offer.bonus).await?;
    }
    for commitments in planned.chunks(MOST_CANARIES) {
        let commitments = commitments.to_vec();
        let bonus_micro = bonus.0;
        book.write(CanaryEntry::Offered { commitments: commitments.clone(), bonus_micro })?;
        done += offer_once(client, book, commitments, bonus).await?;
    }
    Ok(done)
}

async fn offer_once(
    client: &ArbiterClient,
    book: &mut CanaryBook,
    commitments: Vec<DigestText>,
    bonus: Amount,
) -> Result<usize> {
    let names = commitments.iter().map(|text| text.0).collect();
    let message = Message::CanaryCommit(CanaryCommit { commitments: names, bonus });
    match client.submit(message).await {
        Ok(receipt) => {
            let count = commitments.len();
            book.write(CanaryEntry::Committed { commitments, log_index: receipt.index })?;
            Ok(count)
        }
        Err(error) => {
            if is_refused(&error) {
                book.write(CanaryEntry::Refused { commitments })?;
            }
            Err(error).context("the commitment to canaries was refused")
        }
    }
}

/// Whether the arbiter has decided, and will decide the same again.
fn is_refused(error: &ClientError) -> bool {
    [RefusalKind::Rejected, RefusalKind::Funds].iter().any(|kind| error.is_refusal(*kind))
}

/// Submits the jobs of this requester that are committed to and whose time has come; says how many, and when the next is
/// due.
pub async fn plant(
    client: &ArbiterClient,
    book: &mut CanaryBook,
) -> Result<(Vec<JobId>, Option<Time>)> {
    let now = client.now().await.context("cannot ask for the time")?;
    let waiting: Vec<CanaryPlan> = book
        .canaries()
        .filter(|canary| canary.committed.is_some() && canary.planted.is_none())
        .map(|canary| canary.plan.clone())
        .collect();
    let (mut planted, mut next): (Vec<JobId>, Option<Time>) = (Vec::new(), None);
    for plan in waiting {
        let signed = plan.signed().context("the book of canaries was changed")?;
        let deadline = deadline(&signed)?;
        if signed.signer != client.key() || now >= deadline {
            continue;
        }
        let due = Time(plan.plant_at_ms);
        if now < due {
            next = Some(next.map_or(due, |next| next.min(due)));
            continue;
        }
        for input in &plan.inputs {
            let bytes = book.input(input.0)?;
            client.put_blob(&bytes).await.context("cannot send an input")?;
        }
        let receipt = client.submit_signed(&signed).await.context("the job was not admitted")?;
        let commitment = DigestText(plan.commitment);
        book.write(CanaryEntry::Planted { commitment, log_index: receipt.index })?;
        planted.push(plan.job_id());
    }
    Ok((planted, next))
}

fn deadline(signed: &Signed) -> Result<Time> {
    match &signed.message {
        Message::Job(job) => Ok(job.deadline),
        other => bail!("the book of canaries has a {} where a job is due", other.kind()),
    }
}

/// What became of a canary, by the arbiter's rule; `None` while it must stay hidden.
pub async fn became(
    client: &ArbiterClient,
    canary: &CanaryProgress,
) -> Result<Option<(CanaryOutcome, Option<Caught>)>> {
    let (Some(bonus), Some(committed)) = (canary.bonus, canary.committed) else { return Ok(None) };
    let plan = &canary.plan;
    let rule = Canary { commitment: plan.commitment, bonus, committed, outcome: None };
    let state = client.job(plan.job_id()).await.context("cannot ask for the job")?;
    let Some(state) = state else {
        // It can be admitted as long as its deadline has not passed.
        let now = client.now().await.context("cannot ask for the time")?;
        let over = now >= deadline(&plan.signed()?)?;
        return Ok(over.then_some((CanaryOutcome::Void, None)));
    };
    // A job that is there was admitted after the commitment: it is not submitted before.
    let admitted = canary.planted.unwrap_or(u64::MAX);
    let planted = Planted { job: &state, admitted, before: None };
    Ok(rule.became(Some(planted), plan.executor).ok())
}

/// An opened canary.
pub struct Revealed {
    /// The job.
    pub job: JobId,
    /// What became of it.
    pub outcome: CanaryOutcome,
    /// How it was caught.
    pub caught: Option<Caught>,
    /// The log entry.
    pub log_index: u64,
}

/// Which of the canaries whose claims have ended are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openings {
    /// Only those of executors and requesters that have none left to be told or to end: who opens one names both keys, and
    /// whatever else they have under way would be looked at.
    WholeKeys,
    /// All of them.
    Ended,
}

/// Who asks for a canary and who tells it.
fn keys_of(canary: &CanaryProgress) -> Result<[Key; 2]> {
    let signed = canary.plan.signed().context("the book of canaries was changed")?;
    Ok([signed.signer, canary.plan.executor])
}

/// Opens canaries whose claims have ended. The client must be the operator's.
pub async fn reveal(
    client: &ArbiterClient,
    book: &mut CanaryBook,
    openings: Openings,
) -> Result<Vec<Revealed>> {
    let hidden: Vec<CanaryProgress> = book
        .canaries()
        .filter(|canary| canary.committed.is_some() && canary.opened.is_none())
        .cloned()
        .collect();
    let (mut ended, mut busy) = (Vec::new(), BTreeSet::new());
    for canary in hidden {
        match became(client, &canary).await? {
            Some(known) => ended.push((canary, known)),
            None => busy.extend(keys_of(&canary)?),
        }
    }
    let mut revealed = Vec::new();
    for (canary, (outcome, caught)) in ended {
        let is_busy = keys_of(&canary)?.iter().any(|key| busy.contains(key));
        if openings == Openings::WholeKeys && is_busy {
            continue;
        }
        let opened = Message::CanaryReveal(canary.plan.reveal());
        let receipt = client.submit(opened).await.context("the canary was not opened")?;
        let (commitment, log_index) = (DigestText(canary.plan.commitment), receipt.index);
        book.write(CanaryEntry::Opened { commitment, log_index })?;
        revealed.push(Revealed { job: canary.plan.job_id(), outcome, caught, log_index });
    }
    Ok(revealed)
}
