//! Lies in one step of a layer over the budget, on either side: what is told below the layer fits the lie above it.

use std::rc::Rc;

use gainsay_protocol::JobState;

use super::{Behaviour, Me, Say, View, acts};
use crate::source::Told;
use crate::toy::Lies;
use crate::toy_below::Planted;

/// An executor that does so.
#[derive(Debug)]
pub(super) struct StepLiar {
    /// What follows the lie.
    pub(super) lies: Lies,
}

/// A challenger that does so; its swarm has one root and a sub-root each.
#[derive(Debug)]
pub(super) struct FalseSubRoot {
    /// Which of the swarm it is.
    pub(super) number: u64,
}

/// One byte off in one step. A lie that the steps after it compute on from must be where they look.
pub(super) fn in_one_step(drawn: u64, steps: u32, lies: Lies) -> Planted {
    let byte = match lies {
        Lies::Consistent => drawn / 16 % 8,
        Lies::Inconsistent => drawn / 16 % 6_000,
    };
    Planted { steps: 1 << (drawn % u64::from(steps)), byte, lies, ..Planted::default() }
}

impl StepLiar {
    pub(super) fn tell(me: &mut Me, job: &JobState, lies: Lies) -> Option<Rc<Told>> {
        me.lie_below(job, 20 + lies as u64, |drawn, steps| in_one_step(drawn, steps, lies))
    }
}

impl Behaviour for StepLiar {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, |me, job| Self::tell(me, job, self.lies))
    }
}

impl Behaviour for FalseSubRoot {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let number = self.number;
        acts::challenge(me, view, |me, job| {
            me.lie_below(job, 200 + number, |drawn, steps| {
                in_one_step(drawn ^ number.wrapping_mul(0x51_7cc1), steps, Lies::Inconsistent)
            })
        })
    }
}
