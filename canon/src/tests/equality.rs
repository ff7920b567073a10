//! Fast kernels against the reference, bit for bit.

use proptest::prelude::*;

use super::all_kernels;
use super::generate::{CALLS, Rng};
use super::structural::STRUCTURAL;
use crate::{Operator, Tensor};

fn run_everywhere(operator: &Operator, operands: &[Tensor]) -> Result<(), TestCaseError> {
    let operands: Vec<&Tensor> = operands.iter().collect();
    let types: Vec<_> = operands.iter().map(|x| x.tensor_type().clone()).collect();
    let [reference, fast @ ..] = all_kernels() else { unreachable!("the reference is everywhere") };
    let expected =
        reference.run(operator, &operands).map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(
        reference.run(operator, &operands).ok(),
        Some(expected.clone()),
        "the same bits twice"
    );
    let result: Vec<_> = expected.iter().map(|x| x.tensor_type().clone()).collect();
    prop_assert_eq!(operator.infer(&types), Ok(result), "inference says what comes out");
    for kernels in fast {
        let found =
            kernels.run(operator, &operands).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(
            &found,
            &expected,
            "{} with {} threads: {} on {:?}",
            kernels.isa(),
            kernels.threads(),
            operator,
            types
        );
    }
    Ok(())
}

fn check(name: &str, cases: u32) {
    let (_, generate) =
        CALLS.into_iter().chain(STRUCTURAL).find(|(known, _)| *known == name).expect("a generator");
    let mut config = ProptestConfig::with_cases(cases);
    config.failure_persistence = None;
    proptest!(config, |(seed in any::<u64>())| {
        let (operator, operands) = generate(&mut Rng(seed));
        run_everywhere(&operator, &operands)?;
    });
}

macro_rules! every_set_and_thread_count_gives_the_reference_bits {
    ($($test:ident: $name:literal, $cases:literal;)*) => {$(
        #[test]
        fn $test() {
            check($name, $cases);
        }
    )*};
}

every_set_and_thread_count_gives_the_reference_bits! {
    reshape_is_the_reference: "reshape", 100;
    permute_is_the_reference: "permute", 300;
    slice_is_the_reference: "slice", 300;
    concat_is_the_reference: "concat", 200;
    expand_is_the_reference: "expand", 200;
    cast_is_the_reference: "cast", 800;
    full_and_pad_are_the_reference: "full and pad", 300;
    unary_is_the_reference: "unary", 1_500;
    binary_is_the_reference: "binary", 1_500;
    compare_is_the_reference: "compare", 400;
    where_and_clamp_are_the_reference: "where and clamp", 400;
    matmul_and_linear_are_the_reference: "matmul and linear", 250;
    conv2d_is_the_reference: "conv2d", 250;
    pooling_is_the_reference: "pooling", 400;
    reduction_and_softmax_are_the_reference: "reduction and softmax", 600;
}

every_set_and_thread_count_gives_the_reference_bits! {
    gather_and_take_are_the_reference: "gather and take", 500;
    scatter_is_the_reference: "scatter", 600;
    slice_assign_is_the_reference: "slice assign", 300;
    unfold_and_extend_are_the_reference: "unfold and extend", 300;
    unfold2d_is_the_reference: "unfold2d", 200;
    conv3d_is_the_reference: "conv3d", 200;
    conv_transpose_is_the_reference: "conv transpose", 300;
    deform_conv2d_is_the_reference: "deform conv2d", 200;
    sort_and_cumulative_are_the_reference: "sort and cumulative", 600;
    more_pooling_is_the_reference: "more pooling", 300;
    resampling_is_the_reference: "resampling", 500;
    attention_is_the_reference: "attention", 300;
    layer_norm_and_wrapping_matmul_are_the_reference: "layer norm and wrapping matmul", 500;
}
