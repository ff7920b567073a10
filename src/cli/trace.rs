//! `gainsay trace`: what a claim about seeded inputs would commit to, on this machine.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Context, Result};
use gainsay_canon::{Isa, Kernels};
use gainsay_model::{Artifact, Limits, Runner};
use serde::Serialize;

use super::args::TraceArgs;
use super::print;
use crate::seeded;

#[derive(Serialize)]
struct Traced {
    artifact: String,
    isa: String,
    programs: Vec<ProgramRoot>,
}

#[derive(Serialize)]
struct ProgramRoot {
    program: String,
    layers: u32,
    root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
}

/// Runs `gainsay trace`.
pub fn run(args: &TraceArgs) -> Result<()> {
    let artifact = Artifact::load(&args.path, &Limits::default())
        .with_context(|| format!("cannot load the artifact {}", args.path.display()))?;
    let artifact = Arc::new(artifact);
    let isa = Isa::detect()?;
    let threads = args.threads.or(std::thread::available_parallelism().ok());
    let kernels = Kernels::new(isa, threads.unwrap_or(NonZeroUsize::MIN))?;
    let mut programs = Vec::new();
    for index in 0..artifact.programs().len() as u32 {
        let runner = Runner::new(Arc::clone(&artifact), index, kernels.clone())?;
        let program = runner.program().program();
        let ports = (args.seed << 8..).zip(&program.inputs);
        let inputs = ports
            .map(|(seed, input)| seeded::tensor(seed, &input.tensor))
            .collect::<Result<Vec<_>>>()?;
        let trace = runner.trace(&inputs).with_context(|| format!("program {:?}", program.name))?;
        programs.push(ProgramRoot {
            program: program.name.clone(),
            layers: runner.program().layer_count(),
            root: trace.root()?.to_string(),
            plan: if args.plan {
                Some(runner.plan()?.describe(runner.program()).to_string())
            } else {
                None
            },
        });
    }
    let traced = Traced { artifact: artifact.id().to_string(), isa: isa.to_string(), programs };
    print(args.output, &traced, || {
        println!("artifact {} on {}", traced.artifact, traced.isa);
        for ProgramRoot { program, layers, root, plan } in &traced.programs {
            println!("{program}: {layers} layers, root {root}");
            if let Some(plan) = plan {
                println!("{plan}");
            }
        }
    })
}
