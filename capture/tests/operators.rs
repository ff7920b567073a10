//! Every operation that lowers does what Burn does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use burn::tensor::activation::{
    gelu, hard_sigmoid, leaky_relu, log_sigmoid, log_softmax, prelu, relu, sigmoid, silu, softmax,
    softmin, tanh,
};
use burn::tensor::module::{
    adaptive_avg_pool1d, adaptive_avg_pool2d, avg_pool1d, avg_pool2d, conv1d, conv2d, linear,
    max_pool1d, max_pool2d, max_pool2d_with_indices,
};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions, PadMode};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData, s};
use common::{agree, agree_int, agree_on, floats, operators, positive};

const X: [usize; 3] = [2, 3, 5];

/// A constant on the device of `like`.
fn constant<const D: usize, const E: usize>(
    like: &Tensor<E>,
    shape: [usize; D],
    seed: u64,
) -> Tensor<D> {
    let values = floats(shape.iter().product(), seed);
    Tensor::from_data(TensorData::new(values, shape), &like.device())
}

#[test]
fn arithmetic_agrees_with_burn() {
    agree("add", X, |x| x.clone() + x);
    agree("sub", X, |x| x.clone() - constant(&x, X, 2));
    agree("mul", X, |x| x.clone() * constant(&x, X, 2));
    agree("div", X, |x| x.clone() / (constant(&x, X, 2).abs() + 0.5));
    agree("broadcast", X, |x| x.clone() * constant(&x, [1, 3, 1], 2));
    agree("scalars", X, |x| (x + 0.1) * 3.0 - 0.7);
    agree("div scalar", X, |x| x / 3.0);
    agree("scalar on the left", X, |x| 2.0 - x);
    agree("reciprocal of", X, |x| (x.abs() + 1.0).recip());
    agree("neg abs", X, |x| (x.clone().neg(), x.abs()));
    agree("sign", X, |x| x.sign());
    agree("square", X, |x| x.powi_scalar(2));
    agree("cube", X, |x| x.powf_scalar(3.0));
    agree_on("negative power", [4], positive(4), |x| x.powi_scalar(-3));
    agree("clamp", X, |x| x.clamp(-0.5, 0.75));
    agree("clamp one side", X, |x| (x.clone().clamp_min(-0.5), x.clamp_max(0.25)));
    agree("max pair", X, |x| {
        (x.clone().max_pair(constant(&x, X, 2)), x.clone().min_pair(constant(&x, X, 2)))
    });
}

#[test]
fn elementary_functions_agree_with_burn() {
    agree("exp", X, Tensor::exp);
    agree_on("log", [40], positive(40), Tensor::log);
    agree_on("sqrt", [40], positive(40), Tensor::sqrt);
    agree("tanh", X, Tensor::tanh);
    agree("erf", X, Tensor::erf);
    agree("is nan", X, |x| (x.clone().is_nan(), x.is_inf()));
}

#[test]
fn activations_agree_with_burn() {
    agree("relu", X, relu);
    agree("gelu", X, gelu);
    agree("sigmoid", X, sigmoid);
    agree("silu", X, silu);
    agree("tanh", X, tanh);
    agree("leaky relu", X, |x| leaky_relu(x, 0.1));
    agree("prelu", X, |x| prelu(x.clone(), constant(&x, [3], 2)));
    agree("hard sigmoid", X, |x| hard_sigmoid(x, 0.2, 0.5));
    agree("log sigmoid", X, log_sigmoid);
    for axis in 0..3 {
        agree("softmax", X, |x| softmax(x, axis));
        agree("log softmax", X, |x| log_softmax(x, axis));
        agree("softmin", X, |x| softmin(x, axis));
    }
}

