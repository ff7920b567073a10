//! Layers of the toy program that are over the budget: what their steps compute, how a side tells them, how they are judged.
//!
//! The first steps carry the layer's input along in values of some KiB; the last one computes the layer from it. So a lie
//! can sit in any chunk of any step, and the layer still gives what the toy program gives.

use std::collections::BTreeMap;

use gainsay_commitment::{
    Arity, CHUNK_BYTES, ChunkNode, Digest, NodeId, Opening, StateList, StepOpening, StepShape,
    StepTree, content, inner_state_digest,
};
use gainsay_protocol::{
    Below, ClaimState, DeepLayer, Dispute, EvidenceStanding, JobState, Pair, PairPhase,
    ProgramFacts, Side, StepEvidence, StepValue, TensorRef,
};

use crate::toy::{self, Lies, Trace, Value};

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
    let input: Value = std::array::from_fn(|at| before[at]);
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

/// Some bytes as a tensor.
pub fn tensor(bytes: &[u8]) -> TensorRef {
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
    /// Bit `j - 1`: a byte of what step j gives is another.
    pub steps: u64,
    /// Which byte.
    pub byte: u64,
    /// What follows a lie: the true values, or what the steps make of it.
    pub lies: Lies,
    /// The list of this state has another number in it.
    pub odd_list: Option<u32>,
    /// The list of this state has a value that nobody has.
    pub unknown: Option<u32>,
    /// Nothing is behind the sub-root but its two openings.
    pub forged: Option<u64>,
}

impl Planted {
    /// The values of the layer's steps: the layer's input, and what each step gives.
    fn values(&self, layer: u32, steps: u32, input: Value) -> Vec<Vec<u8>> {
        let (mut values, mut truth) = (vec![input.to_vec()], input.to_vec());
        for step in 1..=steps {
            truth = compute(layer, (step, steps), &truth);
            let mut value = match self.lies {
                Lies::Consistent => compute(layer, (step, steps), &values[step as usize - 1]),
                Lies::Inconsistent => truth.clone(),
            };
            if self.steps >> (step - 1) & 1 == 1 {
                let at = self.byte as usize % value.len();
                value[at] ^= 1;
            }
            values.push(value);
        }
        values
    }

    /// What the layer gives if its steps are told so.
    pub fn output(&self, layer: u32, steps: u32, input: Value) -> Value {
        let values = self.values(layer, steps, input);
        std::array::from_fn(|at| values[steps as usize][at])
    }
}

#[derive(Debug)]
enum Tree {
    Grown(StepTree),
    Forged { root: Digest, nodes: BTreeMap<NodeId, Digest> },
}

/// One player's steps of one layer.
#[derive(Debug)]
pub struct Deep {
    pub layer: u32,
    pub steps: u32,
    pub values: Vec<Vec<u8>>,
    pub lists: Vec<StateList>,
    shape: StepShape,
    tree: Tree,
}

impl Deep {
    /// Its ends are those of the trace, whatever is planted.
    pub fn of(trace: &Trace, layer: u32, steps: u32, planted: &Planted) -> Self {
        let mut values = planted.values(layer, steps, trace.values[layer as usize - 1]);
        values[steps as usize] = trace.values[layer as usize].to_vec();
        let list = |step: u32| match step {
            0 => trace.lists[layer as usize - 1].clone(),
            last if last == steps => trace.lists[layer as usize].clone(),
            _ => {
                let odd = u32::from(planted.odd_list == Some(step));
                let number = number((layer, trace.layers), (step, steps)) + odd;
                let nobody = content(b"nobody has this value");
                let unknown = planted.unknown == Some(step);
                let digest = if unknown { nobody } else { tensor(&values[step as usize]).digest() };
                StateList(vec![(number, digest)])
            }
        };
        let lists: Vec<StateList> = (0..=steps).map(list).collect();
        let states: Vec<Digest> =
            (0u32..).zip(&lists).map(|(step, list)| state(layer, (step, steps), list)).collect();
        let shape = StepShape::new(layer, steps).unwrap();
        let tree = match planted.forged {
            None => Tree::Grown(StepTree::new(layer, &states).unwrap()),
            Some(forger) => {
                let ends = [0, steps].map(|step| shape.leaf(step, states[step as usize]));
                let (tree, mut nodes) = (shape.tree(), BTreeMap::new());
                let top = toy::forge(tree, tree.root(), ends, forger, &mut nodes);
                Tree::Forged { root: shape.sub_root(top), nodes }
            }
        };
        Self { layer, steps, values, lists, shape, tree }
    }

