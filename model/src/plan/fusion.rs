//! From instructions to steps.
//!
//! One pass in program order. Movement operators become views of their readers where strides express them; an elementwise
//! operator joins the step that makes its operand when nobody else reads that operand; everything else starts a step. A
//! step runs at the place of its last instruction, so whatever its links read is there. Values that a state lists, or that
//! are returned, are never skipped: they end a step or are one under another shape.

use std::collections::BTreeSet;

use gainsay_canon::{Operator, TensorType};

use super::kinds;
use super::view::{Base, Seen};
use crate::program::{Instruction, Slot};
use crate::typed::{Origin, TypedProgram};
use crate::values::ComputeError;

/// How far the readers of movement operators are followed.
const MAX_VIEW: usize = 8;

/// A constant of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    /// The weight at this index of the manifest.
    Weight(u32),
    /// An earlier constant seen through movement operators, made once.
    Moved {
        /// The earlier one.
        constant: usize,
        /// First to last.
        view: Vec<Operator>,
        /// The instruction it stands for.
        instruction: u32,
    },
}

/// An elementwise operator of a step; `None` is the chain itself.
#[derive(Clone, Debug)]
pub(super) struct DraftLink {
    pub(super) operator: Operator,
    pub(super) operands: Vec<Option<Seen>>,
}

/// A step before memory is assigned.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) operator: Operator,
    pub(super) operands: Vec<Seen>,
    pub(super) chain: Vec<DraftLink>,
    pub(super) layout: Vec<Operator>,
    /// The type of the result, layout included.
    pub(super) result: TensorType,
    /// The instructions carried out, the root first; views that are seen through are nobody's.
    pub(super) instructions: Vec<u32>,
    /// Whether an elementwise operator may still follow.
    open: bool,
}

impl Draft {
    fn last(&self) -> u32 {
        self.instructions.iter().copied().max().unwrap_or(0)
    }

    /// Every base that it reads, repeatedly if so.
    pub(super) fn reads(&self) -> impl Iterator<Item = &Seen> {
        let others = self.chain.iter().flat_map(|link| &link.operands).flatten();
        self.operands.iter().chain(others)
    }
}

/// What fusion gives: steps in the order they run, and where every value that is kept lies.
pub(super) struct Fused {
    pub(super) drafts: Vec<Draft>,
    pub(super) constants: Vec<Constant>,
    seen: Vec<Option<Seen>>,
}

impl Fused {
    /// Where a value that is listed or returned lies: never through more than a reshape.
    pub(super) fn place(&self, slot: Slot) -> Result<Base, ComputeError> {
        let seen = self.seen.get(slot.0 as usize).and_then(Option::as_ref);
        seen.filter(|seen| seen.is_alias()).map(|seen| seen.base).ok_or(ComputeError::Absent(slot))
    }
}

/// Fuses a program that is cut after these numbers of instructions (ascending).
pub(super) fn fuse(program: &TypedProgram, cuts: &[u32]) -> Result<Fused, ComputeError> {
    let mut fusion = Fusion::new(program, cuts);
    for (position, instruction) in (0u32..).zip(&program.program().instructions) {
        fusion.take(position, instruction)?;
    }
    Ok(fusion.finish())
}

/// A step that a link can join.
struct Joining {
    /// Those with the most work first, then what was made last; the second is the step.
    rank: (bool, usize),
    /// The operand that becomes the chain.
    operand: Slot,
    operands: Vec<Option<Seen>>,
}

struct Fusion<'a> {
    program: &'a TypedProgram,
    /// Per slot: the instructions that read it.
    readers: Vec<Vec<u32>>,
    /// Per slot: whether a state lists it or it is returned.
    kept: Vec<bool>,
    seen: Vec<Option<Seen>>,
    drafts: Vec<Draft>,
    constants: Vec<Constant>,
}

impl<'a> Fusion<'a> {
    fn new(program: &'a TypedProgram, cuts: &[u32]) -> Self {
        let slots = program.slot_count();
        let mut readers = vec![Vec::new(); slots as usize];
        for (position, instruction) in (0u32..).zip(&program.program().instructions) {
            for slot in instruction.operands.iter().collect::<BTreeSet<_>>() {
                if let Some(readers) = readers.get_mut(slot.0 as usize) {
                    readers.push(position);
                }
            }
        }
        let kept = (0..slots).map(|slot| is_kept(program, cuts, Slot(slot))).collect();
        let constants =
            program.program().weights.iter().map(|&index| Constant::Weight(index)).collect();
        let seen = (0..slots)
            .map(|slot| {
                let shape = &program.type_of(Slot(slot))?.shape;
                match program.origin(Slot(slot))? {
                    Origin::Input(at) => Some(Seen::whole(Base::Input(at), shape)),
                    Origin::Weight(at) => Some(Seen::whole(Base::Constant(at as usize), shape)),
                    Origin::Instruction(_) => None,
                }
            })
            .collect();
        Self { program, readers, kept, seen, drafts: Vec::new(), constants }
    }

