//! Elementwise operators on a block that lies in the first cache, and its way into the output.
//!
//! A block holds some rows of a result and a range of its columns. Links are applied in small loops of their own: in one
//! large function the compiler stops inlining vector instructions. NaNs are settled once, in the store: every link here
//! turns a NaN into some NaN, and nothing looks at which.

use std::ops::Range;

use super::super::elementwise::{
    Abs, Add, Clamp, Div, Erf, Exp, Gelu, Lanes, Lanes2, Log, Max, Min, Mul, Neg, Recip, Relu,
    Sigmoid, Sqrt, Sub, Tanh,
};
use super::super::simd::{Kernel, Simd, Vectors, WIDEST, Wide};
use super::super::threads::Output;
use super::operand::{Given, Operands};
use super::view::Lines;
use crate::{Binary, Unary};

/// The most rows of a block.
pub(super) const ROWS: usize = 24;

/// One link.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Unary(Unary),
    Clamp(Clamp),
    /// With a constant on the right.
    Scalar(Binary, f32),
    /// With itself.
    Own(Binary),
    /// With the operand at this position on the right.
    Right(Binary, usize),
    /// With the operand at this position on the left.
    Left(Binary, usize),
}

/// Whether there is a vector form.
pub(super) fn has_unary(function: Unary) -> bool {
    use Unary::{Abs, Erf, Exp, Gelu, Log, Neg, Recip, Relu, Sigmoid, Sqrt, Tanh};
    matches!(
        function,
        Neg | Abs | Recip | Sqrt | Exp | Log | Tanh | Sigmoid | Relu | Gelu | Erf | Unary::Silu
    )
}

/// Whether there is a vector form.
pub(super) fn has_binary(function: Binary) -> bool {
    use Binary::{Add, Div, Max, Min, Mul, Sub};
    matches!(function, Add | Sub | Mul | Div | Max | Min)
}

/// What is done with a block of results.
#[derive(Debug)]
pub(super) struct Chain {
    pub actions: Vec<Action>,
    /// The operands of the links.
    pub others: Vec<Given>,
    /// Where results go.
    pub output: Lines,
    /// Whether NaNs are to be settled: something was computed.
    pub computed: bool,
}

/// A row of a result: whose, and which.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub job: usize,
    pub row: usize,
}

/// Some rows of a result, `width` elements apart (a multiple of the widest vector), `columns` of them valid.
pub(super) struct Block<'a> {
    pub values: &'a mut [f32],
    pub width: usize,
    pub rows: &'a [Row],
    pub columns: Range<usize>,
}

/// What a run of a chain reads and writes, per job.
pub(super) struct Run<'a> {
    pub vectors: Vectors,
    pub others: Operands<'a>,
    pub outputs: Vec<Output<f32>>,
}

impl Chain {
    /// Whether the columns of all operands and of the output are equally spaced.
    pub(super) fn is_even(&self) -> bool {
        let others = self.others.iter().map(|other| &other.lines);
        others.chain([&self.output]).all(|lines| lines.step().is_some())
    }

    /// Applies the links and writes the result.
    ///
    /// # Safety
    /// No other task reads or writes these elements of the outputs meanwhile; the outputs are still borrowed and have
    /// the extents that the chain was made for.
    pub(super) unsafe fn finish(&self, run: &Run<'_>, block: Block<'_>, spare: &mut Vec<f32>) {
        let Block { values, width, rows, columns } = block;
        for &action in &self.actions {
            match action {
                Action::Unary(function) => unary(run.vectors, function, values),
                Action::Clamp(clamp) => run.vectors.run(InPlace { values, function: clamp }),
                Action::Scalar(function, value) => {
                    let lines = [Line::One(value); ROWS];
                    pair(
                        run.vectors,
                        function,
                        Pair { values, width, lines: &lines[..rows.len()] },
                    );
                }
                Action::Own(function) => own(run.vectors, function, values),
                Action::Right(function, other) | Action::Left(function, other) => {
                    let lines = &self.others[other].lines;
                    // SAFETY: by this function's contract, where the operand is the output.
                    let (lines, count) =
                        unsafe { read(lines, run, other, rows, columns.clone(), width, spare) };
                    let pairs = Pair { values, width, lines: &lines[..count] };
                    match action {
                        Action::Left(..) => reversed(run.vectors, function, pairs),
                        _ => pair(run.vectors, function, pairs),
                    }
                }
            }
        }
        // SAFETY: by this function's contract.
        unsafe { self.store(run, values, width, rows, columns) };
    }

