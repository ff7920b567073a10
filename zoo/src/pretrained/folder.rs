//! A folder of published weights: one safetensors file or several shards, read one tensor at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use serde::de::DeserializeOwned;

use super::header::{self, Entry};
use super::{Part, PretrainedError, widen_bf16, widen_f16};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// The most bytes of a JSON file that is read: the tokenizers of large vocabularies have 30 MB.
const MAX_JSON_BYTES: u64 = 256 << 20;
/// Rows that are transposed together, so that a cache line of the result is written at once.
const ROWS: usize = 16;

/// The tensors of a folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    files: Vec<(PathBuf, File)>,
    tensors: BTreeMap<String, (usize, Entry)>,
}

impl Folder {
    /// Opens the weights in `path` and reads their headers.
    ///
    /// # Errors
    /// If there are none, or a header is damaged.
    pub fn open(path: &Path) -> Result<Self, PretrainedError> {
        let mut folder =
            Self { path: path.to_owned(), files: Vec::new(), tensors: BTreeMap::new() };
        for file in weight_files(path)? {
            let failed = |source| PretrainedError::File { path: file.clone(), source };
            let mut opened = File::open(&file).map_err(failed)?;
            for (name, entry) in header::read(&file, &mut opened)? {
                if folder.tensors.insert(name.clone(), (folder.files.len(), entry)).is_some() {
                    let reason = format!("another file of the folder holds `{name}` too");
                    return Err(PretrainedError::Malformed { path: file, reason });
                }
            }
            folder.files.push((file, opened));
        }
        Ok(folder)
    }

    /// The file that the weights are in, or their folder if there are several.
    #[must_use]
    pub fn location(&self) -> &Path {
        match self.files.as_slice() {
            [(file, _)] => file,
            _ => &self.path,
        }
    }

    /// Every tensor's name.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.tensors.keys().cloned().collect()
    }

    /// The bytes that all tensors have as f32.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let elements = |entry: &Entry| entry.shape.iter().product::<usize>() as u64;
        self.tensors.values().map(|(_, entry)| elements(entry) * 4).sum()
    }

    /// The shape of a tensor, if there is such a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, entry)| entry.shape.as_slice())
    }

    /// The rows of a tensor that `part` names, as f32. `shape` is the whole tensor's; with [`Layout::Transposed`] the
    /// result is the matrix of those rows, transposed.
    pub(super) fn read(
        &mut self,
        part: &Part,
        shape: &[usize],
        layout: Layout,
    ) -> Result<Vec<f32>, PretrainedError> {
        let name = &part.name;
        let Some((file, entry)) = self.tensors.get(name) else {
            let path = self.location().to_owned();
            return Err(PretrainedError::Missing {
                path,
                name: name.clone(),
                shape: shape.to_vec(),
            });
        };
        let Some((path, file)) = self.files.get_mut(*file) else {
            let path = self.path.clone();
            return Err(PretrainedError::Missing {
                path,
                name: name.clone(),
                shape: shape.to_vec(),
            });
        };
        if entry.shape != shape {
            return Err(PretrainedError::Shape {
                path: path.clone(),
                name: name.clone(),
                expected: shape.to_vec(),
                found: entry.shape.clone(),
            });
        }
        let Some(widen) = Widen::of(entry.dtype) else {
            let found = entry.dtype;
            return Err(PretrainedError::Element { path: path.clone(), name: name.clone(), found });
        };
        let elements: usize = shape.iter().product::<usize>() / part.of;
        let skipped = (elements * part.index * widen.width()) as u64;
        let failed = |source| PretrainedError::File { path: path.clone(), source };
        file.seek(SeekFrom::Start(entry.offset + skipped)).map_err(failed)?;
        let rows = shape.first().map_or(1, |rows| rows / part.of);
        let mut rows = Rows { file, widen, columns: elements / rows.max(1), rows };
        match layout {
            Layout::AsIs => rows.straight(),
            Layout::Transposed => rows.transposed(),
        }
        .map_err(failed)
    }
}

/// Whether a matrix is wanted as it lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    AsIs,
    Transposed,
}

/// How bytes become f32.
#[derive(Clone, Copy)]
enum Widen {
    F32,
    F16,
    Bf16,
}

