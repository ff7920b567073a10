//! Runs that tell something else than they compute, for rehearsals of dishonesty.
//!
//! A [`Telling`] sees what each instruction computes and may tell another value of the same type instead; everything
//! after it is computed from what was told, so that the trace is consistent. Operator by operator, never planned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use gainsay_canon::{Kernels, Tensor};
use gainsay_commitment::Digest;

use crate::evidence::{Evidence, EvidenceTensor, Required};
use crate::program::{Instruction, Slot};
use crate::runner::Runner;
use crate::trace::{RunError, Trace};
use crate::values::{ComputeError, Values};

/// One instruction being carried out.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The slot that its value gets.
    pub slot: Slot,
    /// The instruction.
    pub instruction: &'a Instruction,
    /// Its operands, as told so far.
    pub operands: &'a [&'a Tensor],
    /// What computes.
    pub kernels: &'a Kernels,
}

/// What is told in place of what is computed: a pure function, so that it comes out the same again.
pub trait Telling: fmt::Debug + Send + Sync {
    /// The value to tell, of the type that was computed; `None` for the truth.
    fn tell(&self, moment: &Moment<'_>, computed: &Tensor) -> Option<Tensor>;
}

/// Calls a teller and holds it to the type.
pub(crate) fn told(
    telling: &dyn Telling,
    moment: &Moment<'_>,
    computed: Tensor,
) -> Result<Tensor, RunError> {
    let Some(told) = telling.tell(moment, &computed) else { return Ok(computed) };
    of_type(&computed, told)
}

fn of_type(computed: &Tensor, told: Tensor) -> Result<Tensor, RunError> {
    let (expected, found) = (computed.tensor_type(), told.tensor_type());
    if expected == found {
        return Ok(told);
    }
    Err(RunError::Tamper { expected: expected.clone(), found: found.clone() })
}

impl Runner {
    /// A trace of what is told.
    ///
    /// # Errors
    /// As for [`Runner::run`]; if a value of another type is told.
    pub fn trace_told(&self, inputs: &[Tensor], telling: &dyn Telling) -> Result<Trace, RunError> {
        self.trace_with(inputs, &mut |moment, computed| told(telling, moment, computed))
    }

    /// A trace in which the last value of one layer (from 1 to n) is changed before anything reads it, and everything after
    /// it is computed honestly from the changed value.
    ///
    /// # Errors
    /// As for [`Runner::run`]; if there is no such layer; if the tensor comes back with another type.
    pub fn trace_tampered(
        &self,
        inputs: &[Tensor],
        layer: u32,
        tamper: impl FnOnce(&mut Tensor),
    ) -> Result<Trace, RunError> {
        let range = self.program().layer(layer).ok_or(self.no_layer(layer))?.instructions;
        let slot = self.program().slot_of(range.end.saturating_sub(1));
        let mut tamper = Some(tamper);
        self.trace_with(inputs, &mut |moment, computed| match tamper
            .take_if(|_| moment.slot == slot)
        {
            Some(tamper) => {
                let mut changed = computed.clone();
                tamper(&mut changed);
                of_type(&computed, changed)
            }
            None => Ok(computed),
        })
    }

    /// What a replay of layer `layer` (from 1 to n) needs, as told.
    ///
    /// # Errors
    /// As for [`Runner::trace_told`]; if there is no such layer.
    pub fn evidence_told(
        &self,
        inputs: &[Tensor],
        layer: u32,
        telling: &dyn Telling,
    ) -> Result<Evidence, RunError> {
        let required = Required::of(self.program(), layer).ok_or(self.no_layer(layer))?;
        self.program().check_inputs(inputs)?;
        let mut values = Values::new(self.program(), inputs, self.artifact().as_ref());
        let before = self.program().layers().iter().take(layer as usize - 1);
        for found in before {
            let tell = &mut |moment: &Moment<'_>, computed| told(telling, moment, computed);
            values.run_telling(found.instructions, self.kernels(), tell)?;
        }
        let list = values.state(layer - 1)?;
        let given = required.state.into_iter().map(|slot| {
            let tensor = values.tensor(slot).ok_or(ComputeError::Absent(slot))?;
            let (of, bytes) = (tensor.tensor_type().clone(), tensor.bytes().into_owned());
            Ok(EvidenceTensor { slot, tensor: of, bytes })
        });
        let tensors = given.collect::<Result<_, ComputeError>>()?;
        Ok(Evidence { list, tensors })
    }

    /// The values of some instructions, as told; the run ends where all are known.
    ///
    /// # Errors
    /// As for [`Runner::trace_told`]; if a slot is no instruction's.
    pub fn values_told(
        &self,
        inputs: &[Tensor],
        slots: &BTreeSet<Slot>,
        telling: &dyn Telling,
    ) -> Result<BTreeMap<Slot, Tensor>, RunError> {
        self.program().check_inputs(inputs)?;
        let mut values = Values::new(self.program(), inputs, self.artifact().as_ref());
        let mut found = BTreeMap::new();
        for layer in self.program().layers() {
            if found.len() == slots.len() {
                break;
            }
            let tell = &mut |moment: &Moment<'_>, computed| {
                let value = told(telling, moment, computed)?;
                if slots.contains(&moment.slot) {
                    found.insert(moment.slot, value.clone());
                }
                Ok::<_, RunError>(value)
            };
            values.run_telling(layer.instructions, self.kernels(), tell)?;
        }
        match slots.iter().find(|slot| !found.contains_key(slot)) {
            Some(slot) => Err(ComputeError::Absent(*slot).into()),
            None => Ok(found),
        }
    }

    fn trace_with(
        &self,
        inputs: &[Tensor],
        tell: &mut dyn FnMut(&Moment<'_>, Tensor) -> Result<Tensor, RunError>,
    ) -> Result<Trace, RunError> {
        self.program().check_inputs(inputs)?;
        let mut values = Values::new(self.program(), inputs, self.artifact().as_ref());
        let mut states = vec![values.state(0)?];
        for (index, layer) in (1u32..).zip(self.program().layers()) {
            values.run_telling(layer.instructions, self.kernels(), tell)?;
            states.push(values.state(index)?);
        }
        let digests: Vec<Digest> =
            (0u32..).zip(&states).map(|(index, list)| list.digest(index)).collect();
        Ok(Trace { states, digests, outputs: values.outputs()? })
    }
}
