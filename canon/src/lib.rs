//! Canonical arithmetic: operators whose every bit is specified.
//!
//! An [`Operator`] is data; [`Operator::infer`] says which tensors it accepts and what it returns, and
//! [`Kernels::run`] computes it. Two implementations stand side by side: [mod@reference] is the executable
//! specification in plain scalar code, `fast` the vectorised one, chosen by [`Isa`], which must give the
//! same bits on every machine, with every instruction set and any number of threads. Change a bit and
//! [`NUMERICS_VERSION`] changes with it.

#![deny(unsafe_code)]

mod attributes;
mod cost;
mod dtype;
mod error;
mod fast;
mod infer;
mod isa;
mod kernels;
mod name;
mod operator;
pub mod reference;
mod scalar;
mod shape;
mod step;
mod tensor;
#[cfg(test)]
mod tests;

pub use attributes::{
    Binary, Class, Corners, Extension, Extreme, Interpolation, Keys, Order, Outside, PaddingCounts,
    Reduction, Relation, Rounding, Scalar, SliceRange, Unary, Update, Window2d,
};
pub use cost::Cost;
pub use dtype::{DType, UnknownDType};
pub use error::{KernelError, OperatorError};
pub use isa::{Isa, IsaError};
pub use kernels::Kernels;
pub use operator::Operator;
pub use shape::{MAX_ELEMENTS, MAX_RANK};
pub use step::{Link, LinkOperand, Operand, Source, Step, StepJob, StepSpec};
pub use tensor::{Tensor, TensorError, TensorType};

/// The version of the arithmetic. It is part of an artifact's id; a change of any bit is a new version.
pub const NUMERICS_VERSION: u32 = 1;
