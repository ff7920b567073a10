//! What `config.json` says about a vision transformer.

use std::path::Path;

use serde::Deserialize;

use crate::pretrained::{PretrainedError, check_sizes, read_json};

/// The sizes of a vision transformer, under the names of `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct VitConfig {
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Attention heads per block.
    pub num_attention_heads: usize,
    /// Width between the two linear layers of a block.
    pub intermediate_size: usize,
    /// Height and width of an image.
    pub image_size: usize,
    /// Height and width of a patch.
    pub patch_size: usize,
    /// Channels of an image.
    #[serde(default = "channels")]
    pub num_channels: usize,
    /// Added to the variance in layer norms.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f64,
    /// The activation; only the exact `gelu` is known.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// The family; only `vit` is known.
    #[serde(default = "vit")]
    pub model_type: String,
    /// Classes told apart; none without a classifier. Counted in the weights.
    #[serde(skip)]
    pub classes: Option<usize>,
}

fn channels() -> usize {
    3
}

fn epsilon() -> f64 {
    1e-12
}

fn gelu() -> String {
    "gelu".into()
}

fn vit() -> String {
    "vit".into()
}

impl VitConfig {
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
        for (key, found, known) in
            [("model_type", &self.model_type, "vit"), ("hidden_act", &self.hidden_act, "gelu")]
        {
            if found != known {
                return Some(format!("{key} is {found:?}, only {known:?} is supported"));
            }
        }
        let sizes = [
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            self.image_size,
            self.patch_size,
            self.num_channels,
        ];
        if let Some(reason) = check_sizes(&sizes, self.num_hidden_layers) {
            return Some(reason);
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Some("hidden_size is not a multiple of num_attention_heads".into());
        }
        (!self.image_size.is_multiple_of(self.patch_size))
            .then(|| "image_size is not a multiple of patch_size".into())
    }

    /// How many patches an image has.
    #[must_use]
    pub fn patches(&self) -> usize {
        (self.image_size / self.patch_size).pow(2)
    }

    /// A small one for tests: two blocks of width 32, nine patches.
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            hidden_size: 32,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            intermediate_size: 64,
            image_size: 24,
            patch_size: 8,
            classes: Some(10),
            ..Self::base()
        }
    }

    /// The sizes of ViT-Base with patches of 16 pixels.
    #[must_use]
    pub fn base() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            image_size: 224,
            patch_size: 16,
            num_channels: channels(),
            layer_norm_eps: epsilon(),
            hidden_act: gelu(),
            model_type: vit(),
            classes: Some(1000),
        }
    }
}
