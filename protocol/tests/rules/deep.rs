//! Layers of the toy program that are over the budget: what their steps compute, and how players tell it.
//!
//! The first steps carry the layer's input along in values of some KiB; the last one computes the layer from it. So a lie
//! can sit in any chunk of any step, and the layer still gives what the toy program gives.

use std::cell::RefCell;
use std::collections::BTreeMap;

use gainsay_commitment::{
    CHUNK_BYTES, ChunkShape, Digest, NodeId, Opening, StateList, StepOpening, StepTree, content,
    inner_state_digest,
};
use gainsay_protocol::*;

use crate::game::Game;
use crate::players::Player;
use crate::toy::{self, Trace};

/// Bytes of the values between the first and the last step.
const BYTES: u64 = 5 * CHUNK_BYTES + 100;
/// The step that is judged whole.
const WHOLE: u32 = 3;

/// What the registry says of the toy program if each of these layers has `steps` steps.
pub fn facts(layers: u32, deep: &[u32], steps: u32) -> ProgramFacts {
    let value = |step| match step {
        WHOLE => None,
        last if last == steps => Some(8),
        _ => Some(BYTES),
    };
    let below = |layer: &u32| DeepLayer { layer: *layer, steps: (1..=steps).map(value).collect() };
    ProgramFacts { below: deep.iter().map(below).collect(), ..toy::facts(layers) }
}

/// What step `step` of `steps` gives from the value before it.
fn compute(layer: u32, (step, steps): (u32, u32), before: &[u8]) -> Vec<u8> {
    let input: [u8; 8] = std::array::from_fn(|at| before[at]);
    if step == steps {
        return toy::layer(layer, input).to_vec();
    }
    let mut bytes = input.to_vec();
    for block in 0u32.. {
        if bytes.len() as u64 >= BYTES {
            break;
        }
        // Every chunk depends on the same chunk of the value before.
        let at = (u64::from(block) * 32).min(before.len() as u64 - 1) as usize;
        let seed = [
            &layer.to_le_bytes()[..],
            &step.to_le_bytes(),
            &block.to_le_bytes(),
            &before[at..at + 1],
        ];
        bytes.extend(content(&seed.concat()).0);
    }
    bytes.truncate(BYTES as usize);
    bytes
}

fn tensor(bytes: &[u8]) -> TensorRef {
    TensorRef { dtype: 1, shape: vec![bytes.len() as u64], content: content(bytes) }
}

fn number((layer, layers): (u32, u32), (step, steps): (u32, u32)) -> u32 {
    match step {
        0 => toy::number(layers, layer - 1),
        last if last == steps => toy::number(layers, layer),
        _ => 1_000 * layer + step,
    }
}

fn state(layer: u32, (step, steps): (u32, u32), list: &StateList) -> Digest {
    match step {
        0 => list.digest(layer - 1),
        last if last == steps => list.digest(layer),
        _ => inner_state_digest(layer, step, list),
    }
}

/// Lies below layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// Bit `j - 1`: a byte of what step j gives is another, and the steps after it go on from the truth.
    pub steps: u64,
    /// Which byte.
    pub byte: u64,
    /// The list of this state has another number in it.
    pub odd_list: Option<u32>,
}

/// One player's steps of one layer.
pub struct Deep {
    layer: u32,
    steps: u32,
    values: Vec<Vec<u8>>,
    lists: Vec<StateList>,
    pub tree: StepTree,
}

