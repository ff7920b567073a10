//! What a box of a product, a convolution or of its windows reads.
//!
//! A product needs rows of one side and columns of the other; a convolution the windows under the box, with the zeros of the
//! padding written out, because only the image's own edges have any.

use std::ops::Range;

use gainsay_canon::{Operator, TensorType};

use super::reads::{Piece, broadcast, zero};
use super::region::{Ranges, Region};

/// The pieces of a box, if the operator is one of these.
pub(super) fn pieces(operator: &Operator, types: &[TensorType], at: &Ranges) -> Option<Vec<Piece>> {
    match operator {
        Operator::MatMul => product(types, at).map(|piece| vec![piece]),
        Operator::Linear => linear(types, at).map(|piece| vec![piece]),
        Operator::Conv2d { stride, padding, dilation, groups } => {
            convolutions(types, at, [*stride, *padding, *dilation], *groups)
        }
        Operator::Unfold2d { kernel, .. } => {
            unfolded(operator, types, at, kernel).map(|piece| vec![piece])
        }
        Operator::Conv3d { groups, .. } => {
            filtered(operator, types, at, (0, *groups)).map(|piece| vec![piece])
        }
        Operator::ConvTranspose2d { groups, .. } | Operator::ConvTranspose3d { groups, .. } => {
            filtered(operator, types, at, (1, *groups)).map(|piece| vec![piece])
        }
        Operator::DeformConv2d { .. } => deformed(operator, types, at).map(|piece| vec![piece]),
        _ => None,
    }
}

fn product(types: &[TensorType], at: &Ranges) -> Option<Piece> {
    let [a, b] = types else { return None };
    let [batch @ .., rows, columns] = at.as_slice() else { return None };
    let leading = |operand: &TensorType| {
        let shape = operand.shape.get(..operand.shape.len().checked_sub(2)?)?;
        broadcast(&TensorType::new(operand.dtype, shape), batch)
    };
    let terms = *a.shape.last()?;
    let (mut of_a, mut of_b) = (leading(a)?, leading(b)?);
    of_a.0.extend([vec![rows.clone()], vec![0..terms]]);
    of_b.0.extend([vec![0..terms], vec![columns.clone()]]);
    Some(Piece::new(Operator::MatMul, vec![Some(of_a), Some(of_b)]))
}

fn linear(types: &[TensorType], at: &Ranges) -> Option<Piece> {
    let [x, w, ..] = types else { return None };
    let (columns, rows) = at.split_last()?;
    let terms = *x.shape.last()?;
    let mut of_x = Region::of(rows);
    of_x.0.push(vec![0..terms]);
    let of_w = Region::of(&[0..*w.shape.first()?, columns.clone()]);
    let mut operands = vec![Some(of_x), Some(of_w)];
    operands.extend(types.iter().skip(2).map(|_| Some(Region::of(std::slice::from_ref(columns)))));
    Some(Piece::new(Operator::Linear, operands))
}

/// One piece per group of channels that the box touches, image by image where there are several.
fn convolutions(
    types: &[TensorType],
    at: &Ranges,
    attributes: [[u64; 2]; 3],
    groups: u64,
) -> Option<Vec<Piece>> {
    let [_, w, ..] = types else { return None };
    let [images, channels, spatial @ ..] = at.as_slice() else { return None };
    let each = (*w.shape.first()?).checked_div(groups)?.max(1);
    let touched = channels.start / each..channels.end.div_ceil(each);
    let images: Vec<Range<u64>> = if touched.end - touched.start > 1 {
        images.clone().map(|image| image..image + 1).collect()
    } else {
        vec![images.clone()]
    };
    let mut found = Vec::new();
    for image in images {
        for group in touched.clone() {
            let own = channels.start.max(group * each)..channels.end.min((group + 1) * each);
            found.push(convolution(types, (image.clone(), own, spatial), attributes, group)?);
        }
    }
    Some(found)
}

