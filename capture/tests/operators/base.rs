//! Movement, creation, indexing.

use burn::tensor::ops::PadMode;
use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor, s};

use crate::common::{agree, agree_int};
use crate::{X, constant, indices};

#[test]
pub fn movement_agrees_with_burn() {
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
pub fn creation_and_casts_agree_with_burn() {
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
pub fn indexing_agrees_with_burn() {
    agree("select", X, |x| x.clone().select(1, indices(&x, [4], 3)));
    agree("gather", X, |x| x.clone().gather(2, indices(&x, [2, 3, 4], 5)));
    agree("gather beside a shorter axis", X, |x| x.clone().gather(1, indices(&x, [2, 2, 5], 3)));
    agree("gather nd", X, |x| x.clone().gather_nd::<2, 2>(indices(&x, [4, 2], 2)));
    for update in [
        IndexingUpdateOp::Assign,
        IndexingUpdateOp::Add,
        IndexingUpdateOp::Mul,
        IndexingUpdateOp::Min,
        IndexingUpdateOp::Max,
    ] {
        agree("scatter", X, |x| {
            x.clone().scatter(2, indices(&x, [2, 3, 4], 5), constant(&x, [2, 3, 4], 8), update)
        });
        agree("select assign", X, |x| {
            x.clone().select_assign(1, indices(&x, [4], 3), constant(&x, [2, 4, 5], 8), update)
        });
        agree("scatter nd", X, |x| {
            let (places, values) = (indices(&x, [4, 2], 2), constant(&x, [4, 5], 8));
            x.scatter_nd::<2, 2>(places, values, update)
        });
    }
    agree("slice assign with steps", X, |x| {
        let value = constant(&x, [2, 2, 3], 9);
        x.slice_assign(s![.., ..;2, ..;-2], value)
    });
    agree("bools", X, |x| {
        let bits = x.clone().greater_elem(0.5);
        let added = constant(&x, [2, 3, 4], 3).lower_elem(0.0);
        let places = indices(&x, [2, 3, 4], 5);
        (
            bits.clone().gather(2, places.clone()),
            bits.scatter(2, places, added, IndexingUpdateOp::Add),
        )
    });
    agree_int("int indices as data", X, |x| {
        let places = Tensor::<3, Int>::zeros([2, 3, 2], &x.device()) + 2;
        x.gather(2, places)
    });
}

#[test]
pub fn windows_and_padding_agree_with_burn() {
    agree("unfold", X, |x| x.unfold::<4, _>(2, 2, 2));
    agree("unfold the first axis", [5, 3], |x| x.unfold::<3, _>(0, 3, 1));
    agree("reflect", [4, 5], |x| x.pad([(1, 2), (0, 3)], PadMode::Reflect));
    agree("edge", [4, 5], |x| x.pad([(1, 2), (0, 3)], PadMode::Edge));
    agree("roll", X, |x| x.roll(&[1, -2], &[0, 2]));
    agree("triangle", [4, 4], |x| (x.clone().triu(1), x.tril(-1)));
}

#[test]
pub fn every_element_type_agrees_with_burn() {
    use burn::tensor::{FloatDType, IntDType};
    for float in [FloatDType::F64, FloatDType::F16, FloatDType::BF16] {
        agree("to a float and back", X, |x| (x.clone() * 3.7).cast(float).cast(FloatDType::F32));
        agree("sum of a float", X, |x| {
            let x = x.cast(float);
            (x.clone() + x.clone() * 0.25).max_dim(1).cast(FloatDType::F32)
        });
    }
    for int in [
        IntDType::I64,
        IntDType::I32,
        IntDType::I16,
        IntDType::I8,
        IntDType::U64,
        IntDType::U32,
        IntDType::U16,
        IntDType::U8,
    ] {
        agree("to an int", X, |x| (x.abs() * 30.0).cast(int));
        agree("arithmetic of an int", X, |x| {
            let x = (x.abs() * 3.0).cast(int);
            ((x.clone() * 3 + 1, x.clone().sum_dim(2)), x.greater_elem(2))
        });
        agree("an int to floats", X, |x| (x.abs() * 30.0).cast(int).float() * 0.5);
    }
    agree("empty", X, |x| x.clone().zeros_like().add(x));
    agree("bool kinds", X, |x| {
        let bits = x.greater_elem(0.0);
        (bits.clone().float(), bits.int())
    });
    agree("not equal", X, |x| {
        let other = constant(&x, X, 2);
        (x.clone().not_equal(other.clone()), x.clone().equal(x).bool_or(other.is_nan()))
    });
    agree("an empty tensor stands for zeros", [2, 2], |x| {
        let empty = Tensor::<2>::empty([2, 2], &x.device());
        x + empty * 0.0
    });
    agree("any and all", X, |x| vec![x.clone().any_dim(1), x.all_dim(1)]);
}

/// What this file compares.
pub const SAMPLES: &[fn()] = &[
    movement_agrees_with_burn,
    creation_and_casts_agree_with_burn,
    indexing_agrees_with_burn,
    windows_and_padding_agree_with_burn,
    every_element_type_agrees_with_burn,
];
