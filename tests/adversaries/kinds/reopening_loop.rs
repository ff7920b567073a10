//! Liars who take a job each time it is opened again, so that it is never done.

use gainsay_protocol::{ClaimOutcome, JobPhase, Params, RefundReason};

use super::{Adversary, Jobs, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct ReopeningLoop;

impl Adversary for ReopeningLoop {
    fn name(&self) -> &'static str {
        "reopening-loop"
    }

    fn role(&self) -> Role {
        Role::Executor
    }

    fn tries(&self) -> &'static str {
        "claims wrongly each time the job is opened again, with a fresh key, to keep it going for ever"
    }

    fn stopped_by(&self) -> &'static str {
        "attempts are counted: after the last the requester has the whole fee back, and each attempt cost a bond"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(gainsay_protocol::Amount(params.executor_bond.0 * u64::from(params.attempts)))
    }

    fn jobs(&self) -> Jobs {
        Jobs::Refunded
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let job = world.order(Ground::Contested).await;
            for attempt in 0..world.params.attempts {
                let liar = world.hostile(self.name()).await;
                let told: Told = world.lie(job, 1 + attempt, 20).await.into();
                let claim = liar.claim(job, &told).await;
                let ended = liar.play(job, claim, &told).await;
                let outcome = ended.claim_by_id(claim).unwrap().outcome();
                assert_eq!(outcome, Some(ClaimOutcome::Rejected));
            }
            let phase = world.requester.job(job).await.phase;
            assert_eq!(phase, JobPhase::Refunded(RefundReason::Attempts));
        })
    }
}
