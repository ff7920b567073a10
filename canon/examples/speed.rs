//! How fast the kernels are: `cargo run --release -p gainsay-canon --example speed -- [threads]`, the best of several runs.
//!
//! `GAINSAY_ISA` chooses the kernel set.

// Measuring time is the point here; no result depends on it.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Instant;

use gainsay_canon::{Binary, Isa, Kernels, Operator, Reduction, Rounding, Tensor, Unary, Window2d};

fn tensor(shape: &[u64]) -> Result<Tensor, Box<dyn Error>> {
    let count: u64 = shape.iter().product();
    let values = (0..count).map(|i| (i * 2_654_435_761 % 1_000) as f32 / 500.0 - 1.0).collect();
    Ok(Tensor::f32(shape, values)?)
}

fn time(
    kernels: &Kernels,
    label: &str,
    operator: &Operator,
    shapes: &[&[u64]],
) -> Result<(), Box<dyn Error>> {
    let operands = shapes.iter().map(|shape| tensor(shape)).collect::<Result<Vec<Tensor>, _>>()?;
    let operands: Vec<&Tensor> = operands.iter().collect();
    let types: Vec<_> = operands.iter().map(|x| x.tensor_type().clone()).collect();
    let elements: u64 =
        operator.infer(&types)?.iter().map(|x| x.shape.iter().product::<u64>()).sum();
    let operations = operator.cost(&types).operations;
    let (mut best, begun) = (f64::MAX, Instant::now());
    while begun.elapsed().as_millis() < 300 {
        let start = Instant::now();
        kernels.run(operator, &operands)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let (giga, nanoseconds) = (operations as f64 / best / 1e9, best * 1e9 / elements as f64);
    println!("{label:<34} {:>10.1} us {giga:>8.1} Gop/s {nanoseconds:>8.2} ns/element", best * 1e6);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let threads =
        std::env::args().nth(1).map_or(Ok(NonZeroUsize::MIN), |argument| argument.parse())?;
    let kernels = Kernels::new(Isa::detect()?, threads)?;
    println!("{} on {} threads", kernels.isa(), kernels.threads());
    let linear = Operator::Linear;
    for (m, k, n) in [
        (1, 64, 10),
        (1, 384, 1536),
        (8, 384, 1536),
        (16, 384, 1536),
        (24, 384, 1536),
        (32, 384, 1536),
        (128, 384, 384),
        (128, 384, 1536),
        (128, 1536, 384),
        (512, 1024, 1024),
        (960, 1024, 1024),
    ] {
        time(&kernels, &format!("linear {m}x{k}x{n}"), &linear, &[&[m, k], &[k, n], &[n]])?;
    }
    time(
        &kernels,
        "matmul 12 heads 128x32x128",
        &Operator::MatMul,
        &[&[12, 128, 32], &[12, 32, 128]],
    )?;
    for (batch, channels, out, size, kernel, stride) in [
        (1, 1, 16, 8, 3, 1),
        (1, 16, 32, 8, 3, 1),
        (1, 3, 64, 224, 7, 2),
        (1, 64, 64, 56, 3, 1),
        (1, 256, 64, 56, 1, 1),
        (1, 512, 512, 7, 3, 1),
    ] {
        let (stride, padding) = ([stride; 2], [kernel / 2; 2]);
        let conv = Operator::Conv2d { stride, padding, dilation: [1; 2], groups: 1 };
        let label = format!("conv {channels}>{out} {size}x{size} by {kernel}");
        time(
            &kernels,
            &label,
            &conv,
            &[&[batch, channels, size, size], &[out, channels, kernel, kernel], &[out]],
        )?;
    }
    for function in [
        Unary::Relu,
        Unary::Exp,
        Unary::Log,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Erf,
        Unary::Gelu,
        Unary::Log1p,
        Unary::Expm1,
        Unary::Sin,
        Unary::Cos,
        Unary::Tan,
        Unary::Asin,
        Unary::Atan,
        Unary::Asinh,
        Unary::Rsqrt,
        Unary::Silu,
        Unary::LogSigmoid,
    ] {
        time(
            &kernels,
            &format!("{function:?} 128x1536"),
            &Operator::Unary { function },
            &[&[128, 1536]],
        )?;
    }
    time(&kernels, "Relu 16x8x8", &Operator::Unary { function: Unary::Relu }, &[&[1, 16, 8, 8]])?;
    let add = Operator::Binary { function: Binary::Add };
    time(&kernels, "add 128x1536", &add, &[&[128, 1536], &[128, 1536]])?;
    time(&kernels, "add 128x1536 and a row", &add, &[&[128, 1536], &[1536]])?;
    time(&kernels, "add 64x56x56 and a channel", &add, &[&[64, 56, 56], &[64, 1, 1]])?;
    time(&kernels, "softmax 12x128x128", &Operator::Softmax { axis: 2 }, &[&[12, 128, 128]])?;
    time(&kernels, "softmax 1x10", &Operator::Softmax { axis: 1 }, &[&[1, 10]])?;
    let mean = |axis| Operator::Reduce { function: Reduction::Mean, axes: vec![axis] };
    time(&kernels, "mean of rows 128x1536", &mean(1), &[&[128, 1536]])?;
    time(&kernels, "mean of columns 128x1536", &mean(0), &[&[128, 1536]])?;
    let window = |kernel, stride| Window2d {
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        dilation: [1; 2],
        rounding: Rounding::Floor,
    };
    time(
        &kernels,
        "max pool 64x112x112 by 3",
        &Operator::MaxPool2d { window: window(3, 2) },
        &[&[1, 64, 112, 112]],
    )?;
    time(
        &kernels,
        "adaptive avg pool 2048x7x7",
        &Operator::AdaptiveAvgPool2d { output: [1, 1] },
        &[&[1, 2048, 7, 7]],
    )?;
    time(
        &kernels,
        "permute 128x12x32",
        &Operator::Permute { axes: vec![1, 0, 2] },
        &[&[128, 12, 32]],
    )?;
    time(&kernels, "transpose 384x1536", &Operator::Permute { axes: vec![1, 0] }, &[&[384, 1536]])?;
    Ok(())
}
