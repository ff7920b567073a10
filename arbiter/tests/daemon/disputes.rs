//! Claims and disputes from the job to the payment.

use gainsay_judge::{CaseFile, Judgement, Weights};
use gainsay_network::api::{RefusalKind, Request, Response};
use gainsay_protocol::{
    Amount, ClaimOutcome, Job, JobId, JobPhase, JobState, Message, Mint, Outcome, Side, Verdict,
};

use crate::world::{
    Cast, Person, Telling, check_fold, is_refused, judged_layer, kernels, model, params, start,
};

/// What somebody with the artifact finds in a case file from the arbiter, which carries no weights.
fn confirmed(file: &[u8]) -> Judgement {
    let file = CaseFile::from_bytes(file).unwrap();
    file.confirm_with(Weights::Artifact(&model()), &kernels()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchallenged_claim_becomes_final_and_is_paid() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let job = cast.requester.order(1).await;
    let told = Telling::honest(1);
    let claim = cast.executor.claim(job, 0, &told).await;
    let ended = cast.requester.until(job, |job| job.is_terminal()).await;
    assert_eq!(ended.phase, JobPhase::Final);
    assert_eq!(ended.claim_by_id(claim).unwrap().outcome(), Some(ClaimOutcome::Final));
    assert_eq!(cast.executor.account().await.free, Amount(5_010_000));
    assert_eq!(cast.requester.account().await.free, Amount(4_990_000));
    // The outputs are there for whoever pays for them.
    let output = &ended.claim().unwrap().claim.outputs[0];
    let bytes = cast.requester.client.get_blob(output.content, 1 << 20).await.unwrap();
    assert_eq!(bytes, told.trace.outputs[0].bytes().into_owned());
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_claim_is_caught_at_its_first_wrong_layer_and_slashed() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    for layer in [1, 4, Telling::honest(1).layers()] {
        let seed = u64::from(layer);
        let job = cast.requester.order(seed).await;
        let (lie, truth) = (Telling::lying(seed, layer), Telling::honest(seed));
        let (executor_before, challenger_before) =
            (cast.executor.account().await.free, cast.challenger.account().await.free);
        let claim = cast.executor.claim(job, 0, &lie).await;
        cast.challenger.challenge(job, claim, &truth).await;
        cast.play_out(job, claim, &lie, &truth).await;
        let ended = cast.requester.until(job, |job| job.phase == JobPhase::Open).await;
        assert_eq!(ended.claim().unwrap().outcome(), Some(ClaimOutcome::Rejected));
        assert_eq!(judged_layer(&ended), Some(layer));
        let dispute = &ended.claim().unwrap().disputes[0];
        assert_eq!(dispute.outcome(), Some(Outcome::Judged(Verdict::ExecutorFault)));
        // The bond is gone: the costs and the reward are paid out of it, the rest is burned.
        assert_eq!(cast.executor.account().await.free, executor_before.less(params.executor_bond));
        let reward = params.executor_bond.percent(60).less(params.judgement_cost);
        assert_eq!(
            cast.challenger.account().await.free,
            challenger_before.checked_add(reward).unwrap()
        );
        // Anybody can judge the case again.
        let case = Request::Case { claim, counter_root: dispute.counter_root };
        let Response::Case(Some(view)) = cast.requester.ask(case).await else { panic!("no case") };
        let file = cast.requester.client.get_blob(view.file, 1 << 24).await.unwrap();
        let judgement = confirmed(&file);
        assert_eq!((judgement.verdict, judgement.layer), (Verdict::ExecutorFault, layer));
    }
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_alarm_costs_its_bond_and_the_claim_stands() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let job = cast.requester.order(1).await;
    let (truth, alarm) = (Telling::honest(1), Telling::lying(1, 3));
    let claim = cast.executor.claim(job, 0, &truth).await;
    cast.challenger.challenge(job, claim, &alarm).await;
    cast.play_out(job, claim, &truth, &alarm).await;
    let ended = cast.requester.until(job, |job| job.is_terminal()).await;
    assert_eq!(ended.phase, JobPhase::Final);
    let outcome = ended.claim().unwrap().disputes[0].outcome();
    assert_eq!(outcome, Some(Outcome::Judged(Verdict::ChallengerFault)));
    assert_eq!(cast.challenger.account().await.free, Amount(4_500_000));
    assert_eq!(cast.executor.account().await.free, Amount(5_012_000));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_never_answers_loses_and_the_arbiter_finds_the_true_root_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = params();
    (params.budget.0, params.grace.0) = (600, 200);
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let job = cast.requester.order(1).await;
    let (lie, truth) = (Telling::lying(1, 2), Telling::honest(1));
    let claim = cast.executor.claim(job, 0, &lie).await;
    cast.challenger.challenge(job, claim, &truth).await;
    while cast.challenger.play(job, claim, Side::Challenger, &truth).await {}
    let ended = cast.requester.until(job, |job| job.phase == JobPhase::Open).await;
    assert_eq!(ended.claim().unwrap().disputes[0].outcome(), Some(Outcome::ExecutorTimeout));
    assert_eq!(ended.claim().unwrap().outcome(), Some(ClaimOutcome::Rejected));
    assert!(cast.challenger.account().await.free > Amount(5_000_000));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_job_is_done_by_somebody_else() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let other = Person::connect(&arbiter, &params, 6).await;
    let mint = Mint { to: other.keypair.key(), amount: Amount(2_000_000), nonce: 77 };
    cast.operator.say(Message::Mint(mint)).await.unwrap();
    let job = cast.requester.order(1).await;
    let (lie, truth) = (Telling::lying(1, 5), Telling::honest(1));
    let claim = cast.executor.claim(job, 0, &lie).await;
    cast.challenger.challenge(job, claim, &truth).await;
    cast.play_out(job, claim, &lie, &truth).await;
    cast.requester.until(job, |job| job.phase == JobPhase::Open).await;
    other.claim(job, 1, &truth).await;
    let ended = cast.requester.until(job, |job| job.is_terminal()).await;
    assert_eq!(ended.phase, JobPhase::Final);
    assert_eq!(other.account().await.free, Amount(2_010_000));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

/// One dispute of a wrong claim by this executor, to its end.
async fn dispute(
    cast: &Cast,
    executor: &Person,
    attempt: u32,
    job: JobId,
    lie: &Telling,
) -> JobState {
    let truth = Telling::honest(1);
    let claim = executor.claim(job, attempt, lie).await;
    cast.challenger.challenge(job, claim, &truth).await;
    loop {
        let theirs = cast.challenger.play(job, claim, Side::Challenger, &truth).await;
        let ours = executor.play(job, claim, Side::Executor, lie).await;
        if !theirs && !ours {
            break;
        }
    }
    cast.requester.until(job, |job| job.claim_by_id(claim).unwrap().outcome().is_some()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_lie_told_again_is_not_replayed_again() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let other = Person::connect(&arbiter, &params, 6).await;
    let mint = Mint { to: other.keypair.key(), amount: Amount(2_000_000), nonce: 77 };
    cast.operator.say(Message::Mint(mint)).await.unwrap();
    let (job, lie) = (cast.requester.order(1).await, Telling::lying(1, 3));
    for (attempt, executor) in (0u32..).zip([&cast.executor, &other]) {
        let ended = dispute(&cast, executor, attempt, job, &lie).await;
        let claim = ended.claim().unwrap();
        let case = Request::Case { claim: claim.id, counter_root: claim.disputes[0].counter_root };
        let Response::Case(Some(view)) = cast.requester.ask(case).await else { panic!("no case") };
        let file = cast.requester.client.get_blob(view.file, 1 << 24).await.unwrap();
        let judgement = confirmed(&file);
        assert_eq!((judgement.claim, judgement.executor), (claim.id, executor.keypair.key()));
    }
    let text = arbiter.metrics().text().unwrap();
    for line in
        ["gainsay_replays_total{result=\"judged\"} 1", "gainsay_replays_total{result=\"cached\"} 1"]
    {
        assert!(text.contains(line), "{line}");
    }
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_judged_costs_nobody_and_suspends_the_artifact() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let job = cast.requester.order(1).await;
    // The arbiter loses the job's input: its own fault.
    let input = cast.requester.job(job).await.job.inputs[0].content.to_string();
    std::fs::remove_file(folder.path().join("blobs").join(&input[..2]).join(&input)).unwrap();
    let ended = dispute(&cast, &cast.executor, 0, job, &Telling::lying(1, 3)).await;
    let claim = ended.claim().unwrap();
    assert_eq!(claim.disputes[0].outcome(), Some(Outcome::Judged(Verdict::Inconclusive)));
    assert_eq!(claim.outcome(), Some(ClaimOutcome::Cancelled));
    for person in [&cast.requester, &cast.executor, &cast.challenger] {
        assert_eq!(person.account().await.free, Amount(5_000_000));
    }
    let artifact = ended.job.artifact;
    let Response::Artifact(Some(view)) = cast.requester.ask(Request::Artifact(artifact)).await
    else {
        panic!("no artifact")
    };
    assert!(view.suspended);
    let inputs = vec![cast.requester.upload(&crate::world::input(2)).await];
    let again = Message::Job(Job { inputs, nonce: 2, ..ended.job.clone() });
    is_refused(cast.requester.say(again).await, RefusalKind::Rejected, "suspended");
    check_fold(&arbiter, &params).await;
    // It stays suspended.
    arbiter.shutdown().await;
    let arbiter = start(folder.path(), params.clone()).await;
    assert!(arbiter.store().artifact(artifact).await.unwrap().unwrap().suspended);
    arbiter.shutdown().await;
}
