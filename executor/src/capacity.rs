//! How much an executor takes on: a pure rule.
//!
//! Every open claim can be disputed at once, and a dispute may need the run again. An executor that could not make
//! all of those runs in half of its clock could be timed out by mass false alarms, so it does not take that many.

use std::time::Duration;

use gainsay_protocol::{JobId, Keypair, MessageId, Millis};

/// Whether one more job may be taken beside `open` ones, of which `unclaimed` are not claimed yet. `slowest` is the
/// slowest run known, nothing if none was made yet: then one job at a time shows how long one takes. Runs are made one
/// after another, so those of all takes must also fit in half a lease.
pub fn may_take(
    open: usize,
    unclaimed: usize,
    max_open: usize,
    slowest: Option<Duration>,
    (budget, lease): (Millis, Millis),
) -> bool {
    if open >= max_open {
        return false;
    }
    let Some(slowest) = slowest else {
        return unclaimed == 0;
    };
    let fit = |runs: usize, time: Millis| {
        let runs = u32::try_from(runs).unwrap_or(u32::MAX).saturating_add(1);
        slowest.saturating_mul(runs) <= Duration::from_millis(time.0 / 2)
    };
    fit(open, budget) && fit(unclaimed, lease)
}

/// How long runs take: quick to believe a slow one, slow to forget it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Speed(Option<Duration>);

impl Speed {
    /// Takes a run into account.
    pub fn measured(&mut self, run: Duration) {
        self.0 = Some(match self.0 {
            Some(known) if known > run => known.saturating_mul(7) / 8 + run / 8,
            _ => run,
        });
    }

    /// The slowest run to expect.
    pub fn slowest(&self) -> Option<Duration> {
        self.0
    }
}

/// The order in which a key goes through open jobs: each its own, so that several executors do not all race for the
/// same one. It follows from the secret key, so that nobody can tell a job that was taken out of turn (a canary).
pub fn order(keypair: &Keypair, job: JobId) -> [u8; 32] {
    let JobId(MessageId(job)) = job;
    let mut hasher = blake3::Hasher::new_derive_key("gainsay 1 order of jobs");
    hasher.update(&*keypair.seed()).update(job.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_claims_never_need_more_than_half_a_clock() {
        let times = (Millis(1000), Millis(100_000));
        let fits = |open, ms| may_take(open, 0, 100, Some(Duration::from_millis(ms)), times);
        assert!(fits(0, 500) && !fits(0, 501));
        assert!(fits(4, 100) && !fits(5, 100));
        assert!(may_take(2, 0, 3, Some(Duration::ZERO), times));
        assert!(!may_take(3, 0, 3, Some(Duration::ZERO), times));
    }

    #[test]
    fn takes_never_need_more_than_half_a_lease() {
        let times = (Millis(100_000), Millis(1000));
        let fits = |unclaimed, ms| {
            may_take(unclaimed, unclaimed, 100, Some(Duration::from_millis(ms)), times)
        };
        assert!(fits(0, 500) && !fits(0, 501));
        assert!(fits(4, 100) && !fits(5, 100));
    }

    #[test]
    fn every_key_has_an_order_of_its_own() {
        let order_of = |seed: u8| {
            let keypair = Keypair::from_seed(&[seed; 32]);
            let mut jobs: Vec<u8> = (0..20).collect();
            jobs.sort_by_key(|job| {
                let digest = gainsay_commitment::Digest([*job; 32]);
                order(&keypair, JobId(MessageId(digest)))
            });
            jobs
        };
        assert_eq!(order_of(1), order_of(1));
        assert_ne!(order_of(1), order_of(2));
    }

    #[test]
    fn the_first_run_is_made_alone() {
        assert!(may_take(0, 0, 8, None, (Millis(1000), Millis(1000))));
        assert!(!may_take(1, 1, 8, None, (Millis(1000), Millis(1000))));
        // After a restart claims may be open although no run was made yet.
        assert!(
            may_take(7, 0, 8, None, (Millis(1000), Millis(1000)))
                && !may_take(8, 0, 8, None, (Millis(1000), Millis(1000)))
        );
    }

    #[test]
    fn a_slow_run_is_believed_at_once_and_forgotten_slowly() {
        let mut speed = Speed::default();
        speed.measured(Duration::from_millis(10));
        speed.measured(Duration::from_millis(800));
        assert_eq!(speed.slowest(), Some(Duration::from_millis(800)));
        speed.measured(Duration::from_millis(0));
        assert_eq!(speed.slowest(), Some(Duration::from_millis(700)));
    }
}
