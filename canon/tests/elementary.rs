//! Elementary functions are within 1 ulp of correctly rounded results, for every kernel set the same.

#![allow(clippy::unwrap_used)]

#[path = "support/sweep.rs"]
mod sweep;

use gainsay_canon::{Isa, Kernels, Operator, Tensor, Unary};
use std::num::NonZeroUsize;

#[test]
fn a_strided_sweep_stays_within_one_ulp_on_every_kernel_set() {
    for function in sweep::FUNCTIONS {
        // A prime stride meets every exponent and many mantissas.
        let worst = sweep::sweep(function, 12, 10_007, 2, |_| {});
        assert!(worst.steps <= 1, "{:?}: {worst:?}", function.0);
        assert_eq!(worst.disagreements, 0, "{:?}", function.0);
        assert!(worst.inputs > 400_000);
    }
}

#[test]
fn every_input_near_a_change_of_formula_stays_within_one_ulp() {
    let centres = [
        1.0_f32,
        0.0625,
        4.0,
        10.0,
        104.0,
        89.0,
        88.722_84,
        -103.972_08,
        -87.336_55,
        std::f32::consts::SQRT_2,
        std::f32::consts::FRAC_1_SQRT_2,
        0.25,
        0.414_213_57,
        2.414_213_7,
        30.0,
        17.328_68,
        100.0,
        89.415_99,
        268_435_456.0,
        std::f32::consts::PI,
        std::f32::consts::FRAC_PI_2,
        std::f32::consts::FRAC_PI_4,
        1.0e-30,
        1.0e38,
        // The multiple of pi / 2 that an f32 comes nearest to.
        16_367_173.0 * 4_722_366_482_869_645_213_696.0,
    ];
    for function in sweep::FUNCTIONS {
        for centre in centres {
            for bits in [centre.to_bits(), (-centre).to_bits()] {
                // From just below on, 4,000 neighbours.
                let worst = sweep::sweep_range(function, bits - 2_000..bits + 2_000);
                assert!(
                    worst.steps <= 1 && worst.disagreements == 0,
                    "{:?} near {centre}: {worst:?}",
                    function.0
                );
            }
        }
    }
}

#[test]
fn limits_are_exact() {
    use Unary::{Erf, Exp, Gelu, Log, Sigmoid, Tanh};
    const NAN: f32 = f32::from_bits(0x7fc0_0000);
    let table: [(Unary, f32, f32); 26] = [
        (Exp, 0.0, 1.0),
        (Exp, -0.0, 1.0),
        (Exp, f32::INFINITY, f32::INFINITY),
        (Exp, f32::NEG_INFINITY, 0.0),
        (Exp, 89.0, f32::INFINITY),
        (Exp, -104.0, 0.0),
        (Log, 1.0, 0.0),
        (Log, 0.0, f32::NEG_INFINITY),
        (Log, -0.0, f32::NEG_INFINITY),
        (Log, f32::INFINITY, f32::INFINITY),
        (Log, -1.0, NAN),
        (Log, f32::NEG_INFINITY, NAN),
        (Tanh, -0.0, -0.0),
        (Tanh, f32::INFINITY, 1.0),
        (Tanh, f32::NEG_INFINITY, -1.0),
        (Tanh, f32::from_bits(1), f32::from_bits(1)),
        (Sigmoid, 0.0, 0.5),
        (Sigmoid, f32::INFINITY, 1.0),
        (Sigmoid, f32::NEG_INFINITY, 0.0),
        (Erf, -0.0, -0.0),
        (Erf, f32::INFINITY, 1.0),
        (Erf, f32::NEG_INFINITY, -1.0),
        (Gelu, 0.0, 0.0),
        (Gelu, f32::INFINITY, f32::INFINITY),
        (Gelu, f32::NEG_INFINITY, NAN),
        (Gelu, -20.0, -0.0),
    ];
    for isa in Isa::supported() {
        let kernels = Kernels::new(isa, NonZeroUsize::MIN).unwrap();
        let run = |function, x: f32| {
            let x = Tensor::f32([1], vec![x]).unwrap();
            kernels.run(&Operator::Unary { function }, &[&x]).unwrap()[0].as_f32().unwrap()[0]
                .to_bits()
        };
        for (function, x, y) in table {
            assert_eq!(run(function, x), y.to_bits(), "{isa} {function:?}({x})");
        }
        for function in [Exp, Log, Tanh, Sigmoid, Erf, Gelu] {
            for nan in [0x7fc0_0001, 0xffc0_0000, 0x7f80_0001, 0xffff_ffff] {
                assert_eq!(
                    run(function, f32::from_bits(nan)),
                    0x7fc0_0000,
                    "{isa} {function:?}({nan:#x})"
                );
            }
        }
    }
}
