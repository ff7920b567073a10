//! The artifact: a captured model, named by the digest of its manifest.
//!
//! An [`Artifact`] in memory is verified: every program is valid, its layer table is the recomputed one,
//! every weight has its digest, and every weight is read by some program. It can be written to a folder
//! (`folder.rs`) or handed out as blobs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use gainsay_canon::{NUMERICS_VERSION, Tensor};
use gainsay_commitment::{Digest, Outboard, content};

use crate::below::Whole;
use crate::error::{ArtifactError, FetchError};
use crate::manifest::{ArtifactId, FORMAT_VERSION, Limits, Manifest, ProgramEntry, WeightEntry};
use crate::program::Program;
use crate::typed::TypedProgram;
use crate::validate::WeightType;

/// A captured model: programs, layers, weights and manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    id: ArtifactId,
    programs: Vec<Arc<TypedProgram>>,
    weights: Vec<Arc<Tensor>>,
    weight_digests: Vec<Digest>,
    /// Made when first needed.
    outboards: Vec<OnceLock<Outboard>>,
}

/// Where weights come from, by their index in the manifest: an artifact, or those that one layer reads.
pub trait WeightSource {
    /// The weight, if it is there.
    fn weight(&self, index: u32) -> Option<&Tensor>;
}

impl WeightSource for Artifact {
    fn weight(&self, index: u32) -> Option<&Tensor> {
        self.weights.get(index as usize).map(Arc::as_ref)
    }
}

impl WeightSource for BTreeMap<u32, Tensor> {
    fn weight(&self, index: u32) -> Option<&Tensor> {
        self.get(&index)
    }
}

impl WeightSource for Vec<Tensor> {
    fn weight(&self, index: u32) -> Option<&Tensor> {
        self.get(index as usize)
    }
}

/// Where the parts come from that a manifest names.
pub(crate) trait Parts<E> {
    /// The bytes of a program.
    fn program(&mut self, index: usize, entry: &ProgramEntry) -> Result<Vec<u8>, E>;
    /// A weight, checked against the manifest.
    fn weight(&mut self, manifest: &Manifest, index: u32, entry: &WeightEntry)
    -> Result<Tensor, E>;
}

/// Parts from blobs by content digest.
struct Blobs<'f, E>(&'f mut dyn FnMut(Digest) -> Result<Vec<u8>, E>);

impl<E: std::error::Error + 'static> Blobs<'_, E> {
    fn fetch(&mut self, place: String, content: Digest) -> Result<Vec<u8>, FetchError<E>> {
        (self.0)(content).map_err(|source| FetchError::Fetch { place, content, source })
    }
}

impl<E: std::error::Error + 'static> Parts<FetchError<E>> for Blobs<'_, E> {
    fn program(&mut self, _: usize, entry: &ProgramEntry) -> Result<Vec<u8>, FetchError<E>> {
        self.fetch(format!("program {:?}", entry.name), entry.content)
    }

    fn weight(
        &mut self,
        manifest: &Manifest,
        index: u32,
        entry: &WeightEntry,
    ) -> Result<Tensor, FetchError<E>> {
        let bytes = self.fetch(format!("weight {:?}", entry.name), entry.content)?;
        Ok(manifest.weight_from_bytes(index, &bytes)?)
    }
}

impl Artifact {
    /// An artifact of these programs, which share these weights by index. Weights that no program reads are
    /// left out and the programs renumbered, so that an artifact carries nothing that a run does not need.
    ///
    /// # Errors
    /// If a program is not valid, or a name is missing, repeated or not printable ASCII.
    pub fn new(
        name: impl Into<String>,
        weights: Vec<(String, Tensor)>,
        programs: Vec<Program>,
    ) -> Result<Self, ArtifactError> {
        let (weights, programs) = drop_unread(weights, programs);
        let (names, weights): (Vec<String>, Vec<Tensor>) = weights.into_iter().unzip();
        let entries: Vec<WeightEntry> = names
            .into_iter()
            .zip(&weights)
            .map(|(name, weight)| WeightEntry {
                name,
                tensor: weight.tensor_type().clone(),
                content: content(&weight.bytes()),
            })
            .collect();
        let mut manifest = Manifest {
            format_version: FORMAT_VERSION,
            numerics_version: NUMERICS_VERSION,
            name: name.into(),
            programs: Vec::with_capacity(programs.len()),
            weights: entries,
        };
        let types = manifest.weight_types();
        let mut typed = Vec::with_capacity(programs.len());
        for program in programs {
            let (name, bytes) = (program.name.clone(), program.encode());
            let refused = |source| ArtifactError::Program { program: name.clone(), source };
            let program = program.validate(&types).map_err(refused)?;
            let layer_table = program.layer_table().digest();
            manifest.programs.push(ProgramEntry { name, content: content(&bytes), layer_table });
            typed.push(program);
        }
        // What one makes oneself has no size limit but those of programs and tensors.
        let unlimited = Limits {
            max_manifest_bytes: u64::MAX,
            max_program_bytes: u64::MAX,
            max_weights_bytes: u64::MAX,
        };
        manifest.check(&unlimited)?;
        Self::verified(manifest, typed, weights)
    }

