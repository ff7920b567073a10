//! The arbiter in memory, below a layer: how what is said of a step stands, and the case of a step or chunk.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use gainsay_canon::Tensor;
use gainsay_commitment::{Digest, StateList};
use gainsay_judge::{
    ChunkClaims, Judgement, STEP_CASE_VERSION, StepCase, StepMaterial, StepOpenings, StepOperands,
    ambient_of, judge_step_case, openings_below, step_standing, value_standing,
};
use gainsay_model::{
    ChunkAmbient, ChunkEvidence, ChunkId, OperandSlice, Origin, Slot, Steps, Whole,
    ambient_operands, check_step, judge_chunk,
};
use gainsay_protocol::{
    Dispute, EvidenceStanding, Message, PairPhase, StepEvidence, StepGiven, TensorRef,
};

use super::arbiter::{Arbiter, Subject};

/// An input or a weight.
fn own(subject: &Subject, slot: Slot) -> Option<Cow<'_, [u8]>> {
    let program = subject.runner.program();
    match program.origin(slot)? {
        Origin::Input(position) => subject.inputs.get(position as usize).map(Tensor::bytes),
        Origin::Weight(position) => {
            let index = *program.program().weights.get(position as usize)?;
            subject.runner.artifact().weight(index).map(Tensor::bytes)
        }
        Origin::Instruction(_) => None,
    }
}

fn whole_value(subject: &Subject, slot: Slot) -> Option<Whole<'_>> {
    let program = subject.runner.program();
    match program.origin(slot)? {
        Origin::Weight(position) => {
            let index = *program.program().weights.get(position as usize)?;
            subject.runner.artifact().weight_whole(index)
        }
        _ => own(subject, slot).map(Whole::from),
    }
}

/// The slices of inputs and weights that a case file carries: those that a disputed chunk reads.
pub fn slices_of(subject: &Subject, case: &StepCase) -> Result<Vec<OperandSlice>> {
    let StepMaterial::Chunk { claims, evidence } = &case.material else { return Ok(Vec::new()) };
    let runner = &subject.runner;
    let id = ChunkId { layer: case.layer, step: case.step, chunk: claims.chunk };
    let whole = |slot| whole_value(subject, slot);
    Ok(ambient_operands(runner.program(), id, evidence, whole, runner.kernels())?)
}

/// Judges a case as the arbiter does, which has inputs and weights whole.
pub fn judge(subject: &Subject, case: &StepCase) -> Result<Judgement> {
    let whole = |slot| whole_value(subject, slot);
    Ok(judge_step_case(case, StepOperands::Own(&whole), subject.runner.kernels())?)
}

fn agreed(subject: &Subject, layer: u32, step: u32, list: &StateList) -> Digest {
    let steps = Steps::of(subject.runner.program(), layer);
    steps.map(|steps| steps.digest(step.saturating_sub(1), list)).unwrap_or_default()
}

fn references(subject: &Subject) -> Vec<TensorRef> {
    subject.inputs.iter().map(gainsay_player::tensors::reference).collect()
}

/// How a value or evidence below a layer stands.
pub fn standing(arbiter: &Arbiter<'_>, message: &Message) -> Result<EvidenceStanding> {
    let layer = |counter_root: &Digest| {
        let dispute = arbiter.claim()?.dispute(counter_root);
        let below = dispute.and_then(Dispute::below_layer);
        below.map(|below| below.deep.layer).context("nothing is below a layer there")
    };
    match message {
        Message::StepValue(said) => {
            let (runner, layer) = (&arbiter.subject.runner, layer(&said.counter_root)?);
            let inputs = references(arbiter.subject);
            let digests = ambient_of((runner.artifact().manifest(), runner.program()), &inputs);
            Ok(value_standing(runner.program(), layer, said, &digests)?)
        }
        Message::StepEvidence(said) => evidence_standing(arbiter, layer(&said.counter_root)?, said),
        _ => bail!("that is no evidence"),
    }
}

