//! A hostile member of the honest side: the true root above the layer, a false sub-root below it.

use super::step_liar::in_one_step;
use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// See the module.
#[derive(Debug)]
pub(super) struct SubRootSpoiler {
    /// Which of several it is: each has a sub-root of its own, the first that of the executor of its gang.
    pub(super) number: u64,
}

impl Behaviour for SubRootSpoiler {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let number = self.number;
        acts::challenge(me, view, |me, job| {
            me.truth_but(job, 30 + number, |drawn, steps| {
                in_one_step(drawn ^ number.wrapping_mul(0x9e_3779), steps, Lies::Inconsistent)
            })
        })
    }
}
