//! Stops, crashes and starts (`prefix_recovery`, `downtime_free`): whatever was acknowledged is there, and everything
//! ends as it would have.

use gainsay_protocol::{
    Amount, ClaimOutcome, ClaimPhase, DisputePhase, JobPhase, LoggedEvent, Message, Mint, Outcome,
    Verdict,
};

use crate::world::{Cast, Telling, check_fold, judged_layer, params, phase, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_every_step_of_a_dispute_changes_nothing_about_its_end() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let mut arbiter = start(folder.path(), params.clone()).await;
    let mut cast = Cast::open(&arbiter, &params).await;
    let (job, lie, truth) =
        (cast.requester.order(1).await, Telling::lying(1, 4), Telling::honest(1));
    let claim = cast.executor.claim(job, 0, &lie).await;
    cast.challenger.commit(claim, &truth).await;

    let again = async |arbiter: gainsay_arbiter::Arbiter| {
        let before = arbiter.store().job(job).await.unwrap().unwrap();
        arbiter.abort().await;
        let arbiter = start(folder.path(), params.clone()).await;
        let cast = Cast::connect(&arbiter, &params).await;
        let after = cast.requester.job(job).await;
        assert_eq!(before.claims.len(), after.claims.len());
        (arbiter, cast)
    };
    (arbiter, cast) = again(arbiter).await;
    cast.challenger.until(job, |job| phase(job) == Some(&ClaimPhase::Revealing)).await;
    cast.challenger.reveal(claim, &truth).await;
    (arbiter, cast) = again(arbiter).await;
    cast.challenger.until(job, |job| phase(job) == Some(&ClaimPhase::Disputed)).await;
    loop {
        let moved =
            cast.challenger.play(job, claim, gainsay_protocol::Side::Challenger, &truth).await;
        let answered = cast.executor.play(job, claim, gainsay_protocol::Side::Executor, &lie).await;
        if !moved && !answered {
            break;
        }
        (arbiter, cast) = again(arbiter).await;
    }
    let ended = cast.requester.until(job, |job| job.phase == JobPhase::Open).await;
    assert_eq!(ended.claim().unwrap().outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(judged_layer(&ended), Some(4));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_a_crash_cut_off_is_done_at_the_next_start() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let (job, lie, truth) =
        (cast.requester.order(1).await, Telling::lying(1, 2), Telling::honest(1));
    let claim = cast.executor.claim(job, 0, &lie).await;
    cast.challenger.challenge(job, claim, &truth).await;
    cast.play_out(job, claim, &lie, &truth).await;
    // Whether or not the verdict came first: after the crash it is there, once.
    arbiter.abort().await;
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::connect(&arbiter, &params).await;
    let ended = cast.requester.until(job, |job| job.phase == JobPhase::Open).await;
    let dispute = &ended.claim().unwrap().disputes[0];
    assert!(matches!(dispute.phase, DisputePhase::Ended { .. }));
    assert_eq!(dispute.outcome(), Some(Outcome::Judged(Verdict::ExecutorFault)));
    let log = arbiter.store().log(0, 10_000).await.unwrap();
    let judged =
        log.iter().filter(|entry| matches!(entry.event, LoggedEvent::Judged { .. })).count();
    assert_eq!(judged, 1);
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downtime_is_on_nobodys_clock_and_serving_time_never_goes_back() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    cast.requester.order(1).await;
    arbiter.abort().await;
    // Not a wait for anything: the downtime itself.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let arbiter = start(folder.path(), params.clone()).await;
    let log = arbiter.store().log(0, 10_000).await.unwrap();
    let resumed = log.iter().find(|entry| entry.event == LoggedEvent::Resumed).unwrap();
    let before = &log[usize::try_from(resumed.index).unwrap() - 1];
    assert_eq!(resumed.time, before.time, "{before:?}, then {resumed:?}");
    assert!(log.windows(2).all(|pair| pair[0].time <= pair[1].time));
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefix_recovery_what_was_acknowledged_survives_and_its_receipt_stays_the_same() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let mut arbiter = start(folder.path(), params.clone()).await;
    let mut cast = Cast::open(&arbiter, &params).await;
    let mut receipts = Vec::new();
    for nonce in 100..105 {
        let mint = Mint { to: cast.requester.keypair.key(), amount: Amount(1), nonce };
        let signed = cast.operator.sign(Message::Mint(mint));
        receipts.push((cast.operator.submit(&signed).await.unwrap(), signed));
        arbiter.abort().await;
        arbiter = start(folder.path(), params.clone()).await;
        cast = Cast::connect(&arbiter, &params).await;
    }
    for (receipt, signed) in &receipts {
        assert_eq!(cast.operator.submit(signed).await.unwrap(), *receipt);
    }
    assert_eq!(cast.requester.account().await.free, Amount(5_000_005));
    // Artifacts are loaded again: jobs on them are taken.
    cast.requester.order(1).await;
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_that_is_damaged_on_disk_takes_no_jobs_and_others_do() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    arbiter.shutdown().await;
    drop(cast);
    let weight = crate::world::model().manifest().weights[0].content.to_string();
    let file = folder.path().join("blobs").join(&weight[..2]).join(&weight);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::connect(&arbiter, &params).await;
    let inputs = vec![cast.requester.upload(&crate::world::input(1)).await];
    let deadline = cast.requester.now().await.after(gainsay_protocol::Millis(60_000));
    let artifact = gainsay_protocol::ArtifactId(crate::world::model().id().0);
    let job =
        gainsay_protocol::Job { artifact, program: 0, inputs, fee: Amount(10), deadline, nonce: 1 };
    let refused = cast.requester.say(Message::Job(job)).await;
    crate::world::is_refused(refused, gainsay_network::api::RefusalKind::Unavailable, "damaged");
    arbiter.shutdown().await;
}