    fn take(&mut self, position: u32, instruction: &Instruction) -> Result<(), ComputeError> {
        if kinds::is_movement(&instruction.operator) && self.movement(position, instruction)? {
            return Ok(());
        }
        let result = self.type_of(self.program.slot_of(position))?;
        if kinds::is_link(&instruction.operator, result) && self.link(position, instruction)? {
            return Ok(());
        }
        self.root(position, instruction)
    }

    fn root(&mut self, position: u32, instruction: &Instruction) -> Result<(), ComputeError> {
        let slot = self.program.slot_of(position);
        let operands = instruction.operands.iter().map(|&slot| self.seen(slot).cloned());
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        let result = self.type_of(slot)?.clone();
        let open = kinds::takes_chain(&instruction.operator, &operands, &result);
        let draft = Draft {
            operator: instruction.operator.clone(),
            operands,
            chain: Vec::new(),
            layout: Vec::new(),
            result,
            instructions: vec![position],
            open,
        };
        let whole = Seen::whole(Base::Step(self.drafts.len()), &draft.result.shape);
        self.drafts.push(draft);
        self.set(slot, whole);
        Ok(())
    }

    /// Sees through a movement operator, if it need not be carried out.
    fn movement(&mut self, position: u32, instruction: &Instruction) -> Result<bool, ComputeError> {
        let (&[from], operator) = (instruction.operands.as_slice(), &instruction.operator) else {
            return Ok(false);
        };
        let slot = self.program.slot_of(position);
        let source = self.seen(from)?.clone();
        if let Some(seen) = source.then(operator)
            && (seen.is_alias() || self.all_see(slot, &seen, MAX_VIEW))
        {
            if !seen.is_alias() || !self.is_only_read_once(from) {
                self.close(source.base);
            }
            self.set(slot, seen);
            return Ok(true);
        }
        match source.base {
            Base::Step(step) if source.is_alias() && self.is_only_read_once(from) => {
                self.lay_out(step, &source, position, operator)
            }
            Base::Constant(constant) if !matches!(operator, Operator::Expand { .. }) => {
                let view = source.view.into_iter().chain([operator.clone()]).collect();
                let moved = Constant::Moved { constant, view, instruction: position };
                let shape = self.type_of(slot)?.shape.clone();
                self.set(slot, Seen::whole(Base::Constant(self.constants.len()), &shape));
                self.constants.push(moved);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Lets a step write its result in another order.
    fn lay_out(
        &mut self,
        step: usize,
        source: &Seen,
        position: u32,
        operator: &Operator,
    ) -> Result<bool, ComputeError> {
        let slot = self.program.slot_of(position);
        let result = self.type_of(slot)?.clone();
        let Some(draft) = self.drafts.get_mut(step) else { return Ok(false) };
        let permutes = matches!(operator, Operator::Permute { .. });
        if !permutes || !draft.open || !kinds::takes_layout(&draft.operator) {
            return Ok(false);
        }
        draft.layout = source.view.iter().chain([operator]).cloned().collect();
        draft.open = false;
        draft.instructions.push(position);
        draft.result = result;
        let whole = Seen::whole(Base::Step(step), &draft.result.shape);
        self.set(slot, whole);
        Ok(true)
    }

    /// Appends an elementwise operator to the step that makes one of its operands.
    fn link(&mut self, position: u32, instruction: &Instruction) -> Result<bool, ComputeError> {
        let slot = self.program.slot_of(position);
        let mut best: Option<Joining> = None;
        for &operand in &instruction.operands {
            let Some((step, draft)) = self.open_step(operand) else { continue };
            let rank = (kinds::is_heavy(&draft.operator), step);
            if self.type_of(operand)? != self.type_of(slot)?
                || best.as_ref().is_some_and(|found| found.rank >= rank)
            {
                continue;
            }
            let shape = draft.result.shape.clone();
            let other = |&other: &Slot| match other == operand {
                true => Some(None),
                false => self.beside(other, operand, &shape).map(Some),
            };
            if let Some(operands) = instruction.operands.iter().map(other).collect() {
                best = Some(Joining { rank, operand, operands });
            }
        }
        let Some(Joining { rank: (_, step), operand, operands }) = best else { return Ok(false) };
        let seen = self.seen(operand)?.clone();
        if let Some(draft) = self.drafts.get_mut(step) {
            draft.chain.push(DraftLink { operator: instruction.operator.clone(), operands });
            draft.instructions.push(position);
        }
        self.set(slot, seen);
        Ok(true)
    }

    /// The step that makes this value for one reader only, if an elementwise operator may follow it.
    fn open_step(&self, slot: Slot) -> Option<(usize, &Draft)> {
        let seen = self.seen.get(slot.0 as usize)?.as_ref()?;
        let Base::Step(step) = seen.base else { return None };
        let draft = self.drafts.get(step)?;
        let open = draft.open && seen.is_alias() && self.is_only_read_once(slot);
        open.then_some((step, draft))
    }

    /// The other operand of a link, for a chain of shape `shape` that the link sees as `operand`.
    fn beside(&self, other: Slot, operand: Slot, shape: &[u64]) -> Option<Seen> {
        let seen = self.seen(other).ok()?;
        let (of_other, of_operand) = (self.program.type_of(other)?, self.program.type_of(operand)?);
        if of_operand.shape == shape {
            return Some(seen.clone());
        }
        if of_other.shape == of_operand.shape {
            return seen.reshaped(shape);
        }
        // Something per element of the last axis, which both shapes have.
        let (&last, before) = of_other.shape.split_last()?;
        let along = before.iter().all(|&extent| extent == 1)
            && Some(&last) == of_operand.shape.last()
            && Some(&last) == shape.last();
        if along { seen.reshaped(&[last]) } else { None }
    }

    /// Whether every reader of a value can see it like this, so that it need not be made.
    fn all_see(&self, slot: Slot, seen: &Seen, depth: usize) -> bool {
        if depth == 0 || !self.is_skippable(slot) {
            return false;
        }
        let instructions = &self.program.program().instructions;
        self.readers(slot).iter().all(|&reader| {
            let Some(found) = instructions.get(reader as usize) else { return false };
            if kinds::is_movement(&found.operator) {
                let through = seen.then(&found.operator);
                return through.is_some_and(|seen| {
                    self.all_see(self.program.slot_of(reader), &seen, depth - 1)
                });
            }
            if !kinds::reads_any_view(&found.operator) {
                return false;
            }
            let mut places = found.operands.iter().enumerate().filter(|(_, read)| **read == slot);
            places.all(|(at, _)| kinds::reads_views(&found.operator, at))
        })
    }

    fn close(&mut self, base: Base) {
        if let Base::Step(step) = base
            && let Some(draft) = self.drafts.get_mut(step)
        {
            draft.open = false;
        }
    }

    fn is_skippable(&self, slot: Slot) -> bool {
        !self.kept.get(slot.0 as usize).copied().unwrap_or(true)
    }

    fn is_only_read_once(&self, slot: Slot) -> bool {
        self.is_skippable(slot) && self.readers(slot).len() == 1
    }

    fn readers(&self, slot: Slot) -> &[u32] {
        self.readers.get(slot.0 as usize).map_or(&[], Vec::as_slice)
    }

    fn type_of(&self, slot: Slot) -> Result<&'a TensorType, ComputeError> {
        self.program.type_of(slot).ok_or(ComputeError::Absent(slot))
    }

    fn seen(&self, slot: Slot) -> Result<&Seen, ComputeError> {
        let seen = self.seen.get(slot.0 as usize).and_then(Option::as_ref);
        seen.ok_or(ComputeError::Absent(slot))
    }

    fn set(&mut self, slot: Slot, seen: Seen) {
        if let Some(entry) = self.seen.get_mut(slot.0 as usize) {
            *entry = Some(seen);
        }
    }

    /// Puts the steps into the order of their last instructions.
    fn finish(self) -> Fused {
        let mut order: Vec<usize> = (0..self.drafts.len()).collect();
        order.sort_by_cached_key(|&step| self.drafts.get(step).map_or(0, Draft::last));
        let mut moved_to = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            if let Some(entry) = moved_to.get_mut(from) {
                *entry = to;
            }
        }
        let renumber = |seen: &mut Seen| {
            if let Base::Step(step) = &mut seen.base {
                *step = moved_to.get(*step).copied().unwrap_or(*step);
            }
        };
        let (mut drafts, mut seen) = (self.drafts, self.seen);
        seen.iter_mut().flatten().for_each(renumber);
        for draft in &mut drafts {
            draft.operands.iter_mut().for_each(renumber);
            let links = draft.chain.iter_mut().flat_map(|link| &mut link.operands);
            links.flatten().for_each(renumber);
        }
        drafts.sort_by_cached_key(Draft::last);
        Fused { drafts, constants: self.constants, seen }
    }
}

/// Whether some state between the first and the last lists the value, or it is returned.
fn is_kept(program: &TypedProgram, cuts: &[u32], slot: Slot) -> bool {
    let Some(Origin::Instruction(position)) = program.origin(slot) else { return false };
    let until = program.needed_until(slot);
    let after = cuts.partition_point(|&cut| cut <= position);
    let listed = cuts.get(after).is_some_and(|&cut| until > cut);
    listed || until as usize > program.program().instructions.len()
}
