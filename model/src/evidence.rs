//! Evidence: what a replay of one layer needs and the judge does not have.
//!
//! That is the list of the state before the layer and the bytes of those listed values that the layer reads,
//! in the list's order, nothing else. Inputs and weights are ambient. Values that the layer does not read
//! are carried by digest. So there is exactly one evidence for a state and a layer.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::TensorType;
use gainsay_commitment::{Digest, StateList, content, tensor_digest};

use crate::layers::InstructionRange;
use crate::program::Slot;
use crate::typed::{Origin, TypedProgram};

/// One value of a state with its bytes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EvidenceTensor {
    /// Which value.
    pub slot: Slot,
    /// The element type and shape that its digest commits to; not those of the program if the agreed state
    /// is malformed, which this proves.
    pub tensor: TensorType,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl EvidenceTensor {
    /// The tensor digest of what is given.
    pub fn digest(&self) -> Digest {
        tensor_digest(self.tensor.dtype as u8, &self.tensor.shape, content(&self.bytes))
    }
}

/// The state before a layer, and the bytes that the layer reads from it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Evidence {
    /// The list of `S_{i-1}`.
    pub list: StateList,
    /// The listed values that layer i reads, in the list's order.
    pub tensors: Vec<EvidenceTensor>,
}

impl Evidence {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).unwrap_or_default()
    }

    /// Evidence from its canonical bytes, which the caller has bounded.
    ///
    /// # Errors
    /// If they are not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, EvidenceEncodingError> {
        borsh::from_slice(bytes).map_err(|error| EvidenceEncodingError(error.to_string()))
    }
}

/// Bytes that are no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not canonical evidence: {0}")]
pub struct EvidenceEncodingError(String);

impl EvidenceEncodingError {
    pub(crate) fn new(error: &std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a layer reads, and for the last layer what it returns: all that its replay needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// The layer's instructions.
    pub instructions: InstructionRange,
    /// Values of earlier layers whose bytes it reads, ascending.
    pub state: Vec<Slot>,
    /// Positions of inputs, ascending.
    pub inputs: Vec<u32>,
    /// Indices of weights in the manifest, ascending.
    pub weights: Vec<u32>,
}

impl Required {
    /// What layer `layer` (from 1 to n) requires; `None` if there is no such layer.
    pub fn of(program: &TypedProgram, layer: u32) -> Option<Self> {
        let range = program.layer(layer)?.instructions;
        let (mut state, mut ambient) = (BTreeSet::new(), BTreeSet::new());
        for &slot in program.instructions(range).iter().flat_map(|found| &found.operands) {
            match program.origin(slot)? {
                Origin::Instruction(position) if position < range.first => drop(state.insert(slot)),
                Origin::Instruction(_) => {}
                Origin::Input(_) | Origin::Weight(_) => drop(ambient.insert(slot)),
            }
        }
        if layer == program.layer_count() {
            let returned = program.program().outputs.iter().map(|output| output.slot);
            ambient.extend(returned.filter(|slot| slot.0 < program.ambient_count()));
        }
        let state = state.into_iter().collect();
        let (inputs, weights) = (Vec::new(), Vec::new());
        let mut required = Self { instructions: range, state, inputs, weights };
        for slot in ambient {
            match program.origin(slot)? {
                Origin::Input(position) => required.inputs.push(position),
                Origin::Weight(position) => {
                    required.weights.push(*program.program().weights.get(position as usize)?);
                }
                Origin::Instruction(_) => {}
            }
        }
        Some(required)
    }
}

impl TypedProgram {
    /// The numbers that the list of state `state` (from 0 to n) has, in order; `None` beyond n.
    pub fn state_numbers(&self, state: u32) -> Option<Vec<u32>> {
        if state == 0 {
            return Some((0..self.program().inputs.len() as u32).collect());
        }
        let end = self.layer(state)?.instructions.end;
        if state == self.layer_count() {
            return Some((0..self.program().outputs.len() as u32).collect());
        }
        let made = (0..end).map(|position| self.slot_of(position));
        Some(made.filter(|slot| self.needed_until(*slot) > end).map(|slot| slot.0).collect())
    }
}
