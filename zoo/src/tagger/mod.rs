//! A sequence tagger: embeddings, a bidirectional LSTM, a GRU, one label per token.
//!
//! Weights have PyTorch's names and packing: `nn.Embedding` as `embedding`, `nn.LSTM(bidirectional=True)` as `lstm`,
//! `nn.GRU` as `gru`, `nn.Linear` as `classifier`. All sizes are read off the file.

mod names;
mod network;

use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use gainsay_capture::{Capture, CaptureError};
use gainsay_model::Artifact;

use crate::pretrained::{Folder, PretrainedError, Seeded, Tensors, fill};
use crate::sizes::Sequence;
use names::Torch;

pub use network::{Tagger, TaggerConfig};

/// The artifact's name.
pub const NAME: &str = "tagger";

impl Tagger {
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
        let matrix = |name: &str| match weights.shape(name) {
            Some(&[rows, columns]) => Ok([rows, columns]),
            Some(found) => Err(PretrainedError::Malformed {
                path: weights.location().to_owned(),
                reason: format!("the tensor `{name}` has shape {found:?}, not that of a matrix"),
            }),
            None => Err(PretrainedError::Malformed {
                path: weights.location().to_owned(),
                reason: format!("there is no tensor `{name}`: is this a tagger?"),
            }),
        };
        let [words, width] = matrix("embedding.weight")?;
        let [_, hidden] = matrix("lstm.weight_hh_l0")?;
        let [tags, _] = matrix("classifier.weight")?;
        let config = TaggerConfig { words, width, hidden, tags };
        let mut tensors = Tensors::new(weights, Torch);
        let network = fill(Self::new(&config, device), &mut tensors, progress)?;
        tensors.finish()?;
        Ok(network)
    }

    /// A tagger with seeded parameters.
    ///
    /// # Errors
    /// None that is known; the type is that of every source.
    pub fn seeded(
        config: &TaggerConfig,
        seed: u64,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        fill(Self::new(config, device), &mut Seeded { seed }, progress)
    }

    /// One program per size: `input_ids` `i64[batch, seq]` in, `logits` `f32[batch, seq, tags]` out.
    ///
    /// # Errors
    /// As for [`Capture::program`].
    pub fn artifact(&self, name: &str, sizes: &[Sequence]) -> Result<Artifact, CaptureError> {
        let mut capture = Capture::new(name, self);
        for size in sizes {
            capture = capture.program(
                size.program("tag"),
                |network: &Self, ids: Tensor<2, Int>| ("logits", network.forward(ids)),
                ("input_ids", [size.batch, size.seq]),
            )?;
        }
        capture.artifact()
    }
}
