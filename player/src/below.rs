//! The strategy below a layer: which sub-root to post, and the move that is missing in each pair.
//!
//! The layer is run again, step by step, when a dispute comes down to it; what is kept of that are the digests. Like the
//! strategy above a layer it needs no memory, and is the same for both sides. What cannot be answered in one pair holds up
//! no other.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use gainsay_canon::Tensor;
use gainsay_commitment::{
    Arity, ChunkShape, Digest, NodeId, Opening, StateList, StepOpening, StepTree, content,
};
use gainsay_model::{
    ChunkId, EvidenceTensor, Origin, RunError, Runner, Slot, StepValues, Steps, SubTrace, Telling,
    Whole, chunk_operands, encode_slices, step_evidence,
};
use gainsay_protocol::{
    Below, ChunkDissection, ClaimState, Dispute, DueBelow, Key, Message, Pair, Params, Side,
    StepEvidence, StepValue, SubDissection, SubRoot,
};

use crate::moves::{Move, MoveError};
use crate::source::TraceSource;
use crate::tensors;

/// One value off: in which step, and which value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLie {
    /// The step, from 1.
    pub step: u32,
    /// Which value of what it gives.
    pub seed: u64,
}

/// One layer's steps as a side tells them: where its sub-root, dissections and evidence below the layer come from. A liar's
/// may not know all of itself.
pub trait StepSource: Send + Sync + fmt::Debug {
    /// The sub-root.
    fn root(&self) -> Digest;

    /// m: the number of steps.
    fn steps(&self) -> u32;

    /// The descendants of a node of the steps' tree that one dissection step asks for, if they are known.
    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>>;

    /// The opening of `D_step`, if its path is known.
    fn opening(&self, step: u32) -> Option<Opening>;

    /// `D_step` (from 0 to m) and its list.
    fn state(&self, step: u32) -> Option<(&StateList, Digest)>;

    /// The bytes of what a step (from 1 to m) gives; `None` if nobody ran it.
    ///
    /// # Errors
    /// If the run cannot be carried out.
    fn result(&self, step: u32) -> Result<Option<Vec<u8>>, RunError>;

    /// The listed values that a step reads, where it is judged whole.
    ///
    /// # Errors
    /// If the run cannot be carried out.
    fn operands(&self, step: u32) -> Result<Option<Vec<EvidenceTensor>>, RunError>;

    /// The encoded slices of listed values that a chunk of what a step gives reads.
    ///
    /// # Errors
    /// If the run cannot be carried out.
    fn slices(&self, step: u32, chunk: u64) -> Result<Option<Vec<u8>>, RunError>;
}

/// One layer's steps with a run behind them.
pub struct BelowRun {
    runner: Arc<Runner>,
    inputs: Arc<[Tensor]>,
    layer: u32,
    telling: Option<Arc<dyn Telling>>,
    trace: SubTrace,
    tree: StepTree,
    /// The values of the step last asked for.
    given: Mutex<Option<(u32, Arc<StepValues>)>>,
}

impl fmt::Debug for BelowRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layer, root) = (self.layer, self.tree.root());
        write!(f, "BelowRun(layer {layer}, root {root}, telling: {:?})", self.telling)
    }
}

impl BelowRun {
    /// Runs layer `layer` step by step and tells what `telling` makes of its values; `ends` are lists to tell in place of those
    /// of the states around the layer.
    ///
    /// # Errors
    /// If there is no such layer, or a step cannot be carried out.
    pub fn new(
        runner: Arc<Runner>,
        inputs: Arc<[Tensor]>,
        layer: u32,
        telling: Option<Arc<dyn Telling>>,
        ends: [Option<StateList>; 2],
    ) -> Result<Self, RunError> {
        let mut trace = runner.sub_trace(&inputs, layer, telling.as_deref())?;
        let [first, last] = ends;
        let steps = trace.lists.len().saturating_sub(1);
        let states = [(0, layer.saturating_sub(1), first), (steps, layer, last)];
        for (step, state, list) in states {
            let told = trace.lists.get_mut(step).zip(trace.digests.get_mut(step));
            if let (Some(list), Some((own, digest))) = (list, told) {
                *digest = list.digest(state);
                *own = list;
            }
        }
        let tree = StepTree::new(layer, &trace.digests)?;
        Ok(Self { runner, inputs, layer, telling, trace, tree, given: Mutex::default() })
    }

    /// The sub-root.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// `D_0 ..= D_m`, as told.
    pub fn states(&self) -> &[Digest] {
        &self.trace.digests
    }

    /// What a step (from 1 to m) gives, as told.
    ///
    /// # Errors
    /// If there is no such step.
    pub fn value(&self, step: u32) -> Result<Tensor, RunError> {
        Ok(self.values(step)?.result.clone())
    }

