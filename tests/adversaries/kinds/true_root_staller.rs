//! An accomplice of a liar who commits the true root first and then leaves its side to time out.

use gainsay_protocol::{ClaimOutcome, Outcome, Params, Verdict};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct TrueRootStaller;

impl Adversary for TrueRootStaller {
    fn name(&self) -> &'static str {
        "true-root-staller"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "a liar's accomplice commits the true root first and never moves, so that the right side times out"
    }

    fn stopped_by(&self) -> &'static str {
        "a side is a root, not a key: any other member moves for it"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.percent(40))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let liar = world.hostile(self.name()).await;
            let staller = world.hostile(self.name()).await;
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 4, 4).await.into();
            let truth: Told = world.truth(&world.requester.job(job).await).await.into();
            let claim = liar.claim(job, &told).await;
            staller.challenge(job, claim, &truth).await;
            let ended = liar.play(job, claim, &told).await;
            let ended = ended.claim_by_id(claim).unwrap().clone();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
            assert_eq!(ended.disputes.len(), 1, "one root, one dispute");
            let judged = Some(Outcome::Judged(Verdict::ExecutorFault));
            assert_eq!(ended.disputes[0].outcome(), judged, "nobody timed out");
        })
    }
}
