//! One's own Burn model: define it, capture it once, run it canonically, commit to the run.
//!
//!     cargo run --release --example own_model

use std::sync::Arc;

use anyhow::Result;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor};
use gainsay::prelude::*;

#[derive(Module, Debug)]
struct Scorer {
    hidden: Linear,
    head: Linear,
}

impl Scorer {
    fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        softmax(self.head.forward(relu(self.hidden.forward(features))), 1)
    }
}

fn main() -> Result<()> {
    let device = Device::flex();
    device.seed(1);
    let scorer = Scorer {
        hidden: LinearConfig::new(4, 16).init(&device),
        head: LinearConfig::new(16, 3).init(&device),
    };
    let artifact = Arc::new(Artifact::capture(
        "scorer",
        &scorer,
        |scorer, x: Tensor<2>| ("scores", scorer.forward(x)),
        ("features", [1, 4]),
    )?);

    let runner = Runner::new(Arc::clone(&artifact), 0, Kernels::detect()?)?;
    let trace = runner.trace(&[Values::f32([1, 4], vec![0.1, 0.2, 0.3, 0.4])?])?;
    println!("artifact   {}", artifact.id());
    println!("scores     {:?}", trace.outputs[0].as_f32());
    println!("layers     {}", runner.program().layer_count());
    println!("trace root {}", trace.root()?);
    Ok(())
}
