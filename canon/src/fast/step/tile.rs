//! Register tiles over packed panels: rows of `a` broadcast from where they lie, a panel of `b` in vectors.
//!
//! A panel holds up to [`WIDTH`] columns of all `k` as tiles one after another, each `[k][tile width]`. The tile's width
//! depends on the instruction set and is known to nobody else. Chains are those of the rule: `k` ascending from +0;
//! where `k` is cut, a later part continues what the part before stored.

use std::ops::Range;

use super::super::simd::{Kernel, Simd, Vectors, WIDEST};

/// Columns of a panel.
pub(super) const WIDTH: usize = 64;
/// Rows of a tile.
pub(super) const ROWS: usize = 6;

/// Vectors of a full tile, for so many lanes: as few loads per multiply-add as the registers allow.
const fn tile_vectors(lanes: usize) -> usize {
    if lanes == 8 { 2 } else { 4 }
}

fn lanes(vectors: Vectors) -> usize {
    match vectors {
        Vectors::Scalar(_) => 1,
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2(_) => 8,
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512(_) => 16,
        #[cfg(target_arch = "aarch64")]
        Vectors::Neon(_) => 4,
    }
}

/// How many elements the panel of so many columns takes for one step of `k`.
pub(super) fn padded(vectors: Vectors, columns: usize) -> usize {
    columns.next_multiple_of(lanes(vectors))
}

/// The tiles of a panel of so many columns: first column and width, which ends on a whole vector.
pub(super) fn tiles(vectors: Vectors, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    let (full, wide) = (tile_vectors(lanes(vectors)) * lanes(vectors), padded(vectors, columns));
    (0..wide).step_by(full).map(move |first| (first, full.min(wide - first)))
}

/// Some rows of one panel's products.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a> {
    /// Each row of `a`, all of its `k`.
    pub a: [&'a [f32]; ROWS],
    pub rows: usize,
    pub panel: &'a [f32],
    /// All steps.
    pub k: usize,
    pub columns: usize,
    /// The distance of rows of `c`.
    pub stride: usize,
    pub ahead: Ahead,
}

/// What a strip asks for meanwhile: its share of the steps of `k` that are multiplied after these. Weights come from memory
/// once per few rows; asked for by the strip that reads them, all strips would wait for the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    /// From the panel at hand to the one after it, in elements.
    pub panel: usize,
    /// Which strip of the panel this is, of how many.
    pub strip: usize,
    pub strips: usize,
}

impl Ahead {
    /// Nothing: a panel that was just written.
    pub(super) const NOTHING: Self = Ahead { panel: 0, strip: 0, strips: usize::MAX };
}

impl Strip<'_> {
    /// Continues the chains in `c` by some steps, from +0 where these are the first.
    pub(super) fn run(&self, vectors: Vectors, steps: Range<usize>, c: &mut [f32]) {
        assert!(steps.end <= self.k && self.columns <= WIDTH);
        let wide = padded(vectors, self.columns);
        let last = self.rows.saturating_sub(1) * self.stride;
        assert!(c.len() >= last + wide && self.stride >= wide && self.rows <= ROWS, "rows of c");
        assert!(self.a[..self.rows].iter().all(|row| row.len() >= self.k), "rows of a");
        assert!(self.panel.len() >= self.k * wide, "a panel");
        let (strip, c) = (*self, c.as_mut_ptr());
        match self.rows {
            6 => vectors.run(Rows::<6> { strip, steps, c }),
            5 => vectors.run(Rows::<5> { strip, steps, c }),
            4 => vectors.run(Rows::<4> { strip, steps, c }),
            3 => vectors.run(Rows::<3> { strip, steps, c }),
            2 => vectors.run(Rows::<2> { strip, steps, c }),
            1 => vectors.run(Rows::<1> { strip, steps, c }),
            _ => {}
        }
    }
}

/// Some rows of one panel's products whose elements lie in memory as they are, each step of `k` at another offset.
#[derive(Clone, Copy)]
pub(super) struct Gathered<'a> {
    pub a: &'a [f32],
    /// Where each row starts in `a`.
    pub starts: [usize; ROWS],
    pub rows: usize,
    /// Of each step; none is larger than `furthest`.
    pub offsets: &'a [usize],
    pub furthest: usize,
    pub panel: &'a [f32],
    pub columns: usize,
}

