//! A liar that is caught concedes by time-out to its own shams, so that the slash goes to itself.

use gainsay_protocol::{Amount, ClaimOutcome, Outcome, Params};
use tokio::task::JoinSet;

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct Concession;

/// Keys to concede to.
const SHAMS: usize = 3;

impl Adversary for Concession {
    fn name(&self) -> &'static str {
        "concession-to-a-sham"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "a liar times out to many garbage roots of its own, so that the reward for catching it stays in the family"
    }

    fn stopped_by(&self) -> &'static str {
        "after a time-out the arbiter runs the program once, and only the true root is rewarded; the others are slashed"
    }

    fn pays(&self, params: &Params) -> Pays {
        let shams = Amount(params.challenger_bond.0 * SHAMS as u64);
        Pays::AtLeast(params.executor_bond.checked_add(shams).unwrap())
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let liar = world.hostile(self.name()).await;
            let mut shams = Vec::new();
            for _ in 0..SHAMS {
                shams.push(world.hostile(self.name()).await);
            }
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 3, 7).await.into();
            let claim = liar.claim(job, &told).await;
            let mut games = JoinSet::new();
            for (seed, sham) in (8u64..).zip(shams) {
                let other: Told = world.lie(job, 3, seed).await.into();
                assert_ne!(told.root(), other.root());
                games.spawn(async move {
                    sham.challenge(job, claim, &other).await;
                    (other.root(), sham.play(job, claim, &other).await)
                });
            }
            for (root, ended) in games.join_all().await {
                let ended = ended.claim_by_id(claim).unwrap();
                assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
                assert_eq!(ended.disputes.len(), SHAMS + 1);
                let conceded = ended.dispute(&root).unwrap();
                assert_eq!(conceded.outcome(), Some(Outcome::ExecutorTimeout));
            }
        })
    }
}
