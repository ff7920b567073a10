//! Steps as they are run: an operator with its elementwise chain in the store, operands read through strides.
//!
//! [`Fast::prepare`] gives nothing where there is no such form; the step is then run operator by operator.

mod attention;
mod chain;
mod conv;
mod filters;
mod forms;
mod linear;
mod lines;
mod operand;
mod pages;
mod scratch;
mod streamed;
mod tile;
mod view;
mod visible;

use std::sync::Arc;

use self::attention::Attention;
use self::chain::{Action, Chain, Run, has_binary, has_unary};
use self::conv::Conv;
use self::forms::{
    prepare_attention, prepare_conv, prepare_elementwise, prepare_matmul, prepare_movement,
    prepare_reduction, prepare_rows,
};
use self::linear::{Columns, Panels, Product};
use self::lines::{Function, RowsOf};
use self::operand::{Given, Matrix, Memory, Operands};
pub(super) use self::pages::Pages;
use self::view::View;
use super::Fast;
use super::elementwise::Clamp;
use super::environment::FloatEnvironment;
use super::threads::Output;
use crate::scalar::FromScalar;
use crate::tensor::Data;
use crate::{
    Binary, DType, Link, LinkOperand, Operand, Operator, OperatorError, Source, StepJob, StepSpec,
    Tensor, TensorType,
};

/// How a step is computed.
#[derive(Debug)]
pub(crate) struct Prepared {
    root: Root,
    /// The operands of the operator.
    operands: Vec<Given>,
    /// A Bool operand.
    mask: Option<Source>,
    chain: Chain,
}

#[derive(Debug)]
enum Root {
    Product(Product),
    Attention(Attention),
    Rows(RowsOf),
    Conv(Box<Conv>),
}

/// What a step is prepared for.
struct Plan<'a> {
    spec: &'a StepSpec,
    values: &'a [TensorType],
    constants: &'a [Arc<Tensor>],
    output: Option<&'a TensorType>,
    /// The type of the operator's result.
    result: TensorType,
}

