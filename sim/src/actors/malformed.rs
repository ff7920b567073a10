//! A state that hashes right and is none of the program's: an executor claims it, an accomplice agrees on it and
//! differs later, so that the honest cannot be drawn in.

use std::rc::Rc;

use gainsay_commitment::{StateList, content};
use gainsay_protocol::JobState;

use super::{Behaviour, Me, Say, View, acts};
use crate::source::Told;
use crate::toy::{Lies, Trace};

/// The executor.
#[derive(Debug)]
pub(super) struct Malformed;

/// Its accomplice.
#[derive(Debug)]
pub(super) struct MalformedToo;

/// What is wrong with the state.
fn spoil(trace: Trace, at: u32, kind: u64) -> Trace {
    match kind {
        0 => trace.with_list(at, StateList(vec![(99, content(b"odd"))])),
        1 => trace.with_list(at, StateList(Vec::new())),
        _ => trace.with_unknown_tensor(at),
    }
}

fn told(me: &mut Me, job: &JobState, variant: u64, more: u64) -> Option<Rc<Told>> {
    let drawn = me.agreed(job, u64::MAX);
    let secret = me.secret;
    me.tell(job, variant, |_, layers, input| {
        // In the middle: both ends are checked at the door.
        let at = 1 + u32::try_from(drawn % u64::from(layers.max(2) - 1)).unwrap_or(0);
        let wrong = if at < layers { more << at } else { 1 };
        let trace = Trace::lying(layers, input, wrong, Lies::Inconsistent, secret);
        if at < layers { spoil(trace, at, drawn / 64 % 3) } else { trace }
    })
}

impl Behaviour for Malformed {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, |me, job| told(me, job, 10, 0))
    }
}

impl Behaviour for MalformedToo {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::challenge(me, view, |me, job| told(me, job, 11, 1))
    }
}
