//! ResNet-18 and ResNet-50 (He et al. 2016), with torchvision's parameter names.

mod names;
mod network;

use std::path::Path;

use burn::tensor::{Device, Tensor};
use gainsay_capture::{Capture, CaptureError};
use gainsay_model::Artifact;

use crate::pretrained::{Folder, PretrainedError, Seeded, Tensors, fill};
use crate::sizes::Images;
use names::Torchvision;

pub use network::{Depth, Resnet, ResnetConfig};

impl Resnet {
    /// Reads torchvision's weights from a folder; width and classes are read off the file.
    ///
    /// # Errors
    /// Names the file or tensor that is missing or does not fit.
    pub fn load(
        depth: Depth,
        folder: &Path,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        let weights = Folder::open(folder)?;
        let mut config = ResnetConfig::published(depth);
        if let Some([width, ..]) = weights.shape("conv1.weight") {
            config.width = *width;
        }
        if let Some([classes, _]) = weights.shape("fc.weight") {
            config.classes = *classes;
        }
        let mut tensors = Tensors::new(weights, Torchvision);
        let network = fill(Self::new(&config, device), &mut tensors, progress)?;
        tensors.finish()?;
        Ok(network)
    }

    /// A network with seeded parameters.
    ///
    /// # Errors
    /// None that is known; the type is that of every source.
    pub fn seeded(
        config: &ResnetConfig,
        seed: u64,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        fill(Self::new(config, device), &mut Seeded { seed }, progress)
    }

    /// One program per size: `image` `f32[batch, 3, side, side]` in, `logits` `f32[batch, classes]` out.
    ///
    /// # Errors
    /// As for [`Capture::program`].
    pub fn artifact(&self, name: &str, sizes: &[Images]) -> Result<Artifact, CaptureError> {
        let mut capture = Capture::new(name, self);
        for size in sizes {
            capture = capture.program(
                size.program("classify"),
                |network: &Self, image: Tensor<4>| ("logits", network.forward(image)),
                ("image", [size.batch, 3, size.side, size.side]),
            )?;
        }
        capture.artifact()
    }
}
