//! Functions of two `f32` are within 1 ulp, and those of `f64` near the platform's, on structured and random points.
//! `--example ulp` tries many more.

#![allow(clippy::unwrap_used)]

#[path = "support/points.rs"]
mod points;

#[test]
fn functions_of_two_f32_stay_within_one_ulp_on_every_kernel_set() {
    for pair in points::PAIRS {
        let worst = points::pairs(pair, 1 << 18, |_| {});
        assert!(worst.steps <= 1 && worst.disagreements == 0, "{:?}: {worst:?}", pair.0);
    }
}

#[test]
fn functions_of_f64_stay_next_to_the_platforms() {
    for double in points::DOUBLES {
        let worst = points::doubles(double, 1 << 17, |_| {});
        assert!(worst.steps <= double.2, "{:?}: {worst:?}", double.0);
    }
}
