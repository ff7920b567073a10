//! Cases below a layer: one step, or one chunk of what it gives, from the signed roots down to a verdict.
//!
//! The chain is: the claim and the reveal bind the two roots, these the states around the layer; the two signed sub-roots
//! bind `D_0` and `D_m` to them, the openings of `D_{j-1}` and `D_j` the step, and the paths of the chunk its value under
//! both. What is between the agreed `D_{j-1}` and that chunk is replayed from slices.

use std::collections::BTreeMap;
use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::{Kernels, Tensor};
use gainsay_commitment::{
    ChunkPath, ChunkShape, Context, Digest, NodeId, Opening, StepShape, TraceShape, hash,
    leaf_digest, tensor_digest,
};
use gainsay_model::{
    Ambient, AmbientFault, ArtifactError, ChunkAmbient, ChunkEvidence, ChunkId, Evidence,
    EvidenceFault, JudgedBy, Layer, Manifest, OperandSlice, Origin, ReplayError, Required, Slot,
    Steps, TypedProgram, Whole, check_inner_list, judge_chunk, judge_step,
};
use gainsay_protocol::{
    Below, ClaimState, DeepLayer, EvidenceStanding, Known, LayerBudget, Message, Pair, Signed,
    StepValue, SubRoot, TensorRef, Verdict,
};

use crate::case::Openings;
use crate::decide::{CaseError, JudgedStep, Judgement, Parts, check_operations, parts};
use crate::evidence::EvidenceRefused;

/// The version of the encoding of a case below a layer.
pub const STEP_CASE_VERSION: u32 = 3;

/// The states around the disputed step under both sub-roots.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StepOpenings {
    /// `D_{j-1}`, which is the same under both.
    pub agreed: Digest,
    /// Its opening under the executor's sub-root, and under the challengers'.
    pub before: [Opening; 2],
    /// Leaf j under both.
    pub leaves: [Digest; 2],
    /// Their openings.
    pub after: [Opening; 2],
}

impl StepOpenings {
    /// The openings that a pair has brought to light about `step`, given one side's opening of `D_{j-1}`.
    pub fn of(
        below: &Below,
        pair: &Pair,
        step: u32,
        agreed: Digest,
        before: &Opening,
    ) -> Option<Self> {
        let tree = below.shape().ok()?.tree();
        let known = [below.known(&below.executor_root()?), below.known(&pair.sub_root)];
        let both = |of: &dyn Fn(&Known) -> Option<Opening>| Some([of(&known[0])?, of(&known[1])?]);
        let leaf = |known: &Known| known.get(NodeId::leaf(step));
        Some(Self {
            agreed,
            before: both(&|known| known.opening(tree, step.checked_sub(1)?, Some(before)))?,
            leaves: [leaf(&known[0])?, leaf(&known[1])?],
            after: both(&|known| known.opening(tree, step, None))?,
        })
    }
}

/// What both sides say a chunk is.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkClaims {
    /// Which chunk of the step's value.
    pub chunk: u64,
    /// The value's content under the executor's sub-root, and under the challengers'.
    pub contents: [Digest; 2],
    /// The chunk's value with its path, under both.
    pub paths: [ChunkPath; 2],
}

impl ChunkClaims {
    /// What a pair has brought to light about a chunk.
    pub fn of(below: &Below, pair: &Pair, step: u32, chunk: u64) -> Option<Self> {
        let shape = below.chunk_shape(step)?;
        let roots = [below.executor_root()?, pair.sub_root];
        let [ours, theirs] = roots.map(|root| below.value(&root, step));
        let contents = [ours?, theirs?];
        let path =
            |content| ChunkPath::of(shape, chunk, |at| below.chunk_value(shape, content, at));
        let [ours, theirs] = contents.map(path);
        Some(Self { chunk, contents, paths: [ours?, theirs?] })
    }
}

