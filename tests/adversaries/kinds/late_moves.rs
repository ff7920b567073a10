//! Moves out of order: before they are due, and after everything is over.

use gainsay_network::api::RefusalKind;
use gainsay_protocol::{
    ClaimOutcome, Commit, Dissection, JobPhase, JobState, Message, Params, Take,
};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::is_refused;
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct LateMoves;

impl Adversary for LateMoves {
    fn name(&self) -> &'static str {
        "late-and-early-moves"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "reveals in the window, dissects before there is a dispute, and does everything once more after the end"
    }

    fn stopped_by(&self) -> &'static str {
        "a message is due or it is refused, by the clocks as they stand; what has ended accepts nothing"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.percent(40))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let (liar, late) = (world.hostile(self.name()).await, world.hostile(self.name()).await);
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 4, 70).await.into();
            let truth: Told = world.truth(&world.requester.job(job).await).await.into();
            let claim = liar.claim(job, &told).await;
            late.commit(claim, &truth).await.unwrap();
            let refused =
                |result, text: &'static str| is_refused(result, RefusalKind::Rejected, text);
            let reveal = || Message::Reveal(late.reveal_of(claim, &truth));
            refused(late.say(reveal()).await, "a reveal is due");
            let root = truth.root();
            let node = gainsay_commitment::TraceShape::new(truth.layers).unwrap().root();
            let children = truth.source.reveal(node, world.params.arity).unwrap();
            let dissection = || {
                let children = children.clone();
                Message::Dissection(Dissection { claim, root, node, children })
            };
            refused(late.say(dissection()).await, "");
            refused(late.say(Message::Take(Take { job, attempt: 0 })).await, "not open");
            refused(late.say(Message::Claim(late.claim_of(job, &truth).await)).await, "");
            late.until_revealing(job, claim).await;
            let second = late.commit(claim, &told).await;
            refused(second, "");
            late.say(reveal()).await.unwrap();
            let (ended, _) =
                tokio::join!(liar.play(job, claim, &told), late.play(job, claim, &truth));
            let outcome = ended.claim_by_id(claim).unwrap().outcome();
            assert_eq!(outcome, Some(ClaimOutcome::Rejected));
            // Messages that were not said before; what was said gets its receipt.
            let fresh = Commit { claim, commitment: gainsay_commitment::content(b"late") };
            refused(late.say(Message::Commit(fresh)).await, "rejected");
            let mut other = late.reveal_of(claim, &truth);
            other.salt[0] ^= 1;
            refused(late.say(Message::Reveal(other)).await, "rejected");
            let mut wrong = children.clone();
            wrong.reverse();
            let wrong = Dissection { claim, root, node, children: wrong };
            refused(late.say(Message::Dissection(wrong)).await, "rejected");
            refused(liar.take(job).await, "");
            let is_open = |job: &JobState| job.phase == JobPhase::Open;
            assert!(is_open(&world.requester.job(job).await));
        })
    }
}
