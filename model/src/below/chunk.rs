//! One chunk of an operator's result: what it reads is opened, and computed piece by piece.
//!
//! Where the bytes come from is a [`Source`]'s business: whole values, or slices that somebody gave. What indexes is opened
//! in two turns, first the indices and then what they name.

use std::collections::BTreeMap;
use std::ops::Range;

use gainsay_canon::{DType, Kernels, Operator, SliceRange, Tensor, TensorType};
use gainsay_commitment::{CHUNK_BYTES, ChunkSet};

use super::reads::{Piece, index_region, pieces};
use super::region::{Region, boxes};
use super::steps::Steps;
use crate::program::Slot;
use crate::replay::{AmbientFault, Malformation, ReplayError};
use crate::typed::TypedProgram;
use crate::values::ComputeError;

/// The instruction that is judged, with the types around it.
pub(super) struct Judged<'a> {
    pub(super) operator: &'a Operator,
    pub(super) operands: &'a [Slot],
    types: Vec<TensorType>,
    pub(super) result: &'a TensorType,
    position: u32,
}

/// From where the elements of operands are read.
pub(super) trait Source {
    /// Makes the chunks of a value that are read available.
    fn open(&mut self, slot: Slot, wanted: ChunkSet) -> Result<(), ReplayError>;

    /// Bytes of a value that lie in opened chunks.
    fn bytes(&self, slot: Slot, range: Range<u64>) -> Option<&[u8]>;
}

impl<'a> Judged<'a> {
    pub(super) fn of(
        program: &'a TypedProgram,
        layer: u32,
        step: u32,
    ) -> Result<Self, AmbientFault> {
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
    pub(super) fn no_rule(&self) -> ReplayError {
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
    pub(super) fn open(
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

    pub(super) fn run(
        &self,
        operator: &Operator,
        operands: &[&Tensor],
        kernels: &Kernels,
    ) -> Result<Tensor, ReplayError> {
        let mut results = kernels.run(operator, operands).map_err(|source| self.refused(source))?;
        results.pop().ok_or_else(|| self.no_rule())
    }

    /// The bytes of the chunk.
    pub(super) fn compute(
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
