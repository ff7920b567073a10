//! The messages of the protocol (PROTOCOL, sections 2 to 5), as borsh data.
//!
//! Discriminants and field order are the wire format and are signed: append, never renumber.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{Context, Digest, NodeId, Opening, StateList, hash, tensor_digest};

pub use crate::canary::{CanaryCommit, CanaryReveal, canary_commitment};
pub use crate::message_below::{ChunkDissection, StepEvidence, StepValue, SubDissection, SubRoot};
use crate::{Amount, Key, MessageId, NetworkId, Params, Signature, Signed, Time};

/// An artifact's id: the digest of its manifest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct ArtifactId(pub Digest);

/// A job's id: the id of its message.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct JobId(pub MessageId);

/// A claim's id: the id of its message.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct ClaimId(pub MessageId);

/// A tensor named by type and content; the bytes are a blob.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TensorRef {
    /// Tag of the element type.
    pub dtype: u8,
    /// The shape.
    pub shape: Vec<u64>,
    /// Plain BLAKE3 of the bytes: the blob's name.
    pub content: Digest,
}

impl TensorRef {
    /// The tensor digest.
    pub fn digest(&self) -> Digest {
        tensor_digest(self.dtype, &self.shape, self.content)
    }

    /// The list of a state that holds these tensors by position: `S_0` of inputs, `S_n` of outputs.
    pub fn list(tensors: &[TensorRef]) -> StateList {
        StateList(
            (0u32..).zip(tensors).map(|(position, tensor)| (position, tensor.digest())).collect(),
        )
    }
}

/// Asks that an artifact be admitted; its blobs were sent before.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AdmitArtifact {
    /// The artifact.
    pub artifact: ArtifactId,
    /// Plain BLAKE3 of the manifest's bytes: the blob from which all others are named.
    pub manifest: Digest,
}

/// The operator's mint, for a network without a chain: a deposit.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Mint {
    /// Who receives it.
    pub to: Key,
    /// How much.
    pub amount: Amount,
    /// Makes two equal deposits two messages.
    pub nonce: u64,
}

/// Asks to withdraw from the signer's free balance.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Withdraw {
    /// How much.
    pub amount: Amount,
    /// Makes two equal withdrawals two messages.
    pub nonce: u64,
}

/// The operator announces new parameters. What was admitted before they come into force keeps its own.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Announce {
    /// From when on, in serving time.
    pub from: Time,
    /// The parameters.
    pub params: Box<Params>,
}

/// A request for one inference. The signer is the requester.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Job {
    /// Which artifact.
    pub artifact: ArtifactId,
    /// Which of its programs.
    pub program: u32,
    /// The inputs, by position.
    pub inputs: Vec<TensorRef>,
    /// What a final claim earns.
    pub fee: Amount,
    /// When the requester no longer wants it, in serving time.
    pub deadline: Time,
    /// Makes two equal requests two jobs.
    pub nonce: u64,
}

/// Leases a job. The signer is the executor.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Take {
    /// Which job.
    pub job: JobId,
    /// Which attempt at it, from 0.
    pub attempt: u32,
}

/// An executor's statement of what a run gave.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Claim {
    /// Which job.
    pub job: JobId,
    /// Which attempt at it.
    pub attempt: u32,
    /// n: the number of layers.
    pub layers: u32,
    /// The trace root.
    pub root: Digest,
    /// The outputs, by position.
    pub outputs: Vec<TensorRef>,
    /// Opening of `S_0`.
    pub first: Opening,
    /// Opening of `S_n`.
    pub last: Opening,
}

/// A challenge's first half: a hidden counter root, with its bond.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Commit {
    /// Which claim.
    pub claim: ClaimId,
    /// [`challenge_commitment`] of the counter root.
    pub commitment: Digest,
}

/// A challenge's second half: the counter root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Reveal {
    /// Which claim.
    pub claim: ClaimId,
    /// The salt of the commitment.
    pub salt: [u8; 32],
    /// The counter root.
    pub root: Digest,
    /// The challenger's `S_n`.
    pub last_state: Digest,
    /// Opening of `S_0` under the counter root.
    pub first: Opening,
    /// Opening of `S_n` under the counter root.
    pub last: Opening,
}

/// One side's reveal of the descendants of a node.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Dissection {
    /// Which claim.
    pub claim: ClaimId,
    /// Under which root the node lies: the claim's or a counter root.
    pub root: Digest,
    /// Which node.
    pub node: NodeId,
    /// Its descendants, from left to right.
    pub children: Vec<Digest>,
}

/// What the replay of the disputed layer needs; the bytes are blobs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EvidenceMessage {
    /// Which claim.
    pub claim: ClaimId,
    /// The counter root of the dispute.
    pub counter_root: Digest,
    /// Which layer.
    pub layer: u32,
    /// The list of the agreed state before it.
    pub list: StateList,
    /// Opening of that state under the claim's root.
    pub opening: Opening,
    /// For each listed tensor that the layer reads: its number in the list, and the tensor it commits to.
    pub tensors: Vec<(u32, TensorRef)>,
}

