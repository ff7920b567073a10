//! What `config.json` says about a decoder.

use std::path::Path;

use serde::Deserialize;

use crate::pretrained::{PretrainedError, check_sizes, read_json};

/// The sizes of a decoder, under the names of `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LlamaConfig {
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Query heads per block.
    pub num_attention_heads: usize,
    /// Key and value heads per block; as many as query heads if it is not said.
    pub num_key_value_heads: Option<usize>,
    /// Width of a head; `hidden_size / num_attention_heads` if it is not said.
    pub head_dim: Option<usize>,
    /// Width of the gated layer.
    pub intermediate_size: usize,
    /// Tokens known.
    pub vocab_size: usize,
    /// The longest prompt.
    #[serde(default = "positions")]
    pub max_position_embeddings: usize,
    /// Added to the mean square in norms.
    #[serde(default = "epsilon")]
    pub rms_norm_eps: f64,
    /// The base of the rotary wavelengths, where older files have it.
    pub rope_theta: Option<f64>,
    /// Other rotary scalings, which are not supported.
    pub rope_scaling: Option<serde_json::Value>,
    /// Rotary positions where newer files have them.
    pub rope_parameters: Option<RopeParameters>,
    /// Whether the table of tokens is also the last layer.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Whether attention has biases; not supported.
    #[serde(default)]
    pub attention_bias: bool,
    /// The gate's activation; only `silu` is known.
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// The family; only `llama` is known.
    #[serde(default = "llama")]
    pub model_type: String,
}

/// Rotary positions as newer files have them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RopeParameters {
    /// The base of the wavelengths.
    pub rope_theta: Option<f64>,
    /// The scaling; only `default`, which is none, is known.
    pub rope_type: Option<String>,
}

fn positions() -> usize {
    2048
}

fn epsilon() -> f64 {
    1e-6
}

fn silu() -> String {
    "silu".into()
}

fn llama() -> String {
    "llama".into()
}

impl LlamaConfig {
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

    /// Key and value heads per block.
    #[must_use]
    pub fn key_value_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Width of a head.
    #[must_use]
    pub fn head(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads)
    }

    /// The base of the rotary wavelengths.
    #[must_use]
    pub fn theta(&self) -> f64 {
        let newer = self.rope_parameters.as_ref().and_then(|rope| rope.rope_theta);
        newer.or(self.rope_theta).unwrap_or(10_000.0)
    }

    fn fault(&self) -> Option<String> {
        for (key, found, known) in
            [("model_type", &self.model_type, "llama"), ("hidden_act", &self.hidden_act, "silu")]
        {
            if found != known {
                return Some(format!("{key} is {found:?}, only {known:?} is supported"));
            }
        }
        let sizes = [
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.key_value_heads(),
            self.intermediate_size,
            self.vocab_size,
            self.max_position_embeddings,
            self.head_dim.unwrap_or(1),
        ];
        if let Some(reason) = check_sizes(&sizes, self.num_hidden_layers) {
            return Some(reason);
        }
        if !self.num_attention_heads.is_multiple_of(self.key_value_heads()) {
            return Some("num_attention_heads is not a multiple of num_key_value_heads".into());
        }
        if self.head() == 0 || !self.head().is_multiple_of(2) {
            return Some(format!("the width of a head, {}, is not even", self.head()));
        }
        let scaled = self.rope_scaling.as_ref().is_some_and(|scaling| !scaling.is_null());
        let newer = self.rope_parameters.as_ref().and_then(|rope| rope.rope_type.as_deref());
        if scaled || newer.is_some_and(|kind| kind != "default") {
            return Some("scaled rotary positions (rope_scaling) are not supported".into());
        }
        if self.rms_norm_eps <= 0.0 || self.theta() <= 0.0 {
            return Some("rms_norm_eps and rope_theta must be positive".into());
        }
        self.attention_bias.then(|| "attention_bias is not supported".into())
    }

    /// A small one for tests: two blocks of width 32, two query heads for each key head.
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            hidden_size: 32,
            num_attention_heads: 4,
            num_key_value_heads: Some(2),
            intermediate_size: 48,
            vocab_size: 61,
            max_position_embeddings: 64,
            ..Self::bench()
        }
    }

    /// Two blocks of the width of TinyLlama-1.1B, with a smaller vocabulary.
    #[must_use]
    pub fn bench() -> Self {
        Self {
            hidden_size: 2048,
            num_hidden_layers: 2,
            num_attention_heads: 32,
            num_key_value_heads: Some(4),
            head_dim: None,
            intermediate_size: 5632,
            vocab_size: 4096,
            max_position_embeddings: positions(),
            rms_norm_eps: 1e-5,
            rope_theta: None,
            rope_scaling: None,
            rope_parameters: None,
            tie_word_embeddings: false,
            attention_bias: false,
            hidden_act: silu(),
            model_type: llama(),
        }
    }
}
