//! Blobs by digest over real loopback connections.

mod common;

use std::io;

use bytes::Bytes;
use common::{Desk, Running, identity, noise};
use gainsay_commitment::{Digest, content};
use gainsay_network::{
    BlobPrefix, Blobs, Client, Limits, NetworkError, NoUpload, Rejection, Server,
};

const PLENTY: u64 = 1 << 30;

#[tokio::test]
async fn blobs_of_every_size_arrive_whole_in_both_directions() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    for length in [0, 1, (256 << 10) - 1, 256 << 10, 3 << 20] {
        let bytes = noise(length);
        let (digest, stats) = client.put_bytes(&bytes).await.unwrap();
        assert_eq!(digest, content(&bytes));
        assert!(stats.sent_bytes >= length as u64);
        assert_eq!(server.blobs.get(digest).unwrap(), bytes);
        assert_eq!(client.get_blob(digest, PLENTY).await.unwrap(), bytes);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_blob_that_is_there_is_not_sent_again() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let bytes = noise(100_000);
    server.blobs.insert(bytes.clone());
    let (_, stats) = client.put_bytes(&bytes).await.unwrap();
    assert!(stats.sent_bytes < 100, "{stats:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_upload_under_a_wrong_digest_is_refused_and_leaves_nothing() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    for length in [0, 1, 600_000] {
        let bytes = noise(length);
        let wrong = Digest([0xab; 32]);
        let error = client.put_blob(wrong, length as u64, &mut &bytes[..]).await.unwrap_err();
        let NetworkError::Rejected(Rejection::DigestMismatch { found }) = error else {
            panic!("{error}");
        };
        assert_eq!(found, content(&bytes));
    }
    assert_eq!(server.blobs.count(), 0);
    assert_eq!(server.traffic.snapshot().blobs_mismatched, 3);
    server.stop().await;
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused_before_its_bytes_are_sent() {
    let server = Running::start(Limits { blob_bytes: 1000, ..Limits::default() });
    let client = server.connect(2).await.unwrap();
    client.put_bytes(&noise(1000)).await.unwrap();
    let sent = client.traffic().snapshot().bytes_out;
    let error = client.put_bytes(&noise(1001)).await.unwrap_err();
    let NetworkError::Rejected(Rejection::BlobTooLarge { size: 1001, limit: 1000 }) = error else {
        panic!("{error}");
    };
    assert!(client.traffic().snapshot().bytes_out < sent + 100);
    assert_eq!(server.blobs.count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_download_over_the_callers_limit_is_refused_before_its_bytes_are_read() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let digest = server.blobs.insert(noise(1001));
    let error = client.get_blob(digest, 1000).await.unwrap_err();
    assert!(matches!(error, NetworkError::BlobTooLarge { size: 1001, limit: 1000 }), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_blob_is_an_error_that_says_so() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let error = client.get_blob(Digest([1; 32]), PLENTY).await.unwrap_err();
    assert!(matches!(error, NetworkError::Rejected(Rejection::UnknownBlob)), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn a_download_goes_on_where_another_stopped_and_is_checked_as_a_whole() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let bytes = noise(1_000_000);
    let digest = server.blobs.insert(bytes.clone());
    let mut have = BlobPrefix::new();
    have.update(&bytes[..700_000]);
    let mut rest = Vec::new();
    let stats = client.get_blob_into(digest, PLENTY, have, &mut rest).await.unwrap();
    assert_eq!(rest, bytes[700_000..]);
    assert!(stats.received_bytes < 300_200, "{stats:?}");

    let mut wrong = BlobPrefix::new();
    wrong.update(&noise(700_001)[1..]);
    let error = client.get_blob_into(digest, PLENTY, wrong, &mut Vec::new()).await.unwrap_err();
    assert!(matches!(error, NetworkError::BlobMismatch { .. }), "{error}");

    let mut long = BlobPrefix::new();
    long.update(&noise(1_000_001));
    let error = client.get_blob_into(digest, PLENTY, long, &mut Vec::new()).await.unwrap_err();
    let rejection = Rejection::PastEnd { offset: 1_000_001, size: 1_000_000 };
    assert!(matches!(error, NetworkError::Rejected(found) if found == rejection), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn a_file_is_fetched_whole_or_not_at_all_and_a_bad_part_is_thrown_away() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    let part = folder.path().join("target.part");
    let bytes = noise(600_000);
    std::fs::write(&source, &bytes).unwrap();
    let (digest, _) = client.put_blob_file(&source).await.unwrap();
    assert_eq!(digest, content(&bytes));

    std::fs::write(&part, &bytes[..500_000]).unwrap();
    let stats = client.get_blob_file(digest, PLENTY, &target).await.unwrap();
    assert!(stats.received_bytes < 100_200, "{stats:?}");
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
    assert!(!part.exists());

    std::fs::remove_file(&target).unwrap();
    std::fs::write(&part, [0; 100]).unwrap();
    let error = client.get_blob_file(digest, PLENTY, &target).await.unwrap_err();
    assert!(matches!(error, NetworkError::BlobMismatch { .. }), "{error}");
    assert!(!part.exists() && !target.exists());
    client.get_blob_file(digest, PLENTY, &target).await.unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
    server.stop().await;
}

#[tokio::test]
async fn a_source_that_ends_early_fails_and_leaves_nothing() {
    let server = Running::start(Limits::default());
    let client = server.connect(2).await.unwrap();
    let bytes = noise(1000);
    let error = client.put_blob(content(&bytes), 1000, &mut &bytes[..999]).await.unwrap_err();
    assert!(matches!(error, NetworkError::Local(_)), "{error}");
    assert_eq!(common::echo(&client, b"next").await.unwrap(), b"next");
    assert_eq!(server.blobs.count(), 0);
    server.stop().await;
}

/// Claims to hold every digest, and gives zeros, of one length or another.
struct Corrupt {
    short: bool,
}

impl Blobs for Corrupt {
    type Upload = NoUpload;

    async fn size(&self, _digest: Digest) -> io::Result<Option<u64>> {
        Ok(Some(600_000))
    }

    async fn read(&self, _digest: Digest, _offset: u64, length: u32) -> io::Result<Bytes> {
        Ok(vec![0; length as usize - usize::from(self.short)].into())
    }

    async fn begin(&self, _digest: Digest, _size: u64) -> io::Result<NoUpload> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[tokio::test]
async fn a_blob_that_went_bad_in_storage_is_not_sent_to_its_end() {
    for short in [false, true] {
        let blobs = Corrupt { short };
        let server =
            Server::bind(common::LOOPBACK, &identity(1), Limits::default(), Desk::default())
                .unwrap()
                .with_blobs(blobs);
        let (address, key, traffic) = (server.local_addr(), server.key(), server.traffic());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let client = Client::connect(address, &identity(2), key, &Limits::default()).await.unwrap();
        let error = client.get_blob(Digest([9; 32]), PLENTY).await.unwrap_err();
        assert!(matches!(error, NetworkError::Cut(_)), "{error}");
        // What is asked for from the middle is checked by the client alone.
        let mut have = BlobPrefix::new();
        have.update(&[0; 10]);
        let error =
            client.get_blob_into(Digest([9; 32]), PLENTY, have, &mut Vec::new()).await.unwrap_err();
        match short {
            false => assert!(matches!(error, NetworkError::BlobMismatch { .. }), "{error}"),
            true => assert!(matches!(error, NetworkError::Cut(_)), "{error}"),
        }
        assert_eq!(traffic.snapshot().blobs_mismatched, u64::from(!short));
        drop(stop);
        task.await.unwrap();
    }
}
