//! What the fuzz targets and their seeds share.

/// Every operator on every element type.
#[path = "../../model/tests/operators/calls.rs"]
pub mod calls;

/// Any bytes.
pub fn bytes(count: usize, seed: u64) -> Vec<u8> {
    // The low bits of the mantissa.
    calls::values(count as u64, seed & !1)
        .into_iter()
        .map(|value| (value.to_bits() >> 4) as u8)
        .collect()
}
