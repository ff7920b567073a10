//! How fast the steps of planned networks are: `cargo run --release -p gainsay-canon --example steps -- [threads]`, the
//! best of several runs. `GAINSAY_ISA` chooses the kernel set.

// Measuring time is the point here; no result depends on it.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use gainsay_canon::{
    Binary, Isa, Kernels, Keys, Link, LinkOperand, Operand, Operator, Scalar, Source, StepJob,
    StepSpec, Tensor, TensorType, Unary,
};

type Failed = Box<dyn Error>;

fn tensor(shape: &[u64]) -> Result<Tensor, Failed> {
    let count: u64 = shape.iter().product();
    let values = (0..count).map(|i| (i * 2_654_435_761 % 1_000) as f32 / 500.0 - 1.0).collect();
    Ok(Tensor::f32(shape, values)?)
}

/// True in the last quarter of each row.
fn mask(shape: &[u64]) -> Result<Tensor, Failed> {
    let (count, row) = (shape.iter().product(), shape.last().copied().unwrap_or(1));
    Ok(Tensor::bool(shape, (0..count).map(|i: u64| i % row >= row - row / 4).collect())?)
}

/// A step under construction.
struct Case {
    spec: StepSpec,
    values: Vec<Vec<u64>>,
    constants: Vec<Vec<u64>>,
    /// The value that is a mask; it hides the last quarter of every row.
    mask: Option<usize>,
}

impl Case {
    fn new(operator: Operator) -> Case {
        let spec = StepSpec { operator, operands: vec![], chain: vec![], layout: vec![] };
        Case { spec, values: vec![], constants: vec![], mask: None }
    }

    fn value(mut self, shape: &[u64], view: Vec<Operator>) -> Case {
        self.spec.operands.push(Operand { source: Source::Value(self.values.len()), view });
        self.values.push(shape.to_vec());
        self
    }

    fn mask(mut self, shape: &[u64]) -> Case {
        self.mask = Some(self.values.len());
        self.value(shape, vec![])
    }

    fn constant(mut self, shape: &[u64]) -> Case {
        let source = Source::Constant(self.constants.len());
        self.spec.operands.push(Operand { source, view: vec![] });
        self.constants.push(shape.to_vec());
        self
    }

    fn unary(mut self, function: Unary) -> Case {
        let operator = Operator::Unary { function };
        self.spec.chain.push(Link { operator, operands: vec![LinkOperand::Chain] });
        self
    }

    /// A link with a constant of this shape, or with another value.
    fn link(mut self, function: Binary, shape: &[u64], constant: Option<()>) -> Case {
        let of = if constant.is_some() { &mut self.constants } else { &mut self.values };
        let source = match constant {
            Some(()) => Source::Constant(of.len()),
            None => Source::Value(of.len()),
        };
        of.push(shape.to_vec());
        let other = LinkOperand::Other(Operand { source, view: vec![] });
        let operands = vec![LinkOperand::Chain, other];
        self.spec.chain.push(Link { operator: Operator::Binary { function }, operands });
        self
    }

    fn layout(mut self, layout: Vec<Operator>) -> Case {
        self.spec.layout = layout;
        self
    }

