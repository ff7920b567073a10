//! Products of a few rows with a matrix that is read once, where it lies: packing it would take longer.
//!
//! Some rows of the matrix at a time, all along their columns, so that memory is read in order; sums wait in the first
//! cache. The chains are those of the rule: `k` ascending from +0.

use super::super::simd::{Kernel, Simd, Vectors, WIDEST};
use super::tile::ROWS;

/// Rows of the matrix at a time.
const STEPS: usize = 8;

/// Rows times a matrix, some columns of it.
pub(super) struct Streamed<'a> {
    /// Each row of `a`, all of its `k`.
    pub a: &'a [&'a [f32]],
    /// The columns of each row of `b`.
    pub b: &'a dyn Fn(usize) -> Option<&'a [f32]>,
    pub k: usize,
    pub columns: usize,
}

impl Streamed<'_> {
    /// Writes the products to `c`, rows `width` apart, in whole vectors of the widest kind.
    pub(super) fn run(&self, vectors: Vectors, c: &mut [f32], width: usize) {
        let wide = self.columns.next_multiple_of(WIDEST);
        assert!(width >= wide && c.len() >= self.a.len() * width, "rows of c");
        c[..self.a.len() * width].fill(0.0);
        let mut tails = [[0.0; WIDEST]; STEPS];
        let whole = self.columns / WIDEST * WIDEST;
        for step in (0..self.k).step_by(STEPS) {
            let steps = STEPS.min(self.k - step);
            let b: [&[f32]; STEPS] =
                std::array::from_fn(|s| (self.b)(step + s.min(steps - 1)).unwrap_or_default());
            for (tail, b) in tails.iter_mut().zip(&b) {
                tail[..self.columns - whole].copy_from_slice(&b[whole..]);
            }
            for from in (0..self.a.len()).step_by(ROWS) {
                let rows = ROWS.min(self.a.len() - from);
                let a =
                    std::array::from_fn(|r| &self.a[from + r.min(rows - 1)][step..step + steps]);
                let rest = &mut c[from * width..];
                Part { a, b, steps, count: whole, width }.run(vectors, rows, rest);
                let b = std::array::from_fn(|s| tails[s].as_slice());
                let count = wide - whole;
                Part { a, b, steps, count, width }.run(vectors, rows, &mut rest[whole..]);
            }
        }
    }
}

/// Some steps of some rows along some columns.
#[derive(Clone, Copy)]
struct Part<'a> {
    a: [&'a [f32]; ROWS],
    b: [&'a [f32]; STEPS],
    steps: usize,
    /// Columns: whole vectors of the widest kind.
    count: usize,
    width: usize,
}

impl Part<'_> {
    fn run(&self, vectors: Vectors, rows: usize, c: &mut [f32]) {
        let Part { a, b, steps, count, width } = *self;
        if count == 0 {
            return;
        }
        assert!((1..=ROWS).contains(&rows) && steps <= STEPS && count.is_multiple_of(WIDEST));
        assert!(a.iter().all(|a| a.len() >= steps), "rows of a");
        assert!(b[..steps].iter().all(|b| b.len() >= count), "rows of b");
        assert!(c.len() >= (rows - 1) * width + count, "rows of c");
        let (part, c) = (*self, c.as_mut_ptr());
        match rows {
            6 => vectors.run(Rows::<6> { part, c }),
            5 => vectors.run(Rows::<5> { part, c }),
            4 => vectors.run(Rows::<4> { part, c }),
            3 => vectors.run(Rows::<3> { part, c }),
            2 => vectors.run(Rows::<2> { part, c }),
            _ => vectors.run(Rows::<1> { part, c }),
        }
    }
}

/// `R` rows whose operands [`Part::run`] has checked.
struct Rows<'a, const R: usize> {
    part: Part<'a>,
    c: *mut f32,
}

impl<const R: usize> Kernel for Rows<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Part { a, b, steps, count, width } = self.part;
        let (a, b) = (a.map(<[f32]>::as_ptr), b.map(<[f32]>::as_ptr));
        for at in (0..count).step_by(S::LANES) {
            let mut acc = [simd.splat(0.0); R];
            for (r, acc) in acc.iter_mut().enumerate() {
                // SAFETY: a vector of row `r` of `c`.
                *acc = unsafe { simd.load_from(self.c.wrapping_add(r * width + at)) };
            }
            for (s, b) in b[..steps].iter().enumerate() {
                // SAFETY: a vector of this step of `b`.
                let column = unsafe { simd.load_from(b.wrapping_add(at)) };
                for (a, acc) in a.iter().zip(&mut acc) {
                    // SAFETY: this step of a row of `a`.
                    let x = simd.splat(unsafe { *a.wrapping_add(s) });
                    *acc = simd.fma(x, column, *acc);
                }
            }
            for (r, acc) in acc.iter().enumerate() {
                // SAFETY: a vector of row `r` of `c`.
                unsafe { simd.store_to(self.c.wrapping_add(r * width + at), *acc) };
            }
        }
    }
}
