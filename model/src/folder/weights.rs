//! `weights.safetensors`: all weights in one file that other tools read too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use gainsay_canon::{DType, Tensor, TensorType};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, View};

use crate::artifact::Artifact;
use crate::error::{ArtifactError, FileAction};
use crate::manifest::{Manifest, WeightEntry};

/// The longest header that the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

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

/// An open file whose tensors are the manifest's weights, by name and type, one after the other and nothing else. They are
/// read one by one into the memory that keeps them, so that loading takes no more memory than having them.
pub(super) struct Weights {
    path: PathBuf,
    file: File,
    /// Where each begins in the file.
    offsets: BTreeMap<String, u64>,
}

impl Weights {
    /// Opens a file and holds its header against the manifest.
    pub(super) fn open(path: &Path, manifest: &Manifest) -> Result<Self, ArtifactError> {
        let failed = super::file(FileAction::Read, path);
        let mut file = File::open(path).map_err(&failed)?;
        let bytes = file.metadata().map_err(&failed)?.len();
        let (header, start) = header(path, &mut file, bytes)?;
        let tensors = header.tensors();
        if tensors.len() != manifest.weights.len() {
            let (found, due) = (tensors.len(), manifest.weights.len());
            return Err(malformed(path, format!("{found} tensors, the manifest has {due}")));
        }
        let mut offsets = BTreeMap::new();
        let mut ranges = Vec::with_capacity(manifest.weights.len());
        for entry in &manifest.weights {
            let found = tensors.get(&entry.name);
            let missing = || malformed(path, format!("there is no tensor {:?}", entry.name));
            let (begin, end) = checked(path, entry, found.ok_or_else(missing)?)?;
            offsets.insert(entry.name.clone(), start.saturating_add(begin));
            ranges.push((begin, end));
        }
        ranges.sort_unstable();
        let mut ends = [0].into_iter().chain(ranges.iter().map(|(_, end)| *end));
        let whole = ranges.iter().all(|(begin, _)| ends.next() == Some(*begin))
            && ends.next().and_then(|end| start.checked_add(end)) == Some(bytes);
        if !whole {
            return Err(malformed(path, "the tensors do not fill the file"));
        }
        Ok(Self { path: path.to_owned(), file, offsets })
    }

    /// Reads a weight and checks it against its digest.
    pub(super) fn read(&mut self, entry: &WeightEntry) -> Result<Tensor, ArtifactError> {
        let missing = || malformed(&self.path, format!("there is no tensor {:?}", entry.name));
        let offset = *self.offsets.get(&entry.name).ok_or_else(missing)?;
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| {
            // What is no tensor has another digest too, and that is what is reported.
            let bytes = TensorType::new(raw(entry.tensor.dtype), entry.tensor.shape.clone());
            Tensor::read(&bytes, &mut self.file)
        });
        let tensor = read.map_err(super::file(FileAction::Read, &self.path))?;
        entry.check(&tensor.bytes())?;
        if *tensor.tensor_type() == entry.tensor {
            return Ok(tensor);
        }
        let bools = Tensor::from_bytes(&entry.tensor, &tensor.bytes());
        bools.map_err(|error| malformed(&self.path, format!("{:?}: {error}", entry.name)))
    }
}

/// A type whose every byte is valid.
fn raw(dtype: DType) -> DType {
    if dtype == DType::Bool { DType::U8 } else { dtype }
}

/// The header of an open file, and where the tensors' bytes begin.
fn header(path: &Path, file: &mut File, bytes: u64) -> Result<(Metadata, u64), ArtifactError> {
    let failed = super::file(FileAction::Read, path);
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| malformed(path, "it is too short"))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES || length > bytes.saturating_sub(8) {
        return Err(malformed(path, format!("its header would be {length} bytes of {bytes}")));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).map_err(failed)?;
    let header = serde_json::from_slice(&text).map_err(|error| malformed(path, error))?;
    Ok((header, length.saturating_add(8)))
}

/// Where a tensor begins and ends, which has the type that the manifest says.
fn checked(
    path: &Path,
    entry: &WeightEntry,
    found: &TensorInfo,
) -> Result<(u64, u64), ArtifactError> {
    let shape = found.shape.iter().map(|&extent| extent as u64);
    let (begin, end) = (found.data_offsets.0 as u64, found.data_offsets.1 as u64);
    let length = entry.tensor.byte_len().ok().map(|length| length as u64);
    if found.dtype != file_type(entry.tensor.dtype)
        || !shape.eq(entry.tensor.shape.iter().copied())
        || end.checked_sub(begin) != length
    {
        let found = format!("{}{:?}, {begin} to {end}", found.dtype, found.shape);
        let reason = format!("{:?} is {found}, the manifest has {}", entry.name, entry.tensor);
        return Err(malformed(path, reason));
    }
    Ok((begin, end))
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
