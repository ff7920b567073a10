//! A member of the honest side who spoils its moves: wrong children for every node that is owed, wrong evidence.

use gainsay_commitment::StateList;
use gainsay_player::Move;
use gainsay_protocol::{ClaimOutcome, Message, Params};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct HostileMember;

/// Wrong moves in place of the right one.
fn spoiled(due: Move) -> Vec<Move> {
    let with = |message| Move { message, blobs: due.blobs.clone() };
    match due.message.clone() {
        Message::Dissection(said) => {
            let (mut reversed, mut short, mut off) = (said.clone(), said.clone(), said);
            reversed.children.reverse();
            short.children.pop();
            off.children[0].0[0] ^= 1;
            [reversed, short, off].map(|said| with(Message::Dissection(said))).into()
        }
        Message::Evidence(said) => {
            let (mut none, mut list, mut later) = (said.clone(), said.clone(), said);
            none.tensors.clear();
            list.list = StateList(Vec::new());
            later.layer += 1;
            [none, list, later].map(|said| with(Message::Evidence(said))).into()
        }
        other => vec![with(other)],
    }
}

impl Adversary for HostileMember {
    fn name(&self) -> &'static str {
        "hostile-member"
    }

    fn role(&self) -> Role {
        Role::Challenger
    }

    fn tries(&self) -> &'static str {
        "joins the true root's side with its liar's claim open, and spoils that side's moves and evidence"
    }

    fn stopped_by(&self) -> &'static str {
        "a move must hash to what is known, so a wrong one changes nothing and another member makes the right one"
    }

    fn pays(&self, params: &Params) -> Pays {
        // Of the liar's bond it gets back at most what a member of the right side is paid: less than 60%.
        Pays::AtLeast(params.executor_bond.percent(40))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let liar = world.hostile(self.name()).await;
            let member = world.hostile(self.name()).await;
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 5, 3).await.into();
            let truth: Told = world.truth(&world.requester.job(job).await).await.into();
            let claim = liar.claim(job, &told).await;
            member.challenge(job, claim, &truth).await;
            let (ended, _) = tokio::join!(
                liar.play(job, claim, &told),
                member.play_twisted(job, claim, &truth, |due| {
                    let wrong = spoiled(due);
                    assert!(!wrong.is_empty());
                    wrong
                })
            );
            let ended = ended.claim_by_id(claim).unwrap().clone();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
            assert_eq!(ended.disputes.len(), 1);
            assert_eq!(ended.disputes[0].moves.get(&member.key()), None, "it made no right move");
        })
    }
}
