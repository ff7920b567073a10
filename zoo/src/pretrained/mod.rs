//! Parameters from where people keep them: safetensors files with PyTorch's names and layouts, one tensor at a time, or
//! seeded values where there are none.
//!
//! A module is filled by walking it: nothing is drawn at random first, and at any time one tensor is held beside
//! the module. Every parameter needs a tensor of its shape, and every tensor a parameter, unless the model says that it
//! is not needed.

mod error;
mod fill;
mod folder;
mod header;
mod naming;
mod seeded;
mod widen;

pub use error::PretrainedError;
pub use fill::{Source, Wanted, fill, parameter_bytes};
pub use folder::{Folder, check_sizes, read_json};
pub use naming::{Naming, Part, Tensors, renamed};
pub use seeded::Seeded;
pub use widen::{widen_bf16, widen_f16};
