//! Executors and challengers against the small arbiter, over real loopback connections: whole disputes.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../player/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gainsay_challenger::{
    Alarm, Challenger, ChallengerError, Conduct, Config, Counters, FalseAlarm, SamplingRate,
};
use gainsay_executor::{CheatKind, Cheating, Executor, Lie};
use gainsay_player::Daemon;
use gainsay_protocol::{
    Account, Amount, ClaimOutcome, ClaimPhase, JobId, JobPhase, JobState, Keypair, MessageId,
    Outcome, Verdict,
};
use support::{FakeArbiter, Watch, World, drive, inputs, kernels, keypair, tiny_model};
use tempfile::TempDir;

const RICH: Amount = Amount(100_000_000_000);

fn executor_config(
    arbiter: &FakeArbiter,
    keypair: Arc<Keypair>,
    folder: &Path,
) -> gainsay_executor::Config {
    let (address, key) = (arbiter.address(), arbiter.key());
    let mut config = gainsay_executor::Config::new(address, key, keypair, folder.into(), kernels());
    config.poll = Duration::from_millis(100);
    config.max_open = NonZeroUsize::new(64).unwrap();
    config
}

fn config(arbiter: &FakeArbiter, keypair: Arc<Keypair>, folder: &Path) -> Config {
    let (address, key) = (arbiter.address(), arbiter.key());
    let mut config = Config::new(address, key, keypair, folder.into(), kernels());
    config.poll = Duration::from_millis(100);
    config
}

async fn challenger(
    arbiter: &FakeArbiter,
    number: u8,
    conduct: Conduct,
) -> (Daemon<Counters, ChallengerError>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(arbiter, keypair(number), folder.path());
    config.conduct = conduct;
    (Challenger::start(config).await.unwrap(), folder)
}

/// Claims that a challenger has dealt with.
fn dealt(counters: &Counters) -> u64 {
    counters.agreed.get() + counters.commits.get()
}

fn request(arbiter: &FakeArbiter, depth: u64, jobs: u64) -> Vec<JobId> {
    arbiter.change(|world| {
        for number in 1..=9 {
            world.fund(keypair(number).key(), RICH);
        }
        let artifact = world.admit(tiny_model(depth));
        (0..jobs).map(|number| world.request(artifact, &inputs(number))).collect()
    })
}

fn all_claimed(world: &World) -> bool {
    world.jobs.values().all(|job| job.phase == JobPhase::Claimed)
}

fn lies(journal: &Path) -> BTreeMap<(JobId, u32), Lie> {
    let lies = Lie::read(journal).unwrap().into_iter();
    lies.map(|lie| ((JobId(MessageId(lie.job)), lie.attempt), lie)).collect()
}

/// The key that each stage of a scene has for the claim under way.
fn place(job: &JobState) -> (JobId, u32) {
    (job.id, job.claim().map_or(0, |claim| claim.claim.attempt))
}