    fn values(&self, step: u32) -> Result<Arc<StepValues>, RunError> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, values)) = &*given
            && *known == step
        {
            return Ok(Arc::clone(values));
        }
        let (at, telling) = ((self.layer, step), self.telling.as_deref());
        let values = Arc::new(self.runner.step_values(&self.inputs, at, telling)?);
        *given = Some((step, Arc::clone(&values)));
        Ok(values)
    }

    /// The bytes of an operand of a step.
    fn operand<'a>(&'a self, values: &'a StepValues, slot: Slot) -> Option<Whole<'a>> {
        let program = self.runner.program();
        match program.origin(slot)? {
            Origin::Input(position) => {
                self.inputs.get(position as usize).map(|input| input.bytes().into())
            }
            Origin::Weight(position) => {
                let index = *program.program().weights.get(position as usize)?;
                self.runner.artifact().weight_whole(index)
            }
            Origin::Instruction(_) => {
                let found = values.operands.iter().find(|(own, _)| *own == slot);
                found.map(|(_, tensor)| tensor.bytes().into())
            }
        }
    }
}

impl StepSource for BelowRun {
    fn root(&self) -> Digest {
        self.tree.root()
    }

    fn steps(&self) -> u32 {
        self.tree.shape().steps()
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.tree.reveal(node, arity).ok()
    }

    fn opening(&self, step: u32) -> Option<Opening> {
        self.tree.open(step).ok()
    }

    fn state(&self, step: u32) -> Option<(&StateList, Digest)> {
        let list = self.trace.lists.get(step as usize)?;
        Some((list, *self.trace.digests.get(step as usize)?))
    }

    fn result(&self, step: u32) -> Result<Option<Vec<u8>>, RunError> {
        Ok(Some(self.values(step)?.result.bytes().into_owned()))
    }

    fn operands(&self, step: u32) -> Result<Option<Vec<EvidenceTensor>>, RunError> {
        let values = self.values(step)?;
        Ok(Some(step_evidence(StepValues::clone(&values)).tensors))
    }

    /// Inputs and weights are the arbiter's own.
    fn slices(&self, step: u32, chunk: u64) -> Result<Option<Vec<u8>>, RunError> {
        let (values, program) = (self.values(step)?, self.runner.program());
        let id = ChunkId { layer: self.layer, step, chunk };
        let operand = |slot| self.operand(&values, slot);
        let slices = chunk_operands(program, id, operand, self.runner.kernels());
        Ok(slices.ok().map(|slices| encode_slices(&slices)))
    }
}

/// `D_step` with its path.
fn step_opening(run: &dyn StepSource, step: u32) -> Option<StepOpening> {
    let (_, state) = run.state(step)?;
    Some(StepOpening { state, opening: run.opening(step)? })
}

/// The state before a step, with its opening.
fn before(run: &dyn StepSource, step: u32) -> Option<(StateList, Opening)> {
    let before = step.checked_sub(1)?;
    Some((run.state(before)?.0.clone(), run.opening(before)?))
}

/// The moves that `key` owes for `side` below the layer of the dispute of `claim` with `counter_root`, at most `most`: its
/// sub-root, then one for each pair of it in which something is owed.
///
/// # Errors
/// If the tree knows no answer at all; never for a side that ran the program honestly.
pub(crate) fn missing_moves_below(
    params: &Params,
    claim: &ClaimState,
    (side, key): (Side, Key),
    counter_root: &Digest,
    (own, most): (&dyn TraceSource, usize),
) -> Result<Vec<Move>, MoveError> {
    let Some(dispute) = claim.dispute(counter_root) else { return Ok(Vec::new()) };
    let Some(below) = dispute.below_layer() else { return Ok(Vec::new()) };
    let layer = below.deep.layer;
    if below.pairs.is_empty() && below.posted_by(key).is_some() {
        return Ok(Vec::new());
    }
    let unknown = |due| MoveError::UnknownBelow { due };
    let run = own.below(layer)?.ok_or(unknown(DueBelow::SubRoot(layer)))?;
    let run = run.as_ref();
    if below.pairs.is_empty() {
        let message = sub_root(claim, side, (dispute, layer), (own, run));
        let message = message.ok_or(unknown(DueBelow::SubRoot(layer)))?;
        return Ok(vec![Move { message: Message::SubRoot(message), blobs: Vec::new() }]);
    }
    let mine = |pair: &&Pair| below.root_of(pair, side) == Some(run.root());
    let (mut moves, mut first_unknown) = (Vec::new(), None);
    for pair in below.pairs.iter().filter(mine) {
        let due = below.due(params, pair, side);
        if due == DueBelow::Nothing || moves.len() >= most {
            continue;
        }
        match answer(params, (claim, dispute), (below, pair), run, due)? {
            // What is shown of one's own sub-root counts for every pair of it.
            Some(found) if moves.contains(&found) => {}
            Some(found) => moves.push(found),
            None => first_unknown = first_unknown.or(Some(unknown(due))),
        }
    }
    match first_unknown {
        Some(error) if moves.is_empty() => Err(error),
        _ => Ok(moves),
    }
}

