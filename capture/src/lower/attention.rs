//! Normalisation over features, and attention.

use burn_ir::{AttentionOpIr, BatchNormOpIr, LayerNormOpIr, ScalarIr, TensorIr};
use gainsay_canon::{Binary, Keys, Operator, Unary};

use super::{Lowering, Step};
use crate::error::Refusal;
use crate::graph::ValueId;

impl Lowering<'_> {
    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` per channel.
    pub(super) fn batch_norm(&mut self, op: &BatchNormOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.x)?;
        let shape: Vec<u64> = self.type_of(x)?.shape;
        let per_channel: Vec<u64> = shape
            .iter()
            .enumerate()
            .map(|(axis, &extent)| if axis == 1 { extent } else { 1 })
            .collect();
        let mut channels = |tensor: &TensorIr| {
            let values = self.read(tensor)?;
            self.reshape(values, per_channel.clone())
        };
        let (gamma, beta) = (channels(&op.gamma)?, channels(&op.beta)?);
        let (mean, variance) = (channels(&op.mean)?, channels(&op.variance)?);
        let shifted = self.with_scalar(Binary::Add, variance, op.epsilon)?;
        let deviation = self.unary(Unary::Sqrt, shifted)?;
        let centred = self.binary(Binary::Sub, x, mean)?;
        let normalised = self.binary(Binary::Div, centred, deviation)?;
        let scaled = self.binary(Binary::Mul, normalised, gamma)?;
        let result = self.binary(Binary::Add, scaled, beta)?;
        self.define(&op.out, result)
    }

    pub(super) fn layer_norm(&mut self, op: &LayerNormOpIr) -> Result<(), Refusal> {
        let operands = self.operands(&op.input, &op.gamma, op.beta.as_ref())?;
        let x = operands.first().copied().ok_or(Refusal::Unknown)?;
        let epsilon = self.scalar_like(x, op.epsilon)?;
        let result = self.push(Operator::LayerNorm { epsilon }, &operands)?;
        self.define(&op.out, result)
    }

    /// Scores are scaled by `1 / sqrt(width)`, computed in `f64` and rounded once, unless the model says otherwise.
    pub(super) fn attention(&mut self, op: &AttentionOpIr) -> Result<(), Refusal> {
        let query = self.read(&op.query)?;
        let heads = op.query.shape.as_slice().get(1).copied().unwrap_or_default();
        let (key, value) = (self.for_heads(&op.key, heads)?, self.for_heads(&op.value, heads)?);
        let width = op.query.shape.as_slice().last().copied().unwrap_or_default();
        let scale = op.options.scale.unwrap_or(ScalarIr::Float(1.0 / (width as f64).sqrt()));
        let operator = Operator::Attention {
            scale: self.scalar_like(query, scale)?,
            softcap: op.options.softcap.map(|bound| self.scalar_like(query, bound)).transpose()?,
            keys: if op.options.is_causal { Keys::Causal } else { Keys::All },
            masked: op.mask.is_some(),
            biased: op.attn_bias.is_some(),
        };
        let mut operands = vec![query, key, value];
        for tensor in [&op.mask, &op.attn_bias].into_iter().flatten() {
            operands.push(self.read(tensor)?);
        }
        let result = self.push(operator, &operands)?;
        self.define(&op.out, result)
    }

    /// Keys or values `[batch, groups, t, d]` with every group repeated for the queries' heads that share it.
    fn for_heads(&mut self, tensor: &TensorIr, heads: usize) -> Step {
        let x: ValueId = self.read(tensor)?;
        let shape = self.type_of(x)?.shape;
        let [batch, groups, keys, width] = shape.as_slice() else { return Ok(x) };
        let heads = heads as u64;
        if *groups == heads || *groups == 0 || !heads.is_multiple_of(*groups) {
            return Ok(x);
        }
        let split = self.reshape(x, vec![*batch, *groups, 1, *keys, *width])?;
        let repeated = vec![*batch, *groups, heads / groups, *keys, *width];
        let expanded = self.expand(split, repeated)?;
        self.reshape(expanded, vec![*batch, heads, *keys, *width])
    }
}
