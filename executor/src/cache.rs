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

#[cfg(test)]
mod tests {
    use gainsay_commitment::{Arity, Digest, NodeId, Opening};
    use gainsay_model::{Evidence, RunError};
    use gainsay_player::TraceSource;
    use gainsay_protocol::MessageId;

    use super::*;
    use crate::dishonesty::Defence;

    #[derive(Debug)]
    struct Root(u8);

    impl TraceSource for Root {
        fn root(&self) -> Digest {
            Digest([self.0; 32])
        }

        fn reveal(&self, _node: NodeId, _arity: Arity) -> Option<Vec<Digest>> {
            None
        }

        fn opening(&self, _index: u32) -> Option<Opening> {
            None
        }

        fn evidence(&self, _layer: u32) -> Result<Option<Evidence>, RunError> {
            Ok(None)
        }
    }

    fn job(number: u8) -> JobId {
        JobId(MessageId(Digest([number; 32])))
    }

    #[test]
    fn the_one_used_longest_ago_goes_first() {
        let cache = Cache::new(2);
        let put = |number| {
            let source = Arc::new(Root(number));
            let performance =
                Performance { source, outputs: Vec::new(), defence: Defence::Answers };
            cache.put(job(number), 0, Arc::new(performance));
        };
        let root = |number| cache.get(job(number), 0).map(|found| found.source.root());
        put(1);
        put(2);
        assert_eq!(root(1), Some(Digest([1; 32])));
        put(3);
        assert_eq!(
            (root(1), root(2), root(3)),
            (Some(Digest([1; 32])), None, Some(Digest([3; 32])))
        );
        assert!(cache.get(job(1), 1).is_none(), "another attempt is another performance");
    }
}
