//! Training, in a process of its own: Burn's generator of random numbers belongs to the device, and a test that draws from it
//! at the same time would change what is learned.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::tensor::Device;
use gainsay_zoo::digits::{Dataset, Epoch, Recipe, burn_accuracy, train};

#[test]
fn training_learns_from_the_training_part_alone() {
    let (data, device) = (Dataset::embedded(), Device::flex());
    let mut epochs: Vec<Epoch> = Vec::new();
    let recipe = Recipe { epochs: 3, batch: 64, ..Recipe::default() };
    let network = train(&data, recipe, &device, |epoch| epochs.push(epoch)).unwrap();
    assert_eq!(epochs.len(), 3);
    assert!(epochs[2].loss < 0.8 * epochs[0].loss, "{epochs:?}");
    let accuracy = burn_accuracy(&network, &data, &device);
    assert!(accuracy.share() > 0.3, "{accuracy} with seed {}", recipe.seed);
}