    /// An artifact from blobs: the manifest's bytes, and programs and weights fetched by content digest.
    /// Sizes are checked against `limits` before anything is fetched, digests after.
    ///
    /// # Errors
    /// If a blob cannot be had, or anything is refused.
    pub fn from_blobs<E: std::error::Error + 'static>(
        manifest: &[u8],
        limits: &Limits,
        fetch: &mut dyn FnMut(Digest) -> Result<Vec<u8>, E>,
    ) -> Result<Self, FetchError<E>> {
        let manifest = Manifest::decode(manifest, limits)?;
        Self::assemble(manifest, limits, &mut Blobs(fetch))
    }

    /// Puts an artifact together from a checked manifest and its parts, verifying each part.
    pub(crate) fn assemble<E: From<ArtifactError>>(
        manifest: Manifest,
        limits: &Limits,
        parts: &mut dyn Parts<E>,
    ) -> Result<Self, E> {
        let types: Vec<WeightType> = manifest.weight_types();
        let mut programs = Vec::with_capacity(manifest.programs.len());
        for (index, entry) in manifest.programs.iter().enumerate() {
            let bytes = parts.program(index, entry)?;
            let place = || format!("program {:?}", entry.name);
            Limits::check(place, bytes.len() as u64, limits.max_program_bytes)?;
            programs.push(manifest.typed_program_with(index as u32, &bytes, &types)?);
        }
        let mut weights = Vec::with_capacity(manifest.weights.len());
        for (index, entry) in (0u32..).zip(&manifest.weights) {
            weights.push(parts.weight(&manifest, index, entry)?);
        }
        Ok(Self::verified(manifest, programs, weights)?)
    }

    fn verified(
        manifest: Manifest,
        programs: Vec<TypedProgram>,
        weights: Vec<Tensor>,
    ) -> Result<Self, ArtifactError> {
        let read: BTreeSet<u32> =
            programs.iter().flat_map(|program| program.program().weights.iter().copied()).collect();
        let unread = (0u32..).zip(&manifest.weights).find(|(index, _)| !read.contains(index));
        if let Some((_, entry)) = unread {
            return Err(ArtifactError::UnreadWeight { name: entry.name.clone() });
        }
        let weight_digests = manifest.weights.iter().map(WeightEntry::digest).collect();
        let programs = programs.into_iter().map(Arc::new).collect();
        let weights = weights.into_iter().map(Arc::new).collect();
        let manifest_bytes = manifest.encode();
        let id = manifest.id();
        let outboards = manifest.weights.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { manifest, manifest_bytes, id, programs, weights, weight_digests, outboards })
    }

    /// The artifact's id.
    pub fn id(&self) -> ArtifactId {
        self.id
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest's canonical bytes: the first blob, named by [`Artifact::manifest_content`].
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// Plain BLAKE3 of the manifest's bytes: its blob name, which is not the id.
    pub fn manifest_content(&self) -> Digest {
        content(&self.manifest_bytes)
    }

    /// The programs, in manifest order.
    pub fn programs(&self) -> &[Arc<TypedProgram>] {
        &self.programs
    }

    /// The program at `index`.
    pub fn program(&self, index: u32) -> Option<&Arc<TypedProgram>> {
        self.programs.get(index as usize)
    }

    /// The index of the program with this name.
    pub fn program_index(&self, name: &str) -> Option<u32> {
        let position = self.manifest.programs.iter().position(|program| program.name == name)?;
        u32::try_from(position).ok()
    }

    /// The weights, in manifest order; shared with whoever prepares them for kernels.
    pub fn weights(&self) -> &[Arc<Tensor>] {
        &self.weights
    }

    /// The weight at `index` of the manifest.
    pub fn weight(&self, index: u32) -> Option<&Tensor> {
        self.weights.get(index as usize).map(Arc::as_ref)
    }

    /// The tensor digest of the weight at `index` of the manifest.
    pub fn weight_digest(&self, index: u32) -> Option<Digest> {
        self.weight_digests.get(index as usize).copied()
    }

    /// The weight at `index` of the manifest, to cut slices from. Its parts are hashed the first time.
    pub fn weight_whole(&self, index: u32) -> Option<Whole<'_>> {
        let (weight, kept) = (self.weight(index)?, self.outboards.get(index as usize)?);
        let bytes = weight.bytes();
        let kept = kept.get_or_init(|| Outboard::of(&bytes));
        Some(Whole::kept(bytes, kept))
    }

    /// Hashes the parts of every weight now, so that no judgement has to.
    pub fn prepare_slices(&self) {
        for index in 0..self.weights.len() as u32 {
            self.weight_whole(index);
        }
    }

    /// Every blob once: the manifest, each program, each weight, under the content digest of its bytes.
    pub fn blobs(&self) -> Vec<(Digest, Cow<'_, [u8]>)> {
        let manifest = (self.manifest_content(), Cow::Borrowed(self.manifest_bytes()));
        let programs = self.manifest.programs.iter().zip(&self.programs);
        let programs = programs.map(|(entry, p)| (entry.content, Cow::Owned(p.program().encode())));
        let weights = self.manifest.weights.iter().zip(&self.weights);
        let weights = weights.map(|(entry, weight)| (entry.content, weight.bytes()));
        let mut seen = BTreeSet::new();
        let all = [manifest].into_iter().chain(programs).chain(weights);
        all.filter(|(content, _)| seen.insert(*content)).collect()
    }
}

/// Leaves out the weights that no program reads, and renumbers the programs' lists.
fn drop_unread(
    weights: Vec<(String, Tensor)>,
    mut programs: Vec<Program>,
) -> (Vec<(String, Tensor)>, Vec<Program>) {
    let read: BTreeSet<u32> =
        programs.iter().flat_map(|program| program.weights.iter().copied()).collect();
    let renumbered: BTreeMap<u32, u32> = read.iter().copied().zip(0u32..).collect();
    let all_there = read.last().is_none_or(|&last| (last as usize) < weights.len());
    // An index that does not exist is left for validation to name.
    if all_there {
        for index in programs.iter_mut().flat_map(|program| &mut program.weights) {
            *index = renumbered.get(index).copied().unwrap_or(*index);
        }
        let kept = (0u32..).zip(weights).filter(|(index, _)| read.contains(index));
        return (kept.map(|(_, weight)| weight).collect(), programs);
    }
    (weights, programs)
}
