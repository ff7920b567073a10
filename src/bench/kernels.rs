//! `bench kernels`: canonical f32 matrix products against the `gemm` crate, in GFLOP/s.
//!
//! The `gemm` crate is called through Flex's matrix product, which hands it both operands as they lie and nothing
//! else. Our side is measured twice: with both operands fresh, and with the right one packed once, as a model's
//! weights are.

use std::sync::Arc;

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor as BurnTensor, TensorData};
use gainsay_canon::{Isa, Kernels, Operand, Operator, Source, StepJob, StepSpec, Tensor};

use super::pairs::{Pairs, Turns, median};
use super::report::{Case, print, progress};
use crate::cli::bench::BenchKernelsArgs;

/// Rows of the left operand, terms, columns of the right operand.
const SHAPES: [[usize; 3]; 5] =
    [[128, 384, 1536], [128, 1536, 384], [1024, 1024, 1024], [8, 2048, 2048], [1, 4096, 4096]];
/// Bytes read to learn what memory gives: far more than any cache holds.
const STREAM_BYTES: usize = 512 << 20;

/// Runs the benchmark.
pub fn run(args: &BenchKernelsArgs) -> Result<()> {
    let isa = Isa::detect()?;
    let bar = progress((SHAPES.len() * args.run.threads.len() * 2) as u64);
    let mut cases = Vec::new();
    for &threads in &args.run.threads {
        let kernels = Kernels::new(isa, threads)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build()
            .context("cannot start Flex's threads")?;
        let bandwidth = bandwidth(threads.get());
        let peak = peak(&kernels)?;
        for shape in SHAPES {
            for packed in [Weights::Fresh, Weights::Packed] {
                bar.set_message(format!("{shape:?}, {threads} threads"));
                let case = product(args, &kernels, &pool, shape, packed)?;
                let [_, k, n] = shape;
                let gigabytes = (k * n * 4) as f64 / case.ours_ms / 1e6;
                let case = case.with("weights_gb_per_s", round(gigabytes));
                let case = case.with("peak_gflops", round(peak));
                cases.push(case.with("memory_gb_per_s", round(bandwidth)));
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    print(args.run.output, isa, &cases)
}

/// How our side gets its right operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weights {
    /// As it lies, like the other side.
    Fresh,
    /// Packed once before the first run.
    Packed,
}

fn product(
    args: &BenchKernelsArgs,
    kernels: &Kernels,
    pool: &rayon::ThreadPool,
    [m, k, n]: [usize; 3],
    weights: Weights,
) -> Result<Case> {
    let values = |count: usize, seed: u64| -> Vec<f32> {
        (0..count as u64)
            .map(|i| ((i + seed) * 2_654_435_761 % 1_000) as f32 / 500.0 - 1.0)
            .collect()
    };
    let (a, b) = (values(m * k, 1), values(k * n, 2));
    let flex = Device::flex();
    let [x, y] = [(&a, [m, k]), (&b, [k, n])].map(|(values, shape)| {
        BurnTensor::<2>::from_data(TensorData::new(values.clone(), shape), &flex)
    });
    let (a, b) =
        (Tensor::f32([m as u64, k as u64], a)?, Arc::new(Tensor::f32([k as u64, n as u64], b)?));
    let operand = |source| Operand { source, view: Vec::new() };
    let right = match weights {
        Weights::Fresh => Source::Value(1),
        Weights::Packed => Source::Constant(0),
    };
    let spec = StepSpec {
        operator: Operator::MatMul,
        operands: vec![operand(Source::Value(0)), operand(right)],
        chain: Vec::new(),
        layout: Vec::new(),
    };
    let (values, constants) = match weights {
        Weights::Fresh => (vec![a.tensor_type().clone(), b.tensor_type().clone()], Vec::new()),
        Weights::Packed => (vec![a.tensor_type().clone()], vec![Arc::clone(&b)]),
    };
    let step = kernels.prepare(spec, &values, constants, None)?;
    let mut output = Tensor::zeros(step.result())?;
    let flops = 2.0 * (m * k * n) as f64;
    let stretch = (1e9 / flops).clamp(3.0, 50.0) as usize;
    let mut measured = Vec::new();
    for _ in 0..args.run.measurements.get() {
        let turns = Turns { turns: args.run.turns.get(), stretch };
        let ours = || {
            let operands = if weights == Weights::Fresh { vec![&a, b.as_ref()] } else { vec![&a] };
            Ok(step.run(&mut [StepJob { operands, output: &mut output }])?)
        };
        let other = || {
            pool.install(|| std::hint::black_box(x.clone().matmul(y.clone())));
            Ok(())
        };
        measured.push(Pairs::measure(turns, ours, other)?);
    }
    let name = match weights {
        Weights::Fresh => format!("matmul {m}x{k}x{n}"),
        Weights::Packed => format!("matmul {m}x{k}x{n}, packed weights"),
    };
    let case = Case::best((&name, 1, pool.current_num_threads()), "gemm crate", &measured)?;
    let rates = (flops / case.ours_ms / 1e6, flops / case.other_ms / 1e6);
    Ok(case
        .with("ours_gflops", round(rates.0))
        .with("other_gflops", round(rates.1))
        .with("speedup", round(rates.0 / rates.1)))
}

/// Two decimals are enough for people and programs.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What independent multiply-adds on all threads reach together, in GFLOP/s: the best pass of two seconds, because a
/// virtual processor that was idle takes a while to get its share.
fn peak(kernels: &Kernels) -> Result<f64> {
    const ROUNDS: u64 = 1 << 22;
    let (begun, mut best) = (std::time::Instant::now(), 0.0_f64);
    while begun.elapsed().as_secs() < 2 {
        let start = std::time::Instant::now();
        let operations = kernels.multiply_adds(ROUNDS)?;
        best = best.max(operations as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    Ok(best)
}

/// What `threads` threads read from memory together, in GB/s: the best of a few passes over a large buffer.
fn bandwidth(threads: usize) -> f64 {
    let words = vec![1_u64; STREAM_BYTES / 8];
    let part = words.len().div_ceil(threads);
    let pass = || {
        let start = std::time::Instant::now();
        let total: u64 = std::thread::scope(|scope| {
            let sum = |part: &[u64]| part.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word));
            let readers: Vec<_> =
                words.chunks(part).map(|part| scope.spawn(move || sum(part))).collect();
            readers.into_iter().filter_map(|reader| reader.join().ok()).sum()
        });
        std::hint::black_box(total);
        start.elapsed().as_secs_f64() * 1e3
    };
    let times: Vec<f64> = (0..5).map(|_| pass()).collect();
    STREAM_BYTES as f64 / median(&times) / 1e6
}
