//! The replay of one layer from evidence: the judge's only computation.
//!
//! Everything here is somebody's word until it hashes to what both sides agreed on. The order of the checks
//! decides who is at fault: first whether the evidence is what was agreed (else it is refused and changes
//! nothing), then whether what was agreed is a state of the program (else both sides are at fault), then
//! whether the caller has the inputs and weights; only then is anything computed.

use gainsay_canon::{Kernels, Tensor, TensorError, TensorType};
use gainsay_commitment::{Digest, StateList};

use crate::artifact::WeightSource;
use crate::evidence::{Evidence, EvidenceTensor, Required};
use crate::program::Slot;
use crate::typed::TypedProgram;
use crate::values::{ComputeError, Values, digest_of};

/// What every party to a dispute has: committed by the agreed `S_0` and by the artifact.
#[derive(Clone, Copy)]
pub struct Ambient<'a> {
    /// The job's inputs, all of them, in order.
    pub inputs: &'a [Tensor],
    /// The artifact's weights, at least those that the layer requires, verified against the manifest.
    pub weights: &'a dyn WeightSource,
}

/// Why evidence is refused: it is not what was agreed, or not exactly what the layer reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceFault {
    /// The list does not hash to the agreed state.
    #[error("the list hashes to {found}, the agreed state is {agreed}")]
    List {
        /// What the sides agreed on.
        agreed: Digest,
        /// What the list hashes to.
        found: Digest,
    },
    /// A value that the layer reads is not given, or not at its place.
    #[error("the bytes of slot {} are due here", .0.0)]
    Missing(Slot),
    /// A value is given that is not read, or comes twice.
    #[error("the bytes of slot {} are given but not due", .0.0)]
    Extra(Slot),
    /// Type and bytes do not hash to what the list says.
    #[error("what is given for slot {} hashes to {found}, the list has {listed}", .slot.0)]
    Bytes {
        /// The value.
        slot: Slot,
        /// Its digest in the list.
        listed: Digest,
        /// What is given hashes to.
        found: Digest,
    },
    /// The chunks given of a value are not those that are read, or not its own.
    #[error("slot {}: {source}", .slot.0)]
    Slice {
        /// The value.
        slot: Slot,
        /// Why not.
        #[source]
        source: gainsay_commitment::SliceError,
    },
}

/// Why an agreed state is no state of the program: whoever commits to it is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformation {
    /// Not the program's values, in program order.
    #[error("the list has {found} entries that are not the {expected} values live here, in order")]
    Slots {
        /// How many values are live.
        expected: usize,
        /// How many entries there are.
        found: usize,
    },
    /// A value of another element type or shape.
    #[error("slot {} is committed as {found}, the program has {expected}", .slot.0)]
    Type {
        /// The value.
        slot: Slot,
        /// What the program infers.
        expected: TensorType,
        /// What the state commits to.
        found: TensorType,
    },
    /// Bytes that are no tensor of the type.
    #[error("slot {}: {reason}", .slot.0)]
    Content {
        /// The value.
        slot: Slot,
        /// Why not.
        #[source]
        reason: TensorError,
    },
}

/// Why the caller cannot have the layer replayed; nobody's fault but the caller's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmbientFault {
    /// A layer that the program does not have.
    #[error("layer {layer} of a program that has layers 1 to {last}")]
    Layer {
        /// The layer asked for.
        layer: u32,
        /// The last one.
        last: u32,
    },
    /// A step that the layer does not have.
    #[error("the program has no step {step} of layer {layer}")]
    Step {
        /// The layer asked for.
        layer: u32,
        /// The step asked for.
        step: u32,
    },
    /// The inputs do not fit the program.
    #[error(transparent)]
    Inputs(#[from] crate::trace::InputError),
    /// The inputs are not those of the agreed `S_0`.
    #[error("input {position} hashes to {found}, the agreed first state has {listed}")]
    Input {
        /// Its position.
        position: u32,
        /// Its digest in `S_0`.
        listed: Digest,
        /// What was given hashes to.
        found: Digest,
    },
    /// A weight is missing or of another type.
    #[error("weight {0} is missing or of another type than the program has")]
    Weight(u32),
}

