//! What cannot be captured is refused with a message that leads to the line to change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::cell::Cell;

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Bool, Device, Distribution, FloatDType, Int, Tensor, TensorData};
use gainsay_capture::{CaptureArtifact, CaptureError, Fault, Outputs, Reason, Refusal};
use gainsay_model::Artifact;

#[derive(Module, Debug)]
struct Block {
    first: Linear,
    second: Linear,
}

#[derive(Module, Debug)]
struct Model {
    blocks: Vec<Block>,
    dropout: Dropout,
}

fn model() -> Model {
    let device = Device::flex();
    device.seed(7);
    let block = || Block {
        first: LinearConfig::new(4, 4).init(&device),
        second: LinearConfig::new(4, 4).init(&device),
    };
    Model { blocks: vec![block(), block()], dropout: DropoutConfig::new(0.5).init() }
}

fn refusal<O: Outputs>(forward: impl Fn(&Model, Tensor<2>) -> O) -> CaptureError {
    Artifact::capture("model", &model(), forward, [1, 4]).expect_err("it must be refused")
}

#[test]
fn an_unsupported_operator_is_named_with_its_position_and_module() {
    let error = refusal(|m, x| {
        let x = relu(m.blocks[0].first.forward(x));
        let x = x.clone() + x.random_like(Distribution::Default);
        m.blocks[0].second.forward(x)
    });
    let text = error.to_string();
    assert!(
        matches!(error.fault(), Some(Fault::Operation { refusal: Refusal::Refused(_), .. })),
        "{text}"
    );
    assert!(text.contains("`Random`"), "{text}");
    assert!(
        text.contains("between module `blocks.0.first` and module `blocks.0.second`"),
        "{text}"
    );
    let error = refusal(|_, x| (x + 1.0).random_like(Distribution::Default));
    assert!(error.to_string().contains("operation 2 of 2, `Random`: random operators"), "{error}");
}

#[test]
fn an_unsupported_operator_on_a_parameter_is_placed_inside_its_module() {
    let error = refusal(|m, x| x.matmul(m.blocks[1].second.weight.val().cast(FloatDType::Flex32)));
    assert!(error.to_string().contains("`Cast` in module `blocks.1.second`"), "{error}");
}

#[test]
fn random_operators_are_refused() {
    let error = refusal(|m, x| {
        let x = m.blocks[0].first.forward(x);
        let noise = x.random_like(Distribution::Uniform(0.0, 1.0));
        x + noise
    });
    let text = error.to_string();
    assert!(
        matches!(
            error.fault(),
            Some(Fault::Operation { refusal: Refusal::Refused(Reason::Random), .. })
        ),
        "{text}"
    );
    assert!(text.contains("`Random` after module `blocks.0.first`"), "{text}");
}

#[test]
fn dropout_does_nothing_in_a_capture() {
    let artifact =
        Artifact::capture("model", &model(), |m, x: Tensor<2>| m.dropout.forward(x) + 1.0, [1, 4])
            .unwrap();
    assert_eq!(artifact.programs()[0].program().instructions.len(), 1);
}

#[test]
fn reading_an_input_inside_forward_is_refused_at_its_line() {
    let error = refusal(|_, x| {
        let first: f32 = x.clone().slice([0..1, 0..1]).into_scalar();
        x * first
    });
    let text = error.to_string();
    assert!(matches!(error.fault(), Some(Fault::ReadsData { .. })), "{text}");
    assert!(text.contains("reads data inside forward"), "{text}");
}

#[test]
fn reading_an_input_is_refused_even_if_both_samples_take_the_same_branch() {
    let error = refusal(|_, x| {
        let large = x.to_data().iter::<f32>().any(|value| value > 1e9);
        if large { x * 2.0 } else { x }
    });
    assert!(matches!(error.fault(), Some(Fault::ReadsData { .. })), "{error}");
}

#[test]
fn a_shape_that_depends_on_values_is_refused() {
    let error = refusal(|_, x| x.greater_elem(0.0).argwhere());
    assert!(matches!(error.fault(), Some(Fault::ReadsData { .. })), "{error}");
    assert!(error.to_string().contains("dynamic shapes"), "{error}");
}

