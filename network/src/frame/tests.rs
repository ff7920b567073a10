use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIMIT: u32 = 4096;

#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
enum Sample {
    Nothing,
    Number(u64),
    List(Vec<u16>),
    Pair { name: String, inner: Option<Box<Sample>> },
}

fn sample() -> impl Strategy<Value = Sample> {
    let leaf = prop_oneof![
        Just(Sample::Nothing),
        any::<u64>().prop_map(Sample::Number),
        vec(any::<u16>(), 0..50).prop_map(Sample::List),
    ];
    leaf.prop_recursive(3, 8, 1, |inner| {
        ("[a-z]{0,9}", proptest::option::of(inner))
            .prop_map(|(name, inner)| Sample::Pair { name, inner: inner.map(Box::new) })
    })
}

fn frame_of<T: BorshSerialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, LIMIT, &mut out).unwrap();
    out
}

/// Feeds `bytes` in pieces and gives every value, and how it ended.
fn read_all(bytes: &[u8], piece: usize) -> (Vec<Sample>, Result<(), FrameError>) {
    let mut buffer = FrameBuffer::new(LIMIT);
    let mut values = Vec::new();
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            match buffer.push(piece) {
                Ok(taken) => piece = &piece[taken..],
                Err(error) => return (values, Err(error)),
            }
            match buffer.take().and_then(|payload| {
                payload.map(|payload| decode(&payload, What::Request)).transpose()
            }) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => {}
                Err(error) => return (values, Err(error)),
            }
        }
    }
    (values, buffer.end())
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_values_or_a_typed_error(
        bytes in vec(any::<u8>(), 0..400),
        piece in 1usize..40,
    ) {
        let _ = read_all(&bytes, piece);
    }

    #[test]
    fn any_payload_under_a_right_header_gives_a_value_or_a_typed_error(
        payload in vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = Header { length: payload.len() as u32, checksum: checksum(&payload) }
            .to_bytes()
            .to_vec();
        bytes.extend_from_slice(&payload);
        let (values, end) = read_all(&bytes, 1000);
        match values.as_slice() {
            // What decodes has exactly the encoding that was decoded.
            [value] => prop_assert_eq!(frame_of(value), bytes),
            _ => prop_assert_eq!(end, Err(FrameError::Payload { expected: What::Request })),
        }
    }

    #[test]
    fn frames_come_back_in_order_however_the_bytes_are_cut(
        values in vec(sample(), 0..6),
        piece in 1usize..50,
    ) {
        let mut bytes = Vec::new();
        for value in &values {
            encode(value, LIMIT, &mut bytes).unwrap();
        }
        let (read, end) = read_all(&bytes, piece);
        prop_assert_eq!(read, values);
        prop_assert_eq!(end, Ok(()));
    }

    #[test]
    fn a_flipped_bit_is_an_error(value in sample(), position in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = frame_of(&value);
        let index = position.index(bytes.len());
        bytes[index] ^= 1 << bit;
        let (values, end) = read_all(&bytes, 1000);
        prop_assert!(values.is_empty(), "accepted {values:?}");
        prop_assert!(end.is_err());
    }

    #[test]
    fn a_truncated_frame_says_how_much_is_missing(value in sample(), position in any::<prop::sample::Index>()) {
        let bytes = frame_of(&value);
        let cut = position.index(bytes.len());
        let (values, end) = read_all(&bytes[..cut], 1000);
        prop_assert!(values.is_empty());
        let whole = if cut < HEADER_BYTES { HEADER_BYTES } else { bytes.len() };
        let expected = match cut {
            0 => Ok(()),
            _ => Err(FrameError::Truncated { missing: (whole - cut) as u32 }),
        };
        prop_assert_eq!(end, expected);
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_reserved() {
    for length in [LIMIT + 1, 1 << 20, u32::MAX] {
        let header = Header { length, checksum: [0; 4] }.to_bytes();
        let mut buffer = FrameBuffer::new(LIMIT);
        assert_eq!(buffer.push(&header), Err(FrameError::TooLong { length, limit: LIMIT }));
        assert_eq!(buffer.reserved_bytes(), 0);
    }
}

#[test]
fn memory_grows_with_the_bytes_that_came_not_with_the_length_announced() {
    let limit = 1 << 20;
    let mut buffer = FrameBuffer::new(limit);
    buffer.push(&Header { length: limit, checksum: [0; 4] }.to_bytes()).unwrap();
    assert_eq!(buffer.reserved_bytes(), 0);
    assert_eq!(buffer.wanted(), limit as usize);
    buffer.push(&[7; 1000]).unwrap();
    assert!(buffer.reserved_bytes() <= 2000, "{}", buffer.reserved_bytes());
}

#[test]
fn another_version_is_refused_by_name() {
    let mut bytes = frame_of(&Sample::Nothing);
    bytes[0] = 2;
    assert_eq!(read_all(&bytes, 100).1, Err(FrameError::Version { found: 2 }));
}

#[test]
fn a_value_over_the_limit_is_not_sent_and_leaves_the_buffer_as_it_was() {
    let mut out = vec![1, 2, 3];
    let value = Sample::List(vec![0; 4096]);
    let length = 1 + 4 + 2 * 4096;
    assert_eq!(encode(&value, LIMIT, &mut out), Err(FrameError::TooLong { length, limit: LIMIT }));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn a_value_without_an_encoding_is_not_sent() {
    let mut out = vec![1];
    assert_eq!(encode(&f32::NAN, LIMIT, &mut out), Err(FrameError::Unencodable));
    assert_eq!(out, [1]);
}

#[test]
fn a_payload_of_exactly_the_limit_passes() {
    let mut out = Vec::new();
    let value = Sample::List(vec![9; 5]);
    encode(&value, 15, &mut out).unwrap();
    assert_eq!(out.len(), HEADER_BYTES + 15);
    assert!(encode(&value, 14, &mut out).is_err());
}

#[test]
fn the_layout_of_a_frame_is_pinned() {
    let bytes = frame_of(&0x0102_0304u32);
    let hash = blake3::hash(&[4, 3, 2, 1]);
    assert_eq!(bytes[..5], [1, 4, 0, 0, 0]);
    assert_eq!(bytes[5..9], hash.as_bytes()[..4]);
    assert_eq!(bytes[9..], [4, 3, 2, 1]);
}
