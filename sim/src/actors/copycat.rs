//! Commits again what it saw others commit to, and reveals what it saw them reveal.

use gainsay_protocol::{Commit, Message};

use super::{Behaviour, Me, Say, View};

/// See the module.
#[derive(Debug)]
pub(super) struct Copycat;

impl Behaviour for Copycat {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = Vec::new();
        for heard in view.heard.iter().filter(|heard| heard.signer != me.key()) {
            match &heard.message {
                Message::Commit(Commit { claim, commitment }) => {
                    let (claim, commitment) = (*claim, *commitment);
                    let copy = Message::Commit(Commit { claim, commitment });
                    said.push(Say::Message(copy, Vec::new()));
                }
                other @ (Message::Reveal(_)
                | Message::Evidence(_)
                | Message::Dissection(_)
                | Message::SubRoot(_)
                | Message::SubDissection(_)
                | Message::StepValue(_)
                | Message::ChunkDissection(_)
                | Message::StepEvidence(_)
                | Message::CanaryCommit(_)
                | Message::CanaryReveal(_)) => {
                    said.push(Say::Message(other.clone(), Vec::new()));
                }
                _ => {}
            }
        }
        said
    }
}
