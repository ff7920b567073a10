//! Tensors: an element type, a shape, and the elements in row-major order.
//!
//! The bytes of a tensor (what is hashed, stored and sent) are its elements in logical row-major order,
//! each little-endian; a bool is one byte, 0 or 1. Equality is equality of type and bytes, so it tells NaN
//! payloads and signed zeros apart.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::fast::bytes::Plain;
use crate::{DType, shape};

/// Why bytes or values are no tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// More axes than [`MAX_RANK`](crate::MAX_RANK).
    #[error("a tensor has at most {} axes, found {rank}", shape::MAX_RANK)]
    TooManyAxes {
        /// The number of axes.
        rank: usize,
    },
    /// [`MAX_ELEMENTS`](crate::MAX_ELEMENTS) elements or more.
    #[error(
        "a tensor of shape {shape:?} is too large: the product of its extents must be below {}",
        shape::MAX_ELEMENTS
    )]
    TooLarge {
        /// The shape.
        shape: Vec<u64>,
    },
    /// Not as many bytes as the type says.
    #[error("{expected} bytes expected for {tensor_type}, found {found}")]
    Length {
        /// The type.
        tensor_type: TensorType,
        /// The bytes it takes.
        expected: usize,
        /// The bytes there were.
        found: usize,
    },
    /// Not as many values as the shape says.
    #[error("{expected} values expected for {tensor_type}, found {found}")]
    Count {
        /// The type.
        tensor_type: TensorType,
        /// The values it takes.
        expected: usize,
        /// The values there were.
        found: usize,
    },
    /// A bool that is neither 0 nor 1.
    #[error("byte {byte} at position {position} is no bool")]
    Bool {
        /// Where.
        position: usize,
        /// What.
        byte: u8,
    },
}

/// Element type and shape of a tensor. Any shape can be stated; [`TensorType::elements`] says whether it can exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct TensorType {
    /// The element type.
    pub dtype: DType,
    /// The extents, outermost axis first. No axes: one element.
    pub shape: Vec<u64>,
}

impl TensorType {
    /// The type of tensors of `dtype` and `shape`.
    pub fn new(dtype: DType, shape: impl Into<Vec<u64>>) -> TensorType {
        TensorType { dtype, shape: shape.into() }
    }

    /// The number of elements.
    ///
    /// # Errors
    /// If the shape has too many axes, or its product (axes of extent 0 counted as 1) is too large.
    pub fn elements(&self) -> Result<usize, TensorError> {
        shape::elements(&self.shape)
    }

    /// The number of bytes.
    ///
    /// # Errors
    /// As for [`TensorType::elements`].
    pub fn byte_len(&self) -> Result<usize, TensorError> {
        self.elements()?
            .checked_mul(self.dtype.size_bytes())
            .ok_or_else(|| TensorError::TooLarge { shape: self.shape.clone() })
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype, self.shape)
    }
}

/// The elements, typed. Half types are bits, bools are bytes 0 or 1.
#[derive(Clone)]
pub(crate) enum Data {
    F32(Vec<f32>),
    F64(Vec<f64>),
    F16(Vec<u16>),
    BF16(Vec<u16>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    Bool(Vec<u8>),
}

/// Evaluates `$body` with `$values` bound to the elements, whatever their type.
macro_rules! with_data {
    ($data:expr, $values:ident => $body:expr) => {
        match $data {
            $crate::tensor::Data::F32($values) => $body,
            $crate::tensor::Data::F64($values) => $body,
            $crate::tensor::Data::F16($values) => $body,
            $crate::tensor::Data::BF16($values) => $body,
            $crate::tensor::Data::I8($values) => $body,
            $crate::tensor::Data::I16($values) => $body,
            $crate::tensor::Data::I32($values) => $body,
            $crate::tensor::Data::I64($values) => $body,
            $crate::tensor::Data::U8($values) => $body,
            $crate::tensor::Data::U16($values) => $body,
            $crate::tensor::Data::U32($values) => $body,
            $crate::tensor::Data::U64($values) => $body,
            $crate::tensor::Data::Bool($values) => $body,
        }
    };
}

/// Evaluates `$body`, a vector of the same element type, and wraps it as data of the type that it came from.
macro_rules! map_data {
    ($data:expr, $values:ident => $body:expr) => {
        match $data {
            $crate::tensor::Data::F32($values) => $crate::tensor::Data::F32($body),
            $crate::tensor::Data::F64($values) => $crate::tensor::Data::F64($body),
            $crate::tensor::Data::F16($values) => $crate::tensor::Data::F16($body),
            $crate::tensor::Data::BF16($values) => $crate::tensor::Data::BF16($body),
            $crate::tensor::Data::I8($values) => $crate::tensor::Data::I8($body),
            $crate::tensor::Data::I16($values) => $crate::tensor::Data::I16($body),
            $crate::tensor::Data::I32($values) => $crate::tensor::Data::I32($body),
            $crate::tensor::Data::I64($values) => $crate::tensor::Data::I64($body),
            $crate::tensor::Data::U8($values) => $crate::tensor::Data::U8($body),
            $crate::tensor::Data::U16($values) => $crate::tensor::Data::U16($body),
            $crate::tensor::Data::U32($values) => $crate::tensor::Data::U32($body),
            $crate::tensor::Data::U64($values) => $crate::tensor::Data::U64($body),
            $crate::tensor::Data::Bool($values) => $crate::tensor::Data::Bool($body),
        }
    };
}

pub(crate) use map_data;

/// A tensor: a possible type and exactly its elements.
#[derive(Clone)]
pub struct Tensor {
    tensor_type: TensorType,
    data: Data,
}

/// Constructors and views per element type.
macro_rules! typed {
    ($($variant:ident, $element:ty, $new:ident, $view:ident;)*) => {$(
        #[doc = concat!("A tensor of these `", stringify!($element), "` values in row-major order.")]
        ///
        /// # Errors
        /// If the shape is impossible or does not have that many elements.
        pub fn $new(shape: impl Into<Vec<u64>>, values: Vec<$element>) -> Result<Tensor, TensorError> {
            Tensor::new(TensorType::new(DType::$variant, shape), values.len(), Data::$variant(values))
        }

        #[doc = concat!("The elements, if they are `", stringify!($element), "`.")]
        pub fn $view(&self) -> Option<&[$element]> {
            match &self.data {
                Data::$variant(values) => Some(values),
                _ => None,
            }
        }
    )*};
}

impl Tensor {
    typed! {
        F32, f32, f32, as_f32;
        F64, f64, f64, as_f64;
        I8, i8, i8, as_i8;
        I16, i16, i16, as_i16;
        I32, i32, i32, as_i32;
        I64, i64, i64, as_i64;
        U8, u8, u8, as_u8;
        U16, u16, u16, as_u16;
        U32, u32, u32, as_u32;
        U64, u64, u64, as_u64;
    }

