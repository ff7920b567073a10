//! Well-typed calls of the operators that index, slide, resample, sort and normalise, from a seed.

use super::generate::{Call, Generator, Rng, axis, float, infers, number, scalar, shape, tensor};
use crate::reference::half::f16_from_f64;
use crate::{
    Corners, DType, Extension, Extreme, Interpolation, Keys, Operator, Order, Outside, Reduction,
    Rounding, Scalar, SliceRange, Tensor, TensorType, Update, Window2d,
};

/// The generators, by the name of what they generate.
pub(super) const STRUCTURAL: [(&str, Generator); 13] = [
    ("gather and take", gather_and_take),
    ("scatter", scatter),
    ("slice assign", slice_assign),
    ("unfold and extend", unfold_and_extend),
    ("unfold2d", unfold2d),
    ("conv3d", conv3d),
    ("conv transpose", conv_transpose),
    ("deform conv2d", deform_conv2d),
    ("sort and cumulative", sort_and_cumulative),
    ("more pooling", more_pooling),
    ("resampling", resampling),
    ("attention", attention),
    ("layer norm and wrapping matmul", layer_norm_and_wrapping_matmul),
];

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

/// Indices of any integer type, most of them below `extent`.
fn indices(rng: &mut Rng, shape: &[u64], extent: u64) -> Tensor {
    let dtype = rng.pick(&INTEGERS);
    let tensor_type = TensorType::new(dtype, shape);
    let wild = rng.chance(2);
    let mut bytes = Vec::new();
    for _ in 0..tensor_type.elements().unwrap() {
        let index = match rng.below(if wild { 8 } else { 1 << 40 }) {
            0 => rng.pick(&[extent, u64::MAX, 1 << 63, 1 << 31, 1 << 7, u64::MAX - 1]),
            _ => rng.below(extent.max(1)),
        };
        bytes.extend(&index.to_le_bytes()[..dtype.size_bytes()]);
    }
    Tensor::from_bytes(&tensor_type, &bytes).unwrap()
}

/// A shape beside `x`: none but `axis` longer.
fn beside(rng: &mut Rng, x: &[u64], axis: u8) -> Vec<u64> {
    let shorter = |(i, &extent): (usize, &u64)| match i == usize::from(axis) {
        true => rng.between(0, 7),
        false if rng.chance(3) => rng.between(0, extent),
        false => extent,
    };
    x.iter().enumerate().map(shorter).collect()
}

/// Coordinates `[.., k]` into `x`.
fn coordinates(rng: &mut Rng, x: &[u64]) -> Tensor {
    let depth = rng.between(0, x.len() as u64);
    let mut places = shape(rng, 0, 2);
    places.push(depth);
    let least = x.iter().take(depth as usize).min().copied().unwrap_or(0);
    indices(rng, &places, least)
}

fn gather_and_take(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let from = shape(rng, 1, 4);
    let axis = axis(rng, &from);
    let extent = from[usize::from(axis)];
    let (operator, at) = match rng.below(3) {
        0 => {
            let at = beside(rng, &from, axis);
            (Operator::Gather { axis }, indices(rng, &at, extent))
        }
        1 => {
            let at = shape(rng, 0, 2);
            (Operator::Take { axis }, indices(rng, &at, extent))
        }
        _ => (Operator::GatherNd, coordinates(rng, &from)),
    };
    (operator, vec![tensor(rng, dtype, &from), at])
}

