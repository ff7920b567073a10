//! Rotary positions (Su et al. 2021), with the halves of a head turned against each other as Hugging Face does.

use burn::tensor::{Device, Int, Tensor};

/// Cosines and sines `[1, 1, seq, head]`.
pub(super) struct Rotary {
    cosine: Tensor<4>,
    sine: Tensor<4>,
}

impl Rotary {
    /// The tables for positions from 0, computed where the model runs: angle `position * theta^(-2i / head)`.
    pub(super) fn new(seq: usize, head: usize, theta: f64, device: &Device) -> Self {
        let steps = Tensor::<1, Int>::arange_step(0..head as i64, 2, device).float();
        // Not `theta.ln()`: the logarithm is to be that of the model's arithmetic, not of the importer's machine.
        let log_theta = Tensor::<1>::full([1], theta, device).log();
        let rates = (steps / head as f64 * log_theta).neg().exp();
        let positions = Tensor::<1, Int>::arange(0..seq as i64, device).float();
        let angles = positions.unsqueeze_dim::<2>(1) * rates.unsqueeze_dim::<2>(0);
        let angles = Tensor::cat(vec![angles.clone(), angles], 1).unsqueeze::<4>();
        Self { cosine: angles.clone().cos(), sine: angles.sin() }
    }

    /// Turns queries or keys `[batch, heads, seq, head]`.
    pub(super) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let head = x.dims()[3];
        let (first, second) =
            (x.clone().slice_dim(3, 0..head / 2), x.clone().slice_dim(3, head / 2..head));
        let turned = Tensor::cat(vec![second.neg(), first], 3);
        x * self.cosine.clone() + turned * self.sine.clone()
    }
}