    /// A tensor of these bools in row-major order.
    ///
    /// # Errors
    /// If the shape is impossible or does not have that many elements.
    pub fn bool(shape: impl Into<Vec<u64>>, values: Vec<bool>) -> Result<Tensor, TensorError> {
        let bytes: Vec<u8> = values.into_iter().map(u8::from).collect();
        Tensor::new(TensorType::new(DType::Bool, shape), bytes.len(), Data::Bool(bytes))
    }

    /// The elements as bytes 0 and 1, if they are bools.
    pub fn as_bool(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Bool(values) => Some(values),
            _ => None,
        }
    }

    /// A tensor of f16 with these bits in row-major order.
    ///
    /// # Errors
    /// If the shape is impossible or does not have that many elements.
    pub fn f16_bits(shape: impl Into<Vec<u64>>, bits: Vec<u16>) -> Result<Tensor, TensorError> {
        Tensor::new(TensorType::new(DType::F16, shape), bits.len(), Data::F16(bits))
    }

    /// A tensor of bf16 with these bits in row-major order.
    ///
    /// # Errors
    /// If the shape is impossible or does not have that many elements.
    pub fn bf16_bits(shape: impl Into<Vec<u64>>, bits: Vec<u16>) -> Result<Tensor, TensorError> {
        Tensor::new(TensorType::new(DType::BF16, shape), bits.len(), Data::BF16(bits))
    }

    /// The bits of the elements, if they are of a half type.
    pub fn as_half_bits(&self) -> Option<&[u16]> {
        match &self.data {
            Data::F16(values) | Data::BF16(values) => Some(values),
            _ => None,
        }
    }

    fn new(tensor_type: TensorType, found: usize, data: Data) -> Result<Tensor, TensorError> {
        let expected = tensor_type.elements()?;
        if expected != found {
            return Err(TensorError::Count { tensor_type, expected, found });
        }
        Ok(Tensor { tensor_type, data })
    }

    /// A tensor from what a kernel computed for an inferred type.
    pub(crate) fn computed(tensor_type: TensorType, data: Data) -> Tensor {
        debug_assert_eq!(with_data!(&data, values => Ok(values.len())), tensor_type.elements());
        Tensor { tensor_type, data }
    }

