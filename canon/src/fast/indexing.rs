//! Reading and writing at indices: whole runs are copied, and threads share what is read.
//!
//! Writing keeps the order of the values for every element of the result; where blocks of the result are independent of
//! each other, threads share these.

use super::strided::{Walk, signed};
use super::{Computed, Fast};
use crate::reference::indexing::updated;
use crate::reference::number::Number;
use crate::shape::{extents, strides};
use crate::tensor::{Data, map_data};
use crate::{OperatorError, SliceRange, Tensor, TensorType, Update};

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 24 } else { 16_384 };
/// A position that no axis has.
const NOWHERE: usize = usize::MAX;

/// Indices as positions on an axis of `extent`; [`NOWHERE`] for those out of range.
fn positions(indices: &Tensor, extent: usize) -> Vec<usize> {
    macro_rules! positions {
        ($($variant:ident)*) => {
            match indices.data() {
                $(Data::$variant(v) => {
                    let position = |&i| usize::try_from(i).ok().filter(|&i| i < extent);
                    v.iter().map(|i| position(i).unwrap_or(NOWHERE)).collect()
                })*
                _ => Vec::new(),
            }
        };
    }
    positions!(I8 I16 I32 I64 U8 U16 U32 U64)
}

/// A tensor cut at an axis: the product of the extents before it, its own, and that of those behind it.
fn cut(shape: &[usize], axis: usize) -> [usize; 3] {
    [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()]
}

impl Fast {
    /// Runs of `inner` elements of the result: the `index`-th is the one that starts at `source(index)` of `x`, or zeros.
    fn runs<T: Copy + Default + Send + Sync>(
        &self,
        x: &[T],
        count: usize,
        inner: usize,
        source: impl Fn(usize) -> usize + Sync,
    ) -> Result<Vec<T>, OperatorError> {
        let mut result = vec![T::default(); count * inner];
        let threads = self.threads.worthwhile(result.len() as u64);
        let length = (CHUNK / inner.max(1)).max(1) * inner;
        self.threads.chunks(threads, &mut result, length, |start, part| {
            for (i, to) in part.chunks_exact_mut(inner).enumerate() {
                let from = source(start / inner + i);
                match to {
                    _ if from == NOWHERE => {}
                    [one] => *one = x[from],
                    to => to.copy_from_slice(&x[from..from + inner]),
                }
            }
        })?;
        Ok(result)
    }

    pub(super) fn take(&self, axis: usize, x: &Tensor, indices: &Tensor) -> Computed {
        let [outer, extent, inner] = cut(&extents(x.shape()), axis);
        let positions = positions(indices, extent);
        let source = |run: usize| match positions[run % positions.len()] {
            NOWHERE => NOWHERE,
            position => (run / positions.len() * extent + position) * inner,
        };
        let count = outer * positions.len();
        Ok(Some(map_data!(x.data(), v => self.runs(v, count, inner, source)?)))
    }

    pub(super) fn gather_nd(&self, x: &Tensor, indices: &Tensor) -> Computed {
        let slices = Slices::new(x, indices);
        let source = |place: usize| slices.start(place);
        Ok(Some(map_data!(x.data(), v => self.runs(v, slices.count, slices.size, source)?)))
    }

    pub(super) fn gather(
        &self,
        axis: usize,
        x: &Tensor,
        indices: &Tensor,
        result: &TensorType,
    ) -> Computed {
        let beside = Beside::new(axis, x, indices, result);
        Ok(Some(map_data!(x.data(), v => self.gathered(v, &beside)?)))
    }

    fn gathered<T: Copy + Default + Send + Sync>(
        &self,
        x: &[T],
        beside: &Beside,
    ) -> Result<Vec<T>, OperatorError> {
        let mut result = vec![T::default(); beside.positions.len()];
        let threads = self.threads.worthwhile(result.len() as u64);
        let inner = beside.walk.inner;
        let runs = (CHUNK / inner.max(1)).max(1);
        self.threads.chunks(threads, &mut result, runs * inner, |start, part| {
            let first = start / inner;
            beside.walk.each(first..first + part.len() / inner, |run, [at]| {
                let positions = &beside.positions[start + run * inner..][..inner];
                let to = part[run * inner..][..inner].iter_mut();
                for (i, (to, &position)) in to.zip(positions).enumerate() {
                    if position != NOWHERE {
                        *to = x[beside.source(at, i, position)];
                    }
                }
            });
        })?;
        Ok(result)
    }

