//! The tree of a content: dissections and slices against plain BLAKE3, honest and hostile.

use gainsay_commitment::{
    Arity, CHUNK_BYTES, ChunkError, ChunkNode, ChunkPath, ChunkSet, ChunkShape, Digest, Slice,
    SliceError, check_children, content,
};
use proptest::prelude::*;

/// Around every boundary of chunks and powers of two up to 33 chunks, and a large one.
fn lengths() -> Vec<u64> {
    let around = (0..=33u64).flat_map(|chunks| {
        let whole = chunks * CHUNK_BYTES;
        [whole.saturating_sub(1), whole, whole + 1, whole + 511]
    });
    around.chain([1 << 17, (1 << 17) + 1, 70_001]).collect()
}

fn bytes(length: u64, seed: u64) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at / 251) ^ seed) as u8).collect()
}

fn arity(arity: u32) -> Arity {
    Arity::new(arity).unwrap()
}

/// Descends from the root to `chunk`, checking every reveal; the value of that chunk.
fn descend(content_bytes: &[u8], arity: Arity, chunk: u64) -> Digest {
    let shape = ChunkShape::new(content_bytes.len() as u64);
    let (mut node, mut known) = (shape.root(), content(content_bytes));
    let mut rounds = 0;
    while node.chunks > 1 {
        let revealed = shape.reveal(node, arity, content_bytes).unwrap();
        let shown = check_children(shape, node, arity, known, &revealed).unwrap();
        let places = shape.descendants(node, arity);
        for (place, value) in places.iter().zip(&revealed) {
            assert!(shown.contains(&(*place, *value)));
        }
        let at = places
            .iter()
            .position(|place| (place.start..place.start + place.chunks).contains(&chunk));
        (node, known) = (places[at.unwrap()], revealed[at.unwrap()]);
        rounds += 1;
    }
    assert!(rounds <= shape.rounds(arity), "{} bytes: {rounds} rounds", content_bytes.len());
    // No chunk lies deeper than the first.
    assert!(chunk > 0 || rounds == shape.rounds(arity), "{} bytes", content_bytes.len());
    let range = shape.range(ChunkNode::chunk(chunk));
    let own = &content_bytes[range.start as usize..range.end as usize];
    assert_eq!(shape.chunk_value(chunk, own), Some(known));
    assert_eq!(node, ChunkNode::chunk(chunk));
    known
}

#[test]
fn every_chunk_of_every_length_is_reached_and_only_its_bytes_decide_its_value() {
    for length in lengths() {
        let mine = bytes(length, 1);
        let chunks = ChunkShape::new(length).chunks();
        for chunk in [0, 1, chunks / 2, chunks - 1].into_iter().filter(|chunk| *chunk < chunks) {
            let value = descend(&mine, arity(2), chunk);
            for wide in [4, 16, 256] {
                assert_eq!(descend(&mine, arity(wide), chunk), value, "{length} bytes, {wide}");
            }
            if length == 0 {
                continue;
            }
            let mut other = mine.clone();
            let at = (chunk * CHUNK_BYTES) as usize;
            other[at] ^= 1;
            assert_ne!(descend(&other, arity(2), chunk), value);
            if chunks > 1 {
                let beside = if chunk == 0 { 1 } else { 0 };
                assert_eq!(descend(&other, arity(4), beside), descend(&mine, arity(4), beside));
            }
        }
    }
}

#[test]
fn the_path_of_a_chunk_leads_to_its_content_and_no_other() {
    for length in lengths() {
        let (mine, shape) = (bytes(length, 6), ChunkShape::new(length));
        let known = |node: ChunkNode| {
            let whole = shape.reveal(shape.root(), arity(256), &mine)?;
            let places = shape.descendants(shape.root(), arity(256));
            let shown =
                match check_children(shape, shape.root(), arity(256), content(&mine), &whole) {
                    Ok(shown) => shown,
                    Err(_) => vec![(shape.root(), content(&mine))],
                };
            let at = places.iter().position(|place| *place == node);
            at.map(|at| whole[at])
                .or_else(|| shown.iter().find(|(place, _)| *place == node).map(|(_, value)| *value))
        };
        let chunks = shape.chunks();
        if !(2..=64).contains(&chunks) {
            continue;
        }
        for chunk in [0, chunks / 2, chunks - 1] {
            let path = ChunkPath::of(shape, chunk, known).unwrap();
            assert!(path.leads_to(shape, chunk, content(&mine)), "{length} bytes, chunk {chunk}");
            assert!(!path.leads_to(shape, chunk, content(b"other")));
            assert!(!path.leads_to(shape, chunks, content(&mine)));
            // Nodes do not say how long the content is: only the paths of its end tell another length.
            let longer = ChunkShape::new(length + 1024);
            assert!(chunk + 1 < chunks || !path.leads_to(longer, chunk, content(&mine)));
            let mut longer = path.clone();
            longer.siblings.push(Digest::default());
            assert!(!longer.leads_to(shape, chunk, content(&mine)));
            let mut other = path;
            other.value.0[0] ^= 1;
            assert!(!other.leads_to(shape, chunk, content(&mine)));
        }
        assert_eq!(ChunkPath::of(shape, chunks, known), None);
    }
}