impl Gathered<'_> {
    /// Continues the chains in `c`, rows [`WIDTH`] apart, by some steps, from +0 where these are the first.
    pub(super) fn run(&self, vectors: Vectors, steps: Range<usize>, c: &mut [f32]) {
        let (k, wide) = (self.offsets.len(), padded(vectors, self.columns));
        assert!(steps.end <= k && wide <= WIDTH && self.rows <= ROWS, "an extent");
        assert!(c.len() >= self.rows * WIDTH, "rows of c");
        let fits = |&start: &usize| start + self.furthest < self.a.len();
        assert!(self.starts[..self.rows].iter().all(fits), "rows of a");
        assert!(self.panel.len() >= k * wide, "a panel");
        debug_assert!(self.offsets.iter().all(|&offset| offset <= self.furthest));
        let (of, c) = (*self, c.as_mut_ptr());
        match self.rows {
            6 => vectors.run(GatheredRows::<6> { of, steps, c }),
            5 => vectors.run(GatheredRows::<5> { of, steps, c }),
            4 => vectors.run(GatheredRows::<4> { of, steps, c }),
            3 => vectors.run(GatheredRows::<3> { of, steps, c }),
            2 => vectors.run(GatheredRows::<2> { of, steps, c }),
            1 => vectors.run(GatheredRows::<1> { of, steps, c }),
            _ => {}
        }
    }
}

/// `R` rows whose operands [`Gathered::run`] has checked.
struct GatheredRows<'a, const R: usize> {
    of: Gathered<'a>,
    steps: Range<usize>,
    c: *mut f32,
}

impl<const R: usize> Kernel for GatheredRows<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let GatheredRows { of, steps, c } = self;
        let a = std::array::from_fn(|r| of.a.as_ptr().wrapping_add(of.starts[r]));
        let wide = of.columns.next_multiple_of(S::LANES);
        let full = tile_vectors(S::LANES) * S::LANES;
        let (offsets, fresh) = (&of.offsets[steps.clone()], steps.start == 0);
        let mut first = 0;
        while first < wide {
            let vectors = (wide - first).min(full) / S::LANES;
            let offset = first * of.offsets.len() + steps.start * vectors * S::LANES;
            let b = of.panel.as_ptr().wrapping_add(offset);
            let c = c.wrapping_add(first);
            match vectors {
                4 => simd.run(GatheredTile::<R, 4> { offsets, a, b, c, fresh }),
                3 => simd.run(GatheredTile::<R, 3> { offsets, a, b, c, fresh }),
                2 => simd.run(GatheredTile::<R, 2> { offsets, a, b, c, fresh }),
                _ => simd.run(GatheredTile::<R, 1> { offsets, a, b, c, fresh }),
            }
            first += vectors * S::LANES;
        }
    }
}

/// `R` rows and `V` vectors, made by [`GatheredRows`] alone: `a` are `R` rows with an element at each offset, `b` is `V`
/// vectors per offset, `c` has `R` rows of `V` vectors, [`WIDTH`] apart.
struct GatheredTile<'a, const R: usize, const V: usize> {
    offsets: &'a [usize],
    a: [*const f32; R],
    b: *const f32,
    c: *mut f32,
    fresh: bool,
}

impl<const R: usize, const V: usize> Kernel for GatheredTile<'_, R, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let GatheredTile { offsets, a, mut b, c, fresh } = self;
        let mut acc = [[simd.splat(0.0); V]; R];
        if !fresh {
            for (r, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: row `r`, vector `v` of `c`.
                    *acc = unsafe { simd.load_from(c.wrapping_add(r * WIDTH + v * S::LANES)) };
                }
            }
        }
        for &offset in offsets {
            let mut columns = [simd.splat(0.0); V];
            for (v, column) in columns.iter_mut().enumerate() {
                // SAFETY: vector `v` of this step of `b`.
                *column = unsafe { simd.load_from(b.wrapping_add(v * S::LANES)) };
            }
            for (a, acc) in a.iter().zip(&mut acc) {
                // SAFETY: the element of a row of `a` at this offset.
                let x = simd.splat(unsafe { *a.wrapping_add(offset) });
                for (acc, &column) in acc.iter_mut().zip(&columns) {
                    *acc = simd.fma(x, column, *acc);
                }
            }
            b = b.wrapping_add(V * S::LANES);
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, &acc) in acc.iter().enumerate() {
                // SAFETY: row `r`, vector `v` of `c`.
                unsafe { simd.store_to(c.wrapping_add(r * WIDTH + v * S::LANES), acc) };
            }
        }
    }
}

