//! The book tells after a crash what it told before, and nothing that was not written whole.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use gainsay_commitment::content;
use gainsay_protocol::{
    Amount, ArtifactId, Job, Keypair, Message, NetworkId, Signed, Time, canary_commitment,
};

use super::*;

fn plan(number: u8) -> CanaryPlan {
    let (requester, executor) = (Keypair::from_seed(&[1; 32]), Keypair::from_seed(&[2; 32]));
    let network = NetworkId::new("book", requester.key(), executor.key());
    let job = Job {
        artifact: ArtifactId(content(b"artifact")),
        program: 0,
        inputs: Vec::new(),
        fee: Amount(5),
        deadline: Time(60_000),
        nonce: number.into(),
    };
    let signed = Signed::new(&requester, network, Message::Job(job));
    let id = JobId(signed.id());
    CanaryPlan {
        commitment: canary_commitment(network, id, executor.key(), &[number; 32]),
        job: id.0.0,
        executor: executor.key(),
        salt: Digest([number; 32]),
        seed: 7,
        plant_at_ms: 10,
        message: CanaryPlan::digits(&signed).unwrap(),
        inputs: vec![DigestText(content(b"an input"))],
    }
}

#[test]
fn a_book_opened_again_tells_how_far_each_canary_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canaries");
    let plans = [1, 2, 3].map(plan);
    let names: Vec<DigestText> = plans.iter().map(|plan| DigestText(plan.commitment)).collect();
    {
        let mut book = CanaryBook::open(&path).unwrap();
        assert!(matches!(CanaryBook::open(&path), Err(BookError::Folder(FolderError::InUse(_)))));
        for plan in &plans {
            book.write(CanaryEntry::Prepared(plan.clone())).unwrap();
        }
        let commitments = names[..2].to_vec();
        book.write(CanaryEntry::Offered { commitments, bonus_micro: 40 }).unwrap();
        book.keep_input(content(b"an input"), b"an input").unwrap();
    }
    // The process ended before it knew whether the offer arrived.
    let mut book = CanaryBook::open(&path).unwrap();
    let offered = [plans[0].commitment, plans[1].commitment];
    assert_eq!(book.offers().len(), 1);
    assert_eq!(book.offers()[0].commitments, offered);
    assert_eq!(book.offers()[0].bonus, Amount(40));
    assert_eq!(book.input(content(b"an input")).unwrap(), b"an input");
    let commitments = names[2..].to_vec();
    book.write(CanaryEntry::Offered { commitments: commitments.clone(), bonus_micro: 1 << 60 })
        .unwrap();
    assert_eq!(book.offers().len(), 2);
    book.write(CanaryEntry::Refused { commitments }).unwrap();
    assert_eq!(book.offers().len(), 1, "what was refused is not offered again as it was");
    let commitments = names[..2].to_vec();
    book.write(CanaryEntry::Committed { commitments, log_index: 9 }).unwrap();
    book.write(CanaryEntry::Planted { commitment: names[0], log_index: 11 }).unwrap();
    book.write(CanaryEntry::Opened { commitment: names[0], log_index: 30 }).unwrap();
    assert!(book.offers().is_empty());
    let told: Vec<_> = book
        .canaries()
        .map(|canary| (canary.bonus, canary.committed, canary.planted, canary.opened))
        .collect();
    let bonus = Some(Amount(40));
    let expected = [
        (bonus, Some(9), Some(11), Some(30)),
        (bonus, Some(9), None, None),
        (None, None, None, None),
    ];
    assert_eq!(told, expected);
    let mut read = CanaryBook::read(&path).unwrap();
    let mut kept: Vec<_> = book.canaries().cloned().collect();
    read.sort_by_key(|canary| canary.plan.commitment);
    kept.sort_by_key(|canary| canary.plan.commitment);
    assert_eq!(read, kept, "the executor reads it while the operator writes");
}

#[test]
fn a_planned_job_comes_out_of_the_book_as_it_was_signed() {
    let plan = plan(4);
    let line = serde_json::to_string(&CanaryEntry::Prepared(plan.clone())).unwrap();
    let CanaryEntry::Prepared(again) = serde_json::from_str(&line).unwrap() else { unreachable!() };
    let signed = again.signed().unwrap();
    assert_eq!((JobId(signed.id()), again.reveal().salt), (plan.job_id(), [4; 32]));
    assert_eq!(again.reveal().commitment(signed.network), plan.commitment);
    for message in ["", "0", "zz", "é0", "00"] {
        let damaged = CanaryPlan { message: message.to_owned(), ..plan.clone() };
        assert!(damaged.signed().is_err(), "{message:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_books_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canaries");
    drop(CanaryBook::open(&path).unwrap());
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
