use std::collections::BTreeSet;
use std::sync::Arc;

use gainsay_commitment::{Digest, Opening, content};

use super::*;

fn keypair() -> Arc<Keypair> {
    Arc::new(Keypair::from_seed(&[3; 32]))
}

fn network() -> NetworkId {
    NetworkId(Digest([4; 32]))
}

fn job() -> JobId {
    JobId(MessageId(Digest([5; 32])))
}

/// A claim whose root is made of `root`.
fn claim(attempt: u32, root: u32) -> Claim {
    let path = Opening { index: 0, siblings: Vec::new() };
    Claim {
        job: job(),
        attempt,
        layers: 1,
        root: content(&root.to_le_bytes()),
        outputs: Vec::new(),
        first: path.clone(),
        last: path,
    }
}

async fn open(folder: &Path) -> SignOnce {
    SignOnce::open(&folder.join("once.sqlite"), keypair().key()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_racing_signers_exactly_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    for attempt in 0..20 {
        // Two connections to one file, as two processes that got past the folder's lock would have.
        let stores = [open(folder.path()).await, open(folder.path()).await];
        let mut racing = tokio::task::JoinSet::new();
        for root in 0..10u32 {
            let store = stores[root as usize % 2].clone();
            racing.spawn(
                async move { store.sign(&keypair(), network(), claim(attempt, root)).await },
            );
        }
        let mut signed = BTreeSet::new();
        while let Some(done) = racing.join_next().await {
            signed.insert(done.unwrap().unwrap().to_bytes().unwrap());
        }
        assert_eq!(signed.len(), 1, "attempt {attempt}: all ten were given the same bytes");
        let stored = stores[0].signed(network(), job(), attempt).await.unwrap().unwrap();
        assert_eq!(signed.first().unwrap(), &stored.to_bytes().unwrap());
    }
}

#[tokio::test]
async fn what_was_signed_outlives_the_process_and_nothing_else_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.signed(network(), job(), 0).await.unwrap(), None);
    let first = store.sign(&keypair(), network(), claim(0, 1)).await.unwrap();
    store.close().await;
    let store = open(folder.path()).await;
    assert_eq!(store.sign(&keypair(), network(), claim(0, 2)).await.unwrap(), first);
    assert_eq!(store.signed(network(), job(), 0).await.unwrap(), Some(first.clone()));
    // Another attempt and another network are other acts.
    let other = store.sign(&keypair(), network(), claim(1, 2)).await.unwrap();
    let elsewhere = NetworkId(Digest([6; 32]));
    let abroad = store.sign(&keypair(), elsewhere, claim(0, 2)).await.unwrap();
    assert!(other != first && abroad != first);
}

#[tokio::test]
async fn a_database_belongs_to_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let stranger = Keypair::from_seed(&[9; 32]);
    let signed = store.sign(&stranger, network(), claim(0, 1)).await;
    assert!(matches!(signed, Err(SignOnceError::OtherOwner(_))));
    store.close().await;
    let opened = SignOnce::open(&folder.path().join("once.sqlite"), stranger.key()).await;
    assert!(matches!(opened, Err(SignOnceError::OtherOwner(_))));
}

#[tokio::test]
async fn damaged_bytes_are_never_sent() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.sign(&keypair(), network(), claim(0, 1)).await.unwrap();
    sqlx::query("UPDATE signed_claim SET message = substr(message, 1, length(message) - 1)")
        .execute(&store.pool)
        .await
        .unwrap();
    for result in [
        store.signed(network(), job(), 0).await.map(drop),
        store.sign(&keypair(), network(), claim(0, 2)).await.map(drop),
    ] {
        assert!(matches!(result, Err(SignOnceError::Damaged { attempt: 0, .. })), "{result:?}");
    }
}

#[tokio::test]
async fn every_commit_is_synced_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let synchronous: i64 =
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.pool).await.unwrap();
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.pool).await.unwrap();
    assert_eq!((synchronous, mode.as_str()), (2, "wal"));
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(parse_version("3.51.3") >= Some(LEAST_VERSION));
    assert!(parse_version("3.100.0") > Some(LEAST_VERSION));
    assert!(parse_version("3.9.9") < Some(LEAST_VERSION));
    assert_eq!(parse_version("three"), None);
}
