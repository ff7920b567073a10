//! Tries to prove that an honest executor equivocated, from what it really signed.

use gainsay_network::api::RefusalKind;
use gainsay_protocol::{ClaimOutcome, Equivocation, Message};

use super::{Adversary, Play, Role};
use crate::world::{Ground, World};

/// See the module.
pub struct FalseEquivocation;

impl Adversary for FalseEquivocation {
    fn name(&self) -> &'static str {
        "false-equivocation"
    }

    fn role(&self) -> Role {
        Role::Challenger
    }

    fn tries(&self) -> &'static str {
        "makes a proof of equivocation out of one claim resent, of claims for two jobs, and of a forged one"
    }

    fn stopped_by(&self) -> &'static str {
        "a proof is two signed claims of one key for one (network, job, attempt) with different contents, and nothing else is"
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let framer = world.hostile(self.name()).await;
            let mut claims = Vec::new();
            for _ in 0..2 {
                let job = world.order(Ground::Common).await;
                let claimed = |job: &gainsay_protocol::JobState| job.claim().is_some();
                let state = framer.person.until(job, claimed).await;
                claims.push((job, state.claim().unwrap().id));
            }
            let one = framer.heard(claims[0].1.0).await;
            let other = framer.heard(claims[1].1.0).await;
            let mut forged = one.clone();
            if let Message::Claim(claim) = &mut forged.message {
                claim.root.0[0] ^= 1;
            }
            let mut openings = one.clone();
            if let Message::Claim(claim) = &mut openings.message {
                claim.first.siblings.reverse();
            }
            for (first, second) in [
                (one.clone(), one.clone()),
                (one.clone(), other),
                (one.clone(), forged.clone()),
                (forged, one.clone()),
                (one, openings),
            ] {
                let proof = Equivocation { one: Box::new(first), other: Box::new(second) };
                let refused = framer.say(Message::Equivocation(proof)).await.unwrap_err();
                assert!(
                    matches!(refused.kind, RefusalKind::Rejected | RefusalKind::Envelope),
                    "{refused:?}"
                );
            }
            for (job, claim) in claims {
                let ended = framer.until_ended(job, claim).await;
                let outcome = ended.claim_by_id(claim).unwrap().outcome();
                assert_eq!(outcome, Some(ClaimOutcome::Final));
            }
        })
    }
}