/// Why there is no replay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The agreed state is not one of the program: both sides are at fault.
    #[error("the agreed state is malformed: {0}")]
    Malformed(#[from] Malformation),
    /// The evidence is to be refused; it proves nothing and changes nothing.
    #[error("the evidence is refused: {0}")]
    Evidence(#[from] EvidenceFault),
    /// The caller gave the wrong inputs, weights or layer.
    #[error("the replay was called wrongly: {0}")]
    Ambient(#[from] AmbientFault),
    /// The replay could not be carried out.
    #[error("the replay could not be carried out: {0}")]
    Kernel(#[from] ComputeError),
}

/// The state after a layer, as canonical arithmetic gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The list of `S_i`.
    pub list: StateList,
    /// `S_i`.
    pub digest: Digest,
}

/// Replays layer `layer` (from 1 to n) from the state before it, on which both sides agree.
///
/// # Errors
/// See [`ReplayError`]; the kind says who is at fault.
pub fn replay_layer(
    program: &TypedProgram,
    layer: u32,
    agreed: Digest,
    evidence: &Evidence,
    ambient: Ambient<'_>,
    kernels: &Kernels,
) -> Result<Replay, ReplayError> {
    let (required, given) = checked(program, layer, agreed, evidence)?;
    check_ambient(program, layer, &evidence.list, &ambient, &required)?;

    let mut values = Values::new(program, ambient.inputs, ambient.weights);
    if layer > 1 {
        evidence.list.0.iter().for_each(|(slot, digest)| values.hold_digest(Slot(*slot), *digest));
    }
    given.into_iter().for_each(|(slot, tensor)| values.hold_tensor(slot, tensor));
    values.run_layer(required.instructions, kernels)?;
    let list = values.state(layer)?;
    let digest = list.digest(layer);
    Ok(Replay { list, digest })
}

/// Whether the evidence is complete for a replay of `layer`, without carrying it out.
///
/// # Errors
/// [`ReplayError::Malformed`] if the agreed state is not one of the program, [`ReplayError::Evidence`] if the
/// evidence is to be refused, [`ReplayError::Ambient`] if there is no such layer.
pub fn check_evidence(
    program: &TypedProgram,
    layer: u32,
    agreed: Digest,
    evidence: &Evidence,
) -> Result<(), ReplayError> {
    checked(program, layer, agreed, evidence).map(drop)
}

/// What the layer requires, and from the evidence the values that it reads.
fn checked(
    program: &TypedProgram,
    layer: u32,
    agreed: Digest,
    evidence: &Evidence,
) -> Result<(Required, Vec<(Slot, Tensor)>), ReplayError> {
    let no_layer = AmbientFault::Layer { layer, last: program.layer_count() };
    let required = Required::of(program, layer).ok_or(no_layer)?;
    check_list(program, layer, agreed, &evidence.list)?;
    check_bytes(evidence, &required)?;
    let given = typed_tensors(program, evidence)?;
    Ok((required, given))
}

/// Whether the list is the agreed one, and lists the program's values.
fn check_list(
    program: &TypedProgram,
    layer: u32,
    agreed: Digest,
    list: &StateList,
) -> Result<(), ReplayError> {
    let found = list.digest(layer - 1);
    if found != agreed {
        return Err(EvidenceFault::List { agreed, found }.into());
    }
    let numbers = program.state_numbers(layer - 1).unwrap_or_default();
    if !list.0.iter().map(|(number, _)| number).eq(&numbers) {
        let malformed = Malformation::Slots { expected: numbers.len(), found: list.0.len() };
        return Err(malformed.into());
    }
    Ok(())
}

/// Whether exactly the bytes that the layer reads are given, in order, and hash to the list.
fn check_bytes(evidence: &Evidence, required: &Required) -> Result<(), EvidenceFault> {
    let mut due = required.state.iter();
    for given in &evidence.tensors {
        match due.next() {
            Some(&slot) if slot == given.slot => {}
            Some(&slot) if slot < given.slot => return Err(EvidenceFault::Missing(slot)),
            _ => return Err(EvidenceFault::Extra(given.slot)),
        }
        let listed = listed(&evidence.list, given.slot).ok_or(EvidenceFault::Extra(given.slot))?;
        let found = given.digest();
        if found != listed {
            return Err(EvidenceFault::Bytes { slot: given.slot, listed, found });
        }
    }
    due.next().map_or(Ok(()), |&slot| Err(EvidenceFault::Missing(slot)))
}

/// The digest that a list, which is in ascending order, has for a number.
pub(crate) fn listed(list: &StateList, slot: Slot) -> Option<Digest> {
    let at = list.0.binary_search_by_key(&slot.0, |(number, _)| *number).ok()?;
    list.0.get(at).map(|(_, digest)| *digest)
}

/// The given values as tensors of the types that the program has.
pub(crate) fn typed_tensors(
    program: &TypedProgram,
    evidence: &Evidence,
) -> Result<Vec<(Slot, Tensor)>, ReplayError> {
    let typed = |given: &EvidenceTensor| {
        let slot = given.slot;
        let expected = program.type_of(slot).ok_or(ComputeError::Absent(slot))?;
        if *expected != given.tensor {
            let (expected, found) = (expected.clone(), given.tensor.clone());
            return Err(Malformation::Type { slot, expected, found }.into());
        }
        let tensor = Tensor::from_bytes(expected, &given.bytes);
        Ok((slot, tensor.map_err(|reason| Malformation::Content { slot, reason })?))
    };
    evidence.tensors.iter().map(typed).collect()
}

/// Whether the caller has the inputs and the weights that the layer needs.
fn check_ambient(
    program: &TypedProgram,
    layer: u32,
    list: &StateList,
    ambient: &Ambient<'_>,
    required: &Required,
) -> Result<(), AmbientFault> {
    program.check_inputs(ambient.inputs)?;
    if layer == 1 {
        for ((position, listed), input) in list.0.iter().zip(ambient.inputs) {
            let (position, listed, found) = (*position, *listed, digest_of(input));
            if listed != found {
                return Err(AmbientFault::Input { position, listed, found });
            }
        }
    }
    for &index in &required.weights {
        let position = program.program().weights.binary_search(&index).ok();
        let slot = position.map(|at| Slot((ambient.inputs.len() + at) as u32));
        let expected = slot.and_then(|slot| program.type_of(slot));
        let found = ambient.weights.weight(index).map(Tensor::tensor_type);
        if expected.is_none() || expected != found {
            return Err(AmbientFault::Weight(index));
        }
    }
    Ok(())
}
