//! Runs of a plan: any number of jobs in lockstep, each in memory of its own.

use std::collections::BTreeSet;

use gainsay_canon::{OperatorError, Step, StepJob, Tensor};
use gainsay_commitment::{Digest, StateList, tensor_digest};

use super::hashing::contents;
use super::prepare::{Prepared, name, refused};
use super::timing::{Moment, Watch};
use super::workspace::Workspace;
use super::{Boundary, KeptValue, Place, PlannedStep};
use crate::program::Slot;
use crate::trace::Trace;
use crate::typed::TypedProgram;
use crate::values::ComputeError;

/// One job: what it was given and what it has so far.
struct Job<'a> {
    inputs: &'a [Tensor],
    workspace: Workspace,
    /// Per content of the kept values, once hashed.
    contents: Vec<Option<Digest>>,
    /// Per kept value, once listed.
    digests: Vec<Option<Digest>>,
}

/// Jobs of one program that are carried out together. Their inputs have been checked.
pub(crate) struct Lockstep<'a> {
    prepared: &'a Prepared,
    program: &'a TypedProgram,
    jobs: Vec<Job<'a>>,
    done: usize,
}

impl<'a> Lockstep<'a> {
    pub(crate) fn new(
        prepared: &'a Prepared,
        program: &'a TypedProgram,
        inputs: impl IntoIterator<Item = &'a [Tensor]>,
    ) -> Self {
        let kept = prepared.plan.kept.len();
        let job = |inputs| Job {
            inputs,
            workspace: prepared.pool.lend(prepared.plan.buffers.len()),
            contents: prepared.contents.clone(),
            digests: vec![None; kept],
        };
        Self { prepared, program, jobs: inputs.into_iter().map(job).collect(), done: 0 }
    }

    /// The values returned, per job.
    pub(crate) fn run(mut self, watch: &mut Watch<'_>) -> Result<Vec<Vec<Tensor>>, ComputeError> {
        self.advance(self.prepared.plan.steps.len(), watch)?;
        self.finish(watch)
    }

    /// The traces, per job.
    pub(crate) fn trace(mut self, watch: &mut Watch<'_>) -> Result<Vec<Trace>, ComputeError> {
        let prepared = self.prepared;
        let mut states: Vec<Vec<StateList>> = self.jobs.iter().map(|_| Vec::new()).collect();
        let mut digests: Vec<Vec<Digest>> = self.jobs.iter().map(|_| Vec::new()).collect();
        for (index, boundary) in (0u32..).zip(&prepared.plan.boundaries) {
            self.advance(boundary.steps_end, watch)?;
            watch(Moment::Commit(index));
            let lists = self.commit(boundary, watch)?;
            for ((list, states), digests) in lists.into_iter().zip(&mut states).zip(&mut digests) {
                digests.push(list.digest(index));
                states.push(list);
            }
        }
        let outputs = self.finish(watch)?;
        let traces = states.into_iter().zip(digests).zip(outputs);
        Ok(traces.map(|((states, digests), outputs)| Trace { states, digests, outputs }).collect())
    }

    /// For one job: the list of a state and the values of some slots that it lists.
    pub(crate) fn state(
        mut self,
        state: u32,
        slots: &[Slot],
    ) -> Result<(StateList, Vec<Vec<u8>>), ComputeError> {
        let prepared = self.prepared;
        let absent = ComputeError::Absent(Slot(state));
        let boundary = prepared.plan.boundaries.get(state as usize).ok_or(absent.clone())?;
        self.advance(boundary.steps_end, &mut |_| ())?;
        let list = self.commit(boundary, &mut |_| ())?.into_iter().next().ok_or(absent)?;
        let bytes = |slot: &Slot| {
            let kept = prepared.plan.kept_at.get(slot).and_then(|&at| prepared.plan.kept.get(at));
            let tensor = kept
                .zip(self.jobs.first())
                .and_then(|(kept, job)| job.tensor(prepared, kept.place));
            tensor.map(|tensor| tensor.bytes().into_owned()).ok_or(ComputeError::Absent(*slot))
        };
        let bytes = slots.iter().map(bytes).collect::<Result<_, _>>()?;
        self.give_back();
        Ok((list, bytes))
    }

    /// Runs the steps that are due before step `end`.
    fn advance(&mut self, end: usize, watch: &mut Watch<'_>) -> Result<(), ComputeError> {
        let prepared = self.prepared;
        let steps = prepared.plan.steps.iter().zip(&prepared.steps).enumerate();
        for (index, (planned, step)) in steps.take(end).skip(self.done) {
            watch(Moment::Step(index));
            self.step(planned, step)?;
        }
        self.done = self.done.max(end);
        Ok(())
    }

