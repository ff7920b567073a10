//! The honest challenger: runs every claim again and contradicts what is wrong.

use super::{Behaviour, Me, Say, View, acts};

/// See the module.
#[derive(Debug)]
pub(super) struct Watcher;

impl Behaviour for Watcher {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::challenge(me, view, Me::truth)
    }
}
