//! The tree that BLAKE3 is: the chunks of one tensor's content, and the values of the nodes above them.
//!
//! Content is cut into chunks of 1024 bytes. A node over more than one chunk has the largest power of two of them that
//! leaves some for the right on its left, so a node is known by its first chunk and their number. The root's value is the
//! content digest itself, every other node's is a chaining value: `check_children` tells them apart by the place.

use std::ops::Range;

use blake3::Hasher;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Arity, Digest};

/// Bytes of a chunk; only the last one may be shorter.
pub const CHUNK_BYTES: u64 = 1024;

/// A subtree of a content's tree: never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ChunkNode {
    /// The first chunk.
    pub start: u64,
    /// How many there are.
    pub chunks: u64,
}

impl ChunkNode {
    /// A single chunk.
    pub fn chunk(index: u64) -> Self {
        Self { start: index, chunks: 1 }
    }

    /// The children, unless it is a single chunk.
    pub fn halves(self) -> Option<(Self, Self)> {
        if self.chunks < 2 {
            return None;
        }
        // The largest power of two below the number of chunks.
        let left = 1u64 << (u64::BITS - 1 - (self.chunks - 1).leading_zeros());
        let right = Self { start: self.start.checked_add(left)?, chunks: self.chunks - left };
        Some((Self { start: self.start, chunks: left }, right))
    }
}

/// The shape of a content's tree, which follows from its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkShape {
    bytes: u64,
}

impl ChunkShape {
    /// The shape for so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { bytes }
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// The number of chunks: at least one, though it may be empty.
    pub fn chunks(self) -> u64 {
        self.bytes.div_ceil(CHUNK_BYTES).max(1)
    }

    /// The root.
    pub fn root(self) -> ChunkNode {
        ChunkNode { start: 0, chunks: self.chunks() }
    }

    /// The bytes of a node; empty if it is not in the tree.
    pub fn range(self, node: ChunkNode) -> Range<u64> {
        let start = node.start.saturating_mul(CHUNK_BYTES).min(self.bytes);
        let end = node.start.saturating_add(node.chunks).saturating_mul(CHUNK_BYTES);
        start..end.min(self.bytes)
    }

    /// Whether `node` is in the tree.
    pub fn contains(self, node: ChunkNode) -> bool {
        let mut at = self.root();
        while at != node {
            let Some((left, right)) = at.halves() else { return false };
            at = if node.start < right.start { left } else { right };
        }
        true
    }

    /// The nodes one dissection step below `node`, from left to right: some are single chunks before others. Empty for
    /// a single chunk.
    pub fn descendants(self, node: ChunkNode, arity: Arity) -> Vec<ChunkNode> {
        if node.chunks < 2 {
            return Vec::new();
        }
        let mut level = vec![node];
        for _ in 0..arity.levels() {
            let below = level.into_iter().flat_map(|node| match node.halves() {
                Some((left, right)) => [Some(left), Some(right)],
                None => [Some(node), None],
            });
            level = below.flatten().collect();
        }
        level
    }

    /// The most dissection steps from the root to a chunk.
    pub fn rounds(self, arity: Arity) -> u32 {
        let depth = u64::BITS - (self.chunks() - 1).leading_zeros();
        depth.div_ceil(u32::from(arity.levels()))
    }

    /// The value of a node of the tree, from the bytes of its chunks: the content digest for the root, else a chaining
    /// value.
    pub(crate) fn value(self, node: ChunkNode, bytes: &[u8]) -> Digest {
        if node == self.root() {
            return crate::content(bytes);
        }
        let mut hasher = Hasher::new();
        hasher.set_input_offset(node.start.saturating_mul(CHUNK_BYTES)).update(bytes);
        Digest(hasher.finalize_non_root())
    }

    /// The value of chunk `index`, from its bytes; `None` if there is no such chunk or it has another length.
    pub fn chunk_value(self, index: u64, bytes: &[u8]) -> Option<Digest> {
        let node = ChunkNode::chunk(index);
        let range = self.range(node);
        let fits = index < self.chunks() && bytes.len() as u64 == range.end - range.start;
        fits.then(|| self.value(node, bytes))
    }

    /// The value of a node, from those of its children.
    pub(crate) fn joined(self, node: ChunkNode, left: &Digest, right: &Digest) -> Digest {
        Digest(if node == self.root() {
            *merge_subtrees_root(&left.0, &right.0, Mode::Hash).as_bytes()
        } else {
            merge_subtrees_non_root(&left.0, &right.0, Mode::Hash)
        })
    }

