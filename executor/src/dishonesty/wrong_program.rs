//! Another program than the one asked for.
//!
//! | what | how |
//! |---|---|
//! | if the artifact has another program with the same ports and as many layers | that one's run; evidence as far as both agree, nothing below a layer |
//! | else | this one with cheaper operators: `max(x, 0)` for elementary functions, nothing for norms and softmax |
//! | saves | what the cheaper program saves |
//! | answers | everything, or what the two programs have in common |

use std::sync::Arc;

use gainsay_canon::{DType, Operator, Tensor, Unary};
use gainsay_commitment::{Arity, Digest, NodeId, Opening};
use gainsay_model::{Evidence, Moment, RunError, Runner, Telling, TypedProgram};
use gainsay_player::{RunSource, TraceSource};

use super::{Assignment, ConductError, Defence, MadeUp, Performance, program_of};

/// A run of another program; `None` if none makes a difference.
pub(super) fn perform(
    assignment: &Assignment,
    honest: &Arc<RunSource>,
) -> Result<Option<MadeUp>, ConductError> {
    let own = program_of(assignment);
    for (index, program) in (0u32..).zip(assignment.runner.artifact().programs()) {
        if index == own || !is_taken_for(program, assignment.runner.program()) {
            continue;
        }
        let (artifact, kernels) = (assignment.runner.artifact(), assignment.runner.kernels());
        let runner = Runner::new(Arc::clone(artifact), index, kernels.clone())?;
        let told = RunSource::run(Arc::new(runner), Arc::clone(&assignment.inputs))?;
        if told.root() != honest.root() {
            let (layer, outputs) = (honest.parts_from(&told), told.outputs().to_vec());
            let source = Arc::new(Sibling { told, honest: Arc::clone(honest) });
            let performance = Performance { source, outputs, defence: Defence::Answers };
            return Ok(Some(MadeUp { performance, layer }));
        }
    }
    let (runner, inputs) = assignment.parts();
    let source = RunSource::told(runner, inputs, Arc::new(Cheaper))?;
    Ok((source.root() != honest.root()).then(|| MadeUp::of(source, honest)))
}

/// Whether a claim of a run of `other` passes for one of `own`.
fn is_taken_for(other: &TypedProgram, own: &TypedProgram) -> bool {
    let takes = |program: &TypedProgram| {
        program.program().inputs.iter().map(|input| input.tensor.clone()).collect::<Vec<_>>()
    };
    let returns = |program: &TypedProgram| {
        let outputs = program.program().outputs.iter();
        outputs.map(|output| program.type_of(output.slot).cloned()).collect::<Vec<_>>()
    };
    other.layer_count() == own.layer_count()
        && takes(other) == takes(own)
        && returns(other) == returns(own)
}

/// The run of another program, with evidence from that of the program asked for where both agree.
#[derive(Debug)]
struct Sibling {
    told: RunSource,
    honest: Arc<RunSource>,
}

impl TraceSource for Sibling {
    fn root(&self) -> Digest {
        self.told.root()
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.told.reveal(node, arity)
    }

    fn opening(&self, index: u32) -> Option<Opening> {
        self.told.opening(index)
    }

    fn evidence(&self, layer: u32) -> Result<Option<Evidence>, RunError> {
        let before = |run: &RunSource| run.states().get(layer.checked_sub(1)? as usize).copied();
        if before(&self.told).is_none() || before(&self.told) != before(&self.honest) {
            return Ok(None);
        }
        self.honest.evidence(layer)
    }
}

/// Cheaper operators in place of a program's own.
#[derive(Clone, Copy, Debug)]
struct Cheaper;

impl Telling for Cheaper {
    fn tell(&self, moment: &Moment<'_>, computed: &Tensor) -> Option<Tensor> {
        let x = *moment.operands.first()?;
        let floats = matches!(x.dtype(), DType::F32 | DType::F64 | DType::F16 | DType::BF16);
        if !floats || x.tensor_type() != computed.tensor_type() {
            return None;
        }
        match &moment.instruction.operator {
            Operator::Unary { function: Unary::Relu } => None,
            Operator::Unary { .. } => {
                let relu = Operator::Unary { function: Unary::Relu };
                moment.kernels.run(&relu, &[x]).ok()?.pop()
            }
            Operator::Softmax { .. } | Operator::LogSoftmax { .. } | Operator::LayerNorm { .. } => {
                Some(x.clone())
            }
            _ => None,
        }
    }
}
