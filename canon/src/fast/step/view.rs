//! Tensors seen through movement operators, as strides instead of copies.
//!
//! An axis of a view is a list of parts, because a reshape may join axes that do not follow each other in memory (the
//! heads of an attention, say). A view of a tensor without elements is never made.

use crate::Operator;

/// A run of equally spaced elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub extent: usize,
    pub stride: isize,
}

/// Where each element of a shape lies in a tensor.
#[derive(Clone, Debug)]
pub(super) struct View {
    start: usize,
    /// Per axis its parts, outermost first; parts of extent 1 are left out.
    axes: Vec<Vec<Part>>,
}

impl View {
    /// All of a row-major tensor; nothing if it has no elements.
    pub(super) fn of(shape: &[u64]) -> Option<View> {
        let mut stride = 1;
        let mut axes: Vec<Vec<Part>> = Vec::with_capacity(shape.len());
        for &extent in shape.iter().rev() {
            let extent = extent as usize;
            axes.push(axis(extent, stride));
            stride *= extent as isize;
        }
        axes.reverse();
        (stride != 0).then_some(View { start: 0, axes })
    }

    /// The view after a movement operator; nothing where strides cannot say it.
    pub(super) fn through(self, operator: &Operator) -> Option<View> {
        match operator {
            Operator::Reshape { shape } => self.reshaped(shape),
            Operator::Permute { axes } => {
                let axes = axes.iter().map(|&from| self.axes.get(usize::from(from)).cloned());
                Some(View { start: self.start, axes: axes.collect::<Option<_>>()? })
            }
            Operator::Expand { shape } => self.expanded(shape),
            Operator::Slice { ranges } => {
                let mut view = self;
                for (parts, range) in view.axes.iter_mut().zip(ranges) {
                    let extent = extent(parts) as u64;
                    if (range.start, range.end, range.step) == (0, extent, 1)
                        || range.start >= range.end
                    {
                        if range.start >= range.end {
                            return None;
                        }
                        continue;
                    }
                    let merged = merged(parts.iter().copied());
                    let stride = match merged.as_slice() {
                        [] => 0,
                        [one] => one.stride,
                        _ => return None,
                    };
                    let first = if range.step > 0 { range.start } else { range.end - 1 };
                    view.start = view.start.checked_add_signed(first as isize * stride)?;
                    let count = (range.end - range.start).div_ceil(range.step.unsigned_abs());
                    let step = if count > 1 { range.step as isize } else { 1 };
                    *parts = axis(count as usize, stride * step);
                }
                Some(view)
            }
            _ => None,
        }
    }

    /// The view of what `operator` was applied to, where this is the view of its result; `shape` is that of its operand.
    pub(super) fn before(self, operator: &Operator, shape: &[u64]) -> Option<View> {
        match operator {
            Operator::Reshape { .. } => self.reshaped(shape),
            Operator::Permute { axes } => {
                let mut original = vec![Vec::new(); axes.len()];
                for (parts, &from) in self.axes.into_iter().zip(axes) {
                    *original.get_mut(usize::from(from))? = parts;
                }
                Some(View { start: self.start, axes: original })
            }
            _ => None,
        }
    }

    /// The same elements in the same order under another shape.
    fn reshaped(self, shape: &[u64]) -> Option<View> {
        let mut rest: Vec<Part> = self.axes.into_iter().flatten().rev().collect();
        let mut axes = Vec::with_capacity(shape.len());
        for &extent in shape {
            let mut wanted = extent as usize;
            let mut parts = Vec::new();
            while wanted > 1 {
                let part = rest.pop()?;
                if wanted.is_multiple_of(part.extent) {
                    wanted /= part.extent;
                    parts.push(part);
                } else if part.extent.is_multiple_of(wanted) {
                    let inner = part.extent / wanted;
                    rest.push(Part { extent: inner, stride: part.stride });
                    parts.push(Part { extent: wanted, stride: part.stride * inner as isize });
                    wanted = 1;
                } else {
                    return None;
                }
            }
            axes.push(parts);
        }
        rest.is_empty().then_some(View { start: self.start, axes })
    }

    /// Repeated along axes of extent 1 and new leading axes.
    pub(super) fn expanded(self, shape: &[u64]) -> Option<View> {
        let missing = shape.len().checked_sub(self.axes.len())?;
        let old = std::iter::repeat_n(None, missing).chain(self.axes.into_iter().map(Some));
        let axes = shape.iter().zip(old).map(|(&wanted, parts)| match parts {
            Some(parts) if extent(&parts) == wanted as usize => parts,
            _ => axis(wanted as usize, 0),
        });
        Some(View { start: self.start, axes: axes.collect() })
    }

    /// Cut into lines: the last `inner` axes are the columns, the others count rows.
    pub(super) fn lines(&self, inner: usize) -> Lines {
        let (rows, columns) = self.axes.split_at(self.axes.len().saturating_sub(inner));
        Lines {
            start: self.start,
            rows: merged(rows.iter().flatten().copied()),
            columns: merged(columns.iter().flatten().copied()),
        }
    }
}

fn axis(extent: usize, stride: isize) -> Vec<Part> {
    if extent == 1 { Vec::new() } else { vec![Part { extent, stride }] }
}

fn extent(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.extent).product()
}

/// Parts that continue each other made one.
fn merged(parts: impl Iterator<Item = Part>) -> Vec<Part> {
    let mut result: Vec<Part> = Vec::new();
    for part in parts.filter(|part| part.extent != 1) {
        match result.last_mut() {
            Some(above) if above.stride == part.stride * part.extent as isize => {
                *above = Part { extent: above.extent * part.extent, stride: part.stride };
            }
            _ => result.push(part),
        }
    }
    result
}

/// A view as rows of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    start: usize,
    rows: Vec<Part>,
    columns: Vec<Part>,
}

fn offset(parts: &[Part], mut index: usize) -> isize {
    if let [one] = parts {
        return index as isize * one.stride;
    }
    let mut offset = 0;
    for part in parts.iter().rev() {
        offset += (index % part.extent) as isize * part.stride;
        index /= part.extent;
    }
    offset
}

impl Lines {
    /// Where a row starts.
    #[inline]
    pub(super) fn row(&self, row: usize) -> usize {
        self.start.wrapping_add_signed(offset(&self.rows, row))
    }

    /// Where the first of some rows starts and the distance of the others, if that is always the same.
    pub(super) fn regular(&self, first: usize, count: usize) -> Option<(usize, usize)> {
        let Some(inner) = self.rows.last() else { return Some((self.start, 0)) };
        let step = usize::try_from(inner.stride).ok()?;
        (first % inner.extent + count <= inner.extent).then(|| (self.row(first), step))
    }

    /// Where a column lies behind the start of its row.
    pub(super) fn column(&self, column: usize) -> isize {
        offset(&self.columns, column)
    }

    /// The distance of neighbouring columns, where there is only one.
    #[inline]
    pub(super) fn step(&self) -> Option<isize> {
        match self.columns.as_slice() {
            [] => Some(0),
            [one] => Some(one.stride),
            _ => None,
        }
    }

    /// Whether each row lies in memory as it is.
    pub(super) fn is_contiguous(&self) -> bool {
        matches!(self.columns.as_slice(), [] | [Part { stride: 1, .. }])
    }

    /// The columns from `from` on that are equally spaced: how many, up to `count`, and their distance.
    pub(super) fn run(&self, from: usize, count: usize) -> (usize, isize) {
        match self.columns.last() {
            None => (count, 0),
            Some(part) => (count.min(part.extent - from % part.extent), part.stride),
        }
    }
}