/// What the step or chunk is computed from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StepMaterial {
    /// A whole step.
    Whole {
        /// The agreed state and the values of earlier instructions that the step reads.
        evidence: Evidence,
        /// The bytes of the job's inputs, by position.
        inputs: Vec<Vec<u8>>,
        /// The weights that the step reads: index in the manifest, ascending, and bytes.
        weights: Vec<(u32, Vec<u8>)>,
    } = 0,
    /// One chunk; the inputs and weights that it reads are not part of the case, because the job names them.
    Chunk {
        /// What both sides say it is.
        claims: ChunkClaims,
        /// The agreed state and the slices of values of earlier instructions.
        evidence: ChunkEvidence,
    } = 1,
}

/// Everything that one judgement below a layer depends on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StepCase {
    /// [`STEP_CASE_VERSION`].
    pub version: u32,
    /// The job as signed.
    pub job: Signed,
    /// The claim as signed.
    pub claim: Signed,
    /// The reveal of the counter root as signed by one member of its side.
    pub challenge: Signed,
    /// The executor's sub-root and the challengers', as signed.
    pub sub_roots: [Signed; 2],
    /// The disputed layer, from 1.
    pub layer: u32,
    /// The disputed step, from 1.
    pub step: u32,
    /// The registry entry: the manifest's canonical bytes.
    pub manifest: Vec<u8>,
    /// The canonical bytes of the job's program.
    pub program: Vec<u8>,
    /// The states around the layer under both roots.
    pub openings: Openings,
    /// The states around the step under both sub-roots.
    pub step_openings: StepOpenings,
    /// What is replayed.
    pub material: StepMaterial,
}

impl StepCase {
    /// The case's digest, which the arbiter signs together with its verdict.
    pub fn digest(&self) -> Digest {
        hash(Context::Case, self)
    }

    /// Bytes of the values and proofs that are replayed from.
    pub fn evidence_bytes(&self) -> u64 {
        match &self.material {
            StepMaterial::Whole { evidence, .. } => {
                evidence.tensors.iter().map(|given| given.bytes.len() as u64).sum()
            }
            StepMaterial::Chunk { evidence, .. } => evidence.bytes(),
        }
    }
}

/// The openings of the states around a layer, given that of `S_{i-1}` that came with a sub-root.
pub fn openings_below(
    claim: &ClaimState,
    counter_root: &Digest,
    below: &Below,
) -> Option<Openings> {
    Openings::of(claim, counter_root, below.deep.layer, below.before.as_ref()?)
}

/// The inputs and weights that a case below a layer is judged with, if it is about a chunk.
#[derive(Clone, Copy)]
pub enum StepOperands<'v, 'w> {
    /// Whoever judges has them whole, and checked them when it took them.
    Own(&'v dyn Fn(Slot) -> Option<Whole<'w>>),
    /// Slices of them, ascending, to be verified.
    Slices(&'v [OperandSlice]),
}

impl fmt::Debug for StepOperands<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(_) => f.write_str("Own"),
            Self::Slices(slices) => f.debug_tuple("Slices").field(slices).finish(),
        }
    }
}

/// Judges a case below a layer.
///
/// # Errors
/// [`CaseError`] if any part of the case is not bound to the others; then nothing follows from it.
pub fn judge_step_case(
    case: &StepCase,
    operands: StepOperands<'_, '_>,
    kernels: &Kernels,
) -> Result<Judgement, CaseError> {
    if case.version != STEP_CASE_VERSION {
        return Err(crate::case::CaseEncodingError::Version { found: case.version }.into());
    }
    let signed = [&case.job, &case.claim, &case.challenge];
    let found = parts(signed, (&case.manifest, &case.program), case.layer)?;
    let steps = Steps::of(&found.program, case.layer);
    let steps = steps.ok_or(CaseError::Mismatch("the program has no such layer"))?;
    let instruction = steps.instruction(case.step);
    let instruction = instruction.ok_or(CaseError::Mismatch("the layer has no such step"))?;
    let position = steps.position(case.step).unwrap_or_default() as usize;
    let operations = found.program.costs().get(position).copied().unwrap_or_default();
    check_operations(operations)?;
    let shape = StepShape::new(case.layer, steps.count())?;
    check_roots(case, &found, shape)?;
    let verdict = match &case.material {
        StepMaterial::Whole { evidence, inputs, weights } => {
            if matches!(operands, StepOperands::Slices([_, ..])) {
                return Err(CaseError::Mismatch("a step judged whole has no slices"));
            }
            whole(case, &found, shape, (evidence, inputs, weights), kernels)?
        }
        StepMaterial::Chunk { claims, evidence } => {
            chunk(case, &found, (steps, shape), (claims, evidence, operands), kernels)?
        }
    };
    let chunk = match &case.material {
        StepMaterial::Whole { .. } => None,
        StepMaterial::Chunk { claims, .. } => Some(claims.chunk),
    };
    let operator = instruction.operator.name();
    let step = JudgedStep { step: case.step, steps: steps.count(), operator, chunk };
    Ok(found.judgement(verdict, case.layer, operations, step))
}

