//! The public way in: one call for one program, a builder for several.

use std::num::NonZeroUsize;

use burn::module::Module;
use gainsay_canon::{Isa, Kernels};
use gainsay_model::Artifact;

use crate::assemble::assemble;
use crate::error::{CaptureError, Fault};
use crate::fold::fold;
use crate::graph::Graph;
use crate::lower::lower;
use crate::parameters::Initialise;
use crate::ports::{InputSpec, Inputs, Outputs, Sample, Shapes};
use crate::record::record;
use crate::table::{Entry, entry};

/// The runs of the closure: without values, so that reading one is an error at the line that reads, and on two
/// different samples. All must record the same program and the same constants.
const SAMPLES: [Sample; 3] = [Sample::Absent, Sample::Numbered(1), Sample::Numbered(2)];

/// Captures one or several programs of a module, which share its weights.
///
/// ```
/// # use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::{Device, Int, Tensor, activation::relu}};
/// # use gainsay_capture::{Capture, CaptureError};
/// #[derive(Module, Debug)]
/// struct Scorer { hidden: Linear, head: Linear }
///
/// let device = Device::flex();
/// let scorer = Scorer {
///     hidden: LinearConfig::new(8, 16).init(&device),
///     head: LinearConfig::new(16, 3).init(&device),
/// };
/// let artifact = Capture::new("scorer", &scorer)
///     .program("score", |m, x: Tensor<2>| m.head.forward(relu(m.hidden.forward(x))), [1, 8])?
///     .program(
///         "embed",
///         |m, (x, scale): (Tensor<2>, Tensor<1, Int>)| {
///             let hidden = m.hidden.forward(x);
///             [("embedding", hidden.clone()), ("scaled", hidden * scale.float().unsqueeze())]
///         },
///         (("x", [1, 8]), ("scale", [1])),
///     )?
///     .artifact()?;
/// assert_eq!(artifact.programs().len(), 2);
/// # Ok::<(), CaptureError>(())
/// ```
#[derive(Debug)]
pub struct Capture<M> {
    name: String,
    module: M,
    programs: Vec<(String, Graph)>,
}

impl<M: Module> Capture<M> {
    /// Starts the capture of a module, in validation mode: dropout and its like do nothing.
    ///
    /// Parameters that were never looked at are initialised first, so that the artifact and the caller's module agree.
    pub fn new(name: impl Into<String>, module: &M) -> Self {
        module.visit(&mut Initialise);
        Self { name: name.into(), module: module.valid(), programs: Vec::new() }
    }

    /// Captures `forward` as a program.
    ///
    /// `forward` takes a tensor, a tuple or an array of tensors of any kind; `shapes` has one entry per tensor: a shape, or
    /// a name and a shape. It returns a tensor, a name and a tensor, or a tuple, array or vector of such.
    /// It runs several times, on different values and on none, and must do the same each time.
    ///
    /// # Errors
    /// If it panics, reads data, draws random numbers, keeps state, or uses an operation without a canonical form; the
    /// message names the operation, its position and the module around it.
    pub fn program<I, O, F, S>(
        mut self,
        name: impl Into<String>,
        forward: F,
        shapes: S,
    ) -> Result<Self, CaptureError>
    where
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
        S: Shapes<I>,
    {
        let program = name.into();
        let kernels = Kernels::new(Isa::Reference, NonZeroUsize::MIN)?;
        match graph(&self.module, &forward, &shapes.specs(), &kernels) {
            Ok(graph) => {
                self.programs.push((program, graph));
                Ok(self)
            }
            Err(fault) => Err(CaptureError::Program { program, fault: Box::new(fault) }),
        }
    }

    /// The artifact of the programs captured so far.
    ///
    /// # Errors
    /// If there is none, or one is beyond the limits of programs.
    pub fn artifact(self) -> Result<Artifact, CaptureError> {
        assemble(&self.name, self.programs)
    }
}

/// The operators of Burn's intermediate representation that `forward` records, in order, whether they can be captured or
/// not and whether an output needs them or not.
///
/// # Errors
/// If the closure panics or reads data.
pub fn recorded<M, I, O, F, S>(module: &M, forward: F, shapes: S) -> Result<Vec<Entry>, Fault>
where
    M: Module,
    I: Inputs,
    O: Outputs,
    F: Fn(&M, I) -> O,
    S: Shapes<I>,
{
    let recording = record(module, &forward, &shapes.specs(), Sample::Absent)?;
    Ok(recording.operations.iter().map(entry).collect())
}

/// The folded graph on which all runs of the closure agree.
fn graph<M, I, O>(
    module: &M,
    forward: &impl Fn(&M, I) -> O,
    specs: &[InputSpec],
    kernels: &Kernels,
) -> Result<Graph, Fault>
where
    M: Module,
    I: Inputs,
    O: Outputs,
{
    let names: Vec<Option<String>> = specs.iter().map(|spec| spec.name.clone()).collect();
    let mut first: Option<Graph> = None;
    for sample in SAMPLES {
        let graph = lower(&record(module, forward, specs, sample)?, &names, first.as_ref())?;
        match &first {
            None => first = Some(graph),
            Some(first) => {
                if let Some(difference) = first.difference(&graph) {
                    return Err(Fault::Unstable { difference });
                }
            }
        }
    }
    fold(first.unwrap_or_default(), kernels).map_err(Fault::Fold)
}

/// [`Artifact::capture`](CaptureArtifact::capture), for one program named like the artifact.
pub trait CaptureArtifact: Sized {
    /// Captures `forward` on `module`; see [`Capture::program`].
    ///
    /// # Errors
    /// As for [`Capture::program`] and [`Capture::artifact`].
    fn capture<M, I, O, F, S>(
        name: &str,
        module: &M,
        forward: F,
        shapes: S,
    ) -> Result<Self, CaptureError>
    where
        M: Module,
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
        S: Shapes<I>;
}

impl CaptureArtifact for Artifact {
    fn capture<M, I, O, F, S>(
        name: &str,
        module: &M,
        forward: F,
        shapes: S,
    ) -> Result<Self, CaptureError>
    where
        M: Module,
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
        S: Shapes<I>,
    {
        Capture::new(name, module).program(name, forward, shapes)?.artifact()
    }
}