#[test]
fn a_reveal_of_another_node_count_or_value_is_refused() {
    for length in lengths().into_iter().filter(|length| *length > CHUNK_BYTES) {
        let (mine, shape) = (bytes(length, 2), ChunkShape::new(length));
        let known = content(&mine);
        let revealed = shape.reveal(shape.root(), arity(4), &mine).unwrap();
        for at in 0..revealed.len() {
            let mut bad = revealed.clone();
            bad[at].0[at % 32] ^= 1;
            let refused = check_children(shape, shape.root(), arity(4), known, &bad);
            assert!(matches!(refused, Err(ChunkError::Hash { .. })), "{length}: {refused:?}");
            bad.remove(at);
            let refused = check_children(shape, shape.root(), arity(4), known, &bad);
            assert!(matches!(refused, Err(ChunkError::Count { .. })));
        }
        // A root is not finalised as an inner node is.
        let (left, _) = shape.root().halves().unwrap();
        if left.chunks > 1 {
            let below = shape.reveal(left, arity(2), &mine).unwrap();
            let as_root = ChunkShape::new(left.chunks * CHUNK_BYTES);
            let claimed = shape.reveal(shape.root(), arity(2), &mine).unwrap()[0];
            assert!(check_children(shape, left, arity(2), claimed, &below).is_ok());
            assert!(check_children(as_root, as_root.root(), arity(2), claimed, &below).is_err());
        }
    }
}

#[test]
fn nodes_that_are_not_in_the_tree_are_refused() {
    let shape = ChunkShape::new(5 * CHUNK_BYTES + 1);
    let inside = [(0, 6), (0, 4), (4, 2), (0, 2), (2, 2), (0, 1), (5, 1)];
    for (start, chunks) in inside {
        assert!(shape.contains(ChunkNode { start, chunks }), "{start} {chunks}");
    }
    let outside =
        [(0, 0), (0, 3), (0, 5), (1, 2), (4, 3), (6, 1), (0, 7), (u64::MAX, 1), (1, u64::MAX)];
    for (start, chunks) in outside {
        let node = ChunkNode { start, chunks };
        assert!(!shape.contains(node), "{start} {chunks}");
        let two = [Digest::default(); 2];
        let refused = check_children(shape, node, arity(2), Digest::default(), &two);
        assert_eq!(refused, Err(ChunkError::Node(node)));
        assert_eq!(shape.reveal(node, arity(2), &bytes(5 * CHUNK_BYTES + 1, 0)), None);
    }
    assert_eq!(shape.reveal(shape.root(), arity(2), &[0; 7]), None);
}

fn set(ranges: &[(u64, u64)]) -> ChunkSet {
    ChunkSet::holding(ranges.iter().map(|(start, end)| *start..*end))
}

#[test]
fn a_slice_of_any_bytes_verifies_and_gives_them_back() {
    for length in lengths() {
        let mine = bytes(length, 3);
        let wanted = [
            set(&[]),
            set(&[(0, length)]),
            set(&[(0, 1.min(length))]),
            set(&[(length.saturating_sub(1), length)]),
            set(&[(length / 3, length / 2), (length / 2 + length / 5, length / 2 + length / 4)]),
        ];
        for wanted in wanted {
            let slice = Slice::of(&mine, &wanted).unwrap();
            slice.verify(length, &wanted, content(&mine)).unwrap();
            for range in wanted.ranges() {
                let range = range.start * CHUNK_BYTES..(range.end * CHUNK_BYTES).min(length);
                let at = wanted.place(range.clone()).unwrap();
                let (at, range) =
                    (at.start as usize..at.end as usize, range.start as usize..range.end as usize);
                assert_eq!(slice.bytes[at], mine[range]);
            }
        }
    }
}

