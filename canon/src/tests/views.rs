//! Random movement operators: a shape seen through some, a layout and what undoes it.

use super::generate::Rng;
use crate::{DType, Operator, SliceRange, TensorType};

fn shuffled(rng: &mut Rng, rank: usize) -> Vec<u8> {
    let mut axes: Vec<u8> = (0..rank as u8).collect();
    for i in (1..rank).rev() {
        axes.swap(i, rng.below(i as u64 + 1) as usize);
    }
    axes
}

/// A stored shape and the movement operators that turn it into `shape`.
pub(super) fn seen_as(rng: &mut Rng, shape: &[u64]) -> (Vec<u64>, Vec<Operator>) {
    let (mut stored, mut view) = (shape.to_vec(), vec![]);
    for _ in 0..rng.below(3) {
        let rank = stored.len();
        match rng.below(5) {
            0 => {
                // Axes in another order.
                let axes = shuffled(rng, rank);
                let mut before = vec![0; rank];
                for (&axis, &extent) in axes.iter().zip(&stored) {
                    before[usize::from(axis)] = extent;
                }
                view.insert(0, Operator::Permute { axes });
                stored = before;
            }
            1 => {
                view.insert(0, Operator::Reshape { shape: stored.clone() });
                stored = other_shape(rng, &stored);
            }
            2 if rank > 0 => {
                // Part of something larger.
                let mut before = vec![];
                let ranges = stored.iter().map(|&extent| {
                    let step: i64 = rng.pick(&[1, 1, 1, 2, -1]);
                    let span = if extent == 0 { 0 } else { (extent - 1) * step.unsigned_abs() + 1 };
                    let (start, rest) = (rng.below(3), rng.below(3));
                    before.push(start + span + rest);
                    SliceRange { start, end: start + span, step }
                });
                let ranges = ranges.collect();
                view.insert(0, Operator::Slice { ranges });
                stored = before;
            }
            3 => {
                let skipped = rng.below(rank as u64 + 1) as usize;
                let before: Vec<u64> =
                    stored[skipped..].iter().map(|&e| if rng.chance(3) { 1 } else { e }).collect();
                view.insert(0, Operator::Expand { shape: stored });
                stored = before;
            }
            _ => {}
        }
    }
    (stored, view)
}

/// Another shape of as many elements.
fn other_shape(rng: &mut Rng, shape: &[u64]) -> Vec<u64> {
    let other = match rng.below(3) {
        0 => vec![shape.iter().product()],
        1 => shape.iter().rev().copied().collect(),
        _ => shape
            .iter()
            .flat_map(|&extent| match extent {
                4 | 6 | 8 | 12 | 16 | 32 => vec![2, extent / 2],
                _ => vec![extent],
            })
            .take(8)
            .collect::<Vec<u64>>(),
    };
    // Cut short where there would be too many axes.
    let fits = other.iter().product::<u64>() == shape.iter().product::<u64>();
    if fits { other } else { shape.to_vec() }
}

/// A layout and the shape behind it.
pub(super) fn laid_out(rng: &mut Rng, shape: &[u64]) -> (Vec<Operator>, Vec<u64>) {
    let (mut layout, mut end) = (vec![], shape.to_vec());
    for _ in 0..rng.between(1, 3) {
        if rng.chance(2) {
            let axes = shuffled(rng, end.len());
            end = axes.iter().map(|&axis| end[usize::from(axis)]).collect();
            layout.push(Operator::Permute { axes });
        } else {
            end = other_shape(rng, &end);
            layout.push(Operator::Reshape { shape: end.clone() });
        }
    }
    (layout, end)
}

/// The movement operators that undo a layout of `shape`.
pub(super) fn unlaid(layout: &[Operator], shape: &[u64]) -> Vec<Operator> {
    let mut seen = TensorType::new(DType::F32, shape);
    let mut undone = vec![];
    for operator in layout {
        undone.insert(
            0,
            match operator {
                Operator::Permute { axes } => {
                    let mut back = vec![0; axes.len()];
                    for (position, &axis) in axes.iter().enumerate() {
                        back[usize::from(axis)] = position as u8;
                    }
                    Operator::Permute { axes: back }
                }
                _ => Operator::Reshape { shape: seen.shape.clone() },
            },
        );
        seen = operator.infer(&[seen]).unwrap().remove(0);
    }
    undone
}