/// The sub-root of a side; `S_{i-1}` is opened under the claim's root, whoever posts it.
fn sub_root(
    claim: &ClaimState,
    side: Side,
    (dispute, layer): (&Dispute, u32),
    (own, run): (&dyn TraceSource, &dyn StepSource),
) -> Option<SubRoot> {
    let counter_root = dispute.counter_root;
    let before = layer.checked_sub(1)?;
    let opening = own.opening(before)?;
    let before = match side {
        Side::Executor => opening,
        Side::Challenger => {
            let known = claim.known(Side::Executor, &counter_root);
            known.opening(claim.shape().ok()?, before, Some(&opening))?
        }
    };
    let steps = run.steps();
    Some(SubRoot {
        claim: claim.id,
        counter_root,
        layer,
        steps,
        sub_root: run.root(),
        before,
        first: step_opening(run, 0)?,
        last: step_opening(run, steps)?,
    })
}

fn answer(
    params: &Params,
    (claim, dispute): (&ClaimState, &Dispute),
    (below, pair): (&Below, &Pair),
    run: &dyn StepSource,
    due: DueBelow,
) -> Result<Option<Move>, MoveError> {
    let (claim, counter_root, sub_root) = (claim.id, dispute.counter_root, run.root());
    let told = |message| Ok(Some(Move { message, blobs: Vec::new() }));
    match due {
        DueBelow::Nothing | DueBelow::SubRoot(_) => Ok(None),
        DueBelow::Reveal(node) => {
            let Some(children) = run.reveal(node, params.arity) else { return Ok(None) };
            let said = SubDissection { claim, counter_root, sub_root, node, children };
            told(Message::SubDissection(said))
        }
        DueBelow::Value(step) => {
            let (Some((list, opening)), Some((_, after))) = (before(run, step), run.state(step))
            else {
                return Ok(None);
            };
            let Some(bytes) = run.result(step)? else { return Ok(None) };
            let content = content(&bytes);
            let said =
                StepValue { claim, counter_root, sub_root, step, list, opening, content, after };
            told(Message::StepValue(said))
        }
        DueBelow::Chunks(step, node) => {
            let Some(bytes) = run.result(step)? else { return Ok(None) };
            let shape = ChunkShape::new(bytes.len() as u64);
            let Some(children) = shape.reveal(node, params.arity, &bytes) else { return Ok(None) };
            let said = ChunkDissection { claim, counter_root, sub_root, step, node, children };
            told(Message::ChunkDissection(said))
        }
        DueBelow::Evidence(step, chunk) => {
            let mut said = StepEvidence {
                claim,
                counter_root,
                sub_root: pair.sub_root,
                step,
                chunk,
                list: StateList::default(),
                opening: Opening { index: 0, siblings: Vec::new() },
                tensors: Vec::new(),
                slices: None,
            };
            let Some(blobs) = evidence(run, below, &mut said)? else { return Ok(None) };
            Ok(Some(Move { message: Message::StepEvidence(said), blobs }))
        }
    }
}

/// Completes the evidence and returns its blobs.
fn evidence(
    run: &dyn StepSource,
    below: &Below,
    said: &mut StepEvidence,
) -> Result<Option<Vec<Vec<u8>>>, MoveError> {
    let Some((list, opening)) = before(run, said.step) else { return Ok(None) };
    (said.list, said.opening) = (list, opening);
    if let Some(chunk) = said.chunk {
        // A side that differs on the length of the value never came so far.
        let known = below.chunk_shape(said.step).is_some_and(|shape| chunk < shape.chunks());
        let slices = if known { run.slices(said.step, chunk)? } else { None };
        let Some(bytes) = slices else { return Ok(None) };
        said.slices = Some(content(&bytes));
        return Ok(Some(vec![bytes]));
    }
    let Some(given) = run.operands(said.step)? else { return Ok(None) };
    let named = |given: &EvidenceTensor| {
        (given.slot.0, tensors::reference_with(&given.tensor, &given.bytes))
    };
    said.tensors = given.iter().map(named).collect();
    Ok(Some(given.into_iter().map(|given| given.bytes).collect()))
}

/// The number of steps of a layer, for rehearsals; 0 if there is no such layer.
pub fn steps_of(runner: &Runner, layer: u32) -> u32 {
    Steps::of(runner.program(), layer).map_or(0, Steps::count)
}
