//! From fused drafts to a plan: memory, states and the form that kernels take.

use std::collections::BTreeMap;

use gainsay_canon::{Link, LinkOperand, Operand, Source, StepSpec, TensorType};

use super::fusion::{Draft, Fused, fuse};
use super::memory::{Memory, Placed, assign};
use super::view::{Base, Seen};
use super::{Boundary, KeptValue, Place, Plan, PlannedOutput, PlannedStep, ReadValue};
use crate::program::Slot;
use crate::typed::TypedProgram;
use crate::values::ComputeError;

/// The plan of a program whose layers end after these numbers of instructions.
pub(super) fn lower(program: &TypedProgram, ends: &[u32]) -> Result<Plan, ComputeError> {
    let inner = ends.split_last().map_or(&[][..], |(_, inner)| inner);
    let fused = fuse(program, inner)?;
    let boundaries = Boundaries::of(program, &fused, ends)?;
    let memory = assign(&fused.drafts, boundaries.until);
    let place = |base: Base| match base {
        Base::Input(at) => Some(Place::Input(at)),
        Base::Constant(at) => Some(Place::Constant(at)),
        Base::Step(step) => memory.places.get(step).map(|placed| Place::Buffer(placed.buffer)),
    };
    let mut contents = BTreeMap::new();
    let mut kept = Vec::with_capacity(boundaries.slots.len());
    for &slot in &boundaries.slots {
        let base = fused.place(slot)?;
        let next = contents.len();
        let content = *contents.entry(base).or_insert(next);
        let tensor = program.type_of(slot).ok_or(ComputeError::Absent(slot))?.clone();
        let place = place(base).ok_or(ComputeError::Absent(slot))?;
        kept.push(KeptValue { place, tensor, content });
    }
    let lowered = fused.drafts.iter().zip(&memory.places);
    let steps = lowered.map(|(draft, placed)| lower_step(program, &fused, &memory, draft, placed));
    let steps = steps.collect::<Result<_, _>>()?;
    let outputs = outputs(&boundaries.list, &kept, &memory.buffers);
    Ok(Plan {
        steps,
        constants: fused.constants,
        buffers: memory.buffers,
        kept,
        kept_at: boundaries.slots.into_iter().zip(0..).collect(),
        boundaries: boundaries.list,
        outputs,
    })
}

/// The states, the slots they list, and how long these must last.
struct Boundaries {
    list: Vec<Boundary>,
    slots: Vec<Slot>,
    until: Vec<usize>,
}

impl Boundaries {
    fn of(program: &TypedProgram, fused: &Fused, ends: &[u32]) -> Result<Self, ComputeError> {
        let mut known: BTreeMap<Slot, usize> = BTreeMap::new();
        let mut found = Self { list: Vec::new(), slots: Vec::new(), until: Vec::new() };
        found.until = vec![0; fused.drafts.len()];
        let mut live: Vec<Slot> = Vec::new();
        let (mut begun, mut steps_end) = (0, 0);
        for end in [0].into_iter().chain(ends.iter().copied()) {
            live.extend((begun..end).map(|position| program.slot_of(position)));
            live.retain(|&slot| program.needed_until(slot) > end);
            begun = end;
            let made = |draft: &&Draft| draft.instructions.iter().all(|&at| at < end);
            steps_end += fused.drafts.iter().skip(steps_end).take_while(made).count();
            let (inputs, outputs) = (&program.program().inputs, &program.program().outputs);
            let listed: Vec<(u32, Slot)> = if end == 0 {
                (0..inputs.len() as u32).map(|at| (at, Slot(at))).collect()
            } else if Some(&end) == ends.last() {
                (0u32..).zip(outputs).map(|(at, output)| (at, output.slot)).collect()
            } else {
                live.iter().map(|&slot| (slot.0, slot)).collect()
            };
            let mut list = Vec::with_capacity(listed.len());
            for (number, slot) in listed {
                let next = found.slots.len();
                let at = *known.entry(slot).or_insert(next);
                if at == next {
                    found.slots.push(slot);
                }
                list.push((number, at));
                if let Base::Step(step) = fused.place(slot)?
                    && let Some(until) = found.until.get_mut(step)
                {
                    *until = (*until).max(steps_end);
                }
            }
            found.list.push(Boundary { steps_end, list });
        }
        Ok(found)
    }
}

