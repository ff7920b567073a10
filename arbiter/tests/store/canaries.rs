//! What every store must do about canaries: hide them, open them once, and pay for them.

use std::sync::Arc;

use gainsay_arbiter::decide::Occurrence;
use gainsay_arbiter::store::{CommitError, Committed, Store};
use gainsay_commitment::{Digest, content};
use gainsay_protocol::{
    Amount, CanaryCommit, CanaryOutcome, CanaryReveal, ClaimId, EvidenceMessage, EvidenceStanding,
    JobId, JobState, Keypair, LoggedEvent, Message, Signed, Time, TransferKind, Verdict,
};

use crate::conformance::{Bench, check_fold};
use crate::world::{World, telling};

type Shared = Arc<dyn Store>;

const BONUS: u64 = 301;

fn reveal(job: JobId, executor: &Keypair, salt: u8) -> CanaryReveal {
    CanaryReveal { job, executor: executor.key(), salt: [salt; 32] }
}

fn said(world: &World, reveal: &CanaryReveal) -> Signed {
    world.sign(&world.operator, Message::CanaryReveal(reveal.clone()))
}

fn commit(world: &World, commitments: Vec<Digest>) -> Signed {
    let commit = CanaryCommit { commitments, bonus: Amount(BONUS) };
    world.sign(&world.operator, Message::CanaryCommit(commit))
}

fn commitment(world: &World, reveal: &CanaryReveal) -> Digest {
    reveal.commitment(world.params.network())
}

/// Everybody has money, the operator too.
async fn opened(bench: &dyn Bench) -> (World, Shared) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    world.say(&store, &world.mint(&world.operator, 20_000, 50), 0).await;
    (world, store)
}

/// The job's lie at the last layer by the first executor, contradicted by two challengers, judged.
async fn caught(world: &World, store: &Shared, job: JobId) -> ClaimId {
    let executor = &world.executors[0];
    world.say(store, &world.take(executor, job, 0), 12).await;
    let (lie, truth) = (telling(1, 4, 1), telling(1, 4, 2));
    let claim = ClaimId(world.say(store, &world.claim(executor, job, 0, &lie), 13).await.0);
    for (at, challenger) in (17..).zip(&world.challengers[..2]) {
        world.say(store, &world.commitment(challenger, claim, &truth), at).await;
    }
    for challenger in &world.challengers[..2] {
        world.say(store, &world.reveal(challenger, claim, &truth), 120).await;
    }
    store.commit(world.occurrence(job, Occurrence::Tick, Time(170))).await.unwrap();
    let counter_root = truth.tree.root();
    let evidence = EvidenceMessage {
        claim,
        counter_root,
        layer: 4,
        list: truth.lists[3].clone(),
        opening: lie.tree.open(3).unwrap(),
        tensors: Vec::new(),
    };
    let evidence = world.sign(&world.challengers[0], Message::Evidence(evidence));
    let standing = Some(EvidenceStanding::Complete { bytes: 8 });
    store.commit(world.act(&evidence, standing, Time(171))).await.unwrap();
    let judged = Occurrence::Judged { claim, counter_root, verdict: Verdict::ExecutorFault };
    store.commit(world.occurrence(job, judged, Time(172))).await.unwrap();
    claim
}

async fn refusal(world: &World, store: &Shared, signed: &Signed, now: u64) -> String {
    let head = store.head().await.unwrap();
    let refused = store.commit(world.act(signed, None, Time(now))).await.unwrap_err();
    assert!(matches!(refused, CommitError::Refused(_)), "{refused:?}");
    assert_eq!(store.head().await.unwrap(), head);
    refused.to_string()
}

async fn outcome(store: &Shared, commitment: Digest) -> Option<CanaryOutcome> {
    let all = store.canaries(None, 100).await.unwrap();
    all.iter().find(|record| record.canary.commitment == commitment).unwrap().canary.outcome
}

