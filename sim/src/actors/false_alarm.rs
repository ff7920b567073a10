//! Contradicts every claim, right or wrong, with a lie of its own: one of a swarm that wants to wear executors out.

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// See the module.
#[derive(Debug)]
pub(super) struct FalseAlarm {
    /// Which of the swarm it is.
    pub(super) number: u64,
}

impl Behaviour for FalseAlarm {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let variant = 100 + self.number;
        acts::challenge(me, view, |me, job| {
            if variant.is_multiple_of(3) {
                return me.forgery(job, variant);
            }
            me.lie(job, variant, Lies::Inconsistent, |drawn, layers| {
                1 << ((drawn ^ variant) % u64::from(layers))
            })
        })
    }
}
