//! Where a run's time goes: per step of the plan its time and rate, then the time of whole runs, traces and lockstep.
//!
//! `cargo run --release -p gainsay-model --example profile -- DIR [--program N] [--threads N] [--runs N] [--jobs N]`
//! with an artifact's folder, on random inputs (integers are small enough for token ids); `encoder`, `decoder` or `resnet`
//! in its place is a network of that kind with random weights. `GAINSAY_ISA` forces kernels, `--plan` lists the steps.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gainsay_canon::{DType, Isa, Kernels, Tensor, TensorType};
use gainsay_model::{Artifact, Cuts, Limits, Runner, StepDescription};

#[path = "../tests/model/networks.rs"]
#[allow(clippy::unwrap_used)]
mod networks;

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    folder: PathBuf,
    program: u32,
    threads: NonZeroUsize,
    runs: usize,
    jobs: usize,
    batch: u64,
    tokens: u64,
    show: Show,
}

/// Whether the plan is listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Times,
    Plan,
}

impl Arguments {
    fn parse() -> Result<Self, Failure> {
        let mut folder = None;
        let all = std::thread::available_parallelism()?;
        let (mut program, mut threads, mut runs, mut jobs) = (0, all, 30, 1);
        let (mut batch, mut tokens, mut show) = (1, 128, Show::Times);
        let mut given = std::env::args().skip(1);
        while let Some(argument) = given.next() {
            let mut value = || given.next().ok_or(format!("{argument} takes a value"));
            match argument.as_str() {
                "--program" => program = value()?.parse()?,
                "--threads" => threads = value()?.parse()?,
                "--runs" => runs = value()?.parse::<usize>()?.max(1),
                "--jobs" => jobs = value()?.parse::<usize>()?.max(1),
                "--batch" => batch = value()?.parse()?,
                "--tokens" => tokens = value()?.parse()?,
                "--plan" => show = Show::Plan,
                _ => folder = Some(PathBuf::from(argument)),
            }
        }
        let folder = folder.ok_or("the folder of an artifact is missing")?;
        Ok(Self { folder, program, threads, runs, jobs, batch, tokens, show })
    }

    fn artifact(&self) -> Result<Artifact, Failure> {
        Ok(match self.folder.to_str() {
            Some("encoder") => networks::encoder(6, 384, 12, self.batch, self.tokens),
            Some("decoder") => networks::decoder(2, 2048, 16, self.tokens),
            Some("resnet") => networks::resnet(224),
            _ => Artifact::load(&self.folder, &Limits::default())?,
        })
    }
}

