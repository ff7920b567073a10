//! Accuracy on the held-out quarter, by Burn and by canonical arithmetic.
//!
//! The two differ in the last bits of the logits, not in what they call the digit.

use std::sync::Arc;

use burn::tensor::{Device, Tensor as BurnTensor, TensorData};
use gainsay_canon::{Kernels, Tensor};
use gainsay_model::{Artifact, ArtifactError, RunError, Runner};

use super::{CLASSES, Dataset, DigitsNet, Image, SIDE};

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

/// Accuracy on the held-out quarter as Burn computes it, in one batch.
#[must_use]
pub fn burn_accuracy(network: &DigitsNet, data: &Dataset, device: &Device) -> Accuracy {
    let images: Vec<&Image> = data.held_out().collect();
    let pixels: Vec<f32> = images.iter().flat_map(|image| image.pixels).collect();
    let shape = [images.len(), 1, SIDE, SIDE];
    let logits = network.forward(BurnTensor::from_data(TensorData::new(pixels, shape), device));
    let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let answers = logits.chunks(CLASSES).zip(&images);
    Accuracy {
        right: answers.filter(|(logits, image)| digit(logits) == Some(image.label)).count(),
        of: images.len(),
    }
}

/// Accuracy on the held-out quarter in canonical arithmetic, one image after the other.
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
