//! The digits network as an artifact, and its accuracy in canonical arithmetic.

use std::sync::Arc;

use burn::tensor::{Device, Tensor as BurnTensor};
use gainsay_canon::{Kernels, Tensor};
use gainsay_capture::{CaptureArtifact, CaptureError};
use gainsay_model::{Artifact, ArtifactError, RunError, Runner};

use super::{Dataset, DigitsNet, Image, SIDE};
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

/// Why the accuracy could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum AccuracyError {
    /// The artifact has no program.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The program did not run.
    #[error(transparent)]
    Run(#[from] RunError),
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

/// How many images were classified rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy {
    /// Images whose largest logit is that of the label.
    pub right: usize,
    /// All images.
    pub of: usize,
}

impl Accuracy {
    /// The share of right answers, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.of == 0 { 0.0 } else { self.right as f64 / self.of as f64 }
    }
}

impl std::fmt::Display for Accuracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} ({:.2}%)", self.right, self.of, 100.0 * self.share())
    }
}

/// Accuracy on the held-out quarter in canonical arithmetic.
///
/// # Errors
/// If the artifact is not one of a digits network.
pub fn canonical_accuracy(
    artifact: &Arc<Artifact>,
    data: &Dataset,
    kernels: &Kernels,
) -> Result<Accuracy, AccuracyError> {
    let runner = Runner::new(Arc::clone(artifact), 0, kernels.clone())?;
    let mut accuracy = Accuracy { right: 0, of: 0 };
    for image in data.held_out() {
        let Some(input) = image.input() else { continue };
        let outputs = runner.run(&[input])?;
        let logits = outputs.first().and_then(Tensor::as_f32).unwrap_or_default();
        accuracy.of += 1;
        accuracy.right += usize::from(digit(logits) == Some(image.label));
    }
    Ok(accuracy)
}

/// The digit with the largest logit; the first of equals.
#[must_use]
pub fn digit(logits: &[f32]) -> Option<u8> {
    let largest = logits.iter().copied().reduce(f32::max)?;
    logits.iter().position(|&logit| logit == largest).and_then(|at| u8::try_from(at).ok())
}
