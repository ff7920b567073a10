//! `gainsay artifact import`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use gainsay_model::TOKENIZER;
use gainsay_zoo::bert::BertOutput;
use gainsay_zoo::import::{Architecture, Import, Preset, Shapes, Stage, Weights};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::cli::args::Output;

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    /// BERT-class encoder.
    Bert,
    /// ResNet-18.
    Resnet18,
    /// ResNet-50.
    Resnet50,
    /// Vision transformer.
    Vit,
    /// Bidirectional LSTM and GRU tagger.
    Tagger,
    /// Small U-Net.
    Unet,
    /// Llama-style decoder.
    Llama,
}

impl From<Arch> for Architecture {
    fn from(arch: Arch) -> Self {
        match arch {
            Arch::Bert => Self::Bert,
            Arch::Resnet18 => Self::Resnet18,
            Arch::Resnet50 => Self::Resnet50,
            Arch::Vit => Self::Vit,
            Arch::Tagger => Self::Tagger,
            Arch::Unet => Self::Unet,
            Arch::Llama => Self::Llama,
        }
    }
}

/// The sizes of a model with seeded weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sizes {
    /// For tests: at most 50 MFLOP.
    Tiny,
    /// Of a published model's size.
    Bench,
}

/// What a bert's programs return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Returns {
    /// One embedding per text, pooled as modules.json says.
    Embedding,
    /// The last hidden state of every token.
    Hidden,
}

/// Flags of `artifact import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The architecture.
    #[arg(long, env = "GAINSAY_ARCH", value_name = "ARCH")]
    pub arch: Arch,
    /// The folder with the published model.
    #[arg(
        long,
        env = "GAINSAY_FROM",
        value_name = "DIR",
        required_unless_present = "seeded",
        conflicts_with = "seeded"
    )]
    pub from: Option<PathBuf>,
    /// Weights from this seed in place of published ones, the same on every machine.
    #[arg(long, env = "GAINSAY_SEEDED", value_name = "SEED")]
    pub seeded: Option<u64>,
    /// The sizes of a seeded model.
    #[arg(long, env = "GAINSAY_PRESET", value_name = "PRESET", default_value = "tiny")]
    pub preset: Sizes,
    /// Tokens per text; several lengths make several programs that share the weights.
    #[arg(long, env = "GAINSAY_SEQ", value_name = "N", value_delimiter = ',')]
    pub seq: Vec<usize>,
    /// Texts or images at a time; several make several programs.
    #[arg(long, env = "GAINSAY_BATCH", value_name = "N", value_delimiter = ',')]
    pub batch: Vec<usize>,
    /// Height and width of images; several make several programs.
    #[arg(long, env = "GAINSAY_SIDE", value_name = "PIXELS", value_delimiter = ',')]
    pub side: Vec<usize>,
    /// What a bert's programs return; both make one program each.
    #[arg(long, env = "GAINSAY_RETURNS", value_name = "WHAT", value_delimiter = ',')]
    pub returns: Vec<Returns>,
    /// The artifact's name; the architecture's if left out.
    #[arg(long, env = "GAINSAY_NAME", value_name = "NAME")]
    pub name: Option<String>,
    /// The artifact folder to write.
    #[arg(long, env = "GAINSAY_OUT", value_name = "DIR")]
    pub out: PathBuf,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

#[derive(Serialize)]
struct Imported {
    artifact: String,
    name: String,
    programs: Vec<String>,
    weights: usize,
    tokenizer: Option<PathBuf>,
}

/// Runs `gainsay artifact import`.
pub fn import(args: &ImportArgs) -> Result<()> {
    let weights = match (&args.from, args.seeded) {
        (Some(folder), _) => Weights::Folder(folder),
        (None, Some(seed)) => Weights::Seeded { seed, preset: args.preset.into() },
        (None, None) => anyhow::bail!("name a folder with --from DIR or a seed with --seeded SEED"),
    };
    let request = Import {
        architecture: args.arch.into(),
        weights,
        shapes: Shapes {
            batches: args.batch.clone(),
            seqs: args.seq.clone(),
            sides: args.side.clone(),
        },
        outputs: args.returns.iter().map(|&returns| returns.into()).collect(),
        name: args.name.as_deref(),
    };
    // Hidden by itself where standard error is not a terminal.
    let bar = ProgressBar::no_length();
    let artifact =
        request.run(&mut |stage| show(&bar, stage)).with_context(|| match &args.from {
            Some(folder) => {
                format!("cannot import {} as {}", folder.display(), request.architecture.name())
            }
            None => format!("cannot make a seeded {}", request.architecture.name()),
        })?;
    bar.set_message("writing");
    artifact.save(&args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
    let tokenizer = match &args.from {
        Some(folder) => copy_tokenizer(folder, &args.out)?,
        None => None,
    };
    bar.finish_and_clear();
    let names = artifact.programs().iter().map(|program| program.program().name.clone());
    let imported = Imported {
        artifact: artifact.id().to_string(),
        name: artifact.name().to_owned(),
        programs: names.collect(),
        weights: artifact.weights().len(),
        tokenizer,
    };
    crate::cli::print(args.output, &imported, || println!("{}", imported.artifact))
}

fn show(bar: &ProgressBar, stage: Stage) {
    let style = |template: &str| {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
    };
    match stage {
        Stage::Weights { bytes: 0, of: Some(total) } => {
            style("{bar:32} {bytes}/{total_bytes} weights");
            bar.set_length(total);
        }
        Stage::Weights { bytes: 0, of: None } => style("{spinner} {bytes} of seeded weights"),
        Stage::Weights { bytes, .. } => bar.inc(bytes),
        Stage::Capture => {
            style("{spinner} {msg}");
            bar.set_message("capturing");
        }
    }
}

/// Copies the tokenizer beside the manifest, if there is one. It is no part of the artifact's id.
fn copy_tokenizer(from: &Path, to: &Path) -> Result<Option<PathBuf>> {
    let (source, target) = (from.join(TOKENIZER), to.join(TOKENIZER));
    if !source.is_file() {
        return Ok(None);
    }
    std::fs::copy(&source, &target)
        .with_context(|| format!("cannot copy {} to {}", source.display(), target.display()))?;
    Ok(Some(target))
}

impl From<Sizes> for Preset {
    fn from(sizes: Sizes) -> Self {
        match sizes {
            Sizes::Tiny => Self::Tiny,
            Sizes::Bench => Self::Bench,
        }
    }
}

impl From<Returns> for BertOutput {
    fn from(returns: Returns) -> Self {
        match returns {
            Returns::Embedding => Self::SentenceEmbedding,
            Returns::Hidden => Self::LastHiddenState,
        }
    }
}