thread_local! {
    /// Every value that somebody told, by its content.
    static VALUES: RefCell<BTreeMap<Digest, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

impl Deep {
    pub fn of(trace: &Trace, layer: u32, steps: u32, planted: &Planted) -> Self {
        let before = trace.values[layer as usize - 1].to_vec();
        let (mut values, mut truth) = (vec![before.clone()], before);
        for step in 1..=steps {
            truth = compute(layer, (step, steps), &truth);
            let mut value = truth.clone();
            if step == steps {
                value = trace.values[layer as usize].to_vec();
            } else if planted.steps >> (step - 1) & 1 == 1 {
                let at = planted.byte as usize % value.len();
                value[at] ^= 1;
            }
            values.push(value);
        }
        let list = |step: u32| {
            let odd = u32::from(planted.odd_list == Some(step));
            let number = number((layer, trace.layers), (step, steps)) + odd;
            StateList(vec![(number, tensor(&values[step as usize]).digest())])
        };
        let lists: Vec<StateList> = (0..=steps).map(list).collect();
        let states: Vec<Digest> =
            (0u32..).zip(&lists).map(|(step, list)| state(layer, (step, steps), list)).collect();
        VALUES.with_borrow_mut(|known| {
            known.extend(values.iter().map(|value| (content(value), value.clone())));
        });
        let tree = StepTree::new(layer, &states).unwrap();
        Self { layer, steps, values, lists, tree }
    }

    fn step_opening(&self, step: u32) -> StepOpening {
        let list = &self.lists[step as usize];
        let state = state(self.layer, (step, self.steps), list);
        StepOpening { state, opening: self.tree.open(step).unwrap() }
    }

    fn opening(&self, step: u32) -> Opening {
        self.tree.open(step).unwrap()
    }
}

impl Player {
    /// Its steps of a layer.
    pub fn deep(&self, below: &Below) -> Deep {
        let steps = below.deep.steps.len() as u32;
        Deep::of(&self.trace, below.deep.layer, steps, &self.planted)
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
            sub_root: deep.tree.root(),
            before,
            first: deep.step_opening(0),
            last: deep.step_opening(deep.steps),
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
        let own = deep.tree.root();
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
    let (arity, sub_root) = (game.params.arity, deep.tree.root());
    let before = |step: u32| (deep.lists[step as usize - 1].clone(), deep.opening(step - 1));
    Some(match due {
        DueBelow::Nothing | DueBelow::SubRoot(_) => return None,
        DueBelow::Reveal(node) => {
            let children = deep.tree.reveal(node, arity).unwrap();
            Message::SubDissection(SubDissection { claim, counter_root, sub_root, node, children })
        }
        DueBelow::Value(step) => {
            let (list, opening) = before(step);
            let content = content(&deep.values[step as usize]);
            let after = state(deep.layer, (step, deep.steps), &deep.lists[step as usize]);
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
    /// Whether a list is that of `D_{step-1}` of a layer under way.
    fn is_listed(job: &JobState, below: &Below, step: u32, list: &StateList) -> bool {
        let at = (below.deep.layer, job.facts.layers);
        let due = number(at, (step - 1, below.deep.steps.len() as u32));
        matches!(list.0[..], [(number, _)] if number == due)
    }

    fn below<'a>(job: &'a JobState, counter_root: &Digest) -> Result<&'a Below, &'static str> {
        let dispute = job.claim().and_then(|claim| claim.dispute(counter_root));
        dispute.and_then(Dispute::below_layer).ok_or("nothing is below")
    }

    pub fn value_standing(
        &self,
        job: &JobState,
        value: &StepValue,
    ) -> Result<EvidenceStanding, &'static str> {
        let below = Self::below(job, &value.counter_root)?;
        if value.step == 0 {
            return Err("there is no step 0");
        }
        if !Self::is_listed(job, below, value.step, &value.list) {
            return Ok(EvidenceStanding::MalformedState);
        }
        let (layer, steps) = (below.deep.layer, below.deep.steps.len() as u32);
        let length = below.chunk_shape(value.step).ok_or("judged whole")?.bytes();
        let named = TensorRef { dtype: 1, shape: vec![length], content: value.content };
        let number = number((layer, job.facts.layers), (value.step, steps));
        let list = StateList(vec![(number, named.digest())]);
        if state(layer, (value.step, steps), &list) != value.after {
            return Err("the state after does not follow");
        }
        Ok(EvidenceStanding::Complete { bytes: 0 })
    }

    pub fn evidence_standing(
        &self,
        job: &JobState,
        evidence: &StepEvidence,
    ) -> Result<EvidenceStanding, &'static str> {
        let below = Self::below(job, &evidence.counter_root)?;
        if evidence.step == 0 {
            return Err("there is no step 0");
        }
        if !Self::is_listed(job, below, evidence.step, &evidence.list) {
            return Ok(EvidenceStanding::MalformedState);
        }
        let given = match (evidence.slices, &evidence.tensors[..]) {
            (Some(slices), []) => slices,
            (None, [(_, tensor)]) => tensor.content,
            _ => return Err("neither a chunk nor a step"),
        };
        let known = VALUES.with_borrow(|values| values.get(&given).cloned());
        let bytes = known.ok_or("unknown bytes")?;
        if tensor(&bytes).digest() != evidence.list.0[0].1 {
            return Err("not the listed value");
        }
        Ok(EvidenceStanding::Complete { bytes: bytes.len() as u64 })
    }

    /// Replays the step of a pair.
    pub fn judge(&self, claim: &ClaimState, counter_root: Digest, sub_root: Digest) -> Verdict {
        let below = claim.dispute(&counter_root).unwrap().below_layer().unwrap();
        let pair = below.pair(&sub_root).unwrap();
        let PairPhase::Judging { step, chunk, given } = &pair.phase else {
            panic!("a replay was asked for a pair that is not being judged")
        };
        let (layer, steps) = (below.deep.layer, below.deep.steps.len() as u32);
        let slices = given.slices.unwrap_or_else(|| given.tensors[0].1.content);
        let before = VALUES.with_borrow(|values| values[&slices].clone());
        let truth = compute(layer, (*step, steps), &before);
        let roots =
            [Side::Executor, Side::Challenger].map(|side| below.root_of(pair, side).unwrap());
        let right = match chunk {
            Some(chunk) => {
                let shape = below.chunk_shape(*step).unwrap();
                let (start, size) = ((chunk * CHUNK_BYTES) as usize, CHUNK_BYTES as usize);
                let own = &truth[start..truth.len().min(start + size)];
                let due = shape.chunk_value(*chunk, own).unwrap();
                let node = gainsay_commitment::ChunkNode::chunk(*chunk);
                roots.map(|root| {
                    let content = below.value(&root, *step).unwrap();
                    below.chunk_value(shape, content, node) == Some(due)
                })
            }
            None => {
                let number = number((layer, claim.claim.layers), (*step, steps));
                let list = StateList(vec![(number, tensor(&truth).digest())]);
                let leaf = below.shape().unwrap().leaf(*step, state(layer, (*step, steps), &list));
                roots.map(|root| below.known(&root).get(NodeId::leaf(*step)) == Some(leaf))
            }
        };
        match right {
            [true, false] => Verdict::ChallengerFault,
            [false, true] => Verdict::ExecutorFault,
            [false, false] => Verdict::BothFault,
            [true, true] => panic!("a step was judged on which both sides agree"),
        }
    }
}
