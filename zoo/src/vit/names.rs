//! How Hugging Face calls a vision transformer's parameters.

use crate::pretrained::{Folder, Naming, Part, renamed};

/// With or without `vit.` in front, as the file has it.
pub(super) struct HuggingFace {
    prefix: &'static str,
}

const PREFIX: &str = "vit.";

const RULES: [(&str, &str); 6] = [
    (".attention.query.", ".attention.attention.query."),
    (".attention.key.", ".attention.attention.key."),
    (".attention.value.", ".attention.attention.value."),
    (".attention.output.", ".attention.output.dense."),
    (".intermediate.", ".intermediate.dense."),
    (".patch_embeddings.", ".patch_embeddings.projection."),
];

impl HuggingFace {
    pub(super) fn of(folder: &Folder) -> Self {
        let prefixed = folder.names().iter().any(|name| name.starts_with(PREFIX));
        Self { prefix: if prefixed { PREFIX } else { "" } }
    }
}

impl Naming for HuggingFace {
    fn part(&self, path: &str) -> Part {
        let name = renamed(path, &RULES);
        match (name.starts_with("classifier."), name.contains(".attention.")) {
            (true, _) => Part::whole(name),
            (_, true) => Part::whole(format!("{}{name}", self.prefix)),
            // A block's own output: `output.dense`, beside attention's.
            _ => Part::whole(format!(
                "{}{}",
                self.prefix,
                name.replace(".output.", ".output.dense.")
            )),
        }
    }

    fn unneeded(&self, name: &str) -> bool {
        let name = name.strip_prefix(self.prefix).unwrap_or(name);
        name.starts_with("pooler.") || name == "embeddings.mask_token"
    }
}
