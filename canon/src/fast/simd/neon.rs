//! Vectors of 4 lanes: Advanced SIMD of aarch64.
//!
//! Its fused multiply-add and conversions round like IEEE 754's; its minimum and maximum propagate NaN, so the selections
//! of the interface are made from comparisons.

use std::arch::aarch64::*;

use super::{Kernel, QUIET, Simd};
use crate::Isa;
use crate::reference::elementary::ROUND_F32;

/// Proof that the CPU has Advanced SIMD.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Neon> {
        Isa::Neon.is_supported().then_some(Neon(()))
    }
}

/// Methods whose body uses instructions of the set.
macro_rules! define {
    ($vector:ty; $($name:ident($($operand:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($operand: $vector),*) -> $vector {
            // SAFETY: `self` exists only where the CPU has the instruction set; the body touches no memory.
            unsafe { $body }
        }
    )*};
}

/// Methods on `f64`: the same on both halves.
macro_rules! halves {
    ($($name:ident($($operand:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($operand: [float64x2_t; 2]),*) -> [float64x2_t; 2] {
            #[inline(always)]
            unsafe fn half($($operand: float64x2_t),*) -> float64x2_t {
                // SAFETY: the caller has the instruction set; the body touches no memory.
                unsafe { $body }
            }
            // SAFETY: `self` exists only where the CPU has the instruction set.
            unsafe { [half($($operand[0]),*), half($($operand[1]),*)] }
        }
    )*};
}

impl Simd for Neon {
    type F = float32x4_t;
    type D = [float64x2_t; 2];
    const LANES: usize = 4;

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn enabled<K: Kernel>(simd: Neon, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { enabled(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> float32x4_t {
        // SAFETY: readable by the caller's contract.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, x: float32x4_t) {
        // SAFETY: writable by the caller's contract.
        unsafe { vst1q_f32(to, x) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    fn splat_d(self, x: f64) -> [float64x2_t; 2] {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { [vdupq_n_f64(x); 2] }
    }

    #[inline(always)]
    fn widen(self, x: float32x4_t) -> [float64x2_t; 2] {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { [vcvt_f64_f32(vget_low_f32(x)), vcvt_high_f64_f32(x)] }
    }

    #[inline(always)]
    fn narrow(self, x: [float64x2_t; 2]) -> float32x4_t {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { vcvt_high_f32_f64(vcvt_f32_f64(x[0]), x[1]) }
    }

    #[inline(always)]
    fn reaches(self, x: float32x4_t, limit: f32) -> bool {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { vminvq_u32(vcltq_f32(vabsq_f32(x), vdupq_n_f32(limit))) == 0 }
    }

    #[inline(always)]
    fn exchange<const D: usize>(
        self,
        a: float32x4_t,
        b: float32x4_t,
    ) -> (float32x4_t, float32x4_t) {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe {
            if D == 1 {
                return (vtrn1q_f32(a, b), vtrn2q_f32(a, b));
            }
            let (a, b) = (vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b));
            let (first, second) = (vtrn1q_f64(a, b), vtrn2q_f64(a, b));
            (vreinterpretq_f32_f64(first), vreinterpretq_f32_f64(second))
        }
    }

    define! { float32x4_t;
        add(a, b) = vaddq_f32(a, b);
        sub(a, b) = vsubq_f32(a, b);
        mul(a, b) = vmulq_f32(a, b);
        div(a, b) = vdivq_f32(a, b);
        sqrt(a) = vsqrtq_f32(a);
        floor(a) = vrndmq_f32(a);
        ceil(a) = vrndpq_f32(a);
        trunc(a) = vrndq_f32(a);
        round(a) = vrndnq_f32(a);
        fma(a, b, c) = vfmaq_f32(c, a, b);
        larger(a, b) = vbslq_f32(vcgtq_f32(a, b), a, b);
        smaller(a, b) = vbslq_f32(vcltq_f32(a, b), a, b);
        abs(a) = vabsq_f32(a);
        neg(a) = vnegq_f32(a);
        and(a, b) = vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
        or(a, b) = vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
        copysign(a, s) = vbslq_f32(vdupq_n_u32(1 << 31), s, a);
        where_less(a, b, x, y) = vbslq_f32(vcltq_f32(a, b), x, y);
        where_equal(a, b, x, y) = vbslq_f32(vceqq_f32(a, b), x, y);
        nan_or(x, y) = vbslq_f32(vceqq_f32(x, x), y, vreinterpretq_f32_u32(vdupq_n_u32(QUIET)));
        scale(p, shifted) = {
            // Two exact powers of two: the first product is exact, the second rounds.
            let n = vsubq_s32(vreinterpretq_s32_f32(shifted), vdupq_n_s32(ROUND_F32.to_bits() as i32));
            let (half, bias) = (vshrq_n_s32::<1>(n), vdupq_n_s32(127));
            let first = vshlq_n_s32::<23>(vaddq_s32(half, bias));
            let second = vshlq_n_s32::<23>(vaddq_s32(vsubq_s32(n, half), bias));
            vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second))
        };
        scale_normal(p, shifted) = {
            let n = vshlq_n_s32::<23>(vreinterpretq_s32_f32(shifted));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), n))
        };
    }

    halves! {
        add_d(a, b) = vaddq_f64(a, b);
        sub_d(a, b) = vsubq_f64(a, b);
        mul_d(a, b) = vmulq_f64(a, b);
        div_d(a, b) = vdivq_f64(a, b);
        sqrt_d(a) = vsqrtq_f64(a);
        fma_d(a, b, c) = vfmaq_f64(c, a, b);
        where_less_d(a, b, x, y) = vbslq_f64(vcltq_f64(a, b), x, y);
        scale_d(p, shifted) = {
            let n = vshlq_n_s64::<52>(vreinterpretq_s64_f64(shifted));
            vreinterpretq_f64_s64(vaddq_s64(vreinterpretq_s64_f64(p), n))
        };
        flip_d(p, shifted) = {
            let odd = vshlq_n_u64::<63>(vreinterpretq_u64_f64(shifted));
            vreinterpretq_f64_u64(veorq_u64(vreinterpretq_u64_f64(p), odd))
        };
        exponent_field(a) = {
            // As the low bits of 2^52.
            let big = vdupq_n_u64(0x4330_0000_0000_0000);
            let field = vorrq_u64(vshrq_n_u64::<52>(vreinterpretq_u64_f64(a)), big);
            vsubq_f64(vreinterpretq_f64_u64(field), vreinterpretq_f64_u64(big))
        };
        mantissa(a) = {
            let bits = vandq_u64(vreinterpretq_u64_f64(a), vdupq_n_u64(0x000f_ffff_ffff_ffff));
            vreinterpretq_f64_u64(vorrq_u64(bits, vdupq_n_u64(0x3ff0_0000_0000_0000)))
        };
    }
}
