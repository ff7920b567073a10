//! What a box of an operator's result reads, and the smaller operator that computes it.
//!
//! A [`Piece`] is that operator on regions of the operands, and what of its result is the box. The chains and lanes of
//! canonical arithmetic run along axes that a piece reads whole, so that its bits are those of the whole operator. What has
//! no rule here is judged whole; a rule that read too little would not compute, and one that read too much costs bytes.

use std::ops::Range;

use gainsay_canon::{DType, Operator, Scalar, SliceRange, TensorType};

use super::contraction;
use super::region::{Indices, Ranges, Region};

/// How a step is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedBy {
    /// By one chunk of its result.
    Chunk,
    /// From all of its operands.
    Whole,
}

impl JudgedBy {
    /// How a step with this operator is judged.
    pub fn of(operator: &Operator) -> Self {
        match operator {
            Operator::GatherNd
            | Operator::Scatter { .. }
            | Operator::TakeAssign { .. }
            | Operator::ScatterNd { .. }
            | Operator::SliceAssign { .. } => Self::Whole,
            _ => Self::Chunk,
        }
    }
}

/// A box of a result as an operator of its own.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// What is read of each operand; nothing of those that the operator does not get.
    pub(super) operands: Vec<Option<Region>>,
    /// Applied to the first operand before.
    pub(super) before: Option<Operator>,
    /// Operand 1 is replaced by its positions among these indices, as I64.
    pub(super) renumbered: Option<Indices>,
    pub(super) operator: Operator,
    /// Which part of the result is the box, if not all of it.
    pub(super) crop: Option<Ranges>,
}

impl Piece {
    pub(super) fn new(operator: Operator, operands: Vec<Option<Region>>) -> Self {
        Self { operands, before: None, renumbered: None, operator, crop: None }
    }

    /// The box is at `at` of what comes out.
    fn cropped(mut self, at: Ranges) -> Self {
        self.crop = Some(at);
        self
    }
}

/// The operand that says which elements of the first one are read, and where: its values are needed first.
pub(super) fn index_region(
    operator: &Operator,
    types: &[TensorType],
    at: &Ranges,
) -> Option<Region> {
    let indices = types.get(1)?;
    match operator {
        Operator::Gather { .. } => Some(Region::of(at)),
        Operator::Take { axis } => {
            let axis = usize::from(*axis);
            Some(Region::of(at.get(axis..axis + indices.shape.len())?))
        }
        _ => None,
    }
}

/// The pieces that make up the box `at` of the result, in the order of their elements. `indices` are the values that
/// [`index_region`] asked for, if it did. `None` if the operator is judged whole.
pub(super) fn pieces(
    operator: &Operator,
    types: &[TensorType],
    at: &Ranges,
    indices: Option<&[i64]>,
) -> Option<Vec<Piece>> {
    if let Some(found) = contraction::pieces(operator, types, at) {
        return Some(found);
    }
    let one = match operator {
        Operator::Gather { axis } | Operator::Take { axis } => {
            indexed(operator, types, at, (usize::from(*axis), indices?))
        }
        Operator::Unary { .. }
        | Operator::Cast { .. }
        | Operator::BinaryScalar { .. }
        | Operator::Clamp { .. }
        | Operator::CompareScalar { .. }
        | Operator::Classify { .. }
        | Operator::Binary { .. }
        | Operator::Compare { .. }
        | Operator::Where => {
            let regions = types.iter().map(|operand| broadcast(operand, at));
            Some(Piece::new(
                operator.clone(),
                regions.collect::<Option<Vec<_>>>()?.into_iter().map(Some).collect(),
            ))
        }
        Operator::Full { value, .. } => {
            let operator = Operator::Full { shape: extents(at), value: *value };
            Some(Piece::new(operator, Vec::new()))
        }
        Operator::Expand { .. } => {
            let region = broadcast(types.first()?, at)?;
            Some(Piece::new(Operator::Expand { shape: extents(at) }, vec![Some(region)]))
        }
        Operator::Permute { axes } => permuted(axes, at),
        Operator::Slice { ranges } => sliced(ranges, at),
        Operator::Concat { axis } => concatenated(usize::from(*axis), types, at),
        Operator::Attention { .. } => attended(operator, types, at),
        _ => whole_axes(operator, types, at),
    };
    Some(vec![one?])
}

