//! An executor with the true output and no run behind its root.

use super::{Behaviour, Me, Say, View, acts};

/// See the module.
#[derive(Debug)]
pub(super) struct Forger;

impl Behaviour for Forger {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, |me, job| me.forgery(job, 6))
    }
}
