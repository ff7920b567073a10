//! The client, the library and the tensors over real loopback connections.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use gainsay_network::{Backoff, Limits};
use gainsay_player::api::RefusalKind;
use gainsay_player::{
    ArbiterClient, ClientError, Library, LibraryError, RunSource, TraceSource, tensors,
};
use gainsay_protocol::{Amount, ArtifactId, JobId, Message, Take};
use support::{FakeArbiter, inputs, kernels, keypair, tiny_model};

#[tokio::test]
async fn an_arbiter_under_another_key_is_refused_for_good() {
    let arbiter = FakeArbiter::start();
    let other = keypair(1).key();
    let result = ArbiterClient::connect(arbiter.address(), other, keypair(2)).await;
    let error = result.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)) && !error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn parameters_that_name_another_arbiter_or_break_a_bound_are_refused() {
    let arbiter = FakeArbiter::start();
    let connect = || ArbiterClient::connect(arbiter.address(), arbiter.key(), keypair(2));
    arbiter.change(|world| world.params.payout_percent = 61);
    assert!(matches!(connect().await, Err(ClientError::Params(_))));
    arbiter.change(|world| world.params.arbiter = keypair(3).key());
    assert!(matches!(connect().await, Err(ClientError::Arbiter { .. })));
}

#[tokio::test]
async fn an_arbiter_that_is_away_is_a_reason_to_try_again() {
    let arbiter = FakeArbiter::start();
    let client = arbiter.client(keypair(2)).await;
    let (address, key) = (arbiter.address(), arbiter.key());
    drop(arbiter);
    let limits = Limits { handshake: std::time::Duration::from_millis(200), ..Limits::default() };
    let backoff = Backoff { attempts: 1, ..Backoff::default() };
    let again = ArbiterClient::connect_with(address, key, keypair(2), limits, backoff).await;
    assert!(again.unwrap_err().is_transient());
    drop(client);
}

#[tokio::test]
async fn refusals_are_told_from_failures_and_receipts_are_verified() {
    let arbiter = FakeArbiter::start();
    let client = arbiter.client(keypair(2)).await;
    let id = arbiter.change(|world| {
        let artifact = world.admit(tiny_model(3));
        world.request(artifact, &inputs(1))
    });
    let take = || Message::Take(Take { job: id, attempt: 0 });
    let error = client.submit(take()).await.unwrap_err();
    assert!(error.is_refusal(RefusalKind::Funds) && !error.is_transient(), "{error:?}");
    arbiter.change(|world| world.fund(client.key(), Amount(1_000_000_000)));
    let receipt = client.submit(take()).await.unwrap();
    // `once_only`: the same bytes again get the same receipt.
    assert_eq!(client.submit(take()).await.unwrap(), receipt);
    let again = client.submit(Message::Take(Take { job: id, attempt: 1 })).await.unwrap_err();
    assert!(again.is_refusal(RefusalKind::Rejected) && again.refusal().is_some());
    // The arbiter now signs under another name than the client computed from the parameters.
    arbiter.change(|world| world.params.name = "elsewhere".into());
    let foreign = client.submit(take()).await.unwrap_err();
    assert!(foreign.is_refusal(RefusalKind::Envelope), "{foreign:?}");
}

#[tokio::test]
async fn every_page_of_live_jobs_is_fetched() {
    let arbiter = FakeArbiter::start();
    let client = arbiter.client(keypair(2)).await;
    let mut ids: Vec<JobId> = arbiter.change(|world| {
        let artifact = world.admit(tiny_model(1));
        (0..600).map(|_| world.request(artifact, &inputs(1))).collect()
    });
    ids.sort();
    let found: Vec<JobId> = client.live_jobs().await.unwrap().iter().map(|job| job.id).collect();
    assert_eq!(found, ids);
    assert_eq!(client.jobs(590).await.unwrap().len(), 10);
}

#[tokio::test]
async fn the_library_fetches_what_the_id_names_once_and_keeps_it() {
    let arbiter = FakeArbiter::start();
    let client = arbiter.client(keypair(2)).await;
    let model = tiny_model(4);
    let (artifact, id) = arbiter.change(|world| {
        let artifact = world.admit(model.clone());
        (artifact, world.request(artifact, &inputs(3)))
    });
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(kernels(), Some(folder.path().into()));
    let runner = library.runner(&client, artifact, 0).await.unwrap();
    assert_eq!(runner.artifact().id(), model.id());
    let job = client.job(id).await.unwrap().unwrap();
    let given = tensors::fetch_inputs(&client, &job.job, runner.program()).await.unwrap();
    let source = RunSource::run(runner, given.into()).unwrap();
    assert_eq!(source.root(), arbiter.world().truth(id).root().unwrap());
    // From the folder, with nobody to ask.
    arbiter.change(|world| world.artifacts.clear());
    let again = Library::new(kernels(), Some(folder.path().into()));
    assert_eq!(again.artifact(&client, artifact).await.unwrap().id(), model.id());
    let unknown = library.artifact(&client, ArtifactId(gainsay_commitment::Digest([1; 32]))).await;
    assert!(matches!(unknown, Err(LibraryError::Unknown(_))));
}

#[tokio::test]
async fn an_artifact_under_another_ones_id_is_refused() {
    let arbiter = FakeArbiter::start();
    let client = arbiter.client(keypair(2)).await;
    let wanted = ArtifactId(tiny_model(2).id().0);
    arbiter.change(|world| {
        world.admit(tiny_model(3));
        world.artifacts.insert(wanted, tiny_model(3));
    });
    let library = Library::new(kernels(), None);
    let result = library.artifact(&client, wanted).await;
    assert!(matches!(result, Err(LibraryError::OtherArtifact { .. })), "{result:?}");
}

#[tokio::test]
async fn blobs_are_put_once_and_inputs_of_another_type_are_refused_before_fetching() {
    let arbiter = FakeArbiter::start();
    let client = arbiter.client(keypair(2)).await;
    let blobs = [vec![1u8; 10], vec![2; 300_000], vec![1; 10]];
    client.put_blobs(&blobs).await.unwrap();
    assert_eq!(client.get_blob(gainsay_commitment::content(&blobs[1])).await.unwrap(), blobs[1]);
    let (artifact, id) = arbiter.change(|world| {
        let artifact = world.admit(tiny_model(2));
        (artifact, world.request(artifact, &inputs(1)))
    });
    let runner = Library::new(kernels(), None).runner(&client, artifact, 0).await.unwrap();
    let mut job = client.job(id).await.unwrap().unwrap().job;
    job.inputs[0].shape = vec![6, 1];
    let refused = tensors::fetch_inputs(&client, &job, runner.program()).await;
    assert!(matches!(refused, Err(gainsay_player::TensorError::Port { position: 0, .. })));
}
