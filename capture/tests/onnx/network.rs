//! Contractions, pooling, normalisation, resampling, attention.

use burn::tensor::Tensor;
use burn::tensor::module::{
    adaptive_avg_pool2d, attention, avg_pool1d, avg_pool2d, batch_norm, conv_transpose1d,
    conv_transpose2d, conv_transpose3d, conv2d, deform_conv2d, interpolate, max_pool1d, max_pool2d,
    max_pool2d_with_indices,
};
use burn::tensor::ops::{
    AttentionModuleOptions, AvgPoolOptions, ConvOptions, ConvTransposeOptions, DeformConvOptions,
    GridSampleOptions, GridSamplePaddingMode, InterpolateMode, InterpolateOptions, MaxPoolOptions,
};

use crate::case::{Case, RANK};
use crate::value::{Value, from_float, from_int};
use crate::{Closure, Tensors};

pub fn closure(operator: &str) -> Option<(Closure, Tensors)> {
    let closure: Closure = match operator {
        "MatMul" => matmul,
        "Gemm" => gemm,
        "Conv" => conv,
        "ConvTranspose" => transposed,
        "DeformConv" => deformable,
        "MaxPool" => max_pool,
        "AveragePool" => average_pool,
        "GlobalAveragePool" => {
            |_, mut values| vec![from_float(adaptive_avg_pool2d(values.remove(0).of(), [1, 1]))]
        }
        "GlobalMaxPool" => |_, mut values| {
            let x: Tensor<4> = values.remove(0).of();
            vec![from_float(x.max_dim(2).max_dim(3))]
        },
        "BatchNormalization" => batch_normalisation,
        "InstanceNormalization" => |case, mut values| {
            let groups = values[0].dims()[1];
            vec![group_normalised(case, &mut values, groups)]
        },
        "GroupNormalization" => |case, mut values| {
            vec![group_normalised(case, &mut values, case.int("num_groups", 1) as usize)]
        },
        "LayerNormalization" => layer_normalisation,
        "RMSNormalization" => rms_normalisation,
        "LRN" => local_response,
        "GridSample" => |case, mut values| {
            let (grid, x) = (values.pop().unwrap(), values.pop().unwrap());
            vec![from_float(x.of::<4>().grid_sample_2d(grid.of::<4>(), sampling(case)))]
        },
        "Resize" => return Some((resize, Tensors::First(1))),
        "Attention" => attend,
        _ => return None,
    };
    Some((closure, Tensors::All))
}

fn matmul(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (b, a) = (values.pop().unwrap(), values.pop().unwrap());
    let dims = case.output(0).unwrap().dims;
    let column = b.rank() == 1;
    vec![match (a, b) {
        (Value::Float(a, _), Value::Float(b, _)) => {
            let b = if column { b.swap_dims(RANK - 2, RANK - 1) } else { b };
            Value::Float(a.matmul(b), Vec::new()).reshaped(dims)
        }
        (Value::Int(a, _), Value::Int(b, _)) => Value::Int(a.matmul(b), dims),
        _ => panic!("mixed kinds"),
    }]
}

fn gemm(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let c = if values.len() == 3 { values.pop().map(Value::float) } else { None };
    let (b, a) = (values.pop().unwrap().float(), values.pop().unwrap().float());
    let turned = |x: Tensor<RANK>, name: &str| match case.int(name, 0) {
        0 => x,
        _ => x.swap_dims(RANK - 2, RANK - 1),
    };
    let mut y = turned(a, "transA").matmul(turned(b, "transB"));
    if case.has("alpha") {
        y = y * case.float("alpha", 1.0);
    }
    if let Some(c) = c {
        y = y + c * case.float("beta", 1.0);
    }
    vec![Value::Float(y, case.output(0).unwrap().dims)]
}

/// Padding at the start and the end of every spatial axis, as `pads` or `auto_pad` say.
fn pads<const N: usize>(case: &Case, input: [usize; N], kernel: [usize; N]) -> [(usize, usize); N] {
    let (strides, dilations) = (case.extents::<N>("strides", 1), case.extents::<N>("dilations", 1));
    let auto = case.text("auto_pad", "NOTSET");
    if auto.starts_with("SAME") {
        return std::array::from_fn(|axis| {
            let span = dilations[axis] * (kernel[axis] - 1) + 1;
            let windows = input[axis].div_ceil(strides[axis]);
            let total = ((windows - 1) * strides[axis] + span).saturating_sub(input[axis]);
            let (less, more) = (total / 2, total - total / 2);
            if auto == "SAME_UPPER" { (less, more) } else { (more, less) }
        });
    }
    let pads = case.ints("pads").unwrap_or_else(|| vec![0; 2 * N]);
    std::array::from_fn(|axis| (pads[axis] as usize, pads[axis + N] as usize))
}

