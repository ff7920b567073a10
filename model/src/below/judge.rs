//! The replay of one step, whole or one chunk of what it gives, from evidence alone.
//!
//! As in the replay of a layer, the order of checks decides who is at fault: evidence that is not what was agreed is
//! refused, an agreed state that is not one of the program is both sides' fault. For a chunk every operand is a slice with
//! exactly the chunks that are read, so that there is one evidence for a chunk.

use std::collections::BTreeMap;
use std::ops::Range;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::{DType, Kernels, Operator, SliceRange, Tensor, TensorType};
use gainsay_commitment::{
    CHUNK_BYTES, ChunkSet, ChunkShape, Digest, Slice, StateList, tensor_digest,
};

use super::reads::{Piece, index_region, pieces};
use super::region::{Region, boxes};
use super::run::StepValues;
use super::steps::Steps;
use crate::evidence::{Evidence, EvidenceTensor};
use crate::program::Slot;
use crate::replay::{
    AmbientFault, EvidenceFault, Malformation, ReplayError, listed, typed_tensors,
};
use crate::typed::{Origin, TypedProgram};
use crate::values::{ComputeError, digest_of};

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

impl ChunkEvidence {
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

/// The instruction that is judged, with the types around it.
struct Judged<'a> {
    operator: &'a Operator,
    operands: &'a [Slot],
    types: Vec<TensorType>,
    result: &'a TensorType,
    position: u32,
}

/// From where the elements of operands are read.
trait Source {
    /// Makes the chunks of a value that are read available.
    fn open(&mut self, slot: Slot, wanted: ChunkSet) -> Result<(), ReplayError>;

    /// Bytes of a value that lie in opened chunks.
    fn bytes(&self, slot: Slot, range: Range<u64>) -> Option<&[u8]>;
}

impl<'a> Judged<'a> {
    fn of(program: &'a TypedProgram, layer: u32, step: u32) -> Result<Self, AmbientFault> {
        let missing = AmbientFault::Step { layer, step };
        let steps = Steps::of(program, layer).ok_or(missing.clone())?;
        let found = steps.instruction(step).zip(steps.result(step)).zip(steps.position(step));
        let ((instruction, result), position) = found.ok_or(missing.clone())?;
        let types = instruction.operands.iter().map(|slot| program.type_of(*slot).cloned());
        let types = types.collect::<Option<_>>().ok_or(missing)?;
        let (operator, operands) = (&instruction.operator, instruction.operands.as_slice());
        Ok(Self { operator, operands, types, result, position })
    }

    fn refused(&self, source: gainsay_canon::OperatorError) -> ReplayError {
        let (instruction, operator) = (self.position, self.operator.name());
        ReplayError::Kernel(ComputeError::Operator { instruction, operator, source })
    }

    /// There is no rule for it, or a rule that does not fit: nothing is judged by it.
    fn no_rule(&self) -> ReplayError {
        let (instruction, operator) = (self.position, self.operator.name());
        ReplayError::Kernel(ComputeError::Result { instruction, operator })
    }

    /// The elements of a chunk of the result.
    fn elements(&self, chunk: u64) -> Option<Range<u64>> {
        let size = self.result.dtype.size_bytes() as u64;
        let all = self.result.elements().ok()? as u64;
        let start = chunk.checked_mul(CHUNK_BYTES)? / size;
        (start < all || chunk == 0).then(|| start..(start + CHUNK_BYTES / size).min(all))
    }