fn convolution(
    types: &[TensorType],
    (images, channels, spatial): (Range<u64>, Range<u64>, &[Range<u64>]),
    [stride, padding, dilation]: [[u64; 2]; 3],
    group: u64,
) -> Option<Piece> {
    let [x, w, ..] = types else { return None };
    let inner = *w.shape.get(1)?;
    let mut region =
        vec![vec![images], vec![group.checked_mul(inner)?..(group + 1).checked_mul(inner)?]];
    let mut edges = vec![(0, 0), (0, 0)];
    for (axis, at) in spatial.iter().enumerate() {
        let (extent, kernel) = (*x.shape.get(axis + 2)?, *w.shape.get(axis + 2)?);
        let (stride, padding) = (*stride.get(axis)?, *padding.get(axis)?);
        let span = dilation.get(axis)?.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
        // In the padded image, whose own elements lie from `padding` on.
        let first = at.start.checked_mul(stride)?;
        let end = at.end.checked_sub(1)?.checked_mul(stride)?.checked_add(span)?;
        let own = first.max(padding).min(end)..end.min(padding.checked_add(extent)?).max(first);
        let own = if own.start < own.end { own } else { end..end };
        edges.push((own.start - first, end - own.end));
        let inside = if own.is_empty() { 0..0 } else { own.start - padding..own.end - padding };
        region.push(vec![inside]);
    }
    let kernel = w.shape.iter().skip(1).map(|extent| 0..*extent);
    let of_w: Vec<Range<u64>> = [channels.clone()].into_iter().chain(kernel).collect();
    let mut operands = vec![Some(Region(region)), Some(Region::of(&of_w))];
    operands
        .extend(types.iter().skip(2).map(|_| Some(Region::of(std::slice::from_ref(&channels)))));
    let operator = Operator::Conv2d { stride, padding: [0, 0], dilation, groups: 1 };
    let mut piece = Piece::new(operator, operands);
    if edges.iter().any(|edge| *edge != (0, 0)) {
        piece.before = Some(Operator::Pad { padding: edges, value: zero(x.dtype) });
    }
    Some(piece)
}

/// The images and channels under the box, whole.
fn unfolded(
    operator: &Operator,
    types: &[TensorType],
    at: &Ranges,
    kernel: &[u64; 2],
) -> Option<Piece> {
    let [x] = types else { return None };
    let [images, elements, windows] = at.as_slice() else { return None };
    let each = kernel.iter().product::<u64>().max(1);
    let channels = elements.start / each..elements.end.div_ceil(each);
    let spatial = x.shape.get(2..)?.iter().map(|extent| 0..*extent);
    let read: Ranges = [images.clone(), channels.clone()].into_iter().chain(spatial).collect();
    let skipped = channels.start * each;
    let crop = vec![
        0..images.end - images.start,
        elements.start - skipped..elements.end - skipped,
        windows.clone(),
    ];
    let mut piece = Piece::new(operator.clone(), vec![Some(Region::of(&read))]);
    piece.crop = Some(crop);
    Some(piece)
}

/// Whole images, and of the kernel the filters of the box: they lie along axis `out` of it, unless it is in groups.
fn filtered(
    operator: &Operator,
    types: &[TensorType],
    at: &Ranges,
    (out, groups): (usize, u64),
) -> Option<Piece> {
    let [x, w, ..] = types else { return None };
    let [images, channels, spatial @ ..] = at.as_slice() else { return None };
    let mut of_x = Region::whole(&x.shape);
    *of_x.0.first_mut()? = vec![images.clone()];
    let mut of_w = Region::whole(&w.shape);
    let mut crop = vec![0..images.end - images.start, channels.clone()];
    let mut bias = 0..*types.get(2).and_then(|bias| bias.shape.first()).unwrap_or(&0);
    if groups == 1 {
        *of_w.0.get_mut(out)? = vec![channels.clone()];
        *crop.last_mut()? = 0..channels.end - channels.start;
        bias = channels.clone();
    }
    crop.extend(spatial.iter().cloned());
    let mut operands = vec![Some(of_x), Some(of_w)];
    operands.extend(types.iter().skip(2).map(|_| Some(Region::of(std::slice::from_ref(&bias)))));
    let mut piece = Piece::new(operator.clone(), operands);
    piece.crop = Some(crop);
    Some(piece)
}

/// The images of the box with their offsets and masks, and the kernel whole.
fn deformed(operator: &Operator, types: &[TensorType], at: &Ranges) -> Option<Piece> {
    let (images, rest) = at.split_first()?;
    let Operator::DeformConv2d { masked, .. } = operator else { return None };
    let regions = types.iter().enumerate().map(|(position, operand)| {
        let mut region = Region::whole(&operand.shape);
        if (position < 2 || (*masked && position == 3))
            && let Some(first) = region.0.first_mut()
        {
            *first = vec![images.clone()];
        }
        Some(region)
    });
    let mut piece = Piece::new(operator.clone(), regions.collect());
    piece.crop =
        Some([0..images.end - images.start].into_iter().chain(rest.iter().cloned()).collect());
    Some(piece)
}
