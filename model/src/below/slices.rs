//! The replay of one chunk of what a step gives, from slices of its operands.
//!
//! As in the replay of a layer, the order of checks decides who is at fault: evidence that is not what was agreed is
//! refused, an agreed state that is not one of the program is both sides' fault. Every operand is a slice with exactly the
//! chunks that are read, so that there is one evidence for a chunk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::{Kernels, TensorType};
use gainsay_commitment::{ChunkSet, ChunkShape, Digest, Outboard, Slice, StateList, tensor_digest};

use super::chunk::{Judged, Source};
use super::judge::check_inner_list;
use crate::evidence::EvidenceEncodingError;
use crate::program::Slot;
use crate::replay::{EvidenceFault, Malformation, ReplayError, listed};
use crate::typed::{Origin, TypedProgram};
use crate::values::ComputeError;

/// What a chunk reads of one operand: its type and content, and the chunks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OperandSlice {
    /// Which value.
    pub slot: Slot,
    /// The element type and shape that its digest commits to.
    pub tensor: TensorType,
    /// The content.
    pub content: Digest,
    /// The chunks that are read.
    pub slice: Slice,
}

/// The state before a step, and what a chunk of its result reads from it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkEvidence {
    /// The list of `D_{j-1}`.
    pub list: StateList,
    /// The values of earlier instructions that are read, ascending.
    pub operands: Vec<OperandSlice>,
}

/// The canonical bytes of slices: the blob that evidence names.
pub fn encode_slices(slices: &[OperandSlice]) -> Vec<u8> {
    borsh::to_vec(slices).unwrap_or_default()
}

impl ChunkEvidence {
    /// Evidence from a list and the canonical bytes of slices, which the caller has bounded.
    ///
    /// # Errors
    /// If they are not canonical.
    pub fn decode(list: StateList, slices: &[u8]) -> Result<Self, EvidenceEncodingError> {
        let operands = borsh::from_slice(slices);
        let operands = operands.map_err(|error| EvidenceEncodingError::new(&error))?;
        Ok(Self { list, operands })
    }

    /// Bytes of the chunks and their proofs.
    pub fn bytes(&self) -> u64 {
        self.operands.iter().map(|operand| operand.slice.size()).sum()
    }
}

/// Which chunk of what a step gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkId {
    /// The layer, from 1.
    pub layer: u32,
    /// The step, from 1.
    pub step: u32,
    /// The chunk of its value's content, from 0.
    pub chunk: u64,
}

/// A whole value, from which slices are cut.
#[derive(Clone, Debug)]
pub struct Whole<'a> {
    bytes: Cow<'a, [u8]>,
    kept: Option<&'a Outboard>,
}

impl<'a> Whole<'a> {
    /// A value whose parts were hashed before.
    pub fn kept(bytes: Cow<'a, [u8]>, kept: &'a Outboard) -> Self {
        Self { bytes, kept: Some(kept) }
    }

    fn slice(&self, wanted: &ChunkSet) -> Option<(Digest, Slice)> {
        Some(match self.kept {
            Some(kept) => (kept.content(), Slice::of_kept(&self.bytes, wanted, kept)?),
            None => (gainsay_commitment::content(&self.bytes), Slice::of(&self.bytes, wanted)?),
        })
    }
}

impl<'a> From<Cow<'a, [u8]>> for Whole<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        Self { bytes, kept: None }
    }
}

/// Whole values, from which slices are cut.
struct Cutting<'a> {
    program: &'a TypedProgram,
    whole: BTreeMap<Slot, Whole<'a>>,
    slices: BTreeMap<Slot, OperandSlice>,
}

impl Source for Cutting<'_> {
    fn open(&mut self, slot: Slot, wanted: ChunkSet) -> Result<(), ReplayError> {
        let absent = || ComputeError::Absent(slot);
        let whole = self.whole.get(&slot).ok_or_else(absent)?;
        let (content, slice) = whole.slice(&wanted).ok_or_else(absent)?;
        let tensor = self.program.type_of(slot).ok_or_else(absent)?.clone();
        self.slices.insert(slot, OperandSlice { slot, tensor, content, slice });
        Ok(())
    }

    fn bytes(&self, slot: Slot, range: Range<u64>) -> Option<&[u8]> {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        self.whole.get(&slot)?.bytes.get(range)
    }
}

/// What a chunk of a step's value reads: slices of the values of earlier instructions for the evidence, and of inputs and
/// weights for whoever judges. `values` must have every operand.
///
/// # Errors
/// If there is no such chunk, or a value is missing.
pub fn chunk_operands<'a, W: Into<Whole<'a>>>(
    program: &TypedProgram,
    id: ChunkId,
    values: impl Fn(Slot) -> Option<W>,
    kernels: &Kernels,
) -> Result<Vec<OperandSlice>, ReplayError> {
    let judged = Judged::of(program, id.layer, id.step)?;
    let mut source = Cutting { program, whole: BTreeMap::new(), slices: BTreeMap::new() };
    for slot in judged.operands {
        let whole = values(*slot).ok_or(ComputeError::Absent(*slot))?;
        source.whole.insert(*slot, whole.into());
    }
    judged.open(id.chunk, &mut source, kernels)?;
    Ok(source.slices.into_values().collect())
}

/// Slices that somebody gave, each opened at most once.
struct Given<'a> {
    program: &'a TypedProgram,
    slices: BTreeMap<Slot, &'a OperandSlice>,
    opened: BTreeMap<Slot, (ChunkSet, &'a [u8])>,
}

