use super::*;

#[test]
fn the_public_key_of_the_rfc_8032_test_vector() {
    let seed = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
        0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
        0x7f, 0x60,
    ];
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(Identity::from_seed(seed).public().to_string(), public);
}

#[test]
fn keys_of_small_order_are_refused() {
    // The neutral element, and a point of order 8.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(PeerKey::from_bytes(neutral).is_err());
    assert!(PeerKey::from_bytes([0; 32]).is_err());
}

#[test]
fn bytes_off_the_curve_are_refused() {
    let mut bytes = [0; 32];
    bytes[0] = 2;
    assert!(PeerKey::from_bytes(bytes).is_err());
}

#[test]
fn decoding_checks_the_key() {
    let key = Identity::from_seed([7; 32]).public();
    let bytes = borsh::to_vec(&key).unwrap();
    assert_eq!(borsh::from_slice::<PeerKey>(&bytes).unwrap(), key);
    assert!(borsh::from_slice::<PeerKey>(&[0; 32]).is_err());
}

#[test]
fn an_identity_has_the_key_of_its_key_pair() {
    let keypair = Keypair::from_seed(&[7; 32]);
    let identity = Identity::from(&keypair);
    assert_eq!(identity.public(), PeerKey::from(keypair.key()));
    assert_eq!(identity.public().key(), Identity::from_seed([7; 32]).public().into());
}

#[test]
fn the_seed_does_not_show() {
    let shown = format!("{:?}", Identity::from_seed([0xab; 32]));
    assert!(shown.ends_with(", secret)"), "{shown}");
    assert!(!shown.contains("abab") && !shown.contains("171, 171"), "{shown}");
}
