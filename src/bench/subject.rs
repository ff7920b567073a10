//! What is measured: a zoo model captured into an artifact, and the very same Burn module on Flex.
//!
//! A subject is named `MODEL`, `MODEL-BATCHxSIZE` (tokens of a text, or pixels of an image's side), as `minilm-8x128`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, Int, Tensor as BurnTensor, TensorData};
use gainsay_canon::{DType, Tensor, TensorType};
use gainsay_model::{Artifact, Limits, TypedProgram};
use gainsay_zoo::bert::{Bert, BertConfig, BertOutput};
use gainsay_zoo::digits::{self, DigitsNet};
use gainsay_zoo::llama::{Llama, LlamaConfig};
use gainsay_zoo::resnet::{Depth, Resnet, ResnetConfig};
use gainsay_zoo::sizes::{Images, Sequence};

use crate::seeded;

/// The subjects that are measured unless some are named.
const DEFAULT: [&str; 5] =
    ["minilm-1x128", "minilm-8x128", "minilm-1x32", "resnet18-1x224", "llama-1x64"];
/// The seed of weights that are not read from a folder, and of inputs.
const SEED: u64 = 1;

/// Runs the module once and returns its output's values.
pub type Flex = Box<dyn FnMut() -> Result<Vec<f32>> + Send>;

/// A model on both sides.
pub struct Subject {
    /// Its name.
    pub model: String,
    /// Inputs in one run.
    pub batch: u64,
    /// Ours.
    pub artifact: Arc<Artifact>,
    /// Its inputs.
    pub inputs: Vec<Tensor>,
    /// The other side, on the same inputs.
    pub flex: Flex,
    /// By how much the sides may differ.
    pub tolerance: f32,
}

impl Subject {
    /// The largest difference between our first output and Flex's.
    pub fn difference(&mut self, outputs: &[Tensor], pool: &rayon::ThreadPool) -> Result<f32> {
        let ours = outputs.first().and_then(Tensor::as_f32).context("the output is not f32")?;
        let flex = &mut self.flex;
        let other = pool.install(flex)?;
        ensure!(
            ours.len() == other.len(),
            "the sides return {} and {} values",
            ours.len(),
            other.len()
        );
        Ok(ours.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
    }
}

/// The subjects named, or the default ones.
pub fn names(given: &[String]) -> Vec<String> {
    if given.is_empty() { DEFAULT.map(String::from).into() } else { given.to_vec() }
}

/// A subject's name, taken apart.
#[derive(Clone, Copy)]
struct Name<'a> {
    model: &'a str,
    batch: usize,
    size: usize,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Result<Self> {
        let (model, extents) = name.split_once('-').unwrap_or((name, ""));
        let size = match model {
            "digits" => 8,
            "minilm" => 128,
            "resnet18" => 224,
            "llama" => 64,
            _ => bail!(
                "no subject is called {name:?}: there are digits, minilm, resnet18 and llama, as in minilm-8x128"
            ),
        };
        if extents.is_empty() {
            return Ok(Self { model, batch: 1, size });
        }
        let wrong =
            || format!("{name:?}: the batch and the size are written as in {model}-1x{size}");
        let (batch, size) = extents.split_once('x').with_context(wrong)?;
        let number = |text: &str| text.parse::<usize>().ok().filter(|&number| number > 0);
        let (batch, size) = number(batch).zip(number(size)).with_context(wrong)?;
        ensure!(
            model != "digits" || (batch, size) == (1, 8),
            "digits takes one image of 8x8 pixels"
        );
        Ok(Self { model, batch, size })
    }

    fn inputs(self) -> Result<Vec<Tensor>> {
        let shape = [self.batch as u64, self.size as u64];
        let image = |channels| [self.batch as u64, channels, self.size as u64, self.size as u64];
        let tokens = |limit: u64| {
            let values = seeded::integers(SEED, shape.iter().product(), limit);
            Tensor::i64(shape, values).context("the tokens do not fit")
        };
        let pixels = |channels| {
            let kind = TensorType::new(DType::F32, image(channels));
            seeded::tensor(SEED, &kind)
        };
        Ok(match self.model {
            "digits" => vec![pixels(1)?],
            "resnet18" => vec![pixels(3)?],
            "llama" => vec![tokens(LlamaConfig::bench().vocab_size as u64)?],
            _ => {
                let all = |value| {
                    let values = vec![value; self.batch * self.size];
                    Tensor::i64(shape, values).context("the mask does not fit")
                };
                vec![tokens(BertConfig::minilm().vocab_size as u64)?, all(1)?, all(0)?]
            }
        })
    }
}

