//! The messages of the game below a layer (PROTOCOL, section 3.4), as borsh data: append, never renumber.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{ChunkNode, Digest, NodeId, Opening, StateList, StepOpening};

use crate::{ClaimId, TensorRef};

/// A member's commitment to the steps of one layer, when the layer is over the arbiter's budget.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SubRoot {
    /// Which claim.
    pub claim: ClaimId,
    /// The counter root of the dispute.
    pub counter_root: Digest,
    /// Which layer.
    pub layer: u32,
    /// m: the number of operators.
    pub steps: u32,
    /// The commitment to `D_0 ..= D_m`.
    pub sub_root: Digest,
    /// Opening of `S_{i-1}` under the claim's root.
    pub before: Opening,
    /// Opening of `D_0 = S_{i-1}`.
    pub first: StepOpening,
    /// Opening of `D_m = S_i`, the signer's side's.
    pub last: StepOpening,
}

/// One side's reveal under a sub-root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SubDissection {
    /// Which claim.
    pub claim: ClaimId,
    /// The counter root of the dispute.
    pub counter_root: Digest,
    /// Under which sub-root the node lies.
    pub sub_root: Digest,
    /// Which node.
    pub node: NodeId,
    /// Its descendants, from left to right.
    pub children: Vec<Digest>,
}

/// What one side says a step gives.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StepValue {
    /// Which claim.
    pub claim: ClaimId,
    /// The counter root of the dispute.
    pub counter_root: Digest,
    /// Under which sub-root the step lies.
    pub sub_root: Digest,
    /// Which step.
    pub step: u32,
    /// The list of the agreed `D_{j-1}`.
    pub list: StateList,
    /// Its opening under the sub-root.
    pub opening: Opening,
    /// Plain BLAKE3 of the value's bytes.
    pub content: Digest,
    /// `D_j`, which follows from the list, the value and the program.
    pub after: Digest,
}

/// One side's reveal in the BLAKE3 tree of the first value that differs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkDissection {
    /// Which claim.
    pub claim: ClaimId,
    /// The counter root of the dispute.
    pub counter_root: Digest,
    /// Under which sub-root the value was shown.
    pub sub_root: Digest,
    /// Which step gives it.
    pub step: u32,
    /// Which node of its content's tree.
    pub node: ChunkNode,
    /// The chaining values of its descendants, from left to right.
    pub children: Vec<Digest>,
}

/// What the replay of a step, or of one chunk of its value, needs; the bytes are blobs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StepEvidence {
    /// Which claim.
    pub claim: ClaimId,
    /// The counter root of the dispute.
    pub counter_root: Digest,
    /// The challengers' sub-root of the pair.
    pub sub_root: Digest,
    /// Which step.
    pub step: u32,
    /// Which chunk of its value, unless the step is judged whole.
    pub chunk: Option<u64>,
    /// The list of the agreed `D_{j-1}`.
    pub list: StateList,
    /// Its opening under the sub-root of the signer's side.
    pub opening: Opening,
    /// For a whole step: each listed value that it reads, by its number in the list.
    pub tensors: Vec<(u32, TensorRef)>,
    /// For a chunk: the blob of the slices of listed values that it reads.
    pub slices: Option<Digest>,
}
