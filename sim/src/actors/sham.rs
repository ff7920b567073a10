//! The sham self-challenge: a second key of a lying executor contradicts it with another lie, to concede to it or to be
//! conceded to.

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// See the module.
#[derive(Debug)]
pub(super) struct Sham {
    /// How many looks it answers for before it falls silent.
    pub(super) patience: u32,
}

impl Behaviour for Sham {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        if self.patience == 0 {
            return Vec::new();
        }
        let said = acts::challenge(me, view, |me, job| {
            me.lie(job, 7, Lies::Consistent, |drawn, layers| 1 << (drawn / 7 % u64::from(layers)))
        });
        self.patience -= u32::from(!said.is_empty());
        said
    }
}