/// Numbers in -1 to 1, or integers below 100, or bools that are mostly true.
fn random(tensor: &TensorType, seed: &mut u64) -> Result<Tensor, Failure> {
    let mut next = || {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 33
    };
    let (count, shape) = (tensor.elements()?, tensor.shape.clone());
    Ok(match tensor.dtype {
        DType::F32 => {
            let value = |bits: u64| (bits as f32) / (1u64 << 30) as f32 - 1.0;
            Tensor::f32(shape, (0..count).map(|_| value(next())).collect())?
        }
        DType::I64 => Tensor::i64(shape, (0..count).map(|_| (next() % 100) as i64).collect())?,
        DType::I32 => Tensor::i32(shape, (0..count).map(|_| (next() % 100) as i32).collect())?,
        DType::Bool => Tensor::bool(shape, (0..count).map(|_| next() % 8 != 0).collect())?,
        _ => Tensor::zeros(tensor)?,
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse()?;
    let artifact = Arc::new(arguments.artifact()?);
    let kernels = Kernels::new(Isa::detect()?, arguments.threads)?;
    println!("{} with {} threads", kernels.isa(), kernels.threads());
    let runner = Runner::new(artifact, arguments.program, kernels)?;
    if arguments.show == Show::Plan {
        print!("{}", runner.plan()?.describe(runner.program()));
    }
    let start = Instant::now();
    runner.prepare()?;
    println!("planned and packed in {:.1} ms", milliseconds(start.elapsed()));
    let mut seed = 7;
    let takes = &runner.program().program().inputs;
    let mut jobs = Vec::new();
    for _ in 0..arguments.jobs {
        let inputs = takes.iter().map(|input| random(&input.tensor, &mut seed));
        jobs.push(inputs.collect::<Result<Vec<_>, _>>()?);
    }
    steps(&runner, &jobs[0], arguments.runs)?;
    whole(&runner, &jobs, arguments.runs)
}

/// What a quarter of the times stay below: the machine is shared, so the median says more about the others.
fn quartile(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 4).copied().unwrap_or_default()
}

/// Per step the time, slowest first; then the same by operator.
fn steps(runner: &Runner, inputs: &[Tensor], runs: usize) -> Result<(), Failure> {
    let plan = runner.plan()?.describe(runner.program());
    let fused = runner.fused()?;
    let alone = fused.iter().filter(|fused| !**fused).count();
    println!("{alone} of {} steps (~) are computed operator by operator", fused.len());
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); plan.steps.len()];
    for _ in 0..runs + 1 {
        let start = Instant::now();
        let (_, found) = runner.run_timed(inputs, || start.elapsed())?;
        for (times, found) in times.iter_mut().zip(found) {
            times.push(found);
        }
    }
    let mut rows: Vec<(Duration, &StepDescription)> = times
        .iter_mut()
        .zip(&plan.steps)
        .map(|(times, step)| (quartile(times.get_mut(1..).unwrap_or_default()), step))
        .collect();
    let total: Duration = rows.iter().map(|(time, _)| *time).sum();
    println!("{} steps, {} bytes of buffers", plan.steps.len(), plan.planned_bytes);
    rows.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    println!("{:>9} {:>6} {:>9} {:>8}  step", "ms", "%", "GFLOP/s", "GB out/s");
    for (time, step) in rows.iter().take(40) {
        let seconds = time.as_secs_f64().max(1e-9);
        println!(
            "{:>9.3} {:>6.2} {:>9.1} {:>8.2} {} #{} {}({}){} -> {}",
            milliseconds(*time),
            100.0 * seconds / total.as_secs_f64().max(1e-9),
            step.flop as f64 / seconds / 1e9,
            step.bytes as f64 / seconds / 1e9,
            if fused.get(step.step).copied().unwrap_or(false) { " " } else { "~" },
            step.step,
            step.operator,
            step.operands.join(", "),
            step.chain.iter().map(|link| format!(" > {link}")).collect::<String>(),
            step.result,
        );
    }
    let mut kinds: Vec<(String, Duration, u64)> = Vec::new();
    for (time, step) in &rows {
        let kind = step.operator.split(['(', ' ', '{']).next().unwrap_or_default().to_owned();
        match kinds.iter_mut().find(|(found, ..)| *found == kind) {
            Some((_, sum, flop)) => (*sum, *flop) = (*sum + *time, *flop + step.flop),
            None => kinds.push((kind, *time, step.flop)),
        }
    }
    kinds.sort_by_key(|(_, time, _)| std::cmp::Reverse(*time));
    for (kind, time, flop) in kinds {
        let rate = flop as f64 / time.as_secs_f64().max(1e-9) / 1e9;
        println!("{:>9.3} ms {rate:>9.1} GFLOP/s  all {kind}", milliseconds(time));
    }
    println!("{:>9.3} ms  all steps", milliseconds(total));
    Ok(())
}

/// Whole runs, traces at both grains, and lockstep, by turns.
fn whole(runner: &Runner, jobs: &[Vec<Tensor>], runs: usize) -> Result<(), Failure> {
    let inputs = jobs.first().ok_or("no job")?;
    let mut times: [Vec<Duration>; 4] = Default::default();
    let (mut layers, mut operators) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let start = Instant::now();
        runner.run(inputs)?;
        times[0].push(start.elapsed());
        let start = Instant::now();
        let (_, timing) = runner.trace_timed(inputs, Cuts::Layers, || start.elapsed())?;
        times[1].push(start.elapsed());
        layers.push(timing.hashing);
        let start = Instant::now();
        let (_, timing) = runner.trace_timed(inputs, Cuts::Operators, || start.elapsed())?;
        times[2].push(start.elapsed());
        operators.push(timing.hashing);
        let start = Instant::now();
        runner.run_many(jobs).into_iter().collect::<Result<Vec<_>, _>>()?;
        times[3].push(start.elapsed());
    }
    let [run, trace, finest, lockstep] = times.map(|mut times| quartile(&mut times));
    let share = |part: Duration, whole: Duration| {
        format!("{:.2}%", 100.0 * part.as_secs_f64() / whole.as_secs_f64().max(1e-9))
    };
    let (layers, operators) = (quartile(&mut layers), quartile(&mut operators));
    let rate = runner.program().total_cost() as f64 / run.as_secs_f64().max(1e-9) / 1e9;
    println!("run       {:>9.3} ms, {rate:.1} GFLOP/s", milliseconds(run));
    let hashing = |time: Duration| format!("{:.3} ms in hashing", milliseconds(time));
    let traced = (hashing(layers), share(layers, trace));
    println!("trace     {:>9.3} ms, {} ({})", milliseconds(trace), traced.0, traced.1);
    let traced = (hashing(operators), share(operators, finest));
    println!("operators {:>9.3} ms, {} ({})", milliseconds(finest), traced.0, traced.1);
    let each = milliseconds(lockstep) / jobs.len() as f64;
    println!(
        "lockstep  {:>9.3} ms for {} jobs, {each:.3} each",
        milliseconds(lockstep),
        jobs.len()
    );
    Ok(())
}