pub(super) fn extents(at: &[Range<u64>]) -> Vec<u64> {
    at.iter().map(|range| range.end.saturating_sub(range.start)).collect()
}

/// What a box of the result reads of an operand that is broadcast to it.
pub(super) fn broadcast(operand: &TensorType, at: &[Range<u64>]) -> Option<Region> {
    let missing = at.len().checked_sub(operand.shape.len())?;
    let along = |(extent, range): (&u64, &Range<u64>)| {
        if *extent == 1 { vec![0..1] } else { vec![range.clone()] }
    };
    Some(Region(operand.shape.iter().zip(at.get(missing..)?).map(along).collect()))
}

fn permuted(axes: &[u8], at: &Ranges) -> Option<Piece> {
    let mut region = vec![Vec::new(); axes.len()];
    for (axis, range) in axes.iter().zip(at) {
        *region.get_mut(usize::from(*axis))? = vec![range.clone()];
    }
    let operator = Operator::Permute { axes: axes.to_vec() };
    Some(Piece::new(operator, vec![Some(Region(region))]))
}

fn sliced(ranges: &[SliceRange], at: &Ranges) -> Option<Piece> {
    let (mut region, mut within) = (Vec::new(), Vec::new());
    for (range, at) in ranges.iter().zip(at) {
        let step = range.step.unsigned_abs();
        let (first, last) =
            (at.start.checked_mul(step)?, at.end.checked_sub(1)?.checked_mul(step)?);
        let read = if range.step > 0 {
            range.start.checked_add(first)?..range.start.checked_add(last)?.checked_add(1)?
        } else {
            let end = range.end.checked_sub(1)?;
            end.checked_sub(last)?..end.checked_sub(first)?.checked_add(1)?
        };
        within.push(SliceRange { start: 0, end: read.end - read.start, step: range.step });
        region.push(vec![read]);
    }
    Some(Piece::new(Operator::Slice { ranges: within }, vec![Some(Region(region))]))
}

fn concatenated(axis: usize, types: &[TensorType], at: &Ranges) -> Option<Piece> {
    let (mut regions, mut start) = (Vec::new(), 0u64);
    let along = at.get(axis)?;
    for operand in types {
        let end = start.checked_add(*operand.shape.get(axis)?)?;
        let (from, to) = (along.start.max(start), along.end.min(end));
        regions.push((from < to).then(|| {
            let mut region = Region::of(at);
            if let Some(indices) = region.0.get_mut(axis) {
                *indices = vec![from - start..to - start];
            }
            region
        }));
        start = end;
    }
    let axis = u8::try_from(axis).ok()?;
    Some(Piece::new(Operator::Concat { axis }, regions))
}

/// Of the first operand the slabs that the indices name, each once; the indices are renumbered to these.
fn indexed(
    operator: &Operator,
    types: &[TensorType],
    at: &Ranges,
    (axis, indices): (usize, &[i64]),
) -> Option<Piece> {
    let [x, _] = types else { return None };
    let extent = *x.shape.get(axis)?;
    let mut named: Vec<u64> = indices
        .iter()
        .filter_map(|index| u64::try_from(*index).ok().filter(|index| *index < extent))
        .collect();
    // An axis of some extent stays one, whatever is read along it.
    if named.is_empty() && extent > 0 {
        named.push(0);
    }
    named.sort_unstable();
    named.dedup();
    let mut slabs: Indices = Vec::new();
    for index in named {
        match slabs.last_mut() {
            Some(last) if last.end == index => last.end = index + 1,
            _ => slabs.push(index..index + 1),
        }
    }
    let where_indices = index_region(operator, types, at)?;
    let taken = match operator {
        Operator::Take { .. } => where_indices.0.len(),
        _ => 1,
    };
    let mut region: Vec<Indices> =
        at.get(..axis)?.iter().map(|range| vec![range.clone()]).collect();
    region.push(slabs.clone());
    region.extend(at.get(axis + taken..)?.iter().map(|range| vec![range.clone()]));
    let operands = vec![Some(Region(region)), Some(where_indices)];
    let mut piece = Piece::new(operator.clone(), operands);
    piece.renumbered = Some(slabs);
    Some(piece)
}

