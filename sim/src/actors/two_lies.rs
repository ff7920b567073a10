//! Two lies planted by an executor, and its accomplice, who tells the first of them and contradicts the second, so
//! that a sham root should win at the later one.

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// The executor.
#[derive(Debug)]
pub(super) struct TwoLies;

/// Its accomplice.
#[derive(Debug)]
pub(super) struct SecondLieDenied;

/// The first lie, and a later one if there is room.
fn places(drawn: u64, layers: u32) -> (u64, u64) {
    let first = drawn % u64::from(layers);
    let room = u64::from(layers) - first;
    (1 << first, 1 << (first + drawn / 64 % room))
}

impl Behaviour for TwoLies {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, |me, job| {
            me.lie(job, 3, Lies::Inconsistent, |drawn, layers| {
                let (first, second) = places(drawn, layers);
                first | second
            })
        })
    }
}

impl Behaviour for SecondLieDenied {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::challenge(me, view, |me, job| {
            me.lie(job, 4, Lies::Inconsistent, |drawn, layers| places(drawn, layers).0)
        })
    }
}
