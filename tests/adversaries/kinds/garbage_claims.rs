//! Keys that race honest executors for jobs and claim garbage to be there first.

use gainsay_protocol::{ClaimOutcome, JobPhase, Params};
use tokio::task::JoinSet;

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct GarbageClaims;

impl Adversary for GarbageClaims {
    fn name(&self) -> &'static str {
        "garbage-claims"
    }

    fn role(&self) -> Role {
        Role::Executor
    }

    fn tries(&self) -> &'static str {
        "several keys race for every open job and claim garbage before anybody honest can answer"
    }

    fn stopped_by(&self) -> &'static str {
        "only the holder of a lease may claim, each take locks a full bond, and a rejected claim opens the job to others"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond)
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let mut racers = JoinSet::new();
            let job = world.order(Ground::Contested).await;
            for number in 0..3 {
                let racer = world.hostile(self.name()).await;
                let told: Told = world.lie(job, 1 + number, 12).await.into();
                racers.spawn(async move {
                    if racer.take(job).await.is_err() {
                        return false;
                    }
                    let claim = gainsay_protocol::Message::Claim(racer.claim_of(job, &told).await);
                    let claim = gainsay_protocol::ClaimId(racer.say(claim).await.unwrap());
                    let ended = racer.play(job, claim, &told).await;
                    let outcome = ended.claim_by_id(claim).unwrap().outcome();
                    assert_eq!(outcome, Some(ClaimOutcome::Rejected));
                    true
                });
            }
            let first = racers.join_all().await.into_iter().filter(|first| *first).count();
            assert_eq!(first, 1, "one lease at a time");
            assert_eq!(world.requester.job(job).await.phase, JobPhase::Open);
        })
    }
}
