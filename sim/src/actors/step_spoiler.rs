//! Says something wrong wherever something is owed below a layer: other children, another value, another chunk, slices of
//! other bytes, a second sub-root.

use gainsay_commitment::{Digest, StateList, content};
use gainsay_protocol::Message;

use super::step_liar::StepLiar;
use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// On the side of the true root.
#[derive(Debug)]
pub(super) struct StepSpoiler;

/// A lying executor that does so half of the time.
#[derive(Debug)]
pub(super) struct StepFumbler;

fn spoil_children(me: &mut Me, children: &mut Vec<Digest>) {
    match me.rng.below(3) {
        0 => children.reverse(),
        1 => drop(children.pop()),
        _ => children.extend([Digest::default(); 2]),
    }
}

fn spoil(me: &mut Me, message: &mut Message, blobs: &mut Vec<Vec<u8>>) {
    let kind = me.rng.below(6);
    match message {
        Message::SubRoot(said) => match kind {
            0 => said.steps += 1,
            1 => std::mem::swap(&mut said.first, &mut said.last),
            2 => said.sub_root = content(b"another sub-root"),
            3 => said.before.index += 1,
            _ => {}
        },
        Message::SubDissection(said) => spoil_children(me, &mut said.children),
        Message::ChunkDissection(said) => match kind {
            0 => said.node.start += 1,
            1 => said.step += 1,
            _ => spoil_children(me, &mut said.children),
        },
        Message::StepValue(said) => match kind {
            0 => said.content = said.after,
            1 => said.after = said.content,
            2 => said.step += 1,
            3 => said.step = 0,
            _ => said.list = StateList(vec![(99, content(b"odd"))]),
        },
        Message::StepEvidence(said) => match kind {
            0 => said.chunk = said.chunk.map_or(Some(0), |chunk| chunk.checked_sub(1)),
            1 => said.list = StateList(vec![(99, content(b"odd"))]),
            2 => said.step = said.step.wrapping_sub(1),
            3 => blobs.clear(),
            4 => {
                let other = b"slices of other bytes".to_vec();
                said.slices = said.slices.map(|_| content(&other));
                *blobs = vec![other];
            }
            _ => said.tensors = vec![(0, crate::toy::tensor(*b"another."))],
        },
        _ => {}
    }
}

impl Behaviour for StepSpoiler {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = acts::challenge(me, view, Me::truth);
        for say in &mut said {
            if let Say::Message(message, blobs) = say {
                spoil(me, message, blobs);
            }
        }
        said
    }
}

impl Behaviour for StepFumbler {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said =
            acts::execute(me, view, |me, job| StepLiar::tell(me, job, Lies::Inconsistent));
        for say in &mut said {
            if let Say::Message(message, blobs) = say
                && me.rng.percent(50)
            {
                spoil(me, message, blobs);
            }
        }
        said
    }
}