fn outputs(
    boundaries: &[Boundary],
    kept: &[KeptValue],
    buffers: &[TensorType],
) -> Vec<PlannedOutput> {
    let returned: Vec<usize> = boundaries
        .last()
        .map(|boundary| boundary.list.iter().map(|(_, at)| *at).collect())
        .unwrap_or_default();
    let place = |at: usize| kept.get(at).map(|value| value.place);
    let planned = returned.iter().enumerate().map(|(position, &at)| {
        let again = returned.iter().skip(position + 1).any(|&later| place(later) == place(at));
        let fits = match place(at) {
            Some(Place::Buffer(buffer)) => {
                let holds = buffers.get(buffer).and_then(|buffer| buffer.elements().ok());
                holds == kept.get(at).and_then(|value| value.tensor.elements().ok())
            }
            _ => false,
        };
        PlannedOutput { kept: at, give_away: fits && !again }
    });
    planned.collect()
}

/// What the operands of one step refer to, numbered as they come.
struct Sources<'a> {
    program: &'a TypedProgram,
    fused: &'a Fused,
    memory: &'a Memory,
    over: Option<usize>,
    values: Vec<ReadValue>,
    constants: Vec<usize>,
}

impl Sources<'_> {
    fn operand(&mut self, seen: &Seen) -> Result<Operand, ComputeError> {
        let source = match seen.base {
            Base::Constant(constant) => {
                let at = self.constants.iter().position(|&known| known == constant);
                Source::Constant(at.unwrap_or_else(|| {
                    self.constants.push(constant);
                    self.constants.len() - 1
                }))
            }
            Base::Step(step) if self.over == Some(step) => Source::Output,
            Base::Step(step) => {
                let placed = self.memory.places.get(step);
                let made = placed.zip(self.fused.drafts.get(step));
                // Steps are numbered by the drafts, so there is one.
                let (placed, draft) = made.ok_or(ComputeError::Absent(Slot(0)))?;
                self.value(Place::Buffer(placed.buffer), Some(step), &draft.result)
            }
            Base::Input(at) => {
                let tensor = self.program.type_of(Slot(at));
                let tensor = tensor.ok_or(ComputeError::Absent(Slot(at)))?;
                self.value(Place::Input(at), None, tensor)
            }
        };
        Ok(Operand { source, view: seen.view.clone() })
    }

    fn value(&mut self, place: Place, made_by: Option<usize>, tensor: &TensorType) -> Source {
        let known = self.values.iter().position(|value| value.place == place);
        Source::Value(known.unwrap_or_else(|| {
            self.values.push(ReadValue { place, made_by, tensor: tensor.clone() });
            self.values.len() - 1
        }))
    }
}

fn lower_step(
    program: &TypedProgram,
    fused: &Fused,
    memory: &Memory,
    draft: &Draft,
    placed: &Placed,
) -> Result<PlannedStep, ComputeError> {
    let mut sources = Sources {
        program,
        fused,
        memory,
        over: placed.over,
        values: Vec::new(),
        constants: Vec::new(),
    };
    let operands =
        draft.operands.iter().map(|seen| sources.operand(seen)).collect::<Result<_, _>>();
    let operands = operands?;
    let mut chain = Vec::with_capacity(draft.chain.len());
    for link in &draft.chain {
        let operand = |seen: &Option<Seen>| match seen {
            None => Ok(LinkOperand::Chain),
            Some(seen) => sources.operand(seen).map(LinkOperand::Other),
        };
        let operands = link.operands.iter().map(operand).collect::<Result<_, _>>()?;
        chain.push(Link { operator: link.operator.clone(), operands });
    }
    let (operator, layout) = (draft.operator.clone(), draft.layout.clone());
    Ok(PlannedStep {
        spec: StepSpec { operator, operands, chain, layout },
        values: sources.values,
        constants: sources.constants,
        buffer: placed.buffer,
        result: draft.result.clone(),
        over: placed.over,
        until: placed.until,
        instructions: draft.instructions.clone(),
    })
}
