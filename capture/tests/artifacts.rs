//! What a capture makes of a module: names, ports, weights, layers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d,
};
use burn::tensor::activation::relu;
use burn::tensor::{Bool, DType as BurnDType, Device, Int, Tensor, TensorData};
use common::{assert_close, floats, integers, operators, runner};
use gainsay_canon::{DType, Tensor as CanonTensor, TensorType};
use gainsay_capture::{Capture, CaptureArtifact};
use gainsay_model::Artifact;

#[derive(Module, Debug)]
struct Head {
    scale: Param<Tensor<1>>,
    linear: Linear,
}

#[derive(Module, Debug)]
struct Net {
    encoder: Vec<Linear>,
    heads: (Head, Head),
    unused: Linear,
}

fn net() -> Net {
    let device = Device::flex();
    device.seed(3);
    let head = || Head {
        scale: Param::from_tensor(Tensor::from_data(TensorData::new(floats(4, 8), [4]), &device)),
        linear: LinearConfig::new(4, 3).with_bias(false).init(&device),
    };
    Net {
        encoder: (0..3).map(|_| LinearConfig::new(4, 4).init(&device)).collect(),
        heads: (head(), head()),
        unused: LinearConfig::new(4, 4).init(&device),
    }
}

fn encode(net: &Net, x: Tensor<2>) -> Tensor<2> {
    net.encoder.iter().fold(x, |x, layer| relu(layer.forward(x)))
}

fn weight_names(artifact: &Artifact) -> Vec<&str> {
    artifact.manifest().weights.iter().map(|weight| weight.name.as_str()).collect()
}

