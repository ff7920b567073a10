//! Posts a sub-root that fits neither side's states but at its two ends: nothing is behind it.

use super::{Behaviour, Me, Say, View, acts};
use crate::toy_below::Planted;

/// An executor that does so.
#[derive(Debug)]
pub(super) struct SubRootForger;

/// A challenger with the true root that does so.
#[derive(Debug)]
pub(super) struct TrueRootForger;

impl Behaviour for SubRootForger {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, |me, job| {
            me.lie_below(job, 24, |drawn, _| Planted { forged: Some(drawn), ..Planted::default() })
        })
    }
}

impl Behaviour for TrueRootForger {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::challenge(me, view, |me, job| {
            me.truth_but(job, 25, |drawn, _| Planted { forged: Some(drawn), ..Planted::default() })
        })
    }
}
