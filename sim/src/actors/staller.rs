//! An executor that claims a lie and answers nothing.

use gainsay_protocol::Message;

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// See the module.
#[derive(Debug)]
pub(super) struct Staller;

impl Behaviour for Staller {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = acts::execute(me, view, |me, job| {
            me.lie(job, 5, Lies::Consistent, |drawn, layers| 1 << (drawn % u64::from(layers)))
        });
        let begins =
            |say: &Say| matches!(say, Say::Message(Message::Take(_) | Message::Claim(_), _));
        said.retain(begins);
        said
    }
}
