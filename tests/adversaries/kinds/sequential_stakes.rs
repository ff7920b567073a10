//! Keys that stake one after another on one claim and then never move, to delay its end by one budget after another.

use gainsay_protocol::{ClaimOutcome, Outcome, Params};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct SequentialStakes;

/// How many stakes.
const STAKES: u64 = 4;

impl Adversary for SequentialStakes {
    fn name(&self) -> &'static str {
        "sequential-stakes"
    }

    fn role(&self) -> Role {
        Role::Challenger
    }

    fn tries(&self) -> &'static str {
        "stakes on one right claim with key after key, each with another root, and never moves"
    }

    fn stopped_by(&self) -> &'static str {
        "the window does not move, and all disputes on a claim run in parallel on clocks that start together"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(gainsay_protocol::Amount(params.challenger_bond.0 * STAKES))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let mut stakers = Vec::new();
            for _ in 0..STAKES {
                stakers.push(world.hostile(self.name()).await);
            }
            let job = world.order(Ground::Common).await;
            let claimed = |job: &gainsay_protocol::JobState| job.claim().is_some();
            let state = stakers[0].person.until(job, claimed).await;
            let claim = state.claim().unwrap().id;
            let mut stakes = Vec::new();
            for (number, staker) in (0u64..).zip(stakers) {
                let told: Told = world.lie(job, 2 + number as u32, 21 + number).await.into();
                staker.commit(claim, &told).await.unwrap();
                stakes.push((staker, told));
            }
            for (staker, told) in &stakes {
                staker.until_revealing(job, claim).await;
                let reveal = staker.reveal_of(claim, told);
                // One that comes too late burns its bond all the same.
                let _ = staker.say(gainsay_protocol::Message::Reveal(reveal)).await;
            }
            let ended = stakes[0].0.until_ended(job, claim).await;
            let ended = ended.claim_by_id(claim).unwrap();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Final));
            for dispute in &ended.disputes {
                assert_eq!(dispute.outcome(), Some(Outcome::ChallengerTimeout));
            }
            let ends: Vec<_> = ended.disputes.iter().map(|dispute| dispute.ended).collect();
            let took = ended.ended.unwrap().since(ended.reveal_ends).0;
            // Two budgets would be the first sign of one after the other.
            assert!(took < 2 * world.params.budget.0, "{took} ms: {ends:?}");
        })
    }
}
