//! Several vectors as one: the same operations on each, so that their chains overlap where the CPU cannot look far ahead,
//! and a constant is loaded once for all of them.

use super::{Kernel, Simd};

/// `K` vectors of `S`.
#[derive(Clone, Copy)]
pub(crate) struct Wide<S, const K: usize>(pub S);

/// Plain loops: closures would stand between the instruction set and its instructions.
macro_rules! each {
    ($vector:ident; $($name:ident($first:ident $(, $operand:ident)*);)*) => {$(
        #[inline(always)]
        fn $name(self, $first: [S::$vector; K] $(, $operand: [S::$vector; K])*) -> [S::$vector; K] {
            let mut result = $first;
            for i in 0..K {
                result[i] = self.0.$name($first[i] $(, $operand[i])*);
            }
            result
        }
    )*};
}

impl<S: Simd, const K: usize> Simd for Wide<S, K> {
    type F = [S::F; K];
    type D = [S::D; K];
    const LANES: usize = K * S::LANES;

    fn run<T: Kernel>(self, kernel: T) -> T::Output {
        kernel.run(self)
    }

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> [S::F; K] {
        let mut result = [self.0.splat(0.0); K];
        for (i, result) in result.iter_mut().enumerate() {
            // SAFETY: readable by the caller's contract.
            *result = unsafe { self.0.load_from(from.add(i * S::LANES)) };
        }
        result
    }

    #[inline(always)]
    unsafe fn store_to(self, to: *mut f32, x: [S::F; K]) {
        for (i, x) in x.into_iter().enumerate() {
            // SAFETY: writable by the caller's contract.
            unsafe { self.0.store_to(to.add(i * S::LANES), x) };
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [S::F; K] {
        [self.0.splat(x); K]
    }

    #[inline(always)]
    fn splat_d(self, x: f64) -> [S::D; K] {
        [self.0.splat_d(x); K]
    }

    #[inline(always)]
    fn widen(self, x: [S::F; K]) -> [S::D; K] {
        let mut result = [self.0.splat_d(0.0); K];
        for (result, x) in result.iter_mut().zip(x) {
            *result = self.0.widen(x);
        }
        result
    }

    #[inline(always)]
    fn narrow(self, x: [S::D; K]) -> [S::F; K] {
        let mut result = [self.0.splat(0.0); K];
        for (result, x) in result.iter_mut().zip(x) {
            *result = self.0.narrow(x);
        }
        result
    }

    #[inline(always)]
    fn reaches(self, x: [S::F; K], limit: f32) -> bool {
        let mut any = false;
        for x in x {
            any |= self.0.reaches(x, limit);
        }
        any
    }

    each! { F;
        add(a, b); sub(a, b); mul(a, b); div(a, b); sqrt(a); floor(a); ceil(a); trunc(a); round(a); fma(a, b, c); larger(a, b); smaller(a, b); abs(a); neg(a);
        and(a, b); or(a, b); copysign(a, s); where_less(a, b, x, y); where_equal(a, b, x, y); nan_or(x, y);
        scale(p, shifted); scale_normal(p, shifted);
    }

    each! { D;
        add_d(a, b); sub_d(a, b); mul_d(a, b); div_d(a, b); sqrt_d(a); fma_d(a, b, c); where_less_d(a, b, x, y);
        scale_d(p, shifted); flip_d(p, shifted); exponent_field(a); mantissa(a);
    }
}