    pub(super) fn scatter(
        &self,
        axis: usize,
        update: Update,
        [x, indices, values]: [&Tensor; 3],
    ) -> Computed {
        let beside = Beside::new(axis, x, indices, values.tensor_type());
        Ok(written(update, x, values, Target::Beside(&beside)))
    }

    pub(super) fn scatter_nd(
        &self,
        update: Update,
        [x, indices, values]: [&Tensor; 3],
    ) -> Computed {
        let slices = Slices::new(x, indices);
        let source = |place: usize| slices.start(place);
        Ok(written(update, x, values, Target::Runs(slices.size, &source)))
    }

    pub(super) fn take_assign(
        &self,
        axis: usize,
        update: Update,
        [x, indices, values]: [&Tensor; 3],
    ) -> Computed {
        let [_, extent, inner] = cut(&extents(x.shape()), axis);
        let positions = positions(indices, extent);
        let source = |run: usize| match positions[run % positions.len()] {
            NOWHERE => NOWHERE,
            position => (run / positions.len() * extent + position) * inner,
        };
        Ok(written(update, x, values, Target::Runs(inner, &source)))
    }

    pub(super) fn slice_assign(
        &self,
        ranges: &[SliceRange],
        x: &Tensor,
        value: &Tensor,
    ) -> Computed {
        let shape = extents(value.shape());
        if shape.contains(&0) {
            return Ok(Some(x.data().clone()));
        }
        let of_x = signed(&strides(&extents(x.shape())));
        let mut first = 0;
        let mut stepped = Vec::with_capacity(shape.len());
        for (axis, range) in ranges.iter().enumerate() {
            first += range.position(0) * of_x[axis] as usize;
            // A range of one element may have any step.
            let step = if shape[axis] > 1 { range.step as isize } else { 1 };
            stepped.push(step * of_x[axis]);
        }
        let walk = Walk::new(&shape, [&signed(&strides(&shape)), &stepped]);
        macro_rules! assign {
            ($($variant:ident)*) => {
                match (x.data(), value.data()) {
                    $((Data::$variant(x), Data::$variant(value)) => {
                        let mut result = x.clone();
                        assign_runs(&mut result, value, first, &walk);
                        Ok(Some(Data::$variant(result)))
                    })*
                    _ => Ok(None),
                }
            };
        }
        assign!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool)
    }
}

fn assign_runs<T: Copy>(result: &mut [T], value: &[T], first: usize, walk: &Walk<2>) {
    walk.each(0..walk.runs(), |_, [from, to]| {
        let (from, to) = (from as usize, first.wrapping_add_signed(to));
        if walk.strides == [1, 1] {
            result[to..to + walk.inner].copy_from_slice(&value[from..from + walk.inner]);
        } else {
            for i in 0..walk.inner as isize {
                let [from_stride, to_stride] = walk.strides;
                result[to.wrapping_add_signed(i * to_stride)] =
                    value[from.wrapping_add_signed(i * from_stride)];
            }
        }
    });
}

/// Slices of a tensor at coordinates.
struct Slices {
    /// Coordinates of one slice after another.
    positions: Vec<usize>,
    strides: Vec<usize>,
    /// How many slices there are, and the elements of each.
    count: usize,
    size: usize,
}

impl Slices {
    fn new(x: &Tensor, indices: &Tensor) -> Slices {
        let (shape, of_indices) = (extents(x.shape()), extents(indices.shape()));
        let (depth, count) = match of_indices.split_last() {
            Some((&depth, places)) => (depth, places.iter().product()),
            None => (0, 0),
        };
        let mut flat = positions(indices, NOWHERE);
        for (i, position) in flat.iter_mut().enumerate() {
            if *position >= shape[i % depth] {
                *position = NOWHERE;
            }
        }
        let size = shape[depth..].iter().product();
        let mut strides = strides(&shape);
        strides.truncate(depth);
        Slices { positions: flat, strides, count, size }
    }

