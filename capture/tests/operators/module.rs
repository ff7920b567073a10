//! Activations, contractions, convolutions, pooling, attention.

use burn::tensor::Tensor;
use burn::tensor::activation::{
    gelu, hard_sigmoid, leaky_relu, log_sigmoid, log_softmax, prelu, relu, sigmoid, silu, softmax,
    softmin, tanh,
};
use burn::tensor::module::{
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, attention, avg_pool1d,
    avg_pool2d, batch_norm, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv2d,
    conv3d, deform_conv2d, embedding, interpolate, layer_norm, linear, max_pool1d,
    max_pool1d_with_indices, max_pool2d, max_pool2d_with_indices, unfold4d,
};
use burn::tensor::ops::{
    AttentionModuleOptions, AvgPoolOptions, ConvOptions, ConvTransposeOptions, DeformConvOptions,
    GridSampleOptions, GridSamplePaddingMode, InterpolateMode, InterpolateOptions, MaxPoolOptions,
    UnfoldOptions,
};

use crate::common::agree;
use crate::{X, constant, indices};

#[test]
pub fn activations_agree_with_burn() {
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
pub fn contractions_agree_with_burn() {
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
pub fn convolutions_agree_with_burn() {
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
pub fn pooling_agrees_with_burn() {
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
pub fn transposed_and_deep_convolutions_agree_with_burn() {
    let options = || ConvTransposeOptions::new([2, 1], [1, 0], [1, 0], [1, 2], 2);
    agree("transposed", [2, 4, 5, 4], |x| {
        let (weight, bias) = (constant(&x, [4, 3, 3, 2], 2), constant(&x, [6], 3));
        conv_transpose2d(x, weight, Some(bias), options())
    });
    agree("transposed over one axis", [2, 4, 5], |x| {
        let (weight, bias) = (constant(&x, [4, 3, 3], 2), constant(&x, [3], 3));
        conv_transpose1d(x, weight, Some(bias), ConvTransposeOptions::new([2], [1], [1], [1], 1))
    });
    agree("transposed over three", [1, 2, 3, 3, 2], |x| {
        let weight = constant(&x, [2, 2, 2, 2, 2], 2);
        let options = ConvTransposeOptions::new([1, 2, 1], [0, 1, 0], [0, 1, 0], [1, 1, 1], 1);
        conv_transpose3d(x, weight, None, options)
    });
    agree("over three axes", [1, 2, 4, 4, 3], |x| {
        let (weight, bias) = (constant(&x, [3, 2, 2, 3, 2], 2), constant(&x, [3], 3));
        conv3d(x, weight, Some(bias), ConvOptions::new([1, 2, 1], [1, 1, 0], [1, 1, 1], 1))
    });
    agree("windows", [2, 3, 5, 4], |x| {
        unfold4d(x, [2, 3], UnfoldOptions::new([2, 1], [1, 1], [1, 1]))
    });
    agree("deformable", [2, 4, 5, 5], |x| {
        let offset = constant(&x, [2, 16, 4, 4], 2) * 0.7;
        let weight = constant(&x, [6, 2, 2, 2], 3);
        let (mask, bias) = (constant(&x, [2, 8, 4, 4], 4), constant(&x, [6], 5));
        let options = DeformConvOptions::new([1, 1], [0, 0], [1, 1], 2, 2);
        deform_conv2d(x, offset, weight, Some(mask), Some(bias), options)
    });
}

#[test]
pub fn more_pooling_agrees_with_burn() {
    agree("indices of the largest", [1, 2, 7, 6], |x| {
        let options = MaxPoolOptions::new([3, 2]).with_stride([2, 2]).with_padding([1, 1]);
        max_pool2d_with_indices(x, options)
    });
    agree("indices along one axis", [1, 2, 9], |x| {
        max_pool1d_with_indices(x, MaxPoolOptions::new([3]).with_stride([2]))
    });
    agree("only the indices", [1, 2, 4, 4], |x| {
        max_pool2d_with_indices(x, MaxPoolOptions::new([2, 2])).1
    });
    agree("adaptive over three axes", [1, 2, 5, 4, 3], |x| adaptive_avg_pool3d(x, [2, 3, 2]));
}

#[test]
pub fn sampling_agrees_with_burn() {
    for aligned in [false, true] {
        // Flex has no `NearestExact`: ONNX's cases check that.
        for mode in [
            InterpolateMode::Nearest,
            InterpolateMode::Bilinear,
            InterpolateMode::Bicubic,
            InterpolateMode::Lanczos3,
        ] {
            agree("interpolate", [1, 2, 5, 4], |x| {
                let options = InterpolateOptions::new(mode.clone()).with_align_corners(aligned);
                interpolate(x, options.with_output_size([7, 3]))
            });
        }
        for mode in [InterpolateMode::Bilinear, InterpolateMode::Nearest] {
            for outside in [
                GridSamplePaddingMode::Zeros,
                GridSamplePaddingMode::Border,
                GridSamplePaddingMode::Reflection,
            ] {
                agree("grid sample", [2, 3, 4, 5], |x| {
                    let grid = constant(&x, [2, 3, 4, 2], 6) * 0.83;
                    let options = GridSampleOptions::new(mode.clone());
                    let options = options.with_align_corners(aligned);
                    x.grid_sample_2d(grid, options.with_padding_mode(outside))
                });
            }
        }
    }
}

#[test]
pub fn normalisation_agrees_with_burn() {
    agree("layer norm", [2, 3, 8], |x| {
        let (gamma, beta) = (constant(&x, [8], 2), constant(&x, [8], 3));
        layer_norm(x.clone(), gamma.clone(), Some(beta), 1e-5) + layer_norm(x, gamma, None, 1e-6)
    });
    agree("batch norm", [2, 3, 4, 4], |x| {
        let (gamma, beta) = (constant(&x, [3], 2), constant(&x, [3], 3));
        let (mean, variance) = (constant(&x, [3], 4), constant(&x, [3], 5).abs() + 0.5);
        batch_norm(x, gamma, beta, mean, variance, 1e-5)
    });
    agree("embedding", [5, 4], |x| embedding(x.clone(), indices(&x, [2, 3], 5)));
}

#[test]
pub fn attention_agrees_with_burn() {
    let shape = [2, 4, 3, 8];
    let plain = AttentionModuleOptions::default();
    let causal = AttentionModuleOptions { is_causal: true, ..plain };
    let bounded = AttentionModuleOptions { scale: Some(0.3), softcap: Some(1.5), is_causal: false };
    for options in [plain, causal, bounded] {
        agree("attention", shape, |x| {
            let (k, v) = (constant(&x, [2, 4, 5, 8], 2), constant(&x, [2, 4, 5, 6], 3));
            attention(x, k, v, None, None, options)
        });
        agree("masked and biased", shape, |x| {
            let (k, v) = (constant(&x, [2, 4, 5, 8], 2), constant(&x, [2, 4, 5, 6], 3));
            let mask = constant(&x, [2, 4, 3, 5], 4).greater_elem(0.8);
            let bias = constant(&x, [2, 4, 3, 5], 5);
            attention(x, k, v, Some(mask), Some(bias), options)
        });
    }
    agree("a row without keys", [1, 1, 2, 4], |x| {
        let (k, v) = (constant(&x, [1, 1, 3, 4], 2), constant(&x, [1, 1, 3, 4], 3));
        let rows = Tensor::<4>::from_floats([[[[1.0], [0.0]]]], &x.device());
        let mask = rows.greater_elem(0.5).expand([1, 1, 2, 3]);
        attention(x, k, v, Some(mask), None, plain)
    });
    agree("shared keys and values", shape, |x| {
        let (k, v) = (constant(&x, [2, 2, 5, 8], 2), constant(&x, [2, 2, 5, 8], 3));
        attention(x, k, v, None, None, plain)
    });
}

/// What this file compares.
pub const SAMPLES: &[fn()] = &[
    activations_agree_with_burn,
    contractions_agree_with_burn,
    convolutions_agree_with_burn,
    pooling_agrees_with_burn,
    transposed_and_deep_convolutions_agree_with_burn,
    more_pooling_agrees_with_burn,
    sampling_agrees_with_burn,
    normalisation_agrees_with_burn,
    attention_agrees_with_burn,
];
