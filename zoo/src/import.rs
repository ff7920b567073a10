//! From an architecture's name and a folder, or a seed, to an artifact: what `gainsay artifact import` does.

use std::path::Path;

use burn::tensor::Device;
use gainsay_capture::CaptureError;
use gainsay_model::Artifact;

use crate::bert::{self, Bert, BertConfig, BertOutput};
use crate::llama::{self, Llama, LlamaConfig};
use crate::pretrained::{Folder, PretrainedError};
use crate::resnet::{Depth, Resnet, ResnetConfig};
use crate::sizes::{Images, Sequence};
use crate::tagger::{self, Tagger, TaggerConfig};
use crate::unet::{self, Unet, UnetConfig};
use crate::vit::{self, Vit, VitConfig};

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// A BERT-class encoder.
    Bert,
    /// ResNet-18.
    Resnet18,
    /// ResNet-50.
    Resnet50,
    /// A vision transformer.
    Vit,
    /// A recurrent tagger.
    Tagger,
    /// A small U-Net.
    Unet,
    /// A Llama-style decoder.
    Llama,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Bert,
        Self::Resnet18,
        Self::Resnet50,
        Self::Vit,
        Self::Tagger,
        Self::Unet,
        Self::Llama,
    ];

    /// The name, also that of its artifacts unless another is given.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => bert::NAME,
            Self::Resnet18 => Depth::Eighteen.name(),
            Self::Resnet50 => Depth::Fifty.name(),
            Self::Vit => vit::NAME,
            Self::Tagger => tagger::NAME,
            Self::Unet => unet::NAME,
            Self::Llama => llama::NAME,
        }
    }
}

/// The sizes of a model with seeded weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// For tests: at most 50 MFLOP, a few hundred kilobytes.
    Tiny,
    /// Of a published model's size.
    Bench,
}

/// Where parameters come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights<'a> {
    /// A folder in the format that the architecture is published in.
    Folder(&'a Path),
    /// A seed.
    Seeded {
        /// The seed.
        seed: u64,
        /// The sizes.
        preset: Preset,
    },
}

/// The shapes to capture programs for: one program for each combination; a default for what is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shapes {
    /// Texts or images at a time.
    pub batches: Vec<usize>,
    /// Tokens of a text.
    pub seqs: Vec<usize>,
    /// Height and width of an image.
    pub sides: Vec<usize>,
}

/// One import.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// What to import.
    pub architecture: Architecture,
    /// Its parameters.
    pub weights: Weights<'a>,
    /// Its programs' shapes.
    pub shapes: Shapes,
    /// What a BERT's programs return.
    pub outputs: Vec<BertOutput>,
    /// The artifact's name; the architecture's if there is none.
    pub name: Option<&'a str>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// So many more bytes of parameters are there, of so many in the files.
    Weights {
        /// More bytes.
        bytes: u64,
        /// Bytes of all tensors, if they come from files.
        of: Option<u64>,
    },
    /// The module runs on the capture device.
    Capture,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The model cannot be loaded.
    #[error(transparent)]
    Load(#[from] PretrainedError),
    /// The model cannot be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The model has no such shape.
    #[error("{0}")]
    Shape(String),
}

