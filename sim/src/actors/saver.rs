//! Takes its money out again, little by little: more than it has now and then, and twice where an answer was lost.

use gainsay_protocol::{Amount, Message, Withdraw};

use super::{Behaviour, Me, Say, View};
use crate::plan::START;
use crate::rng::Rng;

/// How often it asks, at most.
const TIMES: u64 = 12;

/// See the module.
#[derive(Debug)]
pub(super) struct Saver {
    pub(super) asked: u64,
}

impl Behaviour for Saver {
    fn react(&mut self, me: &mut Me, _: &View) -> Vec<Say> {
        if self.asked >= TIMES || !me.rng.percent(12) {
            return Vec::new();
        }
        let nonce = self.asked;
        self.asked += 1;
        // The same for the same nonce, so that what is asked again after a crash is the same message.
        let amount = Amount(Rng::new(me.secret ^ nonce).below(START / 3));
        vec![Say::Message(Message::Withdraw(Withdraw { amount, nonce }), Vec::new())]
    }

    fn forget(&mut self) {
        self.asked = 0;
    }
}
