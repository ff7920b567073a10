//! How the committed weights were made: a recipe with one seed and no choice left to the machine.
//!
//! Burn's float kernels follow the CPU, so another machine trains another, equally good network; the committed
//! file is one run's result.

use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{Dataset, DigitsNet, Image, PIXELS, SIDE, Split};

/// What is fixed before training starts.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Seed of the initial parameters, the order of images and their shifts.
    pub seed: u64,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// Learning rate at the start; it falls to 0 along a cosine.
    pub learning_rate: f64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { seed: 1, epochs: 40, batch: 32, learning_rate: 3e-3 }
    }
}

/// Why a recipe cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// Nothing to do.
    #[error("a recipe needs at least one epoch and at least one image per batch")]
    Empty,
    /// A learning rate that makes no schedule.
    #[error("the learning rate makes no schedule: {0}")]
    LearningRate(String),
}

/// Progress after one pass.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// Passes done.
    pub done: usize,
    /// Passes in all.
    pub of: usize,
    /// Mean loss of the pass.
    pub loss: f64,
}

/// Trains a network on the training part of `data`; `progress` hears of every pass.
///
/// # Errors
/// If the recipe is empty or its learning rate is not above 0 and at most 1.
pub fn train(
    data: &Dataset,
    recipe: Recipe,
    device: &Device,
    mut progress: impl FnMut(Epoch),
) -> Result<DigitsNet, RecipeError> {
    let device = device.clone().autodiff();
    device.seed(recipe.seed);
    let mut draws = Draws(recipe.seed);
    let mut images: Vec<&Image> = data.part(Split::Training).collect();
    if recipe.batch == 0 || recipe.epochs == 0 {
        return Err(RecipeError::Empty);
    }
    let steps = recipe.epochs * images.len().div_ceil(recipe.batch);
    let schedule = CosineAnnealingLrSchedulerConfig::new(recipe.learning_rate, steps);
    let mut rate = schedule.init().map_err(RecipeError::LearningRate)?;
    let mut optimizer = AdamWConfig::new().with_weight_decay(1e-2).init();
    let loss = CrossEntropyLossConfig::new().with_smoothing(Some(0.05)).init(&device);
    let mut network = DigitsNet::new(&device);
    for done in 1..=recipe.epochs {
        draws.shuffle(&mut images);
        let mut total = 0.0;
        for batch in images.chunks(recipe.batch) {
            let (pixels, labels) = draws.shifted(batch, &device);
            let value = loss.forward(network.forward(pixels), labels);
            total += value.clone().into_scalar::<f64>() * batch.len() as f64;
            let gradients = GradientsParams::from_grads(value.backward(), &network);
            network = optimizer.step(rate.step(), network, gradients);
        }
        progress(Epoch { done, of: recipe.epochs, loss: total / images.len() as f64 });
    }
    Ok(network.valid())
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a few lines, the same everywhere.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// The images of a batch, each moved by at most one pixel along both axes, and the labels.
    fn shifted(&mut self, batch: &[&Image], device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let mut pixels = Vec::with_capacity(batch.len() * PIXELS);
        for image in batch {
            let (down, right) = (self.below(3), self.below(3));
            for (row, column) in
                (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column)))
            {
                let source = (row + down)
                    .checked_sub(1)
                    .zip((column + right).checked_sub(1))
                    .filter(|&(row, column)| row < SIDE && column < SIDE);
                pixels.push(source.map_or(0.0, |(row, column)| image.pixels[row * SIDE + column]));
            }
        }
        let labels: Vec<i64> = batch.iter().map(|image| i64::from(image.label)).collect();
        (
            Tensor::from_data(TensorData::new(pixels, [batch.len(), 1, SIDE, SIDE]), device),
            Tensor::from_data(TensorData::new(labels, [batch.len()]), device),
        )
    }
}
