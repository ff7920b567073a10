//! Worker threads that share the elements of one result between them.
//!
//! A task is a number; whoever is free claims the next. A task owns its part of the output alone, so neither the number
//! of threads nor their timing can change a result. The calling thread works too: helpers that are busy with another
//! run, or have not woken up when the tasks run out, are not waited for.

mod team;

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::team::Team;
use super::environment::FloatEnvironment;
use crate::{KernelError, OperatorError};

/// Work below which another thread costs more than it saves: a few microseconds. The unit is one element of a simple
/// elementwise operator, about a seventh of a nanosecond with vectors.
const WORTHWHILE: u64 = if cfg!(test) { 1 } else { 40_000 };

/// The calling thread and its helpers.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    helpers: Team,
}

impl Threads {
    pub(crate) fn new(count: NonZeroUsize) -> Result<Threads, KernelError> {
        let helpers = Team::new(count.get() - 1).map_err(KernelError::Threads)?;
        Ok(Threads { count: count.get(), helpers })
    }

    /// How many threads there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many threads to use for this much work.
    pub(crate) fn worthwhile(&self, work: u64) -> usize {
        if work < WORTHWHILE { 1 } else { self.count }
    }

    /// Runs tasks that compute nothing canonical, each exactly once, on all idle threads.
    pub(crate) fn host(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        let next = AtomicUsize::new(0);
        let work = || loop {
            let claimed = next.fetch_add(1, Ordering::Relaxed);
            if claimed >= tasks {
                return;
            }
            task(claimed);
        };
        self.helpers.run(self.count.min(tasks).saturating_sub(1), &work);
    }

    /// Runs the tasks `0..tasks`, each exactly once, on up to `threads` threads.
    ///
    /// # Errors
    /// If a thread's floating-point environment cannot be set.
    pub(crate) fn run(
        &self,
        threads: usize,
        tasks: usize,
        task: impl Fn(usize) + Sync,
    ) -> Result<(), OperatorError> {
        let next = AtomicUsize::new(0);
        let failure = OnceLock::new();
        let work = || match FloatEnvironment::enter() {
            Ok(_environment) => loop {
                let claimed = next.fetch_add(1, Ordering::Relaxed);
                if claimed >= tasks {
                    return;
                }
                task(claimed);
            },
            // The others do the work.
            Err(error) => {
                let _ = failure.set(error);
            }
        };
        self.helpers.run(threads.min(tasks).saturating_sub(1), &work);
        failure.into_inner().map_or(Ok(()), Err)
    }

    /// Cuts `output` into chunks of `length` (the last may be shorter) and calls `task` with the start of each.
    ///
    /// # Errors
    /// As for [`Threads::run`].
    pub(crate) fn chunks<T: Send>(
        &self,
        threads: usize,
        output: &mut [T],
        length: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) -> Result<(), OperatorError> {
        let length = length.max(1);
        let whole = Output::new(output);
        self.run(threads, whole.len.div_ceil(length), |index| {
            let start = index * length;
            let end = whole.len.min(start + length);
            // SAFETY: chunks of different tasks do not overlap, each task runs once, and `output` is borrowed until all
            // of them have ended.
            task(start, unsafe { whole.part(start, end) });
        })
    }
}

/// An output that several tasks write parts of.
pub(crate) struct Output<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: it only hands out parts, and whoever takes one promises that nobody else has it.
unsafe impl<T: Send> Sync for Output<T> {}

impl<T> Output<T> {
    /// The borrow must outlive all use of the parts.
    pub(crate) fn new(output: &mut [T]) -> Output<T> {
        Output { start: output.as_mut_ptr(), len: output.len() }
    }

    /// # Safety
    /// Nobody else uses these elements meanwhile, and the output is still borrowed.
    // The point of the type is to get parts for writing out of a shared value.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, start: usize, end: usize) -> &mut [T] {
        assert!(start <= end && end <= self.len, "a part of the output");
        // SAFETY: inside the output by the assertion; not aliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), end - start) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The address of an element.
    ///
    /// # Panics
    /// If there is no such element.
    pub(crate) fn at(&self, index: usize) -> *mut T {
        assert!(index < self.len, "an element of the output");
        self.start.wrapping_add(index)
    }
}