impl Plan<'_> {
    fn source(&self, source: Source) -> Option<&TensorType> {
        match source {
            Source::Value(index) => self.values.get(index),
            Source::Constant(index) => self.constants.get(index).map(|x| x.tensor_type()),
            Source::Output => self.output,
        }
    }

    /// An `f32` operand as a view.
    fn view(&self, operand: &Operand) -> Option<View> {
        self.view_of(operand, DType::F32)
    }

    fn view_of(&self, operand: &Operand, dtype: DType) -> Option<View> {
        let source = self.source(operand.source).filter(|x| x.dtype == dtype)?;
        operand.view.iter().try_fold(View::of(&source.shape)?, View::through)
    }

    /// An operand of the operator, its last `inner` axes as columns; never the output.
    fn operand(&self, index: usize, inner: usize) -> Option<Given> {
        let operand = self.spec.operands.get(index).filter(|x| x.source != Source::Output)?;
        Some(Given { source: operand.source, lines: self.view(operand)?.lines(inner) })
    }

    /// The shape of an operand.
    fn shape(&self, index: usize) -> Option<Vec<u64>> {
        let operand = self.spec.operands.get(index)?;
        let mut seen = self.source(operand.source)?.clone();
        for operator in &operand.view {
            seen = operator.infer(&[seen]).ok()?.pop()?;
        }
        Some(seen.shape)
    }

    /// Whether an axis of the result is the last one.
    fn is_last(&self, axis: u8) -> bool {
        usize::from(axis) + 1 == self.result.shape.len()
    }

    fn constant(&self, index: usize) -> Option<&[f32]> {
        match self.spec.operands.get(index)?.source {
            Source::Constant(index) => self.constants.get(index)?.as_f32(),
            _ => None,
        }
    }

    /// Where the result goes, seen as the operator's.
    fn output(&self) -> Option<View> {
        let mut shapes = vec![self.result.clone()];
        for operator in &self.spec.layout {
            let next = operator.infer(&[shapes.last()?.clone()]).ok()?.pop()?;
            shapes.push(next);
        }
        let mut view = View::of(&shapes.pop()?.shape)?;
        for (operator, before) in self.spec.layout.iter().zip(shapes).rev() {
            view = view.before(operator, &before.shape)?;
        }
        Some(view)
    }

    /// The chain, with the last `inner` axes of the result as columns, behind functions of it and another operand.
    fn chain(&self, inner: usize, first: &[(Binary, &Operand)]) -> Option<Chain> {
        if self.result.dtype != DType::F32 {
            return None;
        }
        let output = self.output()?.lines(inner);
        let mut chain = Chain { actions: vec![], others: vec![], output };
        for (function, operand) in first {
            let other = self.other(operand, inner, &mut chain)?;
            chain.actions.push(Action::Right(*function, other));
        }
        for link in &self.spec.chain {
            let action = self.action(link, inner, &mut chain)?;
            chain.actions.push(action);
        }
        if chain.actions.is_empty() {
            chain.actions.push(Action::Settle);
        }
        Some(chain)
    }

    fn action(&self, link: &Link, inner: usize, chain: &mut Chain) -> Option<Action> {
        let operands = link.operands.as_slice();
        match (&link.operator, operands) {
            (Operator::Unary { function }, [LinkOperand::Chain]) if has_unary(*function) => {
                Some(Action::Unary(*function))
            }
            (Operator::BinaryScalar { function, scalar }, [LinkOperand::Chain])
                if has_binary(*function) =>
            {
                Some(Action::Scalar(*function, f32::from_scalar(*scalar)))
            }
            (Operator::Clamp { min, max }, [LinkOperand::Chain]) => {
                let [lower, upper] = [min, max].map(|bound| bound.map(f32::from_scalar));
                Some(Action::Clamp(Clamp { lower, upper }))
            }
            (Operator::Binary { function }, [a, b]) if has_binary(*function) => match (a, b) {
                (LinkOperand::Chain, LinkOperand::Chain) => Some(Action::Own(*function)),
                (LinkOperand::Chain, LinkOperand::Other(other)) => {
                    Some(Action::Right(*function, self.other(other, inner, chain)?))
                }
                (LinkOperand::Other(other), LinkOperand::Chain) => {
                    Some(Action::Left(*function, self.other(other, inner, chain)?))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The position of another operand of the chain. The output is read only where it is written.
    fn other(&self, operand: &Operand, inner: usize, chain: &mut Chain) -> Option<usize> {
        let lines = self.view(operand)?.expanded(&self.result.shape)?.lines(inner);
        if operand.source == Source::Output && lines != chain.output {
            return None;
        }
        chain.others.push(Given { source: operand.source, lines });
        Some(chain.others.len() - 1)
    }
}

impl Fast {
    /// A fused form of a step, if there is one; `result` is the type of the operator's result.
    pub(crate) fn prepare(
        &self,
        spec: &StepSpec,
        values: &[TensorType],
        constants: &[Arc<Tensor>],
        output: Option<&TensorType>,
        result: TensorType,
    ) -> Option<Prepared> {
        let plan = Plan { spec, values, constants, output, result };
        match &spec.operator {
            Operator::Linear => self.prepare_linear(&plan).or_else(|| prepare_matmul(&plan)),
            Operator::MatMul => self.prepare_linear(&plan).or_else(|| prepare_matmul(&plan)),
            Operator::Conv2d { .. } => prepare_conv(self, &plan),
            Operator::Attention { .. } => prepare_attention(&plan),
            Operator::LayerNorm { epsilon } => {
                let epsilon = f32::from_scalar(*epsilon);
                prepare_rows(&plan, Function::Normalise { epsilon })
            }
            Operator::Softmax { axis } if plan.is_last(*axis) => {
                prepare_rows(&plan, Function::Softmax)
            }
            Operator::LogSoftmax { axis } if plan.is_last(*axis) => {
                prepare_rows(&plan, Function::LogSoftmax)
            }
            Operator::Reduce { function, axes } => prepare_reduction(&plan, *function, axes),
            Operator::Reshape { .. }
            | Operator::Permute { .. }
            | Operator::Slice { .. }
            | Operator::Expand { .. } => prepare_movement(&plan),
            Operator::Unary { .. }
            | Operator::BinaryScalar { .. }
            | Operator::Clamp { .. }
            | Operator::Binary { .. } => prepare_elementwise(&plan),
            _ => None,
        }
    }

    /// Rows times a constant matrix.
    fn prepare_linear(&self, plan: &Plan<'_>) -> Option<Prepared> {
        let shape = plan.shape(1)?;
        let &[k, n] = shape.as_slice() else { return None };
        let weights = plan.constant(1)?;
        let w = plan.view(&plan.spec.operands[1])?.lines(1);
        let x = plan.operand(0, 1)?;
        let bias: Vec<_> = plan.spec.operands.iter().skip(2).map(|x| (Binary::Add, x)).collect();
        let chain = plan.chain(1, &bias)?;
        let rows = plan.result.shape.iter().rev().skip(1).product::<u64>() as usize;
        // SAFETY: the weights are borrowed.
        let weights = unsafe { Operands::new(vec![Memory::of(weights)], 1) };
        // SAFETY: constants are not written.
        let weights = unsafe { Matrix::new(&weights, 0, 0, &w) };
        let [k, n] = [k, n].map(|extent| extent as usize);
        let b = Columns::Packed(Panels::new(self, k, n, &weights));
        let root = Product { a: x.lines.clone(), b, products: 1, rows, k, n };
        Some(Prepared { root: Root::Product(root), operands: vec![x], mask: None, chain })
    }

    /// Runs a step for jobs whose operands and outputs have the types that it was prepared for.
    pub(crate) fn run_prepared(
        &self,
        prepared: &Prepared,
        constants: &[Arc<Tensor>],
        jobs: &mut [StepJob<'_>],
    ) -> Result<(), OperatorError> {
        let _environment = FloatEnvironment::enter()?;
        let Prepared { root, operands, mask, chain } = prepared;
        let mut masks = vec![];
        let (mut of_root, mut of_chain, mut outputs) = (vec![], vec![], vec![]);
        for job in jobs.iter_mut() {
            let Data::F32(output) = job.output.data_mut() else { continue };
            let output = Output::new(output);
            for (given, memory) in [(operands, &mut of_root), (&chain.others, &mut of_chain)] {
                memory.extend(given.iter().map(|given| {
                    let values = match given.source {
                        Source::Value(index) => job.operands.get(index).and_then(|x| x.as_f32()),
                        Source::Constant(index) => constants.get(index).and_then(|x| x.as_f32()),
                        Source::Output => return Memory::written(&output),
                    };
                    Memory::of(values.unwrap_or(&[]))
                }));
            }
            let mask = mask.and_then(|mask| match mask {
                Source::Value(index) => job.operands.get(index)?.as_bool(),
                Source::Constant(index) => constants.get(index)?.as_bool(),
                Source::Output => None,
            });
            masks.extend(mask);
            outputs.push(output);
        }
        // SAFETY: operands, constants and outputs are borrowed for longer than this function runs.
        let of_root = unsafe { Operands::new(of_root, operands.len()) };
        // SAFETY: as above.
        let others = unsafe { Operands::new(of_chain, chain.others.len()) };
        let run = Run { vectors: self.vectors, others, outputs };
        match root {
            Root::Product(product) => product.run(self, &of_root, chain, &run),
            Root::Conv(conv) => conv.run(self, &of_root, chain, &run),
            Root::Rows(rows) => rows.run(self, &of_root, chain, &run),
            Root::Attention(attention) => attention.run(self, &of_root, &masks, chain, &run),
        }
    }
}
