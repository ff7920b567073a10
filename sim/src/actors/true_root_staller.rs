//! An accomplice that commits the true root first and then leaves its side to time out.

use super::{Behaviour, Me, Say, View};

/// See the module.
#[derive(Debug)]
pub(super) struct TrueRootStaller;

impl Behaviour for TrueRootStaller {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = Vec::new();
        for job in &view.jobs {
            let (Some(claim), Some(told)) = (job.claim(), me.truth(job)) else { continue };
            said.extend(me.contradict(claim, &told));
        }
        said
    }
}
