//! One dispute, from the claim to its end: both sides make the moves that the players' strategy says are missing.

use anyhow::{Context, Result, bail, ensure};
use gainsay_commitment::Digest;
use gainsay_player::{RunSource, TraceSource, missing_move, tensors};
use gainsay_protocol::{
    Amount, Claim, ClaimId, ClaimOutcome, ClaimPhase, Commit, Dispute, Key, Keypair, Message,
    Outcome, Reveal, Side, Signed, Take, challenge_commitment,
};

use super::arbiter::{Arbiter, Judged, MONEY, Subject};

/// How a game ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// The claim was refused when it was made.
    Refused(String),
    /// The dispute was played to its end.
    Played(Box<Played>),
}

/// A dispute that was played to its end.
#[derive(Clone, Debug)]
pub struct Played {
    /// How the dispute ended.
    pub outcome: Outcome,
    /// How the claim ended.
    pub claim: ClaimOutcome,
    /// The layer that the dispute came down to.
    pub layer: Option<u32>,
    /// The arbiter's judgements.
    pub judged: Vec<Judged>,
    /// Dissection nodes at which both sides owed a reveal, below the layer included.
    pub rounds: u32,
    /// Bytes of all messages and blobs of the players.
    pub bytes: u64,
    /// What the executor and the challenger have won, or lost.
    pub gained: [i128; 2],
}

fn keypair(role: u8) -> Keypair {
    Keypair::from_seed(&[role; 32])
}

/// The two sides of a game.
pub struct Sides<'a> {
    /// What is claimed.
    pub executor: &'a RunSource,
    /// What it is contradicted with.
    pub challenger: &'a RunSource,
    /// Which of them must never be unable to move.
    pub honest: Side,
}

/// Plays a game.
pub fn play(subject: &Subject, sides: &Sides<'_>) -> Result<Ending> {
    let (requester, executor, challenger) = (keypair(2), keypair(3), keypair(4));
    let keys = [executor.key(), challenger.key()];
    let mut arbiter = Arbiter::new(subject, &requester, &keys)?;
    let claimed = claim(&mut arbiter, &executor, sides.executor);
    let claim = match (claimed, sides.honest) {
        (Ok(claim), _) => claim,
        (Err(refused), Side::Challenger) => return Ok(Ending::Refused(format!("{refused:#}"))),
        (Err(error), Side::Executor) => return Err(error.context("the honest claim was refused")),
    };
    challenge(&mut arbiter, &challenger, claim, sides.challenger)?;
    while matches!(arbiter.claim()?.phase, ClaimPhase::Disputed) {
        let executor_moved = turn(&mut arbiter, Side::Executor, &executor, sides)?;
        let challenger_moved = turn(&mut arbiter, Side::Challenger, &challenger, sides)?;
        if !executor_moved && !challenger_moved && !arbiter.pass_deadline()? {
            bail!("nobody moves and nothing is due");
        }
    }
    while arbiter.claim()?.outcome().is_none() {
        ensure!(arbiter.pass_deadline()?, "the claim does not end");
    }
    ended(&arbiter, sides.challenger.root(), keys).map(|played| Ending::Played(Box::new(played)))
}

fn claim(arbiter: &mut Arbiter<'_>, executor: &Keypair, told: &RunSource) -> Result<ClaimId> {
    let (network, job) = (arbiter.subject.params.network(), arbiter.job()?.id);
    let taken = Message::Take(Take { job, attempt: 0 });
    arbiter.submit(Signed::new(executor, network, taken)).context("the take was refused")?;
    for output in told.outputs() {
        arbiter.put(output.bytes().into_owned());
    }
    let open = |index| told.opening(index).context("a state cannot be opened");
    let claim = Claim {
        job,
        attempt: 0,
        layers: told.layers(),
        root: told.root(),
        outputs: told.outputs().iter().map(tensors::reference).collect(),
        first: open(0)?,
        last: open(told.layers())?,
    };
    arbiter.submit(Signed::new(executor, network, Message::Claim(claim))).map(ClaimId)
}

fn challenge(
    arbiter: &mut Arbiter<'_>,
    challenger: &Keypair,
    claim: ClaimId,
    told: &RunSource,
) -> Result<()> {
    let (network, salt, root) = (arbiter.subject.params.network(), [7; 32], told.root());
    let commitment = challenge_commitment(network, root, &salt, challenger.key(), claim);
    let commit = Message::Commit(Commit { claim, commitment });
    arbiter.submit(Signed::new(challenger, network, commit))?;
    ensure!(arbiter.pass_deadline()?, "the window does not end");
    let open = |index| told.opening(index).context("a state cannot be opened");
    let reveal = Reveal {
        claim,
        salt,
        root,
        last_state: told.states().last().copied().context("a trace has states")?,
        first: open(0)?,
        last: open(told.layers())?,
    };
    arbiter.submit(Signed::new(challenger, network, Message::Reveal(reveal)))?;
    ensure!(arbiter.pass_deadline()?, "the time for reveals does not end");
    Ok(())
}

/// One move of a side, if one is missing and it can make it; whether it did.
fn turn(
    arbiter: &mut Arbiter<'_>,
    side: Side,
    keypair: &Keypair,
    sides: &Sides<'_>,
) -> Result<bool> {
    let (params, root) = (&arbiter.subject.params, sides.challenger.root());
    let own = match side {
        Side::Executor => sides.executor,
        Side::Challenger => sides.challenger,
    };
    let honest = side == sides.honest;
    if !matches!(arbiter.claim()?.phase, ClaimPhase::Disputed) {
        return Ok(false);
    }
    let found = missing_move(params, arbiter.claim()?, (side, keypair.key()), &root, own);
    let due = match found {
        Ok(Some(due)) => due,
        Ok(None) => return Ok(false),
        Err(error) if honest => return Err(error).context("the honest side cannot move"),
        Err(_) => return Ok(false),
    };
    let (network, before) = (params.network(), arbiter.bytes);
    for blob in due.blobs {
        arbiter.put(blob);
    }
    match arbiter.submit(Signed::new(keypair, network, due.message)) {
        Ok(_) => Ok(true),
        Err(error) if honest => Err(error.context("the honest side's move was refused")),
        Err(_) => {
            arbiter.bytes = before;
            Ok(false)
        }
    }
}

fn ended(arbiter: &Arbiter<'_>, counter_root: Digest, keys: [Key; 2]) -> Result<Played> {
    let claim = arbiter.claim()?;
    let dispute: &Dispute = claim.dispute(&counter_root).context("the dispute is gone")?;
    let pairs = dispute.below.as_ref().map(|below| below.pairs.as_slice()).unwrap_or_default();
    let gained = |key: Key| {
        let Amount(now) = arbiter.balance(key);
        i128::from(now) - i128::from(MONEY.0)
    };
    Ok(Played {
        outcome: dispute.outcome().context("the dispute has no outcome")?,
        claim: claim.outcome().context("the claim has no outcome")?,
        layer: dispute.layer(),
        judged: arbiter.judged.clone(),
        rounds: dispute.rounds + pairs.iter().map(|pair| pair.rounds).sum::<u32>(),
        bytes: arbiter.bytes,
        gained: keys.map(gained),
    })
}
