//! Arithmetic, comparisons and reductions.

use burn::tensor::{Tensor, s};

use crate::common::{agree, agree_int, agree_on, positive};
use crate::{X, constant};

#[test]
pub fn arithmetic_agrees_with_burn() {
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
pub fn reductions_agree_with_burn() {
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
pub fn comparisons_and_masks_agree_with_burn() {
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
pub fn integers_agree_with_burn() {
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
pub fn remainders_and_powers_agree_with_burn() {
    agree("remainder", X, |x| x.clone().remainder(constant(&x, X, 2) + 0.25));
    agree("remainder by a constant", X, |x| (x.clone().remainder_scalar(0.75), x % -0.6));
    agree_on("power", [40], positive(40), |x| {
        let exponent = constant(&x, [40], 2);
        x.powf(exponent)
    });
    agree_on("power by a fraction", [40], positive(40), |x| {
        (x.clone().powf_scalar(0.5), x.powf_scalar(-1.7))
    });
    agree("whole powers", X, |x| {
        (x.clone().powi(Tensor::<3>::full(X, 3.0, &x.device())), x.powi_scalar(0))
    });
    agree_on("large and negative powers", [40], positive(40), |x| {
        (x.clone().powi_scalar(17), x.powi_scalar(-5))
    });
    agree_int("whole powers of integers", X, |x| {
        (x.clone().powi_scalar(3), x.clone().abs().powi(x.abs()))
    });
    agree_int("remainder of integers", X, |x| {
        (x.clone().remainder_scalar(3), x.clone().remainder(x.zeros_like() + 2))
    });
    agree("largest sizes", X, |x| (x.clone().max_abs(), x.max_abs_dim(1)));
    agree_int("two of integers", X, |x| {
        let other = x.clone().flip([0, 2]);
        (
            (x.clone() * other.clone() - other.clone()) / 2,
            x.clone().greater_equal(other.clone()).bool_or(x.lower_equal(other)),
        )
    });
    agree("division of integers", X, |x| {
        let (a, b) = ((x.clone() * 9.0).int(), (x.abs() * 2.0).int() + 1);
        (a.clone() / b, a - 4)
    });
    agree("relations", X, |x| {
        let other = constant(&x, X, 2);
        (x.clone().greater_equal(other.clone()), x.lower_equal(other))
    });
}

#[test]
pub fn what_walks_along_an_axis_agrees_with_burn() {
    for axis in 0..3 {
        agree("cumulative", X, |x| (x.clone().cumsum(axis), x.cumprod(axis)));
        agree("cumulative extremes", X, |x| (x.clone().cummin(axis), x.cummax(axis)));
        agree("sort", X, |x| (x.clone().sort(axis), x.sort_descending(axis)));
        agree_on("argsort", X, distinct(), |x| {
            (x.clone().argsort(axis), x.argsort_descending(axis))
        });
        agree_on("sort with indices", X, distinct(), |x| {
            (x.clone().sort_with_indices(axis), x.sort_descending_with_indices(axis))
        });
        agree_on("top", X, distinct(), |x| {
            ((x.clone().topk(2, axis), x.clone().argtopk(1, axis)), x.topk_with_indices(1, axis))
        });
        agree_on("extremes with indices", X, distinct(), |x| {
            (x.clone().max_dim_with_indices(axis), x.min_dim_with_indices(axis))
        });
    }
    agree_int("of integers", X, |x| {
        ((x.clone().cumsum(1), x.clone().sort(2)), (x.clone().cummax(0), x.prod_dim(2)))
    });
    agree("minimum over all", X, |x| (x.clone().min(), x.min_dim(0)));
}

/// Numbers without ties, whose order Burn leaves open.
fn distinct() -> Vec<f32> {
    (0..30).map(|at| (at * 17 % 31) as f32 / 8.0 - 2.0).collect()
}

/// What this file compares.
pub const SAMPLES: &[fn()] = &[
    arithmetic_agrees_with_burn,
    reductions_agree_with_burn,
    comparisons_and_masks_agree_with_burn,
    integers_agree_with_burn,
    remainders_and_powers_agree_with_burn,
    what_walks_along_an_axis_agrees_with_burn,
];