fn scatter(rng: &mut Rng) -> Call {
    let update = rng.pick(&[Update::Assign, Update::Add, Update::Mul, Update::Min, Update::Max]);
    let dtype = match update {
        Update::Assign => rng.pick(&DType::ALL),
        Update::Add if rng.chance(5) => DType::Bool,
        _ => number(rng),
    };
    let to = shape(rng, 1, 4);
    let axis = axis(rng, &to);
    let extent = to[usize::from(axis)];
    let (operator, at, values) = match rng.below(3) {
        0 => {
            let at = beside(rng, &to, axis);
            (Operator::Scatter { axis, update }, indices(rng, &at, extent), at)
        }
        1 => {
            let mut values = to.clone();
            values[usize::from(axis)] = rng.between(0, 20);
            let at = indices(rng, &[values[usize::from(axis)]], extent);
            (Operator::TakeAssign { axis, update }, at, values)
        }
        _ => {
            let at = coordinates(rng, &to);
            let (depth, places) = at.shape().split_last().unwrap();
            let values = [places, &to[*depth as usize..]].concat();
            (Operator::ScatterNd { update }, at, values)
        }
    };
    (operator, vec![tensor(rng, dtype, &to), at, tensor(rng, dtype, &values)])
}

fn slice_assign(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let to = shape(rng, 0, 4);
    let ranges = to.iter().map(|&extent| {
        let (a, b) = (rng.between(0, extent), rng.between(0, extent));
        let (a, b) = if rng.chance(3) { (0, extent) } else { (a, b) };
        let step = rng.pick(&[1, 1, 1, 2, 3, i64::MAX, -1, -2, i64::MIN]);
        SliceRange { start: a.min(b), end: a.max(b), step }
    });
    let ranges: Vec<SliceRange> = ranges.collect();
    let value: Vec<u64> =
        ranges.iter().map(|r| (r.end - r.start).div_ceil(r.step.unsigned_abs())).collect();
    let operands = vec![tensor(rng, dtype, &to), tensor(rng, dtype, &value)];
    (Operator::SliceAssign { ranges }, operands)
}

fn unfold_and_extend(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let from = shape(rng, 1, 4);
    let x = tensor(rng, dtype, &from);
    if rng.chance(2) {
        let axis = axis(rng, &from);
        return (
            Operator::Unfold { axis, size: rng.between(1, 6), step: rng.between(1, 4) },
            vec![x],
        );
    }
    let mode = rng.pick(&[Extension::Reflect, Extension::Edge]);
    let most = |extent: u64| match mode {
        Extension::Reflect => extent.saturating_sub(1).min(9),
        Extension::Edge => extent.min(1) * 5,
    };
    let padding =
        from.iter().map(|&extent| (rng.between(0, most(extent)), rng.between(0, most(extent))));
    (Operator::Extend { padding: padding.collect(), mode }, vec![x])
}

/// Ones half of the time.
fn some<const N: usize>(rng: &mut Rng, low: u64, high: u64) -> [u64; N] {
    if rng.chance(2) { [low; N] } else { [0; N].map(|_| rng.between(low, high)) }
}

