//! `gainsay embed`: texts to embeddings with an imported sentence encoder, in canonical arithmetic.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use gainsay_canon::Kernels;
use gainsay_model::{Artifact, Limits, Runner, TOKENIZER};
use gainsay_zoo::text::{Encoded, TextTokenizer};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::args::Output;
use crate::texts::{TextProgram, text_programs};

/// Flags of `embed`.
#[derive(Debug, Clone, Args)]
pub struct EmbedArgs {
    /// The artifact folder, made with `gainsay artifact import --arch bert`.
    #[arg(long, env = "GAINSAY_MODEL", value_name = "DIR")]
    pub model: PathBuf,
    /// The tokenizer; the artifact folder's tokenizer.json if left out.
    #[arg(long, env = "GAINSAY_TOKENIZER", value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// The texts. Several are compared: their cosine similarities are printed.
    #[arg(value_name = "TEXT", required = true)]
    pub texts: Vec<String>,
    /// How to print. JSON has the embeddings themselves.
    #[command(flatten)]
    pub output: Output,
}

#[derive(Serialize)]
struct Embedded {
    artifact: String,
    program: String,
    texts: Vec<EmbeddedText>,
    /// Cosines between all pairs, in the order of the texts.
    similarity: Vec<Vec<f32>>,
}

#[derive(Serialize)]
struct EmbeddedText {
    text: String,
    tokens: usize,
    truncated: bool,
    embedding: Vec<f32>,
}

/// Runs `gainsay embed`.
pub fn embed(args: &EmbedArgs) -> Result<()> {
    let artifact = Artifact::load(&args.model, &Limits::default())
        .with_context(|| format!("cannot load the artifact {}", args.model.display()))?;
    let embedded = run(args, Arc::new(artifact))?;
    for text in embedded.texts.iter().filter(|text| text.truncated) {
        eprintln!(
            "warning: only the first {} tokens of {:?} were read; import the model with a larger --seq",
            text.tokens, text.text
        );
    }
    crate::cli::print(args.output, &embedded, || table(&embedded))
}

fn run(args: &EmbedArgs, artifact: Arc<Artifact>) -> Result<Embedded> {
    let programs: Vec<TextProgram> = text_programs(&artifact)
        .into_iter()
        .filter(|program| program.output == "sentence_embedding")
        .collect();
    let Some(longest) = programs.iter().map(|program| program.seq).max() else {
        bail!(
            "{} has no program from input_ids to sentence_embedding: import a sentence encoder with `gainsay artifact \
             import --arch bert`",
            args.model.display()
        );
    };
    let file = args.tokenizer.clone().unwrap_or_else(|| args.model.join(TOKENIZER));
    ensure!(
        file.is_file(),
        "there is no tokenizer {}: name the model's tokenizer.json with --tokenizer FILE",
        file.display()
    );
    let tokenizer = TextTokenizer::load(&file, longest)?;
    let encoded: Vec<Encoded> =
        args.texts.iter().map(|text| tokenizer.encode(text)).collect::<Result<_, _>>()?;
    let needed = encoded.iter().map(|text| text.ids.len()).max().unwrap_or_default();
    let fits = programs.iter().filter(|program| program.seq >= needed);
    let program = fits.min_by_key(|program| (program.seq, program.batch)).context(
        "no program is long enough for the longest text: this is a fault of the tokenizer",
    )?;
    let kernels = Kernels::detect().context("cannot start the arithmetic")?;
    let runner = Runner::new(Arc::clone(&artifact), program.index, kernels)?;
    let bar = ProgressBar::new(encoded.len() as u64);
    let mut texts = Vec::with_capacity(encoded.len());
    for (group, words) in encoded.chunks(program.batch).zip(args.texts.chunks(program.batch)) {
        let outputs = runner.run(&tokenizer.inputs(group, program.batch, program.seq)?)?;
        let values = outputs.first().and_then(|output| output.as_f32());
        let values = values.context("the program does not return f32")?;
        let width = values.len() / program.batch.max(1);
        for ((text, row), words) in group.iter().zip(values.chunks(width.max(1))).zip(words) {
            texts.push(EmbeddedText {
                text: words.clone(),
                tokens: text.ids.len(),
                truncated: text.truncated,
                embedding: row.to_vec(),
            });
        }
        bar.inc(group.len() as u64);
    }
    bar.finish_and_clear();
    let similarity = texts
        .iter()
        .map(|a| texts.iter().map(|b| cosine(&a.embedding, &b.embedding)).collect())
        .collect();
    let (artifact, program) = (artifact.id().to_string(), program.name.clone());
    Ok(Embedded { artifact, program, texts, similarity })
}

/// The cosine of the angle between two embeddings.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
}

fn table(embedded: &Embedded) {
    if let [text] = embedded.texts.as_slice() {
        let values: Vec<String> = text.embedding.iter().map(ToString::to_string).collect();
        println!("{}", values.join(" "));
        return;
    }
    for (text, row) in embedded.texts.iter().zip(&embedded.similarity) {
        let cells: Vec<String> = row.iter().map(|value| format!("{value:6.3}")).collect();
        println!("{}  {}", cells.join(" "), text.text);
    }
}
