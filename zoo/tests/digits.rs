//! The digits network: data, weights, artifact and accuracy.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use gainsay_canon::{DType, Kernels, TensorType};
use gainsay_model::{Artifact, Limits, Runner};
use gainsay_zoo::digits::{
    Accuracy, CLASSES, Dataset, DigitsNet, PIXELS, Recipe, RecipeError, SIDE, Split, artifact,
    burn_accuracy, canonical_accuracy, digit, train,
};

/// What `cargo run --release --example train_digits` printed for the committed weights.
const COMMITTED: Accuracy = Accuracy { right: 447, of: 449 };

fn runner() -> Runner {
    Runner::new(Arc::new(artifact().unwrap()), 0, Kernels::detect().unwrap()).unwrap()
}

#[test]
fn the_data_set_is_complete_and_split_by_a_rule() {
    let data = Dataset::embedded();
    assert_eq!(data.images().len(), 1797);
    assert_eq!(data.held_out().count(), 449);
    assert_eq!(data.part(Split::Training).count(), 1348);
    assert!(data.held_out().all(|image| image.index % 4 == 3));
    for class in 0..CLASSES {
        let held_out = data.held_out().filter(|image| usize::from(image.label) == class).count();
        assert!(held_out >= 35, "class {class} has {held_out} held-out images");
    }
    let pixels = || data.images().iter().flat_map(|image| image.pixels);
    assert!(pixels().all(|pixel| (0.0..=1.0).contains(&pixel) && (pixel * 16.0).fract() == 0.0));
    assert!(pixels().any(|pixel| pixel == 1.0));
}

#[test]
fn the_first_image_is_the_known_zero() {
    let data = Dataset::embedded();
    let first = &data.images()[0];
    assert_eq!((first.index, first.label, first.split()), (0, 0, Split::Training));
    assert_eq!(
        first.pixels[..SIDE],
        [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0].map(|pixel| pixel / 16.0)
    );
}

#[test]
fn the_artifact_has_named_ports() {
    let artifact = artifact().unwrap();
    assert_eq!(artifact.name(), "digits");
    let program = artifact.programs()[0].program();
    assert_eq!(program.name, "digits");
    assert_eq!(program.inputs[0].name, "image");
    assert_eq!(program.inputs[0].tensor, TensorType::new(DType::F32, [1, 1, 8, 8]));
    let outputs: Vec<&str> = program.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs, ["logits", "probabilities"]);
}

#[test]
fn two_captures_have_one_id() {
    assert_eq!(artifact().unwrap().id(), artifact().unwrap().id());
}

#[test]
fn layers_follow_the_modules_and_states_stay_small() {
    let artifact = artifact().unwrap();
    let program = &artifact.programs()[0];
    let names: Vec<&str> = program.layers().iter().map(|layer| layer.name.as_str()).collect();
    assert!(names.len() >= 8, "{names:?}");
    for module in [
        "stem", "fine.0", "fine.1", "narrow", "middle.0", "middle.1", "condense", "coarse.0",
        "hidden", "head",
    ] {
        assert!(names.iter().any(|name| name.starts_with(module)), "{module} in {names:?}");
    }
    assert!(program.layers().iter().all(|layer| layer.state_bytes <= 8192));
    assert!(program.total_cost() < 5_000_000, "{} FLOP", program.total_cost());
}

#[test]
fn logits_are_those_of_burn_up_to_rounding() {
    let (data, device, runner) = (Dataset::embedded(), Device::flex(), runner());
    let network = DigitsNet::load(&device).unwrap();
    for image in data.held_out().take(40) {
        let outputs = runner.run(&[image.input().unwrap()]).unwrap();
        let pixels = TensorData::new(image.pixels.to_vec(), [1, 1, SIDE, SIDE]);
        let logits = network.forward(Tensor::from_data(pixels, &device));
        let probabilities = network.probabilities(logits.clone());
        for (burn, canon) in [logits, probabilities].into_iter().zip(&outputs) {
            let canon = canon.as_f32().unwrap();
            for (burn, canon) in burn.into_data().iter::<f32>().zip(canon) {
                assert!(
                    (burn - canon).abs() <= 1e-5 * burn.abs().max(1.0),
                    "image {}: {burn} {canon}",
                    image.index
                );
            }
        }
    }
}

#[test]
fn probabilities_add_up_to_one() {
    let data = Dataset::embedded();
    let image = data.held_out().next().unwrap();
    let outputs = runner().run(&[image.input().unwrap()]).unwrap();
    let sum: f32 = outputs[1].as_f32().unwrap().iter().sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
}

#[test]
fn accuracy_on_the_held_out_quarter_is_the_committed_one_in_both_arithmetics() {
    let (data, device) = (Dataset::embedded(), Device::flex());
    let artifact = Arc::new(artifact().unwrap());
    let canonical = canonical_accuracy(&artifact, &data, &Kernels::detect().unwrap()).unwrap();
    assert_eq!(canonical, COMMITTED, "canonical arithmetic: {canonical}");
    assert!(canonical.share() >= 0.97);
    let burn = burn_accuracy(&DigitsNet::load(&device).unwrap(), &data, &device);
    assert_eq!(burn, COMMITTED, "Burn: {burn}");
}

#[test]
fn the_committed_artifact_is_a_fresh_capture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/digits");
    let committed = Artifact::load(&folder, &Limits::default()).unwrap();
    assert_eq!(
        committed.id(),
        artifact().unwrap().id(),
        "capture it again: cargo run --release -- artifact digits tests/data/digits"
    );
}

#[test]
fn the_largest_logit_is_the_digit() {
    assert_eq!(digit(&[0.5, 2.0, -1.0]), Some(1));
    assert_eq!(digit(&[1.0, 1.0]), Some(0));
    assert_eq!(digit(&[]), None);
    assert_eq!(PIXELS, 64);
}

#[test]
fn an_empty_recipe_is_refused() {
    let train = |recipe| train(&Dataset::embedded(), recipe, &Device::flex(), |_| ()).map(|_| ());
    assert_eq!(train(Recipe { batch: 0, ..Recipe::default() }), Err(RecipeError::Empty));
    assert_eq!(train(Recipe { epochs: 0, ..Recipe::default() }), Err(RecipeError::Empty));
    let refused = train(Recipe { learning_rate: -1.0, ..Recipe::default() });
    assert!(matches!(refused, Err(RecipeError::LearningRate(_))));
}
