//! An executor whose tree has a state where padding must be EMPTY, as a trap for who descends into it.

use gainsay_commitment::{Context, Digest, Opening, hash_bytes, leaf_digest, trace_digest};
use gainsay_protocol::Message;

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Trace;

/// See the module.
#[derive(Debug)]
pub(super) struct PaddingTrap;

/// The root of the trace with the last state again in every padding leaf, and the openings of both ends.
fn trap(trace: &Trace) -> (Digest, Opening, Opening) {
    let states = trace.layers + 1;
    let leaf = |index: u32| leaf_digest(index, states, trace.state(index.min(trace.layers)));
    let mut level: Vec<Digest> = (0..states.next_power_of_two()).map(leaf).collect();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let mut at = trace.layers as usize;
    while level.len() > 1 {
        first.extend(level.get(1));
        last.extend(level.get(at ^ 1));
        at /= 2;
        let pair = |pair: &[Digest]| {
            hash_bytes(Context::Node, &pair.iter().flat_map(|half| half.0).collect::<Vec<_>>())
        };
        level = level.chunks(2).map(pair).collect();
    }
    let root = trace_digest(states, level.first().copied().unwrap_or_default());
    let opening = |index, siblings| Opening { index, siblings };
    (root, opening(0, first), opening(trace.layers, last))
}

impl Behaviour for PaddingTrap {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = acts::execute(me, view, Me::truth);
        for say in &mut said {
            let Say::Message(Message::Claim(claim), _) = say else { continue };
            let job = view.jobs.iter().find(|job| job.id == claim.job);
            if let Some(truth) = job.and_then(|job| me.oracle.truth(job)) {
                (claim.root, claim.first, claim.last) = trap(&truth.trace);
            }
        }
        said
    }
}