#[test]
fn weights_are_named_after_the_module_and_unused_ones_left_out() {
    let artifact = Artifact::capture(
        "net",
        &net(),
        |net, x: Tensor<2>| {
            net.heads.1.linear.forward(encode(net, x) * net.heads.1.scale.val().unsqueeze())
        },
        [2, 4],
    )
    .unwrap();
    let names = weight_names(&artifact);
    for name in ["encoder.0.weight", "encoder.2.bias", "heads.1.linear.weight"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(
        !names.iter().any(|name| name.starts_with("unused") || name.starts_with("heads.0")),
        "{names:?}"
    );
}

#[test]
fn layers_are_named_after_the_parameters_that_they_read() {
    let artifact =
        Artifact::capture("net", &net(), |net, x: Tensor<2>| encode(net, x), [2, 4]).unwrap();
    let names: Vec<&str> =
        artifact.programs()[0].layers().iter().map(|layer| layer.name.as_str()).collect();
    for name in ["encoder.0", "encoder.1", "encoder.2"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[test]
fn inputs_and_outputs_keep_their_names_order_and_types() {
    let artifact = Artifact::capture(
        "ports",
        &0usize,
        |_, (tokens, (mask, scale)): (Tensor<2, Int>, (Tensor<2, Bool>, Tensor<1>))| {
            let kept = tokens.clone().float().mask_fill(mask.clone(), 0.0);
            (
                ("kept", kept * scale.unsqueeze()),
                [("first", tokens.clone()), ("again", tokens)],
                ("mask", mask),
            )
        },
        (("tokens", [2, 3]), (("mask", [2, 3]), ("scale", [1]))),
    )
    .unwrap();
    let program = artifact.programs()[0].program();
    let inputs: Vec<_> =
        program.inputs.iter().map(|input| (input.name.as_str(), input.tensor.clone())).collect();
    assert_eq!(
        inputs,
        [
            ("tokens", TensorType::new(DType::I64, [2, 3])),
            ("mask", TensorType::new(DType::Bool, [2, 3])),
            ("scale", TensorType::new(DType::F32, [1])),
        ]
    );
    let outputs: Vec<_> = program.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs, ["kept", "first", "again", "mask"]);
    // Returned twice, and straight from an input.
    assert_eq!(program.outputs[1].slot, program.outputs[2].slot);
    assert_eq!(program.outputs[3].slot.0, 1);
}

#[test]
fn float_int_and_bool_inputs_run_as_in_burn() {
    let forward = |x: Tensor<2>, tokens: Tensor<2, Int>, mask: Tensor<2, Bool>| {
        let shifted = (x + tokens.clone().float()).mask_fill(mask, -1.0);
        (shifted.clone(), tokens + shifted.argmax(1))
    };
    let artifact = Artifact::capture(
        "mixed",
        &0usize,
        |_, (x, tokens, mask): (Tensor<2>, Tensor<2, Int>, Tensor<2, Bool>)| {
            forward(x, tokens, mask)
        },
        ([2, 3], [2, 3], [2, 3]),
    )
    .unwrap();
    let (x, tokens) = (floats(6, 1), integers(6, 2));
    let mask = vec![true, false, false, true, false, true];
    let found = runner(artifact)
        .run(&[
            CanonTensor::f32([2, 3], x.clone()).unwrap(),
            CanonTensor::i64([2, 3], tokens.clone()).unwrap(),
            CanonTensor::bool([2, 3], mask.clone()).unwrap(),
        ])
        .unwrap();
    let device = Device::flex();
    let expected = forward(
        Tensor::from_data(TensorData::new(x, [2, 3]), &device),
        Tensor::from_data(TensorData::new(tokens, [2, 3]), &device),
        Tensor::from_data(TensorData::new(mask, [2, 3]), &device),
    );
    assert_close("mixed", &common::Numbers::numbers(expected), &found);
}

#[test]
fn several_inputs_of_one_kind_may_come_as_an_array() {
    let sum = |_: &usize, [a, b]: [Tensor<2>; 2]| a - b;
    let artifact = Artifact::capture("array", &0usize, sum, [[2, 3], [1, 3]]).unwrap();
    let program = artifact.programs()[0].program();
    let names: Vec<_> = program.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["input.0", "input.1"]);
    assert_eq!(program.outputs[0].name, "output");
}

#[test]
fn an_input_may_have_another_element_type() {
    let artifact = Artifact::capture(
        "narrow",
        &0usize,
        |_, tokens: Tensor<1, Int>| tokens.float() * 0.5,
        ("tokens", [4], BurnDType::I32),
    )
    .unwrap();
    assert_eq!(artifact.programs()[0].program().inputs[0].tensor, TensorType::new(DType::I32, [4]));
}

#[test]
fn programs_share_the_weights_of_their_module() {
    let artifact = Capture::new("net", &net())
        .program("encode", encode, ("x", [1, 4]))
        .unwrap()
        .program(
            "classify",
            |net, x: Tensor<2>| net.heads.0.linear.forward(encode(net, x)),
            ("x", [1, 4]),
        )
        .unwrap()
        .program(
            "classify.8",
            |net, x: Tensor<2>| net.heads.0.linear.forward(encode(net, x)),
            ("x", [8, 4]),
        )
        .unwrap()
        .artifact()
        .unwrap();
    assert_eq!(artifact.programs().len(), 3);
    assert_eq!(artifact.program_index("classify"), Some(1));
    assert_eq!(artifact.weights().len(), 7);
}

#[test]
fn a_capture_does_not_depend_on_the_run() {
    let net = net();
    let capture =
        || Artifact::capture("net", &net, |net, x: Tensor<2>| encode(net, x), [2, 4]).unwrap();
    assert_eq!(capture().id(), capture().id());
}

#[test]
fn what_depends_on_constants_alone_is_computed_once() {
    let artifact = Artifact::capture(
        "positions",
        &net(),
        |net, x: Tensor<2>| {
            let steps = Tensor::<1, Int>::arange(0..4, &x.device()).float();
            let table = (steps * 0.25).exp().unsqueeze::<2>();
            let scale = net.heads.0.scale.val().abs() + 1.0;
            x * table / scale.unsqueeze()
        },
        [2, 4],
    )
    .unwrap();
    let names = weight_names(&artifact);
    assert!(names.contains(&"constant.0"), "{names:?}");
    assert!(names.contains(&"heads.0.scale.folded"), "{names:?}");
    assert_eq!(operators(&runner(artifact)), ["mul", "div"]);
}

#[test]
fn a_repeated_constant_stays_an_operator() {
    let artifact = Artifact::capture(
        "full",
        &0usize,
        |_, x: Tensor<2>| x.clone() + Tensor::<2>::full([64, 64], 0.5, &x.device()),
        [64, 64],
    )
    .unwrap();
    assert!(artifact.weights().is_empty());
}

#[derive(Module, Debug)]
struct Normalised {
    conv: Conv2d,
    batch: BatchNorm,
    layer: LayerNorm,
}

#[test]
fn normalisations_agree_with_burn_and_leave_the_module_alone() {
    let device = Device::flex();
    device.seed(5);
    let module = Normalised {
        conv: Conv2dConfig::new([2, 3], [2, 2]).with_padding(PaddingConfig2d::Same).init(&device),
        batch: BatchNormConfig::new(3).init(&device),
        layer: LayerNormConfig::new(4).init(&device),
    };
    let forward =
        |m: &Normalised, x: Tensor<4>| m.layer.forward(m.batch.forward(m.conv.forward(x)));
    let artifact = Artifact::capture("norms", &module, forward, [1, 2, 4, 4]).unwrap();
    let values = floats(32, 6);
    let found =
        runner(artifact).run(&[CanonTensor::f32([1, 2, 4, 4], values.clone()).unwrap()]).unwrap();
    // The module still computes where it was: its running statistics did not move to the capture device.
    let expected =
        forward(&module, Tensor::from_data(TensorData::new(values, [1, 2, 4, 4]), &device));
    assert_close("norms", &common::Numbers::numbers(expected), &found);
}

#[test]
fn a_module_in_training_is_captured_as_in_validation() {
    let device = Device::flex().autodiff();
    device.seed(9);
    let trained = LinearConfig::new(4, 2).init(&device);
    let artifact =
        Artifact::capture("linear", &trained, |m, x: Tensor<2>| m.forward(x), [1, 4]).unwrap();
    let values = floats(4, 1);
    let found = runner(artifact).run(&[CanonTensor::f32([1, 4], values.clone()).unwrap()]).unwrap();
    let expected =
        trained.forward(Tensor::<2>::from_data(TensorData::new(values, [1, 4]), &device));
    assert_close("linear", &common::Numbers::numbers(expected), &found);
}

#[test]
fn an_artifact_survives_its_folder() {
    let artifact =
        Artifact::capture("net", &net(), |net, x: Tensor<2>| encode(net, x), [2, 4]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net");
    artifact.save(&path).unwrap();
    let limits = gainsay_model::Limits::default();
    assert_eq!(Artifact::load(&path, &limits).unwrap().id(), artifact.id());
}
