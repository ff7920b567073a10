//! Plays among the layers and falls silent below one, at once or after some looks in which it answered.

use super::step_liar::StepLiar;
use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// A lying executor that does so.
#[derive(Debug)]
pub(super) struct SilentBelow {
    /// How many looks it answers for below the layer.
    pub(super) patience: u32,
}

/// An accomplice that leaves the true root's side to time out below the layer.
#[derive(Debug)]
pub(super) struct TrueRootSilentBelow {
    /// How many looks it answers for below the layer.
    pub(super) patience: u32,
}

fn fall_silent(said: &mut Vec<Say>, patience: &mut u32) {
    let below = said.iter().any(Say::is_below);
    if *patience == 0 {
        said.retain(|say| !say.is_below());
    }
    *patience -= u32::from(below && *patience > 0);
}

impl Behaviour for SilentBelow {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said =
            acts::execute(me, view, |me, job| StepLiar::tell(me, job, Lies::Inconsistent));
        fall_silent(&mut said, &mut self.patience);
        said
    }
}

impl Behaviour for TrueRootSilentBelow {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = acts::challenge(me, view, Me::truth);
        fall_silent(&mut said, &mut self.patience);
        said
    }
}
