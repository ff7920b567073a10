//! Reductions over axes.
//!
//! Sums and products are 16 strided partial results (element i goes to lane i mod 16, each lane in ascending order),
//! joined by a fixed tree. Several axes are flattened row-major.

use super::number::Number;
use super::{Call, each_index, offset};
use crate::shape::{extents, strides};
use crate::tensor::Data;
use crate::{Extreme, OperatorError, Reduction, Tensor};

type Computed = Result<Data, OperatorError>;

/// The number of partial results.
pub(crate) const LANES: usize = 16;

/// Joins the lanes: `(l, l + 8)`, `(l, l + 4)`, `(l, l + 2)`, `(l, l + 1)`.
pub(super) fn tree<N: Number>(mut lanes: [N; LANES], join: impl Fn(N, N) -> N) -> N {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}

/// Reduces elements in logical order.
fn reduce<N: Number>(elements: impl Iterator<Item = N>, start: N, join: impl Fn(N, N) -> N) -> N {
    let mut lanes = [start; LANES];
    for (i, element) in elements.enumerate() {
        lanes[i % LANES] = join(lanes[i % LANES], element);
    }
    tree(lanes, join)
}

/// The sum in the fixed order, from +0.
pub(super) fn sum<N: Number>(elements: impl Iterator<Item = N>) -> N {
    reduce(elements, N::ZERO, N::add)
}

/// The largest element, NaN if there is one; nothing for no elements.
pub(super) fn largest<N: Number>(elements: impl Iterator<Item = N>) -> Option<N> {
    elements.reduce(N::larger)
}

/// One reduction of one row. Maximum and minimum of an empty row are refused by inference.
fn reduced<N: Number>(function: Reduction, row: &[N]) -> N {
    let elements = row.iter().copied();
    let result = match function {
        Reduction::Sum => sum(elements),
        Reduction::Product => reduce(elements, N::ONE, N::mul),
        Reduction::Mean => sum(elements).div(N::from_count(row.len())),
        Reduction::Max => largest(elements).unwrap_or(N::ZERO),
        Reduction::Min => elements.reduce(N::smaller).unwrap_or(N::ZERO),
    };
    result.settle()
}

/// Index of the first NaN, else of the first extreme.
fn arg<N: Number>(extreme: Extreme, row: &[N]) -> i64 {
    if let Some(nan) = row.iter().position(|x| x.is_nan()) {
        return nan as i64;
    }
    let mut best = 0;
    for i in 1..row.len() {
        let better = match extreme {
            Extreme::Max => row[best].below(row[i]),
            Extreme::Min => row[i].below(row[best]),
        };
        if better {
            best = i;
        }
    }
    best as i64
}

/// The shape of a tensor cut in two: axes that stay and axes that are gone through.
pub(super) struct Rows {
    kept: Vec<usize>,
    kept_strides: Vec<usize>,
    walked: Vec<usize>,
    walked_strides: Vec<usize>,
}

impl Rows {
    pub(super) fn new(x: &Tensor, axes: &[usize]) -> Rows {
        let shape = extents(x.shape());
        let all = strides(&shape);
        let part = |of: &[usize], wanted: bool| {
            let chosen = (0..of.len()).filter(|axis| axes.contains(axis) == wanted);
            chosen.map(|axis| of[axis]).collect::<Vec<usize>>()
        };
        Rows {
            kept: part(&shape, false),
            kept_strides: part(&all, false),
            walked: part(&shape, true),
            walked_strides: part(&all, true),
        }
    }

    /// Calls `visit` with the row of every kept index, in row-major order, elements in logical order.
    pub(super) fn each<T: Copy>(&self, x: &[T], mut visit: impl FnMut(&[T])) {
        let mut row = Vec::with_capacity(self.walked.iter().product());
        each_index(&self.kept, |kept| {
            let start = offset(kept, &self.kept_strides);
            row.clear();
            each_index(&self.walked, |walked| {
                row.push(x[start + offset(walked, &self.walked_strides)])
            });
            visit(&row);
        });
    }

    fn map<T: Copy, U>(&self, x: &[T], function: impl Fn(&[T]) -> U) -> Vec<U> {
        let mut result = Vec::with_capacity(self.kept.iter().product());
        self.each(x, |row| result.push(function(row)));
        result
    }
}

/// `$body` for any number type, wrapped by `$wrap`.
macro_rules! numbers {
    ($data:expr, $wrap:ident, $v:ident => $body:expr, $other:expr) => {
        match $data {
            Data::F32($v) => $wrap!(F32, $body),
            Data::F64($v) => $wrap!(F64, $body),
            Data::I8($v) => $wrap!(I8, $body),
            Data::I16($v) => $wrap!(I16, $body),
            Data::I32($v) => $wrap!(I32, $body),
            Data::I64($v) => $wrap!(I64, $body),
            Data::U8($v) => $wrap!(U8, $body),
            Data::U16($v) => $wrap!(U16, $body),
            Data::U32($v) => $wrap!(U32, $body),
            Data::U64($v) => $wrap!(U64, $body),
            Data::F16(_) | Data::BF16(_) | Data::Bool(_) => $other,
        }
    };
}
macro_rules! same {
    ($variant:ident, $body:expr) => {
        Data::$variant($body)
    };
}
macro_rules! indices {
    ($variant:ident, $body:expr) => {
        Data::I64($body)
    };
}

impl Call<'_> {
    pub(super) fn reduce(&self, function: Reduction, axes: &[u8]) -> Computed {
        let x = self.operand(0)?;
        let axes: Vec<usize> = axes.iter().copied().map(usize::from).collect();
        let rows = Rows::new(x, &axes);
        if let Data::Bool(v) = x.data() {
            // Maximum and minimum only.
            return Ok(Data::Bool(rows.map(v, |row| reduced(function, row))));
        }
        Ok(numbers!(
            x.data(), same,
            v => rows.map(v, |row| reduced(function, row)),
            return Err(self.unsupported(x))
        ))
    }

    pub(super) fn arg(&self, extreme: Extreme, axis: usize) -> Computed {
        let x = self.operand(0)?;
        let rows = Rows::new(x, &[axis]);
        if let Data::Bool(v) = x.data() {
            return Ok(Data::I64(rows.map(v, |row| arg(extreme, row))));
        }
        Ok(
            numbers!(x.data(), indices, v => rows.map(v, |row| arg(extreme, row)), return Err(self.unsupported(x))),
        )
    }
}
