//! Layers of the toy program that are over the budget, in the games of these tests: what players say of them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use gainsay_commitment::{ChunkShape, Digest, content};
use gainsay_protocol::*;

use crate::game::Game;
use crate::players::Player;
use crate::toy_below::{self, tensor};
pub use crate::toy_below::{Deep, Planted, facts};

thread_local! {
    /// Every value that somebody told, by its content.
    static VALUES: RefCell<BTreeMap<Digest, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

fn known(content: &Digest) -> Option<Vec<u8>> {
    VALUES.with_borrow(|values| values.get(content).cloned())
}

impl Player {
    /// Its steps of a layer.
    pub fn deep(&self, below: &Below) -> Deep {
        let steps = below.deep.steps.len() as u32;
        let deep = Deep::of(&self.trace, below.deep.layer, steps, &self.planted);
        VALUES.with_borrow_mut(|known| {
            known.extend(deep.values.iter().map(|value| (content(value), value.clone())));
        });
        deep
    }

    /// The sub-root that it posts.
    pub fn sub_root(&self, claim: &ClaimState, side: Side, dispute: &Dispute) -> Option<SubRoot> {
        let (below, counter_root) = (dispute.below_layer()?, dispute.counter_root);
        let (deep, layer) = (self.deep(below), below.deep.layer);
        let own = self.trace.open(layer - 1)?;
        let before = match side {
            Side::Executor => own,
            Side::Challenger => {
                let known = claim.known(Side::Executor, &counter_root);
                known.opening(self.trace.shape(), layer - 1, Some(&own))?
            }
        };
        Some(SubRoot {
            claim: claim.id,
            counter_root,
            layer,
            steps: deep.steps,
            sub_root: deep.root(),
            before,
            first: deep.step_opening(0)?,
            last: deep.step_opening(deep.steps)?,
        })
    }

    /// Every move that is missing below a layer of a dispute.
    pub fn answers_below(
        &self,
        game: &Game,
        claim: &ClaimState,
        side: Side,
        dispute: &Dispute,
    ) -> Vec<Message> {
        let Some(below) = dispute.below_layer() else { return Vec::new() };
        if below.pairs.is_empty() {
            let posted = below.posted_by(self.key()).is_some();
            let sub_root = self.sub_root(claim, side, dispute).filter(|_| !posted);
            return sub_root.map(Message::SubRoot).into_iter().collect();
        }
        let deep = self.deep(below);
        let own = deep.root();
        let mine = |pair: &&Pair| below.root_of(pair, side) == Some(own);
        let found = below.pairs.iter().filter(mine).filter_map(|pair| {
            let due = below.due(&game.params, pair, side);
            answer(game, (claim.id, dispute.counter_root), &deep, pair, due)
        });
        found.collect()
    }
}

fn answer(
    game: &Game,
    (claim, counter_root): (ClaimId, Digest),
    deep: &Deep,
    pair: &Pair,
    due: DueBelow,
) -> Option<Message> {
    let (arity, sub_root) = (game.params.arity, deep.root());
    let before = |step: u32| (deep.lists[step as usize - 1].clone(), deep.open(step - 1).unwrap());
    Some(match due {
        DueBelow::Nothing | DueBelow::SubRoot(_) => return None,
        DueBelow::Reveal(node) => {
            let children = deep.reveal(node, arity)?;
            Message::SubDissection(SubDissection { claim, counter_root, sub_root, node, children })
        }
        DueBelow::Value(step) => {
            let (list, opening) = before(step);
            let content = content(&deep.values[step as usize]);
            let after = deep.state(step);
            let value =
                StepValue { claim, counter_root, sub_root, step, list, opening, content, after };
            Message::StepValue(value)
        }
        DueBelow::Chunks(step, node) => {
            let value = &deep.values[step as usize];
            let shape = ChunkShape::new(value.len() as u64);
            let children = shape.reveal(node, arity, value).unwrap();
            let told = ChunkDissection { claim, counter_root, sub_root, step, node, children };
            Message::ChunkDissection(told)
        }
        DueBelow::Evidence(step, chunk) => {
            let (list, opening) = before(step);
            let value = tensor(&deep.values[step as usize - 1]);
            let (tensors, slices) = match chunk {
                Some(_) => (Vec::new(), Some(value.content)),
                None => (vec![(list.0[0].0, value)], None),
            };
            Message::StepEvidence(StepEvidence {
                claim,
                counter_root,
                sub_root: pair.sub_root,
                step,
                chunk,
                list,
                opening,
                tensors,
                slices,
            })
        }
    })
}

/// What the arbiter knows of the deep layers' arithmetic.
pub struct Oracle;

impl Oracle {
    pub fn value_standing(
        &self,
        job: &JobState,
        value: &StepValue,
    ) -> Result<EvidenceStanding, &'static str> {
        toy_below::value_standing(job, value)
    }

    pub fn evidence_standing(
        &self,
        job: &JobState,
        evidence: &StepEvidence,
    ) -> Result<EvidenceStanding, &'static str> {
        toy_below::evidence_standing(job, evidence, known)
    }

    /// Replays the step of a pair.
    pub fn judge(&self, claim: &ClaimState, counter_root: Digest, sub_root: Digest) -> Verdict {
        let below = claim.dispute(&counter_root).unwrap().below_layer().unwrap();
        let pair = below.pair(&sub_root).unwrap();
        match toy_below::judge(claim, below, pair, known) {
            Some([true, false]) => Verdict::ChallengerFault,
            Some([false, true]) => Verdict::ExecutorFault,
            Some([false, false]) => Verdict::BothFault,
            Some([true, true]) => panic!("a step was judged on which both sides agree"),
            None => panic!("a replay was asked for a pair that is not being judged"),
        }
    }
}
