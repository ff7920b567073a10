//! The header of a safetensors file, checked before anything of the file is believed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::PretrainedError;

/// The most bytes of a header; the format's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// One tensor in a file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Where its bytes begin in the file.
    pub(super) offset: u64,
}

/// The tensors of an open file: every one lies inside the file and has as many bytes as its shape says.
pub(super) fn read(
    path: &Path,
    file: &mut File,
) -> Result<BTreeMap<String, Entry>, PretrainedError> {
    let failed = |source| PretrainedError::File { path: path.to_owned(), source };
    let malformed = |reason: String| PretrainedError::Malformed { path: path.to_owned(), reason };
    let total = file.metadata().map_err(failed)?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|_| malformed("not a safetensors file: it has no header".into()))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES || length > total.saturating_sub(8) {
        return Err(malformed(format!(
            "not a safetensors file: its header would be {length} bytes of {total}"
        )));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(failed)?;
    let metadata: Metadata = serde_json::from_slice(&header)
        .map_err(|error| malformed(format!("its header cannot be read: {error}")))?;
    let start = 8 + length;
    let mut entries = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let (begin, end) = info.data_offsets;
        let bits = info
            .shape
            .iter()
            .try_fold(info.dtype.bitsize(), |bits, &extent| bits.checked_mul(extent));
        let fits = end.checked_sub(begin).and_then(|bytes| bytes.checked_mul(8)) == bits
            && bits.is_some()
            && start.checked_add(end as u64).is_some_and(|end| end <= total);
        if !fits {
            return Err(malformed(format!(
                "the tensor `{name}` of shape {:?} does not lie in the file (bytes {begin} to {end}): is it complete?",
                info.shape
            )));
        }
        let (dtype, shape) = (info.dtype, info.shape.clone());
        entries.insert(name, Entry { dtype, shape, offset: start + begin as u64 });
    }
    Ok(entries)
}
