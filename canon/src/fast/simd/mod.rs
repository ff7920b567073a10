//! One vector interface, four widths.
//!
//! Every method is an IEEE 754 operation or exact bit work on each lane, so a kernel written against it gives the same
//! bits at every width. A value of a type that implements [`Simd`] proves that the CPU has the instruction set, which is
//! what makes the methods safe. Kernels and all they call are `#[inline(always)]`: they must end up inside the function
//! of [`Simd::run`] that enables the instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod wide;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use scalar::Scalar;
pub(crate) use wide::Wide;

use crate::Isa;

/// The widest vector, in lanes.
pub(crate) const WIDEST: usize = 16;
/// The bits of the one quiet NaN.
pub(crate) const QUIET: u32 = 0x7fc0_0000;

/// A computation on vectors of any width.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;
    /// Computes; `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

macro_rules! operations {
    ($vector:ident; $($(#[$doc:meta])* $name:ident($($operand:ident),*);)*) => {
        $($(#[$doc])* fn $name(self, $($operand: Self::$vector),*) -> Self::$vector;)*
    };
}

/// Proof of an instruction set, and its operations on vectors of `LANES` elements.
pub(crate) trait Simd: Copy + Send + Sync {
    /// `LANES` of `f32`.
    type F: Copy;
    /// `LANES` of `f64`.
    type D: Copy;
    /// 1, 4, 8 or 16.
    const LANES: usize;

    /// Runs a kernel with the instruction set enabled.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    /// # Safety
    /// `LANES` elements at `from` are readable.
    unsafe fn load_from(self, from: *const f32) -> Self::F;
    /// # Safety
    /// `LANES` elements at `to` are writable.
    unsafe fn store_to(self, to: *mut f32, x: Self::F);
    /// Asks for the line at an address, to be in the second cache when it is read. Any address will do.
    #[inline(always)]
    fn fetch(self, _from: *const f32) {}
    /// The same value in every lane.
    fn splat(self, x: f32) -> Self::F;
    /// The same value in every lane.
    fn splat_d(self, x: f64) -> Self::D;
    /// Every lane as `f64`.
    fn widen(self, x: Self::F) -> Self::D;
    /// Every lane rounded to `f32`.
    fn narrow(self, x: Self::D) -> Self::F;

    operations! { F;
        add(a, b);
        sub(a, b);
        mul(a, b);
        div(a, b);
        sqrt(a);
        /// Rounded down to an integer.
        floor(a);
        /// Rounded up.
        ceil(a);
        /// Rounded toward zero.
        trunc(a);
        /// Rounded to nearest, ties to even.
        round(a);
        /// `a * b + c`, rounded once.
        fma(a, b, c);
        /// `a > b ? a : b`, so `b` where one is NaN or both are zeros.
        larger(a, b);
        /// `a < b ? a : b`, so `b` where one is NaN or both are zeros.
        smaller(a, b);
        abs(a);
        neg(a);
        /// Bitwise.
        and(a, b);
        /// Bitwise.
        or(a, b);
        /// The magnitude of `a` with the sign of `s`.
        copysign(a, s);
        /// `a < b ? x : y`.
        where_less(a, b, x, y);
        /// `a == b ? x : y`.
        where_equal(a, b, x, y);
        /// The quiet NaN where `x` is NaN, else `y`.
        nan_or(x, y);
        /// `p * 2^n`, rounded once, for `shifted = n + ROUND_F32`, `-150 <= n <= 128` and `p` between 1/2 and 2.
        scale(p, shifted);
        /// The same where the result is normal.
        scale_normal(p, shifted);
    }

    operations! { D;
        add_d(a, b);
        sub_d(a, b);
        mul_d(a, b);
        div_d(a, b);
        sqrt_d(a);
        /// `a * b + c`, rounded once.
        fma_d(a, b, c);
        /// `a < b ? x : y`.
        where_less_d(a, b, x, y);
        /// `p * 2^n` for `shifted = n + ROUND_F64`, where `p` and the result are normal.
        scale_d(p, shifted);
        /// `p`, negated where n is odd in `shifted = n + ROUND_F64`.
        flip_d(p, shifted);
        /// The sign and exponent field as a number.
        exponent_field(a);
        /// The mantissa as a number from 1 to 2.
        mantissa(a);
    }

    /// Whether the magnitude of some lane is `limit` or more, or some lane is NaN.
    fn reaches(self, x: Self::F, limit: f32) -> bool;

    /// One round of a transposition: of every pair of lanes `l` and `l + D`, where `D` is a power of two and a bit that
    /// `l` does not have, the second lane of `a` and the first of `b` change places.
    #[inline(always)]
    fn exchange<const D: usize>(self, a: Self::F, b: Self::F) -> (Self::F, Self::F) {
        let (mut of_a, mut of_b) = ([0.0; 4 * WIDEST], [0.0; 4 * WIDEST]);
        self.store(&mut of_a, a);
        self.store(&mut of_b, b);
        for lane in (0..Self::LANES).filter(|lane| lane & D == 0 && lane + D < Self::LANES) {
            (of_a[lane + D], of_b[lane]) = (of_b[lane], of_a[lane + D]);
        }
        (self.load(&of_a), self.load(&of_b))
    }

    /// Rows become columns: of as many vectors as there are lanes, at most [`WIDEST`].
    #[inline(always)]
    fn transpose(self, mut rows: [Self::F; WIDEST]) -> [Self::F; WIDEST] {
        for i in 0..Self::LANES {
            if i & 1 == 0 && Self::LANES > 1 {
                (rows[i], rows[i | 1]) = self.exchange::<1>(rows[i], rows[i | 1]);
            }
        }
        for i in 0..Self::LANES {
            if i & 2 == 0 && Self::LANES > 2 {
                (rows[i], rows[i | 2]) = self.exchange::<2>(rows[i], rows[i | 2]);
            }
        }
        for i in 0..Self::LANES {
            if i & 4 == 0 && Self::LANES > 4 {
                (rows[i], rows[i | 4]) = self.exchange::<4>(rows[i], rows[i | 4]);
            }
        }
        for i in 0..Self::LANES {
            if i & 8 == 0 && Self::LANES > 8 {
                (rows[i], rows[i | 8]) = self.exchange::<8>(rows[i], rows[i | 8]);
            }
        }
        rows
    }

    /// The first `LANES` elements of a slice.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::F {
        let from = &from[..Self::LANES];
        // SAFETY: the slice has `LANES` elements.
        unsafe { self.load_from(from.as_ptr()) }
    }

    /// Writes the first `LANES` elements of a slice.
    #[inline(always)]
    fn store(self, to: &mut [f32], x: Self::F) {
        let to = &mut to[..Self::LANES];
        // SAFETY: the slice has `LANES` elements.
        unsafe { self.store_to(to.as_mut_ptr(), x) }
    }

    /// What an operator writes: the one quiet NaN for any NaN.
    #[inline(always)]
    fn settle(self, x: Self::F) -> Self::F {
        self.nan_or(x, x)
    }

    /// The larger, the quiet NaN if one is NaN, and -0 < +0.
    #[inline(always)]
    fn maximum(self, a: Self::F, b: Self::F) -> Self::F {
        let larger = self.where_equal(a, b, self.and(a, b), self.larger(a, b));
        self.nan_or(a, self.nan_or(b, larger))
    }

    /// The smaller, the quiet NaN if one is NaN, and -0 < +0.
    #[inline(always)]
    fn minimum(self, a: Self::F, b: Self::F) -> Self::F {
        let smaller = self.where_equal(a, b, self.or(a, b), self.smaller(a, b));
        self.nan_or(a, self.nan_or(b, smaller))
    }
}

/// An instruction set chosen at run time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Vectors {
    Scalar(Scalar),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Vectors {
    /// The vectors of `isa`, if this CPU has them; those of the reference are scalars.
    pub(crate) fn new(isa: Isa) -> Option<Vectors> {
        match isa {
            Isa::Reference | Isa::Scalar => Some(Vectors::Scalar(Scalar)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::detect().map(Vectors::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Avx512::detect().map(Vectors::Avx512),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => None,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Neon::detect().map(Vectors::Neon),
            #[cfg(not(target_arch = "aarch64"))]
            Isa::Neon => None,
        }
    }

    /// Runs a kernel on these vectors.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Vectors::Scalar(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Vectors::Neon(simd) => simd.run(kernel),
        }
    }
}
