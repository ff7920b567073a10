//! The protocol's invariants, looked at from outside when a game is over, by the names that the protocol gives them.

use std::collections::{BTreeMap, BTreeSet};

use gainsay_commitment::Digest;
use gainsay_network::api::TotalsView;
use gainsay_protocol::{
    Account, Amount, ClaimOutcome, JobId, JobPhase, JobState, Key, LogEntry, LoggedEvent, Message,
    Outcome, Params, Service, Time, Transfer, TransferKind, Verdict,
};

use crate::world::{Deposit, Party};

/// The longest serving time that the arbiter's sweeper and a machine of the usual pace may add to a claim that nobody disputes.
const LAG_MS: u64 = 8_000;

/// Everything there is to see when a game is over.
#[derive(Clone, Debug)]
pub struct Ending {
    pub params: Params,
    /// How many times slower than usual this machine is.
    pub pace: u64,
    pub jobs: Vec<JobState>,
    /// The true root of each job.
    pub truths: BTreeMap<JobId, Digest>,
    pub log: Vec<LogEntry>,
    pub transfers: Vec<Transfer>,
    pub totals: TotalsView,
    pub deposits: Vec<Deposit>,
    pub balances: BTreeMap<Key, Amount>,
    /// Replays and whole runs that the arbiter carried out.
    pub replays: u64,
    pub runs: u64,
}

type Check = fn(&Ending) -> Result<(), String>;

/// Every invariant that can be seen from outside.
pub const ALL: [(&str, Check); 9] = [
    ("conservation", conservation),
    ("bond_ends_once", bond_ends_once),
    ("truth_wins", truth_wins),
    ("honest_never_loses", honest_never_loses),
    ("bounded_work", bounded_work),
    ("bounded_delay", bounded_delay),
    ("isolation", isolation),
    ("no_late_move", no_late_move),
    ("once_only", once_only),
];

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Ending {
    fn lag_ms(&self) -> u64 {
        LAG_MS * self.pace
    }

    fn keys(&self, party: Party) -> impl Iterator<Item = Key> {
        let of_party = self.deposits.iter().filter(move |deposit| deposit.party == party);
        of_party.map(|deposit| deposit.key)
    }

    fn is(&self, key: Key, party: Party) -> bool {
        self.keys(party).any(|own| own == key)
    }

    /// What a party was given, and what it has.
    pub fn account(&self, party: Party) -> (u64, u64) {
        let of_party = self.deposits.iter().filter(|deposit| deposit.party == party);
        let given = of_party.map(|deposit| deposit.amount.0).sum();
        let keys: BTreeSet<Key> = self.keys(party).collect();
        (given, keys.iter().map(|key| self.balances.get(key).map_or(0, |left| left.0)).sum())
    }

    /// Fees that a party earned by claims that are final.
    pub fn earned(&self, party: Party) -> u64 {
        let ended = self.jobs.iter().filter(|job| job.phase == JobPhase::Final);
        let by =
            ended.filter(|job| job.claim().is_some_and(|claim| self.is(claim.executor, party)));
        by.map(|job| job.job.fee.0).sum()
    }

    fn messages(&self) -> impl Iterator<Item = (Time, &gainsay_protocol::Signed)> {
        self.log.iter().filter_map(|entry| match &entry.event {
            LoggedEvent::Message(signed) => Some((entry.time, &**signed)),
            LoggedEvent::Evidence { message, .. } => Some((entry.time, &**message)),
            _ => None,
        })
    }
}

/// Money is neither made nor lost, and nothing is locked any more.
fn conservation(ending: &Ending) -> Result<(), String> {
    let totals = &ending.totals;
    ensure(totals.is_conserved(), || format!("{totals:?}"))?;
    let given: u64 = ending.deposits.iter().map(|deposit| deposit.amount.0).sum();
    ensure(totals.deposited.0 == given, || format!("{given} was given: {totals:?}"))?;
    let locked = [totals.bonds, totals.escrow];
    ensure(locked == [Amount::ZERO; 2], || format!("still locked: {totals:?}"))
}

