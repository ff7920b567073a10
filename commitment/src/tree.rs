//! The trace tree: leaves for `S_0 ..= S_n`, padded with EMPTY leaves to a power of two.
//!
//! The levels are built with `merkle_light`, which is safe only under what holds here: at least two leaves
//! and a power of two of them, so that it never duplicates a node and never panics. Its proofs are not used.

use std::hash::Hasher;
use std::sync::OnceLock;

use borsh::{BorshDeserialize, BorshSerialize};
use merkle_light::hash::Algorithm;
use merkle_light::merkle::MerkleTree;

use crate::opening::Opening;
use crate::state::{leaf_digest, node_digest, trace_digest};
use crate::{Context, Digest, DigestHasher, hash_bytes};

/// The most layers a program may have: 2^24 - 1, so that the n + 1 states fit 2^24 leaves.
pub const MAX_LAYERS: u32 = (1 << 24) - 1;

const MAX_DEPTH: usize = 24;

/// Why a tree or its shape is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The number of layers is out of range.
    #[error("a trace has 1 to {MAX_LAYERS} layers, not {0}")]
    Layers(u64),
    /// A leaf index beyond `n`.
    #[error("state {index} of a trace whose last state is {last}")]
    Index {
        /// The index asked for.
        index: u32,
        /// The last index.
        last: u32,
    },
    /// A node outside the tree.
    #[error("node {0:?} is not in the tree")]
    Node(NodeId),
}

/// A node by its height above the leaves and its position in that level.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct NodeId {
    /// Height above the leaves: a leaf has level 0.
    pub level: u8,
    /// Position from the left in its level.
    pub index: u32,
}

impl NodeId {
    /// The leaf of state `index`.
    pub fn leaf(index: u32) -> Self {
        Self { level: 0, index }
    }
}

/// The shape of a trace's tree, which follows from its number of layers `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceShape {
    layers: u32,
    depth: u8,
}

impl TraceShape {
    /// The shape for `layers` layers, that is `layers + 1` states.
    pub fn new(layers: u32) -> Result<Self, TreeError> {
        if !(1..=MAX_LAYERS).contains(&layers) {
            return Err(TreeError::Layers(layers.into()));
        }
        let depth = u32::BITS - layers.leading_zeros();
        Ok(Self { layers, depth: depth as u8 })
    }

    /// n: the number of layers, and the index of the last state.
    pub fn layers(self) -> u32 {
        self.layers
    }

    /// n + 1: the number of states.
    pub fn states(self) -> u32 {
        self.layers + 1
    }

    /// Levels between a leaf and the root.
    pub fn depth(self) -> u8 {
        self.depth
    }

    /// The root's place.
    pub fn root(self) -> NodeId {
        NodeId { level: self.depth, index: 0 }
    }

    /// Whether `node` is in the tree.
    pub fn contains(self, node: NodeId) -> bool {
        node.level <= self.depth && u64::from(node.index) < 1u64 << (self.depth - node.level)
    }

    /// Whether every leaf under `node` is padding.
    pub fn is_padding(self, node: NodeId) -> bool {
        self.contains(node) && (u64::from(node.index) << node.level) >= u64::from(self.states())
    }
}

/// The hash of a subtree of `2^level` EMPTY leaves; `None` above the tallest tree.
pub fn empty(level: u8) -> Option<Digest> {
    static LEVELS: OnceLock<Vec<Digest>> = OnceLock::new();
    let levels = LEVELS.get_or_init(|| {
        let leaf = hash_bytes(Context::Empty, &[]);
        std::iter::successors(Some(leaf), |below| Some(node_digest(below, below)))
            .take(MAX_DEPTH + 1)
            .collect()
    });
    levels.get(usize::from(level)).copied()
}

/// The node hash as `merkle_light` wants it. Leaves are hashed before, so `leaf` passes them on.
#[derive(Clone)]
struct NodeHash(DigestHasher);

impl Default for NodeHash {
    fn default() -> Self {
        Self(DigestHasher::new(Context::Node))
    }
}

impl Hasher for NodeHash {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.finish();
        digest.0.iter().take(8).fold(0, |word, byte| (word << 8) | u64::from(*byte))
    }
}