/// Every query of the heads that the box touches, because what a query attends to may depend on its position.
fn attended(operator: &Operator, types: &[TensorType], at: &Ranges) -> Option<Piece> {
    let heads = at.get(..at.len().checked_sub(2)?)?;
    let regions = types.iter().map(|operand| {
        let behind = operand.shape.len().min(2);
        let (leading, last) = operand.shape.split_at(operand.shape.len() - behind);
        let leading = TensorType::new(operand.dtype, leading);
        let mut region = broadcast(&leading, heads)?;
        region.0.extend(last.iter().map(|extent| vec![0..*extent]));
        Some(Some(region))
    });
    let crop = heads.iter().map(|range| 0..range.end - range.start);
    let crop = crop.chain(at.get(heads.len()..)?.iter().cloned()).collect();
    Some(Piece::new(operator.clone(), regions.collect::<Option<_>>()?).cropped(crop))
}

/// Operators that need some axes of their first operand whole, and others only where the box is.
fn whole_axes(operator: &Operator, types: &[TensorType], at: &Ranges) -> Option<Piece> {
    let (x, more) = types.split_first()?;
    let rank = x.shape.len();
    let moved = |padding: &[(u64, u64)], axis: usize| padding.get(axis) != Some(&(0, 0));
    let is_whole = |axis: usize| match operator {
        Operator::Softmax { axis: along }
        | Operator::LogSoftmax { axis: along }
        | Operator::Sort { axis: along, .. }
        | Operator::ArgSort { axis: along, .. }
        | Operator::Cumulative { axis: along, .. }
        | Operator::Arg { axis: along, .. }
        | Operator::Unfold { axis: along, .. } => axis == usize::from(*along),
        Operator::Reduce { axes, .. } => axes.iter().any(|along| axis == usize::from(*along)),
        Operator::LayerNorm { .. } => axis + 1 == rank,
        Operator::Pad { padding, .. } | Operator::Extend { padding, .. } => moved(padding, axis),
        _ => axis >= 2,
    };
    match operator {
        Operator::Softmax { .. }
        | Operator::LogSoftmax { .. }
        | Operator::Sort { .. }
        | Operator::ArgSort { .. }
        | Operator::Cumulative { .. }
        | Operator::Arg { .. }
        | Operator::Unfold { .. }
        | Operator::Reduce { .. }
        | Operator::LayerNorm { .. }
        | Operator::Pad { .. }
        | Operator::Extend { .. }
        | Operator::MaxPool2d { .. }
        | Operator::ArgMaxPool2d { .. }
        | Operator::AvgPool2d { .. }
        | Operator::AdaptiveAvgPool2d { .. }
        | Operator::AdaptiveAvgPool3d { .. }
        | Operator::Interpolate2d { .. }
        | Operator::GridSample2d { .. } => {}
        _ => return None,
    }
    let mut region = Vec::with_capacity(rank);
    let mut crop = Vec::with_capacity(at.len());
    for (axis, (extent, range)) in x.shape.iter().zip(at).enumerate() {
        if is_whole(axis) {
            region.push(vec![0..*extent]);
            crop.push(range.clone());
        } else {
            region.push(vec![range.clone()]);
            crop.push(0..range.end - range.start);
        }
    }
    // What an operator adds behind the axes of its operand is there whole.
    crop.extend(at.get(rank..)?.iter().cloned());
    let mut operands = vec![Some(Region(region))];
    // Of the points of a sampled image those of the images that are read; factors of a norm whole.
    operands.extend(more.iter().map(|operand| {
        let mut region = Region::whole(&operand.shape);
        if let (Operator::GridSample2d { .. }, Some(images)) = (operator, at.first())
            && let Some(first) = region.0.first_mut()
        {
            *first = vec![images.clone()];
        }
        Some(region)
    }));
    Some(Piece::new(operator.clone(), operands).cropped(crop))
}

/// Zero of an element type.
pub(super) fn zero(dtype: DType) -> Scalar {
    Scalar { dtype, bits: 0 }
}
