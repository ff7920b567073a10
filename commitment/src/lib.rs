//! Commitments of Gainsay: digests with contexts, tensors, states, traces, openings and dissections.
//!
//! A run of a program is committed as the Merkle root over its states (PROTOCOL, section 1). This crate
//! computes that root, opens single states against it, and checks the steps by which two roots are narrowed
//! down to their first difference. It does no IO, reads no clock and draws no randomness. Nothing here
//! panics on anything a peer sent: every proof is checked for shape before a hash is computed.

#![forbid(unsafe_code)]

mod chunks;
mod content;
mod digest;
mod dissection;
mod opening;
mod slice;
mod state;
mod steps;
mod tree;

pub use chunks::{CHUNK_BYTES, ChunkError, ChunkNode, ChunkPath, ChunkShape, check_children};
pub use content::{Outboard, Subtree, content_of, subtree, subtree_count};
pub use digest::{Context, Digest, DigestHasher, ParseDigestError, hash, hash_bytes};
pub use dissection::{Arity, ArityError, Padding, Reveal, RevealError, check_reveal, descendants};
pub use opening::{Opened, Opening, OpeningError};
pub use slice::{ChunkSet, Slice, SliceError};
pub use state::{
    StateList, artifact_digest, content, layer_table_digest, leaf_digest, program_digest,
    state_digest, tensor_digest, trace_digest,
};
pub use steps::{StepOpening, StepShape, StepTree, inner_state_digest};
pub use tree::{MAX_LAYERS, NodeId, TraceShape, TraceTree, TreeError, empty};
