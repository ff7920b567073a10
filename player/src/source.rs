//! One side's tree: where its dissections, openings and evidence come from.
//!
//! Nobody stores the bytes of a trace: the inputs and the digests of the states are kept, and what a replay needs
//! is computed again when it is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use gainsay_canon::Tensor;
use gainsay_commitment::{Arity, Digest, NodeId, Opening, StateList, TraceTree};
use gainsay_model::{Evidence, RunError, Runner, Steps, Telling};

use crate::below::{BelowRun, StepLie, StepSource, steps_of};
use crate::rehearsal::{Change, Changed};

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
    fn below(&self, _layer: u32) -> Result<Option<Arc<dyn StepSource>>, RunError> {
        Ok(None)
    }
}

/// A tree with a run behind it: an honest one, or one that tells other values or states than it has.
pub struct RunSource {
    runner: Arc<Runner>,
    inputs: Arc<[Tensor]>,
    tree: TraceTree,
    states: Vec<Digest>,
    outputs: Vec<Tensor>,
    telling: Option<Arc<dyn Telling>>,
    // What is told below one layer, if it is not the same.
    telling_below: Option<(u32, Arc<dyn Telling>)>,
    // States that are told to have another list.
    lists: BTreeMap<u32, StateList>,
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
        let last = runner.program().layer_count();
        let slot = Steps::of(runner.program(), layer).and_then(|steps| steps.slot(lie.step));
        let slot = slot.ok_or(RunError::Layer { layer, last })?;
        Self::told(runner, inputs, Arc::new(Changed::at(slot, Change::Value(lie.seed))))
    }

    /// For rehearsals: runs the program and tells what `telling` makes of its values.
    ///
    /// # Errors
    /// As [`RunSource::run`]; and if a value of another type is told.
    pub fn told(
        runner: Arc<Runner>,
        inputs: Arc<[Tensor]>,
        telling: Arc<dyn Telling>,
    ) -> Result<Self, RunError> {
        let trace = runner.trace_told(&inputs, telling.as_ref())?;
        Self::with(runner, inputs, trace, Some(telling))
    }

    /// For rehearsals: tells that state `state` (from 0 to n) has this list.
    ///
    /// # Errors
    /// If there is no such state.
    pub fn with_list(mut self, state: u32, list: StateList) -> Result<Self, RunError> {
        let digest = list.digest(state);
        self.lists.insert(state, list);
        self.with_digest(state, digest)
    }

    /// For rehearsals: tells that state `state` (from 0 to n) has this digest, whatever is behind it.
    ///
    /// # Errors
    /// If there is no such state.
    pub fn with_digest(mut self, state: u32, digest: Digest) -> Result<Self, RunError> {
        let last = self.layers();
        let told = self.states.get_mut(state as usize);
        *told.ok_or(RunError::Layer { layer: state, last })? = digest;
        self.tree = TraceTree::new(&self.states)?;
        Ok(self)
    }

    /// For rehearsals: tells something else below `layer` than above it.
    pub fn with_steps(mut self, layer: u32, telling: Arc<dyn Telling>) -> Self {
        self.telling_below = Some((layer, telling));
        self
    }

    fn with(
        runner: Arc<Runner>,
        inputs: Arc<[Tensor]>,
        trace: gainsay_model::Trace,
        telling: Option<Arc<dyn Telling>>,
    ) -> Result<Self, RunError> {
        let tree = trace.tree()?;
        let (states, outputs) = (trace.digests, trace.outputs);
        let (telling_below, lists) = (None, BTreeMap::new());
        let (given, below) = (Mutex::default(), Mutex::default());
        Ok(Self {
            runner,
            inputs,
            tree,
            states,
            outputs,
            telling,
            telling_below,
            lists,
            given,
            below,
        })
    }

    /// What the run returned.
    pub fn outputs(&self) -> &[Tensor] {
        &self.outputs
    }

    /// The digests of `S_0 ..= S_n`.
    pub fn states(&self) -> &[Digest] {
        &self.states
    }

    /// The first state in which the two runs differ.
    pub fn parts_from(&self, other: &Self) -> Option<u32> {
        let differ = |(own, other): (&Digest, &Digest)| own != other;
        let first = self.states.iter().zip(&other.states).position(differ);
        first.and_then(|first| u32::try_from(first).ok())
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

    /// The steps of a layer.
    ///
    /// # Errors
    /// If there is no such layer, or the run cannot be carried out.
    pub fn below_run(&self, layer: u32) -> Result<Arc<BelowRun>, RunError> {
        let mut below = self.below.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, run)) = &*below
            && *known == layer
        {
            return Ok(Arc::clone(run));
        }
        let own = self.telling_below.as_ref().filter(|(found, _)| *found == layer);
        let telling = own.map(|(_, telling)| telling).or(self.telling.as_ref()).cloned();
        let (runner, inputs) = (Arc::clone(&self.runner), Arc::clone(&self.inputs));
        let ends = [layer.saturating_sub(1), layer].map(|state| self.lists.get(&state).cloned());
        let run = Arc::new(BelowRun::new(runner, inputs, layer, telling, ends)?);
        *below = Some((layer, Arc::clone(&run)));
        Ok(run)
    }
}

impl fmt::Debug for RunSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunSource({:?}, telling: {:?})", self.tree, self.telling)
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
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, evidence)) = &*given
            && *known == layer
        {
            return Ok(Some(evidence.clone()));
        }
        let mut evidence = match &self.telling {
            None => self.runner.evidence(&self.inputs, layer)?,
            Some(telling) => self.runner.evidence_told(&self.inputs, layer, telling.as_ref())?,
        };
        if let Some(list) = layer.checked_sub(1).and_then(|before| self.lists.get(&before)) {
            evidence.list = list.clone();
        }
        *given = Some((layer, evidence.clone()));
        Ok(Some(evidence))
    }

    fn below(&self, layer: u32) -> Result<Option<Arc<dyn StepSource>>, RunError> {
        Ok(Some(self.below_run(layer)?))
    }
}