fn is_silent(kind: CheatKind) -> bool {
    matches!(kind, CheatKind::Stall | CheatKind::GarbageRoot)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_lie_is_caught_and_nothing_else_is() {
    let arbiter = FakeArbiter::start();
    let kinds = CheatKind::ALL.len();
    let jobs = request(&arbiter, 6, 3 * kinds as u64);
    let (liar, honest) = (keypair(1), keypair(2));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let journal = folders[0].path().join("lies.jsonl");
    let mut cheating = executor_config(&arbiter, liar.clone(), folders[0].path());
    cheating.conduct = Box::new(Cheating::open(&CheatKind::ALL, 5, &journal).unwrap());
    let cheating = Executor::start(cheating).await.unwrap();
    arbiter.until("the liar has every job", all_claimed).await;
    let config = executor_config(&arbiter, honest.clone(), folders[1].path());
    let helping = Executor::start(config).await.unwrap();
    let (one, _folder) = challenger(&arbiter, 3, Conduct::Honest).await;
    let (two, _other) = challenger(&arbiter, 4, Conduct::Honest).await;
    let told = lies(&journal);
    assert_eq!(told.len(), kinds, "each kind once");
    let watch = Watch {
        executors: vec![liar.key(), honest.key()],
        checked: vec![Box::new(|| dealt(one.counters())), Box::new(|| dealt(two.counters()))],
        answers: Box::new(|job| !told.get(&place(job)).is_some_and(|lie| is_silent(lie.kind))),
    };
    drive(&arbiter, &watch).await;
    let world = arbiter.world();
    for id in &jobs {
        let job = &world.jobs[id];
        assert_eq!(job.phase, JobPhase::Final, "somebody told the truth in the end");
        for claim in &job.claims {
            let lie =
                told.get(&(*id, claim.claim.attempt)).filter(|_| claim.executor == liar.key());
            let expected = if lie.is_some() { ClaimOutcome::Rejected } else { ClaimOutcome::Final };
            assert_eq!(claim.outcome(), Some(expected), "{lie:?}");
            let Some(lie) = lie else {
                assert!(claim.challenges.is_empty());
                continue;
            };
            assert_eq!(
                (claim.challenges.len(), claim.disputes.len()),
                (2, 1),
                "one side, two members"
            );
            let outcome = claim.disputes[0].outcome().unwrap();
            if is_silent(lie.kind) {
                assert!(
                    matches!(
                        outcome,
                        Outcome::ExecutorTimeout | Outcome::Judged(Verdict::ExecutorFault)
                    ),
                    "{outcome:?}"
                );
            } else {
                assert_eq!(outcome, Outcome::Judged(Verdict::ExecutorFault));
            }
            // `first_divergence`: the judged layer is the one that was lied about.
            if !is_silent(lie.kind) {
                assert_eq!(claim.disputes[0].layer(), lie.layer, "{lie:?}");
            }
        }
    }
    assert!(world.ledger.is_conserved());
    for number in [3, 4] {
        assert!(world.account(keypair(number).key()).free > RICH, "catching liars pays");
    }
    assert!(world.account(liar.key()).free < RICH, "lying does not");
    assert!(world.account(honest.key()).free > RICH);
    assert!(world.ledger.accounts().all(|(account, left)| {
        !matches!(account, Account::Bond(_) | Account::Escrow(_)) || left == Amount::ZERO
    }));
    drop((cheating, helping));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_alarm_is_played_to_the_end_loses_and_is_never_raised_again() {
    let arbiter = FakeArbiter::start();
    request(&arbiter, 6, 8);
    let (folder, journals) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = journals.path().join("alarms.jsonl");
    let alarm = || Conduct::FalseAlarm(FalseAlarm::open(3, 1, &journal).unwrap());
    let executor =
        Executor::start(executor_config(&arbiter, keypair(1), folder.path())).await.unwrap();
    let (one, _folder) = challenger(&arbiter, 3, Conduct::Honest).await;
    let (liar, _other) = challenger(&arbiter, 4, alarm()).await;
    let watch = Watch {
        executors: vec![keypair(1).key()],
        checked: vec![Box::new(|| dealt(one.counters())), Box::new(|| dealt(liar.counters()))],
        answers: Box::new(|_| true),
    };
    drive(&arbiter, &watch).await;
    let alarms = Alarm::read(&journal).unwrap();
    assert_eq!(alarms.len(), 1);
    {
        let world = arbiter.world();
        assert!(world.jobs.values().all(|job| job.phase == JobPhase::Final));
        let claims = world.jobs.values().filter_map(JobState::claim);
        let disputed: Vec<_> = claims.filter(|claim| !claim.disputes.is_empty()).collect();
        assert_eq!(disputed.len(), 1);
        let dispute = &disputed[0].disputes[0];
        assert_eq!(dispute.outcome(), Some(Outcome::Judged(Verdict::ChallengerFault)));
        assert_eq!(dispute.layer(), Some(alarms[0].layer));
        assert_eq!(disputed[0].id.0.0, alarms[0].claim);
        assert_eq!(world.account(keypair(3).key()).free, RICH, "`honest_never_loses`");
        let bond = world.params.challenger_bond;
        assert_eq!(world.account(keypair(4).key()).free, Amount(RICH.0 - bond.0));
        assert!(
            world.account(keypair(1).key()).free.0 > RICH.0 + 8 * 1_000_000,
            "paid for its defence"
        );
    }
    // Started again with the same journal, it finds nothing left to raise.
    drop(watch);
    liar.shutdown().await.unwrap();
    let (again, _third) = challenger(&arbiter, 4, alarm()).await;
    let more = request(&arbiter, 6, 6).len() as u64;
    let before = dealt(one.counters());
    let watch = Watch {
        executors: vec![keypair(1).key()],
        checked: vec![
            Box::new(|| 8 + dealt(one.counters()) - before),
            Box::new(|| 8 + dealt(again.counters())),
        ],
        answers: Box::new(|_| true),
    };
    drive(&arbiter, &watch).await;
    assert_eq!((again.counters().agreed.get(), again.counters().commits.get()), (more, 0));
    assert_eq!(Alarm::read(&journal).unwrap(), alarms);
    drop(executor);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenger_restarted_between_commit_and_reveal_still_reveals_and_wins() {
    let arbiter = FakeArbiter::start();
    let jobs = request(&arbiter, 6, 3);
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("lies.jsonl");
    let mut liar = executor_config(&arbiter, keypair(1), folder.path());
    liar.conduct = Box::new(Cheating::open(&[CheatKind::WrongLayer], 5, &journal).unwrap());
    let liar = Executor::start(liar).await.unwrap();
    let (first, _gone) = challenger(&arbiter, 3, Conduct::Honest).await;
    arbiter.until("every claim is dealt with", |_| dealt(first.counters()) >= 3).await;
    first.kill().await;
    let lie = lies(&journal).into_values().next().unwrap();
    let job = JobId(MessageId(lie.job));
    let phase = |world: &World| world.jobs[&job].claim().unwrap().phase.clone();
    arbiter.change(|world| {
        let ends = world.jobs.values().map(|job| job.claim().unwrap().window_ends).max();
        world.advance(ends.unwrap());
    });
    assert_eq!(phase(&arbiter.world()), ClaimPhase::Revealing);
    // Another folder too: it needs nothing but its key.
    let (again, _folder) = challenger(&arbiter, 3, Conduct::Honest).await;
    let watch = Watch {
        executors: vec![keypair(1).key()],
        checked: Vec::new(),
        answers: Box::new(|_| true),
    };
    drive(&arbiter, &watch).await;
    assert_eq!(again.counters().reveals.get(), 1);
    let world = arbiter.world();
    let claim = &world.jobs[&job].claims[0];
    assert_eq!(claim.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(claim.disputes[0].layer(), lie.layer);
    let finals = jobs.iter().filter(|id| world.jobs[id].phase == JobPhase::Final).count();
    assert_eq!(finals, 2, "the lie's job is refunded, because nobody else takes it");
    drop(liar);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_restarted_in_a_dispute_defends_its_claim_from_nothing() {
    let arbiter = FakeArbiter::start();
    let job = request(&arbiter, 6, 1)[0];
    let (folder, journals) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = journals.path().join("alarms.jsonl");
    let executor =
        Executor::start(executor_config(&arbiter, keypair(1), folder.path())).await.unwrap();
    // The first claim may not be the one it picks, so this seed is one that picks the first.
    let seed = (0..100).find(|seed| raises_at_once(*seed)).unwrap();
    let alarm = Conduct::FalseAlarm(FalseAlarm::open(seed, 1, &journal).unwrap());
    let (liar, _other) = challenger(&arbiter, 4, alarm).await;
    arbiter.until("the alarm is raised", |_| liar.counters().commits.get() == 1).await;
    executor.kill().await;
    let again =
        Executor::start(executor_config(&arbiter, keypair(1), folder.path())).await.unwrap();
    let watch = Watch {
        executors: vec![keypair(1).key()],
        checked: Vec::new(),
        answers: Box::new(|_| true),
    };
    drive(&arbiter, &watch).await;
    assert_eq!(arbiter.world().jobs[&job].phase, JobPhase::Final);
    assert!(again.counters().moves.get() > 0);
    assert_eq!(again.counters().claims.get(), 0);
}

fn raises_at_once(seed: u64) -> bool {
    FalseAlarm::picks(seed) == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenger_that_samples_nothing_or_cannot_pay_runs_nothing() {
    let arbiter = FakeArbiter::start();
    request(&arbiter, 3, 4);
    let folders =
        [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let executor =
        Executor::start(executor_config(&arbiter, keypair(1), folders[0].path())).await.unwrap();
    let mut idle = config(&arbiter, keypair(3), folders[1].path());
    idle.sampling = SamplingRate::new(0.0).unwrap();
    let idle = Challenger::start(idle).await.unwrap();
    // Key 20 was given nothing.
    let broke = Challenger::start(config(&arbiter, keypair(20), folders[2].path())).await.unwrap();
    let (busy, _folder) = challenger(&arbiter, 4, Conduct::Honest).await;
    let watch = Watch {
        executors: vec![keypair(1).key()],
        checked: vec![Box::new(|| dealt(busy.counters()))],
        answers: Box::new(|_| true),
    };
    drive(&arbiter, &watch).await;
    assert_eq!(busy.counters().runs.get(), 4);
    assert_eq!((idle.counters().runs.get(), broke.counters().runs.get()), (0, 0));
    drop(executor);
}
