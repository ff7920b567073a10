//! An executor that computes one layer wrongly and goes on from there.

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// See the module.
#[derive(Debug)]
pub(super) struct WrongLayer;

impl Behaviour for WrongLayer {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, |me, job| {
            me.lie(job, 1, Lies::Consistent, |drawn, layers| 1 << (drawn % u64::from(layers)))
        })
    }
}