fn evidence_standing(
    arbiter: &Arbiter<'_>,
    layer: u32,
    said: &StepEvidence,
) -> Result<EvidenceStanding> {
    let (subject, step) = (arbiter.subject, said.step);
    let (runner, before) = (&subject.runner, agreed(subject, layer, step, &said.list));
    match (said.chunk, said.slices) {
        (Some(chunk), Some(slices)) if said.tensors.is_empty() => {
            let given = ChunkEvidence::decode(said.list.clone(), arbiter.blob(&slices)?)?;
            let id = ChunkId { layer, step, chunk };
            let whole = |slot| whole_value(subject, slot);
            let own = ChunkAmbient::Own(&whole);
            let replayed = judge_chunk(runner.program(), id, before, &given, own, runner.kernels());
            Ok(step_standing(replayed.map(drop), given.bytes())?)
        }
        (None, None) => {
            let given = arbiter.evidence(said.list.clone(), &said.tensors)?;
            let bytes = given.tensors.iter().map(|tensor| tensor.bytes.len() as u64).sum();
            let checked = check_step(runner.program(), (layer, step), before, &given);
            Ok(step_standing(checked.map(drop), bytes)?)
        }
        _ => bail!("neither a whole step nor a chunk"),
    }
}

/// Everything that the judgement of a pair depends on.
pub fn case(arbiter: &Arbiter<'_>, counter_root: Digest, sub_root: Digest) -> Result<StepCase> {
    let (subject, claim) = (arbiter.subject, arbiter.claim()?);
    let dispute = claim.dispute(&counter_root).context("the dispute is gone")?;
    let below = dispute.below_layer().context("nothing is below a layer there")?;
    let pair = below.pair(&sub_root).context("the pair is gone")?;
    let PairPhase::Judging { step, chunk, given } = &pair.phase else {
        bail!("the pair is not being judged")
    };
    let (step, layer, runner) = (*step, below.deep.layer, &subject.runner);
    let posted = |root: Option<Digest>| {
        let found = below.posted.iter().find(|posted| Some(posted.sub_root) == root);
        arbiter.signed(found.context("a sub-root is not there")?.message)
    };
    let reveal = claim.members(counter_root).find_map(|member| member.revealed.as_ref());
    let openings = openings_below(claim, &counter_root, below);
    let before = agreed(subject, layer, step, &given.list);
    let parted = StepOpenings::of(below, pair, step, before, &given.opening);
    let material = match chunk {
        Some(chunk) => {
            let claims = ChunkClaims::of(below, pair, step, *chunk);
            let claims = claims.context("the chunk is not shown")?;
            let slices = given.slices.context("the slices are not there")?;
            let evidence = ChunkEvidence::decode(given.list.clone(), arbiter.blob(&slices)?)?;
            StepMaterial::Chunk { claims, evidence }
        }
        None => whole(arbiter, (layer, step), given)?,
    };
    Ok(StepCase {
        version: STEP_CASE_VERSION,
        job: arbiter.signed(arbiter.job()?.id.0)?,
        claim: arbiter.signed(claim.id.0)?,
        challenge: arbiter.signed(reveal.context("nobody revealed the counter root")?.message)?,
        sub_roots: [posted(below.executor_root())?, posted(Some(sub_root))?],
        layer,
        step,
        manifest: runner.artifact().manifest_bytes().to_vec(),
        program: runner.program().program().encode(),
        openings: openings.context("the states around the layer are not shown")?,
        step_openings: parted.context("the states around the step are not shown")?,
        material,
    })
}

fn whole(arbiter: &Arbiter<'_>, at: (u32, u32), given: &StepGiven) -> Result<StepMaterial> {
    let (subject, program) = (arbiter.subject, arbiter.subject.runner.program());
    let evidence = arbiter.evidence(given.list.clone(), &given.tensors)?;
    let instruction = Steps::of(program, at.0).and_then(|steps| steps.instruction(at.1));
    let mut weights: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for slot in instruction.context("there is no such step")?.operands.iter() {
        if let Some(Origin::Weight(position)) = program.origin(*slot) {
            let index = program.program().weights.get(position as usize);
            let bytes = own(subject, *slot).context("there is no such weight")?;
            weights.insert(*index.context("there is no such weight")?, bytes.into_owned());
        }
    }
    let inputs = subject.inputs.iter().map(|input| input.bytes().into_owned()).collect();
    Ok(StepMaterial::Whole { evidence, inputs, weights: weights.into_iter().collect() })
}

/// Bytes of the inputs and weights that a case below a layer is judged with, and of the proofs of slices.
pub fn ambient_bytes(case: &StepCase, slices: &[OperandSlice]) -> u64 {
    match &case.material {
        StepMaterial::Chunk { .. } => slices.iter().map(|own| own.slice.size()).sum(),
        StepMaterial::Whole { inputs, weights, .. } => {
            let inputs = inputs.iter().map(|bytes| bytes.len() as u64);
            inputs.chain(weights.iter().map(|(_, bytes)| bytes.len() as u64)).sum()
        }
    }
}
