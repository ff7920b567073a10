//! The tagger as a Burn module.

use burn::module::Module;
use burn::nn::gru::{Gru, GruConfig};
use burn::nn::{BiLstm, BiLstmConfig, Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};

/// The sizes of a tagger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggerConfig {
    /// Tokens known.
    pub words: usize,
    /// Width of an embedding.
    pub width: usize,
    /// Width of each direction of the LSTM, and of the GRU.
    pub hidden: usize,
    /// Labels.
    pub tags: usize,
}

impl TaggerConfig {
    /// A small one for tests.
    #[must_use]
    pub fn tiny() -> Self {
        Self { words: 50, width: 12, hidden: 10, tags: 7 }
    }

    /// The sizes of a part-of-speech tagger.
    #[must_use]
    pub fn bench() -> Self {
        Self { words: 20_000, width: 128, hidden: 256, tags: 45 }
    }
}

/// Token ids in, one row of logits per token out.
#[derive(Module, Debug)]
pub struct Tagger {
    embedding: Embedding,
    lstm: BiLstm,
    gru: Gru,
    classifier: Linear,
}

impl Tagger {
    /// A tagger whose parameters are not there yet.
    #[must_use]
    pub fn new(config: &TaggerConfig, device: &Device) -> Self {
        let hidden = config.hidden;
        Self {
            embedding: EmbeddingConfig::new(config.words, config.width).init(device),
            lstm: BiLstmConfig::new(config.width, hidden, true).init(device),
            gru: GruConfig::new(2 * hidden, hidden, true).init(device),
            classifier: LinearConfig::new(hidden, config.tags).init(device),
        }
    }

    /// Logits `[batch, seq, tags]` for token ids `[batch, seq]`.
    pub fn forward(&self, input_ids: Tensor<2, Int>) -> Tensor<3> {
        let x = self.embedding.forward(input_ids);
        let (x, _) = self.lstm.forward(x, None);
        let x = self.gru.forward(x, None);
        self.classifier.forward(x)
    }
}
