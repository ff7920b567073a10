//! Sends again what others signed, as it is.

use std::rc::Rc;

use super::{Behaviour, Me, Say, View};

/// See the module.
#[derive(Debug)]
pub(super) struct Replayer;

impl Behaviour for Replayer {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let chosen = view.heard.iter().filter(|_| me.rng.percent(30));
        chosen.map(|heard| Say::Again(Rc::clone(heard))).collect()
    }
}