fn spatial<const N: usize>(dims: &[usize]) -> [usize; N] {
    dims[2..].try_into().unwrap()
}

fn conv(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let bias = if values.len() == 3 { Some(values.pop().unwrap().of::<1>()) } else { None };
    let (w, x) = (values.pop().unwrap(), values.pop().unwrap());
    let padding = pads::<2>(case, spatial(x.dims()), spatial(w.dims()));
    let options = ConvOptions::new_with_padding(
        case.extents("strides", 1),
        padding,
        case.extents("dilations", 1),
        case.int("group", 1) as usize,
    );
    vec![from_float(conv2d(x.of(), w.of(), bias, options))]
}

fn transposing<const N: usize>(case: &Case, x: &Value, w: &Value) -> ConvTransposeOptions<N> {
    let (input, kernel): ([usize; N], [usize; N]) = (spatial(x.dims()), spatial(w.dims()));
    let (strides, dilations) = (case.extents::<N>("strides", 1), case.extents::<N>("dilations", 1));
    let given = case.extents::<N>("output_padding", 0);
    let due: [usize; N] = spatial(&case.output(0).unwrap().dims);
    let pads = case.ints("pads").unwrap_or_else(|| vec![0; 2 * N]);
    let padding = std::array::from_fn(|axis| pads[axis] as usize);
    // What is missing to the shape that is due is added at the end.
    let added = std::array::from_fn(|axis| {
        let span = dilations[axis] * (kernel[axis] - 1) + 1;
        let plain = (input[axis] - 1) * strides[axis] + span - 2 * padding[axis];
        due[axis].saturating_sub(plain).max(given[axis])
    });
    ConvTransposeOptions::new(strides, padding, added, dilations, case.int("group", 1) as usize)
}

fn transposed(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (w, x) = (values.pop().unwrap(), values.pop().unwrap());
    vec![match x.rank() {
        3 => {
            let options = transposing::<1>(case, &x, &w);
            from_float(conv_transpose1d(x.of(), w.of(), None, options))
        }
        4 => {
            let options = transposing::<2>(case, &x, &w);
            from_float(conv_transpose2d(x.of(), w.of(), None, options))
        }
        _ => {
            let options = transposing::<3>(case, &x, &w);
            from_float(conv_transpose3d(x.of(), w.of(), None, options))
        }
    }]
}

fn deformable(case: &Case, values: Vec<Value>) -> Vec<Value> {
    let mut values = values.into_iter();
    let (x, w, offset) = (values.next().unwrap(), values.next().unwrap(), values.next().unwrap());
    let (bias, mask) = (values.next().map(Value::of), values.next().map(Value::of));
    let [(top, _), (left, _)] = pads::<2>(case, spatial(x.dims()), spatial(w.dims()));
    let options = DeformConvOptions::new(
        case.extents("strides", 1),
        [top, left],
        case.extents("dilations", 1),
        case.int("group", 1) as usize,
        case.int("offset_group", 1) as usize,
    );
    vec![from_float(deform_conv2d(x.of(), offset.of(), w.of(), mask, bias, options))]
}

fn max_pool(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let x = values.remove(0);
    if x.rank() == 3 {
        let [kernel] = case.extents("kernel_shape", 1);
        let options = MaxPoolOptions::new([kernel]).with_stride(case.extents("strides", 1));
        return vec![from_float(max_pool1d(x.of(), options))];
    }
    let kernel = case.extents("kernel_shape", 1);
    let mut options = MaxPoolOptions::new(kernel)
        .with_stride(case.extents("strides", 1))
        .with_dilation(case.extents("dilations", 1));
    options.padding = pads(case, spatial(x.dims()), kernel);
    options.ceil_mode = case.int("ceil_mode", 0) == 1;
    if case.outputs() == 1 {
        return vec![from_float(max_pool2d(x.of(), options))];
    }
    let (values, indices) = max_pool2d_with_indices(x.of(), options);
    vec![from_float(values), from_int(indices)]
}

