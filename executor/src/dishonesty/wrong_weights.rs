//! Another model under the same name: the same programs with other weights, as somebody who saves money by
//! running a cheaper one would. Everything about the run is consistent, but for the weights.

use std::sync::Arc;

use gainsay_canon::{Tensor, TensorError};
use gainsay_player::RunSource;

use super::{Assignment, ConductError, first_lie, other_model};

/// How many other models are tried before giving up on making a difference.
const TRIES: u64 = 4;

/// A run of another model; `None` if no change of its weights makes a difference.
pub(super) fn run(
    assignment: &Assignment,
    honest: &RunSource,
    seed: u64,
) -> Result<Option<RunSource>, ConductError> {
    let told = (0..TRIES).map(|again| {
        let mut numbers = Numbers(seed.wrapping_add(again));
        let runner = other_model(assignment, &mut |weight| scaled(weight, &mut numbers))?;
        Ok(RunSource::run(Arc::new(runner), Arc::clone(&assignment.inputs))?)
    });
    first_lie(honest, told)
}

/// A floating-point weight scaled by up to an eighth up or down, value by value.
fn scaled(weight: &Tensor, numbers: &mut Numbers) -> Result<Tensor, TensorError> {
    let shape = weight.shape().to_vec();
    if let Some(values) = weight.as_f32() {
        return Tensor::f32(shape, values.iter().map(|value| value * numbers.factor()).collect());
    }
    if let Some(values) = weight.as_f64() {
        let scaled = values.iter().map(|value| value * f64::from(numbers.factor()));
        return Tensor::f64(shape, scaled.collect());
    }
    Ok(weight.clone())
}

/// splitmix64: enough for weights that nobody should trust.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, and without, 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    fn factor(&mut self) -> f32 {
        1.0 + (self.unit() - 0.5) / 4.0
    }
}
