//! Weights files that do not fit are refused by the name of the tensor.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;
use gainsay_zoo::weights::{LoadError, load, save};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};

#[derive(Module, Debug)]
struct Pair {
    left: Linear,
    right: Linear,
}

fn pair(width: usize) -> Pair {
    let device = Device::flex();
    device.seed(1);
    let linear = || LinearConfig::new(width, 2).init(&device);
    Pair { left: linear(), right: linear() }
}

fn names(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> =
        SafeTensors::deserialize(bytes).unwrap().names().into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

fn without(bytes: &[u8], name: &str) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let kept: Vec<(String, TensorView<'_>)> =
        file.tensors().into_iter().filter(|(known, _)| known != name).collect();
    serialize(kept, None).unwrap()
}

#[test]
fn what_is_saved_is_loaded_again() {
    let bytes = save(&pair(3)).unwrap();
    assert_eq!(names(&bytes), ["left.bias", "left.weight", "right.bias", "right.weight"]);
    let loaded = load(pair(3), &bytes).unwrap();
    assert_eq!(save(&loaded).unwrap(), bytes);
}

#[test]
fn loading_replaces_every_value() {
    let device = Device::flex();
    let (first, second) =
        (pair(3), Pair { left: LinearConfig::new(3, 2).init(&device), ..pair(3) });
    assert_ne!(save(&first).unwrap(), save(&second).unwrap());
    let loaded = load(second, &save(&first).unwrap()).unwrap();
    assert_eq!(save(&loaded).unwrap(), save(&first).unwrap());
}

#[test]
fn a_missing_tensor_is_named() {
    let bytes = without(&save(&pair(3)).unwrap(), "right.weight");
    let error = load(pair(3), &bytes).unwrap_err();
    assert!(matches!(&error, LoadError::Missing { path, .. } if path == "right.weight"), "{error}");
    assert!(
        error.to_string().contains("`right.weight`") && error.to_string().contains("[3, 2]"),
        "{error}"
    );
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let error = load(pair(3), &save(&pair(4)).unwrap()).unwrap_err();
    assert!(matches!(&error, LoadError::Shape { path, .. } if path == "left.weight"), "{error}");
    assert!(
        error.to_string().contains("[4, 2]") && error.to_string().contains("[3, 2]"),
        "{error}"
    );
}

#[test]
fn an_unexpected_tensor_is_named() {
    let error = load(pair(3).left, &save(&pair(3)).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`weight`"), "{error}");
    let bytes = save(&pair(3).left).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = file.tensors();
    tensors.push(("extra".to_owned(), TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap()));
    let error = load(pair(3).left, &serialize(tensors, None).unwrap()).unwrap_err();
    assert!(matches!(&error, LoadError::Unexpected { path } if path == "extra"), "{error}");
}

#[test]
fn another_element_type_is_refused() {
    let bytes = save(&pair(3).left).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let halves = [0u8; 12];
    let tensors: Vec<(String, TensorView<'_>)> = file
        .tensors()
        .into_iter()
        .map(|(name, view)| match name.as_str() {
            "weight" => (name, TensorView::new(Dtype::F16, vec![3, 2], &halves).unwrap()),
            _ => (name, view),
        })
        .collect();
    let error = load(pair(3).left, &serialize(tensors, None).unwrap()).unwrap_err();
    assert!(matches!(&error, LoadError::Element { path, .. } if path == "weight"), "{error}");
}

#[test]
fn damaged_files_are_refused() {
    let bytes = save(&pair(3)).unwrap();
    for length in [0, 7, 8, 40, bytes.len() - 1] {
        assert!(
            matches!(load(pair(3), &bytes[..length]), Err(LoadError::Format(_))),
            "{length} bytes"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(load(pair(3), &longer), Err(LoadError::Format(_))));
}
