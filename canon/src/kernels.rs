//! A kernel set with its worker threads: the one way to compute an operator.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::fast::Fast;
use crate::{Isa, KernelError, Operator, OperatorError, Tensor, TensorType, reference};

/// Kernels of one instruction set on a fixed number of threads. Cheap to clone; clones share the threads.
///
/// The choice of instruction set and threads never changes a result.
#[derive(Clone, Debug)]
pub struct Kernels {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    isa: Isa,
    threads: NonZeroUsize,
    fast: Option<Fast>,
}

impl Kernels {
    /// Kernels of `isa` on `threads` threads. [`Isa::Reference`] always computes on the calling thread.
    ///
    /// # Errors
    /// If this CPU does not support `isa`, or threads cannot be started.
    pub fn new(isa: Isa, threads: NonZeroUsize) -> Result<Kernels, KernelError> {
        if !isa.is_supported() {
            return Err(KernelError::Unsupported { isa });
        }
        let fast = if isa == Isa::Reference { None } else { Some(Fast::new(isa, threads)?) };
        Ok(Kernels { shared: Arc::new(Shared { isa, threads, fast }) })
    }

    /// Kernels of [`Isa::detect`] on as many threads as the machine runs at once.
    ///
    /// # Errors
    /// As for [`Isa::detect`] and [`Kernels::new`].
    pub fn detect() -> Result<Kernels, KernelError> {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Kernels::new(Isa::detect()?, threads)
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.shared.isa
    }

    /// The number of threads.
    pub fn threads(&self) -> NonZeroUsize {
        self.shared.threads
    }

    /// Runs the tasks `0..tasks`, each exactly once, on whichever of the threads are idle; for work beside the kernels,
    /// such as hashing what they computed. Returns when all are done.
    pub fn parallel(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        match &self.shared.fast {
            None => (0..tasks).for_each(task),
            Some(fast) => fast.parallel(tasks, task),
        }
    }

    /// Runs independent fused multiply-adds of `f32` on every thread, `rounds` loops of a few vectors each, and returns how
    /// many operations these were (two per element): what no contraction can be faster than. 0 for the reference.
    ///
    /// # Errors
    /// If a thread's floating-point environment cannot be set.
    pub fn multiply_adds(&self, rounds: u64) -> Result<u64, OperatorError> {
        self.fast().map_or(Ok(0), |fast| fast.multiply_adds(rounds))
    }

    /// The fast kernels, unless these are the reference's.
    pub(crate) fn fast(&self) -> Option<&Fast> {
        self.shared.fast.as_ref()
    }

    /// Computes `operator` on `operands`: one tensor per inferred result.
    ///
    /// # Errors
    /// If the operator does not accept operands of these types; nothing else can go wrong on a working CPU.
    pub fn run(
        &self,
        operator: &Operator,
        operands: &[&Tensor],
    ) -> Result<Vec<Tensor>, OperatorError> {
        let types: Vec<TensorType> = operands.iter().map(|x| x.tensor_type().clone()).collect();
        let results = operator.infer(&types)?;
        match &self.shared.fast {
            None => reference::run(operator, operands),
            Some(fast) => {
                results.into_iter().map(|result| fast.run(operator, operands, result)).collect()
            }
        }
    }
}
