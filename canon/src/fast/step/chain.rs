//! Elementwise operators on a block that lies in the first cache, and its way into the output.
//!
//! A block holds some rows of a result and a range of its columns. Links are applied in small loops of their own: in one
//! large function the compiler stops inlining vector instructions. The last one writes to the output; every link settles
//! its NaNs itself.

use std::ops::Range;

use super::super::elementwise::*;
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
    /// Nothing but the one quiet NaN.
    Settle,
}

/// Whether there is a form for `f32`.
pub(super) fn has_unary(function: Unary) -> bool {
    !matches!(function, Unary::Not | Unary::BitNot)
}

/// Whether there is a form for `f32`.
pub(super) fn has_binary(function: Binary) -> bool {
    use Binary::{Add, Atan2, Div, Hypot, Max, Min, Mul, Pow, Rem, Sub};
    matches!(function, Add | Sub | Mul | Div | Max | Min | Rem | Pow | Atan2 | Hypot)
}

/// What is done with a block of results.
#[derive(Debug)]
pub(super) struct Chain {
    pub actions: Vec<Action>,
    /// The operands of the links.
    pub others: Vec<Given>,
    /// Where results go.
    pub output: Lines,
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
        // The last link writes to the output, where whole vectors do.
        let direct = self.output.is_contiguous()
            && columns.len().is_multiple_of(WIDEST)
            && !self.actions.is_empty();
        let starts = Starts::of(&self.output, rows);
        let mut place = Place {
            from: values.as_mut_ptr(),
            width,
            count: width,
            to: [std::ptr::null_mut(); ROWS],
            rows: rows.len(),
        };
        for (i, &action) in self.actions.iter().enumerate() {
            let last = direct && i + 1 == self.actions.len();
            // Operands first: one may be the output.
            let lines = match action {
                Action::Right(_, other) | Action::Left(_, other) => {
                    let lines = &self.others[other].lines;
                    // SAFETY: by this function's contract, where the operand is the output.
                    unsafe { read(lines, run, other, rows, columns.clone(), width, spare) }
                }
                Action::Scalar(_, value) => [Line::One(value); ROWS],
                _ => [Line::One(0.0); ROWS],
            };
            for (r, (row, to)) in rows.iter().zip(&mut place.to).enumerate() {
                *to = if last {
                    let start = starts.at(r, row.row) + columns.start;
                    // SAFETY: by this function's contract nobody else has this part.
                    unsafe { run.outputs[row.job].part(start, start + columns.len()) }.as_mut_ptr()
                } else {
                    place.from.wrapping_add(r * width)
                };
            }
            place.count = if last { columns.len() } else { width };
            apply(run.vectors, action, place, &lines[..rows.len()]);
        }
        if !direct {
            // SAFETY: by this function's contract.
            unsafe { self.store(run, values, width, rows, columns) };
        }
    }

    /// # Safety
    /// As for [`Chain::finish`].
    unsafe fn store(
        &self,
        run: &Run<'_>,
        values: &[f32],
        width: usize,
        rows: &[Row],
        columns: Range<usize>,
    ) {
        for (row, from) in rows.iter().zip(values.chunks_exact(width)) {
            let start = self.output.row(row.row);
            let mut column = columns.start;
            while column < columns.end {
                let (count, step) = self.output.run(column, columns.end - column);
                let at = start.wrapping_add_signed(self.output.column(column));
                let from = &from[column - columns.start..][..count];
                column += count;
                if step == 1 || count == 1 {
                    // SAFETY: by this function's contract nobody else has this part.
                    unsafe { run.outputs[row.job].part(at, at + count) }.copy_from_slice(from);
                    continue;
                }
                for (i, &value) in from.iter().enumerate() {
                    let to = at.wrapping_add_signed(i as isize * step);
                    // SAFETY: as above.
                    unsafe { run.outputs[row.job].part(to, to + 1) }.fill(value);
                }
            }
        }
    }
}

/// Where rows start: computed once where they are equally far apart.
struct Starts<'a> {
    lines: &'a Lines,
    regular: Option<(usize, usize)>,
}

