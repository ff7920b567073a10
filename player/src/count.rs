//! One count of a daemon's, for metrics and tests.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, shared between threads.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
