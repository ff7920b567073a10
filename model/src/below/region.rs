//! Regions of a tensor: a product of index sets, one per axis; and the boxes that a run of elements falls into.

use std::ops::Range;

use gainsay_canon::{Tensor, TensorType};

/// Indices along one axis: ascending ranges that do not overlap.
pub(super) type Indices = Vec<Range<u64>>;

/// Per axis a range.
pub(super) type Ranges = Vec<Range<u64>>;

/// A product of index sets, one per axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region(pub(super) Vec<Indices>);

fn length(indices: &Indices) -> u64 {
    indices.iter().map(|range| range.end.saturating_sub(range.start)).sum()
}

impl Region {
    pub(super) fn of(ranges: &[Range<u64>]) -> Self {
        Self(ranges.iter().map(|range| vec![range.clone()]).collect())
    }

    pub(super) fn whole(shape: &[u64]) -> Self {
        Self(shape.iter().map(|extent| vec![0..*extent]).collect())
    }

    /// The extents of the tensor that the region makes up.
    pub(super) fn shape(&self) -> Vec<u64> {
        self.0.iter().map(length).collect()
    }

    /// The runs of elements of a tensor of `shape` that lie next to each other, in order.
    pub(super) fn runs(&self, shape: &[u64]) -> Vec<Range<u64>> {
        if self.0.len() != shape.len() || self.shape().contains(&0) {
            return Vec::new();
        }
        // Axes behind the last one that is not read whole are read in one piece.
        let partial = self.0.iter().zip(shape).rposition(|(at, extent)| length(at) != *extent);
        let whole = partial.map_or(0, |axis| axis + 1);
        let inner: u64 = shape.iter().skip(whole).product();
        let mut runs = vec![0..inner];
        let mut stride = inner;
        for (indices, extent) in self.0.iter().zip(shape).take(whole).rev() {
            let mut next = Vec::with_capacity(runs.len());
            for range in indices {
                if let [only] = runs.as_slice()
                    && only.end - only.start == stride
                {
                    next.push(range.start * stride..range.end * stride);
                    continue;
                }
                for index in range.clone() {
                    let moved =
                        |run: &Range<u64>| run.start + index * stride..run.end + index * stride;
                    next.extend(runs.iter().map(moved));
                }
            }
            runs = next;
            stride *= *extent;
        }
        runs
    }

    /// The tensor that it makes up of one of type `of`, whose bytes are read through `bytes`.
    pub(super) fn cut<'a>(
        &self,
        of: &TensorType,
        bytes: impl Fn(Range<u64>) -> Option<&'a [u8]>,
    ) -> Option<Result<Tensor, gainsay_canon::TensorError>> {
        let size = of.dtype.size_bytes() as u64;
        let mut found = Vec::new();
        for run in self.runs(&of.shape) {
            found.extend_from_slice(bytes(run.start * size..run.end * size)?);
        }
        Some(Tensor::from_bytes(&TensorType::new(of.dtype, self.shape()), &found))
    }
}

/// The boxes that the elements `run` of a tensor of `shape` fall into, in order: the elements of each are a run too.
pub(super) fn boxes(shape: &[u64], run: Range<u64>) -> Vec<Ranges> {
    let mut found = Vec::new();
    split(shape, run, &mut Vec::new(), &mut found);
    found
}

fn split(shape: &[u64], run: Range<u64>, prefix: &mut Ranges, found: &mut Vec<Ranges>) {
    if run.is_empty() {
        return;
    }
    let Some((_, rest)) = shape.split_first() else {
        found.push(prefix.clone());
        return;
    };
    let inner: u64 = rest.iter().product::<u64>().max(1);
    let (first, last) = (run.start / inner, run.end / inner);
    let (head, tail) = (run.start % inner, run.end % inner);
    if first == last {
        return within(rest, (first, head..tail), prefix, found);
    }
    if head > 0 {
        within(rest, (first, head..inner), prefix, found);
    }
    let rows = (if head > 0 { first + 1 } else { first })..last;
    if !rows.is_empty() {
        let whole = rest.iter().map(|extent| 0..*extent);
        found.push(prefix.iter().cloned().chain([rows]).chain(whole).collect());
    }
    if tail > 0 {
        within(rest, (last, 0..tail), prefix, found);
    }
}

/// The boxes of a run within the slab at one index of the outermost axis.
fn within(
    rest: &[u64],
    (index, run): (u64, Range<u64>),
    prefix: &mut Ranges,
    found: &mut Vec<Ranges>,
) {
    prefix.push(index..index + 1);
    split(rest, run, prefix, found);
    prefix.pop();
}
