//! Vectors of 8 lanes: AVX2 and FMA.

use std::arch::x86_64::*;

use super::{Kernel, QUIET, Simd};
use crate::Isa;
use crate::reference::elementary::ROUND_F32;

/// Proof that the CPU has AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Avx2> {
        Isa::Avx2.is_supported().then_some(Avx2(()))
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
        fn $name(self, $($operand: [__m256d; 2]),*) -> [__m256d; 2] {
            #[inline(always)]
            unsafe fn half($($operand: __m256d),*) -> __m256d {
                // SAFETY: the caller has the instruction set; the body touches no memory.
                unsafe { $body }
            }
            // SAFETY: `self` exists only where the CPU has the instruction set.
            unsafe { [half($($operand[0]),*), half($($operand[1]),*)] }
        }
    )*};
}

impl Simd for Avx2 {
    type F = __m256;
    type D = [__m256d; 2];
    const LANES: usize = 8;

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn enabled<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { enabled(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m256 {
        // SAFETY: readable by the caller's contract.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, x: __m256) {
        // SAFETY: writable by the caller's contract.
        unsafe { _mm256_storeu_ps(to, x) }
    }

    #[inline(always)]
    fn fetch(self, from: *const f32) {
        // SAFETY: a hint; it reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn splat_d(self, x: f64) -> [__m256d; 2] {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { [_mm256_set1_pd(x); 2] }
    }

    #[inline(always)]
    fn widen(self, x: __m256) -> [__m256d; 2] {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe {
            [
                _mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x)),
            ]
        }
    }

    #[inline(always)]
    fn narrow(self, x: [__m256d; 2]) -> __m256 {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { _mm256_set_m128(_mm256_cvtpd_ps(x[1]), _mm256_cvtpd_ps(x[0])) }
    }

    #[inline(always)]
    fn reaches(self, x: __m256, limit: f32) -> bool {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe {
            let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), x);
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(magnitude, _mm256_set1_ps(limit))) != 0
        }
    }

    #[inline(always)]
    fn exchange<const D: usize>(self, a: __m256, b: __m256) -> (__m256, __m256) {
        // SAFETY: `self` exists only where the CPU has the instruction set; nothing touches memory.
        unsafe {
            match D {
                4 => (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b)),
                2 => {
                    let (a, b) = (_mm256_castps_pd(a), _mm256_castps_pd(b));
                    let (first, second) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
                    (_mm256_castpd_ps(first), _mm256_castpd_ps(second))
                }
                _ => (
                    _mm256_blend_ps::<0xaa>(a, _mm256_moveldup_ps(b)),
                    _mm256_blend_ps::<0xaa>(_mm256_movehdup_ps(a), b),
                ),
            }
        }
    }

    define! { __m256;
        add(a, b) = _mm256_add_ps(a, b);
        sub(a, b) = _mm256_sub_ps(a, b);
        mul(a, b) = _mm256_mul_ps(a, b);
        div(a, b) = _mm256_div_ps(a, b);
        sqrt(a) = _mm256_sqrt_ps(a);
        floor(a) = _mm256_floor_ps(a);
        ceil(a) = _mm256_ceil_ps(a);
        trunc(a) = _mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(a);
        round(a) = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        fma(a, b, c) = _mm256_fmadd_ps(a, b, c);
        larger(a, b) = _mm256_max_ps(a, b);
        smaller(a, b) = _mm256_min_ps(a, b);
        abs(a) = _mm256_andnot_ps(_mm256_set1_ps(-0.0), a);
        neg(a) = _mm256_xor_ps(_mm256_set1_ps(-0.0), a);
        and(a, b) = _mm256_and_ps(a, b);
        or(a, b) = _mm256_or_ps(a, b);
        copysign(a, s) = {
            let sign = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, s))
        };
        where_less(a, b, x, y) = _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b));
        where_equal(a, b, x, y) = _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b));
        nan_or(x, y) = {
            let quiet = _mm256_castsi256_ps(_mm256_set1_epi32(QUIET as i32));
            _mm256_blendv_ps(y, quiet, _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x))
        };
        scale(p, shifted) = {
            // Two exact powers of two: the first product is exact, the second rounds.
            let n = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(ROUND_F32.to_bits() as i32));
            let (half, bias) = (_mm256_srai_epi32::<1>(n), _mm256_set1_epi32(127));
            let first = _mm256_slli_epi32::<23>(_mm256_add_epi32(half, bias));
            let second = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_sub_epi32(n, half), bias));
            _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second))
        };
        scale_normal(p, shifted) = {
            let n = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n))
        };
    }

    halves! {
        add_d(a, b) = _mm256_add_pd(a, b);
        sub_d(a, b) = _mm256_sub_pd(a, b);
        mul_d(a, b) = _mm256_mul_pd(a, b);
        div_d(a, b) = _mm256_div_pd(a, b);
        sqrt_d(a) = _mm256_sqrt_pd(a);
        fma_d(a, b, c) = _mm256_fmadd_pd(a, b, c);
        where_less_d(a, b, x, y) = _mm256_blendv_pd(y, x, _mm256_cmp_pd::<_CMP_LT_OQ>(a, b));
        scale_d(p, shifted) = {
            let n = _mm256_slli_epi64::<52>(_mm256_castpd_si256(shifted));
            _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(p), n))
        };
        flip_d(p, shifted) = {
            let odd = _mm256_slli_epi64::<63>(_mm256_castpd_si256(shifted));
            _mm256_xor_pd(p, _mm256_castsi256_pd(odd))
        };
        exponent_field(a) = {
            // As the low bits of 2^52.
            let big = _mm256_set1_epi64x(0x4330_0000_0000_0000);
            let field = _mm256_or_si256(_mm256_srli_epi64::<52>(_mm256_castpd_si256(a)), big);
            _mm256_sub_pd(_mm256_castsi256_pd(field), _mm256_castsi256_pd(big))
        };
        mantissa(a) = {
            let bits = _mm256_and_si256(_mm256_castpd_si256(a), _mm256_set1_epi64x(0x000f_ffff_ffff_ffff));
            _mm256_castsi256_pd(_mm256_or_si256(bits, _mm256_set1_epi64x(0x3ff0_0000_0000_0000)))
        };
    }
}
