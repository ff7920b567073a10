//! From a module's paths and layouts to PyTorch's.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::folder::Layout;
use super::{Folder, PretrainedError, Source, Wanted};

/// Some rows of a tensor: part `index` of `of` equal ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The tensor's name.
    pub name: String,
    /// Which part.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl Part {
    /// All rows.
    pub fn whole(name: impl Into<String>) -> Self {
        Self { name: name.into(), index: 0, of: 1 }
    }
}

/// How a model's parameters are called in published files.
pub trait Naming {
    /// The tensor of the parameter at `path`, whose last name is PyTorch's already (`weight` and `bias` of a norm).
    fn part(&self, path: &str) -> Part;

    /// Whether a tensor of the file is known and of no use to the module: buffers, other heads.
    fn unneeded(&self, name: &str) -> bool;
}

/// A path with every left-hand side of `rules` replaced by its right-hand side, in order.
#[must_use]
pub fn renamed(path: &str, rules: &[(&str, &str)]) -> String {
    rules.iter().fold(path.to_owned(), |name, (ours, theirs)| name.replace(ours, theirs))
}

/// A folder's tensors under a model's names.
#[derive(Debug)]
pub struct Tensors<N> {
    folder: Folder,
    naming: N,
    unread: BTreeSet<String>,
}

impl<N: Naming> Tensors<N> {
    /// Nothing read yet.
    pub fn new(folder: Folder, naming: N) -> Self {
        let unread = folder.names();
        Self { folder, naming, unread }
    }

    /// Refuses tensors that were neither read nor known to be unneeded.
    ///
    /// # Errors
    /// Names them.
    pub fn finish(self) -> Result<(), PretrainedError> {
        let naming = self.naming;
        let names: Vec<String> =
            self.unread.into_iter().filter(|name| !naming.unneeded(name)).collect();
        let path: PathBuf = self.folder.location().to_owned();
        if names.is_empty() { Ok(()) } else { Err(PretrainedError::Unexpected { path, names }) }
    }
}

impl<N: Naming> Source for Tensors<N> {
    fn read(&mut self, wanted: &Wanted) -> Result<Vec<f32>, PretrainedError> {
        let (parent, field) = wanted.path.rsplit_once('.').unwrap_or(("", &wanted.path));
        let (field, layout) = match (wanted.holder.as_str(), field) {
            ("Linear", "weight") => ("weight", Layout::Transposed),
            (_, "gamma") => ("weight", Layout::AsIs),
            (_, "beta") => ("bias", Layout::AsIs),
            (_, field) => (field, Layout::AsIs),
        };
        let path = if parent.is_empty() { field.to_owned() } else { format!("{parent}.{field}") };
        let part = self.naming.part(&path);
        let mut shape = wanted.shape.clone();
        if layout == Layout::Transposed {
            shape.reverse();
        }
        if let Some(rows) = shape.first_mut() {
            *rows *= part.of;
        }
        let values = self.folder.read(&part, &shape, layout)?;
        self.unread.remove(&part.name);
        Ok(values)
    }
}
