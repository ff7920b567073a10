//! The runner: a program of an artifact carried out, plainly or with its trace.
//!
//! [`Runner::run`] and [`Runner::trace`] give the same outputs; the trace also commits every state. Runs follow a
//! [`Plan`], made and packed when first needed and shared by clones; how it cuts and fuses never changes a bit. Only
//! rehearsals of dishonesty, which tell other values than they compute, go operator by operator.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gainsay_canon::{Kernels, Tensor};

use crate::artifact::Artifact;
use crate::error::ArtifactError;
use crate::evidence::{Evidence, EvidenceTensor, Required};
use crate::plan::{Cuts, Lockstep, Plan, Prepared, Stopwatch, TraceTiming, Watch};
use crate::trace::{RunError, Trace};
use crate::typed::TypedProgram;
use crate::values::ComputeError;

/// A program of an artifact with kernels to run it on. Cheap to clone; clones share packed weights, and run at once
/// each in memory of its own.
#[derive(Clone, Debug)]
pub struct Runner {
    artifact: Arc<Artifact>,
    program: Arc<TypedProgram>,
    kernels: Kernels,
    layers: Arc<Lazy>,
    operators: Arc<Lazy>,
}

/// A prepared plan, once there is one.
type Lazy = Mutex<Option<Arc<Prepared>>>;

impl Runner {
    /// A runner of the program at `program`. Weights are packed by the first run, or by [`Runner::prepare`].
    ///
    /// # Errors
    /// If the artifact has no such program.
    pub fn new(
        artifact: Arc<Artifact>,
        program: u32,
        kernels: Kernels,
    ) -> Result<Self, ArtifactError> {
        let count = artifact.programs().len();
        let missing = ArtifactError::NoProgram { index: program, count };
        let program = Arc::clone(artifact.program(program).ok_or(missing)?);
        let (layers, operators) = (Arc::default(), Arc::default());
        Ok(Self { artifact, program, kernels, layers, operators })
    }

    /// The program.
    pub fn program(&self) -> &Arc<TypedProgram> {
        &self.program
    }

    /// The artifact.
    pub fn artifact(&self) -> &Arc<Artifact> {
        &self.artifact
    }

    /// The kernels.
    pub fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// The plan that runs follow; nothing is packed for it.
    ///
    /// # Errors
    /// Never for a valid program.
    pub fn plan(&self) -> Result<Plan, RunError> {
        Ok(Plan::new(&self.program, Cuts::Layers)?)
    }

    /// Plans and packs now, so that the first run need not.
    ///
    /// # Errors
    /// If the kernels refuse an operator.
    pub fn prepare(&self) -> Result<(), RunError> {
        Ok(self.prepared(Cuts::Layers).map(drop)?)
    }

    /// Per step of the plan: whether the kernels compute it as one, not operator by operator. For measurements.
    ///
    /// # Errors
    /// As for [`Runner::prepare`].
    pub fn fused(&self) -> Result<Vec<bool>, RunError> {
        Ok(self.prepared(Cuts::Layers)?.fused())
    }

