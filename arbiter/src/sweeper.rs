//! The sweeper: makes every deadline take effect, soon after it passes.
//!
//! Nothing depends on how soon: a message is judged by the clocks as they stand (`no_late_move`). It sleeps until the
//! earliest deadline, or until it is told that deadlines have moved.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use gainsay_protocol::{JobId, Time, next_deadline};

use crate::core::Core;
use crate::decide::Occurrence;
use crate::error::Chain;
use crate::store::{CommitError, Committed, StoreError};

/// Deadlines that take effect together, and share commits.
const BATCH: u32 = 64;
/// The longest sleep, in case serving time stood and went on again.
const LONGEST: Duration = Duration::from_secs(1);
/// The pause after the store failed, or a deadline had no effect.
const PAUSE: Duration = Duration::from_millis(100);

/// Sweeps until the arbiter stops.
pub(crate) async fn serve(core: Arc<Core>) {
    loop {
        let pause = match core.sweep().await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "the sweeper could not read deadlines");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = core.deadlines.notified() => {}
        }
    }
}

impl Core {
    /// Makes the deadlines that have passed take effect, and says how long to sleep.
    async fn sweep(self: &Arc<Self>) -> Result<Duration, StoreError> {
        loop {
            let now = self.clock.now();
            let due = self.store.due(now, BATCH).await?;
            let paid = self.pay_due(now).await?;
            if due.is_empty() {
                if paid > 0 {
                    continue;
                }
                let next = self.store.next_deadline().await?;
                let next = next.into_iter().chain(self.store.next_withdrawal().await?).min();
                return Ok(match next {
                    // A withdrawal that is due and cannot be paid.
                    Some(next) if next <= now => PAUSE,
                    Some(next) => self.until(next),
                    None => LONGEST,
                });
            }
            let ticks = due.iter().map(|job| self.tick(*job, now));
            let done = join_all(ticks).await.into_iter().filter(|done| *done).count();
            if done == 0 {
                return Ok(PAUSE);
            }
        }
    }

    /// Pays the withdrawals that are due, and says how many.
    async fn pay_due(self: &Arc<Self>, now: Time) -> Result<usize, StoreError> {
        let due = self.store.withdrawals_due(now, BATCH).await?;
        let payments = due.iter().map(|withdrawal| self.pay(withdrawal.id));
        let mut paid = 0;
        for (done, withdrawal) in join_all(payments).await.into_iter().zip(&due) {
            match done {
                Ok(done) => paid += usize::from(done),
                Err(CommitError::Store(StoreError::Closed)) => {}
                Err(error) => {
                    tracing::error!(withdrawal = %withdrawal.id.0, error = %Chain(&error), "a withdrawal could not be paid");
                }
            }
        }
        Ok(paid)
    }

    fn until(&self, deadline: Time) -> Duration {
        Duration::from_millis(deadline.since(self.clock.now()).0)
            .clamp(Duration::from_millis(1), LONGEST)
    }

    /// Makes time pass for one job; whether that changed anything.
    async fn tick(self: &Arc<Self>, job: JobId, now: Time) -> bool {
        if let Ok(Some(deadline)) =
            self.store.job(job).await.map(|job| job.and_then(|job| next_deadline(&job)))
        {
            let lag = Duration::from_millis(now.since(deadline).0);
            self.metrics.service.deadline_lag.observe(lag.as_secs_f64());
        }
        match self.occur(job, Occurrence::Tick, None).await {
            Ok(Committed::New { .. }) => true,
            Ok(_) => false,
            Err(CommitError::Store(StoreError::Closed)) => false,
            Err(error) => {
                tracing::error!(job = %job.0.0, error = %Chain(&error), "a deadline could not take effect");
                false
            }
        }
    }
}
