//! How Hugging Face calls a decoder's parameters: the module's own names.

use super::LlamaConfig;
use crate::pretrained::{Naming, Part};

pub(super) struct HuggingFace {
    tied: bool,
}

impl HuggingFace {
    pub(super) fn of(config: &LlamaConfig) -> Self {
        Self { tied: config.tie_word_embeddings }
    }
}

impl Naming for HuggingFace {
    fn part(&self, path: &str) -> Part {
        Part::whole(path)
    }

    fn unneeded(&self, name: &str) -> bool {
        // Old exports carry the rotary wavelengths; a tied last layer may be written out a second time.
        name.ends_with(".rotary_emb.inv_freq") || self.tied && name == "lm_head.weight"
    }
}
