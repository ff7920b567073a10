//! Conversions between half types and wider ones, over all patterns and at every rounding boundary.

use super::{bf16_from_f64, bf16_to_f32, f16_from_f64, f16_to_f32, sticky};

/// The value of a finite pattern, from its fields alone.
fn value(bits: u16, precision: i32, lowest: i32) -> f64 {
    let e = i32::from(bits & 0x7fff) >> (precision - 1);
    let m = f64::from(bits & ((1 << (precision - 1)) - 1));
    let unit = 2.0_f64.powi(lowest - (precision - 1));
    let magnitude = if e == 0 {
        m * unit
    } else {
        (m + 2.0_f64.powi(precision - 1)) * unit * 2.0_f64.powi(e - 1)
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

struct Half {
    widen: fn(u16) -> f32,
    narrow: fn(f64) -> u16,
    precision: i32,
    lowest: i32,
    infinity: u16,
    quiet: u16,
}

const HALVES: [Half; 2] = [
    Half {
        widen: f16_to_f32,
        narrow: f16_from_f64,
        precision: 11,
        lowest: -14,
        infinity: 0x7c00,
        quiet: 0x7e00,
    },
    Half {
        widen: bf16_to_f32,
        narrow: bf16_from_f64,
        precision: 8,
        lowest: -126,
        infinity: 0x7f80,
        quiet: 0x7fc0,
    },
];

#[test]
fn every_pattern_widens_to_its_value_and_comes_back() {
    for half in HALVES {
        for bits in 0..=u16::MAX {
            let wide = (half.widen)(bits);
            let magnitude = bits & 0x7fff;
            if magnitude > half.infinity {
                assert!(wide.is_nan(), "{bits:#x}");
                assert_eq!((half.narrow)(wide.into()), half.quiet, "{bits:#x}");
                continue;
            }
            let expected = match magnitude {
                m if m == half.infinity => f64::INFINITY.copysign(wide.into()),
                _ => value(bits, half.precision, half.lowest),
            };
            assert_eq!(f64::from(wide).to_bits(), expected.to_bits(), "{bits:#x}");
            assert_eq!((half.narrow)(wide.into()), bits);
        }
    }
}

#[test]
fn every_boundary_between_neighbours_rounds_to_even() {
    for half in HALVES {
        for below in 0..half.infinity {
            let [low, high] = [below, below + 1].map(|bits| match bits {
                // What would follow if there were no bound on the exponent.
                b if b == half.infinity => {
                    2.0 * value(b - (1 << (half.precision - 1)), half.precision, half.lowest)
                }
                b => value(b, half.precision, half.lowest),
            });
            let middle = (low + high) / 2.0;
            let next = |x: f64, up: bool| {
                f64::from_bits(if up { x.to_bits() + 1 } else { x.to_bits() - 1 })
            };
            let even = below + (below & 1);
            let sign = 0x8000;
            for (x, expected) in
                [(middle, even), (next(middle, false), below), (next(middle, true), below + 1)]
            {
                assert_eq!((half.narrow)(x), expected, "{x:e}");
                assert_eq!((half.narrow)(-x), expected | sign, "{x:e}");
            }
        }
        for tiny in [f64::from_bits(1), f64::MIN_POSITIVE, 2.0_f64.powi(-140)] {
            assert_eq!((half.narrow)(tiny), 0);
            assert_eq!((half.narrow)(-tiny), 0x8000);
        }
        for huge in [f64::MAX, f64::INFINITY, 1e300] {
            assert_eq!((half.narrow)(huge), half.infinity);
            assert_eq!((half.narrow)(-huge), half.infinity | 0x8000);
        }
    }
}

#[test]
fn integers_round_once_although_an_f64_cannot_hold_them() {
    // Just above the middle between two bf16: rounding to f64 first would lose what decides.
    let above_middle = (1_i128 << 62) + (1 << 54) + 1;
    assert_eq!(bf16_from_f64(above_middle as f64), 0x5e80, "rounded twice");
    assert_eq!(bf16_from_f64(sticky(above_middle)), 0x5e81);
    assert_eq!(bf16_from_f64(sticky(-above_middle)), 0xde81);
    assert_eq!(bf16_from_f64(sticky(above_middle - 1)), 0x5e80);
    assert_eq!(f16_from_f64(sticky(2_049)), 0x6800);
    assert_eq!(f16_from_f64(sticky(2_051)), 0x6802);
    assert_eq!(f16_from_f64(sticky(i128::from(u64::MAX))), 0x7c00);
    assert_eq!(sticky(i128::from(i64::MIN)), -(2.0_f64.powi(63)));
    assert_eq!(sticky(0).to_bits(), 0);
}
