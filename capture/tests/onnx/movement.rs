//! Operators that move elements.

use burn::tensor::ops::PadMode;
use burn::tensor::{IndexingUpdateOp, Int, Slice, Tensor};

use crate::case::{Case, RANK, padded};
use crate::value::{Value, moved, number};
use crate::{Closure, Tensors};

pub fn closure(operator: &str) -> Option<(Closure, Tensors)> {
    let closure: Closure = match operator {
        "Concat" => concat,
        "Gather" => gather,
        "GatherElements" => gather_elements,
        "GatherND" => gather_nd,
        "ScatterElements" => scatter_elements,
        "ScatterND" => scatter_nd,
        _ => {
            let closure: Closure = match operator {
                "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => as_shaped,
                "Transpose" => transpose,
                "Expand" => expand,
                "Tile" => tile,
                "Slice" => slice,
                "Split" => split,
                "Pad" => pad,
                "Trilu" => triangle,
                "DepthToSpace" => depth_to_space,
                "SpaceToDepth" => space_to_depth,
                _ => return None,
            };
            return Some((closure, Tensors::First(1)));
        }
    };
    Some((closure, Tensors::All))
}

/// What only renames the extents takes them from the expected output.
fn as_shaped(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    vec![values.remove(0).reshaped(case.output(0).unwrap().dims)]
}

fn transpose(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let rank = value.rank();
    let order = case.ints("perm").unwrap_or_else(|| (0..rank as i64).rev().collect());
    let dims = order.iter().map(|&axis| value.dims()[axis as usize]).collect();
    let mut axes: [isize; RANK] = std::array::from_fn(|axis| axis as isize);
    for (place, axis) in order.iter().enumerate() {
        axes[RANK - rank + place] = value.axis(*axis) as isize;
    }
    vec![moved!(value, dims, x => x.permute(axes))]
}

fn expand(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let dims = case.output(0).unwrap().dims;
    let extents = padded(&dims);
    vec![moved!(value, dims, x => x.expand(extents))]
}

fn tile(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let times: Vec<usize> = case.whole(1).unwrap().iter().map(|&times| times as usize).collect();
    let times = padded(&times);
    vec![moved!(value, case.output(0).unwrap().dims, x => x.repeat(&times))]
}

/// ONNX's bounds may lie anywhere; they are clamped as it says.
fn slice(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let (starts, ends) = (case.whole(1).unwrap(), case.whole(2).unwrap());
    let axes = case.whole(3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = case.whole(4).unwrap_or_else(|| vec![1; starts.len()]);
    let mut slices = vec![Slice::full(); RANK];
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = value.axis(axis);
        let extent = value.dims()[axis + value.rank() - RANK] as i64;
        let from_end = |at: i64| if at < 0 { at.saturating_add(extent) } else { at };
        slices[axis] = if step > 0 {
            let start = from_end(start).clamp(0, extent);
            let end = from_end(end).clamp(start, extent);
            Slice::new(start as isize, Some(end as isize), step as isize)
        } else {
            // Burn walks from the end of its range down.
            let first = from_end(start).clamp(0, extent - 1);
            let before = from_end(end).clamp(-1, first);
            Slice::new((before + 1) as isize, Some((first + 1) as isize), step as isize)
        };
    }
    let slices: [Slice; RANK] = slices.try_into().unwrap();
    vec![moved!(value, case.output(0).unwrap().dims, x => x.slice(slices))]
}

fn split(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let axis = value.axis(case.int("axis", 0));
    let within = axis + value.rank() - RANK;
    let parts: Vec<Vec<usize>> =
        (0..case.outputs()).map(|at| case.output(at).unwrap().dims).collect();
    let mut start = 0;
    parts
        .into_iter()
        .map(|dims| {
            let (from, extent) = (start, dims[within]);
            start += extent;
            moved!(value.clone(), dims, x => x.narrow(axis, from, extent))
        })
        .collect()
}

fn concat(case: &Case, values: Vec<Value>) -> Vec<Value> {
    let axis = values[0].axis(case.int("axis", 0));
    let parts = values.into_iter().map(Value::float).collect();
    vec![Value::Float(Tensor::cat(parts, axis), case.output(0).unwrap().dims)]
}

fn pad(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let pads = case.whole(1).unwrap();
    let count = pads.len() / 2;
    let axes = case.whole(3).unwrap_or_else(|| (0..count as i64).collect());
    let mut padding = [(0, 0); RANK];
    for (place, axis) in axes.into_iter().enumerate() {
        padding[value.axis(axis)] = (pads[place] as usize, pads[place + count] as usize);
    }
    let mode = match case.text("mode", "constant").as_str() {
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        _ => PadMode::Constant(case.numbers(2).map_or(0.0, |fill| fill[0] as f32)),
    };
    vec![number!(value, case.output(0).unwrap().dims, x => x.pad(padding, mode))]
}

fn triangle(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let value = values.remove(0);
    let diagonal = case.whole(1).map_or(0, |k| k[0]);
    let upper = case.int("upper", 1) == 1;
    let dims = value.dims().to_vec();
    vec![number!(value, dims, x => if upper { x.triu(diagonal) } else { x.tril(diagonal) })]
}

