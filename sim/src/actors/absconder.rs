//! An executor that lies and wants its deposit out before anybody has noticed.

use gainsay_protocol::{Amount, Message, Withdraw};

use super::{Behaviour, Me, Say, View, acts};
use crate::plan::START;
use crate::toy::Lies;

/// See the module.
#[derive(Debug)]
pub(super) struct Absconder;

impl Behaviour for Absconder {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = acts::execute(me, view, |me, job| {
            me.lie(job, 13, Lies::Consistent, |drawn, layers| 1 << (drawn % u64::from(layers)))
        });
        // All of it, or what may be left beside a bond or two, a few times a minute.
        let nonce = view.time.0 / 8_000;
        let amount = Amount(START - nonce.min(7) * (START / 8));
        said.push(Say::Message(Message::Withdraw(Withdraw { amount, nonce }), Vec::new()));
        said
    }
}