/// Captures a model, and keeps its module for the other side. `weights` is the folder of published ones, for minilm.
pub fn load(name: &str, weights: Option<&Path>) -> Result<Subject> {
    let parsed = Name::parse(name)?;
    let inputs = parsed.inputs()?;
    let Name { batch, size, .. } = parsed;
    let texts = [Sequence { batch, seq: size }];
    let images = [Images { batch, side: size }];
    let (artifact, flex, tolerance) = match module(parsed, weights)? {
        Module::Digits(net) => (digits::capture(&net)?, Module::Digits(net), 1e-4),
        Module::Bert(bert) => {
            let captured = bert.artifact("minilm", &texts, &[BertOutput::SentenceEmbedding])?;
            (captured, Module::Bert(bert), 1e-5)
        }
        Module::Resnet(net) => (net.artifact("resnet18", &images)?, Module::Resnet(net), 1e-2),
        Module::Llama(net) => (net.artifact("llama", &texts)?, Module::Llama(net), 1e-2),
    };
    let flex = flex.runner(&inputs)?;
    let (model, batch) = (name.to_owned(), batch as u64);
    Ok(Subject { model, batch, artifact: artifact.into(), inputs, flex, tolerance })
}

/// The other side alone.
pub fn flex(name: &str, weights: Option<&Path>) -> Result<Flex> {
    let parsed = Name::parse(name)?;
    module(parsed, weights)?.runner(&parsed.inputs()?)
}

/// The inputs alone.
pub fn inputs(name: &str) -> Result<Vec<Tensor>> {
    Name::parse(name)?.inputs()
}

/// An artifact from its folder.
pub fn exported(folder: &Path) -> Result<Artifact> {
    Artifact::load(folder, &Limits::default())
        .with_context(|| format!("cannot load the artifact {}", folder.display()))
}

/// Inputs from files of raw little-endian bytes, in order.
pub fn file_inputs(program: &TypedProgram, files: &[std::path::PathBuf]) -> Result<Vec<Tensor>> {
    let ports = &program.program().inputs;
    ensure!(
        ports.len() == files.len(),
        "{} inputs given, the program takes {}",
        files.len(),
        ports.len()
    );
    let read = |(port, file): (&gainsay_model::Input, &std::path::PathBuf)| {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Tensor::from_bytes(&port.tensor, &bytes)
            .with_context(|| format!("{} is not input {:?}", file.display(), port.name))
    };
    ports.iter().zip(files).map(read).collect()
}

/// A zoo module.
enum Module {
    Digits(Box<DigitsNet>),
    Bert(Box<Bert>),
    Resnet(Box<Resnet>),
    Llama(Box<Llama>),
}

fn module(name: Name<'_>, weights: Option<&Path>) -> Result<Module> {
    let device = Device::flex();
    let mut quiet = |_| ();
    Ok(match (name.model, weights) {
        ("digits", _) => Module::Digits(DigitsNet::load(&device)?.into()),
        ("resnet18", _) => {
            let config = ResnetConfig::published(Depth::Eighteen);
            Module::Resnet(Resnet::seeded(&config, SEED, &device, &mut quiet)?.into())
        }
        ("llama", _) => {
            Module::Llama(Llama::seeded(&LlamaConfig::bench(), SEED, &device, &mut quiet)?.into())
        }
        (_, Some(folder)) => Module::Bert(Bert::load(folder, &device, &mut quiet)?.into()),
        (_, None) => {
            Module::Bert(Bert::seeded(BertConfig::minilm(), SEED, &device, &mut quiet)?.into())
        }
    })
}

impl Module {
    /// The module on these inputs.
    fn runner(self, inputs: &[Tensor]) -> Result<Flex> {
        Ok(match self {
            Self::Digits(net) => {
                let x = floats(inputs, 0)?;
                Box::new(move || values(net.forward(x.clone())))
            }
            Self::Resnet(net) => {
                let x = floats(inputs, 0)?;
                Box::new(move || values(net.forward(x.clone())))
            }
            Self::Llama(net) => {
                let ids = tokens(inputs, 0)?;
                Box::new(move || values(net.forward(ids.clone())))
            }
            Self::Bert(bert) => {
                let (ids, mask, kinds) =
                    (tokens(inputs, 0)?, tokens(inputs, 1)?, tokens(inputs, 2)?);
                Box::new(move || {
                    let hidden = bert.encoder.forward(ids.clone(), mask.clone(), kinds.clone());
                    values(bert.pooling.forward(hidden, mask.clone()))
                })
            }
        })
    }
}

fn values<const D: usize>(tensor: BurnTensor<D>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_to_vec()
        .map_err(|error| anyhow::anyhow!("Flex did not return f32: {error:?}"))
}

fn shape(inputs: &[Tensor], index: usize) -> Result<(&Tensor, Vec<usize>)> {
    let tensor = inputs.get(index).context("an input is missing")?;
    Ok((tensor, tensor.shape().iter().map(|&extent| extent as usize).collect()))
}

fn floats(inputs: &[Tensor], index: usize) -> Result<BurnTensor<4>> {
    let (tensor, shape) = shape(inputs, index)?;
    let values = tensor.as_f32().context("an image is not f32")?.to_vec();
    Ok(BurnTensor::from_data(TensorData::new(values, shape), &Device::flex()))
}

fn tokens(inputs: &[Tensor], index: usize) -> Result<BurnTensor<2, Int>> {
    let (tensor, shape) = shape(inputs, index)?;
    let values = tensor.as_i64().context("tokens are not i64")?.to_vec();
    Ok(BurnTensor::from_data(TensorData::new(values, shape), &Device::flex()))
}
