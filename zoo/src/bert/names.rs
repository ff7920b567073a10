//! How Hugging Face calls an encoder's parameters.

use crate::pretrained::{Folder, Naming, Part};

/// With or without `bert.` in front, as the file has it.
pub(super) struct HuggingFace {
    prefix: &'static str,
}

impl HuggingFace {
    pub(super) fn of(folder: &Folder) -> Self {
        let prefixed = folder.names().iter().any(|name| name.starts_with(PREFIX));
        Self { prefix: if prefixed { PREFIX } else { "" } }
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

impl Naming for HuggingFace {
    fn part(&self, path: &str) -> Part {
        let name =
            RULES.iter().fold(path.to_owned(), |name, (ours, theirs)| name.replace(ours, theirs));
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
