//! Matrix products in register tiles: `c [m, n] = a [m, k] x b [k, n]`, then a bias.
//!
//! A tile holds the chains of some rows and columns in registers; k is cut into blocks, and a later block continues the
//! accumulators that the block before stored, so every chain is the one of the rule, k ascending from +0. Columns of `b`
//! are packed into panels as wide as a tile, zeros where the matrix ends; their results are thrown away.

use std::cell::RefCell;

use super::simd::{Kernel, Simd};
use super::threads::Output;
use crate::reference::number::Number;

/// Rows of a tile.
pub(super) const ROWS: usize = 6;
/// Columns of the widest tile: 4 vectors of 16.
const WIDEST_TILE: usize = 64;
/// Columns that are packed at once, a multiple of every tile's width.
pub(super) const COLUMNS: usize = 128;
/// Steps of k that are packed at once.
const BLOCK: usize = if cfg!(test) { 8 } else { 256 };
/// Up to this many rows, `b` is read where it lies: packing would cost more than it saves.
const FEW_ROWS: usize = 4 * ROWS;
/// Steps of k at once where `b` is read where it lies: few enough pages at a time.
const BLOCK_IN_PLACE: usize = if cfg!(test) { 4 } else { 64 };

/// Where the columns of `b` come from.
pub(super) trait Columns: Sync {
    /// `b` itself, row-major with this many elements per row, where it lies in memory like that.
    fn in_place(&self) -> Option<(&[f32], usize)>;

    /// Writes rows `k` of the columns from `first` into `panel`, `width` elements per row; those from `valid` on are
    /// zeros. `panel` has exactly that many elements.
    fn pack(
        &self,
        k: std::ops::Range<usize>,
        first: usize,
        valid: usize,
        width: usize,
        panel: &mut [f32],
    );
}

/// A row-major matrix of `n` columns.
pub(super) struct Matrix<'a> {
    pub b: &'a [f32],
    pub n: usize,
}

impl Columns for Matrix<'_> {
    fn in_place(&self) -> Option<(&[f32], usize)> {
        Some((self.b, self.n))
    }

    fn pack(
        &self,
        k: std::ops::Range<usize>,
        first: usize,
        valid: usize,
        width: usize,
        panel: &mut [f32],
    ) {
        for (k, row) in k.zip(panel.chunks_exact_mut(width)) {
            let (filled, rest) = row.split_at_mut(valid);
            filled.copy_from_slice(&self.b[k * self.n + first..][..valid]);
            rest.fill(0.0);
        }
    }
}

/// What is added to every element at the end.
#[derive(Clone, Copy)]
pub(super) enum Bias<'a> {
    /// Nothing.
    None,
    /// One value per row.
    Rows(&'a [f32]),
    /// One value per column.
    Columns(&'a [f32]),
}

/// One task: rows `rows` and columns `columns` of one product.
pub(super) struct Product<'a, B> {
    /// `[m, k]`, row-major.
    pub a: &'a [f32],
    pub b: &'a B,
    pub k: usize,
    /// Elements per row of `c`.
    pub n: usize,
    /// The output and where `c` starts in it.
    pub c: &'a Output<f32>,
    pub start: usize,
    pub rows: std::ops::Range<usize>,
    pub columns: std::ops::Range<usize>,
    pub bias: Bias<'a>,
}

thread_local! {
    /// Packed panels. Taken out while in use, so that a thread that does something else meanwhile finds a new one.
    static PANELS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Runs a product with tiles of `V` vectors.
pub(super) struct Tiled<'a, B, const V: usize>(pub Product<'a, B>);

impl<B: Columns, const V: usize> Kernel for Tiled<'_, B, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let product = self.0;
        assert!(product.a.len() >= product.rows.end * product.k, "rows of a");
        let mut panels = PANELS.with(RefCell::take);
        panels.resize((BLOCK * COLUMNS).max(panels.len()), 0.0);
        match product.b.in_place() {
            Some((b, n)) if product.rows.len() <= FEW_ROWS => {
                assert!(b.len() >= product.k * n && n >= product.columns.end, "columns of b");
                in_place::<S, B, V>(simd, &product, b, n, &mut panels);
            }
            _ => packed::<S, B, V>(simd, &product, &mut panels),
        }
        finish(simd, &product);
        PANELS.with(|cell| cell.replace(panels));
    }
}

/// Blocks of k; one empty block where k is 0.
#[inline(always)]
fn blocks(k: usize, length: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..k.max(1)).step_by(length).map(move |start| start..k.min(start + length))
}

