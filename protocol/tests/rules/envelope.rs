//! Envelopes: what is signed is what counts, in one encoding, on one network; and no bytes can hurt.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use gainsay_commitment::{Digest, content};
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{Game, keypair};
use crate::players::{Player, challenge, claim};
use crate::toy::lie;
use crate::wire::examples;

fn network() -> NetworkId {
    crate::game::params(2).network()
}

fn signed() -> Vec<Signed> {
    examples().into_iter().map(|m| Signed::new(keypair(1), network(), m)).collect()
}

#[test]
fn a_signed_message_verifies_and_keeps_its_bytes() {
    for signed in signed() {
        let bytes = signed.to_bytes().unwrap();
        let decoded = Signed::from_bytes(&bytes).unwrap();
        assert_eq!(decoded, signed);
        let verified = decoded.verify(network()).unwrap();
        assert_eq!(verified.size_bytes(), bytes.len() as u64);
        assert_eq!(verified.id(), signed.id());
        assert_eq!(verified.signer(), keypair(1).key());
        assert_eq!(verified.signed().to_bytes().unwrap(), bytes);
    }
}

#[test]
fn replay_of_signed_messages_of_another_network_is_refused() {
    let mut params = crate::game::params(2);
    params.name.push('2');
    for signed in signed() {
        let refused = signed.verify(params.network()).unwrap_err();
        assert!(matches!(refused, EnvelopeError::Network { .. }), "{refused}");
    }
}

#[test]
fn a_network_is_its_name_arbiter_and_operator() {
    let [a, b] = [1, 2].map(|number| keypair(number).key());
    let ids = [("x", a, b), ("x", b, a), ("x", a, a), ("y", a, b), ("", a, b)];
    let ids: BTreeSet<_> =
        ids.map(|(name, arbiter, operator)| NetworkId::new(name, arbiter, operator).0).into();
    assert_eq!(ids.len(), 5);
}

#[test]
fn anothers_signature_is_refused() {
    for signed in signed() {
        let stolen = Signed { signer: keypair(2).key(), ..signed.clone() };
        assert!(matches!(stolen.verify(network()), Err(EnvelopeError::Signature { .. })));
        let forged = Signed { signature: keypair(2).sign(&signed.id().0), ..signed };
        assert!(matches!(forged.verify(network()), Err(EnvelopeError::Signature { .. })));
    }
}

#[test]
fn a_signature_does_not_serve_another_message() {
    let all = signed();
    for (one, other) in all.iter().zip(all.iter().skip(1)) {
        let swapped = Signed { message: other.message.clone(), ..one.clone() };
        assert!(swapped.verify(network()).is_err());
    }
}

#[test]
fn every_flipped_byte_of_every_message_is_refused() {
    for signed in signed() {
        let bytes = signed.to_bytes().unwrap();
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                let accepted =
                    Signed::from_bytes(&bad).is_ok_and(|bad| bad.verify(network()).is_ok());
                assert!(!accepted, "byte {at} of a {} message", signed.message.kind());
            }
        }
    }
}

#[test]
fn every_truncation_and_every_trailing_byte_is_refused() {
    for signed in signed() {
        let bytes = signed.to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(Signed::from_bytes(&bytes[..length]).is_err());
        }
        let trailing = [&bytes[..], &[0]].concat();
        assert!(matches!(Signed::from_bytes(&trailing), Err(EnvelopeError::Encoding(_))));
    }
}

#[test]
fn a_malleable_signature_is_refused() {
    // s + L is another encoding of the same scalar; strict verification refuses it.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    for mut signed in signed() {
        let mut carry = 0u16;
        for (byte, order) in signed.signature.0[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert!(signed.verify(network()).is_err());
    }
}

#[test]
fn weak_and_impossible_keys_do_not_decode() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut two = [0; 32];
    two[0] = 2;
    for (bytes, why) in [([0; 32], "small order"), (one, "small order"), (two, "not a point")] {
        let refused = Key::from_bytes(bytes).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        assert!(borsh::from_slice::<Key>(&bytes).is_err());
        assert!(Digest(bytes).to_string().parse::<Key>().is_err());
    }
    let good = keypair(1).key();
    assert_eq!(good.to_string().parse(), Ok(good));
    assert_eq!(borsh::from_slice::<Key>(good.as_bytes()).unwrap(), good);
    assert!("no key".parse::<Key>().is_err());
    assert!("x".repeat(100_000).parse::<Key>().unwrap_err().to_string().len() < 300);
}

#[test]
fn secrets_are_not_printed() {
    let pair = Keypair::from_seed(&[0xab; 32]);
    assert!(!format!("{pair:?}").contains("abab"));
    assert!(format!("{pair:?}").contains("redacted"));
    assert_eq!(*pair.seed(), [0xab; 32]);
    let signature = pair.sign(&content(b"x"));
    assert_eq!(format!("{signature:?}"), "Signature(..)");
}

#[test]
fn a_message_is_not_ready_before_its_blobs_are_held() {
    for signed in signed() {
        let needed = signed.message.required_blobs();
        let verified = signed.verify(network()).unwrap();
        let all: BTreeSet<Digest> = needed.iter().copied().collect();
        assert!(verified.clone().ready(&all).is_ok());
        for missing in &all {
            let held = all.iter().copied().filter(|blob| blob != missing).collect();
            let refused = verified.clone().ready(&held).unwrap_err();
            assert!(refused.0.iter().all(|blob| blob == missing));
            assert!(refused.to_string().contains(&missing.to_string()));
        }
    }
}