impl Source for Given<'_> {
    fn open(&mut self, slot: Slot, wanted: ChunkSet) -> Result<(), ReplayError> {
        let given = self.slices.remove(&slot).ok_or(EvidenceFault::Missing(slot))?;
        let length = self.program.bytes_of(slot);
        let sliced = given.slice.verify(length, &wanted, given.content);
        sliced.map_err(|source| EvidenceFault::Slice { slot, source })?;
        self.opened.insert(slot, (wanted, given.slice.bytes.as_slice()));
        Ok(())
    }

    fn bytes(&self, slot: Slot, range: Range<u64>) -> Option<&[u8]> {
        let (wanted, bytes) = self.opened.get(&slot)?;
        let at = wanted.place(range)?;
        bytes.get(usize::try_from(at.start).ok()?..usize::try_from(at.end).ok()?)
    }
}

/// Slices of values of earlier instructions that somebody gave, and whole inputs and weights.
struct Mixed<'a> {
    given: Given<'a>,
    own: Cutting<'a>,
}

impl Source for Mixed<'_> {
    fn open(&mut self, slot: Slot, wanted: ChunkSet) -> Result<(), ReplayError> {
        if self.own.whole.contains_key(&slot) {
            self.own.open(slot, wanted)
        } else {
            self.given.open(slot, wanted)
        }
    }

    fn bytes(&self, slot: Slot, range: Range<u64>) -> Option<&[u8]> {
        if self.own.whole.contains_key(&slot) {
            self.own.bytes(slot, range)
        } else {
            self.given.bytes(slot, range)
        }
    }
}

/// The slices of inputs and weights that a chunk reads, for whoever has them whole and was given the evidence.
///
/// # Errors
/// If the evidence is to be refused; if there is no such chunk or a value is missing.
pub fn ambient_operands<'a, W: Into<Whole<'a>>>(
    program: &'a TypedProgram,
    id: ChunkId,
    evidence: &'a ChunkEvidence,
    values: impl Fn(Slot) -> Option<W>,
    kernels: &Kernels,
) -> Result<Vec<OperandSlice>, ReplayError> {
    let judged = Judged::of(program, id.layer, id.step)?;
    let slices = evidence.operands.iter().map(|given| (given.slot, given)).collect();
    let given = Given { program, slices, opened: BTreeMap::new() };
    let mut own = Cutting { program, whole: BTreeMap::new(), slices: BTreeMap::new() };
    for slot in judged.operands {
        if !matches!(program.origin(*slot), Some(Origin::Instruction(_))) {
            let whole = values(*slot).ok_or(ComputeError::Absent(*slot))?;
            own.whole.insert(*slot, whole.into());
        }
    }
    let mut source = Mixed { given, own };
    judged.open(id.chunk, &mut source, kernels)?;
    Ok(source.own.slices.into_values().collect())
}

/// Computes one chunk of a step's value from the agreed state before it: the chunk's value in the content's tree.
///
/// `ambient` are the slices of inputs and weights, whose tensor digests `digest_of` gives.
///
/// # Errors
/// See [`ReplayError`]; the kind says who is at fault.
pub fn judge_chunk(
    program: &TypedProgram,
    id: ChunkId,
    agreed: Digest,
    (evidence, ambient): (&ChunkEvidence, &[OperandSlice]),
    digest_of: &dyn Fn(Slot) -> Option<Digest>,
    kernels: &Kernels,
) -> Result<Digest, ReplayError> {
    let judged = Judged::of(program, id.layer, id.step)?;
    check_inner_list(program, (id.layer, id.step), agreed, &evidence.list)?;
    let mut slices = BTreeMap::new();
    for given in evidence.operands.iter().chain(ambient) {
        let slot = given.slot;
        let made = matches!(program.origin(slot), Some(Origin::Instruction(_)));
        let expected = if made { listed(&evidence.list, slot) } else { digest_of(slot) };
        let listed = expected.ok_or(EvidenceFault::Extra(slot))?;
        let found = tensor_digest(given.tensor.dtype as u8, &given.tensor.shape, given.content);
        if found != listed {
            return Err(EvidenceFault::Bytes { slot, listed, found }.into());
        }
        let expected = program.type_of(slot).ok_or(EvidenceFault::Extra(slot))?;
        if *expected != given.tensor {
            let (expected, found) = (expected.clone(), given.tensor.clone());
            return Err(Malformation::Type { slot, expected, found }.into());
        }
        if slices.insert(slot, given).is_some() {
            return Err(EvidenceFault::Extra(slot).into());
        }
    }
    let ascending = |given: &[OperandSlice]| given.is_sorted_by(|a, b| a.slot < b.slot);
    if let (false, Some(first)) = (ascending(&evidence.operands), evidence.operands.first()) {
        return Err(EvidenceFault::Extra(first.slot).into());
    }
    let mut source = Given { program, slices, opened: BTreeMap::new() };
    let pieces = judged.open(id.chunk, &mut source, kernels)?;
    if let Some(slot) = source.slices.keys().next() {
        return Err(EvidenceFault::Extra(*slot).into());
    }
    let bytes = judged.compute(id.chunk, &pieces, &source, kernels)?;
    let shape = ChunkShape::new(judged.result.byte_len().map_or(0, |length| length as u64));
    shape.chunk_value(id.chunk, &bytes).ok_or_else(|| judged.no_rule())
}
