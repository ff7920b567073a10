//! Vision transformers (Dosovitskiy et al. 2021) from a Hugging Face folder.

mod config;
mod names;
mod network;

use std::path::Path;

use burn::tensor::{Device, Tensor};
use gainsay_capture::{Capture, CaptureError};
use gainsay_model::Artifact;

use crate::pretrained::{Folder, PretrainedError, Seeded, Tensors, fill};
use names::HuggingFace;

pub use config::VitConfig;
pub use network::Vit;

/// The artifact's name.
pub const NAME: &str = "vit";

impl Vit {
    /// Reads a Hugging Face folder; the classes are counted in the file.
    ///
    /// # Errors
    /// Names the file, key or tensor that is missing or does not fit.
    pub fn load(
        folder: &Path,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        let mut config = VitConfig::read(folder)?;
        let weights = Folder::open(folder)?;
        config.classes =
            weights.shape("classifier.weight").and_then(|shape| shape.first()).copied();
        let naming = HuggingFace::of(&weights);
        let mut tensors = Tensors::new(weights, naming);
        let network = fill(Self::new(&config, device), &mut tensors, progress)?;
        tensors.finish()?;
        Ok(network)
    }

    /// A network with seeded parameters.
    ///
    /// # Errors
    /// None that is known; the type is that of every source.
    pub fn seeded(
        config: &VitConfig,
        seed: u64,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        fill(Self::new(config, device), &mut Seeded { seed }, progress)
    }

    /// One program per batch size: `pixel_values` `f32[batch, 3, side, side]` in; `logits` `f32[batch, classes]` out, or
    /// without a classifier the normalised `class_state` `f32[batch, width]`.
    ///
    /// # Errors
    /// As for [`Capture::program`].
    pub fn artifact(&self, name: &str, batches: &[usize]) -> Result<Artifact, CaptureError> {
        let (channels, side) = self.image();
        let output = if self.classifies() { "logits" } else { "class_state" };
        let mut capture = Capture::new(name, self);
        for &batch in batches {
            capture = capture.program(
                format!("classify-{batch}x{side}"),
                move |network: &Self, image: Tensor<4>| (output, network.forward(image)),
                ("pixel_values", [batch, channels, side, side]),
            )?;
        }
        capture.artifact()
    }
}
