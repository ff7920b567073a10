//! A liar challenges itself with another lie and lets the sham lose, so that its claim seems to have been defended.

use gainsay_network::api::RefusalKind;
use gainsay_protocol::{ClaimOutcome, Outcome, Params, Verdict};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::is_refused;
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct Sham;

impl Adversary for Sham {
    fn name(&self) -> &'static str {
        "sham-self-challenger"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "a second key of a liar disputes its claim with a worse lie and loses, so that the claim has been defended"
    }

    fn stopped_by(&self) -> &'static str {
        "a claim is final only when every dispute has ended for it; the sham's root and the true one are two disputes"
    }

    fn pays(&self, params: &Params) -> Pays {
        // Nothing of what burns comes back, and the sham's root is not the true one.
        Pays::AtLeast(params.executor_bond.checked_add(params.challenger_bond.percent(40)).unwrap())
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let (liar, sham) = (world.hostile(self.name()).await, world.hostile(self.name()).await);
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 4, 5).await.into();
            let worse: Told = world.lie(job, 2, 6).await.into();
            let claim = liar.claim(job, &told).await;
            // Not under its own name.
            let own = liar.commit(claim, &worse).await;
            is_refused(own, RefusalKind::Rejected, "");
            sham.challenge(job, claim, &worse).await;
            let (ended, _) =
                tokio::join!(liar.play(job, claim, &told), sham.play(job, claim, &worse));
            let ended = ended.claim_by_id(claim).unwrap();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
            assert_eq!(ended.disputes.len(), 2);
            let against = ended.dispute(&worse.root()).unwrap().outcome();
            assert_eq!(against, Some(Outcome::Judged(Verdict::ChallengerFault)));
        })
    }
}
