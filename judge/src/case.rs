//! The case: all that a judgement depends on, as borsh data.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{Context, Digest, Opening, hash};
use gainsay_model::Evidence;
use gainsay_protocol::{ClaimState, Known, Side, Signed};

/// The version of the case encoding.
pub const CASE_VERSION: u32 = 1;

/// The states around the disputed layer under both roots.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Openings {
    /// `S_{i-1}` under the claim's root.
    pub before_in_claim: Opening,
    /// `S_{i-1}` under the counter root.
    pub before_in_counter: Opening,
    /// The claim's leaf i.
    pub claim_leaf: Digest,
    /// Its opening.
    pub after_in_claim: Opening,
    /// The counter root's leaf i.
    pub counter_leaf: Digest,
    /// Its opening.
    pub after_in_counter: Opening,
}

impl Openings {
    /// The openings that a dispute about `layer` has brought to light, given the evidence's opening of
    /// `S_{i-1}` under the claim's root; `None` if it did not come down to that layer.
    ///
    /// Below the node where the paths of leaves i-1 and i part, everything on the path of leaf i-1 is equal
    /// under both roots, so that the evidence's siblings serve for both.
    pub fn of(
        claim: &ClaimState,
        counter_root: &Digest,
        layer: u32,
        before: &Opening,
    ) -> Option<Self> {
        let shape = claim.shape().ok()?;
        let ours = claim.known(Side::Executor, counter_root);
        let theirs = claim.known(Side::Challenger, counter_root);
        let leaf = |known: &Known| known.get(gainsay_commitment::NodeId::leaf(layer));
        Some(Self {
            before_in_claim: before.clone(),
            before_in_counter: theirs.opening(shape, layer.checked_sub(1)?, Some(before))?,
            claim_leaf: leaf(&ours)?,
            after_in_claim: ours.opening(shape, layer, None)?,
            counter_leaf: leaf(&theirs)?,
            after_in_counter: theirs.opening(shape, layer, None)?,
        })
    }
}

/// Everything that one judgement depends on, but for the weights that the layer reads: those follow from the registry
/// entry and the layer, see [`Weights`](crate::Weights).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Case {
    /// [`CASE_VERSION`].
    pub version: u32,
    /// The job as signed.
    pub job: Signed,
    /// The claim as signed.
    pub claim: Signed,
    /// The reveal of the counter root as signed by one member of its side.
    pub challenge: Signed,
    /// The disputed layer, from 1.
    pub layer: u32,
    /// The registry entry: the manifest's canonical bytes.
    pub manifest: Vec<u8>,
    /// The canonical bytes of the job's program.
    pub program: Vec<u8>,
    /// The states around the layer under both roots.
    pub openings: Openings,
    /// The agreed state and the bytes that the layer reads from it.
    pub evidence: Evidence,
    /// The bytes of the job's inputs, by position.
    pub inputs: Vec<Vec<u8>>,
}

/// Bytes that are no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseEncodingError {
    /// They do not decode.
    #[error("not a case file, or a damaged one: {0}")]
    Malformed(String),
    /// They are of a version that this build does not know, and are not judged.
    #[error("the case file is of version {found}, this build judges version {CASE_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
}

impl Case {
    /// The case's digest, which the arbiter signs together with its verdict.
    pub fn digest(&self) -> Digest {
        hash(Context::Case, self)
    }
}