impl Algorithm<Digest> for NodeHash {
    fn hash(&mut self) -> Digest {
        self.0.finish()
    }

    fn leaf(&mut self, leaf: Digest) -> Digest {
        leaf
    }

    fn node(&mut self, left: Digest, right: Digest) -> Digest {
        node_digest(&left, &right)
    }
}

/// The whole tree over one run's states, from which its owner opens and reveals.
#[derive(Clone)]
pub struct TraceTree {
    shape: TraceShape,
    tree: MerkleTree<Digest, NodeHash>,
}

impl std::fmt::Debug for TraceTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TraceTree({} layers, root {})", self.shape.layers, self.root())
    }
}

impl TraceTree {
    /// The tree over the state digests `S_0 ..= S_n`.
    pub fn new(states: &[Digest]) -> Result<Self, TreeError> {
        let count = (states.len() as u64).saturating_sub(1);
        // Refused with all others that are too many.
        let shape = TraceShape::new(u32::try_from(count).unwrap_or(u32::MAX))?;
        let leaves =
            (0u32..).zip(states).map(|(index, state)| leaf_digest(index, shape.states(), *state));
        Ok(Self::from_leaves(shape, leaves))
    }

    /// The tree over leaf digests, padded here.
    pub(crate) fn from_leaves(shape: TraceShape, leaves: impl Iterator<Item = Digest>) -> Self {
        let width = 1usize << shape.depth;
        let padding = hash_bytes(Context::Empty, &[]);
        let padded: Vec<Digest> = leaves.chain(std::iter::repeat(padding)).take(width).collect();
        Self { shape, tree: MerkleTree::new(padded) }
    }

    /// The tree's shape.
    pub fn shape(&self) -> TraceShape {
        self.shape
    }

    /// The trace root `H(trace; n+1, root)`.
    pub fn root(&self) -> Digest {
        trace_digest(self.shape.states(), self.top())
    }

    /// The hash of the topmost node.
    pub(crate) fn top(&self) -> Digest {
        self.tree.root()
    }

    /// The hash of one node.
    pub fn node(&self, node: NodeId) -> Result<Digest, TreeError> {
        if !self.shape.contains(node) {
            return Err(TreeError::Node(node));
        }
        // merkle_light stores the levels one after another, leaves first.
        let width = 1usize << self.shape.depth;
        let before: usize = (0..node.level).map(|level| width >> level).sum();
        let nodes: &[Digest] = self.tree.as_slice();
        nodes.get(before + node.index as usize).copied().ok_or(TreeError::Node(node))
    }

    /// The opening of state `index`.
    pub fn open(&self, index: u32) -> Result<Opening, TreeError> {
        if index > self.shape.layers {
            return Err(TreeError::Index { index, last: self.shape.layers });
        }
        let siblings = (0..self.shape.depth)
            .map(|level| self.node(NodeId { level, index: (index >> level) ^ 1 }))
            .collect::<Result<_, _>>()?;
        Ok(Opening { index, siblings })
    }

    /// The descendants of `node` that a dissection step of `arity` asks for, from left to right.
    pub fn reveal(&self, node: NodeId, arity: crate::Arity) -> Result<Vec<Digest>, TreeError> {
        if !self.shape.contains(node) || node.level == 0 {
            return Err(TreeError::Node(node));
        }
        crate::descendants(node, arity).into_iter().map(|child| self.node(child)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;

    use merkle_light::hash::Algorithm as _;

    use super::{Context, NodeHash, TraceTree, hash_bytes};

    #[test]
    fn what_merkle_light_could_ask_of_a_node_hash_is_the_node_digest() {
        let mut node = NodeHash::default();
        node.write(b"left");
        node.write(b"right");
        let digest = hash_bytes(Context::Node, b"leftright");
        assert_eq!(node.hash(), digest);
        assert_eq!(node.finish().to_be_bytes(), digest.0[..8]);
    }

    #[test]
    fn a_tree_is_shown_by_its_size_and_root() {
        let states = [1, 2, 3].map(|byte: u8| hash_bytes(Context::State, &[byte]));
        let tree = TraceTree::new(&states).unwrap();
        assert_eq!(format!("{tree:?}"), format!("TraceTree(2 layers, root {})", tree.root()));
    }
}