    /// Runs the program without committing to anything.
    ///
    /// # Errors
    /// If the inputs do not fit or an operator cannot be carried out.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        self.run_watched(inputs, &mut |_| ())
    }

    /// Runs the program and says how long each step of the plan took; `clock` gives the time since any fixed moment.
    ///
    /// # Errors
    /// As for [`Runner::run`].
    pub fn run_timed(
        &self,
        inputs: &[Tensor],
        clock: impl FnMut() -> Duration,
    ) -> Result<(Vec<Tensor>, Vec<Duration>), RunError> {
        let mut stopwatch = Stopwatch::new(clock);
        let outputs = self.run_watched(inputs, &mut |moment| stopwatch.see(moment))?;
        Ok((outputs, stopwatch.steps))
    }

    /// Runs several jobs in lockstep: every step for all of them, so that they share one pass over the weights. Each gets
    /// what it would get alone; one with inputs that do not fit is refused and does not hinder the others.
    pub fn run_many(&self, jobs: &[Vec<Tensor>]) -> Vec<Result<Vec<Tensor>, RunError>> {
        self.many(jobs, |lockstep| lockstep.run(&mut |_| ()))
    }

    /// Runs the program and commits to every state.
    ///
    /// # Errors
    /// As for [`Runner::run`].
    pub fn trace(&self, inputs: &[Tensor]) -> Result<Trace, RunError> {
        self.trace_watched(inputs, Cuts::Layers, &mut |_| ())
    }

    /// [`Runner::run_many`], committing to every state of each job.
    pub fn trace_many(&self, jobs: &[Vec<Tensor>]) -> Vec<Result<Trace, RunError>> {
        self.many(jobs, |lockstep| lockstep.trace(&mut |_| ()))
    }

    /// Runs the program and commits to what is live after every instruction that computes something: the finest trace
    /// there is. It is not the one that is claimed.
    ///
    /// # Errors
    /// As for [`Runner::run`].
    pub fn trace_operators(&self, inputs: &[Tensor]) -> Result<Trace, RunError> {
        self.trace_watched(inputs, Cuts::Operators, &mut |_| ())
    }

    /// A trace, and how much of its time went into committing; `clock` gives the time since any fixed moment.
    ///
    /// # Errors
    /// As for [`Runner::run`].
    pub fn trace_timed(
        &self,
        inputs: &[Tensor],
        cuts: Cuts,
        clock: impl FnMut() -> Duration,
    ) -> Result<(Trace, TraceTiming), RunError> {
        let mut stopwatch = Stopwatch::new(clock);
        let trace = self.trace_watched(inputs, cuts, &mut |moment| stopwatch.see(moment))?;
        Ok((trace, stopwatch.timing))
    }

    /// What a replay of layer `layer` (from 1 to n) needs: the run up to it is made again.
    ///
    /// # Errors
    /// As for [`Runner::run`]; if there is no such layer.
    pub fn evidence(&self, inputs: &[Tensor], layer: u32) -> Result<Evidence, RunError> {
        let required = Required::of(&self.program, layer).ok_or(self.no_layer(layer))?;
        self.program.check_inputs(inputs)?;
        let prepared = self.prepared(Cuts::Layers)?;
        let lockstep = Lockstep::new(&prepared, &self.program, [inputs]);
        let (list, bytes) = lockstep.state(layer - 1, &required.state)?;
        let given = required.state.into_iter().zip(bytes).map(|(slot, bytes)| {
            let tensor = self.program.type_of(slot).ok_or(ComputeError::Absent(slot))?.clone();
            Ok(EvidenceTensor { slot, tensor, bytes })
        });
        Ok(Evidence { list, tensors: given.collect::<Result<_, ComputeError>>()? })
    }

    pub(crate) fn no_layer(&self, layer: u32) -> RunError {
        RunError::Layer { layer, last: self.program.layer_count() }
    }

    /// The prepared plan, made on first use; whoever comes meanwhile waits for it instead of packing again.
    fn prepared(&self, cuts: Cuts) -> Result<Arc<Prepared>, ComputeError> {
        let lazy = match cuts {
            Cuts::Layers => &self.layers,
            Cuts::Operators => &self.operators,
        };
        let mut there = lazy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = there.as_ref() {
            return Ok(Arc::clone(prepared));
        }
        let plan = Plan::new(&self.program, cuts)?;
        let prepared = Prepared::new(plan, &self.program, &self.artifact, &self.kernels)?;
        Ok(Arc::clone(there.insert(Arc::new(prepared))))
    }

    fn run_watched(
        &self,
        inputs: &[Tensor],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Tensor>, RunError> {
        self.program.check_inputs(inputs)?;
        let prepared = self.prepared(Cuts::Layers)?;
        let outputs = Lockstep::new(&prepared, &self.program, [inputs]).run(watch)?;
        Ok(outputs.into_iter().next().unwrap_or_default())
    }

    fn trace_watched(
        &self,
        inputs: &[Tensor],
        cuts: Cuts,
        watch: &mut Watch<'_>,
    ) -> Result<Trace, RunError> {
        self.program.check_inputs(inputs)?;
        let prepared = self.prepared(cuts)?;
        let traces = Lockstep::new(&prepared, &self.program, [inputs]).trace(watch)?;
        let absent = ComputeError::Absent(crate::program::Slot(0));
        Ok(traces.into_iter().next().ok_or(absent)?)
    }

    /// Carries out the jobs whose inputs fit; results come back at their jobs' places.
    fn many<T>(
        &self,
        jobs: &[Vec<Tensor>],
        run: impl FnOnce(Lockstep<'_>) -> Result<Vec<T>, ComputeError>,
    ) -> Vec<Result<T, RunError>> {
        let checked: Vec<_> = jobs.iter().map(|job| self.program.check_inputs(job)).collect();
        let fit = jobs.iter().zip(&checked).filter(|(_, checked)| checked.is_ok());
        let fit: Vec<&[Tensor]> = fit.map(|(job, _)| job.as_slice()).collect();
        let done = if fit.is_empty() {
            Ok(Vec::new())
        } else {
            self.prepared(Cuts::Layers)
                .and_then(|prepared| run(Lockstep::new(&prepared, &self.program, fit)))
        };
        let (results, failure) = match done {
            Ok(results) => (results, ComputeError::Absent(crate::program::Slot(0))),
            Err(failure) => (Vec::new(), failure),
        };
        let mut results = results.into_iter();
        let result = |checked: Result<(), crate::trace::InputError>| {
            checked?;
            results.next().ok_or_else(|| failure.clone().into())
        };
        checked.into_iter().map(result).collect()
    }
}
