//! Reductions and what else walks along axes.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use crate::case::{Case, RANK};
use crate::value::{Value, number};
use crate::{Closure, Tensors};

pub fn closure(operator: &str) -> Option<(Closure, Tensors)> {
    let closure: Closure = match operator {
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1"
        | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceSumSquare" => reduce,
        "ArgMax" | "ArgMin" => arg,
        "TopK" => top,
        "CumSum" | "CumProd" => cumulative,
        "Softmax" | "LogSoftmax" => normalise,
        "Hardmax" => hardmax,
        "MeanVarianceNormalization" => mean_variance,
        _ => return None,
    };
    Some((closure, Tensors::First(1)))
}

fn axes(case: &Case, value: &Value) -> Vec<usize> {
    let given = case.ints("axes").or_else(|| case.whole(1)).unwrap_or_default();
    if given.is_empty() && case.int("noop_with_empty_axes", 0) == 0 {
        return (RANK - value.rank()..RANK).collect();
    }
    given.into_iter().map(|axis| value.axis(axis)).collect()
}

/// The extents after reduction.
fn reduced(case: &Case, value: &Value, axes: &[usize]) -> Vec<usize> {
    let keep = case.int("keepdims", 1) == 1;
    let first = RANK - value.rank();
    let extents = value.dims().iter().enumerate().filter_map(|(at, &extent)| {
        match axes.contains(&(at + first)) {
            false => Some(extent),
            true => keep.then_some(1),
        }
    });
    extents.collect()
}

fn reduce(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axes = axes(case, &value);
    let dims = reduced(case, &value, &axes);
    let whole = value.dims().to_vec();
    let value = match value {
        Value::Bool(x, dims) if case.operator() == "ReduceMax" => {
            let x = axes.iter().fold(x, |x, &axis| x.any_dim(axis));
            Value::Bool(x, dims)
        }
        Value::Bool(x, dims) => {
            let x = axes.iter().fold(x, |x, &axis| x.all_dim(axis));
            Value::Bool(x, dims)
        }
        Value::Float(x, _) => Value::Float(of_floats(case.operator(), x, &axes), whole),
        Value::Int(x, _) => {
            let along = |x: Tensor<RANK, Int>, axis: usize| match case.operator() {
                "ReduceSum" | "ReduceL1" | "ReduceSumSquare" => x.sum_dim(axis),
                "ReduceProd" => x.prod_dim(axis),
                "ReduceMax" => x.max_dim(axis),
                "ReduceMin" => x.min_dim(axis),
                other => panic!("{other} of integers"),
            };
            let x = match case.operator() {
                "ReduceL1" => x.abs(),
                "ReduceSumSquare" => x.clone() * x,
                _ => x,
            };
            Value::Int(axes.iter().fold(x, |x, &axis| along(x, axis)), whole)
        }
    };
    vec![value.reshaped(dims)]
}

fn of_floats(operator: &str, x: Tensor<RANK>, axes: &[usize]) -> Tensor<RANK> {
    let sum = |x: Tensor<RANK>| if axes.is_empty() { x } else { x.sum_dims(axes) };
    match operator {
        "ReduceSum" => sum(x),
        "ReduceMean" => axes.iter().fold(x, |x, &axis| x.mean_dim(axis)),
        "ReduceMax" => axes.iter().fold(x, |x, &axis| x.max_dim(axis)),
        "ReduceMin" => axes.iter().fold(x, |x, &axis| x.min_dim(axis)),
        "ReduceProd" => axes.iter().fold(x, |x, &axis| x.prod_dim(axis)),
        "ReduceL1" => sum(x.abs()),
        "ReduceL2" => sum(x.clone() * x).sqrt(),
        "ReduceSumSquare" => sum(x.clone() * x),
        "ReduceLogSum" => sum(x).log(),
        "ReduceLogSumExp" => sum(x.exp()).log(),
        other => panic!("{other}"),
    }
}

fn arg(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axis = value.axis(case.int("axis", 0));
    let dims = reduced(case, &value, &[axis]);
    let last = case.int("select_last_index", 0) == 1;
    let extent = value.dims()[axis + value.rank() - RANK] as i64;
    let x = value.float();
    let x = if last { x.flip([axis]) } else { x };
    let found = if case.operator() == "ArgMax" { x.argmax(axis) } else { x.argmin(axis) };
    let found = if last { found.neg() + (extent - 1) } else { found };
    vec![Value::Int(found, Vec::new()).reshaped(dims)]
}

fn top(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axis = value.axis(case.int("axis", -1));
    let k = case.whole(1).unwrap()[0] as usize;
    let mut dims = value.dims().to_vec();
    dims[axis + value.rank() - RANK] = k;
    let largest = case.int("largest", 1) == 1;
    match value {
        Value::Float(x, _) if largest => {
            let (values, indices) = x.topk_with_indices(k, axis);
            vec![Value::Float(values, dims.clone()), Value::Int(indices, dims)]
        }
        Value::Int(x, _) if largest => {
            let (values, indices) = x.topk_with_indices(k, axis);
            vec![Value::Int(values, dims.clone()), Value::Int(indices, dims)]
        }
        Value::Float(x, _) => {
            let (values, indices) = x.sort_with_indices(axis);
            let (values, indices) = (values.narrow(axis, 0, k), indices.narrow(axis, 0, k));
            vec![Value::Float(values, dims.clone()), Value::Int(indices, dims)]
        }
        _ => panic!("the smallest integers"),
    }
}

fn cumulative(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axis = value.axis(case.whole(1).unwrap()[0]);
    let dims = value.dims().to_vec();
    let (exclusive, reverse) = (case.int("exclusive", 0) == 1, case.int("reverse", 0) == 1);
    let product = case.operator() == "CumProd";
    vec![number!(value, dims, x => {
        let extent = x.dims()[axis];
        let x = if reverse { x.flip([axis]) } else { x };
        let y = if product { x.clone().cumprod(axis) } else { x.clone().cumsum(axis) };
        let y = if exclusive {
            let first = x.narrow(axis, 0, 1);
            let first = if product { first.ones_like() } else { first.zeros_like() };
            Tensor::cat(vec![first, y.narrow(axis, 0, extent - 1)], axis)
        } else {
            y
        };
        if reverse { y.flip([axis]) } else { y }
    })]
}

fn normalise(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axis = value.axis(case.int("axis", -1));
    let dims = value.dims().to_vec();
    let x = value.float();
    let y = if case.operator() == "Softmax" { softmax(x, axis) } else { log_softmax(x, axis) };
    vec![Value::Float(y, dims)]
}

fn hardmax(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axis = value.axis(case.int("axis", -1));
    let dims = value.dims().to_vec();
    let x = value.float();
    let largest = x.clone().argmax(axis);
    let ones = x.clone().narrow(axis, 0, 1).ones_like();
    let y = x.zeros_like().scatter(axis, largest, ones, IndexingUpdateOp::Add);
    vec![Value::Float(y, dims)]
}

fn mean_variance(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axes = case.ints("axes").unwrap_or(vec![0, 2, 3]);
    let axes: Vec<usize> = axes.into_iter().map(|axis| value.axis(axis)).collect();
    let dims = value.dims().to_vec();
    let x = value.float();
    let mean = |x: Tensor<RANK>| axes.iter().fold(x, |x, &axis| x.mean_dim(axis));
    let centred = x.clone() - mean(x);
    let deviation = mean(centred.clone() * centred.clone()).sqrt();
    vec![Value::Float(centred / (deviation + 1e-9), dims)]
}