impl<'a> Starts<'a> {
    fn of(lines: &'a Lines, rows: &[Row]) -> Starts<'a> {
        let regular = match rows {
            // Rows of one job that follow each other.
            [first, .., last]
                if first.job == last.job && last.row + 1 == first.row + rows.len() =>
            {
                lines.regular(first.row, rows.len())
            }
            _ => None,
        };
        Starts { lines, regular }
    }

    #[inline]
    fn at(&self, index: usize, row: usize) -> usize {
        match self.regular {
            Some((start, step)) => start + index * step,
            None => self.lines.row(row),
        }
    }
}

/// An operand along one row of a block: one value, or as many as the block is wide.
#[derive(Clone, Copy)]
enum Line {
    One(f32),
    Each(*const f32),
}

/// The lines of an operand under a block, copied to `spare` where vectors cannot read them in place.
///
/// # Safety
/// As for [`Chain::finish`].
unsafe fn read(
    lines: &Lines,
    run: &Run<'_>,
    other: usize,
    rows: &[Row],
    columns: Range<usize>,
    width: usize,
    spare: &mut Vec<f32>,
) -> [Line; ROWS] {
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
    let starts = Starts::of(lines, rows);
    for (i, (row, found)) in rows.iter().zip(&mut found).enumerate() {
        let start = starts.at(i, row.row);
        *found = if single {
            // SAFETY: by this function's contract.
            Line::One(unsafe { run.others.slice(other, row.job, start, 1) }[0])
        } else if whole {
            // SAFETY: by this function's contract.
            let line = unsafe { run.others.slice(other, row.job, start + columns.start, width) };
            Line::Each(line.as_ptr())
        } else {
            Line::Each(spare[i * width..(i + 1) * width].as_ptr())
        };
    }
    found
}

/// The rows that a link reads, `width` apart, and where it writes them: `count` elements, whole vectors of the widest kind.
#[derive(Clone, Copy)]
struct Place {
    from: *mut f32,
    width: usize,
    count: usize,
    to: [*mut f32; ROWS],
    rows: usize,
}

/// Applies a link.
fn apply(vectors: Vectors, action: Action, place: Place, lines: &[Line]) {
    match action {
        Action::Settle => vectors.run(One { place, function: Settle }),
        Action::Clamp(clamp) => vectors.run(One { place, function: clamp }),
        Action::Unary(function) => unary(vectors, function, place),
        Action::Scalar(function, _) | Action::Right(function, _) => {
            binary(vectors, function, place, lines);
        }
        Action::Own(function) => {
            let mut own = [Line::One(0.0); ROWS];
            for (r, line) in own[..place.rows].iter_mut().enumerate() {
                *line = Line::Each(place.from.wrapping_add(r * place.width));
            }
            binary(vectors, function, place, &own[..place.rows]);
        }
        Action::Left(function, _) => match function {
            Binary::Sub => vectors.run(Two { place, lines, function: Reversed(Sub) }),
            Binary::Div => vectors.run(Two { place, lines, function: Reversed(Div) }),
            Binary::Pow | Binary::Rem | Binary::Atan2 => {
                rare_binary(vectors, function, place, lines, Side::Left)
            }
            _ => binary(vectors, function, place, lines),
        },
    }
}

/// The one quiet NaN.
#[derive(Clone, Copy)]
struct Settle;

impl Lanes for Settle {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        s.settle(x)
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

/// A function of one vector.
struct One<F> {
    place: Place,
    function: F,
}

impl<F: Lanes> Kernel for One<F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for r in 0..self.place.rows {
            let (from, to) = (self.place.from.wrapping_add(r * self.place.width), self.place.to[r]);
            for at in (0..self.place.count).step_by(S::LANES) {
                // SAFETY: `apply` is called with whole vectors of both.
                unsafe {
                    let x = s.load_from(from.wrapping_add(at));
                    s.store_to(to.wrapping_add(at), self.function.apply(s, x));
                }
            }
        }
    }
}

/// The same, several vectors at a time: see [`Wide`]. For long sequences in `f32`.
struct Several<F>(One<F>);

impl<F: Lanes> Kernel for Several<F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let One { place, function } = self.0;
        let wide = Wide::<S, 4>(s);
        for r in 0..place.rows {
            let (from, to) = (place.from.wrapping_add(r * place.width), place.to[r]);
            let fours = place.count / (4 * S::LANES) * (4 * S::LANES);
            for at in (0..fours).step_by(4 * S::LANES) {
                // SAFETY: `apply` is called with whole vectors of both.
                unsafe {
                    let x = wide.load_from(from.wrapping_add(at));
                    wide.store_to(to.wrapping_add(at), function.apply(wide, x));
                }
            }
            for at in (fours..place.count).step_by(S::LANES) {
                // SAFETY: as above.
                unsafe {
                    let x = s.load_from(from.wrapping_add(at));
                    s.store_to(to.wrapping_add(at), function.apply(s, x));
                }
            }
        }
    }
}