    /// Opens all that the chunk reads and says how it is computed.
    fn open(
        &self,
        chunk: u64,
        source: &mut impl Source,
        kernels: &Kernels,
    ) -> Result<Vec<Piece>, ReplayError> {
        let elements = self.elements(chunk).ok_or_else(|| self.no_rule())?;
        if let Operator::Reshape { .. } = self.operator {
            let slot = *self.operands.first().ok_or_else(|| self.no_rule())?;
            let size = self.result.dtype.size_bytes() as u64;
            source.open(slot, ChunkSet::holding([elements.start * size..elements.end * size]))?;
            return Ok(Vec::new());
        }
        let boxes = boxes(&self.result.shape, elements);
        let regions = boxes.iter().map(|at| index_region(self.operator, &self.types, at));
        let regions: Vec<Option<Region>> = regions.collect();
        if regions.iter().any(Option::is_some) {
            self.open_runs(1, regions.iter().flatten(), source)?;
        }
        let mut found = Vec::new();
        for (at, region) in boxes.iter().zip(&regions) {
            let indices = match region {
                Some(region) => Some(self.indices(region, source, kernels)?),
                None => None,
            };
            let made = pieces(self.operator, &self.types, at, indices.as_deref());
            found.extend(made.ok_or_else(|| self.no_rule())?);
        }
        let indexed = regions.iter().any(Option::is_some);
        let mut slots: BTreeMap<Slot, Vec<usize>> = BTreeMap::new();
        for (position, slot) in self.operands.iter().enumerate() {
            if !(indexed && position == 1) {
                slots.entry(*slot).or_default().push(position);
            }
        }
        for (slot, positions) in slots {
            let mut runs = Vec::new();
            for position in positions {
                let of = self.types.get(position).ok_or_else(|| self.no_rule())?;
                let read = found.iter().filter_map(|piece| piece.operands.get(position)?.as_ref());
                runs.extend(read.flat_map(|region| byte_runs(region, of)));
            }
            let wanted = ChunkSet::holding(runs);
            if !wanted.is_empty() {
                source.open(slot, wanted)?;
            }
        }
        Ok(found)
    }

    fn open_runs<'b>(
        &self,
        position: usize,
        regions: impl Iterator<Item = &'b Region>,
        source: &mut impl Source,
    ) -> Result<(), ReplayError> {
        let found = self.operands.get(position).zip(self.types.get(position));
        let (slot, of) = found.ok_or_else(|| self.no_rule())?;
        let wanted = ChunkSet::holding(regions.flat_map(|region| byte_runs(region, of)));
        if wanted.is_empty() { Ok(()) } else { source.open(*slot, wanted) }
    }

    /// A region of an operand as a tensor.
    fn cut(
        &self,
        position: usize,
        region: &Region,
        source: &impl Source,
    ) -> Result<Tensor, ReplayError> {
        let found = self.operands.get(position).zip(self.types.get(position));
        let (slot, of) = found.ok_or_else(|| self.no_rule())?;
        let tensor = region.cut(of, |range| source.bytes(*slot, range));
        let tensor = tensor.ok_or_else(|| self.no_rule())?;
        Ok(tensor.map_err(|reason| Malformation::Content { slot: *slot, reason })?)
    }

    fn indices(
        &self,
        region: &Region,
        source: &impl Source,
        kernels: &Kernels,
    ) -> Result<Vec<i64>, ReplayError> {
        let tensor = self.cut(1, region, source)?;
        let cast = self.run(&Operator::Cast { to: DType::I64 }, &[&tensor], kernels)?;
        Ok(cast.as_i64().ok_or_else(|| self.no_rule())?.to_vec())
    }

    fn run(
        &self,
        operator: &Operator,
        operands: &[&Tensor],
        kernels: &Kernels,
    ) -> Result<Tensor, ReplayError> {
        let mut results = kernels.run(operator, operands).map_err(|source| self.refused(source))?;
        results.pop().ok_or_else(|| self.no_rule())
    }

    /// The bytes of the chunk.
    fn compute(
        &self,
        chunk: u64,
        pieces: &[Piece],
        source: &impl Source,
        kernels: &Kernels,
    ) -> Result<Vec<u8>, ReplayError> {
        let elements = self.elements(chunk).ok_or_else(|| self.no_rule())?;
        let size = self.result.dtype.size_bytes() as u64;
        let range = elements.start * size..elements.end * size;
        let mut bytes = Vec::new();
        if let (Operator::Reshape { .. }, Some(slot)) = (self.operator, self.operands.first()) {
            let all =
                if range.is_empty() { Some(&[][..]) } else { source.bytes(*slot, range.clone()) };
            bytes.extend_from_slice(all.ok_or_else(|| self.no_rule())?);
        }
        for piece in pieces {
            let mut operands = Vec::new();
            for (position, region) in piece.operands.iter().enumerate() {
                if let Some(region) = region {
                    operands.push(self.cut(position, region, source)?);
                }
            }
            if let (Some(before), Some(first)) = (&piece.before, operands.first_mut()) {
                *first = self.run(before, &[first], kernels)?;
            }
            if let (Some(kept), Some(indices)) = (&piece.renumbered, operands.get_mut(1)) {
                *indices = self.renumber(indices, kept, kernels)?;
            }
            let operands: Vec<&Tensor> = operands.iter().collect();
            let mut result = self.run(&piece.operator, &operands, kernels)?;
            if let Some(crop) = &piece.crop {
                let along = |at: &Range<u64>| SliceRange { start: at.start, end: at.end, step: 1 };
                let crop = Operator::Slice { ranges: crop.iter().map(along).collect() };
                result = self.run(&crop, &[&result], kernels)?;
            }
            bytes.extend_from_slice(&result.bytes());
        }
        // A rule that gives more or less than the chunk is no rule.
        if bytes.len() as u64 == range.end - range.start { Ok(bytes) } else { Err(self.no_rule()) }
    }

    /// Indices as positions among those that are kept; -1 where there is none.
    fn renumber(
        &self,
        indices: &Tensor,
        kept: &[Range<u64>],
        kernels: &Kernels,
    ) -> Result<Tensor, ReplayError> {
        let cast = self.run(&Operator::Cast { to: DType::I64 }, &[indices], kernels)?;
        let place = |index: &i64| {
            let index = u64::try_from(*index).ok()?;
            let mut before = 0;
            for range in kept {
                if range.contains(&index) {
                    return i64::try_from(before + (index - range.start)).ok();
                }
                before += range.end - range.start;
            }
            None
        };
        let values = cast.as_i64().ok_or_else(|| self.no_rule())?;
        let values = values.iter().map(|index| place(index).unwrap_or(-1)).collect();
        Tensor::i64(cast.shape(), values).map_err(|_| self.no_rule())
    }
}