fn depth_to_space(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let x: Tensor<4> = values.remove(0).of();
    let [batch, channels, height, width] = x.dims();
    let block = case.int("blocksize", 1) as usize;
    let depth = channels / (block * block);
    let x = if case.text("mode", "DCR") == "DCR" {
        x.reshape([batch, block, block, depth, height, width]).permute([0, 3, 4, 1, 5, 2])
    } else {
        x.reshape([batch, depth, block, block, height, width]).permute([0, 1, 4, 2, 5, 3])
    };
    vec![crate::value::from_float(x.reshape([batch, depth, height * block, width * block]))]
}

fn space_to_depth(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let x: Tensor<4> = values.remove(0).of();
    let [batch, channels, height, width] = x.dims();
    let block = case.int("blocksize", 1) as usize;
    let (rows, columns) = (height / block, width / block);
    let x = x.reshape([batch, channels, rows, block, columns, block]);
    let x = if case.text("mode", "DCR") == "DCR" {
        x.permute([0, 3, 5, 1, 2, 4])
    } else {
        x.permute([0, 1, 3, 5, 2, 4])
    };
    vec![crate::value::from_float(x.reshape([batch, channels * block * block, rows, columns]))]
}

/// Negative indices count from the end.
fn from_start(indices: Tensor<RANK, Int>, extent: usize) -> Tensor<RANK, Int> {
    let negative = indices.clone().lower_elem(0);
    indices.clone().mask_where(negative, indices + extent as i64)
}

fn gather(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (indices, x) = (values.pop().unwrap(), values.pop().unwrap());
    let axis = x.axis(case.int("axis", 0));
    let extent = x.dims()[axis + x.rank() - RANK];
    let count: usize = indices.dims().iter().product();
    let indices = from_start(indices.int(), extent).reshape([count]);
    let extents = padded(&case.output(0).unwrap().dims);
    vec![Value::Float(
        x.float().select(axis, indices).reshape(extents),
        case.output(0).unwrap().dims,
    )]
}

fn gather_elements(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (indices, x) = (values.pop().unwrap(), values.pop().unwrap());
    let axis = x.axis(case.int("axis", 0));
    let extent = x.dims()[axis + x.rank() - RANK];
    let dims = indices.dims().to_vec();
    let indices = from_start(indices.int(), extent);
    vec![Value::Float(x.float().gather(axis, indices), dims)]
}

fn update(case: &Case) -> IndexingUpdateOp {
    match case.text("reduction", "none").as_str() {
        "add" => IndexingUpdateOp::Add,
        "mul" => IndexingUpdateOp::Mul,
        "max" => IndexingUpdateOp::Max,
        "min" => IndexingUpdateOp::Min,
        _ => IndexingUpdateOp::Assign,
    }
}

fn scatter_elements(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let updates = values.pop().unwrap();
    let (indices, x) = (values.pop().unwrap(), values.pop().unwrap());
    let axis = x.axis(case.int("axis", 0));
    let extent = x.dims()[axis + x.rank() - RANK];
    let dims = x.dims().to_vec();
    let indices = from_start(indices.int(), extent);
    let y = x.float().scatter(axis, indices, updates.float(), update(case));
    vec![Value::Float(y, dims)]
}

/// `x` with the axes that coordinates address, and the rest as one; coordinates as a list.
fn addressed<const D: usize>(x: &Value) -> [usize; D] {
    let mut shape = [1; D];
    let rest = x.dims()[D - 1..].iter().product();
    shape[..D - 1].copy_from_slice(&x.dims()[..D - 1]);
    shape[D - 1] = rest;
    shape
}

fn gather_nd(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (indices, x) = (values.pop().unwrap(), values.pop().unwrap());
    let depth = *indices.dims().last().unwrap();
    let places: usize = indices.dims().iter().product::<usize>() / depth;
    let indices = indices.int().reshape([places, depth]);
    let dims = case.output(0).unwrap().dims;
    assert_eq!((depth, case.int("batch_dims", 0)), (2, 0));
    let shape: [usize; 3] = addressed(&x);
    let extents = padded(&dims);
    vec![number!(x, dims, x => {
        x.reshape(shape).gather_nd::<2, 2>(indices).reshape(extents)
    })]
}

fn scatter_nd(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let updates = values.pop().unwrap();
    let (indices, x) = (values.pop().unwrap(), values.pop().unwrap());
    let depth = *indices.dims().last().unwrap();
    let places: usize = indices.dims().iter().product::<usize>() / depth;
    let indices = indices.int().reshape([places, depth]);
    let dims = x.dims().to_vec();
    let extents = padded(&dims);
    let y = if depth == 1 {
        let shape: [usize; 2] = addressed(&x);
        let updates = updates.float().reshape([places, shape[1]]);
        let y = x.float().reshape(shape).scatter_nd::<2, 2>(indices, updates, update(case));
        y.reshape(extents)
    } else {
        let shape: [usize; 3] = addressed(&x);
        let updates = updates.float().reshape([places, shape[2]]);
        let y = x.float().reshape(shape).scatter_nd::<2, 2>(indices, updates, update(case));
        y.reshape(extents)
    };
    vec![Value::Float(y, dims)]
}