/// A square of [`WIDTH`] rows, its rows made columns.
pub(super) struct Transposed<'a> {
    pub from: &'a [f32],
    pub to: &'a mut [f32],
}

impl Kernel for Transposed<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (from, to) = (&self.from[..WIDTH * WIDTH], &mut self.to[..WIDTH * WIDTH]);
        for i in (0..WIDTH).step_by(S::LANES) {
            for j in (0..WIDTH).step_by(S::LANES) {
                let mut rows = [simd.splat(0.0); WIDEST];
                for r in 0..S::LANES {
                    rows[r] = simd.load(&from[(i + r) * WIDTH + j..]);
                }
                let columns = simd.transpose(rows);
                for r in 0..S::LANES {
                    simd.store(&mut to[(j + r) * WIDTH + i..], columns[r]);
                }
            }
        }
    }
}

/// Some rows of products with columns that lie in memory as they are, each step of `k` somewhere else.
#[derive(Clone, Copy)]
pub(super) struct Scattered<'a> {
    /// Each row of `a`, all of its `k`.
    pub a: [&'a [f32]; ROWS],
    pub rows: usize,
    pub b: &'a [f32],
    /// Where the columns of each step start in `b`; none lies further than `furthest`.
    pub offsets: &'a [usize],
    pub furthest: usize,
    pub columns: usize,
}

impl Scattered<'_> {
    /// Writes the products to `c`, rows [`WIDTH`] apart.
    pub(super) fn run(&self, vectors: Vectors, c: &mut [f32]) {
        let wide = padded(vectors, self.columns);
        assert!(c.len() >= self.rows * WIDTH && self.rows <= ROWS && wide <= WIDTH, "rows of c");
        let k = self.offsets.len();
        assert!(self.a[..self.rows].iter().all(|row| row.len() >= k), "rows of a");
        assert!(self.b.len() >= self.furthest + wide, "columns of b");
        debug_assert!(self.offsets.iter().all(|&offset| offset <= self.furthest));
        let (of, c) = (*self, c.as_mut_ptr());
        match self.rows {
            6 => vectors.run(ScatteredRows::<6> { of, c }),
            5 => vectors.run(ScatteredRows::<5> { of, c }),
            4 => vectors.run(ScatteredRows::<4> { of, c }),
            3 => vectors.run(ScatteredRows::<3> { of, c }),
            2 => vectors.run(ScatteredRows::<2> { of, c }),
            1 => vectors.run(ScatteredRows::<1> { of, c }),
            _ => {}
        }
    }
}

/// `R` rows whose operands [`Scattered::run`] has checked.
struct ScatteredRows<'a, const R: usize> {
    of: Scattered<'a>,
    c: *mut f32,
}

impl<const R: usize> Kernel for ScatteredRows<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let a = std::array::from_fn(|r| self.of.a[r].as_ptr());
        let wide = self.of.columns.next_multiple_of(S::LANES);
        let full = tile_vectors(S::LANES) * S::LANES;
        let mut first = 0;
        while first < wide {
            let vectors = (wide - first).min(full) / S::LANES;
            let b = self.of.b.as_ptr().wrapping_add(first);
            let (c, offsets) = (self.c.wrapping_add(first), self.of.offsets);
            match vectors {
                4 => simd.run(ScatteredTile::<R, 4> { offsets, a, b, c }),
                3 => simd.run(ScatteredTile::<R, 3> { offsets, a, b, c }),
                2 => simd.run(ScatteredTile::<R, 2> { offsets, a, b, c }),
                _ => simd.run(ScatteredTile::<R, 1> { offsets, a, b, c }),
            }
            first += vectors * S::LANES;
        }
    }
}

/// `R` rows and `V` vectors, made by [`ScatteredRows`] alone: `a` are `R` rows of as many elements as there are offsets,
/// `b` has `V` vectors behind each of them, `c` has `R` rows of `V` vectors, [`WIDTH`] apart.
struct ScatteredTile<'a, const R: usize, const V: usize> {
    offsets: &'a [usize],
    a: [*const f32; R],
    b: *const f32,
    c: *mut f32,
}