#[inline(always)]
fn packed<S: Simd, B: Columns, const V: usize>(
    simd: S,
    product: &Product<'_, B>,
    panels: &mut [f32],
) {
    let width = V * S::LANES;
    for first in product.columns.clone().step_by(COLUMNS) {
        let columns = first..product.columns.end.min(first + COLUMNS);
        for k in blocks(product.k, BLOCK) {
            let size = k.len() * width;
            for (i, column) in columns.clone().step_by(width).enumerate() {
                let valid = width.min(columns.end - column);
                product.b.pack(
                    k.clone(),
                    column,
                    valid,
                    width,
                    &mut panels[i * size..(i + 1) * size],
                );
            }
            for row in product.rows.clone().step_by(ROWS) {
                for (i, column) in columns.clone().step_by(width).enumerate() {
                    let b = panels[i * size..(i + 1) * size].as_ptr();
                    let valid = width.min(columns.end - column);
                    let place = Place { row, column, valid, k: k.clone() };
                    // SAFETY: the panel has `k.len()` rows of `width`; see `strip` for `a` and `c`.
                    unsafe { strip::<S, B, V>(simd, product, place, b, width) };
                }
            }
        }
    }
}

#[inline(always)]
fn in_place<S: Simd, B: Columns, const V: usize>(
    simd: S,
    product: &Product<'_, B>,
    b: &[f32],
    n: usize,
    panels: &mut [f32],
) {
    let width = V * S::LANES;
    for k in blocks(product.k, BLOCK_IN_PLACE) {
        for column in product.columns.clone().step_by(width) {
            let valid = width.min(product.columns.end - column);
            let whole = column + width <= n && !k.is_empty();
            let (from, stride) = if whole {
                (b[k.start * n + column..].as_ptr(), n)
            } else {
                let panel = &mut panels[..k.len() * width];
                product.b.pack(k.clone(), column, valid, width, panel);
                (panel.as_ptr(), width)
            };
            for row in product.rows.clone().step_by(ROWS) {
                let place = Place { row, column, valid, k: k.clone() };
                // SAFETY: `b` has rows `k` of `n` elements, `width` of them from `column` on, by the assertion in `run`
                // and the condition above, or the panel has them; see `strip` for `a` and `c`.
                unsafe { strip::<S, B, V>(simd, product, place, from, stride) };
            }
        }
    }
}

/// Where a tile lies in the product, and which steps of k it takes.
struct Place {
    row: usize,
    column: usize,
    /// Columns of the tile that exist.
    valid: usize,
    k: std::ops::Range<usize>,
}

/// The tile at `place`.
///
/// # Safety
/// `b` points to `k.len()` rows of `V` vectors, `stride` elements apart. `a` has been checked to have the product's rows;
/// rows and columns lie in the product's ranges, which this task alone writes.
#[inline(always)]
unsafe fn strip<S: Simd, B: Columns, const V: usize>(
    simd: S,
    product: &Product<'_, B>,
    place: Place,
    b: *const f32,
    stride: usize,
) {
    let width = V * S::LANES;
    let rows = ROWS.min(product.rows.end - place.row);
    let at = |r: usize| product.start + (place.row + r) * product.n + place.column;
    let mut tile = Tile {
        steps: place.k.len(),
        a: product.a.as_ptr().wrapping_add(place.row * product.k + place.k.start),
        a_stride: product.k,
        b,
        b_stride: stride,
        c: product.c.at(at(0)),
        c_stride: product.n,
        first: place.k.start == 0,
    };
    if place.valid == width {
        // The last element of the tile is in the output, hence the ones before.
        product.c.at(at(rows - 1) + width - 1);
        // SAFETY: `a` has `rows` rows from `row` on with elements `k` in each; `b` by this function's contract; `c` is
        // `rows` rows of `width` in the output.
        unsafe { run_tile::<S, V>(simd, tile, rows) };
        return;
    }
    // Columns that do not exist are computed beside the output.
    let mut edge = [0.0; ROWS * WIDEST_TILE];
    if !tile.first {
        for r in 0..rows {
            // SAFETY: this task alone uses these elements, and no other part of them is held here.
            let part = unsafe { product.c.part(at(r), at(r) + place.valid) };
            edge[r * width..][..place.valid].copy_from_slice(part);
        }
    }
    (tile.c, tile.c_stride) = (edge.as_mut_ptr(), width);
    // SAFETY: as above, and `c` is `edge`, which is large enough for every instruction set.
    unsafe { run_tile::<S, V>(simd, tile, rows) };
    for r in 0..rows {
        // SAFETY: as above.
        let part = unsafe { product.c.part(at(r), at(r) + place.valid) };
        part.copy_from_slice(&edge[r * width..][..place.valid]);
    }
}

