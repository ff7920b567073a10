//! Trains the digits network and prints its accuracy on the held-out quarter, by Burn and by canonical arithmetic.
//!
//!     cargo run --release --example train_digits -- --out zoo/data/digits/weights.safetensors
//!
//! Without `--out` nothing is written. Burn's float kernels follow the CPU, so another machine trains another network.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use burn::tensor::Device;
use clap::Parser;
use gainsay_canon::Kernels;
use gainsay_zoo::digits::{Dataset, Recipe, burn_accuracy, canonical_accuracy, capture, train};
use gainsay_zoo::weights;

/// Trains the digits network.
#[derive(Parser)]
struct Arguments {
    /// Where to write the weights, as safetensors
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seed of the initial parameters and the order of images
    #[arg(long, default_value_t = Recipe::default().seed)]
    seed: u64,
    /// Passes over the training images
    #[arg(long, default_value_t = Recipe::default().epochs)]
    epochs: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let recipe = Recipe { seed: arguments.seed, epochs: arguments.epochs, ..Recipe::default() };
    let (data, device) = (Dataset::embedded(), Device::flex());
    let network = train(&data, recipe, &device, |epoch| {
        eprintln!("epoch {:2} of {}: loss {:.4}", epoch.done, epoch.of, epoch.loss);
    })?;

    let artifact = Arc::new(capture(&network)?);
    println!("held-out accuracy, Burn:      {}", burn_accuracy(&network, &data, &device));
    println!(
        "held-out accuracy, canonical: {}",
        canonical_accuracy(&artifact, &data, &Kernels::detect()?)?
    );
    println!("artifact id:                  {}", artifact.id());

    if let Some(path) = arguments.out {
        std::fs::write(&path, weights::save(&network)?)
            .with_context(|| format!("writing {}", path.display()))?;
        println!("weights written to {}", path.display());
    }
    Ok(())
}
