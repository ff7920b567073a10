//! Vectors that hold a version of the arithmetic fixed: inputs are written formulas, results FNV-1a digests of the output
//! bytes, with a few elements in full.

#![allow(dead_code, clippy::unwrap_used)]

use std::num::NonZeroUsize;

use gainsay_canon::{Isa, Kernels, NUMERICS_VERSION, Operator, Tensor};

/// Values between -4 and 4 from a counter: multiplication and shift, exact in `f32`.
pub fn values(count: u64, salt: u64) -> Vec<f32> {
    let hash = |i: u64| (i + salt * 7_919).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (0..count).map(|i| (hash(i) as f32 - 8_388_608.0) / 2_097_152.0).collect()
}

pub fn tensor(shape: &[u64], salt: u64) -> Tensor {
    Tensor::f32(shape, values(shape.iter().product(), salt)).unwrap()
}

pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Name, operator, operands, digest of the result, and its first, middle and last element.
pub type Golden = (&'static str, Operator, Vec<Tensor>, u64, [u32; 3]);

pub fn check(cases: Vec<Golden>) {
    let mut wrong = Vec::new();
    for isa in Isa::supported() {
        let kernels = Kernels::new(isa, NonZeroUsize::MIN).unwrap();
        for (name, operator, operands, digest, sample) in &cases {
            let operands: Vec<&Tensor> = operands.iter().collect();
            let result = kernels.run(operator, &operands).unwrap().remove(0);
            let values = result.as_f32().unwrap();
            let found = fnv(&result.bytes());
            let [a, b, c] = [0, values.len() / 2, values.len() - 1].map(|i| values[i].to_bits());
            if found != *digest || [a, b, c] != *sample {
                wrong.push(format!(
                    "{isa} {name}: {found:#018x}, [{a:#010x}, {b:#010x}, {c:#010x}]"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "version {NUMERICS_VERSION} has changed:\n{}", wrong.join("\n"));
}
