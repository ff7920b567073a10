//! Commits to nothing on every claim, to scare others off, and never reveals.

use gainsay_commitment::Digest;
use gainsay_protocol::{ClaimPhase, Commit, Message};

use super::{Behaviour, Me, Say, View};

/// See the module.
#[derive(Debug)]
pub(super) struct FreeCommitter;

impl Behaviour for FreeCommitter {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let claims = view.jobs.iter().filter_map(|job| job.claim());
        let new = claims.filter(|claim| {
            claim.phase == ClaimPhase::Window && claim.challenge_of(me.key()).is_none()
        });
        let commitment = Digest(me.key().as_bytes().to_owned());
        new.map(|claim| {
            Say::Message(Message::Commit(Commit { claim: claim.id, commitment }), Vec::new())
        })
        .collect()
    }
}
