//! Llama-style decoders from a Hugging Face folder: RMS norm, rotary positions, grouped-query attention, SwiGLU.
//!
//! The whole prompt goes through at once with causal attention. Weights are f32; published f16 and bf16 ones are
//! widened exactly. The rotary tables are computed from the configuration inside the forward pass, so that a capture
//! folds them canonically.

mod config;
mod names;
mod network;
mod rotary;

use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use gainsay_capture::{Capture, CaptureError};
use gainsay_model::Artifact;

use crate::pretrained::{Folder, PretrainedError, Seeded, Tensors, fill};
use crate::sizes::Sequence;
use names::HuggingFace;

pub use config::{LlamaConfig, RopeParameters};
pub use network::Llama;

/// The artifact's name.
pub const NAME: &str = "llama";

impl Llama {
    /// Reads a Hugging Face folder; `progress` hears the bytes of each parameter.
    ///
    /// # Errors
    /// Names the file, key or tensor that is missing or does not fit.
    pub fn load(
        folder: &Path,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        let config = LlamaConfig::read(folder)?;
        let mut tensors = Tensors::new(Folder::open(folder)?, HuggingFace::of(&config));
        let network = fill(Self::new(&config, device), &mut tensors, progress)?;
        tensors.finish()?;
        Ok(network)
    }

    /// A decoder with seeded parameters.
    ///
    /// # Errors
    /// None that is known; the type is that of every source.
    pub fn seeded(
        config: &LlamaConfig,
        seed: u64,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        fill(Self::new(config, device), &mut Seeded { seed }, progress)
    }

    /// One program per size: `input_ids` `i64[batch, seq]` in, `logits` `f32[batch, seq, vocabulary]` out.
    ///
    /// # Errors
    /// As for [`Capture::program`].
    pub fn artifact(&self, name: &str, sizes: &[Sequence]) -> Result<Artifact, CaptureError> {
        let mut capture = Capture::new(name, self);
        for size in sizes {
            capture = capture.program(
                size.program("prompt"),
                |network: &Self, ids: Tensor<2, Int>| ("logits", network.forward(ids)),
                ("input_ids", [size.batch, size.seq]),
            )?;
        }
        capture.artifact()
    }
}