fn byte_runs(region: &Region, of: &TensorType) -> Vec<Range<u64>> {
    let size = of.dtype.size_bytes() as u64;
    let runs = region.runs(&of.shape).into_iter();
    runs.map(|run| run.start * size..run.end * size).collect()
}

/// Whole values, from which slices are cut.
struct Cutting<'a> {
    program: &'a TypedProgram,
    whole: BTreeMap<Slot, std::borrow::Cow<'a, [u8]>>,
    slices: BTreeMap<Slot, OperandSlice>,
}

impl Source for Cutting<'_> {
    fn open(&mut self, slot: Slot, wanted: ChunkSet) -> Result<(), ReplayError> {
        let absent = || ComputeError::Absent(slot);
        let bytes = self.whole.get(&slot).ok_or_else(absent)?;
        let slice = Slice::of(bytes, &wanted).ok_or_else(absent)?;
        let tensor = self.program.type_of(slot).ok_or_else(absent)?.clone();
        let content = gainsay_commitment::content(bytes);
        self.slices.insert(slot, OperandSlice { slot, tensor, content, slice });
        Ok(())
    }

    fn bytes(&self, slot: Slot, range: Range<u64>) -> Option<&[u8]> {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        self.whole.get(&slot)?.get(range)
    }
}

/// What a chunk of a step's value reads: slices of the values of earlier instructions for the evidence, and of inputs and
/// weights for whoever judges. `values` must have every operand.
///
/// # Errors
/// If there is no such chunk, or a value is missing.
pub fn chunk_operands<'a>(
    program: &TypedProgram,
    id: ChunkId,
    values: impl Fn(Slot) -> Option<std::borrow::Cow<'a, [u8]>>,
    kernels: &Kernels,
) -> Result<Vec<OperandSlice>, ReplayError> {
    let judged = Judged::of(program, id.layer, id.step)?;
    let mut source = Cutting { program, whole: BTreeMap::new(), slices: BTreeMap::new() };
    for slot in judged.operands {
        let bytes = values(*slot).ok_or(ComputeError::Absent(*slot))?;
        source.whole.insert(*slot, bytes);
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
    ambient: crate::replay::Ambient<'_>,
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