    /// Prints the best time of a run and how many operations of the operator itself it does in a second.
    fn time(self, kernels: &Kernels, label: &str) -> Result<f64, Failed> {
        let value = |(i, shape): (usize, &Vec<u64>)| {
            if self.mask == Some(i) { mask(shape) } else { tensor(shape) }
        };
        let values = self.values.iter().enumerate().map(value).collect::<Result<Vec<_>, _>>()?;
        let constants = self
            .constants
            .iter()
            .map(|x| tensor(x).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let types: Vec<TensorType> = values.iter().map(|x| x.tensor_type().clone()).collect();
        let mut seen = vec![];
        for operand in &self.spec.operands {
            let mut x = match operand.source {
                Source::Value(index) => types[index].clone(),
                Source::Constant(index) => constants[index].tensor_type().clone(),
                Source::Output => continue,
            };
            for operator in &operand.view {
                x = operator.infer(&[x])?.remove(0);
            }
            seen.push(x);
        }
        let operations = self.spec.operator.cost(&seen).operations;
        let step = kernels.prepare(self.spec, &types, constants, None)?;
        let mut output = Tensor::zeros(step.result())?;
        let (mut best, begun) = (f64::MAX, Instant::now());
        while begun.elapsed().as_millis() < 300 {
            let start = Instant::now();
            let operands = values.iter().collect();
            step.run(&mut [StepJob { operands, output: &mut output }])?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        let fused = if step.is_fused() { "" } else { " (not fused)" };
        let giga = operations as f64 / best / 1e9;
        println!("{label:<44} {:>10.1} us {giga:>8.1} Gop/s{fused}", best * 1e6);
        Ok(best)
    }
}

/// Without a mask, or with one that hides the last quarter of the keys.
#[derive(Clone, Copy, PartialEq)]
enum Mask {
    Nothing,
    Padding,
}

fn attention([b, h, s, d]: [u64; 4], mask: Mask) -> Case {
    let operator = Operator::Attention {
        scale: Scalar::f32(1.0 / (d as f32).sqrt()),
        softcap: None,
        keys: Keys::All,
        masked: mask == Mask::Padding,
        biased: false,
    };
    let heads = || {
        vec![
            Operator::Reshape { shape: vec![b, s, h, d] },
            Operator::Permute { axes: vec![0, 2, 1, 3] },
        ]
    };
    let back = vec![
        Operator::Permute { axes: vec![0, 2, 1, 3] },
        Operator::Reshape { shape: vec![b, s, h * d] },
    ];
    let shape = [b, s, h * d];
    let case = Case::new(operator).value(&shape, heads()).value(&shape, heads());
    let case = case.value(&shape, heads());
    match mask {
        Mask::Nothing => case.layout(back),
        Mask::Padding => case.mask(&[b, 1, 1, s]).layout(back),
    }
}

fn linear(rows: u64, k: u64, n: u64) -> Case {
    Case::new(Operator::Linear).value(&[rows, k], vec![]).constant(&[k, n]).constant(&[n])
}

fn conv(c: u64, out: u64, size: u64, kernel: u64, stride: u64) -> Case {
    let padding = [kernel / 2; 2];
    let stride = [stride; 2];
    Case::new(Operator::Conv2d { stride, padding, dilation: [1; 2], groups: 1 })
        .value(&[1, c, size, size], vec![])
        .constant(&[out, c, kernel, kernel])
        .link(Binary::Mul, &[1, out, 1, 1], Some(()))
        .link(Binary::Add, &[1, out, 1, 1], Some(()))
        .unary(Unary::Relu)
}

/// The steps of one layer of MiniLM.
fn encoder(kernels: &Kernels, batch: u64, tokens: u64) -> Result<(), Failed> {
    let rows = batch * tokens;
    let label = |what: &str| format!("{what} b{batch} s{tokens}");
    let project = linear(rows, 384, 384).time(kernels, &label("query"))?;
    let out = linear(rows, 384, 384).link(Binary::Add, &[rows, 384], None);
    let out = out.time(kernels, &label("out + residual"))?;
    let up = linear(rows, 384, 1536).unary(Unary::Gelu).time(kernels, &label("up + gelu"))?;
    let down = linear(rows, 1536, 384).link(Binary::Add, &[rows, 384], None);
    let down = down.time(kernels, &label("down + residual"))?;
    let norm = Case::new(Operator::LayerNorm { epsilon: Scalar::f32(1e-12) });
    let norm = norm.value(&[rows, 384], vec![]).constant(&[384]).constant(&[384]);
    let norm = norm.time(kernels, &label("layer norm"))?;
    let heads =
        attention([batch, 12, tokens, 32], Mask::Padding).time(kernels, &label("attention"))?;
    let layer = 3.0 * project + out + up + down + 2.0 * norm + heads;
    println!("{:<44} {:>10.1} us", label("six layers"), 6.0 * layer * 1e6);
    Ok(())
}

fn main() -> Result<(), Failed> {
    let threads =
        std::env::args().nth(1).map_or(Ok(NonZeroUsize::MIN), |argument| argument.parse())?;
    let kernels = Kernels::new(Isa::detect()?, threads)?;
    println!("{} on {} threads", kernels.isa(), kernels.threads());
    for (batch, tokens) in [(1, 128), (1, 32), (8, 128)] {
        encoder(&kernels, batch, tokens)?;
    }
    for (rows, k, n) in [(1, 4096, 4096), (8, 2048, 2048), (12, 1024, 1024)] {
        let fresh = Case::new(Operator::MatMul).value(&[rows, k], vec![]).value(&[k, n], vec![]);
        fresh.time(&kernels, &format!("matmul {rows}x{k}x{n}, both fresh"))?;
    }
    for (rows, k, n) in [(1024, 1024, 1024), (1, 4096, 4096), (64, 2048, 5632)] {
        linear(rows, k, n).time(&kernels, &format!("linear {rows}x{k}x{n}"))?;
    }
    for (s, d) in [(512, 32), (128, 64), (64, 128)] {
        attention([1, 12, s, d], Mask::Nothing)
            .time(&kernels, &format!("attention 12 heads s{s} d{d}"))?;
    }
    for (c, out, size, kernel, stride) in [
        (3, 64, 224, 7, 2),
        (64, 64, 56, 3, 1),
        (64, 128, 56, 3, 2),
        (64, 128, 56, 1, 2),
        (128, 128, 28, 3, 1),
        (256, 256, 14, 3, 1),
        (512, 512, 7, 3, 1),
        (256, 64, 56, 1, 1),
    ] {
        let label = format!("conv {c}>{out} {size}x{size} by {kernel} step {stride} + norm + relu");
        conv(c, out, size, kernel, stride).time(&kernels, &label)?;
    }
    let add = Case::new(Operator::Binary { function: Binary::Add });
    let add = add.value(&[128, 1536], vec![]).value(&[128, 1536], vec![]);
    add.unary(Unary::Relu).time(&kernels, "add + relu 128x1536")?;
    let gelu = Case::new(Operator::Unary { function: Unary::Gelu });
    gelu.value(&[128, 1536], vec![]).time(&kernels, "gelu 128x1536")?;
    Case::new(Operator::Softmax { axis: 2 })
        .value(&[12, 128, 128], vec![])
        .time(&kernels, "softmax 12x128x128")?;
    Ok(())
}