/// A function of two vectors.
struct Two<'a, F> {
    place: Place,
    lines: &'a [Line],
    function: F,
}

impl<F: Lanes2> Kernel for Two<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Two { place, lines, function } = self;
        for (r, line) in lines.iter().enumerate() {
            let (from, to) = (place.from.wrapping_add(r * place.width), place.to[r]);
            match *line {
                Line::One(value) => {
                    let value = s.splat(value);
                    for at in (0..place.count).step_by(S::LANES) {
                        // SAFETY: `apply` is called with whole vectors of both.
                        unsafe {
                            let x = s.load_from(from.wrapping_add(at));
                            s.store_to(to.wrapping_add(at), function.apply(s, x, value));
                        }
                    }
                }
                Line::Each(line) => {
                    for at in (0..place.count).step_by(S::LANES) {
                        // SAFETY: as above; a line is as wide as the block.
                        unsafe {
                            let x = s.load_from(from.wrapping_add(at));
                            let y = s.load_from(line.wrapping_add(at));
                            s.store_to(to.wrapping_add(at), function.apply(s, x, y));
                        }
                    }
                }
            }
        }
    }
}

fn unary(vectors: Vectors, function: Unary, place: Place) {
    macro_rules! cases {
        ($($name:ident)*; $($long:ident)*) => {
            match function {
                $(Unary::$name => vectors.run(One { place, function: $name }),)*
                $(Unary::$long => vectors.run(Several(One { place, function: $long })),)*
                _ => rare_unary(vectors, function, place),
            }
        };
    }
    cases!(Neg Abs Recip Sqrt Relu; Exp Erf Gelu);
}

fn binary(vectors: Vectors, function: Binary, place: Place, lines: &[Line]) {
    macro_rules! cases {
        ($($name:ident)*) => {
            match function {
                $(Binary::$name => vectors.run(Two { place, lines, function: $name }),)*
                _ => rare_binary(vectors, function, place, lines, Side::Right),
            }
        };
    }
    cases!(Add Sub Mul Div Max Min);
}

/// The rows that a link reads, as vectors of their own.
fn copied(place: &Place) -> impl Iterator<Item = (Vec<f32>, *mut f32)> {
    let (from, width, count) = (place.from, place.width, place.count);
    place.to.into_iter().take(place.rows).enumerate().map(move |(r, to)| {
        // SAFETY: a link reads rows of `count` elements; nothing writes them meanwhile.
        let row = unsafe { std::slice::from_raw_parts(from.wrapping_add(r * width), count) };
        (row.to_vec(), to)
    })
}

/// Functions that are rarely links, in the loops that they have as operators.
fn rare_unary(vectors: Vectors, function: Unary, place: Place) {
    for (row, to) in copied(&place) {
        // SAFETY: a link writes rows of `count` elements, which nobody else has.
        let to = unsafe { std::slice::from_raw_parts_mut(to, place.count) };
        macro_rules! cases {
            ($($name:ident)*) => {
                match function {
                    $(Unary::$name => vectors.run(Map { x: &row, y: to, function: $name }),)*
                    _ => {}
                }
            };
        }
        cases!(Log Tanh Sigmoid Log1p Expm1 Sin Cos Tan Sinh Cosh Asin Acos Atan Asinh Acosh Atanh
            Floor Ceil Trunc Round Sign Rsqrt Silu LogSigmoid);
    }
}

/// On which side of the chain the other operand stands.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

/// As [`rare_unary`].
fn rare_binary(vectors: Vectors, function: Binary, place: Place, lines: &[Line], side: Side) {
    for ((row, to), line) in copied(&place).zip(lines) {
        let other = match *line {
            Line::One(value) => vec![value; place.count],
            // SAFETY: a line is as wide as the block; nothing writes it meanwhile.
            Line::Each(line) => unsafe { std::slice::from_raw_parts(line, place.count) }.to_vec(),
        };
        let (a, b) = if side == Side::Left { (&other, &row) } else { (&row, &other) };
        // SAFETY: a link writes rows of `count` elements, which nobody else has.
        let y = unsafe { std::slice::from_raw_parts_mut(to, place.count) };
        match function {
            Binary::Rem => vectors.run(Map2 { a, b, y, function: Rem }),
            Binary::Pow => vectors.run(Map2 { a, b, y, function: Pow }),
            Binary::Atan2 => vectors.run(Map2 { a, b, y, function: Atan2 }),
            Binary::Hypot => vectors.run(Map2 { a, b, y, function: Hypot }),
            _ => {}
        }
    }
}
