//! Lies on either side and moves only when its clock is about to end, as far as it can tell.

use gainsay_protocol::{ClaimPhase, JobState, Message};

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// How long before the end it moves, in ms.
const MARGIN_MS: u64 = 1_500;

/// See the module.
#[derive(Debug)]
pub(super) struct LastSecond;

impl LastSecond {
    fn hurries(me: &Me, job: &JobState, view: &View) -> bool {
        let Some(claim) = job.claim() else { return true };
        let soon = me.guess(view.time).after(gainsay_protocol::Millis(MARGIN_MS));
        let ends = match claim.phase {
            ClaimPhase::Window => Some(claim.window_ends),
            ClaimPhase::Revealing => Some(claim.reveal_ends),
            _ => claim.disputes.iter().filter_map(gainsay_protocol::Dispute::next_deadline).min(),
        };
        ends.is_none_or(|end| end <= soon)
    }
}

impl Behaviour for LastSecond {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let wrong = |drawn: u64, layers: u32| 1 << (drawn % u64::from(layers));
        let mut said = acts::execute(me, view, |me, job| me.lie(job, 8, Lies::Consistent, wrong));
        said.extend(acts::challenge(me, view, |me, job| me.lie(job, 8, Lies::Consistent, wrong)));
        let calm = view.jobs.iter().any(|job| !Self::hurries(me, job, view));
        said.retain(|say| {
            !calm || matches!(say, Say::Message(Message::Take(_) | Message::Claim(_), _))
        });
        said
    }
}