impl Import<'_> {
    /// Loads, captures, and tells `progress` how far it is.
    ///
    /// # Errors
    /// Names what is missing, does not fit, or cannot be captured.
    pub fn run(&self, progress: &mut dyn FnMut(Stage)) -> Result<Artifact, ImportError> {
        let of = match self.weights {
            Weights::Folder(folder) => Some(Folder::open(folder)?.bytes()),
            Weights::Seeded { .. } => None,
        };
        progress(Stage::Weights { bytes: 0, of });
        match self.architecture {
            Architecture::Bert => self.bert(of, progress),
            Architecture::Resnet18 => self.resnet(Depth::Eighteen, of, progress),
            Architecture::Resnet50 => self.resnet(Depth::Fifty, of, progress),
            Architecture::Vit => self.vit(of, progress),
            Architecture::Tagger => self.tagger(of, progress),
            Architecture::Unet => self.unet(of, progress),
            Architecture::Llama => self.llama(of, progress),
        }
    }

    fn name(&self) -> &str {
        self.name.unwrap_or(self.architecture.name())
    }

    fn bert(
        &self,
        of: Option<u64>,
        progress: &mut dyn FnMut(Stage),
    ) -> Result<Artifact, ImportError> {
        let device = Device::flex();
        let mut read = |bytes| progress(Stage::Weights { bytes, of });
        let model = match self.weights {
            Weights::Folder(folder) => Bert::load(folder, &device, &mut read),
            Weights::Seeded { seed, preset } => {
                let config = preset.choose(BertConfig::tiny, BertConfig::minilm);
                Bert::seeded(config, seed, &device, &mut read)
            }
        }?;
        let sizes = self.sequences(128, model.config.max_position_embeddings)?;
        progress(Stage::Capture);
        let outputs: &[BertOutput] = match self.outputs.as_slice() {
            [] => &[BertOutput::SentenceEmbedding],
            outputs => outputs,
        };
        Ok(model.artifact(self.name(), &sizes, outputs)?)
    }

    fn resnet(
        &self,
        depth: Depth,
        of: Option<u64>,
        progress: &mut dyn FnMut(Stage),
    ) -> Result<Artifact, ImportError> {
        let device = Device::flex();
        let mut read = |bytes| progress(Stage::Weights { bytes, of });
        let model = match self.weights {
            Weights::Folder(folder) => Resnet::load(depth, folder, &device, &mut read),
            Weights::Seeded { seed, preset } => {
                let config =
                    preset.choose(|| ResnetConfig::tiny(depth), || ResnetConfig::published(depth));
                Resnet::seeded(&config, seed, &device, &mut read)
            }
        }?;
        let sizes = self.images(224, 1)?;
        progress(Stage::Capture);
        Ok(model.artifact(self.name(), &sizes)?)
    }

    fn vit(
        &self,
        of: Option<u64>,
        progress: &mut dyn FnMut(Stage),
    ) -> Result<Artifact, ImportError> {
        let device = Device::flex();
        let mut read = |bytes| progress(Stage::Weights { bytes, of });
        let model = match self.weights {
            Weights::Folder(folder) => Vit::load(folder, &device, &mut read),
            Weights::Seeded { seed, preset } => {
                let config = preset.choose(VitConfig::tiny, VitConfig::base);
                Vit::seeded(&config, seed, &device, &mut read)
            }
        }?;
        let (_, side) = model.image();
        if let Some(other) = self.shapes.sides.iter().find(|&&other| other != side) {
            let reason = format!("this model takes images of {side} pixels, not {other}");
            return Err(ImportError::Shape(reason));
        }
        let batches: Vec<usize> = self.images(side, 1)?.iter().map(|size| size.batch).collect();
        progress(Stage::Capture);
        Ok(model.artifact(self.name(), &batches)?)
    }

    fn tagger(
        &self,
        of: Option<u64>,
        progress: &mut dyn FnMut(Stage),
    ) -> Result<Artifact, ImportError> {
        let device = Device::flex();
        let mut read = |bytes| progress(Stage::Weights { bytes, of });
        let model = match self.weights {
            Weights::Folder(folder) => Tagger::load(folder, &device, &mut read),
            Weights::Seeded { seed, preset } => {
                let config = preset.choose(TaggerConfig::tiny, TaggerConfig::bench);
                Tagger::seeded(&config, seed, &device, &mut read)
            }
        }?;
        // Every step of a recurrent layer is its own operators: longer programs are no use.
        let sizes = self.sequences(16, 512)?;
        progress(Stage::Capture);
        Ok(model.artifact(self.name(), &sizes)?)
    }

    fn unet(
        &self,
        of: Option<u64>,
        progress: &mut dyn FnMut(Stage),
    ) -> Result<Artifact, ImportError> {
        let device = Device::flex();
        let mut read = |bytes| progress(Stage::Weights { bytes, of });
        let model = match self.weights {
            Weights::Folder(folder) => Unet::load(folder, &device, &mut read),
            Weights::Seeded { seed, preset } => {
                let config = preset.choose(UnetConfig::tiny, UnetConfig::bench);
                Unet::seeded(&config, seed, &device, &mut read)
            }
        }?;
        let sizes = self.images(128, model.granularity())?;
        progress(Stage::Capture);
        Ok(model.artifact(self.name(), &sizes)?)
    }

    fn llama(
        &self,
        of: Option<u64>,
        progress: &mut dyn FnMut(Stage),
    ) -> Result<Artifact, ImportError> {
        let device = Device::flex();
        let mut read = |bytes| progress(Stage::Weights { bytes, of });
        let (model, longest) = match self.weights {
            Weights::Folder(folder) => {
                let config = LlamaConfig::read(folder)?;
                (Llama::load(folder, &device, &mut read)?, config.max_position_embeddings)
            }
            Weights::Seeded { seed, preset } => {
                let config = preset.choose(LlamaConfig::tiny, LlamaConfig::bench);
                let longest = config.max_position_embeddings;
                (Llama::seeded(&config, seed, &device, &mut read)?, longest)
            }
        };
        let sizes = self.sequences(64, longest)?;
        progress(Stage::Capture);
        Ok(model.artifact(self.name(), &sizes)?)
    }

    /// Every batch size with every length.
    fn sequences(&self, default: usize, longest: usize) -> Result<Vec<Sequence>, ImportError> {
        if !self.shapes.sides.is_empty() {
            let reason = format!("{} takes texts: give their length", self.architecture.name());
            return Err(ImportError::Shape(reason));
        }
        let seqs = or(&self.shapes.seqs, default.min(longest));
        if let Some(seq) = seqs.iter().find(|&&seq| seq == 0 || seq > longest) {
            let reason = format!("{seq} tokens: this model takes 1 to {longest}");
            return Err(ImportError::Shape(reason));
        }
        let sizes = self.batches()?.into_iter();
        Ok(sizes.flat_map(|batch| seqs.iter().map(move |&seq| Sequence { batch, seq })).collect())
    }

    /// Every batch size with every side, which must be a multiple of `granularity`.
    fn images(&self, default: usize, granularity: usize) -> Result<Vec<Images>, ImportError> {
        if !self.shapes.seqs.is_empty() {
            let reason = format!("{} takes images: give their side", self.architecture.name());
            return Err(ImportError::Shape(reason));
        }
        let sides = or(&self.shapes.sides, default);
        let unfit = |side: usize| side == 0 || !side.is_multiple_of(granularity);
        if let Some(side) = sides.iter().find(|&&side| unfit(side)) {
            let reason =
                format!("images of {side} pixels: this model takes multiples of {granularity}");
            return Err(ImportError::Shape(reason));
        }
        let sizes = self.batches()?.into_iter();
        Ok(sizes.flat_map(|batch| sides.iter().map(move |&side| Images { batch, side })).collect())
    }

    fn batches(&self) -> Result<Vec<usize>, ImportError> {
        let batches = or(&self.shapes.batches, 1);
        match batches.contains(&0) {
            true => Err(ImportError::Shape("a batch of 0 is empty".into())),
            false => Ok(batches),
        }
    }
}

impl Preset {
    fn choose<T>(self, tiny: impl FnOnce() -> T, bench: impl FnOnce() -> T) -> T {
        match self {
            Self::Tiny => tiny(),
            Self::Bench => bench(),
        }
    }
}

fn or(given: &[usize], default: usize) -> Vec<usize> {
    if given.is_empty() { vec![default] } else { given.to_vec() }
}
