//! Places for what players compute: runs of whole programs, and beside them answers in disputes.

use std::num::NonZeroUsize;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// What a place is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A run that has the length of a lease or a window: a job, or a claim to be looked at.
    Run,
    /// What a dispute or a reveal needs, while a clock runs.
    Answer,
}

/// So many computations at a time, and as many answers in disputes beside them: what a clock waits for never queues behind
/// runs, though it shares the processor with those under way.
#[derive(Debug)]
pub struct Places {
    runs: Semaphore,
    answers: Semaphore,
}

impl Places {
    /// With so many for runs and so many for answers.
    pub fn new(each: NonZeroUsize) -> Self {
        Self { runs: Semaphore::new(each.get()), answers: Semaphore::new(each.get()) }
    }

    /// Computes on a thread that may block, when a place is free.
    ///
    /// # Errors
    /// If the computation panics.
    pub async fn compute<T: Send + 'static>(
        &self,
        place: Place,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let free = match place {
            Place::Run => &self.runs,
            Place::Answer => &self.answers,
        };
        // The semaphores are never closed; without a permit a computation is only less bounded.
        let _permit = free.acquire().await.ok();
        spawn_blocking(compute).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_answer_does_not_wait_for_runs() -> Result<(), JoinError> {
        let places = Places::new(NonZeroUsize::MIN);
        let (answered, answer) = mpsc::channel::<()>();
        let (after, ran) = mpsc::channel();
        let second = after.clone();
        // The one place for runs is taken until the answer is there.
        let run = places.compute(Place::Run, move || {
            let answered = answer.recv_timeout(Duration::from_secs(60)).is_ok();
            after.send("the first run").is_ok() && answered
        });
        let queued = places.compute(Place::Run, move || second.send("the second run").is_ok());
        let dispute = places.compute(Place::Answer, move || answered.send(()).is_ok());
        let (first, second, answered) = tokio::try_join!(run, queued, dispute)?;
        assert!(first && second && answered);
        assert_eq!(ran.iter().collect::<Vec<_>>(), ["the first run", "the second run"]);
        Ok(())
    }
}