/// # Safety
/// As for [`Tile::of`], with `rows` rows.
#[inline(always)]
unsafe fn run_tile<S: Simd, const V: usize>(simd: S, tile: Tile, rows: usize) {
    // SAFETY: by this function's contract.
    unsafe {
        match rows {
            6 => simd.run(tile.of::<6, V>()),
            5 => simd.run(tile.of::<5, V>()),
            4 => simd.run(tile.of::<4, V>()),
            3 => simd.run(tile.of::<3, V>()),
            2 => simd.run(tile.of::<2, V>()),
            _ => simd.run(tile.of::<1, V>()),
        }
    }
}

/// A register tile: rows of `a` broadcast, vectors of `b`, chains in registers.
#[derive(Clone, Copy)]
struct Tile {
    steps: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    /// Chains start from +0 instead of `c`.
    first: bool,
}

impl Tile {
    /// The computation for `R` rows and `V` vectors. Each is a function of its own: in one large function the compiler
    /// stops inlining vector instructions.
    ///
    /// # Safety
    /// `a` has `R` rows of `steps`, `b` has `steps` rows of `V` vectors, `c` has `R` rows of `V` vectors, at their
    /// strides, for as long as the result may run.
    #[inline(always)]
    unsafe fn of<const R: usize, const V: usize>(self) -> Chains<R, V> {
        Chains(self)
    }
}

/// A tile whose pointers have been promised to cover `R` rows and `V` vectors.
struct Chains<const R: usize, const V: usize>(Tile);

impl<const R: usize, const V: usize> Kernel for Chains<R, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Tile { steps, mut a, a_stride, mut b, b_stride, c, c_stride, first } = self.0;
        let mut acc = [[simd.splat(0.0); V]; R];
        if !first {
            for (r, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: row `r`, vector `v` of `c`.
                    *acc = unsafe { simd.load_from(c.add(r * c_stride + v * S::LANES)) };
                }
            }
        }
        for _ in 0..steps {
            let mut columns = [simd.splat(0.0); V];
            for (v, column) in columns.iter_mut().enumerate() {
                // SAFETY: vector `v` of this row of `b`.
                *column = unsafe { simd.load_from(b.add(v * S::LANES)) };
            }
            for (r, acc) in acc.iter_mut().enumerate() {
                // SAFETY: this step of row `r` of `a`.
                let x = simd.splat(unsafe { *a.add(r * a_stride) });
                for (acc, &column) in acc.iter_mut().zip(&columns) {
                    *acc = simd.fma(x, column, *acc);
                }
            }
            a = a.wrapping_add(1);
            b = b.wrapping_add(b_stride);
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, &acc) in acc.iter().enumerate() {
                // SAFETY: row `r`, vector `v` of `c`.
                unsafe { simd.store_to(c.add(r * c_stride + v * S::LANES), acc) };
            }
        }
    }
}

/// The bias, and the one quiet NaN.
#[inline(always)]
fn finish<S: Simd, B>(simd: S, product: &Product<'_, B>) {
    let columns = product.columns.clone();
    for row in product.rows.clone() {
        let start = product.start + row * product.n;
        // SAFETY: this task alone uses these elements, and no other part of them is held here.
        let c = unsafe { product.c.part(start + columns.start, start + columns.end) };
        match product.bias {
            Bias::None => finish_row(simd, c, None, None),
            Bias::Rows(bias) => finish_row(simd, c, Some(bias[row]), None),
            Bias::Columns(bias) => finish_row(simd, c, None, Some(&bias[columns.clone()])),
        }
    }
}

#[inline(always)]
fn finish_row<S: Simd>(simd: S, c: &mut [f32], one: Option<f32>, each: Option<&[f32]>) {
    let mut vectors = c.chunks_exact_mut(S::LANES);
    let mut at = 0;
    for part in vectors.by_ref() {
        let mut x = simd.load(part);
        if let Some(bias) = one {
            x = simd.add(x, simd.splat(bias));
        }
        if let Some(bias) = each {
            x = simd.add(x, simd.load(&bias[at..]));
        }
        simd.store(part, simd.settle(x));
        at += S::LANES;
    }
    for (x, i) in vectors.into_remainder().iter_mut().zip(at..) {
        let bias = one.or(each.map(|bias| bias[i]));
        let sum = bias.map_or(*x, |bias| *x + bias);
        *x = sum.settle();
    }
}