#[test]
fn reductions_agree_with_burn() {
    agree("sum", X, Tensor::sum);
    agree("mean", X, Tensor::mean);
    agree("prod", [2, 3], Tensor::prod);
    agree("max min", X, |x| (x.clone().max(), x.min()));
    for axis in 0..3 {
        agree("sum dim", X, |x| x.sum_dim(axis));
        agree("mean dim", X, |x| x.mean_dim(axis));
        agree("prod dim", X, |x| x.prod_dim(axis));
        agree("max dim", X, |x| x.max_dim(axis));
        agree("min dim", X, |x| x.min_dim(axis));
        agree("argmax", X, |x| x.argmax(axis));
        agree("argmin", X, |x| x.argmin(axis));
        agree("max with indices", X, |x| x.max_dim_with_indices(axis));
        agree("max abs", X, |x| x.max_abs_dim(axis));
        agree("variance", X, |x| x.var(axis));
    }
    agree("sum dims", X, |x| x.sum_dims(&[0, 2]));
    agree("any all", X, |x| (x.clone().greater_elem(1.9).any(), x.greater_elem(-3.0).all()));
    agree("any dim", X, |x| {
        (x.clone().greater_elem(1.0).any_dim(1), x.greater_elem(-1.0).all_dim(2))
    });
}

#[test]
fn comparisons_and_masks_agree_with_burn() {
    agree("greater", X, |x| x.clone().greater(constant(&x, X, 2)));
    agree("lower", X, |x| x.clone().lower(constant(&x, [1, 3, 1], 2)));
    agree("equal", X, |x| (x.clone().equal_elem(1.0), x.not_equal_elem(0.0)));
    agree("order", X, |x| (x.clone().greater_equal_elem(1.0), x.lower_equal_elem(0.0)));
    agree("logic", X, |x| {
        let (low, high) = (x.clone().lower_elem(0.5), x.greater_elem(-0.5));
        (low.clone().bool_and(high.clone()).bool_not(), low.bool_xor(high))
    });
    agree("mask where", X, |x| {
        let mask = x.clone().lower_elem(0.0);
        x.clone().mask_where(mask, constant(&x, X, 2))
    });
    agree("mask fill", X, |x| {
        let mask = x.clone().sum_dim(1).lower_elem(0.0);
        x.mask_fill(mask.expand(X), -7.5)
    });
}

#[test]
fn movement_agrees_with_burn() {
    agree("reshape", X, |x| x.reshape([5, 6]));
    agree("swap", X, |x| x.swap_dims(0, 2));
    agree("permute", X, |x| x.permute([2, 0, 1]));
    agree("flip", X, |x| x.flip([0, 2]));
    agree("flatten", X, |x| x.flatten::<2>(1, 2));
    agree("squeeze", [2, 1, 3], |x| x.squeeze_dim::<2>(1).unsqueeze::<4>());
    agree("expand", [1, 3, 1], |x| x.expand([4, 3, 2]));
    agree("slice", X, |x| x.slice(s![.., 1..3, -2..]));
    agree("slice with steps", X, |x| {
        (x.clone().slice(s![.., .., ..;2]), x.slice(s![.., ..;-1, 1..;-2]))
    });
    agree("narrow", X, |x| x.narrow(2, 1, 3));
    agree("chunk", [6, 2], |x| {
        let mut parts = x.chunk(3, 0);
        (parts.remove(2), parts.remove(0))
    });
    agree("cat", X, |x| Tensor::cat(vec![x.clone(), x.clone() * 2.0, x], 1));
    agree("stack", [2, 3], |x| Tensor::stack::<3>(vec![x.clone(), x * 2.0], 1));
    agree("repeat", X, |x| (x.clone().repeat_dim(1, 3), x.repeat_dim(0, 2)));
    agree("repeat dims", X, |x| x.repeat(&[2, 1, 2]));
    agree("pad", [2, 3], |x| x.pad((1, 2, 0, 3), 0.25));
    agree("pad by mode", [2, 3], |x| x.pad([(1, 0), (2, 2)], PadMode::Constant(1.5)));
    agree("slice assign", X, |x| {
        let value = constant(&x, [2, 2, 3], 9);
        x.slice_assign(s![.., 1..3, 1..4], value)
    });
    agree("slice fill", X, |x| x.slice_fill(s![1..2], 4.0));
}

