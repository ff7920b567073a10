//! Vectors of 16 lanes: AVX-512F.

use std::arch::x86_64::*;

use super::{Kernel, QUIET, Simd};
use crate::Isa;
use crate::reference::elementary::ROUND_F32;

/// Proof that the CPU has AVX-512F, AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Avx512> {
        Isa::Avx512.is_supported().then_some(Avx512(()))
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
        fn $name(self, $($operand: [__m512d; 2]),*) -> [__m512d; 2] {
            #[inline(always)]
            unsafe fn half($($operand: __m512d),*) -> __m512d {
                // SAFETY: the caller has the instruction set; the body touches no memory.
                unsafe { $body }
            }
            // SAFETY: `self` exists only where the CPU has the instruction set.
            unsafe { [half($($operand[0]),*), half($($operand[1]),*)] }
        }
    )*};
}

impl Simd for Avx512 {
    type F = __m512;
    type D = [__m512d; 2];
    const LANES: usize = 16;

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn enabled<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { enabled(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m512 {
        // SAFETY: readable by the caller's contract.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, x: __m512) {
        // SAFETY: writable by the caller's contract.
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    fn fetch(self, from: *const f32) {
        // SAFETY: a hint; it reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn splat_d(self, x: f64) -> [__m512d; 2] {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { [_mm512_set1_pd(x); 2] }
    }

    #[inline(always)]
    fn widen(self, x: __m512) -> [__m512d; 2] {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe {
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x));
            [_mm512_cvtps_pd(_mm512_castps512_ps256(x)), _mm512_cvtps_pd(_mm256_castpd_ps(high))]
        }
    }

    #[inline(always)]
    fn narrow(self, x: [__m512d; 2]) -> __m512 {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe {
            let [low, high] = [_mm512_cvtpd_ps(x[0]), _mm512_cvtpd_ps(x[1])];
            let low = _mm512_castps_pd(_mm512_castps256_ps512(low));
            _mm512_castpd_ps(_mm512_insertf64x4::<1>(low, _mm256_castps_pd(high)))
        }
    }

    #[inline(always)]
    fn reaches(self, x: __m512, limit: f32) -> bool {
        // SAFETY: `self` exists only where the CPU has the instruction set.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(_mm512_abs_ps(x), _mm512_set1_ps(limit)) != 0 }
    }

    #[inline(always)]
    fn exchange<const D: usize>(self, a: __m512, b: __m512) -> (__m512, __m512) {
        // Lanes of `b` are counted from 16 on.
        let first: [i32; 16] =
            std::array::from_fn(|l| (if l & D == 0 { l } else { 16 + l - D }) as i32);
        let second: [i32; 16] =
            std::array::from_fn(|l| (if l & D == 0 { l + D } else { 16 + l }) as i32);
        // SAFETY: `self` exists only where the CPU has the instruction set; the indices are whole vectors.
        unsafe {
            let [first, second] = [first, second].map(|of| _mm512_loadu_si512(of.as_ptr().cast()));
            (_mm512_permutex2var_ps(a, first, b), _mm512_permutex2var_ps(a, second, b))
        }
    }

    define! { __m512;
        add(a, b) = _mm512_add_ps(a, b);
        sub(a, b) = _mm512_sub_ps(a, b);
        mul(a, b) = _mm512_mul_ps(a, b);
        div(a, b) = _mm512_div_ps(a, b);
        sqrt(a) = _mm512_sqrt_ps(a);
        floor(a) = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a);
        ceil(a) = _mm512_roundscale_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(a);
        trunc(a) = _mm512_roundscale_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(a);
        round(a) = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        fma(a, b, c) = _mm512_fmadd_ps(a, b, c);
        larger(a, b) = _mm512_max_ps(a, b);
        smaller(a, b) = _mm512_min_ps(a, b);
        abs(a) = _mm512_abs_ps(a);
        neg(a) = {
            let sign = _mm512_set1_epi32(i32::MIN);
            _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), sign))
        };
        and(a, b) = _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
        or(a, b) = _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
        copysign(a, s) = {
            // Bit by bit: sign ? s : a.
            let sign = _mm512_set1_epi32(i32::MIN);
            let (a, s) = (_mm512_castps_si512(a), _mm512_castps_si512(s));
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xca>(sign, s, a))
        };
        where_less(a, b, x, y) = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), y, x);
        where_equal(a, b, x, y) = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), y, x);
        nan_or(x, y) = {
            let quiet = _mm512_castsi512_ps(_mm512_set1_epi32(QUIET as i32));
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x), y, quiet)
        };
        scale(p, shifted) = _mm512_scalef_ps(p, _mm512_sub_ps(shifted, _mm512_set1_ps(ROUND_F32)));
        scale_normal(p, shifted) = {
            let n = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), n))
        };
    }

    halves! {
        add_d(a, b) = _mm512_add_pd(a, b);
        sub_d(a, b) = _mm512_sub_pd(a, b);
        mul_d(a, b) = _mm512_mul_pd(a, b);
        div_d(a, b) = _mm512_div_pd(a, b);
        sqrt_d(a) = _mm512_sqrt_pd(a);
        fma_d(a, b, c) = _mm512_fmadd_pd(a, b, c);
        where_less_d(a, b, x, y) = _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b), y, x);
        scale_d(p, shifted) = {
            let n = _mm512_slli_epi64::<52>(_mm512_castpd_si512(shifted));
            _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(p), n))
        };
        flip_d(p, shifted) = {
            let odd = _mm512_slli_epi64::<63>(_mm512_castpd_si512(shifted));
            _mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(p), odd))
        };
        exponent_field(a) = {
            // As the low bits of 2^52.
            let big = _mm512_set1_epi64(0x4330_0000_0000_0000);
            let field = _mm512_or_si512(_mm512_srli_epi64::<52>(_mm512_castpd_si512(a)), big);
            _mm512_sub_pd(_mm512_castsi512_pd(field), _mm512_castsi512_pd(big))
        };
        mantissa(a) = {
            let bits = _mm512_and_si512(_mm512_castpd_si512(a), _mm512_set1_epi64(0x000f_ffff_ffff_ffff));
            _mm512_castsi512_pd(_mm512_or_si512(bits, _mm512_set1_epi64(0x3ff0_0000_0000_0000)))
        };
    }
}