/// What was locked in a bond has left it, to the last credit, and was locked once.
fn bond_ends_once(ending: &Ending) -> Result<(), String> {
    let mut bonds: BTreeMap<Account, (u32, i128)> = BTreeMap::new();
    for transfer in &ending.transfers {
        if matches!(transfer.credit, Account::Bond(_)) {
            let bond = bonds.entry(transfer.credit).or_default();
            bond.0 += 1;
            bond.1 += i128::from(transfer.amount.0);
            ensure(transfer.kind == TransferKind::Lock, || format!("{transfer:?}"))?;
        }
        if matches!(transfer.debit, Account::Bond(_)) {
            bonds.entry(transfer.debit).or_default().1 -= i128::from(transfer.amount.0);
        }
    }
    let wrong = bonds.iter().find(|(_, (locks, left))| *locks != 1 || *left != 0);
    ensure(wrong.is_none(), || format!("{wrong:?}"))
}

/// No wrong claim is final, no correct claim of an honest executor is rejected, no verdict is wrong, and every honest job
/// got its answer or its money back.
fn truth_wins(ending: &Ending) -> Result<(), String> {
    for job in &ending.jobs {
        let truth = ending.truths[&job.id];
        ensure(job.is_terminal(), || format!("{:?} is not over: {:?}", job.id, job.phase))?;
        for claim in &job.claims {
            let (right, outcome) = (claim.claim.root == truth, claim.outcome());
            let honest = ending.is(claim.executor, Party::Executor);
            let what =
                || format!("claim {:?}: right {right}, honest {honest}: {outcome:?}", claim.id);
            ensure(right || outcome != Some(ClaimOutcome::Final), what)?;
            ensure(right || !honest, what)?;
            ensure(!honest || outcome == Some(ClaimOutcome::Final), what)?;
            for dispute in &claim.disputes {
                let wrong = match dispute.outcome() {
                    Some(Outcome::Judged(Verdict::ExecutorFault)) => right,
                    Some(Outcome::Judged(Verdict::ChallengerFault)) => {
                        dispute.counter_root == truth
                    }
                    Some(Outcome::Judged(Verdict::BothFault)) => {
                        right || dispute.counter_root == truth
                    }
                    Some(_) => false,
                    None => true,
                };
                ensure(!wrong, || format!("{:?} of {}", dispute.outcome(), what()))?;
            }
        }
    }
    Ok(())
}

/// Nobody honest has less than what it was given, less the fees of answers that it got.
fn honest_never_loses(ending: &Ending) -> Result<(), String> {
    let answered = ending
        .jobs
        .iter()
        .filter(|job| job.phase == JobPhase::Final && ending.is(job.requester, Party::Requester));
    let fees: u64 = answered.map(|job| job.job.fee.0).sum();
    let due = [
        (Party::Requester, 0, fees),
        (Party::Executor, ending.earned(Party::Executor), 0),
        (Party::Challenger, 0, 0),
    ];
    for (party, earned, spent) in due {
        let (given, has) = ending.account(party);
        ensure(has + spent >= given + earned, || {
            format!("{party:?} was given {given}, earned {earned}, spent {spent}, has {has}")
        })?;
    }
    Ok(())
}

/// Nobody has to reveal a node twice, however many challenge, and the arbiter never computes more than one inference for a claim.
fn bounded_work(ending: &Ending) -> Result<(), String> {
    let mut revealed = BTreeSet::new();
    for (_, signed) in ending.messages() {
        if let Message::Dissection(said) = &signed.message {
            let executors = ending.jobs.iter().flat_map(|job| &job.claims);
            let by_executor = executors
                .clone()
                .any(|claim| claim.id == said.claim && claim.executor == signed.signer);
            let new = revealed.insert((said.claim, said.root, said.node));
            ensure(new || !by_executor, || format!("revealed twice: {said:?}"))?;
        }
    }
    let claims = || ending.jobs.iter().flat_map(|job| &job.claims);
    let disputed = claims().filter(|claim| !claim.disputes.is_empty());
    let layers: u64 = disputed.clone().map(|claim| u64::from(claim.claim.layers)).sum();
    let runs = disputed.count() as u64;
    ensure(ending.replays <= layers, || format!("{} replays of {layers}", ending.replays))?;
    ensure(ending.runs <= runs, || format!("{} runs for {runs} claims", ending.runs))
}

