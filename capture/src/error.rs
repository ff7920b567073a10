//! Why a module cannot be captured, in words that lead to the line to change.

use std::fmt;

use burn::tensor::DType as BurnDType;
use gainsay_canon::{KernelError, OperatorError, TensorError, TensorType};
use gainsay_model::{ArtifactError, BuildError};

use crate::table::Reason;

/// Why a module cannot be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// One of its programs cannot.
    #[error("program `{program}` cannot be captured: {fault}")]
    Program {
        /// The program's name.
        program: String,
        /// Why.
        #[source]
        fault: Box<Fault>,
    },
    /// There are no kernels to fold constants with.
    #[error("constants cannot be computed on this machine")]
    Kernels(#[from] KernelError),
    /// The captured programs make no artifact.
    #[error("the captured programs make no artifact: {0}")]
    Artifact(#[from] ArtifactError),
}

impl CaptureError {
    /// What is wrong with a program, if it is that.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Program { fault, .. } => Some(fault),
            Self::Kernels(_) | Self::Artifact(_) => None,
        }
    }
}

/// Why a program cannot be captured.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The closure panicked.
    #[error("the closure panicked{}: {message}", at(.location))]
    Panicked {
        /// What the panic said.
        message: String,
        /// Where it happened, as `file:line:column`.
        location: Option<String>,
    },
    /// The closure read the data of a tensor that depends on an input.
    #[error(
        "the closure reads data inside forward{}, which would bake one sample into the program \
         (branches on values and dynamic shapes cannot be captured): {message}",
        at(.location)
    )]
    ReadsData {
        /// What Burn said.
        message: String,
        /// Where it happened, as `file:line:column`.
        location: Option<String>,
    },
    /// Two runs of the closure recorded different programs or constants.
    #[error(
        "two runs of the closure differ, so it reads data inside forward, draws random numbers \
         or keeps state: {difference}"
    )]
    Unstable {
        /// The first difference.
        difference: String,
    },
    /// An operation that has no canonical form.
    #[error("{place}: {refusal}")]
    Operation {
        /// Which operation.
        place: Box<Place>,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// An input, output, parameter or constant that has no canonical form.
    #[error("`{name}`: {refusal}")]
    Value {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// A returned tensor was not computed by the captured closure.
    #[error(
        "output `{output}` is not on the capture device: return a tensor computed from the \
         inputs or parameters"
    )]
    ForeignOutput {
        /// The output's name.
        output: String,
    },
    /// Burn could not close the capture.
    #[error("Burn could not finish the capture: {0}")]
    Scope(String),
    /// A constant could not be folded.
    #[error("a constant could not be computed: {0}")]
    Fold(#[source] OperatorError),
    /// The lowered program is not accepted.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Which recorded operation is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The operation's name in Burn's intermediate representation.
    pub operator: String,
    /// Position among the recorded operations, from 1.
    pub position: usize,
    /// How many operations were recorded.
    pub of: usize,
    /// Where in the module.
    pub nearby: Nearby,
}

/// The module paths around an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nearby {
    /// The module whose parameters the operation reads.
    pub inside: Option<String>,
    /// The module whose parameters were read last before it.
    pub after: Option<String>,
    /// The module whose parameters are read next.
    pub before: Option<String>,
}

impl fmt::Display for Nearby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.inside, &self.after, &self.before) {
            (Some(path), _, _) => write!(f, " in module `{path}`"),
            (None, Some(after), Some(before)) if after == before => {
                write!(f, " within module `{after}`")
            }
            (None, Some(after), Some(before)) => {
                write!(f, " between module `{after}` and module `{before}`")
            }
            (None, Some(after), None) => write!(f, " after module `{after}`"),
            (None, None, Some(before)) => write!(f, " before module `{before}`"),
            (None, None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, position, of, nearby } = self;
        write!(f, "operation {position} of {of}, `{operator}`{nearby}")
    }
}

/// Why an operation or constant has no canonical form.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The canonical operator set cannot express it.
    #[error("not in the canonical operator set{}", .0.map(|why| format!(" ({why})")).unwrap_or_default())]
    Unsupported(Option<&'static str>),
    /// It is refused whatever its operands are.
    #[error("{0}")]
    Refused(Reason),
    /// An element type that canonical arithmetic does not have.
    #[error("the element type {0:?} has no canonical form")]
    ElementType(BurnDType),
    /// A constant that its element type cannot hold.
    #[error("the constant {value} is no {dtype}")]
    Scalar {
        /// The constant.
        value: String,
        /// The element type.
        dtype: gainsay_canon::DType,
    },
    /// Canon does not define the operator for these operands.
    #[error("{0}")]
    Operator(#[from] OperatorError),
    /// Not a possible tensor.
    #[error("{0}")]
    Tensor(#[from] TensorError),
    /// Burn recorded another type than canon infers: the importer is wrong, so nothing is captured.
    #[error("Burn says {expected}, canonical arithmetic {found}")]
    Type {
        /// Burn's type.
        expected: TensorType,
        /// Canon's type.
        found: TensorType,
    },
    /// An operand that nothing computed.
    #[error("it reads a tensor that nothing in the closure computed")]
    Unknown,
}

fn at(location: &Option<String>) -> String {
    location.as_ref().map(|location| format!(" at {location}")).unwrap_or_default()
}