    /// The sub-root.
    pub fn root(&self) -> Digest {
        match &self.tree {
            Tree::Grown(tree) => tree.root(),
            Tree::Forged { root, .. } => *root,
        }
    }

    /// The descendants that a dissection step asks for, if there are any behind this sub-root.
    pub fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        match &self.tree {
            Tree::Grown(tree) => tree.reveal(node, arity).ok(),
            Tree::Forged { nodes, .. } => {
                let children = gainsay_commitment::descendants(node, arity).into_iter();
                children.map(|child| nodes.get(&child).copied()).collect()
            }
        }
    }

    /// The opening of a state, if it can be made.
    pub fn open(&self, step: u32) -> Option<Opening> {
        match &self.tree {
            Tree::Grown(tree) => tree.open(step).ok(),
            Tree::Forged { nodes, .. } => {
                let at = |level: u8| NodeId { level, index: (step >> level) ^ 1 };
                let path = (0..self.shape.tree().depth()).map(|level| nodes.get(&at(level)));
                Some(Opening {
                    index: step,
                    siblings: path.map(|node| node.copied()).collect::<Option<_>>()?,
                })
            }
        }
    }

    /// `D_step`.
    pub fn state(&self, step: u32) -> Digest {
        state(self.layer, (step, self.steps), &self.lists[step as usize])
    }

    pub fn step_opening(&self, step: u32) -> Option<StepOpening> {
        Some(StepOpening { state: self.state(step), opening: self.open(step)? })
    }
}

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

/// How what is said of a step's value stands.
pub fn value_standing(job: &JobState, value: &StepValue) -> Result<EvidenceStanding, &'static str> {
    let below = below(job, &value.counter_root)?;
    if value.step == 0 {
        return Err("there is no step 0");
    }
    if !is_listed(job, below, value.step, &value.list) {
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

/// How evidence stands; `known` has the blobs.
pub fn evidence_standing(
    job: &JobState,
    evidence: &StepEvidence,
    known: impl Fn(&Digest) -> Option<Vec<u8>>,
) -> Result<EvidenceStanding, &'static str> {
    let below = below(job, &evidence.counter_root)?;
    if evidence.step == 0 {
        return Err("there is no step 0");
    }
    if !is_listed(job, below, evidence.step, &evidence.list) {
        return Ok(EvidenceStanding::MalformedState);
    }
    let given = match (evidence.chunk, evidence.slices, &evidence.tensors[..]) {
        (Some(_), Some(slices), []) => slices,
        (None, None, [(_, tensor)]) => tensor.content,
        _ => return Err("neither a chunk nor a step"),
    };
    let bytes = known(&given).ok_or("unknown bytes")?;
    if tensor(&bytes).digest() != evidence.list.0[0].1 {
        return Err("not the listed value");
    }
    Ok(EvidenceStanding::Complete { bytes: bytes.len() as u64 })
}

/// Replays the step of a pair, or one chunk of its value: whether the executor's is right, and the other side's. `known` has
/// the blobs. Nothing if the pair does not wait for that.
pub fn judge(
    claim: &ClaimState,
    below: &Below,
    pair: &Pair,
    known: impl Fn(&Digest) -> Option<Vec<u8>>,
) -> Option<[bool; 2]> {
    let PairPhase::Judging { step, chunk, given } = &pair.phase else { return None };
    let (layer, steps) = (below.deep.layer, below.deep.steps.len() as u32);
    let slices = given.slices.or_else(|| given.tensors.first().map(|(_, tensor)| tensor.content));
    let truth = compute(layer, (*step, steps), &known(&slices?)?);
    let roots = [below.root_of(pair, Side::Executor)?, below.root_of(pair, Side::Challenger)?];
    Some(match chunk {
        Some(chunk) => {
            let shape = below.chunk_shape(*step)?;
            let (start, size) = ((chunk * CHUNK_BYTES) as usize, CHUNK_BYTES as usize);
            let own = truth.get(start..truth.len().min(start + size))?;
            let due = shape.chunk_value(*chunk, own)?;
            let node = ChunkNode::chunk(*chunk);
            roots.map(|root| {
                let content = below.value(&root, *step);
                content.and_then(|content| below.chunk_value(shape, content, node)) == Some(due)
            })
        }
        None => {
            let number = number((layer, claim.claim.layers), (*step, steps));
            let list = StateList(vec![(number, tensor(&truth).digest())]);
            let leaf = below.shape().ok()?.leaf(*step, state(layer, (*step, steps), &list));
            roots.map(|root| below.known(&root).get(NodeId::leaf(*step)) == Some(leaf))
        }
    })
}
