//! The replay of one chunk of what a step gives, from slices of its operands.
//!
//! As in the replay of a layer, the order of checks decides who is at fault: evidence that is not what was agreed is
//! refused, an agreed state that is not one of the program is both sides' fault. Every operand is a slice with exactly the
//! chunks that are read, so that there is one evidence for a chunk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
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

/// The inputs and weights that a chunk is judged with.
#[derive(Clone, Copy)]
pub enum ChunkAmbient<'v, 'w> {
    /// Whoever judges has them whole, and checked them when it took them.
    Own(&'v dyn Fn(Slot) -> Option<Whole<'w>>),
    /// Slices that somebody gave, ascending, and the tensor digests that they must have.
    Slices(&'v [OperandSlice], &'v dyn Fn(Slot) -> Option<Digest>),
}

impl fmt::Debug for ChunkAmbient<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(_) => f.write_str("Own"),
            Self::Slices(slices, _) => f.debug_tuple("Slices").field(slices).finish(),
        }
    }
}

/// The values that a chunk reads: some whole, some in slices that are verified when they are opened, each once.
struct Values<'a, 'w> {
    program: &'a TypedProgram,
    whole: BTreeMap<Slot, Whole<'w>>,
    wanted: BTreeMap<Slot, ChunkSet>,
    given: BTreeMap<Slot, &'a OperandSlice>,
    opened: BTreeMap<Slot, (ChunkSet, &'a [u8])>,
}

impl<'a, 'w> Values<'a, 'w> {
    fn new(program: &'a TypedProgram) -> Self {
        let (whole, wanted) = (BTreeMap::new(), BTreeMap::new());
        Self { program, whole, wanted, given: BTreeMap::new(), opened: BTreeMap::new() }
    }

    /// Takes those of an instruction's operands whole that `own` tells apart.
    fn take(
        &mut self,
        operands: &[Slot],
        own: impl Fn(Slot) -> bool,
        values: impl Fn(Slot) -> Option<Whole<'w>>,
    ) -> Result<(), ReplayError> {
        for slot in operands.iter().copied().filter(|slot| own(*slot)) {
            self.whole.insert(slot, values(slot).ok_or(ComputeError::Absent(slot))?);
        }
        Ok(())
    }

    /// What was read of the whole values, cut out; of those only that `named` tells apart.
    fn cut(&self, named: impl Fn(Slot) -> bool) -> Result<Vec<OperandSlice>, ReplayError> {
        let wanted = self.wanted.iter().filter(|(slot, _)| named(**slot));
        let cut = wanted.map(|(&slot, wanted)| {
            let whole = self.whole.get(&slot).and_then(|whole| whole.slice(wanted));
            let found = whole.zip(self.program.type_of(slot).cloned());
            let ((content, slice), tensor) = found.ok_or(ComputeError::Absent(slot))?;
            Ok(OperandSlice { slot, tensor, content, slice })
        });
        cut.collect()
    }
}

impl Source for Values<'_, '_> {
    fn open(&mut self, slot: Slot, wanted: ChunkSet) -> Result<(), ReplayError> {
        if self.whole.contains_key(&slot) {
            self.wanted.insert(slot, wanted);
            return Ok(());
        }
        let given = self.given.remove(&slot).ok_or(EvidenceFault::Missing(slot))?;
        let length = self.program.bytes_of(slot);
        let sliced = given.slice.verify(length, &wanted, given.content);
        sliced.map_err(|source| EvidenceFault::Slice { slot, source })?;
        self.opened.insert(slot, (wanted, given.slice.bytes.as_slice()));
        Ok(())
    }

