//! The honest executor: runs what it takes, claims once, answers for it. What it signed is on its disk.

use std::collections::BTreeMap;

use gainsay_protocol::{JobId, Message};

use super::{Behaviour, Me, Say, View, acts};

/// See the module.
#[derive(Debug)]
pub(super) struct Executor {
    /// Signed once per job and attempt, whatever happens.
    pub(super) signed: BTreeMap<(JobId, u32), Message>,
    /// How eagerly it takes jobs, in percent of its looks: others should have a chance.
    pub(super) eagerness: u64,
}

impl Behaviour for Executor {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let takes = me.rng.percent(self.eagerness);
        let mut said = acts::execute(me, view, Me::truth);
        said.retain(|say| takes || !matches!(say, Say::Message(Message::Take(_), _)));
        for say in &mut said {
            if let Say::Message(message @ Message::Claim(_), _) = say
                && let Message::Claim(claim) = &*message
            {
                let once = self.signed.entry((claim.job, claim.attempt));
                *message = once.or_insert_with(|| message.clone()).clone();
            }
        }
        said
    }
}
