//! Sends what others signed again: as it is, under its own key, for another claim, for another network.

use gainsay_network::api::RefusalKind;
use gainsay_protocol::{
    Claim, ClaimId, Commit, Dissection, EvidenceMessage, LoggedEvent, Message, Params, Reveal,
    Signed,
};

use super::{Adversary, Play, Role};
use crate::daemon::is_refused;
use crate::world::{Ground, World};

/// See the module.
pub struct Replayer;

/// The message about another claim.
fn redirected(message: &Message, claim: ClaimId) -> Option<Message> {
    Some(match message.clone() {
        Message::Commit(said) => Message::Commit(Commit { claim, ..said }),
        Message::Reveal(said) => Message::Reveal(Reveal { claim, ..said }),
        Message::Dissection(said) => Message::Dissection(Dissection { claim, ..said }),
        Message::Evidence(said) => Message::Evidence(EvidenceMessage { claim, ..said }),
        _ => return None,
    })
}

impl Adversary for Replayer {
    fn name(&self) -> &'static str {
        "replayer"
    }

    fn role(&self) -> Role {
        Role::Line
    }

    fn tries(&self) -> &'static str {
        "replays signed messages across disputes, claims, jobs and networks, and puts its own name on them"
    }

    fn stopped_by(&self) -> &'static str {
        "a signature covers network, signer and content; the same message again gets the same receipt and does nothing"
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let thief = world.hostile(self.name()).await;
            let jobs = [world.order(Ground::Common).await, world.order(Ground::Common).await];
            let claimed = |job: &gainsay_protocol::JobState| job.claim().is_some();
            let mut claims = Vec::new();
            for job in jobs {
                claims.push(thief.person.until(job, claimed).await.claim().unwrap().id);
            }
            for (job, claim) in jobs.iter().zip(&claims) {
                thief.until_ended(*job, *claim).await;
            }
            let elsewhere = Params { name: "elsewhere".to_owned(), ..world.params.clone() };
            for entry in world.arbiter.store().log(0, 120).await.unwrap() {
                let LoggedEvent::Message(signed) = entry.event else { continue };
                let receipt = thief.person.submit(&signed).await.unwrap();
                assert_eq!(receipt.index, entry.index, "the receipt that it had");
                // The same words under another name, and for another network.
                let mut stolen = (*signed).clone();
                stolen.signer = thief.key();
                is_refused(thief.person.submit(&stolen).await, RefusalKind::Envelope, "signature");
                let mut moved = (*signed).clone();
                moved.network = elsewhere.network();
                is_refused(thief.person.submit(&moved).await, RefusalKind::Envelope, "network");
                let own =
                    Signed::new(&thief.person.keypair, elsewhere.network(), signed.message.clone());
                is_refused(thief.person.submit(&own).await, RefusalKind::Envelope, "network");
                let claim = claims[usize::from(signed.id() == claims[0].0)];
                if let Some(other) = redirected(&signed.message, claim) {
                    let mut forged = (*signed).clone();
                    forged.message = other.clone();
                    let refused = thief.person.submit(&forged).await;
                    is_refused(refused, RefusalKind::Envelope, "signature");
                    assert!(thief.say(other).await.is_err());
                }
                if let Message::Claim(claim) = signed.message.clone() {
                    // A claim on the other job, and as its own.
                    let job = jobs[usize::from(claim.job == jobs[0])];
                    assert!(thief.say(Message::Claim(Claim { job, ..claim })).await.is_err());
                }
            }
        })
    }
}