/// Every claim has ended by D_max.
fn bounded_delay(ending: &Ending) -> Result<(), String> {
    for job in &ending.jobs {
        let service = Service::assured(&ending.params, 0);
        let (layers, below) = (job.facts.layers, &job.facts.below);
        let most = ending.params.d_max(layers, below, &service).map_err(|e| e.to_string())?.0;
        for claim in &job.claims {
            let took = claim.ended.map(|ended| ended.since(claim.admitted).0);
            let late = took.is_none_or(|took| took > most + ending.lag_ms());
            ensure(!late, || format!("claim {:?} took {took:?} of {most} ms", claim.id))?;
        }
    }
    Ok(())
}

/// What nobody disputes ends when its window does, and honest executors claim soon, whatever goes on beside them.
fn isolation(ending: &Ending) -> Result<(), String> {
    for job in &ending.jobs {
        for claim in job.claims.iter().filter(|claim| claim.disputes.is_empty()) {
            let due = if claim.challenges.is_empty() && claim.forfeited.is_empty() {
                claim.window_ends
            } else {
                claim.reveal_ends
            };
            let late = claim.ended.is_none_or(|ended| ended.since(due).0 > ending.lag_ms());
            ensure(!late, || format!("claim {:?}: {due:?}, {:?}", claim.id, claim.ended))?;
        }
        let first = job.claims.first().filter(|claim| ending.is(claim.executor, Party::Executor));
        let waited = first.map_or(0, |claim| claim.admitted.since(job.admitted).0);
        // A lease that lapsed before is nobody's delay.
        let bystander = job.lapses == 0 && ending.is(job.requester, Party::Requester);
        let contested = ending.is_contested(job);
        ensure(!bystander || contested || waited <= ending.lag_ms(), || {
            format!("{:?} was claimed after {waited} ms", job.id)
        })?;
    }
    Ok(())
}

impl Ending {
    fn is_contested(&self, job: &JobState) -> bool {
        self.log.iter().any(|entry| match &entry.event {
            LoggedEvent::Message(signed) => {
                matches!(&signed.message, Message::Take(take) if take.job == job.id)
                    && !self.is(signed.signer, Party::Executor)
            }
            _ => false,
        })
    }
}

/// Commitments came in the window, reveals in the reveal time, and the log's time never goes back.
fn no_late_move(ending: &Ending) -> Result<(), String> {
    let ordered = ending.log.windows(2).all(|pair| pair[0].time <= pair[1].time);
    ensure(ordered, || "the log's time goes back".to_owned())?;
    for claim in ending.jobs.iter().flat_map(|job| &job.claims) {
        for (time, signed) in ending.messages() {
            let (from, until) = match &signed.message {
                Message::Commit(said) if said.claim == claim.id => {
                    (claim.admitted, claim.window_ends)
                }
                Message::Reveal(said) if said.claim == claim.id => {
                    (claim.window_ends, claim.reveal_ends)
                }
                Message::Dissection(said) if said.claim == claim.id => {
                    (claim.reveal_ends, claim.ended.unwrap_or(Time(0)))
                }
                _ => continue,
            };
            let in_time = from <= time && time <= until;
            ensure(in_time, || format!("{} at {time:?}", signed.message.kind()))?;
        }
    }
    Ok(())
}

/// No message is in the log twice.
fn once_only(ending: &Ending) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let again = ending.messages().find(|(_, signed)| !seen.insert(signed.id()));
    ensure(again.is_none(), || format!("{again:?}"))
}
