//! The digits network as an artifact.

use burn::tensor::{Device, Tensor as BurnTensor};
use gainsay_canon::Tensor;
use gainsay_capture::{CaptureArtifact, CaptureError};
use gainsay_model::Artifact;

use super::{DigitsNet, Image, SIDE};
use crate::weights::LoadError;

/// The artifact's name, and that of its one program.
pub const NAME: &str = "digits";

/// Why the digits network is not available.
#[derive(Debug, thiserror::Error)]
pub enum DigitsError {
    /// The embedded weights do not fit.
    #[error("the digits network cannot be loaded")]
    Load(#[from] LoadError),
    /// The network cannot be captured.
    #[error("the digits network cannot be captured")]
    Capture(#[from] CaptureError),
}

/// The trained network, captured: input `image` `f32[1, 1, 8, 8]`, outputs `logits` and `probabilities` `f32[1, 10]`.
///
/// # Errors
/// If the embedded weights do not fit the network.
pub fn artifact() -> Result<Artifact, DigitsError> {
    Ok(capture(&DigitsNet::load(&Device::flex())?)?)
}

/// Captures a digits network.
///
/// # Errors
/// As for [`CaptureArtifact::capture`].
pub fn capture(network: &DigitsNet) -> Result<Artifact, CaptureError> {
    Artifact::capture(
        NAME,
        network,
        |network, image: BurnTensor<4>| {
            let logits = network.forward(image);
            [("logits", logits.clone()), ("probabilities", network.probabilities(logits))]
        },
        [("image", [1, 1, SIDE, SIDE])],
    )
}

impl Image {
    /// The image as the program's input.
    #[must_use]
    pub fn input(&self) -> Option<Tensor> {
        Tensor::f32([1, 1, SIDE as u64, SIDE as u64], self.pixels.to_vec()).ok()
    }
}