    fn bytes(&self, slot: Slot, range: Range<u64>) -> Option<&[u8]> {
        let (bytes, place) = match self.whole.get(&slot) {
            Some(whole) => (&*whole.bytes, range),
            None => {
                let (wanted, bytes) = self.opened.get(&slot)?;
                (*bytes, wanted.place(range)?)
            }
        };
        bytes.get(usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?)
    }
}

/// Whether an earlier instruction made it; else it is an input or a weight.
fn is_made(program: &TypedProgram, slot: Slot) -> bool {
    matches!(program.origin(slot), Some(Origin::Instruction(_)))
}

/// What a chunk of a step's value reads of the values of earlier instructions: the slices of its evidence. `values` must
/// have every operand.
///
/// # Errors
/// If there is no such chunk, or a value is missing.
pub fn chunk_operands<'a, W: Into<Whole<'a>>>(
    program: &'a TypedProgram,
    id: ChunkId,
    values: impl Fn(Slot) -> Option<W>,
    kernels: &Kernels,
) -> Result<Vec<OperandSlice>, ReplayError> {
    let judged = Judged::of(program, id.layer, id.step)?;
    let mut source = Values::new(program);
    source.take(judged.operands, |_| true, |slot| values(slot).map(Into::into))?;
    judged.open(id.chunk, &mut source, kernels)?;
    source.cut(|slot| is_made(program, slot))
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
    let mut source = Values::new(program);
    source.given = evidence.operands.iter().map(|given| (given.slot, given)).collect();
    let own = |slot| !is_made(program, slot);
    source.take(judged.operands, own, |slot| values(slot).map(Into::into))?;
    judged.open(id.chunk, &mut source, kernels)?;
    source.cut(|_| true)
}

/// Computes one chunk of a step's value from the agreed state before it: the chunk's value in the content's tree.
///
/// # Errors
/// See [`ReplayError`]; the kind says who is at fault.
pub fn judge_chunk(
    program: &TypedProgram,
    id: ChunkId,
    agreed: Digest,
    evidence: &ChunkEvidence,
    ambient: ChunkAmbient<'_, '_>,
    kernels: &Kernels,
) -> Result<Digest, ReplayError> {
    let judged = Judged::of(program, id.layer, id.step)?;
    check_inner_list(program, (id.layer, id.step), agreed, &evidence.list)?;
    let mut source = Values::new(program);
    let made = |slot| is_made(program, slot).then(|| listed(&evidence.list, slot)).flatten();
    check_slices(&mut source, &evidence.operands, &made)?;
    let own = |slot| !is_made(program, slot);
    match ambient {
        ChunkAmbient::Own(values) => source.take(judged.operands, own, values)?,
        ChunkAmbient::Slices(slices, digest_of) => {
            let named = |slot| own(slot).then(|| digest_of(slot)).flatten();
            check_slices(&mut source, slices, &named)?;
        }
    }
    let pieces = judged.open(id.chunk, &mut source, kernels)?;
    if let Some(slot) = source.given.keys().next() {
        return Err(EvidenceFault::Extra(*slot).into());
    }
    let bytes = judged.compute(id.chunk, &pieces, &source, kernels)?;
    let shape = ChunkShape::new(judged.result.byte_len().map_or(0, |length| length as u64));
    shape.chunk_value(id.chunk, &bytes).ok_or_else(|| judged.no_rule())
}

/// Checks that slices are of the contents that they must be of, ascending, each of its own value; their chunks are verified
/// when they are opened.
fn check_slices<'a>(
    source: &mut Values<'a, '_>,
    slices: &'a [OperandSlice],
    digest_of: &dyn Fn(Slot) -> Option<Digest>,
) -> Result<(), ReplayError> {
    for given in slices {
        let slot = given.slot;
        let listed = digest_of(slot).ok_or(EvidenceFault::Extra(slot))?;
        let found = tensor_digest(given.tensor.dtype as u8, &given.tensor.shape, given.content);
        if found != listed {
            return Err(EvidenceFault::Bytes { slot, listed, found }.into());
        }
        let expected = source.program.type_of(slot).ok_or(EvidenceFault::Extra(slot))?;
        if *expected != given.tensor {
            let (expected, found) = (expected.clone(), given.tensor.clone());
            return Err(Malformation::Type { slot, expected, found }.into());
        }
        if source.given.insert(slot, given).is_some() {
            return Err(EvidenceFault::Extra(slot).into());
        }
    }
    if let (false, Some(first)) = (slices.is_sorted_by(|a, b| a.slot < b.slot), slices.first()) {
        return Err(EvidenceFault::Extra(first.slot).into());
    }
    Ok(())
}
