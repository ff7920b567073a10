//! Reading and writing at indices. Reading is data movement; out of range it gives zero. Writing visits the values in
//! row-major order, one after another, and skips those out of range.

use super::number::Number;
use super::{Call, each_index, offset};
use crate::shape::{extents, strides};
use crate::tensor::{Data, map_data};
use crate::{OperatorError, Scalar, SliceRange, Tensor, Update};

type Computed = Result<Data, OperatorError>;

impl Call<'_> {
    /// The elements of `x` at `source(index)` for every index of the result; zero where there is none.
    pub(super) fn read(
        &self,
        x: &Tensor,
        mut source: impl FnMut(&[usize]) -> Option<usize>,
    ) -> Computed {
        // The first element behind those of `x` is zero.
        let outside = x.element_count();
        let mut extended = x.data().clone();
        let zero = Scalar { dtype: x.dtype(), bits: 0 };
        super::movement::append(&mut extended, &super::filled(zero, 1), 0..1);
        let shape = self.output_extents();
        let source = |index: &[usize]| source(index).unwrap_or(outside);
        Ok(map_data!(&extended, v => super::movement::gather(v, &shape, source)))
    }

    /// Index tensor `operand` as positions; nothing for those that no axis has.
    fn positions(&self, operand: usize) -> Result<Vec<Option<usize>>, OperatorError> {
        let indices = self.operand(operand)?;
        macro_rules! positions {
            ($($variant:ident)*) => {
                match indices.data() {
                    $(Data::$variant(v) => v.iter().map(|&i| usize::try_from(i).ok()).collect(),)*
                    _ => return Err(self.unsupported(indices)),
                }
            };
        }
        Ok(positions!(I8 I16 I32 I64 U8 U16 U32 U64))
    }

    /// Where an element beside `x` lies in `x` when the coordinate of `axis` is replaced by one from `indices`.
    fn beside(
        &self,
        axis: usize,
    ) -> Result<impl FnMut(&[usize]) -> Option<usize> + use<>, OperatorError> {
        let (shape, positions) = (extents(self.operand(0)?.shape()), self.positions(1)?);
        let of_indices = strides(&extents(self.operand(1)?.shape()));
        let of_x = strides(&shape);
        Ok(move |index: &[usize]| {
            let position = positions[offset(index, &of_indices)].filter(|&i| i < shape[axis])?;
            Some(offset(index, &of_x) - index[axis] * of_x[axis] + position * of_x[axis])
        })
    }

    /// Where an element of a slice of `x` lies, for an index that has those of `indices` in place of `axis`.
    fn taken(
        &self,
        axis: usize,
    ) -> Result<impl FnMut(&[usize]) -> Option<usize> + use<>, OperatorError> {
        let (shape, positions) = (extents(self.operand(0)?.shape()), self.positions(1)?);
        let of_indices = strides(&extents(self.operand(1)?.shape()));
        let of_x = strides(&shape);
        Ok(move |index: &[usize]| {
            let (before, rest) = index.split_at(axis);
            let (at, behind) = rest.split_at(of_indices.len());
            let position = positions[offset(at, &of_indices)].filter(|&i| i < shape[axis])?;
            Some(offset(before, &of_x) + position * of_x[axis] + offset(behind, &of_x[axis + 1..]))
        })
    }

    /// Where an element of a slice of `x` at coordinates lies, for an index of places and then of the slice.
    fn sliced(&self) -> Result<impl FnMut(&[usize]) -> Option<usize> + use<>, OperatorError> {
        let (shape, positions) = (extents(self.operand(0)?.shape()), self.positions(1)?);
        let mut places = extents(self.operand(1)?.shape());
        let depth = places.pop().unwrap_or(0);
        let (of_places, of_x) = (strides(&places), strides(&shape));
        Ok(move |index: &[usize]| {
            let (place, behind) = index.split_at(of_places.len());
            let first = offset(place, &of_places) * depth;
            let mut at = offset(behind, &of_x[depth..]);
            for axis in 0..depth {
                at += positions[first + axis].filter(|&i| i < shape[axis])? * of_x[axis];
            }
            Some(at)
        })
    }

    pub(super) fn gather(&self, axis: usize) -> Computed {
        self.read(self.operand(0)?, self.beside(axis)?)
    }

    pub(super) fn take(&self, axis: usize) -> Computed {
        self.read(self.operand(0)?, self.taken(axis)?)
    }

    pub(super) fn gather_nd(&self) -> Computed {
        self.read(self.operand(0)?, self.sliced()?)
    }

    pub(super) fn scatter(&self, axis: usize, update: Update) -> Computed {
        self.write(update, self.operand(2)?, self.beside(axis)?)
    }

    pub(super) fn take_assign(&self, axis: usize, update: Update) -> Computed {
        self.write(update, self.operand(2)?, self.taken(axis)?)
    }

    pub(super) fn scatter_nd(&self, update: Update) -> Computed {
        self.write(update, self.operand(2)?, self.sliced()?)
    }

    pub(super) fn slice_assign(&self, ranges: &[SliceRange]) -> Computed {
        let of_x = strides(&extents(self.operand(0)?.shape()));
        let target = |index: &[usize]| {
            let along = |axis: usize| ranges[axis].position(index[axis]) * of_x[axis];
            Some((0..index.len()).map(along).sum())
        };
        self.write(Update::Assign, self.operand(1)?, target)
    }

    /// `x` with every one of `values` joined in where `target` says, in row-major order.
    fn write(
        &self,
        update: Update,
        values: &Tensor,
        mut target: impl FnMut(&[usize]) -> Option<usize>,
    ) -> Computed {
        let x = self.operand(0)?;
        let mut targets = Vec::with_capacity(values.element_count());
        each_index(&extents(values.shape()), |index| targets.push(target(index)));
        if update == Update::Assign {
            return assigned(x, values, &targets).ok_or_else(|| self.unsupported(x));
        }
        joined(x, values, &targets, update).ok_or_else(|| self.unsupported(x))
    }
}