    /// A tensor from its bytes: row-major, little-endian.
    ///
    /// # Errors
    /// If the shape is impossible, the length is not that of the type (found before anything is allocated), or a
    /// byte of a bool is neither 0 nor 1.
    pub fn from_bytes(tensor_type: &TensorType, bytes: &[u8]) -> Result<Tensor, TensorError> {
        let expected = tensor_type.byte_len()?;
        if bytes.len() != expected {
            let found = bytes.len();
            return Err(TensorError::Length { tensor_type: tensor_type.clone(), expected, found });
        }
        let data = match tensor_type.dtype {
            DType::F32 => Data::F32(Plain::decode(bytes)),
            DType::F64 => Data::F64(Plain::decode(bytes)),
            DType::F16 => Data::F16(Plain::decode(bytes)),
            DType::BF16 => Data::BF16(Plain::decode(bytes)),
            DType::I8 => Data::I8(Plain::decode(bytes)),
            DType::I16 => Data::I16(Plain::decode(bytes)),
            DType::I32 => Data::I32(Plain::decode(bytes)),
            DType::I64 => Data::I64(Plain::decode(bytes)),
            DType::U8 => Data::U8(Plain::decode(bytes)),
            DType::U16 => Data::U16(Plain::decode(bytes)),
            DType::U32 => Data::U32(Plain::decode(bytes)),
            DType::U64 => Data::U64(Plain::decode(bytes)),
            DType::Bool => {
                if let Some(position) = bytes.iter().position(|&byte| byte > 1) {
                    return Err(TensorError::Bool { position, byte: bytes[position] });
                }
                Data::Bool(bytes.to_vec())
            }
        };
        Ok(Tensor { tensor_type: tensor_type.clone(), data })
    }

    /// A tensor whose bytes are read from `source`, straight into its memory.
    ///
    /// # Errors
    /// If the shape is impossible, `source` fails or ends early, or a byte of a bool is neither 0 nor 1.
    pub fn read(tensor_type: &TensorType, source: &mut dyn Read) -> io::Result<Tensor> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut tensor = Tensor::zeros(tensor_type).map_err(invalid)?;
        with_data!(&mut tensor.data, values => Plain::fill(values, source))?;
        if let Data::Bool(bytes) = &tensor.data
            && let Some(position) = bytes.iter().position(|&byte| byte > 1)
        {
            return Err(invalid(TensorError::Bool { position, byte: bytes[position] }));
        }
        Ok(tensor)
    }

    /// A tensor of zeros (or `false`).
    ///
    /// # Errors
    /// If the shape is impossible.
    pub fn zeros(tensor_type: &TensorType) -> Result<Tensor, TensorError> {
        let count = tensor_type.elements()?;
        let data = match tensor_type.dtype {
            DType::F32 => Data::F32(vec![0.0; count]),
            DType::F64 => Data::F64(vec![0.0; count]),
            DType::F16 => Data::F16(vec![0; count]),
            DType::BF16 => Data::BF16(vec![0; count]),
            DType::I8 => Data::I8(vec![0; count]),
            DType::I16 => Data::I16(vec![0; count]),
            DType::I32 => Data::I32(vec![0; count]),
            DType::I64 => Data::I64(vec![0; count]),
            DType::U8 => Data::U8(vec![0; count]),
            DType::U16 => Data::U16(vec![0; count]),
            DType::U32 => Data::U32(vec![0; count]),
            DType::U64 => Data::U64(vec![0; count]),
            DType::Bool => Data::Bool(vec![0; count]),
        };
        Ok(Tensor { tensor_type: tensor_type.clone(), data })
    }

    /// The same elements under another shape, without a copy.
    ///
    /// # Errors
    /// If the shape is impossible or does not have that many elements.
    pub fn reshaped(self, shape: impl Into<Vec<u64>>) -> Result<Tensor, TensorError> {
        let found = self.element_count();
        Tensor::new(TensorType::new(self.dtype(), shape), found, self.data)
    }

    /// A tensor of another shape in the memory of this one: the first elements are those that were there, others are
    /// zeros. For outputs that a kernel overwrites; memory is only allocated when there was never that much.
    ///
    /// # Errors
    /// If the shape is impossible.
    pub fn resized(mut self, shape: &[u64]) -> Result<Tensor, TensorError> {
        let count = shape::elements(shape)?;
        with_data!(&mut self.data, values => values.resize(count, Default::default()));
        self.tensor_type.shape.clear();
        self.tensor_type.shape.extend_from_slice(shape);
        Ok(self)
    }

    /// Element type and shape.
    pub fn tensor_type(&self) -> &TensorType {
        &self.tensor_type
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.tensor_type.dtype
    }

    /// The extents, outermost axis first.
    pub fn shape(&self) -> &[u64] {
        &self.tensor_type.shape
    }

    /// The number of elements.
    pub fn element_count(&self) -> usize {
        with_data!(&self.data, values => values.len())
    }

    /// The bytes: row-major, little-endian. Borrowed where the machine is little-endian.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        with_data!(&self.data, values => Plain::encode(values))
    }

    /// The elements.
    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    /// The elements, for writing; their number is that of the type and stays so.
    pub(crate) fn data_mut(&mut self) -> &mut Data {
        &mut self.data
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        self.tensor_type == other.tensor_type && self.bytes() == other.bytes()
    }
}

impl Eq for Tensor {}

impl fmt::Debug for Tensor {
    /// The type and the first elements.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.tensor_type)?;
        with_data!(&self.data, values => {
            let more = if values.len() > 16 { " .." } else { "" };
            write!(f, "{:?}{more}", values.iter().take(16).collect::<Vec<_>>())
        })
    }
}

#[cfg(test)]
#[path = "tensor_tests.rs"]
mod tests;
