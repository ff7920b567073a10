//! The admission of an artifact (PROTOCOL, section 1): every blob is here, every digest is right, the layer tables
//! are the recomputed ones, and every layer was replayed once within the limits of time and memory.
//!
//! What is admitted can be judged later without a surprise, so everything that could make a replay fail or drag on is
//! found here, at the cost of whoever offers the artifact. One artifact is checked at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gainsay_canon::{DType, Kernels, Tensor, TensorType};
use gainsay_model::{
    Ambient, Artifact, JudgedBy, Required, Runner, Steps, TypedProgram, replay_layer,
};
use gainsay_protocol::{AdmitArtifact, LayerBudget, MissingBlobs, Params};
use tokio::sync::Semaphore;

use crate::blobs::BlobStore;
use crate::config::Limits;
use crate::error::{Chain, Refused};
use crate::registry::{LoadError, Registered, load, load_manifest, parts_of, view_of};

/// What admission needs.
#[derive(Debug)]
pub(crate) struct Admission {
    blobs: BlobStore,
    kernels: Kernels,
    limits: Limits,
    /// Real time that a whole run may take: a quarter of the window and of a side's budget.
    run: Duration,
    budget: LayerBudget,
    one: Semaphore,
}

fn refused(reason: impl Into<String>) -> Refused {
    Refused::Artifact(reason.into())
}

fn not_loaded(error: LoadError) -> Refused {
    match error {
        LoadError::Blob(error) if error.kind() != std::io::ErrorKind::InvalidData => {
            tracing::error!(%error, "the blob store failed");
            Refused::Unavailable("its blob store failed".to_owned())
        }
        other => refused(Chain(&other).to_string()),
    }
}

impl Admission {
    pub(crate) fn new(blobs: BlobStore, kernels: Kernels, limits: Limits, params: &Params) -> Self {
        let run = Duration::from_millis(params.window.min(params.budget).0) / 4;
        let (budget, one) = (params.layer_budget, Semaphore::new(1));
        Self { blobs, kernels, limits, run, budget, one }
    }

    /// Checks the artifact that a message offers.
    pub(crate) async fn examine(&self, offer: &AdmitArtifact) -> Result<Registered, Refused> {
        let closed = |_| Refused::Unavailable("it is stopping".to_owned());
        let _turn = self.one.acquire().await.map_err(closed)?;
        let limits = &self.limits.artifact;
        let (_, manifest) = load_manifest(offer.artifact, offer.manifest, &self.blobs, limits)
            .await
            .map_err(not_loaded)?;
        // Before a byte of them is read: what could never run is not worth the memory.
        let (bytes, most) = (manifest.weight_bytes(), self.limits.run_bytes);
        if bytes > most {
            return Err(refused(format!("its weights have {bytes} bytes, allowed are {most}")));
        }
        let parts = parts_of(&manifest);
        let held = self.blobs.held(&parts).await.map_err(|error| not_loaded(error.into()))?;
        let missing: Vec<_> = parts.into_iter().filter(|part| !held.contains(part)).collect();
        if !missing.is_empty() {
            return Err(MissingBlobs(missing).into());
        }
        let artifact =
            load(offer.artifact, offer.manifest, &self.blobs, limits).await.map_err(not_loaded)?;
        let rehearsal = Rehearsal {
            artifact: artifact.clone(),
            kernels: self.kernels.clone(),
            limits: self.limits.clone(),
            run: self.run,
            begun: Instant::now(),
        };
        match tokio::task::spawn_blocking(move || rehearsal.every_layer()).await {
            Ok(done) => done?,
            Err(_) => return Err(refused("its rehearsal ended in a crash")),
        }
        Ok(Registered { view: view_of(&artifact, &self.budget), artifact })
    }
}

/// One run of each program and one replay of each layer.
struct Rehearsal {
    artifact: Arc<Artifact>,
    kernels: Kernels,
    limits: Limits,
    run: Duration,
    begun: Instant,
}

impl Rehearsal {
    fn every_layer(&self) -> Result<(), Refused> {
        for (index, typed) in (0u32..).zip(self.artifact.programs()) {
            self.check_size(typed)?;
            self.program(index, typed)?;
        }
        Ok(())
    }

