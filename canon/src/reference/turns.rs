//! Angles as quarter turns and a rest: the argument reduction of the circular functions.
//!
//! Below [`LARGE`] a multiple of pi / 2 is subtracted in parts; beyond, the bits of 2 / pi that matter are multiplied in
//! integers (Payne and Hanek). Both leave the rest with a relative error far below 2^-70, also next to a multiple of pi / 2.

use super::elementary::ROUND_F64;
use super::wide::Wide;

/// From here on subtracting multiples would not be exact enough.
pub(crate) const LARGE: f64 = 268_435_456.0;

/// The bits of `2 / pi`: 64 zeros, then those behind the binary point.
const TWO_OVER_PI: [u64; 22] = [
    0x0000_0000_0000_0000,
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_6bab,
    0xf0cf_bc20_9af4_361d,
    0xa9e3_9161_5ee6_1b08,
];

/// `(q, r)` with `x = q pi / 2 + r` modulo a whole turn and `|r|` at most about `pi / 4`, for finite `x`.
pub(super) fn quarter_turns(x: f64) -> (u64, Wide) {
    if x.abs() >= LARGE {
        return large(x);
    }
    let n = x.mul_add(std::f64::consts::FRAC_2_PI, ROUND_F64) - ROUND_F64;
    let first = Wide::product(n, Wide::HALF_PI.high);
    let second = Wide::product(n, Wide::HALF_PI.low);
    // The difference of the first parts is exact: they are neighbours, or n is 0.
    let r = Wide::sum(x - first.high, -first.low).sub(second).sub(n * Wide::HALF_PI_REST);
    (n as i64 as u64 & 3, r)
}

fn large(x: f64) -> (u64, Wide) {
    // |x| = m * 2^e.
    let m = x.to_bits() & 0x000f_ffff_ffff_ffff | 0x0010_0000_0000_0000;
    let e = (x.to_bits() >> 52 & 0x7ff) as usize - 1023;
    // Of 2 / pi * 2^(e - 52), 192 bits from that of 2^1 on: e + 10 bits of the table have more weight.
    let (word, shift) = ((e + 10) / 64, (e + 10) % 64);
    let bits = |i: usize| {
        let pair = u128::from(TWO_OVER_PI[word + i]) << 64 | u128::from(TWO_OVER_PI[word + i + 1]);
        (pair << shift >> 64) as u64
    };
    // The product modulo 4, as 192 bits of which two are whole quarter turns.
    let product = |bits: u64| u128::from(m) * u128::from(bits);
    let low = product(bits(2));
    let middle = product(bits(1)) + (low >> 64);
    let high = (product(bits(0)) + (middle >> 64)) as u64;
    let (middle, low) = (middle as u64, low as u64);
    // The two bits and the fraction, rounded to the nearest quarter: a fraction of a half or more is negative.
    let fraction = (u128::from(high) << 64 | u128::from(middle)) << 2 | u128::from(low >> 62);
    let up = fraction >> 127 == 1;
    let quarter = (high >> 62) + u64::from(up);
    let (fraction, rest) = if up { (!fraction, !(low << 2)) } else { (fraction, low << 2) };
    let r = fixed(fraction, rest).mul(Wide::HALF_PI);
    // The fraction is measured downwards where it was rounded up, and everything is mirrored for a negative angle.
    let r = if up { r.neg() } else { r };
    if x < 0.0 { (quarter.wrapping_neg() & 3, r.neg()) } else { (quarter & 3, r) }
}

/// `(fraction * 2^64 + rest) / 2^192`, its first 117 bits or so.
fn fixed(fraction: u128, rest: u64) -> Wide {
    let zeros = fraction.leading_zeros().min(127);
    let normal = fraction << zeros | u128::from(rest) << zeros >> 64;
    // Both conversions are exact: 53 and 64 - 11 bits.
    let (high, low) = ((normal >> 75) as f64, (normal >> 22 & 0x1f_ffff_ffff_ffff) as f64);
    let unit = power_of_two(-53 - zeros as i32);
    Wide::ordered(high * unit, low * unit * power_of_two(-53))
}

/// `2^e`, a normal number.
pub(super) fn power_of_two(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}
