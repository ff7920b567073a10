//! How Hugging Face calls an encoder's parameters.

use crate::pretrained::{Folder, Naming, Part, renamed};

/// With or without `bert.` in front, as the file has it; norms by PyTorch's names or, in old exports, TensorFlow's.
pub(super) struct HuggingFace {
    prefix: &'static str,
    norms: Norms,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Norms {
    WeightAndBias,
    GammaAndBeta,
}

impl HuggingFace {
    pub(super) fn of(folder: &Folder) -> Self {
        let names = folder.names();
        let prefixed = names.iter().any(|name| name.starts_with(PREFIX));
        let old = names.iter().any(|name| name.ends_with(".LayerNorm.gamma"));
        Self {
            prefix: if prefixed { PREFIX } else { "" },
            norms: if old { Norms::GammaAndBeta } else { Norms::WeightAndBias },
        }
    }
}

const PREFIX: &str = "bert.";

const RULES: [(&str, &str); 5] = [
    (".attention.query.", ".attention.self.query."),
    (".attention.key.", ".attention.self.key."),
    (".attention.value.", ".attention.self.value."),
    (".intermediate.", ".intermediate.dense."),
    (".layer_norm.", ".LayerNorm."),
];

const OLD_NORMS: [(&str, &str); 2] =
    [(".LayerNorm.weight", ".LayerNorm.gamma"), (".LayerNorm.bias", ".LayerNorm.beta")];

impl Naming for HuggingFace {
    fn part(&self, path: &str) -> Part {
        let mut name = renamed(path, &RULES);
        if self.norms == Norms::GammaAndBeta {
            name = renamed(&name, &OLD_NORMS);
        }
        Part::whole(format!("{}{name}", self.prefix))
    }

    fn unneeded(&self, name: &str) -> bool {
        let name = name.strip_prefix(self.prefix).unwrap_or(name);
        // A buffer that counts positions, the next-sentence pooler, and the heads of pretraining and of tasks.
        name == "embeddings.position_ids"
            || ["pooler.", "cls.", "classifier.", "qa_outputs."]
                .iter()
                .any(|head| name.starts_with(head))
    }
}
