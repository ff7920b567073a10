//! Lies in a step on either side, answers at once among the layers, and below one only when a clock is about to end, as
//! far as it can tell.

use gainsay_protocol::{Dispute, Message, Millis};

use super::step_liar::StepLiar;
use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// How long before the end it moves, in ms.
const MARGIN_MS: u64 = 1_500;

/// See the module.
#[derive(Debug)]
pub(super) struct LastSecondBelow;

impl LastSecondBelow {
    fn hurries(me: &Me, message: &Message, view: &View) -> bool {
        let Some((claim, counter_root)) = super::below_of(message) else { return true };
        let claims = view.jobs.iter().filter_map(|job| job.claim_by_id(claim));
        let disputes = claims.filter_map(|claim| claim.dispute(&counter_root));
        let soon = me.guess(view.time).after(Millis(MARGIN_MS));
        disputes.filter_map(Dispute::next_deadline).min().is_none_or(|end| end <= soon)
    }
}

impl Behaviour for LastSecondBelow {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let tell = |me: &mut Me, job: &_| StepLiar::tell(me, job, Lies::Inconsistent);
        let mut said = acts::execute(me, view, tell);
        said.extend(acts::challenge(me, view, tell));
        said.retain(|say| match say {
            Say::Message(message, _) => Self::hurries(me, message, view),
            Say::Again(_) => true,
        });
        said
    }
}
