//! Tensors inside a closure, of any kind and with the extents that ONNX gives them.

use std::cell::RefCell;

use burn::tensor::{Bool, DType, Device, Int, Tensor};
use gainsay_capture::{InputSpec, Inputs, Outputs, Returned, Shapes, Source};

use crate::case::{RANK, Stored, padded};

#[derive(Clone)]
pub enum Value {
    Float(Tensor<RANK>, Vec<usize>),
    Int(Tensor<RANK, Int>, Vec<usize>),
    Bool(Tensor<RANK, Bool>, Vec<usize>),
}

/// Does the same to a tensor of any kind; the new extents are those of the result but for leading ones.
macro_rules! moved {
    ($value:expr, $dims:expr, $x:ident => $body:expr) => {
        match $value {
            Value::Float($x, _) => Value::Float($body, $dims),
            Value::Int($x, _) => Value::Int($body, $dims),
            Value::Bool($x, _) => Value::Bool($body, $dims),
        }
    };
}
pub(crate) use moved;

/// The same for floats and integers.
macro_rules! number {
    ($value:expr, $dims:expr, $x:ident => $body:expr) => {
        match $value {
            Value::Float($x, _) => Value::Float($body, $dims),
            Value::Int($x, _) => Value::Int($body, $dims),
            Value::Bool(..) => panic!("a bool"),
        }
    };
}
pub(crate) use number;

impl Value {
    pub fn dims(&self) -> &[usize] {
        match self {
            Self::Float(_, dims) | Self::Int(_, dims) | Self::Bool(_, dims) => dims,
        }
    }

    pub fn rank(&self) -> usize {
        self.dims().len()
    }

    pub fn float(self) -> Tensor<RANK> {
        match self {
            Self::Float(x, _) => x,
            _ => panic!("no float"),
        }
    }

    pub fn int(self) -> Tensor<RANK, Int> {
        match self {
            Self::Int(x, _) => x,
            _ => panic!("no int"),
        }
    }

    pub fn bool(self) -> Tensor<RANK, Bool> {
        match self {
            Self::Bool(x, _) => x,
            _ => panic!("no bool"),
        }
    }

    /// A float tensor with exactly `D` of its own axes.
    pub fn of<const D: usize>(self) -> Tensor<D> {
        let dims: [usize; D] = self.dims().try_into().unwrap();
        self.float().reshape(dims)
    }

    pub fn device(&self) -> Device {
        match self {
            Self::Float(x, _) => x.device(),
            Self::Int(x, _) => x.device(),
            Self::Bool(x, _) => x.device(),
        }
    }

    pub fn dtype(&self) -> DType {
        match self {
            Self::Float(x, _) => x.dtype(),
            Self::Int(x, _) => x.dtype(),
            Self::Bool(x, _) => x.dtype(),
        }
    }

    /// The axis among [`RANK`] that ONNX numbers `axis`.
    pub fn axis(&self, axis: i64) -> usize {
        let rank = self.rank() as i64;
        RANK - self.rank() + (if axis < 0 { axis + rank } else { axis }) as usize
    }

    pub fn reshaped(self, dims: Vec<usize>) -> Value {
        let extents = padded(&dims);
        moved!(self, dims, x => x.reshape(extents))
    }
}

/// A tensor of any rank as a value.
pub fn from_float<const D: usize>(x: Tensor<D>) -> Value {
    let dims = x.dims().to_vec();
    Value::Float(x.reshape(padded(&dims)), dims)
}

pub fn from_int<const D: usize>(x: Tensor<D, Int>) -> Value {
    let dims = x.dims().to_vec();
    Value::Int(x.reshape(padded(&dims)), dims)
}

/// The extents of two broadcast tensors.
pub fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let extent = |dims: &[usize], at: usize| match (at + dims.len()).checked_sub(rank) {
        Some(at) => dims[at],
        None => 1,
    };
    (0..rank)
        .map(|at| match (extent(a, at), extent(b, at)) {
            (1, b) => b,
            (a, _) => a,
        })
        .collect()
}

/// What the inputs of the case at hand are.
#[derive(Clone)]
pub struct Ports(pub Vec<(DType, Vec<usize>)>);

impl Ports {
    pub fn of<'a>(stored: impl Iterator<Item = &'a Stored>) -> Ports {
        Ports(stored.map(|stored| (burn_type(stored), stored.dims.clone())).collect())
    }
}

fn burn_type(stored: &Stored) -> DType {
    use gainsay_canon::DType as Canon;
    match stored.tensor.dtype() {
        Canon::F32 => DType::F32,
        Canon::F64 => DType::F64,
        Canon::F16 => DType::F16,
        Canon::BF16 => DType::BF16,
        Canon::I8 => DType::I8,
        Canon::I16 => DType::I16,
        Canon::I32 => DType::I32,
        Canon::I64 => DType::I64,
        Canon::U8 => DType::U8,
        Canon::U16 => DType::U16,
        Canon::U32 => DType::U32,
        Canon::U64 => DType::U64,
        Canon::Bool => DType::Bool(burn::tensor::BoolStore::U8),
    }
}

thread_local! {
    /// The ports of the closure that is being captured: a closure's inputs are made without a word from it.
    static PORTS: RefCell<Ports> = const { RefCell::new(Ports(Vec::new())) };
}

pub struct Values(pub Vec<Value>);

impl Inputs for Values {
    fn take(source: &mut Source<'_>) -> Self {
        let ports = PORTS.with_borrow(Clone::clone);
        let value = |(dtype, dims): (DType, Vec<usize>)| match dtype {
            DType::Bool(_) => Value::Bool(Inputs::take(source), dims),
            dtype if dtype.is_float() => Value::Float(Inputs::take(source), dims),
            _ => Value::Int(Inputs::take(source), dims),
        };
        Values(ports.0.into_iter().map(value).collect())
    }
}

impl Shapes<Values> for Ports {
    fn specs(self) -> Vec<InputSpec> {
        PORTS.with_borrow_mut(|ports| *ports = self.clone());
        let spec = |(at, (dtype, dims)): (usize, (DType, Vec<usize>))| InputSpec {
            name: Some(format!("input{at}")),
            shape: padded(&dims).to_vec(),
            dtype: if matches!(dtype, DType::Bool(_)) { None } else { Some(dtype) },
        };
        self.0.into_iter().enumerate().map(spec).collect()
    }
}

impl Outputs for Value {
    fn give(self, returned: &mut Vec<Returned>) {
        match self {
            Self::Float(x, _) => x.give(returned),
            Self::Int(x, _) => x.give(returned),
            Self::Bool(x, _) => x.give(returned),
        }
    }
}