    /// The values that one dissection step of `node` reveals, from the whole content; `None` if the node is not in its
    /// tree or the content has another length.
    pub fn reveal(self, node: ChunkNode, arity: Arity, content: &[u8]) -> Option<Vec<Digest>> {
        if content.len() as u64 != self.bytes || !self.contains(node) {
            return None;
        }
        let value = |place: ChunkNode| {
            let range = self.range(place);
            let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
            Some(self.value(place, content.get(range)?))
        };
        self.descendants(node, arity).into_iter().map(value).collect()
    }
}

/// Why a reveal within a content is refused; nothing changes by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The node is a single chunk or not in the tree.
    #[error("{0:?} cannot be dissected")]
    Node(ChunkNode),
    /// Too few or too many descendants.
    #[error("{got} chaining values given where {due} are due")]
    Count {
        /// How many were given.
        got: usize,
        /// How many are due.
        due: usize,
    },
    /// They do not hash to the known node.
    #[error("the chaining values hash to {got}, this side is known to have {known}")]
    Hash {
        /// What they hash to.
        got: Digest,
        /// What the side is known to have.
        known: Digest,
    },
}

/// Checks a side's reveal of the descendants of `node`, whose value on that side is `known`, and returns the values of all
/// nodes that it shows, those between included.
///
/// # Errors
/// If it does not hash to what is known.
pub fn check_children(
    shape: ChunkShape,
    node: ChunkNode,
    arity: Arity,
    known: Digest,
    revealed: &[Digest],
) -> Result<Vec<(ChunkNode, Digest)>, ChunkError> {
    if node.chunks < 2 || !shape.contains(node) {
        return Err(ChunkError::Node(node));
    }
    let places = shape.descendants(node, arity);
    if places.len() != revealed.len() {
        return Err(ChunkError::Count { got: revealed.len(), due: places.len() });
    }
    let mut given = places.into_iter().zip(revealed.iter().copied()).peekable();
    let mut nodes = Vec::with_capacity(2 * revealed.len());
    let got = join(shape, node, &mut given, &mut nodes).unwrap_or_default();
    if got != known {
        return Err(ChunkError::Hash { got, known });
    }
    nodes.retain(|(place, _)| *place != node);
    Ok(nodes)
}

/// The value of `node` from those of its frontier, in order. As deep as an arity has levels.
fn join(
    shape: ChunkShape,
    node: ChunkNode,
    given: &mut std::iter::Peekable<impl Iterator<Item = (ChunkNode, Digest)>>,
    nodes: &mut Vec<(ChunkNode, Digest)>,
) -> Option<Digest> {
    let value = match given.next_if(|(place, _)| *place == node) {
        Some((_, value)) => value,
        None => {
            let (left, right) = node.halves()?;
            let left = join(shape, left, given, nodes)?;
            let right = join(shape, right, given, nodes)?;
            shape.joined(node, &left, &right)
        }
    };
    nodes.push((node, value));
    Some(value)
}

/// The value of one chunk with its path to a content: the other half at every node from the root down.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkPath {
    /// The chunk's value.
    pub value: Digest,
    /// The value of the half that does not hold it, per node, the root's first.
    pub siblings: Vec<Digest>,
}

impl ChunkPath {
    /// The path of a chunk, from values that are known; `None` if one on it is not.
    pub fn of(
        shape: ChunkShape,
        chunk: u64,
        known: impl Fn(ChunkNode) -> Option<Digest>,
    ) -> Option<Self> {
        let mut siblings = Vec::new();
        let mut at = shape.root();
        while let Some((left, right)) = at.halves() {
            let (own, other) = if chunk < right.start { (left, right) } else { (right, left) };
            siblings.push(known(other)?);
            at = own;
        }
        let value = known(at).filter(|_| at == ChunkNode::chunk(chunk))?;
        Some(Self { value, siblings })
    }

    /// Whether it leads from that chunk of a content of that shape to `content`.
    pub fn leads_to(&self, shape: ChunkShape, chunk: u64, content: Digest) -> bool {
        let mut nodes = Vec::new();
        let mut at = shape.root();
        while let Some((left, right)) = at.halves() {
            nodes.push(at);
            at = if chunk < right.start { left } else { right };
        }
        if at != ChunkNode::chunk(chunk) || nodes.len() != self.siblings.len() {
            return false;
        }
        let joined = nodes.into_iter().zip(&self.siblings).rev().fold(self.value, |value, step| {
            let (node, other) = step;
            match node.halves() {
                Some((_, right)) if chunk < right.start => shape.joined(node, &value, other),
                _ => shape.joined(node, other, &value),
            }
        });
        joined == content
    }
}