/// Two different claims signed by one key for one attempt at one job. Nothing but claims decodes here.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct Equivocation {
    /// One claim as signed.
    pub one: Box<Signed>,
    /// The other.
    pub other: Box<Signed>,
}

impl BorshDeserialize for Equivocation {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        Ok(Self { one: signed_claim(reader)?, other: signed_claim(reader)? })
    }
}

/// Decodes a signed claim. Any other kind is refused: an equivocation within an equivocation would make
/// decoding recurse as deep as a hostile frame is long.
fn signed_claim<R: std::io::Read>(reader: &mut R) -> std::io::Result<Box<Signed>> {
    let network = NetworkId::deserialize_reader(reader)?;
    let signer = Key::deserialize_reader(reader)?;
    if u8::deserialize_reader(reader)? != CLAIM {
        let why = "an equivocation is between two claims";
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
    }
    let message = Message::Claim(Claim::deserialize_reader(reader)?);
    let signature = Signature::deserialize_reader(reader)?;
    Ok(Box::new(Signed { network, signer, message, signature }))
}

/// The discriminant of a claim.
const CLAIM: u8 = 6;

/// Everything that a participant can say.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Message {
    /// Asks that an artifact be admitted.
    AdmitArtifact(AdmitArtifact) = 1,
    /// The operator's mint.
    Mint(Mint) = 2,
    /// A withdrawal.
    Withdraw(Withdraw) = 3,
    /// A request for one inference.
    Job(Job) = 4,
    /// A lease on a job.
    Take(Take) = 5,
    /// A claim.
    Claim(Claim) = 6,
    /// A challenge's commitment.
    Commit(Commit) = 7,
    /// A challenge's reveal.
    Reveal(Reveal) = 8,
    /// A dissection move.
    Dissection(Dissection) = 9,
    /// Evidence for a replay.
    Evidence(EvidenceMessage) = 10,
    /// A commitment below a layer.
    SubRoot(SubRoot) = 11,
    /// A dissection move below a layer.
    SubDissection(SubDissection) = 12,
    /// A dissection move inside a tensor.
    ChunkDissection(ChunkDissection) = 13,
    /// A proof that a key claimed twice.
    Equivocation(Equivocation) = 14,
    /// New parameters, with notice.
    Announce(Announce) = 15,
    /// What a step below a layer gives.
    StepValue(StepValue) = 16,
    /// Evidence for the replay of a step below a layer, or of one chunk of its value.
    StepEvidence(StepEvidence) = 17,
    /// The operator commits to lies that it will plant.
    CanaryCommit(CanaryCommit) = 18,
    /// The operator says that a claim was one of them.
    CanaryReveal(CanaryReveal) = 19,
}

impl Message {
    /// The kind, for errors, logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AdmitArtifact(_) => "admit_artifact",
            Self::Mint(_) => "mint",
            Self::Withdraw(_) => "withdraw",
            Self::Job(_) => "job",
            Self::Take(_) => "take",
            Self::Claim(_) => "claim",
            Self::Commit(_) => "commit",
            Self::Reveal(_) => "reveal",
            Self::Dissection(_) => "dissection",
            Self::Evidence(_) => "evidence",
            Self::SubRoot(_) => "sub_root",
            Self::SubDissection(_) => "sub_dissection",
            Self::ChunkDissection(_) => "chunk_dissection",
            Self::Equivocation(_) => "equivocation",
            Self::Announce(_) => "announce",
            Self::StepValue(_) => "step_value",
            Self::StepEvidence(_) => "step_evidence",
            Self::CanaryCommit(_) => "canary_commit",
            Self::CanaryReveal(_) => "canary_reveal",
        }
    }

    /// The blobs whose bytes must be held before the message can be admitted.
    pub fn required_blobs(&self) -> Vec<Digest> {
        let contents =
            |tensors: &[TensorRef]| tensors.iter().map(|tensor| tensor.content).collect();
        match self {
            Self::AdmitArtifact(admit) => vec![admit.manifest],
            Self::Job(job) => contents(&job.inputs),
            Self::Claim(claim) => contents(&claim.outputs),
            Self::Evidence(evidence) => {
                evidence.tensors.iter().map(|(_, tensor)| tensor.content).collect()
            }
            Self::StepEvidence(evidence) => {
                let tensors = evidence.tensors.iter().map(|(_, tensor)| tensor.content);
                tensors.chain(evidence.slices).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// `H(commitment; network, root, salt, challenger, claim)`: what a challenge commits to before its reveal.
pub fn challenge_commitment(
    network: NetworkId,
    root: Digest,
    salt: &[u8; 32],
    challenger: Key,
    claim: ClaimId,
) -> Digest {
    hash(Context::Commitment, &(network, root, salt, challenger, claim))
}
