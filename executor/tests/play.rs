//! The executor daemon against the small arbiter, over real loopback connections.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../player/tests/support/mod.rs"]
mod support;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gainsay_executor::dishonesty::{Assignment, ConductError, Performance};
use gainsay_executor::{Conduct, Config, Executor, ExecutorError, SignOnce};
use gainsay_player::{FolderError, RunSource, TraceSource, tensors};
use gainsay_protocol::{Amount, Claim, JobPhase, Keypair, Message, RefundReason, Take};
use support::{FakeArbiter, Watch, drive, inputs, kernels, keypair, tiny_model};

const RICH: Amount = Amount(100_000_000_000);

fn config(arbiter: &FakeArbiter, keypair: Arc<Keypair>, folder: &Path) -> Config {
    let mut config =
        Config::new(arbiter.address(), arbiter.key(), keypair, folder.into(), kernels());
    config.poll = Duration::from_millis(100);
    config.max_open = NonZeroUsize::new(64).unwrap();
    config
}

/// Claims something wrong about everything.
#[derive(Debug)]
struct AlwaysWrong;

impl Conduct for AlwaysWrong {
    fn perform(&self, assignment: &Assignment) -> Result<Performance, ConductError> {
        let (runner, inputs) = (Arc::clone(&assignment.runner), Arc::clone(&assignment.inputs));
        Ok(Performance::of(RunSource::tampered(runner, inputs, 1, 7)?))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_jobs_become_final_and_pay_and_several_executors_share_them() {
    let arbiter = FakeArbiter::start();
    let artifact = arbiter.change(|world| {
        let artifact = world.admit(tiny_model(5));
        for number in 0..20 {
            world.request(artifact, &inputs(number));
        }
        artifact
    });
    let (mut daemons, mut folders, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=2 {
        let (keypair, folder) = (keypair(number), tempfile::tempdir().unwrap());
        arbiter.change(|world| world.fund(keypair.key(), RICH));
        keys.push(keypair.key());
        let mut config = config(&arbiter, keypair, folder.path());
        config.artifacts = Some(vec![artifact]);
        daemons.push(Executor::start(config).await.unwrap());
        folders.push(folder);
    }
    let watch = Watch { executors: keys.clone(), checked: Vec::new(), answers: Box::new(|_| true) };
    drive(&arbiter, &watch).await;
    {
        let world = arbiter.world();
        assert!(world.jobs.values().all(|job| job.phase == JobPhase::Final && job.lapses == 0));
        let earned = keys.iter().map(|key| world.account(*key).free.0 - RICH.0).sum::<u64>();
        assert_eq!(earned, 20 * 1_000_000);
        assert!(keys.iter().all(|key| world.account(*key).bonds == Amount::ZERO));
    }
    // The last receipts may still be on their way.
    let claims = || daemons.iter().map(|daemon| daemon.counters().claims.get()).sum::<u64>();
    arbiter.until("every receipt is there", |_| claims() == 20).await;
    for daemon in daemons {
        daemon.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_killed_after_signing_sends_the_stored_bytes_whatever_it_would_say_now() {
    let (arbiter, folder) = (FakeArbiter::start(), tempfile::tempdir().unwrap());
    let own = keypair(1);
    let job = arbiter.change(|world| {
        world.fund(own.key(), RICH);
        world.claims_blocked = true;
        let artifact = world.admit(tiny_model(5));
        world.request(artifact, &inputs(1))
    });
    let daemon = Executor::start(config(&arbiter, own.clone(), folder.path())).await.unwrap();
    arbiter.until("a claim was sent", |world| !world.claims_seen.is_empty()).await;
    daemon.kill().await;
    arbiter.change(|world| world.claims_blocked = false);
    let mut changed = config(&arbiter, own, folder.path());
    changed.conduct = Box::new(AlwaysWrong);
    let daemon = Executor::start(changed).await.unwrap();
    arbiter.until("it is claimed", |world| world.jobs[&job].phase == JobPhase::Claimed).await;
    let truth = arbiter.world().truth(job).root().unwrap();
    {
        let world = arbiter.world();
        assert!(world.claims_seen.len() >= 2);
        assert!(world.claims_seen.iter().all(|claim| *claim == world.claims_seen[0]));
        assert_eq!(world.jobs[&job].claim().unwrap().claim.root, truth);
    }
    assert_eq!(daemon.counters().runs.get(), 0, "nothing had to be computed again");
    daemon.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_signed_but_never_sent_is_sent_as_stored_with_its_outputs_computed_again() {
    let (arbiter, folder) = (FakeArbiter::start(), tempfile::tempdir().unwrap());
    let own = keypair(1);
    let job = arbiter.change(|world| {
        world.fund(own.key(), RICH);
        let artifact = world.admit(tiny_model(5));
        world.request(artifact, &inputs(1))
    });
    let client = arbiter.client(own.clone()).await;
    client.submit(Message::Take(Take { job, attempt: 0 })).await.unwrap();
    let source = {
        let world = arbiter.world();
        let runner = Arc::new(world.runner(&world.jobs[&job].job));
        RunSource::run(runner, inputs(1).into()).unwrap()
    };
    let claim = Claim {
        job,
        attempt: 0,
        layers: source.layers(),
        root: source.root(),
        outputs: source.outputs().iter().map(tensors::reference).collect(),
        first: source.opening(0).unwrap(),
        last: source.opening(source.layers()).unwrap(),
    };
    let store = SignOnce::open(&folder.path().join("sign-once.sqlite"), own.key()).await.unwrap();
    let stored = store.sign(&own, client.network(), claim).await.unwrap();
    store.close().await;
    let daemon = Executor::start(config(&arbiter, own, folder.path())).await.unwrap();
    arbiter.until("it is claimed", |world| world.jobs[&job].phase == JobPhase::Claimed).await;
    assert!(arbiter.world().claims_seen.iter().all(|claim| *claim == stored));
    assert_eq!(daemon.counters().runs.get(), 1);
    daemon.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_taken_than_money_and_max_open_allow() {
    let (arbiter, folder) = (FakeArbiter::start(), tempfile::tempdir().unwrap());
    let own = keypair(1);
    arbiter.change(|world| {
        let bond = world.params.executor_bond;
        world.fund(own.key(), Amount(bond.0 * 5 + 1));
        let artifact = world.admit(tiny_model(3));
        for number in 0..9 {
            world.request(artifact, &inputs(number));
        }
    });
    let mut few = config(&arbiter, own.clone(), folder.path());
    few.max_open = NonZeroUsize::new(3).unwrap();
    let claimed = |world: &support::World| {
        world.jobs.values().filter(|job| job.phase == JobPhase::Claimed).count()
    };
    let daemon = Executor::start(few).await.unwrap();
    arbiter.until("three are claimed", |world| claimed(world) == 3).await;
    daemon.shutdown().await.unwrap();
    assert_eq!(claimed(&arbiter.world()), 3);
    let daemon = Executor::start(config(&arbiter, own.clone(), folder.path())).await.unwrap();
    arbiter.until("five are claimed", |world| claimed(world) == 5).await;
    daemon.shutdown().await.unwrap();
    let world = arbiter.world();
    assert_eq!((claimed(&world), world.account(own.key()).free), (5, Amount(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_folder_serves_one_process_at_a_time() {
    let (arbiter, folder) = (FakeArbiter::start(), tempfile::tempdir().unwrap());
    let daemon = Executor::start(config(&arbiter, keypair(1), folder.path())).await.unwrap();
    let second = Executor::start(config(&arbiter, keypair(1), folder.path())).await;
    assert!(matches!(second, Err(ExecutorError::Folder(FolderError::InUse(_)))));
    daemon.shutdown().await.unwrap();
    let third = Executor::start(config(&arbiter, keypair(1), folder.path())).await.unwrap();
    third.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_of_the_wrong_arbiter_ends_with_an_error() {
    let (arbiter, folder) = (FakeArbiter::start(), tempfile::tempdir().unwrap());
    let mut wrong = config(&arbiter, keypair(1), folder.path());
    wrong.arbiter = keypair(9).key();
    let mut daemon = Executor::start(wrong).await.unwrap();
    assert!(matches!(daemon.finished().await, Err(ExecutorError::Client(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barred_executor_leaves_the_job_to_others_and_goes_on_with_the_rest() {
    let (arbiter, folder) = (FakeArbiter::start(), tempfile::tempdir().unwrap());
    let own = keypair(1);
    let (artifact, job) = arbiter.change(|world| {
        world.fund(own.key(), RICH);
        world.claims_blocked = true;
        let artifact = world.admit(tiny_model(3));
        (artifact, world.request(artifact, &inputs(1)))
    });
    let daemon = Executor::start(config(&arbiter, own.clone(), folder.path())).await.unwrap();
    arbiter.until("a claim was sent", |world| !world.claims_seen.is_empty()).await;
    // The lease lapses, because no claim gets through.
    let next = arbiter.change(|world| {
        let lease = world.params.lease;
        world.advance(world.now.after(lease));
        world.claims_blocked = false;
        world.request(artifact, &inputs(2))
    });
    arbiter
        .until("the other job is claimed", |world| world.jobs[&next].phase == JobPhase::Claimed)
        .await;
    assert_eq!(arbiter.world().jobs[&job].phase, JobPhase::Open);
    let watch =
        Watch { executors: vec![own.key()], checked: Vec::new(), answers: Box::new(|_| true) };
    drive(&arbiter, &watch).await;
    let world = arbiter.world();
    assert_eq!(world.jobs[&job].phase, JobPhase::Refunded(RefundReason::Deadline));
    assert_eq!(world.jobs[&next].phase, JobPhase::Final);
    assert_eq!((daemon.counters().takes.get(), daemon.counters().lost_races.get()), (2, 0));
}