#[test]
fn creation_and_casts_agree_with_burn() {
    agree("zeros ones full", [2, 3], |x| {
        let device = x.device();
        let sum = Tensor::<2>::zeros([2, 3], &device) + Tensor::<2>::ones([2, 3], &device);
        x + sum + Tensor::<2>::full([2, 3], 0.3, &device)
    });
    agree("like", X, |x| x.zeros_like() + x.ones_like() * x);
    agree("arange", [5], |x| {
        let steps = Tensor::<1, Int>::arange(0..5, &x.device());
        x * steps.float()
    });
    agree("triangular mask", [3, 3], |x| {
        let mask = Tensor::<2, Bool>::tril_mask([3, 3], 0, &x.device());
        x.mask_fill(mask, f32::NEG_INFINITY)
    });
    agree("float to int", X, |x| (x * 3.0).int());
    agree("bool to float", X, |x| (x.clone().lower_elem(0.0).float(), x.greater_elem(0.0).int()));
    agree_int("int to float", X, |x| x.float() * 0.5);
}

#[test]
fn integers_agree_with_burn() {
    agree_int("arithmetic", X, |x| (x.clone() + 3) * 2 - x);
    agree_int("sums", X, |x| (x.clone().sum_dim(1), x.sum()));
    agree_int("extremes", X, |x| (x.clone().max_dim(1), x.argmin(2)));
    agree_int("comparisons", X, |x| (x.clone().greater_elem(1), x.equal_elem(0)));
    agree_int("division", X, |x| x / 3);
    agree_int("mean", X, |x| (x.clone().mean_dim(1), x.mean()));
    agree_int("movement", X, |x| x.swap_dims(0, 1).slice(s![1.., .., ..2]));
    agree_int("clamp neg abs", X, |x| (x.clone().clamp(-1, 2), x.neg().abs()));
}

#[test]
fn contractions_agree_with_burn() {
    agree("matmul", [3, 4], |x| x.clone().matmul(constant(&x, [4, 5], 2)));
    agree("batched", [2, 3, 4], |x| x.clone().matmul(constant(&x, [1, 4, 5], 2)));
    agree("of two inputs", [2, 3, 4], |x| x.clone().matmul(x.swap_dims(1, 2)));
    agree("linear", [3, 4], |x| {
        linear(x.clone(), constant(&x, [4, 5], 2), Some(constant(&x, [5], 3)))
    });
    agree("linear of rank 3", [2, 3, 4], |x| {
        linear(x.clone(), constant(&x, [4, 5], 2), Some(constant(&x, [5], 3)))
    });
    agree("linear of rank 1", [4], |x| linear(x.clone(), constant(&x, [4, 5], 2), None));
}

#[test]
fn convolutions_agree_with_burn() {
    let shape = [2, 4, 7, 6];
    let cases = [
        ("plain", ConvOptions::new([1, 1], [0, 0], [1, 1], 1), 4),
        ("padded", ConvOptions::new([1, 1], [1, 2], [1, 1], 1), 4),
        ("strided and dilated", ConvOptions::new([2, 1], [2, 2], [2, 1], 1), 4),
        ("grouped", ConvOptions::new([1, 2], [1, 1], [1, 1], 2), 2),
        ("unevenly padded", ConvOptions::new_with_padding([1, 1], [(0, 1), (2, 1)], [1, 1], 1), 4),
    ];
    for (what, options, channels) in cases {
        agree(what, shape, |x| {
            let (weight, bias) = (constant(&x, [6, channels, 3, 3], 2), constant(&x, [6], 3));
            conv2d(x, weight, Some(bias), options.clone())
        });
    }
    agree("without bias", shape, |x| {
        let weight = constant(&x, [6, 4, 1, 1], 2);
        conv2d(x, weight, None, ConvOptions::new([1, 1], [0, 0], [1, 1], 1))
    });
    agree("one axis", [2, 3, 9], |x| {
        let (weight, bias) = (constant(&x, [4, 3, 3], 2), constant(&x, [4], 3));
        conv1d(x, weight, Some(bias), ConvOptions::new([2], [1], [1], 1))
    });
}

