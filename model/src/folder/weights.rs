//! `weights.safetensors`: all weights in one file that other tools read too.

use std::borrow::Cow;
use std::path::Path;

use gainsay_canon::{DType, Tensor};
use safetensors::{Dtype, SafeTensors, View};

use crate::artifact::Artifact;
use crate::error::ArtifactError;
use crate::manifest::{Manifest, WeightEntry};

/// The longest header that the format allows, with its length field.
const MAX_HEADER_BYTES: u64 = 100_000_000 + 8;

/// A weight as the format writes it.
struct Written<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl View for Written<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The file's bytes: a function of the weights' names, types and bytes.
pub(super) fn serialize(artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
    let entries = artifact.manifest().weights.iter().zip(artifact.weights());
    let written = entries.map(|(entry, weight)| (entry.name.as_str(), written(weight)));
    safetensors::serialize(written, None)
        .map_err(|error| malformed(Path::new(super::WEIGHTS), error))
}

fn written(weight: &Tensor) -> Written<'_> {
    Written {
        dtype: file_type(weight.dtype()),
        shape: weight.shape().iter().map(|&extent| extent as usize).collect(),
        bytes: weight.bytes(),
    }
}

/// The most bytes that the file of these weights can have.
pub(super) fn max_bytes(manifest: &Manifest) -> u64 {
    manifest.weight_bytes().saturating_add(MAX_HEADER_BYTES)
}

/// A file that has the form of the format and as many tensors as the manifest has weights.
pub(super) struct Weights<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> Weights<'a> {
    pub(super) fn parse(
        path: &'a Path,
        file: &'a [u8],
        manifest: &Manifest,
    ) -> Result<Self, ArtifactError> {
        let tensors = SafeTensors::deserialize(file).map_err(|error| malformed(path, error))?;
        if tensors.len() != manifest.weights.len() {
            let (found, due) = (tensors.len(), manifest.weights.len());
            return Err(malformed(path, format!("{found} tensors, the manifest has {due}")));
        }
        Ok(Self { path, tensors })
    }

    /// The bytes of a weight, which has the type that the manifest says.
    pub(super) fn bytes(&self, entry: &WeightEntry) -> Result<Cow<'a, [u8]>, ArtifactError> {
        let view = self.tensors.tensor(&entry.name).map_err(|error| malformed(self.path, error))?;
        let shape = view.shape().iter().map(|&extent| extent as u64);
        if view.dtype() != file_type(entry.tensor.dtype)
            || !shape.eq(entry.tensor.shape.iter().copied())
        {
            let found = format!("{}{:?}", view.dtype(), view.shape());
            let reason = format!("{:?} is {found}, the manifest has {}", entry.name, entry.tensor);
            return Err(malformed(self.path, reason));
        }
        Ok(Cow::Borrowed(view.data()))
    }
}

fn file_type(dtype: DType) -> Dtype {
    match dtype {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I8 => Dtype::I8,
        DType::I16 => Dtype::I16,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::U8 => Dtype::U8,
        DType::U16 => Dtype::U16,
        DType::U32 => Dtype::U32,
        DType::U64 => Dtype::U64,
        DType::Bool => Dtype::BOOL,
    }
}

fn malformed(path: &Path, reason: impl ToString) -> ArtifactError {
    ArtifactError::Malformed { place: path.display().to_string(), reason: reason.to_string() }
}
