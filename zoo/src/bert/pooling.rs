//! From hidden states to one embedding per text, as sentence-transformers' `modules.json` says.

use std::path::Path;

use burn::tensor::{Int, Tensor};
use serde::Deserialize;

use crate::pretrained::{PretrainedError, read_json};

/// Which hidden states make the embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolingMode {
    /// The mean over the tokens that the mask keeps.
    Mean,
    /// The first token's.
    Cls,
}

/// How hidden states become an embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    /// Which hidden states.
    pub mode: PoolingMode,
    /// Whether the embedding is divided by its Euclidean length.
    pub normalize: bool,
}

#[derive(Deserialize)]
struct ModuleEntry {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PoolingConfig {
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
    pooling_mode_weightedmean_tokens: bool,
    pooling_mode_lasttoken: bool,
}

impl Pooling {
    /// Reads `modules.json` and the pooling that it names. Without one it is the mean, not normalised, as
    /// sentence-transformers has it.
    ///
    /// # Errors
    /// If a file cannot be read or names a module that is not supported.
    pub fn read(folder: &Path) -> Result<Self, PretrainedError> {
        let list = folder.join("modules.json");
        let mut pooling = Self { mode: PoolingMode::Mean, normalize: false };
        if !list.is_file() {
            return Ok(pooling);
        }
        for module in read_json::<Vec<ModuleEntry>>(&list)? {
            match module.kind.rsplit('.').next() {
                Some("Transformer") => {}
                Some("Pooling") => {
                    let file = folder.join(&module.path).join("config.json");
                    let config: PoolingConfig = read_json(&file)?;
                    pooling.mode = config.mode().ok_or_else(|| PretrainedError::Unsupported {
                        path: file,
                        reason: "only pooling_mode_mean_tokens alone or pooling_mode_cls_token alone is supported".into(),
                    })?;
                }
                Some("Normalize") => pooling.normalize = true,
                _ => {
                    let reason = format!(
                        "the module {:?} is not supported; Transformer, Pooling and Normalize are",
                        module.kind
                    );
                    return Err(PretrainedError::Unsupported { path: list, reason });
                }
            }
        }
        Ok(pooling)
    }

    /// Embeddings `[batch, width]` of hidden states `[batch, seq, width]` and the mask `[batch, seq]`.
    pub fn forward(&self, hidden: Tensor<3>, attention_mask: Tensor<2, Int>) -> Tensor<2> {
        let pooled = match self.mode {
            PoolingMode::Cls => hidden.slice_dim(1, 0..1).squeeze_dim(1),
            PoolingMode::Mean => {
                let weights: Tensor<3> = attention_mask.float().unsqueeze_dim(2);
                let count = weights.clone().sum_dim(1).clamp_min(1e-9);
                ((hidden * weights).sum_dim(1) / count).squeeze_dim(1)
            }
        };
        if !self.normalize {
            return pooled;
        }
        let length = pooled.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
        pooled / length
    }
}

impl PoolingConfig {
    fn mode(&self) -> Option<PoolingMode> {
        let others = self.pooling_mode_max_tokens
            || self.pooling_mode_mean_sqrt_len_tokens
            || self.pooling_mode_weightedmean_tokens
            || self.pooling_mode_lasttoken;
        match (self.pooling_mode_mean_tokens, self.pooling_mode_cls_token, others) {
            (true, false, false) => Some(PoolingMode::Mean),
            (false, true, false) => Some(PoolingMode::Cls),
            _ => None,
        }
    }
}
