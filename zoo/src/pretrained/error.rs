//! Why a published model was not loaded, in words that say what to do.

use std::path::PathBuf;

use safetensors::Dtype;

/// Why a published model was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// There are no weights in the folder.
    #[error(
        "{} has no weights: expected model.safetensors, model.safetensors.index.json with its shards, or one *.safetensors \
         file{hint}", folder.display()
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// What was found in their place.
        hint: &'static str,
    },
    /// A file is not what its name says.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A configuration that this model does not have.
    #[error("{}: {reason}", path.display())]
    Unsupported {
        /// The configuration.
        path: PathBuf,
        /// What is not supported, and what is.
        reason: String,
    },
    /// A parameter has no tensor.
    #[error("{} has no tensor `{name}`, which the model needs with shape {shape:?}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that it should have.
        shape: Vec<usize>,
    },
    /// A tensor has another shape than the configuration says.
    #[error("the tensor `{name}` in {} has shape {found:?}, the model needs {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that it should have.
        expected: Vec<usize>,
        /// The shape that it has.
        found: Vec<usize>,
    },
    /// A tensor of an element type that cannot be widened to f32 exactly.
    #[error("the tensor `{name}` in {} holds {found:?}, the model needs F32, F16 or BF16", path.display())]
    Element {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its element type.
        found: Dtype,
    },
    /// Tensors that belong to no parameter.
    #[error("{} holds tensors that the model has no parameter for: {}", path.display(), list(names))]
    Unexpected {
        /// Where they are.
        path: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
}

/// The first few names and how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
