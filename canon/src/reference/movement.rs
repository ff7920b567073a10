//! Data movement: bits are copied, NaN payloads and signed zeros included. Conversion is here too, but is arithmetic.

use super::half::{bf16_from_f64, f16_from_f64, sticky};
use super::number::Number;
use super::{Call, each_index, offset};
use crate::scalar::FromScalar;
use crate::shape::{broadcast_strides, extents, strides};
use crate::tensor::{Data, map_data};
use crate::{DType, OperatorError, Scalar, SliceRange, Tensor};

type Computed = Result<Data, OperatorError>;

/// The elements of `x` at `source(index)` for every index of `shape`.
pub(super) fn gather<T: Copy>(
    x: &[T],
    shape: &[usize],
    mut source: impl FnMut(&[usize]) -> usize,
) -> Vec<T> {
    let mut result = Vec::with_capacity(shape.iter().product());
    each_index(shape, |index| result.push(x[source(index)]));
    result
}

impl Call<'_> {
    pub(super) fn permute(&self, axes: &[u8]) -> Computed {
        let x = self.operand(0)?;
        let of_x = strides(&extents(x.shape()));
        let permuted: Vec<usize> = axes.iter().map(|&axis| of_x[usize::from(axis)]).collect();
        let shape = self.output_extents();
        Ok(map_data!(x.data(), v => gather(v, &shape, |index| offset(index, &permuted))))
    }

    pub(super) fn slice(&self, ranges: &[SliceRange]) -> Computed {
        let x = self.operand(0)?;
        let of_x = strides(&extents(x.shape()));
        let source = |index: &[usize]| {
            let along = |axis: usize| ranges[axis].position(index[axis]) * of_x[axis];
            (0..ranges.len()).map(along).sum()
        };
        let shape = self.output_extents();
        Ok(map_data!(x.data(), v => gather(v, &shape, source)))
    }

    /// Row-major: for every index before `axis`, the operands' blocks one after another.
    pub(super) fn concat(&self, axis: usize) -> Computed {
        let outer: usize = self.output_extents()[..axis].iter().product();
        let mut result = Tensor::zeros(&crate::TensorType::new(self.result.dtype, [0]))
            .map_err(|source| OperatorError::Tensor { operator: self.operator.name(), source })?
            .data()
            .clone();
        for block in 0..outer {
            for x in self.operands {
                let inner: usize = extents(x.shape())[axis..].iter().product();
                append(&mut result, x.data(), block * inner..(block + 1) * inner);
            }
        }
        Ok(result)
    }

    pub(super) fn expand(&self) -> Computed {
        let x = self.operand(0)?;
        let shape = self.output_extents();
        let repeated = broadcast_strides(&extents(x.shape()), &shape);
        Ok(map_data!(x.data(), v => gather(v, &shape, |index| offset(index, &repeated))))
    }

    pub(super) fn full(&self, value: Scalar) -> Computed {
        let count = self.output_extents().iter().product();
        Ok(filled(value, count))
    }

    pub(super) fn pad(&self, padding: &[(u64, u64)], value: Scalar) -> Computed {
        let x = self.operand(0)?;
        let shape = extents(x.shape());
        let of_x = strides(&shape);
        // The first element behind those of `x` is the padding.
        let outside = x.element_count();
        let source = |index: &[usize]| {
            let mut position = 0;
            for (axis, &(before, _)) in padding.iter().enumerate() {
                match index[axis].checked_sub(before as usize) {
                    Some(inside) if inside < shape[axis] => position += inside * of_x[axis],
                    _ => return outside,
                }
            }
            position
        };
        let mut extended = x.data().clone();
        append(&mut extended, &filled(value, 1), 0..1);
        let shape = self.output_extents();
        Ok(map_data!(&extended, v => gather(v, &shape, source)))
    }

    /// Float to integer truncates and saturates, NaN becomes 0; integers wrap; to float rounds once to nearest even;
    /// nonzero and NaN are `true`; `true` is 1. Half operands have been widened before.
    pub(super) fn cast(&self, to: DType) -> Computed {
        macro_rules! numbers {
            ($values:expr, $zero:expr, $wide:expr; $($variant:ident $element:ident)*) => {
                match to {
                    $(DType::$variant => Data::$variant($values.iter().map(|&v| (v as $element).settle()).collect()),)*
                    DType::Bool => Data::Bool($values.iter().map(|&v| u8::from(v != $zero)).collect()),
                    DType::F16 => Data::F16($values.iter().map(|&v| f16_from_f64($wide(v.into()))).collect()),
                    DType::BF16 => Data::BF16($values.iter().map(|&v| bf16_from_f64($wide(v.into()))).collect()),
                }
            };
            ($values:expr, $zero:expr, $wide:expr) => {
                numbers!($values, $zero, $wide; F32 f32 F64 f64 I8 i8 I16 i16 I32 i32 I64 i64 U8 u8 U16 u16 U32 u32 U64 u64)
            };
        }
        let x = self.operand(0)?;
        let float = |v: f64| v;
        Ok(match x.data() {
            Data::F32(v) => numbers!(v, 0.0, float),
            Data::F64(v) => numbers!(v, 0.0, float),
            Data::I8(v) => numbers!(v, 0, sticky),
            Data::I16(v) => numbers!(v, 0, sticky),
            Data::I32(v) => numbers!(v, 0, sticky),
            Data::I64(v) => numbers!(v, 0, sticky),
            Data::U8(v) | Data::Bool(v) => numbers!(v, 0, sticky),
            Data::U16(v) => numbers!(v, 0, sticky),
            Data::U32(v) => numbers!(v, 0, sticky),
            Data::U64(v) => numbers!(v, 0, sticky),
            Data::F16(_) | Data::BF16(_) => return Err(self.unsupported(x)),
        })
    }
}

/// Appends a range of `from` to data of the same type.
pub(super) fn append(to: &mut Data, from: &Data, range: std::ops::Range<usize>) {
    macro_rules! append {
        ($($variant:ident)*) => {
            match (to, from) {
                $((Data::$variant(to), Data::$variant(from)) => to.extend_from_slice(&from[range]),)*
                _ => {}
            }
        };
    }
    append!(F32 F64 F16 BF16 I8 I16 I32 I64 U8 U16 U32 U64 Bool);
}

/// `count` times the same constant.
pub(crate) fn filled(value: Scalar, count: usize) -> Data {
    match value.dtype {
        DType::F32 => Data::F32(vec![f32::from_scalar(value); count]),
        DType::F64 => Data::F64(vec![f64::from_scalar(value); count]),
        DType::F16 => Data::F16(vec![u16::from_scalar(value); count]),
        DType::BF16 => Data::BF16(vec![u16::from_scalar(value); count]),
        DType::I8 => Data::I8(vec![i8::from_scalar(value); count]),
        DType::I16 => Data::I16(vec![i16::from_scalar(value); count]),
        DType::I32 => Data::I32(vec![i32::from_scalar(value); count]),
        DType::I64 => Data::I64(vec![i64::from_scalar(value); count]),
        DType::U8 => Data::U8(vec![u8::from_scalar(value); count]),
        DType::U16 => Data::U16(vec![u16::from_scalar(value); count]),
        DType::U32 => Data::U32(vec![u32::from_scalar(value); count]),
        DType::U64 => Data::U64(vec![u64::from_scalar(value); count]),
        DType::Bool => Data::Bool(vec![u8::from_scalar(value); count]),
    }
}
