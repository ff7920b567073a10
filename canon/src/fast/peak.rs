//! The ceiling of every contraction: multiply-adds that wait for nothing but one another.

use super::Fast;
use super::simd::{Kernel, Simd};
use crate::OperatorError;

/// Chains of their own: more than a multiply-add's latency times what can begin in a cycle.
const CHAINS: usize = 12;

struct MultiplyAdds {
    rounds: u64,
    x: f32,
}

impl Kernel for MultiplyAdds {
    /// What keeps the loop from being left out, and the operations.
    type Output = (f32, u64);

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> (f32, u64) {
        let (x, y) = (s.splat(self.x), s.splat(1.0));
        let mut acc = [y; CHAINS];
        for _ in 0..self.rounds {
            for acc in &mut acc {
                *acc = s.fma(*acc, x, y);
            }
        }
        let mut sum = y;
        for acc in acc {
            sum = s.add(sum, acc);
        }
        let mut lanes = [0.0; super::simd::WIDEST];
        s.store(&mut lanes, sum);
        (lanes[0], self.rounds * (2 * CHAINS * S::LANES) as u64)
    }
}

impl Fast {
    /// Runs independent multiply-adds on every thread and returns how many operations these were.
    pub(crate) fn multiply_adds(&self, rounds: u64) -> Result<u64, OperatorError> {
        let threads = self.threads.count();
        let done = std::sync::atomic::AtomicU64::new(0);
        self.threads.run(threads, threads, |_| {
            let x = std::hint::black_box(0.5);
            let (result, operations) = self.vectors.run(MultiplyAdds { rounds, x });
            std::hint::black_box(result);
            done.fetch_add(operations, std::sync::atomic::Ordering::Relaxed);
        })?;
        Ok(done.into_inner())
    }
}
