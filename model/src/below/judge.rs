//! The replay of one whole step from evidence alone, and the checks that every replay below a layer begins with.
//!
//! As in the replay of a layer, the order of checks decides who is at fault.

use std::collections::BTreeMap;

use gainsay_canon::{Kernels, Tensor};
use gainsay_commitment::{Digest, StateList};

use super::chunk::Judged;
use super::run::StepValues;
use super::steps::Steps;
use crate::evidence::{Evidence, EvidenceTensor};
use crate::program::Slot;
use crate::replay::{
    Ambient, AmbientFault, EvidenceFault, Malformation, ReplayError, listed, typed_tensors,
};
use crate::typed::{Origin, TypedProgram};
use crate::values::{ComputeError, digest_of};

/// The evidence for a whole step: the state before it and the values of earlier instructions that it reads.
pub fn step_evidence(values: StepValues) -> Evidence {
    let given = values.operands.into_iter().map(|(slot, tensor)| EvidenceTensor {
        slot,
        tensor: tensor.tensor_type().clone(),
        bytes: tensor.bytes().into_owned(),
    });
    Evidence { list: values.before, tensors: given.collect() }
}

/// Computes a whole step from the agreed state before it: `D_step`.
///
/// # Errors
/// See [`ReplayError`]; the kind says who is at fault.
pub fn judge_step(
    program: &TypedProgram,
    (layer, step): (u32, u32),
    agreed: Digest,
    evidence: &Evidence,
    ambient: Ambient<'_>,
    kernels: &Kernels,
) -> Result<Digest, ReplayError> {
    let judged = Judged::of(program, layer, step)?;
    let steps = Steps::of(program, layer).ok_or(AmbientFault::Step { layer, step })?;
    let given: BTreeMap<Slot, Tensor> =
        check_step(program, (layer, step), agreed, evidence)?.into_iter().collect();
    program.check_inputs(ambient.inputs).map_err(AmbientFault::from)?;
    let weight_index = |position: u32| program.program().weights.get(position as usize).copied();
    let operand = |slot: &Slot| match program.origin(*slot) {
        Some(Origin::Input(position)) => ambient.inputs.get(position as usize),
        Some(Origin::Weight(position)) => {
            weight_index(position).and_then(|index| ambient.weights.weight(index))
        }
        _ => given.get(slot),
    };
    let operands =
        judged.operands.iter().map(|slot| operand(slot).ok_or(ComputeError::Absent(*slot)));
    let operands = operands.collect::<Result<Vec<_>, _>>()?;
    let result = judged.run(judged.operator, &operands, kernels)?;
    let ambient_digest = |slot: Slot| match program.origin(slot)? {
        Origin::Input(position) => ambient.inputs.get(position as usize).map(digest_of),
        Origin::Weight(position) => ambient.weights.weight(weight_index(position)?).map(digest_of),
        Origin::Instruction(_) => None,
    };
    let list = steps.after(step, &evidence.list, digest_of(&result), &ambient_digest);
    let list = list.map_err(|_| judged.no_rule())?;
    Ok(steps.digest(step, &list))
}

/// Whether the evidence is complete for a replay of a whole step, without carrying it out.
///
/// # Errors
/// As for [`judge_step`], but those of the replay itself.
pub fn check_step(
    program: &TypedProgram,
    (layer, step): (u32, u32),
    agreed: Digest,
    evidence: &Evidence,
) -> Result<Vec<(Slot, Tensor)>, ReplayError> {
    let missing = AmbientFault::Step { layer, step };
    let steps = Steps::of(program, layer).ok_or(missing)?;
    check_inner_list(program, (layer, step), agreed, &evidence.list)?;
    let mut due = steps.reads(step).into_iter();
    for given in &evidence.tensors {
        match due.next() {
            Some(slot) if slot == given.slot => {}
            Some(slot) if slot < given.slot => return Err(EvidenceFault::Missing(slot).into()),
            _ => return Err(EvidenceFault::Extra(given.slot).into()),
        }
        let slot = given.slot;
        let listed = listed(&evidence.list, slot).ok_or(EvidenceFault::Extra(slot))?;
        let found = given.digest();
        if found != listed {
            return Err(EvidenceFault::Bytes { slot, listed, found }.into());
        }
    }
    if let Some(slot) = due.next() {
        return Err(EvidenceFault::Missing(slot).into());
    }
    typed_tensors(program, evidence)
}

/// Whether the list is that of the agreed `D_{step-1}`, and lists the program's values.
///
/// # Errors
/// If it is another list, it is refused; if it is that one and not the program's, the state is malformed.
pub fn check_inner_list(
    program: &TypedProgram,
    (layer, step): (u32, u32),
    agreed: Digest,
    list: &StateList,
) -> Result<(), ReplayError> {
    let missing = AmbientFault::Step { layer, step };
    let steps = Steps::of(program, layer).ok_or(missing.clone())?;
    let before = step.checked_sub(1).ok_or(missing.clone())?;
    let found = steps.digest(before, list);
    if found != agreed {
        return Err(EvidenceFault::List { agreed, found }.into());
    }
    let numbers = steps.numbers(before).ok_or(missing)?;
    if !list.0.iter().map(|(number, _)| number).eq(&numbers) {
        let malformed = Malformation::Slots { expected: numbers.len(), found: list.0.len() };
        return Err(malformed.into());
    }
    Ok(())
}