impl Widen {
    fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(Self::F32),
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::Bf16),
            _ => None,
        }
    }

    fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn append(self, bytes: &[u8], values: &mut Vec<f32>) {
        let halves = || bytes.as_chunks::<2>().0.iter().map(|&half| u16::from_le_bytes(half));
        match self {
            Self::F32 => {
                values
                    .extend(bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)));
            }
            Self::F16 => values.extend(halves().map(widen_f16)),
            Self::Bf16 => values.extend(halves().map(widen_bf16)),
        }
    }
}

/// Rows of a tensor from where the file stands.
struct Rows<'a> {
    file: &'a mut File,
    widen: Widen,
    rows: usize,
    columns: usize,
}

impl Rows<'_> {
    fn straight(&mut self) -> std::io::Result<Vec<f32>> {
        let mut values = Vec::with_capacity(self.rows * self.columns);
        self.blocks(|_, block| values.extend_from_slice(block))?;
        Ok(values)
    }

    fn transposed(&mut self) -> std::io::Result<Vec<f32>> {
        let (rows, columns) = (self.rows, self.columns);
        let mut values = vec![0.0; rows * columns];
        self.blocks(|first, block| {
            for (column, results) in values.chunks_exact_mut(rows).enumerate() {
                let results = results.iter_mut().skip(first);
                for (result, row) in results.zip(block.chunks_exact(columns)) {
                    *result = row.get(column).copied().unwrap_or_default();
                }
            }
        })?;
        Ok(values)
    }

    /// Hands out up to [`ROWS`] rows at a time with the first one's number.
    fn blocks(&mut self, mut take: impl FnMut(usize, &[f32])) -> std::io::Result<()> {
        if self.columns == 0 {
            return Ok(());
        }
        let (mut bytes, mut values) = (Vec::new(), Vec::new());
        for first in (0..self.rows).step_by(ROWS) {
            let rows = ROWS.min(self.rows - first);
            bytes.resize(rows * self.columns * self.widen.width(), 0);
            self.file.read_exact(&mut bytes)?;
            values.clear();
            self.widen.append(&bytes, &mut values);
            take(first, &values);
        }
        Ok(())
    }
}

/// The weight files of a folder: the one, the indexed shards, or the only one of another name.
fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, PretrainedError> {
    let single = folder.join(SINGLE);
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join(INDEX);
    if index.is_file() {
        return shards(folder, &index);
    }
    let entries = fs::read_dir(folder)
        .map_err(|source| PretrainedError::File { path: folder.to_owned(), source })?;
    let files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let with = |extension: &str| -> Vec<&PathBuf> {
        files.iter().filter(|file| file.extension().is_some_and(|e| e == extension)).collect()
    };
    if let [only] = with("safetensors").as_slice() {
        return Ok(vec![(*only).clone()]);
    }
    let pickled = !with("bin").is_empty() || !with("pt").is_empty() || !with("pth").is_empty();
    let hint = match pickled {
        true => "; convert the PyTorch file with safetensors.torch.save_file",
        false => "",
    };
    Err(PretrainedError::NoWeights { folder: folder.to_owned(), hint })
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, PretrainedError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let names: BTreeSet<String> = read_json::<Index>(index)?.weight_map.into_values().collect();
    let shard = |name: &String| {
        // A shard lies beside its index.
        if Path::new(name).file_name().is_none_or(|only| only != name.as_str()) {
            let reason = format!("{name:?} is not the name of a file in the same folder");
            return Err(PretrainedError::Malformed { path: index.to_owned(), reason });
        }
        Ok(folder.join(name))
    };
    names.iter().map(shard).collect()
}

/// A JSON file, with the place of what is wrong with it.
///
/// # Errors
/// If it cannot be read, is too large or has another content.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, PretrainedError> {
    let failed = |source| PretrainedError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_JSON_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(|error| PretrainedError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Why a configuration's sizes cannot be those of a model: they come from a file, and are multiplied with each other.
#[must_use]
pub fn check_sizes(sizes: &[usize], blocks: usize) -> Option<String> {
    const MAX_SIZE: usize = 1 << 24;
    const MAX_BLOCKS: usize = 1 << 12;
    if let Some(size) = sizes.iter().find(|&&size| size == 0 || size > MAX_SIZE) {
        return Some(format!("a size is {size}: expected 1 to {MAX_SIZE}"));
    }
    (blocks > MAX_BLOCKS).then(|| format!("{blocks} blocks: expected at most {MAX_BLOCKS}"))
}
