//! A small U-Net (Ronneberger et al. 2015): image to image, with transposed convolutions and skip connections.
//!
//! Weights are safetensors with PyTorch's names and layouts: `down.N`, `bottom` and `up.N.pair` have `conv1`, `norm1`, `conv2`,
//! `norm2`; `up.N.widen` is an `nn.ConvTranspose2d`; `head` is a 1x1 convolution. All sizes are read off the file.

mod names;
mod network;

use std::path::Path;

use burn::tensor::{Device, Tensor};
use gainsay_capture::{Capture, CaptureError};
use gainsay_model::Artifact;

use crate::pretrained::{Folder, PretrainedError, Seeded, Tensors, fill};
use crate::sizes::Images;
use names::Torch;

pub use network::{Unet, UnetConfig};

/// An image of 2^16 pixels can be halved this often.
const MAX_DEPTH: usize = 16;

/// The artifact's name.
pub const NAME: &str = "unet";

impl Unet {
    /// Reads PyTorch's weights from a folder.
    ///
    /// # Errors
    /// Names the file or tensor that is missing or does not fit.
    pub fn load(
        folder: &Path,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        let weights = Folder::open(folder)?;
        let image = |name: &str| match weights.shape(name) {
            Some(&[outputs, inputs, _, _]) => Ok([outputs, inputs]),
            Some(found) => Err(PretrainedError::Malformed {
                path: weights.location().to_owned(),
                reason: format!(
                    "the tensor `{name}` has shape {found:?}, not that of a convolution"
                ),
            }),
            None => Err(PretrainedError::Malformed {
                path: weights.location().to_owned(),
                reason: format!("there is no tensor `{name}`: is this a U-Net?"),
            }),
        };
        let [width, channels] = image("down.0.conv1.weight")?;
        let [classes, _] = image("head.weight")?;
        let is_there =
            |level: &usize| weights.shape(&format!("down.{level}.conv1.weight")).is_some();
        let depth = (0..MAX_DEPTH).take_while(is_there).count();
        let config = UnetConfig { channels, width, depth, classes };
        let mut tensors = Tensors::new(weights, Torch);
        let network = fill(Self::new(&config, device), &mut tensors, progress)?;
        tensors.finish()?;
        Ok(network)
    }

    /// A network with seeded parameters.
    ///
    /// # Errors
    /// None that is known; the type is that of every source.
    pub fn seeded(
        config: &UnetConfig,
        seed: u64,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        fill(Self::new(config, device), &mut Seeded { seed }, progress)
    }

    /// One program per size: `image` `f32[batch, channels, side, side]` in, `mask` `f32[batch, classes, side, side]` out, from
    /// 0 to 1.
    ///
    /// # Errors
    /// As for [`Capture::program`].
    pub fn artifact(&self, name: &str, sizes: &[Images]) -> Result<Artifact, CaptureError> {
        let channels = self.channels();
        let mut capture = Capture::new(name, self);
        for size in sizes {
            capture = capture.program(
                size.program("segment"),
                |network: &Self, image: Tensor<4>| ("mask", network.forward(image)),
                ("image", [size.batch, channels, size.side, size.side]),
            )?;
        }
        capture.artifact()
    }
}
