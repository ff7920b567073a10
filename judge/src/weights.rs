//! Where the weights that the disputed layer reads come from.
//!
//! Artifact id, program and layer say which they are, so a case does not repeat them, however large they are. Whoever holds the
//! artifact judges with it: in memory it is verified already. Whoever does not is given their bytes, and each must be
//! what the manifest says.

use std::collections::BTreeMap;
use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::Tensor;
use gainsay_commitment::Digest;
use gainsay_model::{Artifact, ArtifactError, Manifest, Required, WeightSource};

use crate::decide::CaseError;

/// The weights to judge a case with.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// The job's artifact, verified when it was put together.
    Artifact(&'a Artifact),
    /// The bytes of those that the layer reads, to be verified.
    Bytes(&'a [WeightBytes]),
}

/// The bytes of one weight.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct WeightBytes {
    /// Its index in the manifest.
    pub index: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A weight that the disputed layer reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededWeight {
    /// Its index in the manifest.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The name of its blob: plain BLAKE3 of its bytes.
    pub content: Digest,
    /// How many bytes it has.
    pub bytes: u64,
}

impl fmt::Display for NeededWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} bytes, blob {}", self.name, self.bytes, self.content)
    }
}

/// What the manifest says of the weights that a layer requires.
pub(crate) fn needed(manifest: &Manifest, required: &Required) -> Vec<NeededWeight> {
    let named = |&index: &u32| {
        let entry = manifest.weights.get(index as usize)?;
        let bytes = entry.tensor.byte_len().ok()? as u64;
        Some(NeededWeight { index, name: entry.name.clone(), content: entry.content, bytes })
    };
    required.weights.iter().filter_map(named).collect()
}

/// The weights given as bytes, exactly those that the layer requires, verified.
pub(crate) fn verified(
    given: &[WeightBytes],
    manifest: &Manifest,
    required: &Required,
) -> Result<BTreeMap<u32, Tensor>, CaseError> {
    if given.is_empty() && !required.weights.is_empty() {
        return Err(CaseError::NoWeights(needed(manifest, required)));
    }
    if !given.iter().map(|weight| weight.index).eq(required.weights.iter().copied()) {
        return Err(CaseError::Mismatch("the weights are not those that the layer reads"));
    }
    let tensor = |weight: &WeightBytes| {
        Ok((weight.index, manifest.weight_from_bytes(weight.index, &weight.bytes)?))
    };
    let tensors = given.iter().map(tensor).collect::<Result<_, ArtifactError>>();
    Ok(tensors?)
}

/// Weights that are verified.
pub(crate) enum Verified<'a> {
    Artifact(&'a Artifact),
    Given(BTreeMap<u32, Tensor>),
}

impl Verified<'_> {
    pub(crate) fn source(&self) -> &dyn WeightSource {
        match self {
            Self::Artifact(artifact) => *artifact,
            Self::Given(tensors) => tensors,
        }
    }
}