    /// # Safety
    /// As for [`Chain::finish`].
    unsafe fn store(
        &self,
        run: &Run<'_>,
        values: &mut [f32],
        width: usize,
        rows: &[Row],
        columns: Range<usize>,
    ) {
        if self.output.is_contiguous() {
            for (row, from) in rows.iter().zip(values.chunks_exact(width)) {
                let start = self.output.row(row.row) + columns.start;
                // SAFETY: by this function's contract nobody else has this part.
                let to = unsafe { run.outputs[row.job].part(start, start + columns.len()) };
                run.vectors.run(Store { from, to, settle: self.computed });
            }
            return;
        }
        if self.computed {
            run.vectors.run(InPlace { values, function: Settle });
        }
        for (row, from) in rows.iter().zip(values.chunks_exact(width)) {
            let start = self.output.row(row.row);
            let mut column = columns.start;
            while column < columns.end {
                let (count, step) = self.output.run(column, columns.end - column);
                let at = start.wrapping_add_signed(self.output.column(column));
                let from = &from[column - columns.start..][..count];
                for (i, &value) in from.iter().enumerate() {
                    let to = at.wrapping_add_signed(i as isize * step);
                    // SAFETY: as above.
                    let to = unsafe { run.outputs[row.job].part(to, to + 1) };
                    to[0] = value;
                }
                column += count;
            }
        }
    }
}

/// An operand along one row of a block.
#[derive(Clone, Copy)]
enum Line<'a> {
    One(f32),
    Each(&'a [f32]),
}

/// The lines of an operand under a block, copied to `spare` where vectors cannot read them in place.
///
/// # Safety
/// As for [`Chain::finish`].
unsafe fn read<'a>(
    lines: &Lines,
    run: &Run<'a>,
    other: usize,
    rows: &[Row],
    columns: Range<usize>,
    width: usize,
    spare: &'a mut Vec<f32>,
) -> ([Line<'a>; ROWS], usize) {
    let mut found = [Line::One(0.0); ROWS];
    let whole = columns.len() == width && lines.is_contiguous();
    let single = lines.step() == Some(0);
    if !whole && !single {
        spare.clear();
        spare.resize(rows.len() * width, 0.0);
        for (row, to) in rows.iter().zip(spare.chunks_exact_mut(width)) {
            // SAFETY: by this function's contract.
            unsafe { run.others.copy(other, row.job, lines, row.row, columns.clone(), to) };
        }
    }
    let spare: &'a [f32] = spare;
    for (i, (row, found)) in rows.iter().zip(&mut found).enumerate() {
        let start = lines.row(row.row);
        *found = if single {
            // SAFETY: by this function's contract.
            Line::One(unsafe { run.others.slice(other, row.job, start, 1) }[0])
        } else if whole {
            // SAFETY: by this function's contract.
            Line::Each(unsafe { run.others.slice(other, row.job, start + columns.start, width) })
        } else {
            Line::Each(&spare[i * width..(i + 1) * width])
        };
    }
    (found, rows.len())
}

/// `x * sigmoid(x)`.
#[derive(Clone, Copy)]
struct Silu;

impl Lanes for Silu {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        s.mul(x, super::super::elementary::sigmoid(s, x))
    }
}

/// The one quiet NaN.
#[derive(Clone, Copy)]
pub(super) struct Settle;

impl Lanes for Settle {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        s.settle(x)
    }
}

/// `x = f(x)` for whole vectors.
pub(super) struct InPlace<'a, F> {
    pub values: &'a mut [f32],
    pub function: F,
}

impl<F: Lanes> Kernel for InPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Four at a time: see `Wide`.
        let wide = Wide::<S, 4>(s);
        let mut parts = self.values.chunks_exact_mut(4 * S::LANES);
        for part in parts.by_ref() {
            let result = self.function.apply(wide, wide.load(part));
            wide.store(part, result);
        }
        for part in parts.into_remainder().chunks_exact_mut(S::LANES) {
            let result = self.function.apply(s, s.load(part));
            s.store(part, result);
        }
    }
}