#[test]
fn envelopes_within_envelopes_do_not_exhaust_the_stack() {
    // An equivocation holds two signed claims. Were it to hold any message, one could be nested in another
    // 65 bytes deeper each time, and decoding would recurse as deep as the frame is long.
    let head = [&network().0.0[..], keypair(1).key().as_bytes(), &[14]].concat();
    let bytes = head.repeat(100_000);
    let decode = move || Signed::from_bytes(&bytes).is_err();
    let small = std::thread::Builder::new().stack_size(256 * 1024).spawn(decode);
    assert!(small.unwrap().join().unwrap());
}

#[test]
fn an_equivocation_holds_claims_and_nothing_else() {
    let claim = |number: u8| {
        let claim = examples().into_iter().find(|m| matches!(m, Message::Claim(_))).unwrap();
        Box::new(Signed::new(keypair(number), network(), claim))
    };
    let proof = |one, other| {
        let message = Message::Equivocation(Equivocation { one, other });
        Signed::new(keypair(3), network(), message).to_bytes().unwrap()
    };
    assert!(Signed::from_bytes(&proof(claim(1), claim(2))).is_ok());
    for message in examples().into_iter().filter(|m| !matches!(m, Message::Claim(_))) {
        let other = Box::new(Signed::new(keypair(1), network(), message));
        assert!(Signed::from_bytes(&proof(claim(1), other.clone())).is_err());
        assert!(Signed::from_bytes(&proof(other, claim(1))).is_err());
    }
}

#[test]
fn receipts_are_for_one_message_place_time_arbiter_and_network() {
    let arbiter = keypair(101);
    let [one, other] = [b"one", b"two"].map(|text| MessageId(content(text)));
    let receipt = Receipt::new(arbiter, network(), one, 7, Time(9));
    assert_eq!(receipt.verify(network(), arbiter.key()), Ok(()));
    for bad in [
        Receipt { message: other, ..receipt.clone() },
        Receipt { index: 8, ..receipt.clone() },
        Receipt { time: Time(10), ..receipt.clone() },
    ] {
        assert!(bad.verify(network(), arbiter.key()).is_err());
    }
    assert!(receipt.verify(network(), keypair(1).key()).is_err());
    assert!(receipt.verify(NetworkId(content(b"other")), arbiter.key()).is_err());
}

/// What decodes has one encoding: the bytes it came from.
fn decodes_canonically(bytes: &[u8]) {
    if let Ok(signed) = Signed::from_bytes(bytes) {
        assert_eq!(signed.to_bytes().unwrap(), bytes);
    }
    if let Ok(message) = borsh::from_slice::<Message>(bytes) {
        assert_eq!(borsh::to_vec(&message).unwrap(), bytes);
    }
    if let Ok(entry) = borsh::from_slice::<LogEntry>(bytes) {
        assert_eq!(borsh::to_vec(&entry).unwrap(), bytes);
    }
    if let Ok(state) = borsh::from_slice::<JobState>(bytes) {
        assert_eq!(borsh::to_vec(&state).unwrap(), bytes);
    }
}

/// The stored bytes of a job with maps, sets and lists of every kind in it.
fn disputed_state() -> &'static Vec<u8> {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut game = Game::new(crate::game::params(2), 8);
        Player::new(5, game.truth.clone()).take(&mut game).unwrap();
        game.pass_deadline();
        let mut liar = Player::new(0, lie(8, 1 << 4, 1));
        let mut honest = Player::new(1, game.truth.clone());
        let other = Player::new(2, lie(8, 1 << 6, 2));
        claim(&mut game, &liar);
        challenge(&mut game, &[&honest, &other]);
        while game.claim().dispute(&honest.trace.root()).unwrap().layer().is_none() {
            assert!(liar.react(&mut game) | honest.react(&mut game));
        }
        borsh::to_vec(&game.job).unwrap()
    })
}

proptest! {
    #![proptest_config(crate::game::cases(2000))]

    #[test]
    fn arbitrary_bytes_decode_canonically_or_not_at_all(bytes: Vec<u8>, tag in 0u8..20) {
        decodes_canonically(&bytes);
        decodes_canonically(&[&[tag], &bytes[..]].concat());
        let head = [&network().0.0[..], keypair(1).key().as_bytes(), &[tag], &bytes].concat();
        decodes_canonically(&head);
    }

    #[test]
    fn spoiled_messages_decode_canonically_or_not_at_all(
        which: proptest::sample::Index,
        at: proptest::sample::Index,
        splice in proptest::collection::vec(any::<u8>(), 0..9),
        cut in 0usize..9,
    ) {
        let all = signed();
        let mut bytes = all[which.index(all.len())].to_bytes().unwrap();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + cut);
        bytes.splice(at..end, splice);
        decodes_canonically(&bytes);
        if let Ok(spoiled) = Signed::from_bytes(&bytes)
            && !all.contains(&spoiled)
        {
            prop_assert!(spoiled.verify(network()).is_err());
        }
    }

    #[test]
    fn a_spoiled_state_decodes_canonically_or_not_at_all(
        at: proptest::sample::Index,
        splice in proptest::collection::vec(any::<u8>(), 0..5),
        cut in 0usize..5,
    ) {
        let mut bytes = disputed_state().clone();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + cut);
        bytes.splice(at..end, splice);
        decodes_canonically(&bytes);
    }

    #[test]
    fn a_huge_announced_length_is_refused_at_once(tag in 1u8..=15, length in 1u32 << 20..) {
        let filler: Vec<u8> = length.to_le_bytes().repeat(64);
        let head = [&network().0.0[..], keypair(1).key().as_bytes(), &[tag], &filler].concat();
        prop_assert!(Signed::from_bytes(&head).is_err());
    }
}
