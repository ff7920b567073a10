//! Two keys that take turns: one lies, the other catches it, and what the loser pays is the next round's bond.

use gainsay_protocol::{ClaimOutcome, Params};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct BondRecycler;

impl Adversary for BondRecycler {
    fn name(&self) -> &'static str {
        "bond-recycler"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "lies and catches itself in turns, so that lost bonds come back as rewards and can be staked again"
    }

    fn stopped_by(&self) -> &'static str {
        "at most 60% of a slashed bond is ever paid out, and honest members of the side share it; the rest burns each round"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(gainsay_protocol::Amount(params.executor_bond.percent(40).0 * 2))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let pair = [world.hostile(self.name()).await, world.hostile(self.name()).await];
            let job = world.order(Ground::Contested).await;
            for round in 0..2 {
                let (liar, catcher) = (&pair[round], &pair[1 - round]);
                let told: Told = world.lie(job, 2, 18 + round as u64).await.into();
                let truth: Told = world.truth(&world.requester.job(job).await).await.into();
                let claim = liar.claim(job, &told).await;
                catcher.challenge(job, claim, &truth).await;
                let (ended, _) =
                    tokio::join!(liar.play(job, claim, &told), catcher.play(job, claim, &truth));
                let outcome = ended.claim_by_id(claim).unwrap().outcome();
                assert_eq!(outcome, Some(ClaimOutcome::Rejected));
            }
        })
    }
}
