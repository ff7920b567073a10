//! The performances an executor keeps at hand: the ones used last, up to a number of them.
//!
//! Losing one costs a run, nothing else: it is computed again, and comes out the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gainsay_protocol::JobId;

use crate::dishonesty::Performance;

type Key = (JobId, u32);

/// See the module.
#[derive(Debug)]
pub(crate) struct Cache {
    limit: usize,
    // The one used last is at the back.
    held: Mutex<VecDeque<(Key, Arc<Performance>)>>,
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: Mutex::default() }
    }

    pub(crate) fn get(&self, job: JobId, attempt: u32) -> Option<Arc<Performance>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let at = held.iter().position(|(key, _)| *key == (job, attempt))?;
        let found = held.remove(at)?;
        let performance = Arc::clone(&found.1);
        held.push_back(found);
        Some(performance)
    }

    pub(crate) fn put(&self, job: JobId, attempt: u32, performance: Arc<Performance>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(key, _)| *key != (job, attempt));
        held.push_back(((job, attempt), performance));
        while held.len() > self.limit {
            held.pop_front();
        }
    }
}
