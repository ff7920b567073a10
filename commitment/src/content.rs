//! The content of a tensor hashed in parts, so that several threads can share it.
//!
//! A part is a complete subtree of BLAKE3's own tree, so what comes out is the plain digest of all bytes.

use blake3::Hasher;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::Digest;
use crate::chunks::{CHUNK_BYTES, ChunkNode, ChunkShape};

/// Bytes of one part: enough chunks to keep wide vectors busy, few enough to share a small tensor.
const PART: usize = 64 * 1024;

/// The chaining value of a part; of the only part, the digest itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree([u8; 32]);

/// How many parts so many bytes have: at least one.
pub fn subtree_count(bytes: usize) -> usize {
    bytes.div_ceil(PART).max(1)
}

/// Hashes the part at `index` of the whole `bytes`; there are [`subtree_count`] of them.
pub fn subtree(bytes: &[u8], index: usize) -> Subtree {
    if bytes.len() <= PART {
        return Subtree(*blake3::hash(bytes).as_bytes());
    }
    let (start, part) = (index.saturating_mul(PART) as u64, bytes.chunks(PART).nth(index));
    let mut hasher = Hasher::new();
    hasher.set_input_offset(start).update(part.unwrap_or_default());
    Subtree(hasher.finalize_non_root())
}

/// Plain BLAKE3 of the bytes that these are the parts of, all and in order.
pub fn content_of(parts: &[Subtree]) -> Digest {
    match parts {
        [] => crate::content(&[]),
        [only] => Digest(only.0),
        _ => {
            let (left, right) = halves(parts);
            Digest(*merge_subtrees_root(&joined(left), &joined(right), Mode::Hash).as_bytes())
        }
    }
}

/// The left half is the largest complete tree that leaves something for the right.
fn halves(parts: &[Subtree]) -> (&[Subtree], &[Subtree]) {
    parts.split_at(parts.len().div_ceil(2).next_power_of_two().min(parts.len()))
}

fn joined(parts: &[Subtree]) -> [u8; 32] {
    match parts {
        [] => [0; 32],
        [only] => only.0,
        _ => {
            let (left, right) = halves(parts);
            merge_subtrees_non_root(&joined(left), &joined(right), Mode::Hash)
        }
    }
}

/// The parts of one content, kept so that what is opened of it later need not hash all of it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outboard {
    bytes: u64,
    parts: Vec<Subtree>,
}

impl Outboard {
    /// Hashes all bytes once.
    pub fn of(bytes: &[u8]) -> Self {
        let parts = (0..subtree_count(bytes.len())).map(|at| subtree(bytes, at)).collect();
        Self { bytes: bytes.len() as u64, parts }
    }

    /// Plain BLAKE3 of the bytes.
    pub fn content(&self) -> Digest {
        content_of(&self.parts)
    }

    /// The value of a node, if it is made of more than one part.
    pub(crate) fn value(&self, shape: ChunkShape, node: ChunkNode) -> Option<Digest> {
        let of_part = PART as u64 / CHUNK_BYTES;
        if shape.bytes() != self.bytes || node.chunks <= of_part {
            return None;
        }
        if node == shape.root() {
            return Some(self.content());
        }
        let (start, end) = (node.start / of_part, (node.start + node.chunks).div_ceil(of_part));
        let parts = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        Some(Digest(joined(self.parts.get(parts)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChunkSet, Slice};

    #[test]
    fn a_slice_by_the_kept_parts_is_the_slice_of_the_bytes() {
        for length in [0, 1, PART, PART + 1, 3 * PART, 5 * PART + 1_025, 16 * PART, 17 * PART + 9] {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 29 + at / 257) as u8).collect();
            let kept = Outboard::of(&bytes);
            assert_eq!(kept.content(), crate::content(&bytes), "{length} bytes");
            let chunks = (length as u64).div_ceil(CHUNK_BYTES).max(1);
            for wanted in [0..1, chunks / 2..chunks / 2 + 1, chunks - 1..chunks, 0..chunks, 0..0] {
                let wanted = wanted.start * CHUNK_BYTES..wanted.end * CHUNK_BYTES;
                let wanted = ChunkSet::holding([wanted]);
                let slice = Slice::of_kept(&bytes, &wanted, &kept).unwrap();
                assert_eq!(Some(&slice), Slice::of(&bytes, &wanted).as_ref(), "{length} bytes");
                slice.verify(length as u64, &wanted, kept.content()).unwrap();
            }
        }
    }

    #[test]
    fn parts_hash_to_the_plain_digest() {
        let lengths = (0..=20).flat_map(|parts| {
            let whole = parts * PART;
            [whole.saturating_sub(1), whole, whole + 1, whole + 1024, whole + PART / 2 + 7]
        });
        for length in lengths {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 31 + at / 251) as u8).collect();
            let parts: Vec<Subtree> =
                (0..subtree_count(length)).map(|at| subtree(&bytes, at)).collect();
            assert_eq!(content_of(&parts), crate::content(&bytes), "{length} bytes");
        }
    }

    #[test]
    fn no_parts_are_the_content_of_nothing() {
        assert_eq!(content_of(&[]), crate::content(b""));
    }
}
