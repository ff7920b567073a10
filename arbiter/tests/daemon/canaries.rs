//! A canary over the line: committed to, told, caught by two, opened and paid; and what is refused.

use gainsay_network::api::RefusalKind;
use gainsay_protocol::{
    Amount, CanaryCommit, CanaryOutcome, CanaryReveal, ClaimPhase, Job, JobId, JobPhase, Message,
    Millis, Mint, Side,
};

use crate::world::{
    Cast, Person, Telling, check_fold, input, is_refused, model, params, phase, start,
};

/// The requester's job, signed and not sent.
async fn signed_job(cast: &Cast, seed: u64) -> gainsay_protocol::Signed {
    let inputs = vec![cast.requester.upload(&input(seed)).await];
    let job = Job {
        artifact: gainsay_protocol::ArtifactId(model().id().0),
        program: 0,
        inputs,
        fee: Amount(10_000),
        deadline: cast.requester.now().await.after(Millis(600_000)),
        nonce: seed,
    };
    cast.requester.sign(Message::Job(job))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_is_caught_opened_and_paid_across_a_restart() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let second = Person::connect(&arbiter, &params, 6).await;
    for (nonce, key) in [(70, second.keypair.key()), (71, cast.operator.keypair.key())] {
        let mint = Mint { to: key, amount: Amount(5_000_000), nonce };
        cast.operator.say(Message::Mint(mint)).await.unwrap();
    }
    let job = signed_job(&cast, 1).await;
    let id = JobId(job.id());
    let reveal = CanaryReveal { job: id, executor: cast.executor.keypair.key(), salt: [3; 32] };
    let hidden = reveal.commitment(params.network());
    let most = params.most_bonus();
    let commit = |bonus| Message::CanaryCommit(CanaryCommit { commitments: vec![hidden], bonus });
    let (kind, more) = (RefusalKind::Rejected, Amount(most.0 + 1));
    is_refused(cast.operator.say(commit(more)).await, kind, "below what a slash burns");
    is_refused(cast.executor.say(commit(most)).await, kind, "only the network's operator");
    cast.operator.say(commit(most)).await.unwrap();
    is_refused(cast.operator.say(commit(Amount(5))).await, kind, "committed to before");
    assert_eq!(cast.operator.account().await.escrow, most);
    cast.requester.submit(&job).await.unwrap();

    let (lie, truth) = (Telling::lying(1, 3), Telling::honest(1));
    let claim = cast.executor.claim(id, 0, &lie).await;
    let opened = Message::CanaryReveal(reveal);
    is_refused(cast.operator.say(opened.clone()).await, kind, "has not ended");
    second.commit(claim, &truth).await;
    cast.challenger.commit(claim, &truth).await;
    cast.requester.until(id, |job| phase(job) == Some(&ClaimPhase::Revealing)).await;
    second.reveal(claim, &truth).await;
    cast.challenger.reveal(claim, &truth).await;
    cast.requester.until(id, |job| phase(job) == Some(&ClaimPhase::Disputed)).await;
    cast.play_out(id, claim, &lie, &truth).await;
    assert!(!second.play(id, claim, Side::Challenger, &truth).await, "done by another");
    cast.requester.until(id, |job| job.phase == JobPhase::Open).await;

    let before = (cast.challenger.account().await.free.0, second.account().await.free.0);
    is_refused(cast.executor.say(opened.clone()).await, kind, "only the network's operator");
    let receipt = cast.operator.submit(&cast.operator.sign(opened.clone())).await.unwrap();
    let share = most.0 / 2;
    assert_eq!(cast.challenger.account().await.free.0, before.0 + share);
    assert_eq!(second.account().await.free.0, before.1 + share);
    assert_eq!(cast.operator.account().await.escrow, Amount::ZERO);
    let text = arbiter.metrics().text().unwrap();
    for line in [
        "gainsay_canary_challengers_sum 2",
        "gainsay_canary_challengers_count 1",
        "gainsay_canary_detection_seconds_count 1",
        "gainsay_transfers_total{kind=\"canary_bonus\"} 2",
    ] {
        assert!(text.contains(line), "{line}");
    }
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;

    // After a restart the same message gets the same receipt, and pays nothing again.
    let arbiter = start(folder.path(), params.clone()).await;
    let operator = Person::connect(&arbiter, &params, 2).await;
    let again = operator.submit(&operator.sign(opened)).await.unwrap();
    assert_eq!((again.index, again.time), (receipt.index, receipt.time));
    let stored = arbiter.store().canaries(None, 10).await.unwrap();
    assert_eq!(stored[0].canary.outcome, Some(CanaryOutcome::Caught));
    let counted = async {
        let line = "gainsay_canaries{state=\"caught\"} 1";
        while !arbiter.metrics().text().unwrap().contains(line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, counted).await.unwrap();
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}