fn average_pool(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let x = values.remove(0);
    let counts = case.int("count_include_pad", 0) == 1;
    if x.rank() == 3 {
        let [kernel] = case.extents("kernel_shape", 1);
        let options = AvgPoolOptions::new([kernel]).with_stride(case.extents("strides", 1));
        return vec![from_float(avg_pool1d(x.of(), options))];
    }
    let kernel = case.extents("kernel_shape", 1);
    let mut options = AvgPoolOptions::new(kernel).with_stride(case.extents("strides", 1));
    options.padding = pads(case, spatial(x.dims()), kernel);
    options.count_include_pad = counts;
    options.ceil_mode = case.int("ceil_mode", 0) == 1;
    vec![from_float(avg_pool2d(x.of(), options))]
}

fn batch_normalisation(case: &Case, values: Vec<Value>) -> Vec<Value> {
    let mut values = values.into_iter();
    let x = values.next().unwrap();
    let mut next = || values.next().unwrap().of::<1>();
    let (scale, bias, mean, variance) = (next(), next(), next(), next());
    let epsilon = case.float("epsilon", 1e-5);
    let x: Tensor<4> = x.of();
    vec![from_float(batch_norm(x, scale, bias, mean, variance, epsilon))]
}

fn group_normalised(case: &Case, values: &mut Vec<Value>, groups: usize) -> Value {
    let (bias, scale) = (values.pop().unwrap(), values.pop().unwrap());
    let x: Tensor<4> = values.pop().unwrap().of();
    let [batch, channels, height, width] = x.dims();
    let grouped = x.reshape([batch, groups, channels / groups * height * width]);
    let (variance, mean) = grouped.clone().var_mean_bias(2);
    let normalised = (grouped - mean) / (variance + case.float("epsilon", 1e-5)).sqrt();
    let normalised = normalised.reshape([batch, channels, height, width]);
    let per_channel = |x: Value| x.of::<1>().reshape([1, channels, 1, 1]);
    from_float(normalised * per_channel(scale) + per_channel(bias))
}

/// The axes from `axis` on.
fn trailing(case: &Case, value: &Value) -> Vec<usize> {
    (value.axis(case.int("axis", -1))..RANK).collect()
}

fn mean_over(x: Tensor<RANK>, axes: &[usize]) -> Tensor<RANK> {
    let count: usize = axes.iter().map(|&axis| x.dims()[axis]).product();
    x.sum_dims(axes) / count as f64
}

fn layer_normalisation(case: &Case, values: Vec<Value>) -> Vec<Value> {
    let mut values = values.into_iter();
    let x = values.next().unwrap();
    let axes = trailing(case, &x);
    let dims = x.dims().to_vec();
    let statistics: Vec<usize> = dims
        .iter()
        .enumerate()
        .map(|(at, &extent)| if axes.contains(&(at + RANK - dims.len())) { 1 } else { extent })
        .collect();
    let (scale, bias) = (values.next().unwrap().float(), values.next().map(Value::float));
    let x = x.float();
    let mean = mean_over(x.clone(), &axes);
    let centred = x - mean.clone();
    let variance = mean_over(centred.clone() * centred.clone(), &axes);
    let inverse = (variance + case.float("epsilon", 1e-5)).sqrt().recip();
    let mut y = centred * inverse.clone() * scale;
    if let Some(bias) = bias {
        y = y + bias;
    }
    vec![
        Value::Float(y, dims),
        Value::Float(mean, statistics.clone()),
        Value::Float(inverse, statistics),
    ]
}

fn rms_normalisation(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let (scale, x) = (values.pop().unwrap(), values.pop().unwrap());
    let axes = trailing(case, &x);
    let dims = x.dims().to_vec();
    let x = x.float();
    let squares = mean_over(x.clone() * x.clone(), &axes);
    let y = x / (squares + case.float("epsilon", 1e-5)).sqrt() * scale.float();
    vec![Value::Float(y, dims)]
}

fn local_response(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let x: Tensor<4> = values.remove(0).of();
    let [_, channels, _, _] = x.dims();
    let size = case.int("size", 1) as usize;
    let (before, after) = ((size - 1) / 2, size / 2);
    let squares = x.clone() * x.clone();
    let squares = squares
        .pad([(0, 0), (before, after), (0, 0), (0, 0)], burn::tensor::ops::PadMode::Constant(0.0));
    let windows: Tensor<5> = squares.unfold(1, size, 1);
    let sum = windows.sum_dim(4).squeeze_dim::<4>(4).narrow(1, 0, channels);
    let (alpha, beta) = (case.float("alpha", 1e-4), case.float("beta", 0.75));
    let scale = sum * (alpha / size as f64) + case.float("bias", 1.0);
    vec![from_float(x / scale.powf_scalar(beta))]
}

