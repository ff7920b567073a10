//! The manifest: everything an artifact's id stands for, in canonical bytes.
//!
//! Programs and weights are named by the plain digest of their bytes, under which a blob store keeps them.
//! A manifest in memory has known versions, valid unique names and sizes within the limits it was read
//! under. The id is a digest with a context of its own, so it differs from the manifest's blob name.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::{NUMERICS_VERSION, Tensor, TensorType};
use gainsay_commitment::{Digest, ParseDigestError, artifact_digest, content, tensor_digest};

use crate::error::{ArtifactError, ProgramError, Versioned};
use crate::program::Program;
use crate::typed::TypedProgram;
use crate::validate::{MAX_WEIGHTS, WeightType, byte_len, check_count, check_name, check_names};

/// The version of the manifest, program and layer table encodings.
pub const FORMAT_VERSION: u32 = 1;
/// The most programs of an artifact.
pub const MAX_PROGRAMS: usize = 256;
/// A key of safetensors files that is no tensor.
const RESERVED_NAME: &str = "__metadata__";

/// The name of an artifact: `H(artifact; manifest)`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct ArtifactId(pub Digest);

impl fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ArtifactId {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What is accepted of an artifact that somebody else made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest, in either form.
    pub max_manifest_bytes: u64,
    /// Bytes of one program.
    pub max_program_bytes: u64,
    /// Bytes of all weights together.
    pub max_weights_bytes: u64,
}

impl Default for Limits {
    /// 16 MiB of manifest, 64 MiB per program, 64 GiB of weights.
    fn default() -> Self {
        Self {
            max_manifest_bytes: 16 << 20,
            max_program_bytes: 64 << 20,
            max_weights_bytes: 64 << 30,
        }
    }
}

impl Limits {
    /// Refuses what is over `limit`.
    pub(crate) fn check(
        place: impl FnOnce() -> String,
        bytes: u64,
        limit: u64,
    ) -> Result<(), ArtifactError> {
        if bytes <= limit {
            return Ok(());
        }
        Err(ArtifactError::TooLarge { place: place(), bytes, limit })
    }
}

/// A program as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProgramEntry {
    /// The program's name.
    pub name: String,
    /// Plain BLAKE3 of its canonical bytes.
    pub content: Digest,
    /// Digest of its layer table, which anyone can recompute from the program.
    pub layer_table: Digest,
}

/// A weight as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct WeightEntry {
    /// The parameter path.
    pub name: String,
    /// Element type and shape.
    pub tensor: TensorType,
    /// Plain BLAKE3 of its bytes.
    pub content: Digest,
}

impl WeightEntry {
    /// The tensor digest, as a state would list it.
    pub fn digest(&self) -> Digest {
        tensor_digest(self.tensor.dtype as u8, &self.tensor.shape, self.content)
    }

    /// What errors call it.
    pub(crate) fn place(&self) -> String {
        format!("weight {:?}", self.name)
    }

    /// Whether these are its bytes.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), ArtifactError> {
        check_digest(|| self.place(), self.content, content(bytes))
    }
}

/// What an artifact is made of.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Manifest {
    /// The version of the encodings.
    pub format_version: u32,
    /// The version of the arithmetic.
    pub numerics_version: u32,
    /// The model's name, for people.
    pub name: String,
    /// The entry points.
    pub programs: Vec<ProgramEntry>,
    /// The weights that the programs share.
    pub weights: Vec<WeightEntry>,
}

