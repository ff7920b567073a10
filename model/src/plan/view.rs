//! Values seen through movement operators, and whether strides can express what is seen.
//!
//! A view that strides cannot express (a reshape that joins axes which do not lie side by side, a walk backwards) would
//! have to be copied by whoever reads it, so it is made once instead.

use gainsay_canon::Operator;

/// Where a planned value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    /// The input at this position.
    Input(u32),
    /// The constant at this position of the plan.
    Constant(usize),
    /// The result of a step.
    Step(usize),
}

/// A value as a base seen through movement operators.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) base: Base,
    /// First to last; empty or a single reshape where the elements are those of the base in its order.
    pub(super) view: Vec<Operator>,
    strided: Strided,
}

impl Seen {
    /// A base as it is.
    pub(super) fn whole(base: Base, shape: &[u64]) -> Self {
        Self { base, view: Vec::new(), strided: Strided::contiguous(shape) }
    }

    /// Whether it is the base under another shape at most.
    pub(super) fn is_alias(&self) -> bool {
        self.view.iter().all(|operator| matches!(operator, Operator::Reshape { .. }))
    }

    /// The number of axes.
    pub(super) fn rank(&self) -> usize {
        self.strided.0.len()
    }

    /// Seen through one more operator, if strides can express it.
    pub(super) fn then(&self, operator: &Operator) -> Option<Self> {
        let strided = self.strided.then(operator)?;
        let mut view = self.view.clone();
        if let (Operator::Reshape { .. }, Some(Operator::Reshape { .. })) = (operator, view.last())
        {
            view.pop();
        }
        view.push(operator.clone());
        Some(Self { base: self.base, view, strided })
    }

    /// The same under another shape of as many elements.
    pub(super) fn reshaped(&self, shape: &[u64]) -> Option<Self> {
        self.then(&Operator::Reshape { shape: shape.to_vec() })
    }
}

/// Extents and strides, in elements; the offset does not matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Strided(Vec<(u64, u64)>);

impl Strided {
    fn contiguous(shape: &[u64]) -> Self {
        let mut stride = 1u64;
        let mut axes: Vec<(u64, u64)> = Vec::with_capacity(shape.len());
        for &extent in shape.iter().rev() {
            axes.push((extent, stride));
            stride = stride.saturating_mul(extent.max(1));
        }
        axes.reverse();
        Self(axes)
    }

    fn then(&self, operator: &Operator) -> Option<Self> {
        match operator {
            Operator::Permute { axes } => {
                let axis = |axis: &u8| self.0.get(usize::from(*axis)).copied();
                axes.iter().map(axis).collect::<Option<_>>().map(Self)
            }
            Operator::Slice { ranges } => {
                let slice = |((_, stride), range): (&(u64, u64), &gainsay_canon::SliceRange)| {
                    let step = u64::try_from(range.step).ok().filter(|&step| step > 0)?;
                    let taken = range.end.checked_sub(range.start)?.div_ceil(step);
                    Some((taken, stride.saturating_mul(step)))
                };
                self.0.iter().zip(ranges).map(slice).collect::<Option<_>>().map(Self)
            }
            Operator::Expand { shape } => {
                let added = shape.len().checked_sub(self.0.len())?;
                let repeated = |(axis, &extent): (usize, &u64)| match axis.checked_sub(added) {
                    None => Some((extent, 0)),
                    Some(axis) => {
                        let &(from, stride) = self.0.get(axis)?;
                        Some(if from == extent { (extent, stride) } else { (extent, 0) })
                    }
                };
                shape.iter().enumerate().map(repeated).collect::<Option<_>>().map(Self)
            }
            Operator::Reshape { shape } => self.reshaped(shape),
            _ => None,
        }
    }

    /// Splits and joins axes; joining needs them to lie side by side.
    fn reshaped(&self, shape: &[u64]) -> Option<Self> {
        if shape.contains(&0) {
            return Some(Self::contiguous(shape));
        }
        let mut from = self.0.iter().rev().copied().filter(|&(extent, _)| extent != 1).peekable();
        // What is left of the axis that is being split, innermost part first.
        let (mut left, mut stride) = (1u64, 1u64);
        let mut axes = Vec::with_capacity(shape.len());
        for &extent in shape.iter().rev() {
            if extent == 1 {
                axes.push((1, stride));
                continue;
            }
            if left == 1 {
                (left, stride) = from.next()?;
            }
            // Take in axes until the extent fits; each must continue the one inside it.
            let start = stride;
            let mut whole = left;
            while whole < extent {
                let (outer, outer_stride) = from.next()?;
                if outer_stride != start.saturating_mul(whole) {
                    return None;
                }
                whole = whole.checked_mul(outer)?;
            }
            if !whole.is_multiple_of(extent) {
                return None;
            }
            axes.push((extent, start));
            left = whole / extent;
            stride = start.saturating_mul(extent);
        }
        if left != 1 || from.peek().is_some() {
            return None;
        }
        axes.reverse();
        Some(Self(axes))
    }
}

#[cfg(test)]
mod tests {
    use gainsay_canon::SliceRange;

    use super::*;

    fn permute(axes: &[u8]) -> Operator {
        Operator::Permute { axes: axes.to_vec() }
    }

    fn reshape(shape: &[u64]) -> Operator {
        Operator::Reshape { shape: shape.to_vec() }
    }

    fn through(shape: &[u64], operators: &[Operator]) -> Option<Vec<(u64, u64)>> {
        let start = Strided::contiguous(shape);
        operators.iter().try_fold(start, |seen, operator| seen.then(operator)).map(|seen| seen.0)
    }

    #[test]
    fn heads_are_split_without_a_copy_and_joined_only_with_one() {
        let split = [reshape(&[2, 5, 3, 4]), permute(&[0, 2, 1, 3])];
        let expected = vec![(2, 60), (3, 4), (5, 12), (4, 1)];
        assert_eq!(through(&[2, 5, 12], &split), Some(expected));
        let join = [permute(&[0, 2, 1, 3]), reshape(&[2, 5, 12])];
        assert_eq!(through(&[2, 3, 5, 4], &join), None);
        // With one head there is nothing between the axes.
        assert!(through(&[2, 1, 5, 4], &[permute(&[0, 2, 1, 3]), reshape(&[2, 5, 4])]).is_some());
    }

    #[test]
    fn a_part_of_an_axis_keeps_its_strides() {
        let ranges = vec![
            SliceRange { start: 1, end: 3, step: 1 },
            SliceRange { start: 0, end: 6, step: 2 },
        ];
        let slice = Operator::Slice { ranges };
        assert_eq!(through(&[4, 6], std::slice::from_ref(&slice)), Some(vec![(2, 6), (3, 2)]));
        assert_eq!(through(&[4, 6], &[slice, reshape(&[6])]), Some(vec![(6, 2)]));
        let back = Operator::Slice { ranges: vec![SliceRange { start: 0, end: 4, step: -1 }] };
        assert_eq!(through(&[4], &[back]), None);
    }

    #[test]
    fn repeated_axes_have_stride_zero() {
        let expand = Operator::Expand { shape: vec![7, 4, 3] };
        assert_eq!(through(&[1, 3], &[expand]), Some(vec![(7, 0), (4, 0), (3, 1)]));
        assert_eq!(through(&[0, 3], &[reshape(&[3, 0])]), Some(vec![(3, 1), (0, 1)]));
        assert_eq!(through(&[], &[reshape(&[1, 1])]), Some(vec![(1, 1), (1, 1)]));
    }
}