impl<const R: usize, const V: usize> Kernel for ScatteredTile<'_, R, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let ScatteredTile { offsets, a, b, c } = self;
        let mut acc = [[simd.splat(0.0); V]; R];
        for (step, &offset) in offsets.iter().enumerate() {
            let b = b.wrapping_add(offset);
            let mut columns = [simd.splat(0.0); V];
            for (v, column) in columns.iter_mut().enumerate() {
                // SAFETY: vector `v` behind this offset of `b`.
                *column = unsafe { simd.load_from(b.wrapping_add(v * S::LANES)) };
            }
            for (a, acc) in a.iter().zip(&mut acc) {
                // SAFETY: this step of a row of `a`.
                let x = simd.splat(unsafe { *a.wrapping_add(step) });
                for (acc, &column) in acc.iter_mut().zip(&columns) {
                    *acc = simd.fma(x, column, *acc);
                }
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, &acc) in acc.iter().enumerate() {
                // SAFETY: row `r`, vector `v` of `c`.
                unsafe { simd.store_to(c.wrapping_add(r * WIDTH + v * S::LANES), acc) };
            }
        }
    }
}

/// A strip of `R` rows whose operands [`Strip::run`] has checked.
struct Rows<'a, const R: usize> {
    strip: Strip<'a>,
    steps: Range<usize>,
    c: *mut f32,
}

impl<const R: usize> Kernel for Rows<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Rows { strip, steps, c } = self;
        let a = std::array::from_fn(|r| strip.a[r].as_ptr().wrapping_add(steps.start));
        let wide = strip.columns.next_multiple_of(S::LANES);
        let full = tile_vectors(S::LANES) * S::LANES;
        let mut first = 0;
        while first < wide {
            let vectors = (wide - first).min(full) / S::LANES;
            let offset = first * strip.k + steps.start * vectors * S::LANES;
            let b = strip.panel.as_ptr().wrapping_add(offset);
            let (c, stride) = (c.wrapping_add(first), strip.stride);
            let width = vectors * S::LANES;
            let Ahead { panel, strip: index, strips } = strip.ahead;
            let piece = steps.len() * width;
            let next = if steps.end < strip.k { piece } else { panel };
            let from = b.wrapping_add(next + piece / strips * index);
            let ahead = (from, width.div_ceil(strips));
            let (fresh, steps) = (steps.start == 0, steps.len());
            match vectors {
                4 => simd.run(Tile::<R, 4> { steps, a, b, c, stride, fresh, ahead }),
                3 => simd.run(Tile::<R, 3> { steps, a, b, c, stride, fresh, ahead }),
                2 => simd.run(Tile::<R, 2> { steps, a, b, c, stride, fresh, ahead }),
                _ => simd.run(Tile::<R, 1> { steps, a, b, c, stride, fresh, ahead }),
            }
            first += vectors * S::LANES;
        }
    }
}

/// `R` rows and `V` vectors. Made by [`Rows`] alone: `a` are `R` rows of `steps`, `b` is `steps` times `V` vectors, `c` has
/// `R` rows of `V` vectors, `stride` apart. A function of its own: in one large function the compiler stops inlining
/// vector instructions.
struct Tile<const R: usize, const V: usize> {
    steps: usize,
    a: [*const f32; R],
    b: *const f32,
    c: *mut f32,
    stride: usize,
    fresh: bool,
    /// What to ask for meanwhile: from where, and how far apart.
    ahead: (*const f32, usize),
}

impl<const R: usize, const V: usize> Kernel for Tile<R, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Tile { steps, a, mut b, c, stride, fresh, mut ahead } = self;
        let mut acc = [[simd.splat(0.0); V]; R];
        if !fresh {
            for (r, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: row `r`, vector `v` of `c`.
                    *acc = unsafe { simd.load_from(c.wrapping_add(r * stride + v * S::LANES)) };
                }
            }
        }
        for step in 0..steps {
            let mut columns = [simd.splat(0.0); V];
            for (v, column) in columns.iter_mut().enumerate() {
                // SAFETY: vector `v` of this step of `b`.
                *column = unsafe { simd.load_from(b.wrapping_add(v * S::LANES)) };
            }
            for (a, acc) in a.iter().zip(&mut acc) {
                // SAFETY: this step of a row of `a`.
                let x = simd.splat(unsafe { *a.wrapping_add(step) });
                for (acc, &column) in acc.iter_mut().zip(&columns) {
                    *acc = simd.fma(x, column, *acc);
                }
            }
            simd.fetch(ahead.0);
            ahead.0 = ahead.0.wrapping_add(ahead.1);
            b = b.wrapping_add(V * S::LANES);
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, &acc) in acc.iter().enumerate() {
                // SAFETY: row `r`, vector `v` of `c`.
                unsafe { simd.store_to(c.wrapping_add(r * stride + v * S::LANES), acc) };
            }
        }
    }
}
