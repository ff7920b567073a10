//! The ONNX project's own operator tests: each as a Burn closure, captured, run canonically, compared with what ONNX says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod case;
#[path = "../common/mod.rs"]
mod common;
mod elementwise;
mod movement;
mod network;
mod reduction;
mod value;

use std::collections::BTreeMap;

use case::{Case, Stored, padded};
use gainsay_canon::{DType, Tensor};
use gainsay_capture::CaptureArtifact;
use gainsay_model::Artifact;
use value::{Ports, Value, Values};

/// The closure of a case: from the inputs that are tensors to all outputs.
pub type Closure = fn(&Case, Vec<Value>) -> Vec<Value>;

/// Which inputs of an operator are tensors; the others are configuration.
#[derive(Clone, Copy)]
pub enum Tensors {
    All,
    First(usize),
}

fn closure(operator: &str) -> Option<(Closure, Tensors)> {
    elementwise::closure(operator)
        .or_else(|| reduction::closure(operator))
        .or_else(|| movement::closure(operator))
        .or_else(|| network::closure(operator))
}

#[test]
fn the_cases_of_the_onnx_project_agree() {
    let only = std::env::var("ONNX_CASE").ok();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in case::all() {
        if only.as_ref().is_some_and(|only| !case.name().contains(only.as_str())) {
            continue;
        }
        match run(&case) {
            Ok(()) => *counts.entry(case.operator().to_owned()).or_default() += 1,
            Err(error) => failures.push(format!("{}: {error}", case.name())),
        }
    }
    for (operator, count) in &counts {
        println!("{count:4} {operator}");
    }
    let total: usize = counts.values().sum();
    println!("{total:4} in all, of {} operators", counts.len());
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(total >= 100 || only.is_some(), "only {total} cases");
}

fn run(case: &Case) -> Result<(), String> {
    let (closure, tensors) = closure(case.operator()).ok_or("no closure")?;
    let limit = match tensors {
        Tensors::All => case.inputs(),
        Tensors::First(count) => count,
    };
    let inputs: Vec<Stored> = (0..limit).filter_map(|at| case.input(at)).collect();
    let ports = Ports::of(inputs.iter());
    let artifact = Artifact::capture(
        case.name(),
        &0usize,
        |_, Values(values): Values| {
            let mut results = closure(case, values);
            results.truncate(case.outputs());
            results
        },
        ports,
    )
    .map_err(|error| error.to_string())?;
    let values: Vec<Tensor> = inputs.into_iter().map(|stored| stored.tensor).collect();
    let found = common::runner(artifact).run(&values).map_err(|error| error.to_string())?;
    for (at, found) in found.iter().enumerate() {
        if let Some(expected) = case.output(at) {
            compare(case, at, &expected, found)?;
        }
    }
    Ok(())
}

fn compare(case: &Case, at: usize, expected: &Stored, found: &Tensor) -> Result<(), String> {
    let due = padded(&expected.dims).map(|extent| extent as u64);
    if found.shape() != due || found.dtype() != expected.tensor.dtype() {
        let expected = expected.tensor.tensor_type();
        return Err(format!("output {at} is {}, {expected} is due", found.tensor_type()));
    }
    let (relative, absolute) = match found.dtype() {
        DType::F64 => (1e-10, 1e-12),
        // What is due is given to four digits.
        DType::F32 if case.name() == "averagepool_2d_ceil_last_window_starts_on_pad" => (1e-3, 0.0),
        DType::F32 => (1e-5, 1e-6),
        DType::F16 => (2e-3, 1e-4),
        DType::BF16 => (1e-2, 1e-3),
        _ => (0.0, 0.0),
    };
    let (due, found) = (common::canonical(&expected.tensor), common::canonical(found));
    for (place, (due, found)) in due.iter().zip(&found).enumerate() {
        let same = due == found
            || (due.is_nan() && found.is_nan())
            || (due - found).abs() <= absolute + relative * due.abs();
        if !same {
            return Err(format!("output {at}, element {place}: {due} is due, found {found}"));
        }
    }
    Ok(())
}
