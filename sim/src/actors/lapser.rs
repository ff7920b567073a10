//! Leases jobs and never claims.

use super::{Behaviour, Me, Say, View};

/// See the module.
#[derive(Debug)]
pub(super) struct Lapser;

impl Behaviour for Lapser {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        me.take_open(view)
    }
}
