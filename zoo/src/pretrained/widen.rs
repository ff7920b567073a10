//! Half-precision values as f32, which holds every one of them exactly.

/// A bfloat16 by its bits.
#[must_use]
pub fn widen_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// A binary16 by its bits.
#[must_use]
pub fn widen_f16(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits) & 0x3ff;
    let magnitude = match exponent {
        // A subnormal is its fraction times 2^-24: both are exact in f32.
        0 => (fraction as f32 / 16_777_216.0).to_bits(),
        31 => 0x7f80_0000 | (fraction << 13),
        _ => ((exponent + 112) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary16_is_its_sign_exponent_and_fraction() {
        for bits in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(bits >> 10) & 31, f64::from(bits & 0x3ff));
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let expected = match (exponent, fraction) {
                (0, _) => sign * fraction * 2f64.powi(-24),
                (31, 0.0) => sign * f64::INFINITY,
                (31, _) => f64::NAN,
                _ => sign * (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
            };
            let found = f64::from(widen_f16(bits));
            assert!(
                found == expected && found.is_sign_negative() == (sign < 0.0)
                    || found.is_nan() && expected.is_nan(),
                "{bits:#x}: {found} {expected}"
            );
        }
    }

    #[test]
    fn a_bfloat16_is_the_upper_half() {
        for (bits, value) in [(0x3f80, 1.0), (0xc020, -2.5), (0x0000, 0.0), (0x7f80, f32::INFINITY)]
        {
            assert_eq!(widen_bf16(bits), value);
        }
        assert!(widen_bf16(0x8000).is_sign_negative());
        assert_eq!(widen_bf16(0x0001), f32::from_bits(0x0001_0000));
    }
}
