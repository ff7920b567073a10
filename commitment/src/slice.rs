//! Slices: some chunks of a content, shown to be its own.
//!
//! A slice holds the bytes of the wanted chunks and the values of the largest subtrees without any, from left to right; the
//! verifier joins them to the content digest. What is wanted and how long the content is the verifier knows, so there is
//! exactly one slice: it holds nothing that says what it is about.

use std::ops::Range;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::Digest;
use crate::chunks::{CHUNK_BYTES, ChunkNode, ChunkShape};
use crate::content::Outboard;

/// Chunks of a content: ranges in ascending order that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkSet {
    ranges: Vec<Range<u64>>,
    /// Chunks before each range.
    before: Vec<u64>,
}

impl ChunkSet {
    /// The chunks that hold these ranges of bytes, in any order.
    pub fn holding(ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let chunks = ranges.into_iter().filter(|range| !range.is_empty());
        let chunks = chunks.map(|range| range.start / CHUNK_BYTES..range.end.div_ceil(CHUNK_BYTES));
        let mut chunks: Vec<Range<u64>> = chunks.collect();
        chunks.sort_by_key(|range| range.start);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for range in chunks {
            match ranges.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => ranges.push(range),
            }
        }
        let before = ranges.iter().scan(0, |sum, range| {
            let before = *sum;
            *sum += range.end - range.start;
            Some(before)
        });
        let before = before.collect();
        Self { ranges, before }
    }

    /// The number of chunks.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// Where the bytes of `range` lie within the bytes of all these chunks; `None` if some are not held.
    pub fn place(&self, range: Range<u64>) -> Option<Range<u64>> {
        let chunk = range.start / CHUNK_BYTES;
        let at = self.ranges.partition_point(|held| held.start <= chunk).checked_sub(1)?;
        let (held, before) = (self.ranges.get(at)?, self.before.get(at)?);
        if chunk >= held.end || range.end > held.end.checked_mul(CHUNK_BYTES)? {
            return None;
        }
        let start = before * CHUNK_BYTES + (range.start - held.start * CHUNK_BYTES);
        Some(start..start + range.end.checked_sub(range.start)?)
    }

    fn meets(&self, node: ChunkNode) -> Meeting {
        let end = node.start.saturating_add(node.chunks);
        let at = self.ranges.partition_point(|held| held.end <= node.start);
        match self.ranges.get(at) {
            Some(held) if held.start <= node.start && held.end >= end => Meeting::Within,
            Some(held) if held.start < end => Meeting::Partly,
            _ => Meeting::Apart,
        }
    }
}

/// How a node stands to wanted chunks.
enum Meeting {
    Within,
    Partly,
    Apart,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Slice {
    /// The bytes of the wanted chunks, in order.
    pub bytes: Vec<u8>,
    /// The values of the largest subtrees that hold none of them, from left to right.
    pub siblings: Vec<Digest>,
}

/// Why a slice is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SliceError {
    /// Chunks are wanted that the content does not have.
    #[error("chunks are wanted of a content of {0} bytes that it does not have")]
    Range(u64),
    /// Too few or too many bytes.
    #[error("the slice has {got} bytes where {due} are due")]
    Length {
        /// How many it has.
        got: u64,
        /// How many are due.
        due: u64,
    },
    /// Too few or too many values.
    #[error("the slice has another number of siblings than is due")]
    Siblings,
    /// It leads to another content.
    #[error("the slice is of content {got}, due is {content}")]
    Content {
        /// Where it leads.
        got: Digest,
        /// The content it should be of.
        content: Digest,
    },
}

impl Slice {
    /// Bytes of chunks and values together.
    pub fn size(&self) -> u64 {
        (self.bytes.len() + 32 * self.siblings.len()) as u64
    }

    /// The slice of a whole content; `None` if chunks are wanted that it does not have.
    pub fn of(content: &[u8], wanted: &ChunkSet) -> Option<Self> {
        Self::made(content, wanted, None)
    }

    /// The same without hashing what lies apart from it; `kept` are the content's own parts.
    pub fn of_kept(content: &[u8], wanted: &ChunkSet, kept: &Outboard) -> Option<Self> {
        Self::made(content, wanted, Some(kept))
    }

    fn made(content: &[u8], wanted: &ChunkSet, kept: Option<&Outboard>) -> Option<Self> {
        let shape = ChunkShape::new(content.len() as u64);
        let mut slice = Self::default();
        if wanted.ranges.last().is_some_and(|range| range.end > shape.chunks()) {
            return None;
        }
        slice.cut((shape, kept), shape.root(), content, wanted)?;
        Some(slice)
    }

    fn cut(
        &mut self,
        (shape, kept): (ChunkShape, Option<&Outboard>),
        node: ChunkNode,
        content: &[u8],
        wanted: &ChunkSet,
    ) -> Option<()> {
        let range = shape.range(node);
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        match (wanted.meets(node), node.halves()) {
            (Meeting::Within, _) => self.bytes.extend_from_slice(content.get(range)?),
            (Meeting::Partly, Some((left, right))) => {
                self.cut((shape, kept), left, content, wanted)?;
                self.cut((shape, kept), right, content, wanted)?;
            }
            _ => {
                let known = kept.and_then(|kept| kept.value(shape, node));
                let bytes = content.get(range)?;
                self.siblings.push(known.unwrap_or_else(|| shape.value(node, bytes)));
            }
        }
        Some(())
    }

    /// Checks that this is the slice with the `wanted` chunks of the content of that length.
    ///
    /// # Errors
    /// See [`SliceError`].
    pub fn verify(
        &self,
        length: u64,
        wanted: &ChunkSet,
        content: Digest,
    ) -> Result<(), SliceError> {
        let shape = ChunkShape::new(length);
        if wanted.ranges.last().is_some_and(|range| range.end > shape.chunks()) {
            return Err(SliceError::Range(length));
        }
        let bytes = |range: &Range<u64>| {
            let node = ChunkNode { start: range.start, chunks: range.end - range.start };
            let range = shape.range(node);
            range.end - range.start
        };
        let (got, due) = (self.bytes.len() as u64, wanted.ranges.iter().map(bytes).sum());
        if got != due {
            return Err(SliceError::Length { got, due });
        }
        let (mut bytes, mut siblings) = (self.bytes.as_slice(), self.siblings.iter());
        let found = joined(shape, shape.root(), wanted, &mut bytes, &mut siblings);
        let got = found.ok_or(SliceError::Siblings)?;
        if siblings.next().is_some() {
            return Err(SliceError::Siblings);
        }
        if got != content {
            return Err(SliceError::Content { got, content });
        }
        Ok(())
    }
}

/// The value of a node; as deep as the tree, which has at most 54 levels.
fn joined(
    shape: ChunkShape,
    node: ChunkNode,
    wanted: &ChunkSet,
    bytes: &mut &[u8],
    siblings: &mut std::slice::Iter<'_, Digest>,
) -> Option<Digest> {
    match (wanted.meets(node), node.halves()) {
        (Meeting::Within, _) => {
            let range = shape.range(node);
            let (own, rest) =
                bytes.split_at_checked(usize::try_from(range.end - range.start).ok()?)?;
            *bytes = rest;
            Some(shape.value(node, own))
        }
        (Meeting::Partly, Some((left, right))) => {
            let left = joined(shape, left, wanted, bytes, siblings)?;
            let right = joined(shape, right, wanted, bytes, siblings)?;
            Some(shape.joined(node, &left, &right))
        }
        _ => siblings.next().copied(),
    }
}
