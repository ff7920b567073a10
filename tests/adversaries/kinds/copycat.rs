//! Says again, under its own key, whatever it sees others say.

use gainsay_network::api::RefusalKind;
use gainsay_protocol::{ClaimPhase, Commit, Message, Params};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::is_refused;
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct Copycat;

impl Adversary for Copycat {
    fn name(&self) -> &'static str {
        "copycat"
    }

    fn role(&self) -> Role {
        Role::Challenger
    }

    fn tries(&self) -> &'static str {
        "copies a commitment, then the reveal, moves and evidence, for a share of the reward without any work"
    }

    fn stopped_by(&self) -> &'static str {
        "a commitment is bound to its key and claim, so that a copy cannot be revealed and burns"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.checked_add(params.challenger_bond).unwrap())
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let liar = world.hostile(self.name()).await;
            let copycat = world.hostile(self.name()).await;
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 2, 2).await.into();
            let claim = liar.claim(job, &told).await;
            let committed = |job: &gainsay_protocol::JobState| {
                job.claim().is_some_and(|claim| !claim.challenges.is_empty())
            };
            let state = copycat.person.until(job, committed).await;
            let original = state.claim().unwrap().challenges[0].clone();
            let copy = Commit { claim, commitment: original.commitment };
            copycat.say(Message::Commit(copy)).await.unwrap();
            let shown = |job: &gainsay_protocol::JobState| {
                let claim = job.claims.first().unwrap();
                claim.challenges.iter().any(|challenge| challenge.revealed.is_some())
                    || claim.phase == ClaimPhase::Disputed
            };
            let state = copycat.person.until(job, shown).await;
            let revealed = state.claims[0].challenges[0].revealed.clone().unwrap();
            let signed = copycat.heard(revealed.message).await;
            let Message::Reveal(reveal) = signed.message else { panic!("{signed:?}") };
            let refused = copycat.say(Message::Reveal(reveal)).await.unwrap_err();
            assert_eq!(refused.kind, RefusalKind::Rejected, "{refused:?}");
            // The original itself may be carried by anybody and is already there.
            let original = copycat.heard(revealed.message).await;
            copycat.person.submit(&original).await.unwrap();
            liar.play(job, claim, &told).await;
            // Moves and evidence of the side that it never joined.
            let log = world.arbiter.store().log(0, 10_000).await.unwrap();
            for entry in log {
                let (gainsay_protocol::LoggedEvent::Message(signed)
                | gainsay_protocol::LoggedEvent::Evidence { message: signed, .. }) = entry.event
                else {
                    continue;
                };
                let about = match &signed.message {
                    Message::Dissection(said) => said.claim,
                    Message::Evidence(said) => said.claim,
                    _ => continue,
                };
                if about == claim {
                    is_refused(
                        copycat.say(signed.message).await,
                        RefusalKind::Rejected,
                        "rejected",
                    );
                }
            }
        })
    }
}
