//! An encoder with its pooling: loaded, seeded, captured.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use gainsay_capture::{Capture, CaptureError};
use gainsay_model::Artifact;

use super::names::HuggingFace;
use super::{BertConfig, BertEncoder, Pooling, PoolingMode};
use crate::pretrained::{Folder, PretrainedError, Seeded, Tensors, fill};
use crate::sizes::Sequence;

/// The artifact's name.
pub const NAME: &str = "bert";

/// What a program returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BertOutput {
    /// `sentence_embedding` `f32[batch, width]`.
    SentenceEmbedding,
    /// `last_hidden_state` `f32[batch, seq, width]`.
    LastHiddenState,
}

/// An encoder with its pooling.
#[derive(Clone, Debug)]
pub struct Bert {
    /// The sizes.
    pub config: BertConfig,
    /// The module.
    pub encoder: BertEncoder,
    /// From hidden states to an embedding.
    pub pooling: Pooling,
}

impl Bert {
    /// Reads a Hugging Face folder; `progress` hears the bytes of each parameter.
    ///
    /// # Errors
    /// Names the file, key or tensor that is missing or does not fit.
    pub fn load(
        folder: &Path,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        let config = BertConfig::read(folder)?;
        let pooling = Pooling::read(folder)?;
        let weights = Folder::open(folder)?;
        let naming = HuggingFace::of(&weights);
        let mut tensors = Tensors::new(weights, naming);
        let encoder = fill(BertEncoder::new(&config, device), &mut tensors, progress)?;
        tensors.finish()?;
        Ok(Self { config, encoder, pooling })
    }

    /// An encoder with seeded parameters, mean pooling and unit length.
    ///
    /// # Errors
    /// None that is known; the type is that of every source.
    pub fn seeded(
        config: BertConfig,
        seed: u64,
        device: &Device,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PretrainedError> {
        let encoder = fill(BertEncoder::new(&config, device), &mut Seeded { seed }, progress)?;
        let pooling = Pooling { mode: PoolingMode::Mean, normalize: true };
        Ok(Self { config, encoder, pooling })
    }

    /// One program per size and output, sharing the weights: inputs `input_ids`, `attention_mask` and `token_type_ids`
    /// `i64[batch, seq]`.
    ///
    /// # Errors
    /// As for [`Capture::program`].
    pub fn artifact(
        &self,
        name: &str,
        sizes: &[Sequence],
        outputs: &[BertOutput],
    ) -> Result<Artifact, CaptureError> {
        let pooling = self.pooling;
        let mut capture = Capture::new(name, &self.encoder);
        for size in sizes {
            let shape = [size.batch, size.seq];
            let inputs =
                (("input_ids", shape), ("attention_mask", shape), ("token_type_ids", shape));
            for output in outputs {
                capture = match output {
                    BertOutput::SentenceEmbedding => capture.program(
                        size.program("embed"),
                        move |encoder: &BertEncoder, (ids, mask, types): Tokens| {
                            let hidden = encoder.forward(ids, mask.clone(), types);
                            ("sentence_embedding", pooling.forward(hidden, mask))
                        },
                        inputs,
                    ),
                    BertOutput::LastHiddenState => capture.program(
                        size.program("encode"),
                        |encoder: &BertEncoder, (ids, mask, types): Tokens| {
                            ("last_hidden_state", encoder.forward(ids, mask, types))
                        },
                        inputs,
                    ),
                }?;
            }
        }
        capture.artifact()
    }
}

/// Token ids, mask and segments.
type Tokens = (Tensor<2, Int>, Tensor<2, Int>, Tensor<2, Int>);
