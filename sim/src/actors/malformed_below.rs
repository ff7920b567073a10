//! A state within a layer that hashes right and is none of the program's, or of a value that nobody has: an executor tells
//! it, an accomplice agrees on it and differs in the step after it.

use std::rc::Rc;

use gainsay_protocol::JobState;

use super::{Behaviour, Me, Say, View, acts};
use crate::source::Told;
use crate::toy_below::Planted;

/// The executor.
#[derive(Debug)]
pub(super) struct MalformedBelow;

/// Its accomplice, on the side of the true root.
#[derive(Debug)]
pub(super) struct MalformedBelowToo;

fn planted(drawn: u64, steps: u32) -> (Planted, u32) {
    // An inner state; there is none if there is one step.
    let at = 1 + u32::try_from(drawn % u64::from(steps.max(2) - 1)).unwrap_or(0);
    let (odd_list, unknown) = if drawn & 32 == 0 { (Some(at), None) } else { (None, Some(at)) };
    (Planted { odd_list, unknown, ..Planted::default() }, at)
}

fn executor(me: &mut Me, job: &JobState) -> Option<Rc<Told>> {
    me.lie_below(job, 26, |drawn, steps| {
        let (planted, at) = planted(drawn, steps);
        Planted { steps: 1 << at, ..planted }
    })
}

impl Behaviour for MalformedBelow {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, executor)
    }
}

impl Behaviour for MalformedBelowToo {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::challenge(me, view, |me, job| {
            me.truth_but(job, 27, |drawn, steps| planted(drawn, steps).0)
        })
    }
}
