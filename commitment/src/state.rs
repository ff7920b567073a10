//! Commitments to tensors, states, leaves, traces and artifacts.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Context, Digest, DigestHasher, hash, hash_bytes};

/// The live tensors after a layer, as an ordered list of (slot or position, tensor digest).
///
/// In `S_0` the number is the input's position, in `S_n` the output's, between them the slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateList(pub Vec<(u32, Digest)>);

impl StateList {
    /// Digest of this list as state `index`.
    pub fn digest(&self, index: u32) -> Digest {
        state_digest(index, self)
    }
}

/// Plain BLAKE3 of raw bytes: the name of a blob, and the content part of a tensor digest.
pub fn content(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// `H(tensor; dtype, shape, content)`; `dtype` is the element type's tag.
pub fn tensor_digest(dtype: u8, shape: &[u64], content: Digest) -> Digest {
    hash(Context::Tensor, &(dtype, shape, content))
}

/// `S_index = H(state; index, list)`.
pub fn state_digest(index: u32, list: &StateList) -> Digest {
    hash(Context::State, &(index, list))
}

/// `leaf_i = H(leaf; i, n+1, S_i)`.
pub fn leaf_digest(index: u32, states: u32, state: Digest) -> Digest {
    hash(Context::Leaf, &(index, states, state))
}

/// `H(trace; n+1, root of the tree)`: the trace root.
pub fn trace_digest(states: u32, tree_root: Digest) -> Digest {
    hash(Context::Trace, &(states, tree_root))
}

/// `H(node; left, right)`.
pub(crate) fn node_digest(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = DigestHasher::new(Context::Node);
    hasher.update(&left.0).update(&right.0).finish()
}

/// Digest of a program's canonical bytes.
pub fn program_digest(bytes: &[u8]) -> Digest {
    hash_bytes(Context::Program, bytes)
}

/// Digest of a layer table's canonical bytes.
pub fn layer_table_digest(bytes: &[u8]) -> Digest {
    hash_bytes(Context::LayerTable, bytes)
}

/// The artifact id: digest of its manifest's canonical bytes.
pub fn artifact_digest(manifest: &[u8]) -> Digest {
    hash_bytes(Context::Artifact, manifest)
}
