//! Seeded values of any element type: inputs for models that nobody has real ones for.

use anyhow::{Context, Result};
use gainsay_canon::{DType, Tensor, TensorType};

/// A stream of 24-bit numbers.
fn stream(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    }
}

/// Integers from 0 to below `limit`.
#[cfg(feature = "models")]
pub fn integers(seed: u64, count: u64, limit: u64) -> Vec<i64> {
    let mut draw = stream(seed);
    (0..count).map(|_| (draw() % limit.max(1)) as i64).collect()
}

/// Values from 0 to 1 for floats, 0 or 1 for integers.
///
/// # Errors
/// If such a tensor is impossible.
pub fn tensor(seed: u64, kind: &TensorType) -> Result<Tensor> {
    let elements = kind.elements().context("an input has too many elements")?;
    let mut draw = stream(seed);
    let bytes: Vec<u8> = match kind.dtype {
        DType::F32 => (0..elements)
            .flat_map(|_| (draw() as f32 / (1u32 << 24) as f32).to_le_bytes())
            .collect(),
        DType::F64 => (0..elements)
            .flat_map(|_| (draw() as f64 / f64::from(1u32 << 24)).to_le_bytes())
            .collect(),
        // The top bits of a half below 1: its sign is 0, its exponent below that of 1.
        DType::F16 => {
            (0..elements).flat_map(|_| ((draw() % 0x3c00) as u16).to_le_bytes()).collect()
        }
        DType::BF16 => (0..elements)
            .flat_map(|_| {
                ((draw() as f32 / (1u32 << 24) as f32).to_bits() >> 16).to_le_bytes()[..2].to_vec()
            })
            .collect(),
        other => {
            let width = other.size_bytes();
            let value = |number: u64| {
                let mut bytes = vec![0u8; width];
                if let Some(low) = bytes.first_mut() {
                    *low = (number & 1) as u8;
                }
                bytes
            };
            (0..elements).flat_map(|_| value(draw())).collect()
        }
    };
    Tensor::from_bytes(kind, &bytes).context("cannot make an input")
}