    /// What follows from the program alone, before anything is run.
    fn check_size(&self, typed: &TypedProgram) -> Result<(), Refused> {
        let name = &typed.program().name;
        let bytes = typed.peak_bytes().saturating_add(self.artifact.manifest().weight_bytes());
        let operations = typed.total_cost();
        if bytes > self.limits.run_bytes {
            let most = self.limits.run_bytes;
            return Err(refused(format!(
                "program {name:?} needs {bytes} bytes, allowed are {most}"
            )));
        }
        if operations > self.limits.run_operations {
            let most = self.limits.run_operations;
            return Err(refused(format!(
                "program {name:?} has {operations} FLOP, allowed are {most}"
            )));
        }
        for (layer, entry) in (1u32..).zip(typed.layers()) {
            let state = Required::of(typed, layer).map(|required| required.state);
            let inputs = typed.program().inputs.iter();
            let inputs: u64 = inputs.map(|input| input.tensor.byte_len().unwrap_or(0) as u64).sum();
            let state = state.unwrap_or_default();
            let state = state.iter().map(|slot| typed.bytes_of(*slot)).sum::<u64>();
            let bytes = state.saturating_add(inputs);
            if bytes > self.limits.evidence_bytes {
                let (most, layer) = (self.limits.evidence_bytes, &entry.name);
                return Err(refused(format!(
                    "layer {layer:?} of program {name:?} reads {bytes} bytes of values, allowed are {most}"
                )));
            }
            self.check_whole_steps(typed, (layer, &entry.name))?;
        }
        Ok(())
    }

    /// Below a layer, what cannot be judged by the chunk is judged from whole operands.
    fn check_whole_steps(
        &self,
        typed: &TypedProgram,
        (layer, name): (u32, &str),
    ) -> Result<(), Refused> {
        let Some(steps) = Steps::of(typed, layer) else { return Ok(()) };
        let whole = |step: &u32| steps.judged_by(*step) == Some(JudgedBy::Whole);
        for step in (1..=steps.count()).filter(whole) {
            let reads = steps.reads(step);
            let bytes: u64 = reads.iter().map(|slot| typed.bytes_of(*slot)).sum();
            if bytes > self.limits.evidence_bytes {
                let most = self.limits.evidence_bytes;
                return Err(refused(format!(
                    "operator {step} of layer {name:?} reads {bytes} bytes of values and is judged whole, allowed are {most}"
                )));
            }
        }
        Ok(())
    }

    fn program(&self, index: u32, typed: &TypedProgram) -> Result<(), Refused> {
        let name = &typed.program().name;
        let failed = |error: &dyn std::error::Error| {
            refused(format!("program {name:?} cannot be carried out: {}", Chain(error)))
        };
        let runner = Runner::new(self.artifact.clone(), index, self.kernels.clone())
            .map_err(|error| failed(&error))?;
        let inputs = typed.program().inputs.iter();
        let inputs = inputs.map(|input| sample(&input.tensor)).collect::<Result<Vec<_>, _>>();
        let inputs = inputs.map_err(|error| failed(&error))?;
        // The first run also pays for cold caches; the better of two is what a run takes.
        let mut took = Duration::MAX;
        let mut trace = None;
        for _ in 0..2 {
            let started = Instant::now();
            trace = Some(runner.trace(&inputs).map_err(|error| failed(&error))?);
            took = took.min(started.elapsed());
            self.check_time()?;
        }
        if took > self.run {
            return Err(refused(format!(
                "a run of program {name:?} takes {took:?} here; a quarter of the window and of a side's budget is {:?}",
                self.run
            )));
        }
        let digests = trace.map(|trace| trace.digests).unwrap_or_default();
        for (layer, entry) in (1u32..).zip(typed.layers()) {
            let evidence = runner.evidence(&inputs, layer).map_err(|error| failed(&error))?;
            let ambient = Ambient { inputs: &inputs, weights: self.artifact.as_ref() };
            let started = Instant::now();
            let agreed = digests.get(layer as usize - 1).copied().unwrap_or_default();
            let replay = replay_layer(typed, layer, agreed, &evidence, ambient, &self.kernels)
                .map_err(|error| failed(&error))?;
            let took = started.elapsed();
            if digests.get(layer as usize) != Some(&replay.digest) {
                let layer = &entry.name;
                return Err(refused(format!(
                    "layer {layer:?} of program {name:?} gives another state when it is replayed"
                )));
            }
            if took > self.limits.replay {
                let (layer, most) = (&entry.name, self.limits.replay);
                return Err(refused(format!(
                    "the replay of layer {layer:?} of program {name:?} takes {took:?}, allowed are {most:?}"
                )));
            }
            self.check_time()?;
        }
        Ok(())
    }

    fn check_time(&self) -> Result<(), Refused> {
        let (took, most) = (self.begun.elapsed(), self.limits.admission);
        if took > most {
            return Err(refused(format!("checking it takes longer than {most:?}")));
        }
        Ok(())
    }
}

/// An input of this type: floats of both signs below one, zeros of every other type. Every operator is total, so
/// that any input will do; these keep the arithmetic clear of subnormal numbers, which some CPUs are slow on.
fn sample(tensor: &TensorType) -> Result<Tensor, gainsay_canon::TensorError> {
    if tensor.dtype != DType::F32 {
        return Tensor::zeros(tensor);
    }
    let value = |index: usize| {
        // Steps of the golden ratio: spread evenly over [-1, 1), the same everywhere.
        let step = (index as u32).wrapping_mul(0x9e37_79b9) >> 8;
        step as f32 / 8_388_608.0 - 1.0
    };
    let values = (0..tensor.elements()?).map(value).collect();
    Tensor::f32(tensor.shape.clone(), values)
}
