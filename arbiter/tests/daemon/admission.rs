//! Attacks by artifacts and inputs: what could not be judged later is refused at the door, and costs nobody anything.

use gainsay_arbiter::{Arbiter, Config};
use gainsay_canon::{DType, Operator, Tensor, TensorType, Unary};
use gainsay_model::{Artifact, ProgramBuilder};
use gainsay_network::api::{RefusalKind, Request, Response};
use gainsay_protocol::{
    AdmitArtifact, Amount, ArtifactId, Job, JobId, JobPhase, Message, Millis, Params, Take,
};

use crate::world::{Cast, Telling, check_fold, claim_of, config, is_refused, model, params, start};

/// An arbiter with another configuration.
async fn arbiter(
    folder: &tempfile::TempDir,
    params: &Params,
    change: impl Fn(&mut Config),
) -> Arbiter {
    let mut config = config(folder.path(), params.clone());
    change(&mut config);
    Arbiter::start(config).await.unwrap()
}

/// `width` values through that many operators of one kind.
fn chain(dtype: DType, width: u64, operators: usize, function: Unary) -> Artifact {
    let mut program = ProgramBuilder::new("main");
    let mut x = program.input("x", TensorType::new(dtype, [1, width]));
    for _ in 0..operators {
        x = program.push(Operator::Unary { function }, &[x]).unwrap();
    }
    program.output("y", x);
    Artifact::new("chain", Vec::new(), vec![program.finish()]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_with_withheld_weights_is_refused() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::connect(&arbiter, &params).await;
    let artifact = model();
    let (id, manifest) = (ArtifactId(artifact.id().0), artifact.manifest_content());
    let offer =
        || cast.operator.say(Message::AdmitArtifact(AdmitArtifact { artifact: id, manifest }));
    for (content, bytes) in artifact.blobs() {
        // Every blob is asked for by name until the last one has come.
        let refused = offer().await;
        let named = if content == manifest { String::new() } else { content.to_string() };
        is_refused(refused, RefusalKind::MissingBlobs, &named);
        let Response::Artifacts(views) =
            cast.operator.ask(Request::Artifacts { after: None }).await
        else {
            panic!("no artifacts")
        };
        assert_eq!(views.len(), 0, "nothing is admitted in part");
        cast.operator.client.put_bytes(&bytes).await.unwrap();
    }
    offer().await.unwrap();
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_giant_layer_is_refused() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    // Room for a run, but not for evidence of 64 KiB.
    let arbiter = arbiter(&folder, &params, |config| config.limits.evidence_bytes = 1 << 14).await;
    let cast = Cast::connect(&arbiter, &params).await;
    let giant = chain(DType::F32, 1 << 14, 2, Unary::Relu);
    is_refused(cast.push(&giant).await, RefusalKind::Rejected, "reads 65536 bytes of values");
    cast.push(&chain(DType::F32, 1 << 10, 2, Unary::Relu)).await.unwrap();
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_longer_than_the_window_is_refused() {
    // A quarter of the window is a millisecond: 400 thousand exponentials on one thread of the reference take longer.
    let folder = tempfile::tempdir().unwrap();
    let params = Params { window: Millis(4), ..params() };
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::connect(&arbiter, &params).await;
    let slow = chain(DType::F32, 100_000, 4, Unary::Exp);
    is_refused(cast.push(&slow).await, RefusalKind::Rejected, "a quarter of the window");
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poisoned_inputs_are_refused_at_the_door_or_are_inputs_like_any_other() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let deadline = cast.requester.now().await.after(Millis(600_000));
    let job = |artifact: &Artifact, input, nonce| {
        let artifact = ArtifactId(artifact.id().0);
        Message::Job(Job {
            artifact,
            program: 0,
            inputs: vec![input],
            fee: Amount(10),
            deadline,
            nonce,
        })
    };
    // A byte that is no bool.
    let bools = chain(DType::Bool, 4, 1, Unary::Not);
    cast.push(&bools).await.unwrap();
    let (content, _) = cast.requester.client.put_bytes(&[0, 1, 2, 1]).await.unwrap();
    let dtype = DType::Bool as u8;
    let poison = gainsay_protocol::TensorRef { dtype, shape: vec![1, 4], content };
    is_refused(cast.requester.say(job(&bools, poison, 1)).await, RefusalKind::Rejected, "");

    // Quiet and signalling NaN, an infinity, a subnormal number: every operator is total, so there is one true trace.
    let bits = [0x7fc0_1234, 0xff80_0001, 0x7f80_0000, 0x8000_0001];
    let told = Telling::on(Tensor::f32([1, 4], bits.map(f32::from_bits).to_vec()).unwrap());
    let input = cast.requester.upload(&told.input).await;
    let job = JobId(cast.requester.say(job(&model(), input, 2)).await.unwrap());
    cast.executor.say(Message::Take(Take { job, attempt: 0 })).await.unwrap();
    let outputs = vec![cast.executor.upload(&told.trace.outputs[0]).await];
    cast.executor.say(Message::Claim(claim_of(job, 0, &told, outputs))).await.unwrap();
    let ended = cast.requester.until(job, |job| job.is_terminal()).await;
    assert_eq!(ended.phase, JobPhase::Final);
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}