fn sub_root_of<'a>(signed: &'a Signed, case: &StepCase) -> Result<&'a SubRoot, CaseError> {
    let verified = signed.clone().verify(case.job.network);
    verified.map_err(|source| CaseError::Envelope { what: "a sub-root", source })?;
    match &signed.message {
        Message::SubRoot(posted) => Ok(posted),
        _ => Err(CaseError::Mismatch("the part that should be a sub-root is not one")),
    }
}

/// From the roots to the leaves of the step: each side's sub-root is its own, and they part at this step.
fn check_roots(case: &StepCase, found: &Parts<'_>, shape: StepShape) -> Result<(), CaseError> {
    let trace = TraceShape::new(found.claim.layers)?;
    let failed = |what| move |source| CaseError::Opening { what, source };
    let (openings, layer) = (&case.openings, case.layer);
    let roots = [found.claim.root, found.reveal.root];
    let leaves = [openings.claim_leaf, openings.counter_leaf];
    let around = [
        (&openings.before_in_claim, &openings.after_in_claim),
        (&openings.before_in_counter, &openings.after_in_counter),
    ];
    if case.sub_roots[0].signer != case.claim.signer {
        return Err(CaseError::Mismatch("the executor's sub-root is by somebody else"));
    }
    let before = layer.checked_sub(1).ok_or(CaseError::Mismatch("layers count from 1"))?;
    let step_before = case.step.checked_sub(1).ok_or(CaseError::Mismatch("steps count from 1"))?;
    let parted = &case.step_openings;
    for side in 0..2 {
        let posted = sub_root_of(&case.sub_roots[side], case)?;
        let same = posted.claim.0 == case.claim.id()
            && posted.counter_root == found.reveal.root
            && (posted.layer, posted.steps) == (layer, shape.steps());
        if !same {
            return Err(CaseError::Mismatch("a sub-root is of another dispute or layer"));
        }
        let (first, last, root) = (&posted.first, &posted.last, posted.sub_root);
        let (opened_before, opened_after) = around[side];
        opened_before
            .verify(trace, before, first.state, roots[side])
            .map_err(failed("the state before the layer"))?;
        opened_after
            .verify_leaf(trace, layer, leaves[side], roots[side])
            .map_err(failed("the state after the layer"))?;
        if leaves[side] != leaf_digest(layer, trace.states(), last.state) {
            return Err(CaseError::Mismatch("a sub-root does not end at its side's state"));
        }
        shape
            .verify(&first.opening, 0, first.state, root)
            .map_err(failed("the state before the layer under a sub-root"))?;
        shape
            .verify(&last.opening, shape.steps(), last.state, root)
            .map_err(failed("the state after the layer under a sub-root"))?;
        shape
            .verify(&parted.before[side], step_before, parted.agreed, root)
            .map_err(failed("the state before the step under a sub-root"))?;
        shape
            .verify_leaf(&parted.after[side], case.step, parted.leaves[side], root)
            .map_err(failed("the state after the step under a sub-root"))?;
    }
    if parted.leaves[0] == parted.leaves[1] || leaves[0] == leaves[1] {
        return Err(CaseError::Mismatch("both sides have the same state after the step"));
    }
    Ok(())
}