    fn step(&mut self, planned: &PlannedStep, step: &Step) -> Result<(), ComputeError> {
        let (prepared, instruction) = (self.prepared, planned.instruction());
        let operator = || name(self.program, instruction);
        let wrong = || ComputeError::Result { instruction, operator: operator() };
        let like = prepared.plan.buffers.get(planned.buffer).ok_or_else(wrong)?;
        let mut outputs = Vec::with_capacity(self.jobs.len());
        for job in &mut self.jobs {
            let output = job.workspace.take(planned.buffer, like, &planned.result);
            let source =
                |source| OperatorError::Tensor { operator: planned.spec.operator.name(), source };
            outputs
                .push(output.map_err(|error| refused(self.program, instruction, source(error)))?);
        }
        let mut jobs = Vec::with_capacity(outputs.len());
        for (job, output) in self.jobs.iter().zip(&mut outputs) {
            let operand = |place| job.tensor(prepared, place);
            let operands = planned.values.iter().map(|value| operand(value.place));
            let operands = operands.collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
            jobs.push(StepJob { operands, output });
        }
        step.run(&mut jobs).map_err(|source| refused(self.program, instruction, source))?;
        drop(jobs);
        if outputs.iter().any(|output| *output.tensor_type() != planned.result) {
            return Err(wrong());
        }
        for (job, output) in self.jobs.iter_mut().zip(outputs) {
            job.workspace.put(planned.buffer, output);
        }
        Ok(())
    }

    /// Hashes what a state lists and was not hashed yet, for all jobs at once.
    fn commit(
        &mut self,
        boundary: &Boundary,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<StateList>, ComputeError> {
        let prepared = self.prepared;
        let kept =
            |at: usize| prepared.plan.kept.get(at).ok_or(ComputeError::Absent(Slot(at as u32)));
        let (mut due, mut tensors) = (Vec::new(), Vec::new());
        for (index, job) in self.jobs.iter().enumerate() {
            let mut queued = BTreeSet::new();
            for &(number, at) in &boundary.list {
                let value: &KeptValue = kept(at)?;
                let known = job.contents.get(value.content).copied().flatten().is_some();
                if !known && queued.insert(value.content) {
                    let tensor = job.tensor(prepared, value.place);
                    tensors.push(tensor.ok_or(ComputeError::Absent(Slot(number)))?);
                    due.push((index, value.content));
                }
            }
        }
        watch(Moment::Hash(tensors.iter().map(|tensor| tensor.bytes().len() as u64).sum()));
        let found = contents(&tensors, &prepared.kernels);
        for ((job, content), digest) in due.into_iter().zip(found) {
            let entry = self.jobs.get_mut(job).and_then(|job| job.contents.get_mut(content));
            if let Some(entry) = entry {
                *entry = Some(digest);
            }
        }
        let list = |job: &mut Job<'_>| {
            let entries = boundary.list.iter().map(|&(number, at)| {
                let digest = job.digest(kept(at)?, at).ok_or(ComputeError::Absent(Slot(number)))?;
                Ok((number, digest))
            });
            entries.collect::<Result<_, _>>().map(StateList)
        };
        self.jobs.iter_mut().map(list).collect()
    }

    /// Takes the values returned and gives the memory back.
    fn finish(mut self, watch: &mut Watch<'_>) -> Result<Vec<Vec<Tensor>>, ComputeError> {
        let prepared = self.prepared;
        watch(Moment::Return);
        let returned = self.jobs.iter_mut().map(|job| job.outputs(prepared)).collect();
        self.give_back();
        watch(Moment::End);
        returned
    }

    fn give_back(self) {
        self.jobs.into_iter().for_each(|job| self.prepared.pool.take_back(job.workspace));
    }
}

impl Job<'_> {
    fn tensor<'b>(&'b self, prepared: &'b Prepared, place: Place) -> Option<&'b Tensor> {
        match place {
            Place::Input(at) => self.inputs.get(at as usize),
            Place::Constant(at) => prepared.constants.get(at).map(|tensor| tensor.as_ref()),
            Place::Buffer(at) => self.workspace.tensor(at),
        }
    }

    fn digest(&mut self, value: &KeptValue, at: usize) -> Option<Digest> {
        let known = self.digests.get_mut(at)?;
        let content = self.contents.get(value.content).copied().flatten()?;
        let tensor = &value.tensor;
        Some(
            *known.get_or_insert_with(|| tensor_digest(tensor.dtype as u8, &tensor.shape, content)),
        )
    }

    fn outputs(&mut self, prepared: &Prepared) -> Result<Vec<Tensor>, ComputeError> {
        let mut returned = Vec::with_capacity(prepared.plan.outputs.len());
        for (position, output) in (0u32..).zip(&prepared.plan.outputs) {
            let absent = || ComputeError::Absent(Slot(position));
            let kept = prepared.plan.kept.get(output.kept).ok_or_else(absent)?;
            let tensor = match kept.place {
                Place::Buffer(buffer) if output.give_away => self.workspace.give(buffer),
                place => self.tensor(prepared, place).cloned(),
            };
            let tensor = tensor.ok_or_else(absent)?;
            if *tensor.tensor_type() == kept.tensor {
                returned.push(tensor);
            } else {
                let shape = kept.tensor.shape.as_slice();
                returned.push(tensor.reshaped(shape).map_err(|_| absent())?);
            }
        }
        Ok(returned)
    }
}