pub async fn a_canary_is_kept_from_its_commitment_to_its_opening(bench: &dyn Bench) {
    let (world, store) = opened(bench).await;
    let asked = world.job(1, 100, 9_000);
    let (job, executor) = (JobId(asked.id()), &world.executors[0]);
    let canary = reveal(job, executor, 1);
    let hidden = commitment(&world, &canary);
    let other = content(b"another canary");
    let (_, index) = world.say(&store, &commit(&world, vec![hidden, other]), 1).await;
    let view = store.account(world.operator.key()).await.unwrap();
    assert_eq!((view.free, view.escrow), (Amount(20_000 - 2 * BONUS), Amount(2 * BONUS)));
    let totals = store.totals().await.unwrap();
    assert!(totals.is_conserved() && totals.escrow == Amount(2 * BONUS), "{totals:?}");
    let again = refusal(&world, &store, &commit(&world, vec![other]), 2).await;
    assert!(again.contains("committed to before"), "{again}");
    world.say(&store, &asked, 5).await;
    let early = refusal(&world, &store, &said(&world, &canary), 6).await;
    assert!(early.contains("has not ended"), "{early}");
    caught(&world, &store, job).await;
    check_fold(&world, &store).await;
    // What it is told of the salt, job or executor must be what was committed to.
    let wrong = refusal(&world, &store, &said(&world, &reveal(job, executor, 2)), 173).await;
    assert!(wrong.contains("nothing was committed to"), "{wrong}");
    let wealth = async || {
        let mut free = Vec::new();
        for key in world.challengers[..2].iter().chain([&world.operator]) {
            free.push(store.account(key.key()).await.unwrap().free.0);
        }
        free
    };
    let before = wealth().await;
    world.say(&store, &said(&world, &canary), 174).await;
    let after = wealth().await;
    let gained: Vec<u64> = after.iter().zip(&before).map(|(now, then)| now - then).collect();
    assert_eq!(gained, [150, 150, 1], "the bonus in equal parts, what is left to the operator");
    assert_eq!(outcome(&store, hidden).await, Some(CanaryOutcome::Caught));
    assert_eq!(outcome(&store, other).await, None);
    let listed = store.canaries(None, 100).await.unwrap();
    assert!(listed.iter().all(|record| record.canary.committed == index));
    let census = store.census().await.unwrap();
    assert_eq!((census.canaries["caught"], census.canaries["unrevealed"]), (1, 1));
    assert_eq!(census.canary_escrow, Amount(BONUS));
    // The same message has acted; its retry gets the same receipt.
    let retried = store.commit(world.act(&said(&world, &canary), None, Time(175))).await.unwrap();
    assert!(matches!(retried, Committed::Before { .. }), "{retried:?}");
    let lines = store.statement(world.operator.key(), None, 100).await.unwrap();
    let count = |kind| lines.iter().filter(|line| line.transfer.kind == kind).count();
    assert_eq!(count(TransferKind::CanaryEscrow), 2);
    assert_eq!(count(TransferKind::CanaryBonus), 2, "what its escrow pays is in its statement");
    assert_eq!(count(TransferKind::CanaryRefund), 1);
    check_fold(&world, &store).await;
}

pub async fn of_two_commitments_to_one_claim_the_second_opens_as_void(bench: &dyn Bench) {
    let (world, store) = opened(bench).await;
    let asked = world.job(1, 100, 9_000);
    let (job, executor) = (JobId(asked.id()), &world.executors[0]);
    let canaries = [1, 2].map(|salt| reveal(job, executor, salt));
    let hidden = canaries.each_ref().map(|canary| commitment(&world, canary));
    world.say(&store, &commit(&world, hidden.to_vec()), 1).await;
    world.say(&store, &asked, 5).await;
    caught(&world, &store, job).await;
    for canary in &canaries {
        world.say(&store, &said(&world, canary), 180).await;
    }
    let became = (outcome(&store, hidden[0]).await, outcome(&store, hidden[1]).await);
    assert_eq!(became, (Some(CanaryOutcome::Caught), Some(CanaryOutcome::Void)));
    assert_eq!(store.census().await.unwrap().canary_escrow, Amount(0));
    check_fold(&world, &store).await;
}

pub async fn a_commitment_after_the_job_opens_as_void_though_it_is_in_the_same_millisecond(
    bench: &dyn Bench,
) {
    let (world, store) = opened(bench).await;
    let asked = world.job(1, 100, 9_000);
    let (job, executor) = (JobId(asked.id()), &world.executors[0]);
    let canary = reveal(job, executor, 1);
    let hidden = commitment(&world, &canary);
    world.say(&store, &asked, 5).await;
    world.say(&store, &commit(&world, vec![hidden]), 5).await;
    caught(&world, &store, job).await;
    world.say(&store, &said(&world, &canary), 180).await;
    assert_eq!(outcome(&store, hidden).await, Some(CanaryOutcome::Void));
    let free = store.account(world.operator.key()).await.unwrap().free;
    assert_eq!(free, Amount(20_000));
    check_fold(&world, &store).await;
}

/// Where the canary is that the operator committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// On the job that is played.
    OnTheJob,
    /// On another.
    Elsewhere,
}

/// The log without the operator's commitment, what became of the job, and how long the commitment is in the log.
pub async fn played(
    bench: &dyn Bench,
    planted: Planted,
) -> (Vec<LoggedEvent>, JobState, Vec<usize>) {
    let (world, store) = opened(bench).await;
    let asked = world.job(1, 100, 9_000);
    let job = JobId(asked.id());
    let hidden = match planted {
        Planted::OnTheJob => commitment(&world, &reveal(job, &world.executors[0], 1)),
        Planted::Elsewhere => content(b"another's"),
    };
    world.say(&store, &commit(&world, vec![hidden]), 1).await;
    world.say(&store, &asked, 5).await;
    caught(&world, &store, job).await;
    let events = store.log(0, 100).await.unwrap().into_iter().map(|entry| entry.event);
    let is_commit = |event: &LoggedEvent| match event {
        LoggedEvent::Message(signed) => matches!(signed.message, Message::CanaryCommit(_)),
        _ => false,
    };
    let (commits, rest): (Vec<_>, Vec<_>) = events.partition(is_commit);
    let sizes = commits.iter().map(|commit| borsh::to_vec(commit).unwrap().len());
    (rest, store.job(job).await.unwrap().unwrap(), sizes.collect())
}