fn verdict(right: [bool; 2]) -> Verdict {
    match right {
        [true, _] => Verdict::ChallengerFault,
        [false, true] => Verdict::ExecutorFault,
        [false, false] => Verdict::BothFault,
    }
}

/// The verdict of a replay, or that the agreed state is no state of the program.
fn decided(replayed: Result<[bool; 2], ReplayError>) -> Result<Verdict, CaseError> {
    match replayed {
        Ok(right) => Ok(verdict(right)),
        Err(ReplayError::Malformed(_)) => Ok(Verdict::BothFault),
        Err(error) => Err(CaseError::Replay(error)),
    }
}

type WholeStep<'a> = (&'a Evidence, &'a [Vec<u8>], &'a [(u32, Vec<u8>)]);

fn whole(
    case: &StepCase,
    found: &Parts<'_>,
    shape: StepShape,
    (evidence, inputs, weights): WholeStep<'_>,
    kernels: &Kernels,
) -> Result<Verdict, CaseError> {
    let inputs = found.inputs(inputs)?;
    let weights = weights
        .iter()
        .map(|(index, bytes)| Ok((*index, found.manifest.weight_from_bytes(*index, bytes)?)))
        .collect::<Result<BTreeMap<u32, Tensor>, ArtifactError>>()?;
    let ambient = Ambient { inputs: &inputs, weights: &weights };
    let (at, agreed) = ((case.layer, case.step), case.step_openings.agreed);
    let replayed = judge_step(&found.program, at, agreed, evidence, ambient, kernels);
    decided(
        replayed.map(|state| {
            case.step_openings.leaves.map(|leaf| leaf == shape.leaf(case.step, state))
        }),
    )
}

type Chunk<'v, 'w> = (&'v ChunkClaims, &'v ChunkEvidence, StepOperands<'v, 'w>);

