//! Openings: one state shown to be under a trace root.
//!
//! The depth is fixed by the number of layers, so a path of any other length is refused, and siblings that
//! lie wholly in the padding must be EMPTY. An accepted opening of the last state therefore proves that all
//! padding is EMPTY, because everything right of the last state is padding.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::Digest;
use crate::state::{leaf_digest, node_digest, trace_digest};
use crate::tree::{NodeId, TraceShape, empty};

/// A leaf's index and the sibling hashes from the leaf up to the root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Opening {
    /// The state's index.
    pub index: u32,
    /// One sibling per level, the leaf's first.
    pub siblings: Vec<Digest>,
}

/// Every node hash that an accepted opening shows: the path and its siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The nodes with their hashes.
    pub nodes: Vec<(NodeId, Digest)>,
}

/// Why an opening is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// The opened index is not the one asked for, or beyond the last state.
    #[error("an opening of state {index} where state {expected} was due")]
    Index {
        /// The index in the opening.
        index: u32,
        /// The index that was due.
        expected: u32,
    },
    /// Too few or too many siblings.
    #[error("an opening with {got} siblings in a tree of depth {depth}")]
    Depth {
        /// The number of siblings given.
        got: usize,
        /// The tree's depth.
        depth: u8,
    },
    /// A subtree that holds only padding is not EMPTY.
    #[error("padding under {0:?} is not EMPTY")]
    Padding(NodeId),
    /// The path does not lead to the root.
    #[error("the path of state {index} leads to {got}, not to the trace root {root}")]
    Root {
        /// The opened state.
        index: u32,
        /// Where the path leads.
        got: Digest,
        /// The trace root.
        root: Digest,
    },
}

impl Opening {
    /// Checks that `state` is state `index` under the trace root `root`, and returns all hashes shown.
    pub fn verify(
        &self,
        shape: TraceShape,
        index: u32,
        state: Digest,
        root: Digest,
    ) -> Result<Opened, OpeningError> {
        self.verify_leaf(shape, index, leaf_digest(index, shape.states(), state), root)
    }

    /// The same for a leaf hash.
    pub fn verify_leaf(
        &self,
        shape: TraceShape,
        index: u32,
        leaf: Digest,
        root: Digest,
    ) -> Result<Opened, OpeningError> {
        let (opened, top) = self.climb(shape, index, leaf)?;
        let got = trace_digest(shape.states(), top);
        if got != root {
            return Err(OpeningError::Root { index, got, root });
        }
        Ok(opened)
    }

    /// The top of the tree that the path leads to, and all hashes on the way.
    pub(crate) fn climb(
        &self,
        shape: TraceShape,
        index: u32,
        leaf: Digest,
    ) -> Result<(Opened, Digest), OpeningError> {
        if self.index != index || index > shape.layers() {
            return Err(OpeningError::Index { index: self.index, expected: index });
        }
        if self.siblings.len() != usize::from(shape.depth()) {
            return Err(OpeningError::Depth { got: self.siblings.len(), depth: shape.depth() });
        }
        let mut nodes = Vec::with_capacity(2 * self.siblings.len() + 1);
        let mut hash = leaf;
        for (level, sibling) in (0u8..).zip(&self.siblings) {
            let place = NodeId { level, index: index >> level };
            let beside = NodeId { level, index: place.index ^ 1 };
            if shape.is_padding(beside) && empty(level) != Some(*sibling) {
                return Err(OpeningError::Padding(beside));
            }
            nodes.push((place, hash));
            nodes.push((beside, *sibling));
            hash = if place.index & 1 == 0 {
                node_digest(&hash, sibling)
            } else {
                node_digest(sibling, &hash)
            };
        }
        nodes.push((shape.root(), hash));
        Ok((Opened { nodes }, hash))
    }
}
