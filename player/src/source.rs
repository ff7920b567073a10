//! One side's tree: where its dissections, openings and evidence come from.
//!
//! Nobody stores the bytes of a trace: the inputs and the digests of the states are kept, and what a replay needs
//! is computed again when it is asked for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use gainsay_canon::Tensor;
use gainsay_commitment::{Arity, Digest, NodeId, Opening, TraceTree};
use gainsay_model::{Evidence, RunError, Runner};

use crate::below::{BelowRun, StepLie, steps_of};
use crate::tamper::change_one_value;

/// A tree that one side of a dispute plays from. A liar's may not know all of itself.
pub trait TraceSource: Send + Sync + fmt::Debug {
    /// The trace root.
    fn root(&self) -> Digest;

    /// The descendants of a node that one dissection step asks for, if they are known.
    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>>;

    /// The opening of state `index`, if its path is known.
    fn opening(&self, index: u32) -> Option<Opening>;

    /// What a replay of `layer` needs: the program is run up to it. `None` if there is no run behind the tree.
    ///
    /// # Errors
    /// If the run cannot be carried out.
    fn evidence(&self, layer: u32) -> Result<Option<Evidence>, RunError>;

    /// The steps of `layer`, if there is a run behind the tree.
    ///
    /// # Errors
    /// If the run cannot be carried out.
    fn below(&self, _layer: u32) -> Result<Option<Arc<BelowRun>>, RunError> {
        Ok(None)
    }
}

/// A tree with a run behind it: an honest one, or one with a value changed after a layer.
pub struct RunSource {
    runner: Arc<Runner>,
    inputs: Arc<[Tensor]>,
    tree: TraceTree,
    states: Vec<Digest>,
    outputs: Vec<Tensor>,
    tampered: Option<(u32, StepLie)>,
    // The evidence last asked for: however many disputes come down to one layer, the run is made again once.
    given: Mutex<Option<(u32, Evidence)>>,
    // The same for the steps of a layer.
    below: Mutex<Option<(u32, Arc<BelowRun>)>>,
}

impl RunSource {
    /// Runs the program.
    ///
    /// # Errors
    /// If the inputs do not fit or an operator cannot be carried out.
    pub fn run(runner: Arc<Runner>, inputs: Arc<[Tensor]>) -> Result<Self, RunError> {
        let trace = runner.trace(&inputs)?;
        Self::with(runner, inputs, trace, None)
    }

    /// For rehearsals: runs the program with one value changed after `layer` (from 1 to n), chosen by `seed`.
    ///
    /// # Errors
    /// As [`RunSource::run`]; and if there is no such layer.
    pub fn tampered(
        runner: Arc<Runner>,
        inputs: Arc<[Tensor]>,
        layer: u32,
        seed: u64,
    ) -> Result<Self, RunError> {
        let step = steps_of(&runner, layer);
        Self::tampered_step(runner, inputs, layer, StepLie { step, seed })
    }

    /// The same with the value changed after one step of the layer.
    ///
    /// # Errors
    /// As [`RunSource::run`]; and if there is no such layer or step.
    pub fn tampered_step(
        runner: Arc<Runner>,
        inputs: Arc<[Tensor]>,
        layer: u32,
        lie: StepLie,
    ) -> Result<Self, RunError> {
        let change = |tensor: &mut Tensor| change_one_value(tensor, lie.seed);
        let trace = runner.trace_tampered_step(&inputs, (layer, lie.step), change)?;
        Self::with(runner, inputs, trace, Some((layer, lie)))
    }

    fn with(
        runner: Arc<Runner>,
        inputs: Arc<[Tensor]>,
        trace: gainsay_model::Trace,
        tampered: Option<(u32, StepLie)>,
    ) -> Result<Self, RunError> {
        let tree = trace.tree()?;
        let (states, outputs) = (trace.digests, trace.outputs);
        let (given, below) = (Mutex::default(), Mutex::default());
        Ok(Self { runner, inputs, tree, states, outputs, tampered, given, below })
    }

    /// What the run returned.
    pub fn outputs(&self) -> &[Tensor] {
        &self.outputs
    }

    /// The digests of `S_0 ..= S_n`.
    pub fn states(&self) -> &[Digest] {
        &self.states
    }

    /// n: the number of layers.
    pub fn layers(&self) -> u32 {
        self.tree.shape().layers()
    }

    /// What it runs on.
    pub fn runner(&self) -> &Arc<Runner> {
        &self.runner
    }

    /// The inputs.
    pub fn inputs(&self) -> &Arc<[Tensor]> {
        &self.inputs
    }
}

impl fmt::Debug for RunSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunSource({:?}, tampered: {:?})", self.tree, self.tampered)
    }
}

impl TraceSource for RunSource {
    fn root(&self) -> Digest {
        self.tree.root()
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.tree.reveal(node, arity).ok()
    }

    fn opening(&self, index: u32) -> Option<Opening> {
        self.tree.open(index).ok()
    }

    fn evidence(&self, layer: u32) -> Result<Option<Evidence>, RunError> {
        // After the changed value an honest run is another one.
        if self.tampered.is_some_and(|(tampered, _)| tampered < layer) {
            return Ok(None);
        }
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, evidence)) = &*given
            && *known == layer
        {
            return Ok(Some(evidence.clone()));
        }
        let evidence = self.runner.evidence(&self.inputs, layer)?;
        *given = Some((layer, evidence.clone()));
        Ok(Some(evidence))
    }

    fn below(&self, layer: u32) -> Result<Option<Arc<BelowRun>>, RunError> {
        if self.tampered.is_some_and(|(tampered, _)| tampered < layer) {
            return Ok(None);
        }
        let mut below = self.below.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, run)) = &*below
            && *known == layer
        {
            return Ok(Some(Arc::clone(run)));
        }
        let lie = self.tampered.filter(|(tampered, _)| *tampered == layer).map(|(_, lie)| lie);
        let run = BelowRun::new(Arc::clone(&self.runner), Arc::clone(&self.inputs), layer, lie)?;
        let run = Arc::new(run);
        *below = Some((layer, Arc::clone(&run)));
        Ok(Some(run))
    }
}
