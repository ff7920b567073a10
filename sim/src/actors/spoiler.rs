//! A hostile member of the honest side: commits the true root and then sends wrong children for every node it owes.

use gainsay_protocol::{Dissection, Message};

use super::{Behaviour, Me, Say, View, acts};

/// See the module.
#[derive(Debug)]
pub(super) struct Spoiler;

impl Behaviour for Spoiler {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = acts::challenge(me, view, Me::truth);
        for say in &mut said {
            if let Say::Message(Message::Dissection(Dissection { children, .. }), _) = say {
                match me.rng.below(3) {
                    0 => children.reverse(),
                    1 => drop(children.pop()),
                    _ => children.iter_mut().for_each(|child| child.0[0] ^= 1),
                }
            }
        }
        said
    }
}