impl Manifest {
    /// The canonical bytes, which are also a blob.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory fails only beyond 2^32 elements of one list, far over the limits here.
        borsh::to_vec(self).unwrap_or_default()
    }

    /// The artifact id.
    pub fn id(&self) -> ArtifactId {
        ArtifactId(artifact_digest(&self.encode()))
    }

    /// A manifest from its canonical bytes.
    ///
    /// # Errors
    /// If it is of an unknown version (found before anything else is read), not canonical, or over a limit.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, ArtifactError> {
        Limits::check(|| "the manifest".into(), bytes.len() as u64, limits.max_manifest_bytes)?;
        let malformed =
            |reason: String| ArtifactError::Malformed { place: "the manifest".into(), reason };
        let mut rest = bytes;
        let versions = <(u32, u32)>::deserialize(&mut rest);
        let (format, numerics) = versions.map_err(|error| malformed(error.to_string()))?;
        check_versions(format, numerics)?;
        let manifest: Self =
            borsh::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        manifest.check(limits)?;
        Ok(manifest)
    }

    /// Checks versions, names and sizes.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self, limits: &Limits) -> Result<(), ArtifactError> {
        check_versions(self.format_version, self.numerics_version)?;
        self.check_names().map_err(ArtifactError::Manifest)?;
        let mut total = 0u64;
        for weight in &self.weights {
            let bytes = byte_len(|| format!("weight {:?}", weight.name), &weight.tensor);
            total = total.saturating_add(bytes.map_err(ArtifactError::Manifest)?);
        }
        Limits::check(|| "the weights together".into(), total, limits.max_weights_bytes)
    }

    fn check_names(&self) -> Result<(), ProgramError> {
        check_name("artifact", &self.name)?;
        check_count("programs", self.programs.len(), 1, MAX_PROGRAMS)?;
        check_count("weights", self.weights.len(), 0, MAX_WEIGHTS)?;
        check_names("program", self.programs.iter().map(|program| program.name.as_str()))?;
        if let Some(entry) = self.weights.iter().find(|weight| weight.name == RESERVED_NAME) {
            return Err(ProgramError::Name { what: "weight", name: entry.name.clone() });
        }
        check_names("weight", self.weights.iter().map(|weight| weight.name.as_str()))
    }

    /// Bytes of all weights together.
    pub fn weight_bytes(&self) -> u64 {
        let bytes = |weight: &WeightEntry| weight.tensor.byte_len().map_or(0, |bytes| bytes as u64);
        self.weights.iter().map(bytes).sum()
    }

    /// The weights as programs are validated against them.
    pub fn weight_types(&self) -> Vec<WeightType> {
        let entries = self.weights.iter();
        entries.map(|w| WeightType { name: w.name.clone(), tensor: w.tensor.clone() }).collect()
    }

    /// The program at `index` from its bytes, checked against the manifest, layer table included. This and
    /// the weights that a layer reads are enough to judge that layer without the rest of the artifact.
    ///
    /// # Errors
    /// If there is no such program, the bytes are not it, or it is not valid.
    pub fn typed_program(&self, index: u32, bytes: &[u8]) -> Result<TypedProgram, ArtifactError> {
        self.typed_program_with(index, bytes, &self.weight_types())
    }

    pub(crate) fn typed_program_with(
        &self,
        index: u32,
        bytes: &[u8],
        weights: &[WeightType],
    ) -> Result<TypedProgram, ArtifactError> {
        let missing = ArtifactError::NoProgram { index, count: self.programs.len() };
        let entry = self.programs.get(index as usize).ok_or(missing)?;
        let place = || format!("program {:?}", entry.name);
        check_digest(place, entry.content, content(bytes))?;
        let refused = |source| ArtifactError::Program { program: entry.name.clone(), source };
        let typed = Program::decode(bytes)
            .and_then(|program| program.validate(weights))
            .map_err(refused)?;
        if typed.program().name != entry.name {
            let reason = format!("the program calls itself {:?}", typed.program().name);
            return Err(ArtifactError::Malformed { place: place(), reason });
        }
        let layers = || format!("the layer table of program {:?}", entry.name);
        check_digest(layers, entry.layer_table, typed.layer_table().digest())?;
        Ok(typed)
    }

    /// The weight at `index` from its bytes, checked against the manifest.
    ///
    /// # Errors
    /// If there is no such weight, or the bytes are not it.
    pub fn weight_from_bytes(&self, index: u32, bytes: &[u8]) -> Result<Tensor, ArtifactError> {
        let missing = ArtifactError::NoWeight { index, count: self.weights.len() };
        let entry = self.weights.get(index as usize).ok_or(missing)?;
        entry.check(bytes)?;
        let malformed = |error: gainsay_canon::TensorError| ArtifactError::Malformed {
            place: entry.place(),
            reason: error.to_string(),
        };
        Tensor::from_bytes(&entry.tensor, bytes).map_err(malformed)
    }
}

/// The gate: nothing of an unknown version is read, run or judged.
pub(crate) fn check_versions(format: u32, numerics: u32) -> Result<(), ArtifactError> {
    for (what, found, known) in [
        (Versioned::Format, format, FORMAT_VERSION),
        (Versioned::Numerics, numerics, NUMERICS_VERSION),
    ] {
        if found != known {
            return Err(ArtifactError::UnknownVersion { what, found, known });
        }
    }
    Ok(())
}

fn check_digest(
    place: impl FnOnce() -> String,
    declared: Digest,
    found: Digest,
) -> Result<(), ArtifactError> {
    if declared == found {
        return Ok(());
    }
    Err(ArtifactError::Digest { place: place(), declared, found })
}
