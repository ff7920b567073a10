//! What is refused, with what words, and that it changes nothing.

use std::sync::Arc;

use gainsay_arbiter::{Arbiter, ArbiterError};
use gainsay_canon::{DType, Operator, Tensor, TensorType, Unary};
use gainsay_model::{Artifact, ProgramBuilder};
use gainsay_network::api::{RefusalKind, Request, Response};
use gainsay_protocol::{
    AdmitArtifact, Amount, ArtifactId, Due, Job, JobId, Message, MessageId, Millis, Mint, Params,
    Side, Signed, Take, Withdraw,
};

use crate::world::{
    Cast, Person, Telling, check_fold, claim_of, config, input, is_refused, keypair, model, params,
    reference, start,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_message_gets_the_same_receipt() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let mint = Mint { to: cast.requester.keypair.key(), amount: Amount(1), nonce: 5 };
    let signed = cast.operator.sign(Message::Mint(mint));
    let first = cast.operator.submit(&signed).await.unwrap();
    // Anybody may carry it.
    let again = cast.challenger.submit(&signed).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(cast.requester.account().await.free, Amount(5_000_001));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_not_in_order_are_refused_and_change_nothing() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let totals = arbiter.store().totals().await.unwrap();
    let mint = |nonce| Message::Mint(Mint { to: keypair(4).key(), amount: Amount(9), nonce });

    let refused = cast.requester.say(mint(50)).await;
    is_refused(refused, RefusalKind::Rejected, "only the operator");
    let mut forged = cast.operator.sign(mint(51));
    forged.signer = cast.requester.keypair.key();
    is_refused(cast.operator.submit(&forged).await, RefusalKind::Envelope, "signature");
    let other = Params { name: "another".to_owned(), ..params.clone() };
    let foreign = Signed::new(&keypair(2), other.network(), mint(52));
    is_refused(cast.operator.submit(&foreign).await, RefusalKind::Envelope, "network");
    let zero = Mint { to: keypair(4).key(), amount: Amount::ZERO, nonce: 53 };
    is_refused(cast.operator.say(Message::Mint(zero)).await, RefusalKind::Funds, "nothing");
    let huge = Mint { to: keypair(4).key(), amount: Amount(i64::MAX as u64), nonce: 54 };
    is_refused(
        cast.operator.say(Message::Mint(huge)).await,
        RefusalKind::Rejected,
        "over the limit",
    );
    let withdraw = Withdraw { amount: Amount(5_000_001), nonce: 0 };
    is_refused(
        cast.requester.say(Message::Withdraw(withdraw)).await,
        RefusalKind::Funds,
        "holds only",
    );
    let nowhere = JobId(MessageId(gainsay_commitment::content(b"nowhere")));
    let take = Take { job: nowhere, attempt: 0 };
    is_refused(cast.executor.say(Message::Take(take)).await, RefusalKind::Unknown, "no job");
    assert_eq!(cast.requester.ask(Request::Job(nowhere)).await, Response::Job(None));
    let many = Request::MissingBlobs(vec![Default::default(); 20_000]);
    assert!(matches!(cast.requester.ask(many).await, Response::Refused(_)));

    assert_eq!(arbiter.store().totals().await.unwrap(), totals);
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_refused_without_artifact_blobs_or_bytes_of_the_right_type() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let artifact = ArtifactId(model().id().0);
    let deadline = cast.requester.now().await.after(Millis(60_000));
    let job = |inputs, artifact, nonce| {
        Message::Job(Job { artifact, program: 0, inputs, fee: Amount(10), deadline, nonce })
    };
    let good = cast.requester.upload(&input(1)).await;
    let unknown = ArtifactId(gainsay_commitment::content(b"unknown"));
    let refused = cast.requester.say(job(vec![good.clone()], unknown, 1)).await;
    is_refused(refused, RefusalKind::Unknown, "no artifact");
    let absent = reference(&input(99));
    let refused = cast.requester.say(job(vec![absent.clone()], artifact, 2)).await;
    is_refused(refused, RefusalKind::MissingBlobs, &absent.content.to_string());
    let refused = cast.requester.say(job(vec![], artifact, 3)).await;
    is_refused(refused, RefusalKind::Rejected, "0 Inputs given");
    let wide = cast.requester.upload(&Tensor::f32([1, 5], vec![0.0; 5]).unwrap()).await;
    let refused = cast.requester.say(job(vec![wide.clone()], artifact, 4)).await;
    is_refused(refused, RefusalKind::Rejected, "not of the program's type");
    // The right type said of the wrong bytes.
    let lying = gainsay_protocol::TensorRef { content: wide.content, ..good.clone() };
    let refused = cast.requester.say(job(vec![lying], artifact, 5)).await;
    is_refused(refused, RefusalKind::Rejected, "bytes");
    let program = Message::Job(Job {
        artifact,
        program: 7,
        inputs: vec![good],
        fee: Amount(10),
        deadline,
        nonce: 6,
    });
    is_refused(cast.requester.say(program).await, RefusalKind::Unknown, "no number 7");
    assert_eq!(arbiter.store().jobs(0, 9).await.unwrap(), []);
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_outputs_are_not_there_is_refused() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let (job, told) = (cast.requester.order(1).await, Telling::honest(1));
    cast.executor.say(Message::Take(Take { job, attempt: 0 })).await.unwrap();
    let outputs: Vec<_> = told.trace.outputs.iter().map(reference).collect();
    let claim = claim_of(job, 0, &told, outputs);
    let refused = cast.executor.say(Message::Claim(claim.clone())).await;
    is_refused(refused, RefusalKind::MissingBlobs, "send them first");
    cast.executor.upload(&told.trace.outputs[0]).await;
    // The same signed bytes are taken now.
    cast.executor.say(Message::Claim(claim)).await.unwrap();
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_with_wrong_bytes_is_refused_and_right_evidence_still_wins() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let (job, lie, truth) =
        (cast.requester.order(1).await, Telling::lying(1, 3), Telling::honest(1));
    let claim = cast.executor.claim(job, 0, &lie).await;
    cast.challenger.challenge(job, claim, &truth).await;
    let (counter_root, layer) = loop {
        if let Some((root, Due::Evidence(layer))) = cast.challenger.due(job, Side::Challenger).await
        {
            break (root, layer);
        }
        cast.challenger.play(job, claim, Side::Challenger, &truth).await;
        cast.executor.play(job, claim, Side::Executor, &lie).await;
    };
    assert_eq!(layer, 3);
    let right = cast.challenger.evidence(claim, counter_root, layer, &truth).await;
    let before = cast.requester.job(job).await;

    let mut wrong = right.clone();
    wrong.tensors[0].1 = cast.challenger.upload(&input(7)).await;
    let refused = cast.challenger.say(Message::Evidence(wrong)).await;
    is_refused(refused, RefusalKind::Rejected, "evidence is refused");
    let mut short = right.clone();
    short.tensors.clear();
    let refused = cast.challenger.say(Message::Evidence(short)).await;
    is_refused(refused, RefusalKind::Rejected, "due here");
    // Before a byte of it is loaded: naming one blob thousands of times must not make the arbiter read it as often.
    let mut many = right.clone();
    many.tensors = vec![right.tensors[0].clone(); 4_000];
    let refused = cast.challenger.say(Message::Evidence(many)).await;
    is_refused(refused, RefusalKind::Rejected, "each listed value once");
    let mut list = right.clone();
    list.list.0[0].0 += 1;
    let refused = cast.challenger.say(Message::Evidence(list)).await;
    is_refused(refused, RefusalKind::Rejected, "");
    let refused = cast.requester.say(Message::Evidence(right.clone())).await;
    is_refused(refused, RefusalKind::Rejected, "may not move");
    assert_eq!(cast.requester.job(job).await, before);

    cast.challenger.say(Message::Evidence(right)).await.unwrap();
    let ended = cast.requester.until(job, |job| job.claim().unwrap().outcome().is_some()).await;
    assert_eq!(ended.claim().unwrap().outcome(), Some(gainsay_protocol::ClaimOutcome::Rejected));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

/// One relu over `width` values.
fn artifact(name: &str, width: u64) -> Artifact {
    let mut program = ProgramBuilder::new("main");
    let x = program.input("x", TensorType::new(DType::F32, [1, width]));
    let y = program.push(Operator::Unary { function: Unary::Relu }, &[x]).unwrap();
    program.output("y", y);
    Artifact::new(name, Vec::new(), vec![program.finish()]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_version_or_artifact_is_refused_and_so_are_damaged_and_oversized_ones() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let mut config = config(folder.path(), params.clone());
    config.limits.run_bytes = 64 << 10;
    config.limits.artifact.max_manifest_bytes = 4096;
    let arbiter = Arbiter::start(config).await.unwrap();
    let cast = Cast::open(&arbiter, &params).await;

    is_refused(
        cast.push(&artifact("wide", 1 << 20)).await,
        RefusalKind::Rejected,
        "allowed are 65536",
    );

    let bare = artifact("bare", 3);
    let (manifest, _) = cast.operator.client.put_bytes(bare.manifest_bytes()).await.unwrap();
    let offer = |artifact, manifest| Message::AdmitArtifact(AdmitArtifact { artifact, manifest });
    let refused = cast.operator.say(offer(ArtifactId(bare.id().0), manifest)).await;
    is_refused(refused, RefusalKind::MissingBlobs, "send them first");
    // The tiny model is admitted already.
    let refused = cast.operator.say(offer(ArtifactId(model().id().0), manifest)).await;
    is_refused(refused, RefusalKind::Rejected, "its manifest is blob");
    let other = ArtifactId(gainsay_commitment::content(b"other"));
    let refused = cast.operator.say(offer(other, manifest)).await;
    is_refused(refused, RefusalKind::Rejected, "the manifest is that of artifact");

    let mut version = bare.manifest_bytes().to_vec();
    version[4] = 9;
    let (content, _) = cast.operator.client.put_bytes(&version).await.unwrap();
    let refused = cast.operator.say(offer(other, content)).await;
    is_refused(refused, RefusalKind::Rejected, "numerics version 9 is unknown");
    let (content, _) = cast.operator.client.put_bytes(&bare.manifest_bytes()[..20]).await.unwrap();
    is_refused(cast.operator.say(offer(other, content)).await, RefusalKind::Rejected, "manifest");
    let (content, _) = cast.operator.client.put_bytes(&vec![0; 5000]).await.unwrap();
    is_refused(
        cast.operator.say(offer(other, content)).await,
        RefusalKind::Rejected,
        "over the limit",
    );

    cast.push(&bare).await.unwrap();
    let Response::Artifacts(views) = cast.requester.ask(Request::Artifacts { after: None }).await
    else {
        panic!("no artifacts")
    };
    let names: std::collections::BTreeSet<_> =
        views.iter().map(|view| view.name.as_str()).collect();
    assert_eq!(names, ["bare", "tiny"].into());
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_over_the_quota_are_refused() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let mut config = config(folder.path(), params.clone());
    config.limits.uploads.bytes = 1000;
    let arbiter = Arbiter::start(config).await.unwrap();
    let person = Person::connect(&arbiter, &params, 9).await;
    person.client.put_bytes(&[1; 600]).await.unwrap();
    person.client.put_bytes(&[1; 600]).await.unwrap();
    let error = person.client.put_bytes(&[2; 600]).await.unwrap_err().to_string();
    assert!(error.contains("over the limit of 400"), "{error}");
    person.client.put_bytes(&[2; 400]).await.unwrap();
    // Everybody has a quota of their own, and what is refused leaves nothing behind.
    let other = Person::connect(&arbiter, &params, 10).await;
    other.client.put_bytes(&[2; 600]).await.unwrap();
    let digest = gainsay_commitment::content(&[3; 9]);
    let mut wrong: &[u8] = &[4; 9];
    assert!(other.client.put_blob(digest, 9, &mut wrong).await.is_err());
    assert_eq!(
        other.ask(Request::MissingBlobs(vec![digest])).await,
        Response::Missing(vec![digest])
    );
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_wrongly_is_refused_with_the_reason() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let refusal = async |params: Params, seed| {
        let mut config = config(folder.path(), params);
        config.keypair = Arc::new(keypair(seed));
        Arbiter::start(config).await.unwrap_err()
    };
    let arbiter = start(folder.path(), params.clone()).await;
    let error = refusal(params.clone(), 1).await;
    assert!(matches!(error, ArbiterError::InUse(_)), "{error}");
    arbiter.shutdown().await;

    let error = refusal(params.clone(), 3).await.to_string();
    assert!(error.contains("key file"), "{error}");
    let error = refusal(Params { payout_percent: 61, ..params.clone() }, 1).await;
    assert!(matches!(error, ArbiterError::Params(_)), "{error}");
    let store = |error: &ArbiterError| std::error::Error::source(error).unwrap().to_string();
    let error = refusal(Params { window: Millis(999), ..params.clone() }, 1).await;
    assert!(store(&error).contains("999"), "{error:?}");
    let error = refusal(Params { name: "other".to_owned(), ..params.clone() }, 1).await;
    assert!(store(&error).contains("belongs to network"), "{error:?}");
    start(folder.path(), params).await.shutdown().await;
}
