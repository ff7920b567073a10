//! Blocks of published networks as programs, with seeded weights: what a capture of them gives.

use gainsay_canon::{
    Binary, DType, Keys, Operator, Scalar, SliceRange, Tensor, TensorType, Unary, Window2d,
};
use gainsay_model::{Artifact, ProgramBuilder, Value};

/// A program under construction, with the weights it reads.
pub struct Net {
    pub builder: ProgramBuilder,
    weights: Vec<(String, Tensor)>,
    seed: u64,
}

impl Net {
    pub fn new() -> Self {
        Self { builder: ProgramBuilder::new("forward"), weights: Vec::new(), seed: 1 }
    }

    pub fn input(&mut self, name: &str, dtype: DType, shape: &[u64]) -> Value {
        self.builder.input(name, TensorType::new(dtype, shape))
    }

    fn weight(&mut self, name: String, shape: &[u64]) -> Value {
        let count: u64 = shape.iter().product();
        let scale = 1.0 / (shape.first().copied().unwrap_or(1).max(1) as f32).sqrt();
        let values = (0..count).map(|_| {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            scale * ((self.seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        });
        let tensor = Tensor::f32(shape, values.collect()).unwrap();
        let index = self.weights.len() as u32;
        let value = self.builder.weight(index, tensor.tensor_type().clone());
        self.weights.push((name, tensor));
        value
    }

    pub fn push(&mut self, operator: Operator, operands: &[Value]) -> Value {
        self.builder.push(operator, operands).unwrap()
    }

    fn shape(&self, value: Value) -> Vec<u64> {
        self.builder.type_of(value).unwrap().shape.clone()
    }

    pub fn linear(&mut self, name: &str, x: Value, outputs: u64) -> Value {
        let inputs = *self.shape(x).last().unwrap();
        let w = self.weight(format!("{name}.weight"), &[inputs, outputs]);
        let bias = self.weight(format!("{name}.bias"), &[outputs]);
        self.push(Operator::Linear, &[x, w, bias])
    }

    pub fn unary(&mut self, function: Unary, x: Value) -> Value {
        self.push(Operator::Unary { function }, &[x])
    }

    pub fn binary(&mut self, function: Binary, a: Value, b: Value) -> Value {
        self.push(Operator::Binary { function }, &[a, b])
    }

    pub fn layer_norm(&mut self, name: &str, x: Value) -> Value {
        let width = *self.shape(x).last().unwrap();
        let gamma = self.weight(format!("{name}.gamma"), &[width]);
        let beta = self.weight(format!("{name}.beta"), &[width]);
        self.push(Operator::LayerNorm { epsilon: Scalar::f32(1e-12) }, &[x, gamma, beta])
    }

    /// Splits `[batch, tokens, width]` into heads, `[batch, heads, tokens, width / heads]`.
    fn heads(&mut self, x: Value, heads: u64) -> Value {
        let shape = self.shape(x);
        let split = vec![shape[0], shape[1], heads, shape[2] / heads];
        let split = self.push(Operator::Reshape { shape: split }, &[x]);
        self.push(Operator::Permute { axes: vec![0, 2, 1, 3] }, &[split])
    }

    fn join(&mut self, x: Value) -> Value {
        let shape = self.shape(x);
        let joined = self.push(Operator::Permute { axes: vec![0, 2, 1, 3] }, &[x]);
        let flat = vec![shape[0], shape[2], shape[1] * shape[3]];
        self.push(Operator::Reshape { shape: flat }, &[joined])
    }

    fn attention(
        &mut self,
        name: &str,
        x: Value,
        heads: u64,
        keys: Keys,
        mask: Option<Value>,
    ) -> Value {
        let width = *self.shape(x).last().unwrap();
        let parts = ["query", "key", "value"];
        let projected = parts.map(|part| {
            let part = self.linear(&format!("{name}.{part}"), x, width);
            self.heads(part, heads)
        });
        let scale = Scalar::f32(1.0 / ((width / heads) as f32).sqrt());
        let operator = Operator::Attention {
            scale,
            softcap: None,
            keys,
            masked: mask.is_some(),
            biased: false,
        };
        let operands: Vec<Value> = projected.into_iter().chain(mask).collect();
        let mixed = self.push(operator, &operands);
        let joined = self.join(mixed);
        self.linear(&format!("{name}.output"), joined, width)
    }

    /// BERT: norms after the residual sums.
    pub fn encoder_block(&mut self, name: &str, x: Value, heads: u64, mask: Value) -> Value {
        let width = *self.shape(x).last().unwrap();
        let mixed = self.attention(&format!("{name}.attention"), x, heads, Keys::All, Some(mask));
        let sum = self.binary(Binary::Add, mixed, x);
        let x = self.layer_norm(&format!("{name}.attention.norm"), sum);
        let wide = self.linear(&format!("{name}.inner"), x, 4 * width);
        let wide = self.unary(Unary::Gelu, wide);
        let narrow = self.linear(&format!("{name}.outer"), wide, width);
        let sum = self.binary(Binary::Add, narrow, x);
        self.layer_norm(&format!("{name}.norm"), sum)
    }

    /// Llama: root mean square norms before, a gated feed-forward part.
    pub fn decoder_block(&mut self, name: &str, x: Value, heads: u64) -> Value {
        let width = *self.shape(x).last().unwrap();
        let normed = self.rms_norm(&format!("{name}.attention_norm"), x);
        let mixed = self.attention(&format!("{name}.attention"), normed, heads, Keys::Causal, None);
        let x = self.binary(Binary::Add, x, mixed);
        let normed = self.rms_norm(&format!("{name}.ffn_norm"), x);
        let gate = self.linear(&format!("{name}.ffn.gate"), normed, 3 * width);
        let gate = self.unary(Unary::Silu, gate);
        let up = self.linear(&format!("{name}.ffn.up"), normed, 3 * width);
        let gated = self.binary(Binary::Mul, gate, up);
        let down = self.linear(&format!("{name}.ffn.down"), gated, width);
        self.binary(Binary::Add, x, down)
    }

    fn rms_norm(&mut self, name: &str, x: Value) -> Value {
        let axis = self.shape(x).len() as u8 - 1;
        let width = *self.shape(x).last().unwrap();
        let gamma = self.weight(format!("{name}.gamma"), &[width]);
        let squares = self.binary(Binary::Mul, x, x);
        let function = gainsay_canon::Reduction::Mean;
        let mean = self.push(Operator::Reduce { function, axes: vec![axis] }, &[squares]);
        let scalar = Scalar::f32(1e-5);
        let mean = self.push(Operator::BinaryScalar { function: Binary::Add, scalar }, &[mean]);
        let root = self.unary(Unary::Sqrt, mean);
        let x = self.binary(Binary::Div, x, root);
        self.binary(Binary::Mul, x, gamma)
    }

    pub fn conv(&mut self, name: &str, x: Value, outputs: u64, kernel: u64, stride: u64) -> Value {
        let inputs = self.shape(x)[1];
        let w = self.weight(format!("{name}.weight"), &[outputs, inputs, kernel, kernel]);
        let bias = self.weight(format!("{name}.bias"), &[outputs]);
        let (padding, dilation) = ([kernel / 2; 2], [1, 1]);
        let operator = Operator::Conv2d { stride: [stride; 2], padding, dilation, groups: 1 };
        self.push(operator, &[x, w, bias])
    }

    /// ResNet's basic block, batch norms folded.
    pub fn residual_block(&mut self, name: &str, x: Value, channels: u64, stride: u64) -> Value {
        let y = self.conv(&format!("{name}.conv1"), x, channels, 3, stride);
        let y = self.unary(Unary::Relu, y);
        let y = self.conv(&format!("{name}.conv2"), y, channels, 3, 1);
        let shortcut = if stride == 1 {
            x
        } else {
            self.conv(&format!("{name}.downsample"), x, channels, 1, stride)
        };
        let sum = self.binary(Binary::Add, y, shortcut);
        self.unary(Unary::Relu, sum)
    }

    pub fn finish(mut self, y: Value) -> Artifact {
        self.builder.output("y", y);
        Artifact::new("network", self.weights, vec![self.builder.finish()]).unwrap()
    }
}

/// A BERT-class encoder of `blocks` blocks on embedded tokens.
pub fn encoder(blocks: u32, width: u64, heads: u64, batch: u64, tokens: u64) -> Artifact {
    let mut net = Net::new();
    let mut x = net.input("x", DType::F32, &[batch, tokens, width]);
    let mask = net.input("mask", DType::Bool, &[batch, 1, 1, tokens]);
    for block in 0..blocks {
        x = net.encoder_block(&format!("encoder.layers.{block}"), x, heads, mask);
    }
    // The first token's vector, of length one.
    let shape = net.shape(x);
    let mut ranges: Vec<SliceRange> =
        shape.iter().map(|&end| SliceRange { start: 0, end, step: 1 }).collect();
    ranges[1].end = 1;
    let first = net.push(Operator::Slice { ranges }, &[x]);
    let first = net.push(Operator::Reshape { shape: vec![batch, width] }, &[first]);
    let squares = net.binary(Binary::Mul, first, first);
    let function = gainsay_canon::Reduction::Sum;
    let sum = net.push(Operator::Reduce { function, axes: vec![1] }, &[squares]);
    let norm = net.unary(Unary::Sqrt, sum);
    let y = net.binary(Binary::Div, first, norm);
    net.finish(y)
}

/// A Llama-style decoder of `blocks` blocks on a prompt.
pub fn decoder(blocks: u32, width: u64, heads: u64, tokens: u64) -> Artifact {
    let mut net = Net::new();
    let tokens = net.input("tokens", DType::I64, &[1, tokens]);
    let table = net.weight("embedding.weight".to_owned(), &[1000, width]);
    let mut x = net.push(Operator::Take { axis: 0 }, &[table, tokens]);
    for block in 0..blocks {
        x = net.decoder_block(&format!("layers.{block}"), x, heads);
    }
    let x = net.rms_norm("norm", x);
    let y = net.linear("head", x, 2 * width);
    net.finish(y)
}

/// ResNet-18 on images of `size` by `size` pixels.
pub fn resnet(size: u64) -> Artifact {
    let mut net = Net::new();
    let x = net.input("image", DType::F32, &[1, 3, size, size]);
    let x = net.conv("stem", x, 64, 7, 2);
    let x = net.unary(Unary::Relu, x);
    let window = Window2d {
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        dilation: [1, 1],
        rounding: gainsay_canon::Rounding::Floor,
    };
    let mut x = net.push(Operator::MaxPool2d { window }, &[x]);
    for (stage, channels) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = net.residual_block(&format!("stage{stage}.{block}"), x, channels, stride);
        }
    }
    let x = net.push(Operator::AdaptiveAvgPool2d { output: [1, 1] }, &[x]);
    let x = net.push(Operator::Reshape { shape: vec![1, 512] }, &[x]);
    let y = net.linear("fc", x, 1000);
    net.finish(y)
}