fn sampling(case: &Case) -> GridSampleOptions {
    let mode = match case.text("mode", "linear").as_str() {
        "nearest" => InterpolateMode::Nearest,
        _ => InterpolateMode::Bilinear,
    };
    let outside = match case.text("padding_mode", "zeros").as_str() {
        "border" => GridSamplePaddingMode::Border,
        "reflection" => GridSamplePaddingMode::Reflection,
        _ => GridSamplePaddingMode::Zeros,
    };
    GridSampleOptions::new(mode)
        .with_padding_mode(outside)
        .with_align_corners(case.int("align_corners", 0) == 1)
}

fn resize(case: &Case, mut values: Vec<Value>) -> Vec<Value> {
    let x: Tensor<4> = values.remove(0).of();
    let due = case.output(0).unwrap().dims;
    let mode = match case.text("mode", "nearest").as_str() {
        "linear" => InterpolateMode::Bilinear,
        "cubic" => InterpolateMode::Bicubic,
        _ if case.text("coordinate_transformation_mode", "") == "asymmetric" => {
            InterpolateMode::Nearest
        }
        _ => InterpolateMode::NearestExact,
    };
    let aligned = case.text("coordinate_transformation_mode", "") == "align_corners";
    let options = InterpolateOptions::new(mode)
        .with_align_corners(aligned)
        .with_output_size([due[2], due[3]]);
    vec![from_float(interpolate(x, options))]
}

/// `[batch, sequence, heads * width]` as `[batch, heads, sequence, width]`.
fn heads(x: Value, count: usize) -> Tensor<4> {
    if x.rank() == 4 {
        return x.of();
    }
    let x: Tensor<3> = x.of();
    let [batch, sequence, features] = x.dims();
    x.reshape([batch, sequence, count, features / count]).swap_dims(1, 2)
}

fn attend(case: &Case, values: Vec<Value>) -> Vec<Value> {
    let joined = values[0].rank() == 3;
    let mut values = values.into_iter();
    let (queries, groups) = (case.int("q_num_heads", 1), case.int("kv_num_heads", 1));
    let q = heads(values.next().unwrap(), queries as usize);
    let k = heads(values.next().unwrap(), groups as usize);
    let v = heads(values.next().unwrap(), groups as usize);
    let [_, count, _, _] = q.dims();
    let shared = |x: Tensor<4>| {
        let [batch, groups, sequence, width] = x.dims();
        x.reshape([batch, groups, 1, sequence, width])
            .expand([batch, groups, count / groups, sequence, width])
            .reshape([batch, count, sequence, width])
    };
    let [(batch, rows), (_, columns)] = [&q, &k].map(|x| (x.dims()[0], x.dims()[2]));
    let (mut mask, mut bias) = (None, None);
    match values.next() {
        Some(Value::Bool(x, dims)) => {
            // In ONNX a true key takes part, in Burn a true key does not.
            let x = Value::Bool(x, dims).bool().bool_not();
            mask = Some(x.reshape(four(case)).expand([batch, count, rows, columns]));
        }
        Some(x) => bias = Some(x.float().reshape(four(case)).expand([batch, count, rows, columns])),
        None => {}
    }
    let softcap = case.float("softcap", 0.0);
    let options = AttentionModuleOptions {
        scale: case.has("scale").then(|| case.float("scale", 1.0)),
        softcap: (softcap != 0.0).then_some(softcap),
        is_causal: case.int("is_causal", 0) == 1,
    };
    let y = attention(q, shared(k), shared(v), mask, bias, options);
    let [batch, count, rows, width] = y.dims();
    vec![if joined {
        from_float(y.swap_dims(1, 2).reshape([batch, rows, count * width]))
    } else {
        from_float(y)
    }]
}

/// The extents of the mask with ones in front, four in all.
fn four(case: &Case) -> [usize; 4] {
    let dims = case.input(3).unwrap().dims;
    let mut extents = [1; 4];
    extents[4 - dims.len()..].copy_from_slice(&dims);
    extents
}