    /// Where the slice at the `place`-th coordinates starts.
    fn start(&self, place: usize) -> usize {
        let depth = self.strides.len();
        let coordinates = &self.positions[place * depth..][..depth];
        let pairs = coordinates.iter().zip(&self.strides);
        pairs.fold(0, |at, (&i, stride)| match (at, i) {
            (NOWHERE, _) | (_, NOWHERE) => NOWHERE,
            _ => at + i * stride,
        })
    }
}

/// Elements beside a tensor, whose coordinate on one axis is replaced by an index.
struct Beside {
    walk: Walk<1>,
    positions: Vec<usize>,
    /// Stride of the indexed axis.
    stride: usize,
}

impl Beside {
    fn new(axis: usize, x: &Tensor, indices: &Tensor, beside: &TensorType) -> Beside {
        let (shape, of_x) = (extents(x.shape()), strides(&extents(x.shape())));
        let mut others = signed(&of_x);
        others[axis] = 0;
        let walk = Walk::new(&extents(&beside.shape), [&others]);
        Beside { walk, positions: positions(indices, shape[axis]), stride: of_x[axis] }
    }

    /// The place of element `i` of a run that starts at `at`.
    #[inline(always)]
    fn source(&self, at: isize, i: usize, position: usize) -> usize {
        (at + i as isize * self.walk.strides[0]) as usize + position * self.stride
    }
}

/// Where values go, in their order.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// Every element for itself.
    Beside(&'a Beside),
    /// Runs of this many elements to where they start.
    Runs(usize, &'a dyn Fn(usize) -> usize),
}

impl Target<'_> {
    #[inline(always)]
    fn write<T: Copy>(self, result: &mut [T], values: &[T], function: impl Fn(T, T) -> T) {
        // A walk has no empty axes.
        if values.is_empty() {
            return;
        }
        match self {
            Target::Beside(beside) => {
                let inner = beside.walk.inner;
                beside.walk.each(0..beside.walk.runs(), |run, [at]| {
                    let run = run * inner..(run + 1) * inner;
                    let pairs = values[run.clone()].iter().zip(&beside.positions[run]);
                    for (i, (&value, &position)) in pairs.enumerate() {
                        if position != NOWHERE {
                            let there = &mut result[beside.source(at, i, position)];
                            *there = function(*there, value);
                        }
                    }
                });
            }
            Target::Runs(length, start) => {
                for (run, values) in values.chunks_exact(length.max(1)).enumerate() {
                    let start = start(run);
                    if start != NOWHERE {
                        let there = result[start..start + length].iter_mut();
                        there.zip(values).for_each(|(there, &v)| *there = function(*there, v));
                    }
                }
            }
        }
    }
}

fn written(update: Update, x: &Tensor, values: &Tensor, target: Target<'_>) -> Option<Data> {
    macro_rules! assign {
        ($($variant:ident)*) => {
            match (x.data(), values.data()) {
                $((Data::$variant(x), Data::$variant(values)) => {
                    let mut result = x.clone();
                    target.write(&mut result, values, |_, value| value);
                    Some(Data::$variant(result))
                })*
                _ => None,
            }
        };
    }
    macro_rules! join {
        ($($variant:ident)*) => {
            match (x.data(), values.data()) {
                $((Data::$variant(x), Data::$variant(values)) => {
                    Some(Data::$variant(joined(x, values, target, update)))
                })*
                (Data::Bool(x), Data::Bool(values)) => {
                    let mut result = x.clone();
                    target.write(&mut result, values, |there, value| there | value);
                    Some(Data::Bool(result))
                }
                _ => None,
            }
        };
    }
    if update == Update::Assign {
        return assign!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool);
    }
    join!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64)
}

fn joined<N: Number>(x: &[N], values: &[N], target: Target<'_>, update: Update) -> Vec<N> {
    let mut result = x.to_vec();
    match update {
        Update::Add => target.write(&mut result, values, N::add),
        Update::Mul => target.write(&mut result, values, N::mul),
        Update::Assign | Update::Min | Update::Max => {
            target.write(&mut result, values, |there, value| updated(update, there, value))
        }
    }
    result.iter_mut().for_each(|x| *x = x.settle());
    result
}
