//! Steps below a layer: the tree over `D_0 ..= D_m`, one state per operator of layer i (PROTOCOL, section 3.4).
//!
//! `D_0` is `S_{i-1}` and `D_m` is `S_i`, under the state digests of the trace. The tree has the shape, padding and node
//! hashes of a trace's; only its leaves and its root are hashed under contexts of their own, and bind the layer.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::opening::{Opened, Opening, OpeningError};
use crate::tree::{NodeId, TraceShape, TraceTree, TreeError};
use crate::{Arity, Context, Digest, StateList, hash};

/// `H(inner state; i, j, list)`: `D_j` of layer i for 0 < j < m.
pub fn inner_state_digest(layer: u32, step: u32, list: &StateList) -> Digest {
    hash(Context::InnerState, &(layer, step, list))
}

/// The shape of the tree below one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepShape {
    layer: u32,
    tree: TraceShape,
}

impl StepShape {
    /// The shape for `steps` operators of layer `layer`.
    ///
    /// # Errors
    /// If there are none, or too many.
    pub fn new(layer: u32, steps: u32) -> Result<Self, TreeError> {
        Ok(Self { layer, tree: TraceShape::new(steps)? })
    }

    /// i: the layer.
    pub fn layer(self) -> u32 {
        self.layer
    }

    /// m: the number of steps.
    pub fn steps(self) -> u32 {
        self.tree.layers()
    }

    /// The tree's nodes, as those of a trace of m layers.
    pub fn tree(self) -> TraceShape {
        self.tree
    }

    /// `H(step; i, j, m+1, D_j)`.
    pub fn leaf(self, step: u32, state: Digest) -> Digest {
        hash(Context::Step, &(self.layer, step, self.tree.states(), state))
    }

    /// `H(steps; i, m+1, root of the tree)`: the sub-root.
    pub fn sub_root(self, tree_root: Digest) -> Digest {
        hash(Context::Steps, &(self.layer, self.tree.states(), tree_root))
    }

    /// Checks that `state` is `D_step` under `sub_root`, and returns all hashes shown.
    ///
    /// # Errors
    /// See [`OpeningError`].
    pub fn verify(
        self,
        opening: &Opening,
        step: u32,
        state: Digest,
        sub_root: Digest,
    ) -> Result<Opened, OpeningError> {
        self.verify_leaf(opening, step, self.leaf(step, state), sub_root)
    }

    /// The same for a leaf hash.
    ///
    /// # Errors
    /// See [`OpeningError`].
    pub fn verify_leaf(
        self,
        opening: &Opening,
        step: u32,
        leaf: Digest,
        sub_root: Digest,
    ) -> Result<Opened, OpeningError> {
        let (opened, top) = opening.climb(self.tree, step, leaf)?;
        let got = self.sub_root(top);
        if got != sub_root {
            return Err(OpeningError::Root { index: step, got, root: sub_root });
        }
        Ok(opened)
    }
}

/// The whole tree below one layer, from which its owner opens and reveals.
#[derive(Clone, Debug)]
pub struct StepTree {
    shape: StepShape,
    tree: TraceTree,
}

impl StepTree {
    /// The tree over `D_0 ..= D_m` of layer `layer`.
    ///
    /// # Errors
    /// If there are fewer than two, or too many.
    pub fn new(layer: u32, states: &[Digest]) -> Result<Self, TreeError> {
        let count = (states.len() as u64).saturating_sub(1);
        // Refused with all others that are too many.
        let shape = StepShape::new(layer, u32::try_from(count).unwrap_or(u32::MAX))?;
        let leaves = (0u32..).zip(states).map(|(step, state)| shape.leaf(step, *state));
        Ok(Self { shape, tree: TraceTree::from_leaves(shape.tree, leaves) })
    }

    /// The tree's shape.
    pub fn shape(&self) -> StepShape {
        self.shape
    }

    /// The sub-root.
    pub fn root(&self) -> Digest {
        self.shape.sub_root(self.tree.top())
    }

    /// The opening of `D_step`.
    ///
    /// # Errors
    /// If there is no such step.
    pub fn open(&self, step: u32) -> Result<Opening, TreeError> {
        self.tree.open(step)
    }

    /// The descendants of `node` that a dissection step of `arity` asks for, from left to right.
    ///
    /// # Errors
    /// If it is a leaf or not in the tree.
    pub fn reveal(&self, node: NodeId, arity: Arity) -> Result<Vec<Digest>, TreeError> {
        self.tree.reveal(node, arity)
    }
}

/// A state below a layer with its path to a sub-root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StepOpening {
    /// `D_j`.
    pub state: Digest,
    /// Its path.
    pub opening: Opening,
}
