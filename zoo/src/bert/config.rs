//! What `config.json` says about an encoder.

use std::path::Path;

use serde::Deserialize;

use crate::pretrained::{PretrainedError, check_sizes, read_json};

/// The sizes of an encoder, under the names of `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BertConfig {
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Attention heads per block.
    pub num_attention_heads: usize,
    /// Width between the two linear layers of a block.
    pub intermediate_size: usize,
    /// Tokens known.
    pub vocab_size: usize,
    /// The longest sequence.
    #[serde(default = "positions")]
    pub max_position_embeddings: usize,
    /// Kinds of segments.
    #[serde(default = "segments")]
    pub type_vocab_size: usize,
    /// Added to the variance in layer norms.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f64,
    /// The activation; only the exact `gelu` is known.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// How positions enter; only `absolute` is known.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// Whether tokens see only those before them; not supported.
    #[serde(default)]
    pub is_decoder: bool,
    /// The family; only `bert` is known.
    #[serde(default = "bert")]
    pub model_type: String,
}

fn positions() -> usize {
    512
}

fn segments() -> usize {
    2
}

fn epsilon() -> f64 {
    1e-12
}

fn gelu() -> String {
    "gelu".into()
}

fn absolute() -> String {
    "absolute".into()
}

fn bert() -> String {
    "bert".into()
}

impl BertConfig {
    /// Reads and checks `config.json` of a folder.
    ///
    /// # Errors
    /// If it cannot be read or describes another kind of model.
    pub fn read(folder: &Path) -> Result<Self, PretrainedError> {
        let path = folder.join("config.json");
        let config: Self = read_json(&path)?;
        match config.fault() {
            None => Ok(config),
            Some(reason) => Err(PretrainedError::Unsupported { path, reason }),
        }
    }

    fn fault(&self) -> Option<String> {
        let only = [
            ("model_type", &self.model_type, "bert"),
            ("hidden_act", &self.hidden_act, "gelu"),
            ("position_embedding_type", &self.position_embedding_type, "absolute"),
        ];
        for (key, found, known) in only {
            if found != known {
                return Some(format!("{key} is {found:?}, only {known:?} is supported"));
            }
        }
        if self.is_decoder {
            return Some("is_decoder is true: only encoders are supported".into());
        }
        let sizes = [
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            self.vocab_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ];
        if let Some(reason) = check_sizes(&sizes, self.num_hidden_layers) {
            return Some(reason);
        }
        (!self.hidden_size.is_multiple_of(self.num_attention_heads)).then(|| {
            format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            )
        })
    }

    /// A small one for tests: two blocks of width 32.
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            hidden_size: 32,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            intermediate_size: 64,
            vocab_size: 101,
            max_position_embeddings: 40,
            ..Self::minilm()
        }
    }

    /// The sizes of all-MiniLM-L6-v2.
    #[must_use]
    pub fn minilm() -> Self {
        Self {
            hidden_size: 384,
            num_hidden_layers: 6,
            num_attention_heads: 12,
            intermediate_size: 1536,
            vocab_size: 30522,
            max_position_embeddings: positions(),
            type_vocab_size: segments(),
            layer_norm_eps: epsilon(),
            hidden_act: gelu(),
            position_embedding_type: absolute(),
            is_decoder: false,
            model_type: bert(),
        }
    }
}
