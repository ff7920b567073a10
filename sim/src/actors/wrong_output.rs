//! An executor whose every state is true but the output.

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// See the module.
#[derive(Debug)]
pub(super) struct WrongOutput;

impl Behaviour for WrongOutput {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        acts::execute(me, view, |me, job| {
            me.lie(job, 2, Lies::Inconsistent, |_, layers| 1 << (layers - 1))
        })
    }
}
