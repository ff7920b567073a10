//! Answering for a claim in dispute: whatever is missing, until nothing is.

use std::sync::Arc;

use gainsay_commitment::Digest;
use gainsay_player::{Move, MoveError, Place, missing_move, tell_move};
use gainsay_protocol::{ClaimPhase, ClaimState, JobId, JobState, Side};
use tracing::{debug, error};

use crate::daemon::Shared;
use crate::dishonesty::{Defence, Performance};
use crate::work::{Outcome, WorkError, short};

impl Shared {
    /// Makes every move that the claim on this job lacks.
    pub(crate) async fn defend(&self, job: JobId) -> Result<Outcome, WorkError> {
        let mut hopeless = Vec::new();
        loop {
            let Some(state) = self.client.job(job).await? else { return Ok(Outcome::Done) };
            let Some(claim) = state.claim() else { return Ok(Outcome::Done) };
            if claim.executor != self.client.key() || claim.phase != ClaimPhase::Disputed {
                return Ok(Outcome::Done);
            }
            let performance = match self.cache.get(job, claim.claim.attempt) {
                Some(performance) => performance,
                None => {
                    let attempt = claim.claim.attempt;
                    let assignment = self.assignment(&state, attempt).await?;
                    self.performance(assignment, Place::Answer).await?
                }
            };
            if performance.defence == Defence::Silent {
                return Ok(Outcome::Done);
            }
            if performance.source.root() != claim.claim.root {
                error!(job = %short(job), "the run does not give the claimed root again");
                return Ok(Outcome::Done);
            }
            match self.one_move(claim, &performance, &mut hopeless).await? {
                Some((counter_root, due)) => {
                    self.make(&state, counter_root, due, &mut hopeless).await?
                }
                None => return Ok(Outcome::Done),
            }
        }
    }

    /// The first move that is missing in any dispute of the claim that is not hopeless.
    async fn one_move(
        &self,
        claim: &ClaimState,
        performance: &Arc<Performance>,
        hopeless: &mut Vec<Digest>,
    ) -> Result<Option<(Digest, Move)>, WorkError> {
        for dispute in &claim.disputes {
            let counter_root = dispute.counter_root;
            if hopeless.contains(&counter_root) {
                continue;
            }
            let params = self.client.params().clone();
            let (claim, source) = (claim.clone(), Arc::clone(&performance.source));
            let due = self
                .places
                .compute(Place::Answer, move || {
                    let side = (Side::Executor, claim.executor);
                    missing_move(&params, &claim, side, &counter_root, source.as_ref())
                })
                .await?;
            match due {
                Ok(Some(due)) => return Ok(Some((counter_root, due))),
                Ok(None) => {}
                Err(MoveError::Run(error)) => return Err(MoveError::Run(error).into()),
                // Only a liar comes here: it cannot answer what it does not know.
                Err(error) => {
                    debug!(counter_root = %counter_root.short(), %error, "cannot be answered");
                    hopeless.push(counter_root);
                }
            }
        }
        Ok(None)
    }

    async fn make(
        &self,
        state: &JobState,
        counter_root: Digest,
        due: Move,
        hopeless: &mut Vec<Digest>,
    ) -> Result<(), WorkError> {
        let job = short(state.id);
        self.client.put_blobs(&due.blobs).await?;
        match self.client.submit(due.message.clone()).await {
            Ok(_) => {
                let counts = [&self.counters.moves, &self.counters.evidence];
                tell_move(&self.library, state, &due.message, counts);
                Ok(())
            }
            // Made by the other side, or too late: the next look shows which.
            Err(error) if error.refusal().is_some() => {
                self.counters.refusals.add();
                debug!(job, %error, "the move was refused");
                hopeless.push(counter_root);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
