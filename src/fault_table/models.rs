//! The models of the table.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use gainsay_canon::{Isa, Kernels, Tensor};
use gainsay_commitment::Arity;
use gainsay_model::{Artifact, Limits, Runner, TypedProgram};
use gainsay_protocol::{Keypair, LayerBudget, Params};

use super::arbiter::Subject;
use crate::cli::config::Network;
use crate::seeded;

/// A budget that no layer is within.
#[cfg(any(feature = "models", test))]
pub const NARROW: LayerBudget = LayerBudget { bytes: 0, operations: 0 };

/// A model with its inputs, and inputs of another job.
pub fn load(model: &str, weights: Option<&Path>, seed: u64) -> Result<(Subject, Vec<Tensor>)> {
    let (artifact, budget) = if Path::new(model).join("manifest.toml").exists() {
        let artifact = Artifact::load(Path::new(model), &Limits::default())
            .with_context(|| format!("cannot load the artifact {model}"))?;
        (artifact, LayerBudget::default())
    } else {
        zoo(model, weights)?
    };
    subject(artifact, budget, seed)
}

/// The first program of an artifact on seeded inputs.
pub fn subject(
    artifact: Artifact,
    budget: LayerBudget,
    seed: u64,
) -> Result<(Subject, Vec<Tensor>)> {
    let kernels = Kernels::new(Isa::detect().context("GAINSAY_ISA")?, NonZeroUsize::MIN)?;
    let runner = Arc::new(Runner::new(Arc::new(artifact), 0, kernels)?);
    let own = inputs(runner.program(), seed)?;
    let others = inputs(runner.program(), seed.wrapping_add(1 << 20))?;
    Ok((Subject::new(params(budget)?, runner, own.into())?, others))
}

fn inputs(program: &TypedProgram, seed: u64) -> Result<Vec<Tensor>> {
    let ports = (0u64..).zip(&program.program().inputs);
    ports.map(|(port, input)| seeded::tensor(seed * 64 + port, &input.tensor)).collect()
}

/// The default network's parameters, with two descendants a reveal: as many rounds as there can be.
fn params(budget: LayerBudget) -> Result<Params> {
    let arbiter = Keypair::from_seed(&[1; 32]).key();
    let mut params = Network::default().params(arbiter)?;
    params.arity = Arity::new(2)?;
    params.layer_budget = budget;
    Ok(params)
}

#[cfg(not(feature = "models"))]
fn zoo(model: &str, _: Option<&Path>) -> Result<(Artifact, LayerBudget)> {
    anyhow::bail!(
        "{model:?} is no artifact folder, and this build has no models (feature `models`)"
    )
}

#[cfg(feature = "models")]
fn zoo(model: &str, weights: Option<&Path>) -> Result<(Artifact, LayerBudget)> {
    use burn::tensor::Device;
    use gainsay_zoo::bert::{Bert, BertConfig, BertOutput};
    use gainsay_zoo::llama::{Llama, LlamaConfig};
    use gainsay_zoo::resnet::{Depth, Resnet, ResnetConfig};
    use gainsay_zoo::sizes::{Images, Sequence};

    const SEED: u64 = 1;
    let (device, mut quiet) = (Device::flex(), |_| ());
    let text = |seq| [Sequence { batch: 1, seq }];
    let embedding = [BertOutput::SentenceEmbedding];
    let mut bert = |config: BertConfig| Bert::seeded(config, SEED, &device, &mut quiet);
    Ok(match (model, weights) {
        ("bert", _) => (bert(BertConfig::tiny())?.artifact("bert", &text(7), &embedding)?, NARROW),
        ("llama", _) => {
            let net = Llama::seeded(&LlamaConfig::tiny(), SEED, &device, &mut |_| ())?;
            (net.artifact("llama", &text(7))?, NARROW)
        }
        ("resnet", _) => {
            let config = ResnetConfig::tiny(Depth::Eighteen);
            let net = Resnet::seeded(&config, SEED, &device, &mut |_| ())?;
            let size = [Images { batch: 1, side: 32 }];
            (net.artifact("resnet", &size)?, LayerBudget::default())
        }
        ("minilm", Some(folder)) => {
            let net = Bert::load(folder, &device, &mut |_| ())?;
            (net.artifact("minilm", &text(128), &embedding)?, LayerBudget::default())
        }
        ("minilm", None) => {
            let net = bert(BertConfig::minilm())?;
            (net.artifact("minilm", &text(128), &embedding)?, LayerBudget::default())
        }
        ("bert-base", _) => {
            let config = BertConfig {
                hidden_size: 768,
                num_hidden_layers: 1,
                intermediate_size: 3072,
                ..BertConfig::minilm()
            };
            (bert(config)?.artifact("bert-base", &text(128), &embedding)?, LayerBudget::default())
        }
        _ => anyhow::bail!(
            "{model:?} is no artifact folder and no model here: bert, llama, resnet, minilm or bert-base"
        ),
    })
}