#[test]
fn a_slice_has_one_encoding() {
    let length = 37 * CHUNK_BYTES + 5;
    let mine = bytes(length, 4);
    let wanted = set(&[(2_000, 2_001), (9_000, 14_000), (length - 1, length)]);
    let slice = Slice::of(&mine, &wanted).unwrap();
    let due = content(&mine);
    for at in (0..slice.bytes.len()).step_by(97) {
        let mut bad = slice.clone();
        bad.bytes[at] ^= 0x40;
        assert!(matches!(bad.verify(length, &wanted, due), Err(SliceError::Content { .. })));
    }
    for at in 0..slice.siblings.len() {
        let mut bad = slice.clone();
        bad.siblings[at].0[7] ^= 1;
        assert!(matches!(bad.verify(length, &wanted, due), Err(SliceError::Content { .. })));
        bad.siblings.remove(at);
        assert_eq!(bad.verify(length, &wanted, due), Err(SliceError::Siblings));
    }
    let mut more = slice.clone();
    more.siblings.push(Digest::default());
    assert_eq!(more.verify(length, &wanted, due), Err(SliceError::Siblings));
    let mut longer = slice.clone();
    longer.bytes.push(0);
    assert!(matches!(longer.verify(length, &wanted, due), Err(SliceError::Length { .. })));
    // The same bytes as another set of chunks, of another length, or beyond the end.
    let other = set(&[(3_072, 3_073), (9_000, 14_000), (length - 1, length)]);
    assert!(slice.verify(length, &other, due).is_err());
    assert!(slice.verify(length + 1, &wanted, due).is_err());
    assert!(slice.verify(length, &set(&[(length + 2_048, length + 2_049)]), due).is_err());
    assert_eq!(Slice::of(&mine, &set(&[(length + 2_048, length + 2_049)])), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hostile_slices_and_reveals_are_refused_and_never_panic(
        length in 0u64..60_000,
        ranges in prop::collection::vec((0u64..70_000, 0u64..3_000), 0..6),
        given in prop::collection::vec(any::<u8>(), 0..4_000),
        siblings in prop::collection::vec(any::<[u8; 32]>(), 0..12),
        node in (any::<u64>(), any::<u64>()),
    ) {
        let wanted = ChunkSet::holding(ranges.iter().map(|(start, len)| *start..start + len));
        let siblings: Vec<Digest> = siblings.into_iter().map(Digest).collect();
        let node = ChunkNode { start: node.0 % 70, chunks: node.1 % 70 };
        let shape = ChunkShape::new(length);
        let known = content(&bytes(length, 5));
        prop_assert!(check_children(shape, node, Arity::new(16).unwrap(), known, &siblings).is_err());
        let slice = Slice { bytes: given, siblings };
        prop_assert!(slice.verify(length, &wanted, known).is_err() || wanted.is_empty());
        for (start, len) in ranges {
            let place = wanted.place(start..start + len);
            prop_assert!(len == 0 || place.is_some());
        }
    }
}

#[test]
fn a_set_of_chunks_knows_its_size_and_where_its_bytes_lie() {
    let none = set(&[]);
    assert!(none.is_empty() && none.place(0..1).is_none());
    assert_eq!(none.len(), 0);
    let some = set(&[(0, 10), (5 * CHUNK_BYTES, 7 * CHUNK_BYTES)]);
    assert_eq!(some.ranges(), [0..1, 5..7]);
    assert!(!some.is_empty());
    assert_eq!(some.len(), 3);
    assert_eq!(
        some.place(5 * CHUNK_BYTES..5 * CHUNK_BYTES + 4),
        Some(CHUNK_BYTES..CHUNK_BYTES + 4)
    );
    assert_eq!(some.place(2 * CHUNK_BYTES..2 * CHUNK_BYTES + 4), None, "not held");
    assert_eq!(some.place(6 * CHUNK_BYTES..8 * CHUNK_BYTES), None, "held in part");
}

#[test]
fn a_slice_is_as_large_as_its_bytes_and_siblings() {
    let bytes = vec![7; 5 * CHUNK_BYTES as usize];
    let slice = Slice::of(&bytes, &set(&[(0, 1)])).unwrap();
    assert_eq!(slice.size(), CHUNK_BYTES + 32 * slice.siblings.len() as u64);
    assert!(!slice.siblings.is_empty());
}

#[test]
fn a_slice_holds_one_sibling_for_each_level_above_a_chunk() {
    let mine = bytes(64 * CHUNK_BYTES, 9);
    for chunk in 0..64 {
        let wanted = set(&[(chunk * CHUNK_BYTES, chunk * CHUNK_BYTES + 1)]);
        let slice = Slice::of(&mine, &wanted).unwrap();
        assert_eq!((slice.bytes.len() as u64, slice.siblings.len()), (CHUNK_BYTES, 6), "{chunk}");
    }
    let nothing = Slice::of(&mine, &set(&[])).unwrap();
    assert_eq!(nothing.siblings, [content(&mine)]);
}

#[test]
fn a_chunk_has_a_value_only_where_it_is_and_at_its_length() {
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 100] {
        let (shape, mine) = (ChunkShape::new(length), bytes(length + CHUNK_BYTES, 5));
        assert_eq!(shape.bytes(), length);
        for index in 0..shape.chunks() + 2 {
            let own = length.saturating_sub(index * CHUNK_BYTES).min(CHUNK_BYTES) as usize;
            for told in [0, own.saturating_sub(1), own, own + 1, CHUNK_BYTES as usize] {
                let value = shape.chunk_value(index, &mine[..told]);
                let fits = index < shape.chunks() && told == own;
                assert_eq!(value.is_some(), fits, "{told} bytes as chunk {index} of {length}");
            }
        }
    }
}
