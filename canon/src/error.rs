//! Why an operator refuses its operands, and why kernels cannot be had.

use crate::isa::{Isa, IsaError};
use crate::{DType, TensorError};

/// Why an operator does not accept these operands or attributes. Nothing was computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// Wrong number of operands.
    #[error("{operator} takes {expected} operands, found {found}")]
    Arity {
        /// The operator's name.
        operator: &'static str,
        /// What it takes, in words.
        expected: &'static str,
        /// What it got.
        found: usize,
    },
    /// The operator is not defined for this element type.
    #[error("unsupported element type {dtype} for {operator}")]
    ElementType {
        /// The operator's name.
        operator: &'static str,
        /// The element type.
        dtype: DType,
    },
    /// Element types that must agree, or one that must be a particular one.
    #[error("{operator} expects {expected} here, found {found}")]
    ElementTypeMismatch {
        /// The operator's name.
        operator: &'static str,
        /// The required element type.
        expected: DType,
        /// The element type found.
        found: DType,
    },
    /// Operand shapes that do not fit the operator or each other.
    #[error("{operator}: {reason}")]
    Shape {
        /// The operator's name.
        operator: &'static str,
        /// What is wrong, naming the shapes.
        reason: String,
    },
    /// Attributes that do not fit the operands or are out of range.
    #[error("{operator}: {reason}")]
    Attribute {
        /// The operator's name.
        operator: &'static str,
        /// What is wrong, naming the attribute.
        reason: String,
    },
    /// An operand or the result is not a possible tensor.
    #[error("{operator}: {source}")]
    Tensor {
        /// The operator's name.
        operator: &'static str,
        /// What is wrong with the type.
        #[source]
        source: TensorError,
    },
    /// The CPU's floating-point control register could not be brought into the default state.
    #[error("the floating-point environment of this thread cannot be set to IEEE 754 defaults")]
    FloatEnvironment,
}

/// Why kernels cannot be made on this machine.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// `GAINSAY_ISA` is wrong.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// This CPU lacks the instruction set.
    #[error("this CPU does not support {isa}")]
    Unsupported {
        /// The instruction set asked for.
        isa: Isa,
    },
    /// The worker threads could not be started.
    #[error("cannot start worker threads")]
    Threads(#[source] std::io::Error),
}