/// Data movement: bits are copied.
fn assigned(x: &Tensor, values: &Tensor, targets: &[Option<usize>]) -> Option<Data> {
    macro_rules! assign {
        ($($variant:ident)*) => {
            match (x.data(), values.data()) {
                $((Data::$variant(x), Data::$variant(values)) => {
                    let mut result = x.clone();
                    for (target, &value) in targets.iter().zip(values) {
                        target.map(|target| result[target] = value);
                    }
                    Some(Data::$variant(result))
                })*
                _ => None,
            }
        };
    }
    assign!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool)
}

fn joined(x: &Tensor, values: &Tensor, targets: &[Option<usize>], update: Update) -> Option<Data> {
    macro_rules! join {
        ($($variant:ident)*) => {
            match (x.data(), values.data()) {
                $((Data::$variant(x), Data::$variant(values)) => {
                    Some(Data::$variant(join(x, values, targets, |there, value| updated(update, there, value))))
                })*
                (Data::Bool(x), Data::Bool(values)) => {
                    Some(Data::Bool(join(x, values, targets, |there, value| there | value)))
                }
                _ => None,
            }
        };
    }
    join!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64)
}

fn join<N: Number>(
    x: &[N],
    values: &[N],
    targets: &[Option<usize>],
    function: impl Fn(N, N) -> N,
) -> Vec<N> {
    let mut result = x.to_vec();
    for (target, &value) in targets.iter().zip(values) {
        target.map(|target| result[target] = function(result[target], value));
    }
    result.into_iter().map(N::settle).collect()
}

/// `there` joined with `value` by arithmetic.
pub(crate) fn updated<N: Number>(update: Update, there: N, value: N) -> N {
    match update {
        Update::Assign => value,
        Update::Add => there.add(value),
        Update::Mul => there.mul(value),
        Update::Min => there.smaller(value),
        Update::Max => there.larger(value),
    }
}

impl SliceRange {
    /// The input position of the `index`-th element of the range.
    pub(crate) fn position(self, index: usize) -> usize {
        let steps = index * self.step.unsigned_abs() as usize;
        if self.step > 0 { self.start as usize + steps } else { self.end as usize - 1 - steps }
    }
}