fn chunk(
    case: &StepCase,
    found: &Parts<'_>,
    (steps, shape): (Steps<'_>, StepShape),
    (claims, evidence, operands): Chunk<'_, '_>,
    kernels: &Kernels,
) -> Result<Verdict, CaseError> {
    let result =
        steps.result(case.step).ok_or(CaseError::Mismatch("the layer has no such step"))?;
    let bytes =
        result.byte_len().map_err(|_| CaseError::Mismatch("the step's value is impossible"))?;
    let content_shape = ChunkShape::new(bytes as u64);
    let digest = ambient_of((&found.manifest, &found.program), &found.job.inputs);
    for side in 0..2 {
        let value = tensor_digest(result.dtype as u8, &result.shape, claims.contents[side]);
        let list = steps.after(case.step, &evidence.list, value, &digest);
        // A list that is not the program's leads nowhere; the replay says whose fault that is.
        let Ok(list) = list else { break };
        if shape.leaf(case.step, steps.digest(case.step, &list)) != case.step_openings.leaves[side]
        {
            return Err(CaseError::Mismatch("a value is not the one that its sub-root has"));
        }
        if !claims.paths[side].leads_to(content_shape, claims.chunk, claims.contents[side]) {
            return Err(CaseError::Mismatch("a chunk is not of its side's value"));
        }
    }
    if claims.paths[0].value == claims.paths[1].value {
        return Err(CaseError::Mismatch("both sides have the same chunk"));
    }
    let id = ChunkId { layer: case.layer, step: case.step, chunk: claims.chunk };
    let agreed = case.step_openings.agreed;
    let ambient = match operands {
        StepOperands::Own(values) => ChunkAmbient::Own(values),
        StepOperands::Slices(slices) => ChunkAmbient::Slices(slices, &digest),
    };
    let replayed = judge_chunk(&found.program, id, agreed, evidence, ambient, kernels);
    decided(replayed.map(|value| [0, 1].map(|side: usize| claims.paths[side].value == value)))
}

fn weight_digest(manifest: &Manifest, program: &TypedProgram, position: u32) -> Option<Digest> {
    let index = *program.program().weights.get(position as usize)?;
    let entry = manifest.weights.get(index as usize)?;
    let tensor = &entry.tensor;
    Some(tensor_digest(tensor.dtype as u8, &tensor.shape, entry.content))
}

/// The layers of a program that are over the budget, with their steps: what the registry says of it.
pub fn deep_layers(program: &TypedProgram, budget: &LayerBudget) -> Vec<DeepLayer> {
    let deep = |(layer, entry): (u32, &Layer)| {
        let required = Required::of(program, layer)?;
        let inputs = required.inputs.iter().map(|position| Slot(*position));
        let read = required.state.iter().copied().chain(inputs);
        let bytes = read.map(|slot| program.bytes_of(slot)).fold(0, u64::saturating_add);
        if budget.holds(bytes, entry.cost) {
            return None;
        }
        let steps = Steps::of(program, layer)?;
        let value = |step: u32| match steps.judged_by(step)? {
            JudgedBy::Chunk => steps.slot(step).map(|slot| program.bytes_of(slot)),
            JudgedBy::Whole => None,
        };
        Some(DeepLayer { layer, steps: (1..=steps.count()).map(value).collect() })
    };
    (1u32..).zip(program.layers()).filter_map(deep).collect()
}

/// How what a side says of a step stands: whether it follows from the agreed list, and that is one of the program.
///
/// # Errors
/// If it does not follow.
pub fn value_standing(
    program: &TypedProgram,
    layer: u32,
    said: &StepValue,
    ambient: &dyn Fn(Slot) -> Option<Digest>,
) -> Result<EvidenceStanding, EvidenceRefused> {
    let missing = || EvidenceRefused(AmbientFault::Step { layer, step: said.step }.into());
    let steps = Steps::of(program, layer).ok_or_else(missing)?;
    let before = said.step.checked_sub(1).ok_or_else(missing)?;
    let agreed = steps.digest(before, &said.list);
    match check_inner_list(program, (layer, said.step), agreed, &said.list) {
        Ok(()) => {}
        Err(ReplayError::Malformed(_)) => return Ok(EvidenceStanding::MalformedState),
        Err(error) => return Err(EvidenceRefused(error)),
    }
    let result = steps.result(said.step).ok_or_else(missing)?;
    let value = tensor_digest(result.dtype as u8, &result.shape, said.content);
    let list = steps.after(said.step, &said.list, value, ambient).map_err(|_| missing())?;
    let found = steps.digest(said.step, &list);
    if found != said.after {
        let fault = EvidenceFault::List { agreed: said.after, found };
        return Err(EvidenceRefused(fault.into()));
    }
    Ok(EvidenceStanding::Complete { bytes: 0 })
}

/// The tensor digest of an input of the job, of a weight by the manifest.
pub fn ambient_of<'a>(
    (manifest, program): (&'a Manifest, &'a TypedProgram),
    inputs: &'a [TensorRef],
) -> impl Fn(Slot) -> Option<Digest> + 'a {
    move |slot| match program.origin(slot)? {
        Origin::Input(position) => inputs.get(position as usize).map(TensorRef::digest),
        Origin::Weight(position) => weight_digest(manifest, program, position),
        Origin::Instruction(_) => None,
    }
}

/// How evidence below a layer stands, given what its replay or its check says.
///
/// # Errors
/// If it is not exactly what the replay needs.
pub fn step_standing(
    replayed: Result<(), ReplayError>,
    bytes: u64,
) -> Result<EvidenceStanding, EvidenceRefused> {
    match replayed {
        // A machine that cannot compute it says nothing about the evidence.
        Ok(()) | Err(ReplayError::Kernel(_)) => Ok(EvidenceStanding::Complete { bytes }),
        Err(ReplayError::Malformed(_)) => Ok(EvidenceStanding::MalformedState),
        Err(error) => Err(EvidenceRefused(error)),
    }
}
