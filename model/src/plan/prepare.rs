//! A plan on kernels: weights packed, ready for any number of runs at once.

use std::sync::Arc;

use gainsay_canon::{Kernels, OperatorError, Step, Tensor, TensorType};
use gainsay_commitment::{Digest, content};

use super::fusion::Constant;
use super::workspace::Pool;
use super::{Place, Plan, PlannedStep};
use crate::artifact::Artifact;
use crate::program::Slot;
use crate::typed::TypedProgram;
use crate::values::ComputeError;

/// A plan with prepared steps and the memory that runs of it left.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) plan: Plan,
    pub(super) kernels: Kernels,
    pub(super) steps: Vec<Step>,
    pub(super) constants: Vec<Arc<Tensor>>,
    /// Per content of a kept value: known already where it is a constant's.
    pub(super) contents: Vec<Option<Digest>>,
    pub(super) pool: Pool,
}

impl Prepared {
    /// Packs the weights of `program` as `plan` wants them.
    ///
    /// # Errors
    /// If the kernels refuse a step, or the artifact lacks a weight.
    pub(crate) fn new(
        plan: Plan,
        program: &TypedProgram,
        artifact: &Artifact,
        kernels: &Kernels,
    ) -> Result<Self, ComputeError> {
        let constants = constants(&plan, program, artifact, kernels)?;
        let steps = plan.steps.iter().map(|step| prepare(step, program, &constants, kernels));
        let steps = steps.collect::<Result<_, _>>()?;
        let mut contents = vec![None; plan.kept.len()];
        for value in &plan.kept {
            let Place::Constant(at) = value.place else { continue };
            let of_manifest = match plan.constants.get(at) {
                Some(Constant::Weight(index)) => artifact.manifest().weights.get(*index as usize),
                _ => None,
            };
            let digest = of_manifest.map(|entry| entry.content);
            let digest =
                digest.or_else(|| constants.get(at).map(|tensor| content(&tensor.bytes())));
            if let Some(entry) = contents.get_mut(value.content) {
                *entry = digest;
            }
        }
        let (kernels, pool) = (kernels.clone(), Pool::default());
        Ok(Self { plan, kernels, steps, constants, contents, pool })
    }

    /// Per step: whether it is computed as one.
    pub(crate) fn fused(&self) -> Vec<bool> {
        self.steps.iter().map(Step::is_fused).collect()
    }
}

/// The error of an instruction that a step carries out.
pub(super) fn refused(
    program: &TypedProgram,
    instruction: u32,
    source: OperatorError,
) -> ComputeError {
    ComputeError::Operator { instruction, operator: name(program, instruction), source }
}

pub(super) fn name(program: &TypedProgram, instruction: u32) -> &'static str {
    let found = program.program().instructions.get(instruction as usize);
    found.map_or("nothing", |found| found.operator.name())
}

fn prepare(
    step: &PlannedStep,
    program: &TypedProgram,
    constants: &[Arc<Tensor>],
    kernels: &Kernels,
) -> Result<Step, ComputeError> {
    let values: Vec<TensorType> = step.values.iter().map(|value| value.tensor.clone()).collect();
    let given = step.constants.iter().filter_map(|&at| constants.get(at).cloned()).collect();
    let output = step.over.map(|_| &step.result);
    let prepared = kernels
        .prepare(step.spec.clone(), &values, given, output)
        .map_err(|source| refused(program, step.instruction(), source))?;
    if *prepared.result() == step.result {
        return Ok(prepared);
    }
    let instruction = step.instruction();
    Err(ComputeError::Result { instruction, operator: name(program, instruction) })
}

/// Weights as they are shared with the artifact, and those seen through movement operators.
fn constants(
    plan: &Plan,
    program: &TypedProgram,
    artifact: &Artifact,
    kernels: &Kernels,
) -> Result<Vec<Arc<Tensor>>, ComputeError> {
    let mut made: Vec<Arc<Tensor>> = Vec::with_capacity(plan.constants.len());
    let missing = || ComputeError::Absent(Slot(program.program().inputs.len() as u32));
    for constant in &plan.constants {
        let tensor = match constant {
            Constant::Weight(index) => {
                Arc::clone(artifact.weights().get(*index as usize).ok_or_else(missing)?)
            }
            Constant::Moved { constant, view, instruction } => {
                let mut moved = made.get(*constant).ok_or_else(missing)?.as_ref().clone();
                for operator in view {
                    let results = kernels.run(operator, &[&moved]);
                    let results =
                        results.map_err(|source| refused(program, *instruction, source))?;
                    moved = results.into_iter().next().ok_or_else(missing)?;
                }
                Arc::new(moved)
            }
        };
        made.push(tensor);
    }
    Ok(made)
}
