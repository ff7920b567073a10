//! Functions of `f64` against correctly rounded results.

#![allow(clippy::unwrap_used)]

#[path = "support/vectors.rs"]
mod vectors;

#[test]
fn functions_of_f64_are_within_one_ulp_of_correctly_rounded_results() {
    let found = vectors::check(include_str!("data/f64.txt"));
    assert_eq!(found.len(), 23);
    for (name, worst) in found {
        // Two roundings make a reciprocal square root.
        let bound = if name == "rem" { 0 } else { 1 };
        assert!(worst.steps <= bound, "{name}: {worst:?}");
        assert!(worst.points >= 39, "{name}: {worst:?}");
    }
}