fn unfold2d(rng: &mut Rng) -> Call {
    loop {
        let dtype = rng.pick(&DType::ALL);
        let x = [rng.between(0, 2), rng.between(0, 3), rng.between(0, 9), rng.between(0, 9)];
        let operator = Operator::Unfold2d {
            kernel: [0; 2].map(|_| rng.between(1, 4)),
            stride: some(rng, 1, 3),
            padding: some(rng, 0, 3),
            dilation: some(rng, 1, 3),
        };
        let operands = vec![tensor(rng, dtype, &x)];
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

fn conv3d(rng: &mut Rng) -> Call {
    loop {
        let dtype = float(rng);
        let groups = rng.pick(&[1, 1, 2]);
        let (batch, channels) = (rng.between(0, 2), rng.between(0, 3));
        let out = groups * rng.pick(&[0, 1, 2, 9]);
        let [a, b, c]: [u64; 3] = [0; 3].map(|_| rng.between(0, 6));
        let [d, e, f]: [u64; 3] = some(rng, 1, 3);
        let operator = Operator::Conv3d {
            stride: some(rng, 1, 3),
            padding: some(rng, 0, 2),
            dilation: some(rng, 1, 2),
            groups,
        };
        let mut operands = vec![
            tensor(rng, dtype, &[batch, groups * channels, a, b, c]),
            tensor(rng, dtype, &[out, channels, d, e, f]),
        ];
        if rng.chance(2) {
            operands.push(tensor(rng, dtype, &[out]));
        }
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

fn conv_transpose(rng: &mut Rng) -> Call {
    loop {
        let dtype = float(rng);
        let groups = rng.pick(&[1, 1, 2, 3]);
        let (batch, channels) = (rng.between(0, 2), groups * rng.between(0, 3));
        let out = rng.pick(&[0, 1, 2, 9]);
        let (operator, x, w) = if rng.chance(3) {
            let operator = Operator::ConvTranspose3d {
                stride: some(rng, 1, 3),
                padding: some(rng, 0, 2),
                output_padding: some(rng, 0, 2),
                dilation: some(rng, 1, 2),
                groups,
            };
            let [a, b, c]: [u64; 3] = [0; 3].map(|_| rng.between(1, 4));
            let [d, e, f]: [u64; 3] = some(rng, 1, 3);
            (operator, vec![batch, channels, a, b, c], vec![channels, out, d, e, f])
        } else {
            let operator = Operator::ConvTranspose2d {
                stride: some(rng, 1, 4),
                padding: some(rng, 0, 3),
                output_padding: some(rng, 0, 2),
                dilation: some(rng, 1, 3),
                groups,
            };
            let [a, b]: [u64; 2] = [0; 2].map(|_| rng.between(1, 7));
            let [c, d]: [u64; 2] = some(rng, 1, 4);
            (operator, vec![batch, channels, a, b], vec![channels, out, c, d])
        };
        let operator = if rng.chance(3) { upsampling(operator, &w) } else { operator };
        let mut operands = vec![tensor(rng, dtype, &x), tensor(rng, dtype, &w)];
        if rng.chance(2) {
            operands.push(tensor(rng, dtype, &[out * groups]));
        }
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

/// The kernel side by side with itself.
fn upsampling(operator: Operator, w: &[u64]) -> Operator {
    match operator {
        Operator::ConvTranspose2d { output_padding, groups, .. } => Operator::ConvTranspose2d {
            stride: [w[2], w[3]],
            padding: [0; 2],
            output_padding,
            dilation: [1; 2],
            groups,
        },
        other => other,
    }
}

fn deform_conv2d(rng: &mut Rng) -> Call {
    loop {
        let dtype = float(rng);
        let (groups, offset_groups) = (rng.pick(&[1, 1, 2]), rng.pick(&[1, 1, 2]));
        let (batch, channels) = (rng.between(0, 2), 2 * rng.between(0, 2));
        let out = groups * rng.between(0, 3);
        let [height, width] = [0; 2].map(|_| rng.between(0, 6));
        let kernel: [u64; 2] = some(rng, 1, 3);
        let (stride, padding, dilation) = (some(rng, 1, 2), some(rng, 0, 2), some(rng, 1, 2));
        let plain = Operator::Conv2d { stride, padding, dilation, groups: 1 };
        let f32s = |shape: [u64; 4]| TensorType::new(DType::F32, shape);
        let image = f32s([batch, 1, height, width]);
        let Ok(types) = plain.infer(&[image, f32s([1, 1, kernel[0], kernel[1]])]) else { continue };
        let window = kernel[0] * kernel[1] * offset_groups;
        let output = &types[0].shape[2..];
        let mut operands = vec![
            tensor(rng, dtype, &[batch, channels, height, width]),
            tensor(rng, dtype, &[batch, 2 * window, output[0], output[1]]),
            tensor(rng, dtype, &[out, channels / groups, kernel[0], kernel[1]]),
        ];
        let masked = rng.chance(2);
        if masked {
            operands.push(tensor(rng, dtype, &[batch, window, output[0], output[1]]));
        }
        if rng.chance(2) {
            operands.push(tensor(rng, dtype, &[out]));
        }
        let operator =
            Operator::DeformConv2d { stride, padding, dilation, groups, offset_groups, masked };
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

/// Some of the values equal, so that stability shows.
fn repeated(rng: &mut Rng, x: Tensor) -> Tensor {
    if x.element_count() == 0 || rng.chance(2) {
        return x;
    }
    let size = x.dtype().size_bytes();
    let mut bytes = x.bytes().into_owned();
    for _ in 0..x.element_count() {
        let [from, to] = [0; 2].map(|_| rng.below(x.element_count() as u64) as usize * size);
        bytes.copy_within(from..from + size, to);
    }
    Tensor::from_bytes(x.tensor_type(), &bytes).unwrap()
}

fn sort_and_cumulative(rng: &mut Rng) -> Call {
    let from = shape(rng, 1, 4);
    let axis = axis(rng, &from);
    let order = rng.pick(&[Order::Ascending, Order::Descending]);
    let (operator, dtype) = match rng.below(4) {
        0 => (Operator::Sort { axis, order }, rng.pick(&DType::ALL)),
        1 => (Operator::ArgSort { axis, order }, rng.pick(&DType::ALL)),
        2 => {
            use Reduction::{Max, Min};
            let operator = match (rng.chance(2), from.contains(&0)) {
                (true, false) => Operator::Arg { extreme: Extreme::Min, axis },
                (_, false) => {
                    Operator::Reduce { function: rng.pick(&[Max, Min]), axes: vec![axis] }
                }
                _ => Operator::Sort { axis, order },
            };
            (operator, DType::Bool)
        }
        _ => {
            use Reduction::{Max, Min, Product, Sum};
            (
                Operator::Cumulative { function: rng.pick(&[Sum, Product, Max, Min]), axis },
                number(rng),
            )
        }
    };
    let x = tensor(rng, dtype, &from);
    (operator, vec![repeated(rng, x)])
}

fn more_pooling(rng: &mut Rng) -> Call {
    loop {
        let dtype = float(rng);
        let [batch, channels] = [rng.between(0, 2), rng.between(1, 2)];
        let [depth, height, width] = [0; 3].map(|_| rng.between(0, 9));
        if rng.chance(2) {
            let operator =
                Operator::AdaptiveAvgPool3d { output: [0; 3].map(|_| rng.between(0, 5)) };
            return (operator, vec![tensor(rng, dtype, &[batch, channels, depth, height, width])]);
        }
        let window = Window2d {
            kernel: [0; 2].map(|_| rng.between(1, 4)),
            stride: [0; 2].map(|_| rng.between(1, 4)),
            padding: [0; 2].map(|_| rng.pick(&[0, 0, 1, 2, 5])),
            dilation: some(rng, 1, 3),
            rounding: rng.pick(&[Rounding::Floor, Rounding::Ceil]),
        };
        let x = tensor(rng, dtype, &[batch, channels, height, width]);
        let operands = vec![repeated(rng, x)];
        let operator = Operator::ArgMaxPool2d { window };
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

fn resampling(rng: &mut Rng) -> Call {
    use Interpolation::{Bicubic, Bilinear, Lanczos3, Nearest, NearestExact};
    let dtype = float(rng);
    let [batch, channels] = [rng.between(0, 2), rng.between(0, 2)];
    let [height, width] = [0; 2].map(|_| rng.between(1, 9));
    let output @ [h, w] = [0; 2].map(|_| rng.between(0, 20));
    let corners = rng.pick(&[Corners::Apart, Corners::Aligned]);
    let x = tensor(rng, dtype, &[batch, channels, height, width]);
    if rng.chance(2) {
        let mode = rng.pick(&[Nearest, NearestExact, Bilinear, Bicubic, Lanczos3]);
        return (Operator::Interpolate2d { output, mode, corners }, vec![x]);
    }
    let outside = rng.pick(&[Outside::Zeros, Outside::Border, Outside::Reflection]);
    let mode = rng.pick(&[Nearest, Bilinear]);
    let grid = tensor(rng, dtype, &[batch, h, w, 2]);
    (Operator::GridSample2d { mode, outside, corners }, vec![x, grid])
}

/// A shape that broadcasts to `to`.
fn broadcasting(rng: &mut Rng, to: &[u64]) -> Vec<u64> {
    let skipped = if rng.chance(3) { rng.below(to.len() as u64 + 1) as usize } else { 0 };
    to[skipped..].iter().map(|&extent| if rng.chance(3) { 1 } else { extent }).collect()
}

fn attention(rng: &mut Rng) -> Call {
    let leading = match rng.below(6) {
        0 => vec![],
        1 => vec![0, 2],
        2 => vec![3],
        _ => vec![rng.between(1, 2), rng.between(1, 3)],
    };
    let [s, t] = [0; 2].map(|_| rng.pick(&[0, 1, 2, 5, 17, 33]));
    let [d, e] = [0; 2].map(|_| rng.pick(&[0, 1, 3, 8, 16, 19]));
    let of = |last: [u64; 2]| [leading.as_slice(), &last].concat();
    let dtype = float(rng);
    let mut operands = vec![
        tensor(rng, dtype, &of([s, d])),
        tensor(rng, dtype, &of([t, d])),
        tensor(rng, dtype, &of([t, e])),
    ];
    let scores = of([s, t]);
    let (masked, biased) = (rng.chance(2), rng.chance(2));
    if masked {
        let mask = broadcasting(rng, &scores);
        operands.push(tensor(rng, DType::Bool, &mask));
    }
    if biased {
        let bias = broadcasting(rng, &scores);
        operands.push(tensor(rng, dtype, &bias));
    }
    let softcap = rng.pick(&[None, None, Some(plain(dtype, 2.5))]);
    let softcap = if rng.chance(9) { Some(scalar(rng, dtype)) } else { softcap };
    let scale = if rng.chance(3) { scalar(rng, dtype) } else { plain(dtype, 0.25) };
    let keys = rng.pick(&[Keys::All, Keys::Causal]);
    (Operator::Attention { scale, softcap, keys, masked, biased }, operands)
}

/// A constant of a float type that f16 holds.
fn plain(dtype: DType, value: f32) -> Scalar {
    match dtype {
        DType::F64 => Scalar::f64(value.into()),
        DType::F16 => Scalar { dtype, bits: f16_from_f64(value.into()).into() },
        DType::BF16 => Scalar { dtype, bits: u64::from(value.to_bits() >> 16) },
        _ => Scalar::f32(value),
    }
}

fn layer_norm_and_wrapping_matmul(rng: &mut Rng) -> Call {
    if rng.chance(3) {
        let dtype = rng.pick(&INTEGERS);
        let [m, k, n] = [0; 3].map(|_| rng.pick(&[0, 1, 2, 7, 20]));
        let [a, b]: [&[u64]; 2] =
            rng.pick(&[[&[], &[]], [&[2], &[]], [&[], &[3]], [&[2, 1], &[3]], [&[0], &[1]]]);
        let (a, b) = ([a, &[m, k]].concat(), [b, &[k, n]].concat());
        return (Operator::MatMul, vec![tensor(rng, dtype, &a), tensor(rng, dtype, &b)]);
    }
    let dtype = float(rng);
    let shape = shape(rng, 1, 4);
    let extent = [shape[shape.len() - 1]];
    let mut operands = vec![tensor(rng, dtype, &shape), tensor(rng, dtype, &extent)];
    if rng.chance(2) {
        operands.push(tensor(rng, dtype, &extent));
    }
    let epsilon = if rng.chance(5) { scalar(rng, dtype) } else { plain(dtype, 1.0 / 65_536.0) };
    (Operator::LayerNorm { epsilon }, operands)
}
