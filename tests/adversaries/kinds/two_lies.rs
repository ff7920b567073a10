//! Two lies planted in one trace, and an accomplice who tells the first and contradicts the second, so that a sham root
//! wins a dispute at the later one.

use gainsay_protocol::{ClaimOutcome, Outcome, Params, Verdict};

use super::{Adversary, Pays, Play, Role};
use crate::crafted::{Crafted, evidence_after_lie};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct TwoLies;

impl Adversary for TwoLies {
    fn name(&self) -> &'static str {
        "two-planted-lies"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "plants two lies and has a sham contradict only the later one, so that the sham wins the reward"
    }

    fn stopped_by(&self) -> &'static str {
        "several roots stand, so the arbiter runs the program once and drops each root at its first wrong layer"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.checked_add(params.challenger_bond.percent(40)).unwrap())
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let (liar, sham) = (world.hostile(self.name()).await, world.hostile(self.name()).await);
            let job = world.order(Ground::Contested).await;
            let honest = world.truth(&world.requester.job(job).await).await;
            let evidence = evidence_after_lie(&honest, 4, 13);
            let later = world.lie(job, 4, 14).await;
            let first = || world.lie(job, 3, 13);
            let both = Crafted::of(first().await)
                .states_from(4, later.states())
                .evidence(4, evidence.clone())
                .told(later.outputs().to_vec());
            let one = first().await;
            let outputs = one.outputs().to_vec();
            let one = Crafted::of(one).evidence(4, evidence).told(outputs);
            let claim = liar.claim(job, &both).await;
            sham.challenge(job, claim, &one).await;
            let (ended, _) =
                tokio::join!(liar.play(job, claim, &both), sham.play(job, claim, &one));
            let ended = ended.claim_by_id(claim).unwrap();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
            let won = ended.dispute(&one.root()).unwrap();
            assert_eq!(won.layer(), Some(4));
            assert_eq!(
                won.outcome(),
                Some(Outcome::Judged(Verdict::ExecutorFault)),
                "the sham won"
            );
            let truth: Told = honest.into();
            assert_eq!(ended.dispute(&truth.root()).unwrap().layer(), Some(3));
        })
    }
}
