use borsh::BorshSerialize;

use super::*;
use crate::frame::What;

fn length<T: BorshSerialize>(value: &T) -> u32 {
    borsh::to_vec(value).unwrap().len() as u32
}

#[test]
fn every_opening_and_reply_fits_its_frame() {
    let digest = Digest([1; 32]);
    for opening in [
        Opening::Hello,
        Opening::Call,
        Opening::GetBlob { digest, offset: 1 },
        Opening::PutBlob { digest, size: 1 },
        Opening::Subscribe { after: 1 },
    ] {
        assert!(length(&opening) <= OPENING_BYTES);
    }
    let error = FrameError::TooLong { length: 1, limit: 1 };
    for rejection in [
        Rejection::Frame(error),
        Rejection::Unsendable(FrameError::Payload { expected: What::Opening }),
        Rejection::DigestMismatch { found: digest },
        Rejection::PastEnd { offset: 1, size: 1 },
    ] {
        assert!(length(&Reply::<()>::Rejected(rejection)) <= CONTROL_BYTES);
    }
    let item = FeedItem { sequence: 1, topic: [0; 32], kind: 0 };
    assert!(length(&FeedMessage::Item(item)) <= CONTROL_BYTES);
}

#[test]
fn a_rejection_reads_the_same_whatever_was_asked() {
    let unit = borsh::to_vec(&Reply::<()>::Rejected(Rejection::Busy)).unwrap();
    let other: Reply<Vec<u64>> = borsh::from_slice(&unit).unwrap();
    assert_eq!(other, Reply::Rejected(Rejection::Busy));
}

#[test]
fn the_encodings_of_openings_are_pinned() {
    let digest = Digest([0xd1; 32]);
    let bytes = |opening| borsh::to_vec::<Opening>(&opening).unwrap();
    assert_eq!(bytes(Opening::Hello), [0]);
    assert_eq!(bytes(Opening::Call), [1]);
    assert_eq!(bytes(Opening::GetBlob { digest, offset: 5 })[..2], [2, 0xd1]);
    assert_eq!(bytes(Opening::PutBlob { digest, size: 5 })[32..], [0xd1, 5, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes(Opening::Subscribe { after: 258 }), [4, 2, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn every_refusal_survives_its_close_code() {
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::from_code(refusal.code()), Some(refusal));
    }
    assert_eq!(Refusal::from_code(CLOSE_FINISHED), None);
}