fn unary(vectors: Vectors, function: Unary, values: &mut [f32]) {
    macro_rules! cases {
        ($($name:ident)*) => {
            match function {
                $(Unary::$name => vectors.run(InPlace { values, function: $name }),)*
                _ => {}
            }
        };
    }
    cases!(Neg Abs Recip Sqrt Exp Log Tanh Sigmoid Relu Gelu Erf Silu);
}

/// `x = f(x, line)`.
struct Pair<'a> {
    values: &'a mut [f32],
    width: usize,
    lines: &'a [Line<'a>],
}

struct PairOf<'a, F>(Pair<'a>, F);

impl<F: Lanes2> Kernel for PairOf<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let PairOf(Pair { values, width, lines }, function) = self;
        for (line, values) in lines.iter().zip(values.chunks_exact_mut(width)) {
            match line {
                Line::One(value) => {
                    let value = s.splat(*value);
                    for part in values.chunks_exact_mut(S::LANES) {
                        let result = function.apply(s, s.load(part), value);
                        s.store(part, result);
                    }
                }
                Line::Each(line) => {
                    let parts = values.chunks_exact_mut(S::LANES).zip(line.chunks_exact(S::LANES));
                    for (part, line) in parts {
                        let result = function.apply(s, s.load(part), s.load(line));
                        s.store(part, result);
                    }
                }
            }
        }
    }
}

/// The operands the other way round.
#[derive(Clone, Copy)]
struct Reversed<F>(F);

impl<F: Lanes2> Lanes2 for Reversed<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F {
        self.0.apply(s, b, a)
    }
}

/// Both operands the same.
#[derive(Clone, Copy)]
struct Both<F>(F);

impl<F: Lanes2> Lanes for Both<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        self.0.apply(s, x, x)
    }
}

fn pair(vectors: Vectors, function: Binary, pairs: Pair<'_>) {
    match function {
        Binary::Add => vectors.run(PairOf(pairs, Add)),
        Binary::Sub => vectors.run(PairOf(pairs, Sub)),
        Binary::Mul => vectors.run(PairOf(pairs, Mul)),
        Binary::Div => vectors.run(PairOf(pairs, Div)),
        Binary::Max => vectors.run(PairOf(pairs, Max)),
        Binary::Min => vectors.run(PairOf(pairs, Min)),
        _ => {}
    }
}

fn reversed(vectors: Vectors, function: Binary, pairs: Pair<'_>) {
    match function {
        Binary::Sub => vectors.run(PairOf(pairs, Reversed(Sub))),
        Binary::Div => vectors.run(PairOf(pairs, Reversed(Div))),
        _ => pair(vectors, function, pairs),
    }
}

fn own(vectors: Vectors, function: Binary, values: &mut [f32]) {
    match function {
        Binary::Add => vectors.run(InPlace { values, function: Both(Add) }),
        Binary::Sub => vectors.run(InPlace { values, function: Both(Sub) }),
        Binary::Mul => vectors.run(InPlace { values, function: Both(Mul) }),
        Binary::Div => vectors.run(InPlace { values, function: Both(Div) }),
        Binary::Max => vectors.run(InPlace { values, function: Both(Max) }),
        Binary::Min => vectors.run(InPlace { values, function: Both(Min) }),
        _ => {}
    }
}

/// Copies as many elements as `to` has.
struct Store<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
    settle: bool,
}

impl Kernel for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Store { from, to, settle } = self;
        if !settle {
            to.copy_from_slice(&from[..to.len()]);
            return;
        }
        let mut to = to.chunks_exact_mut(S::LANES);
        let mut from = from.chunks_exact(S::LANES);
        for to in to.by_ref() {
            if let Some(from) = from.next() {
                s.store(to, s.settle(s.load(from)));
            }
        }
        if let (rest @ [_, ..], Some(from)) = (to.into_remainder(), from.next()) {
            let mut last = [0.0; WIDEST];
            s.store(&mut last, s.settle(s.load(from)));
            let count = rest.len();
            rest.copy_from_slice(&last[..count]);
        }
    }
}
