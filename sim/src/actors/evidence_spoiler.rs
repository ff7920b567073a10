//! A challenger that gives wrong evidence wherever evidence is owed: another list, another tensor, another layer.

use gainsay_commitment::{StateList, content};
use gainsay_protocol::Message;

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::{self, Lies};

/// See the module.
#[derive(Debug)]
pub(super) struct EvidenceSpoiler;

impl Behaviour for EvidenceSpoiler {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = acts::challenge(me, view, |me, job| {
            me.lie(job, 9, Lies::Inconsistent, |drawn, layers| 1 << (drawn % u64::from(layers)))
        });
        for say in &mut said {
            let Say::Message(Message::Evidence(evidence), blobs) = say else { continue };
            match me.rng.below(5) {
                0 => evidence.list = StateList(vec![(99, content(b"odd"))]),
                1 => evidence.tensors = vec![(0, toy::tensor(*b"another."))],
                2 => evidence.layer += 1,
                3 => blobs.clear(),
                _ => blobs.iter_mut().for_each(|blob| blob.push(0)),
            }
        }
        said
    }
}
