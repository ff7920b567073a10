//! Programs that take texts, known by the names and types of their inputs.

use gainsay_canon::DType;
use gainsay_model::Artifact;

/// The inputs of a sentence encoder, in order.
const INPUTS: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

/// A program whose inputs are token ids, their mask and their segments, `i64[batch, seq]` each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextProgram {
    /// Its place in the artifact.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The name of its first output.
    pub output: String,
    /// Texts at a time.
    pub batch: usize,
    /// Tokens of each.
    pub seq: usize,
}

/// The programs of an artifact that take texts.
#[must_use]
pub fn text_programs(artifact: &Artifact) -> Vec<TextProgram> {
    let programs = (0u32..).zip(artifact.programs());
    programs
        .filter_map(|(index, program)| {
            let program = program.program();
            let (first, rest) = program.inputs.split_first()?;
            let names = program.inputs.iter().map(|input| input.name.as_str());
            let alike = rest.iter().all(|input| input.tensor == first.tensor);
            if !names.eq(INPUTS) || !alike || first.tensor.dtype != DType::I64 {
                return None;
            }
            let &[batch, seq] = first.tensor.shape.as_slice() else { return None };
            Some(TextProgram {
                index,
                name: program.name.clone(),
                output: program.outputs.first()?.name.clone(),
                batch: usize::try_from(batch).ok()?,
                seq: usize::try_from(seq).ok()?,
            })
        })
        .collect()
}
