//! Vectors of one lane, for any CPU.

use super::{Kernel, QUIET, Simd};
use crate::reference::elementary::ROUND_F32;

/// Proof of nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

macro_rules! define {
    ($element:ty; $($name:ident($($operand:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($operand: $element),*) -> $element {
            $body
        }
    )*};
}

impl Simd for Scalar {
    type F = f32;
    type D = f64;
    const LANES: usize = 1;

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> f32 {
        // SAFETY: readable by the caller's contract.
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, x: f32) {
        // SAFETY: writable by the caller's contract.
        unsafe { *to = x }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }

    #[inline(always)]
    fn splat_d(self, x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn widen(self, x: f32) -> f64 {
        f64::from(x)
    }

    #[inline(always)]
    fn narrow(self, x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn reaches(self, x: f32, limit: f32) -> bool {
        x.is_nan() || x.abs() >= limit
    }

    define! { f32;
        add(a, b) = a + b;
        sub(a, b) = a - b;
        mul(a, b) = a * b;
        div(a, b) = a / b;
        sqrt(a) = a.sqrt();
        floor(a) = a.floor();
        ceil(a) = a.ceil();
        trunc(a) = a.trunc();
        round(a) = a.round_ties_even();
        fma(a, b, c) = a.mul_add(b, c);
        larger(a, b) = if a > b { a } else { b };
        smaller(a, b) = if a < b { a } else { b };
        abs(a) = a.abs();
        neg(a) = -a;
        and(a, b) = f32::from_bits(a.to_bits() & b.to_bits());
        or(a, b) = f32::from_bits(a.to_bits() | b.to_bits());
        copysign(a, s) = a.copysign(s);
        where_less(a, b, x, y) = if a < b { x } else { y };
        where_equal(a, b, x, y) = if a == b { x } else { y };
        // On bits, as in the reference.
        nan_or(x, y) = f32::from_bits(if x.to_bits() & 0x7fff_ffff > 0x7f80_0000 { QUIET } else { y.to_bits() });
        scale(p, shifted) = {
            let n = shifted.to_bits().wrapping_sub(ROUND_F32.to_bits()) as i32;
            let power_of_two = |e: i32| f32::from_bits((e.wrapping_add(127) as u32) << 23);
            p * power_of_two(n >> 1) * power_of_two(n.wrapping_sub(n >> 1))
        };
        scale_normal(p, shifted) = f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23));
    }

    define! { f64;
        add_d(a, b) = a + b;
        sub_d(a, b) = a - b;
        mul_d(a, b) = a * b;
        div_d(a, b) = a / b;
        sqrt_d(a) = a.sqrt();
        fma_d(a, b, c) = a.mul_add(b, c);
        where_less_d(a, b, x, y) = if a < b { x } else { y };
        scale_d(p, shifted) = f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52));
        flip_d(p, shifted) = f64::from_bits(p.to_bits() ^ shifted.to_bits() << 63);
        exponent_field(a) = (a.to_bits() >> 52) as f64;
        mantissa(a) = f64::from_bits((a.to_bits() & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    }
}
