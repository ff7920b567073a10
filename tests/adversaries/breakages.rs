//! Every check of `invariants.rs` can fail: the ending of a game that broke nothing is falsified, and the check must say so.

use std::collections::BTreeSet;

use gainsay_protocol::{
    Amount, ClaimOutcome, ClaimPhase, JobPhase, LoggedEvent, Message, Millis, RefundReason,
};

use crate::invariants::{self, Ending};
use crate::kinds::kind;
use crate::world::Party;

/// Which invariant must be reported, and what is falsified.
type Falsified = (&'static str, fn(&mut Ending));

const FALSIFIED: [Falsified; 15] = [
    ("conservation", |ending| ending.totals.free = Amount(ending.totals.free.0 + 1)),
    ("conservation", |ending| {
        let deposit = ending.deposits[0];
        ending.deposits.push(deposit);
    }),
    ("conservation", |ending| {
        ending.totals.bonds = Amount(1);
        ending.totals.free = ending.totals.free.less(Amount(1));
    }),
    ("bond_ends_once", |ending| {
        let lock = *ending.transfers.iter().find(|t| t.kind == LOCK).unwrap();
        ending.transfers.push(lock);
    }),
    ("bond_ends_once", |ending| {
        ending.transfers.pop();
    }),
    ("truth_wins", |ending| {
        let claim = ending.jobs.iter_mut().flat_map(|job| &mut job.claims);
        let rejected = claim.filter(|claim| claim.outcome() == Some(ClaimOutcome::Rejected));
        rejected.for_each(|claim| claim.phase = ClaimPhase::Ended(ClaimOutcome::Final));
    }),
    ("truth_wins", |ending| {
        let claim = ending.jobs.iter_mut().flat_map(|job| &mut job.claims);
        let stands = claim.filter(|claim| claim.outcome() == Some(ClaimOutcome::Final));
        stands.for_each(|claim| claim.phase = ClaimPhase::Ended(ClaimOutcome::Rejected));
    }),
    ("truth_wins", |ending| ending.jobs[0].phase = JobPhase::Open),
    ("honest_never_loses", |ending| take_from(ending, Party::Challenger)),
    ("honest_never_loses", |ending| {
        take_from(ending, Party::Requester);
        let job = ending.jobs.iter_mut().find(|job| job.phase == JobPhase::Final).unwrap();
        job.phase = JobPhase::Refunded(RefundReason::Attempts);
    }),
    ("bounded_work", |ending| ending.replays = 1_000),
    ("bounded_delay", |ending| delay(ending, Millis(600_000))),
    ("isolation", |ending| {
        for claim in ending.jobs.iter_mut().flat_map(|job| &mut job.claims) {
            if claim.disputes.is_empty() {
                claim.ended = claim.ended.map(|ended| ended.after(Millis(600_000)));
            }
        }
    }),
    ("no_late_move", |ending| ending.log.reverse()),
    ("once_only", |ending| {
        let again = ending.log.iter().find(|entry| matches!(entry.event, LoggedEvent::Message(_)));
        let again = again.unwrap().clone();
        ending.log.push(again);
    }),
];

const LOCK: gainsay_protocol::TransferKind = gainsay_protocol::TransferKind::Lock;

fn take_from(ending: &mut Ending, party: Party) {
    let key = ending.deposits.iter().find(|deposit| deposit.party == party).unwrap().key;
    let left = ending.balances.get_mut(&key).unwrap();
    *left = Amount(left.0 / 2);
}

fn delay(ending: &mut Ending, by: Millis) {
    for claim in ending.jobs.iter_mut().flat_map(|job| &mut job.claims) {
        claim.ended = claim.ended.map(|ended| ended.after(by));
    }
}

fn broken(ending: &Ending) -> BTreeSet<&'static str> {
    let broken = invariants::ALL.iter().filter(|(_, check)| check(ending).is_err());
    broken.map(|(name, _)| *name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_invariant_is_reported_when_an_ending_breaks_it() {
    let _beside_others = crate::MACHINE.read().await;
    let ending = crate::harness::play(vec![kind("sham-self-challenger")], 900).await;
    assert!(broken(&ending).is_empty());
    for (number, (invariant, falsify)) in FALSIFIED.iter().enumerate() {
        let mut falsified = ending.clone();
        falsify(&mut falsified);
        assert!(broken(&falsified).contains(invariant), "number {number}: {invariant}");
    }
    let shown: BTreeSet<_> = FALSIFIED.iter().map(|(invariant, _)| *invariant).collect();
    let all: BTreeSet<_> = invariants::ALL.iter().map(|(invariant, _)| *invariant).collect();
    assert_eq!(shown, all, "every invariant has a falsified ending");
    // A node that an executor reveals twice, in two messages.
    let mut twice = ending.clone();
    let dissected = twice.log.iter().find_map(|entry| match &entry.event {
        LoggedEvent::Message(signed) => match &signed.message {
            Message::Dissection(said) if executes(&ending, said.claim, signed.signer) => {
                Some(entry.clone())
            }
            _ => None,
        },
        _ => None,
    });
    twice.log.push(dissected.unwrap());
    assert!(broken(&twice).contains("bounded_work"));
}

fn executes(
    ending: &Ending,
    claim: gainsay_protocol::ClaimId,
    signer: gainsay_protocol::Key,
) -> bool {
    let mut claims = ending.jobs.iter().flat_map(|job| &job.claims);
    claims.any(|state| state.id == claim && state.executor == signer)
}
