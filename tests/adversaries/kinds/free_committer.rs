//! Commits to nothing on every claim, to scare others off, and never reveals.

use gainsay_commitment::content;
use gainsay_protocol::{ClaimOutcome, Commit, Message, Params};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct FreeCommitter;

impl Adversary for FreeCommitter {
    fn name(&self) -> &'static str {
        "free-committer"
    }

    fn role(&self) -> Role {
        Role::Challenger
    }

    fn tries(&self) -> &'static str {
        "commits to nothing on a wrong and on a right claim, and never reveals"
    }

    fn stopped_by(&self) -> &'static str {
        "a commitment locks a bond, which burns when no reveal comes; it holds nobody else back"
    }

    fn pays(&self, params: &Params) -> Pays {
        // Two commitments; its liar's bond beside.
        Pays::AtLeast(params.challenger_bond.checked_add(params.challenger_bond).unwrap())
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let liar = world.hostile(self.name()).await;
            let committer = world.hostile(self.name()).await;
            let (wrong, right) =
                (world.order(Ground::Contested).await, world.order(Ground::Contested).await);
            let told: Told = world.lie(wrong, 3, 1).await.into();
            let truth: Told = world.truth(&world.requester.job(right).await).await.into();
            let claims = [liar.claim(wrong, &told).await, liar.claim(right, &truth).await];
            for claim in claims {
                let commitment = content(&claim.0.0.0);
                committer.say(Message::Commit(Commit { claim, commitment })).await.unwrap();
            }
            let (ended, other) = tokio::join!(
                liar.play(wrong, claims[0], &told),
                committer.until_ended(right, claims[1])
            );
            assert_eq!(
                ended.claim_by_id(claims[0]).unwrap().outcome(),
                Some(ClaimOutcome::Rejected)
            );
            let right = other.claim_by_id(claims[1]).unwrap();
            assert_eq!(right.outcome(), Some(ClaimOutcome::Final));
            assert_eq!((right.challenges.len(), right.forfeited.len()), (0, 1));
        })
    }
}