#[test]
fn reading_a_parameter_is_allowed() {
    let forward = |m: &Model, x: Tensor<2>| {
        let scale: f32 =
            m.blocks[0].first.weight.val().max().into_data().iter::<f32>().next().unwrap_or(1.0);
        x * scale
    };
    // The maximum is computed on the capture device, so only stored values can be read.
    let error = Artifact::capture("model", &model(), forward, [1, 4]).unwrap_err();
    assert!(matches!(error.fault(), Some(Fault::ReadsData { .. })), "{error}");
    let stored = |m: &Model, x: Tensor<2>| {
        let scale = m.blocks[0].first.weight.val().into_data().iter::<f32>().fold(0.0, f32::max);
        x * scale
    };
    Artifact::capture("model", &model(), stored, [1, 4]).unwrap();
}

#[test]
fn a_closure_with_state_is_refused() {
    let runs = Cell::new(0);
    let error = refusal(|_, x| {
        runs.set(runs.get() + 1);
        x * f64::from(runs.get())
    });
    let text = error.to_string();
    assert!(matches!(error.fault(), Some(Fault::Unstable { .. })), "{text}");
    assert!(text.contains("two runs of the closure differ"), "{text}");
    assert!(text.contains("mul_scalar(1.0)") && text.contains("mul_scalar(2.0)"), "{text}");
}

#[test]
fn constants_that_change_from_run_to_run_are_refused() {
    let runs = Cell::new(0.0f32);
    let error = refusal(|_, x| {
        runs.set(runs.get() + 1.0);
        let device = x.device();
        x + Tensor::from_data(TensorData::new(vec![runs.get(); 4], [1, 4]), &device)
    });
    assert!(error.to_string().contains("the values of a constant f32[1, 4]"), "{error}");
}

#[test]
fn a_panic_becomes_an_error_with_its_message_and_line() {
    let error = refusal(|m, x| {
        assert!(m.blocks.len() > 7, "not enough blocks");
        x
    });
    let text = error.to_string();
    assert!(matches!(error.fault(), Some(Fault::Panicked { .. })), "{text}");
    assert!(text.contains("not enough blocks") && text.contains("refusals.rs:"), "{text}");
    // The device is free again.
    Artifact::capture("model", &model(), |_, x: Tensor<2>| x + 1.0, [1, 4]).unwrap();
}

#[test]
fn a_wrong_shape_is_refused_with_burns_own_message() {
    let error = Artifact::capture(
        "model",
        &model(),
        |m, x: Tensor<2>| m.blocks[0].first.forward(x),
        [1, 5],
    )
    .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error.fault(), Some(Fault::Panicked { .. })), "{text}");
    assert!(text.contains('5') && text.contains('4'), "{text}");
}

#[test]
fn an_output_from_another_device_is_refused() {
    let error = refusal(|_, _| ("elsewhere", Tensor::<1>::ones([1], &Device::flex())));
    let text = error.to_string();
    assert!(matches!(error.fault(), Some(Fault::ForeignOutput { .. })), "{text}");
    assert!(text.contains("`elsewhere`"), "{text}");
}

#[test]
fn element_types_that_canon_does_not_have_are_refused_by_name() {
    let error = refusal(|_, x| x.exp().cast(FloatDType::Flex32));
    assert!(error.to_string().contains("Flex32"), "{error}");
}

#[test]
fn dead_operations_are_no_reason_to_refuse() {
    let artifact = Artifact::capture(
        "model",
        &model(),
        |m, x: Tensor<2>| {
            let _unused = x.random_like(Distribution::Default);
            let (values, _indices) = x.max_dim_with_indices(1);
            m.blocks[0].first.forward(values.expand([1, 4]))
        },
        [1, 4],
    )
    .unwrap();
    assert_eq!(artifact.manifest().weights.len(), 2);
}

#[test]
fn bool_and_int_inputs_are_checked_for_reads_too() {
    let read_int =
        |_: &usize, x: Tensor<1, Int>| x.clone() * x.into_data().iter::<i64>().sum::<i64>();
    let error = Artifact::capture("model", &0usize, read_int, [4]).unwrap_err();
    assert!(matches!(error.fault(), Some(Fault::ReadsData { .. })), "{error}");
    let read_bool = |_: &usize, x: Tensor<1, Bool>| {
        x.clone().float() * x.into_data().iter::<bool>().count() as f64
    };
    let error = Artifact::capture("model", &0usize, read_bool, [4]).unwrap_err();
    assert!(matches!(error.fault(), Some(Fault::ReadsData { .. })), "{error}");
}

#[test]
fn captures_on_several_threads_do_not_disturb_each_other() {
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let refused = refusal(|_, _| -> Tensor<2> { panic!("on purpose") });
                    assert!(refused.to_string().contains("on purpose"));
                    Artifact::capture("double", &0usize, |_, x: Tensor<2>| x * 2.0, [1, 4])
                        .unwrap()
                        .id()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
}