#[test]
fn pooling_agrees_with_burn() {
    let shape = [1, 2, 7, 6];
    for ceil in [false, true] {
        let max = |kernel, stride, padding| {
            MaxPoolOptions::new(kernel)
                .with_stride(stride)
                .with_padding(padding)
                .with_ceil_mode(ceil)
        };
        agree("max", shape, |x| max_pool2d(x, max([2, 2], [2, 2], [0, 0])));
        agree("max padded", shape, |x| max_pool2d(x, max([3, 3], [2, 2], [1, 1])));
        agree("max dilated", shape, |x| {
            max_pool2d(x, max([2, 3], [1, 2], [1, 1]).with_dilation([2, 1]))
        });
        agree("max unevenly padded", shape, |x| {
            max_pool2d(x, max([2, 2], [2, 2], [0, 0]).with_padding_pairs([(0, 1), (1, 0)]))
        });
        agree("max of one axis", [1, 2, 9], |x| {
            max_pool1d(
                x,
                MaxPoolOptions::new([3]).with_stride([2]).with_padding([1]).with_ceil_mode(ceil),
            )
        });
        for counts in [false, true] {
            let mean = |kernel, stride, padding| {
                AvgPoolOptions::new(kernel)
                    .with_stride(stride)
                    .with_padding(padding)
                    .with_count_include_pad(counts)
                    .with_ceil_mode(ceil)
            };
            agree("mean", shape, |x| avg_pool2d(x, mean([2, 2], [2, 2], [0, 0])));
            agree("mean padded", shape, |x| avg_pool2d(x, mean([3, 3], [2, 2], [1, 1])));
            agree("mean of one axis", [1, 2, 9], |x| {
                let options = AvgPoolOptions::new([3]).with_stride([2]).with_padding([1]);
                avg_pool1d(x, options.with_count_include_pad(counts).with_ceil_mode(ceil))
            });
        }
    }
    agree("values of max with indices", shape, |x| {
        max_pool2d_with_indices(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2])).0
    });
    agree("adaptive", shape, |x| adaptive_avg_pool2d(x, [3, 4]));
    agree("adaptive to one", shape, |x| adaptive_avg_pool2d(x, [1, 1]));
    agree("adaptive of one axis", [1, 2, 9], |x| adaptive_avg_pool1d(x, 4));
}

#[test]
fn a_linear_layer_is_one_operator() {
    let runner = agree("linear", [2, 3, 4], |x| {
        let device = x.device();
        let weight = Tensor::from_data(TensorData::new(floats(20, 2), [4, 5]), &device);
        let bias = Tensor::from_data(TensorData::new(floats(5, 3), [5]), &device);
        linear(x, weight, Some(bias))
    });
    assert_eq!(operators(&runner).iter().filter(|name| **name == "linear").count(), 1);
    assert!(!operators(&runner).contains(&"add"));
}

#[test]
fn a_product_that_is_read_twice_keeps_its_sum_apart() {
    let runner = agree("both", [3, 4], |x| {
        let product = x.clone().matmul(constant(&x, [4, 5], 2));
        (product.clone() + constant(&x, [1, 5], 3), product)
    });
    assert_eq!(operators(&runner), ["matmul", "add"]);
}

#[test]
fn values_do_not_depend_on_the_device_that_the_model_lives_on() {
    let there = Device::flex();
    let table = Tensor::<2>::from_data(TensorData::new(floats(6, 4), [2, 3]), &there);
    agree("a table of the closure's own", [2, 3], move |x| {
        let device = x.device();
        x * table.clone().to_device(&device)
    });
}

#[test]
#[should_panic(expected = "output 0, element 1")]
fn the_measure_itself_notices_a_difference_of_two_tolerances() {
    let found = gainsay_canon::Tensor::f32([2], vec![1.0, 1.0 + 2e-5]).unwrap();
    common::assert_close("control", &[vec![1.0, 1.0]], &[found]);
}
