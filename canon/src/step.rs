//! Steps of a planned run: an operator together with the movement and elementwise operators around it.
//!
//! A [`StepSpec`] says what is computed in terms of plain operators, so its meaning is that of running them one by one;
//! [`Kernels::prepare`] chooses once how it is computed (weights packed, operands read through strides, elementwise
//! operators in the store of a contraction) and a [`Step`] then writes into memory that its caller owns. The choice never
//! changes a bit. Several jobs of one step run together, so that they share one pass over the weights.

use std::borrow::Cow;
use std::sync::Arc;

use crate::fast::step::Prepared;
use crate::{Kernels, Operator, OperatorError, Tensor, TensorType};

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The value at this position of a job's operands.
    Value(usize),
    /// The constant at this position, the same for all jobs.
    Constant(usize),
    /// What the output holds before the step runs, which the step overwrites.
    Output,
}

/// An operand seen through movement operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// The tensor.
    pub source: Source,
    /// Movement operators (reshape, permute, slice, expand) applied to it, first to last.
    pub view: Vec<Operator>,
}

/// An operand of an elementwise operator in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkOperand {
    /// The result so far.
    Chain,
    /// Another tensor, which broadcasts to the result so far.
    Other(Operand),
}

/// An elementwise operator applied to the result so far, whose type it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The operator.
    pub operator: Operator,
    /// Its operands, in order; exactly one or two are the chain.
    pub operands: Vec<LinkOperand>,
}

/// What a step computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSpec {
    /// The operator.
    pub operator: Operator,
    /// Its operands, in order.
    pub operands: Vec<Operand>,
    /// Elementwise operators applied to its result, first to last.
    pub chain: Vec<Link>,
    /// Movement operators (reshape, permute) applied to the end result, first to last.
    pub layout: Vec<Operator>,
}

/// One job of a step: what it reads and where it writes.
#[derive(Debug)]
pub struct StepJob<'a> {
    /// The values, in the order that [`Source::Value`] counts.
    pub operands: Vec<&'a Tensor>,
    /// A tensor of the step's result type, overwritten.
    pub output: &'a mut Tensor,
}

/// A step ready to run. It may be run by several threads at once.
#[derive(Debug)]
pub struct Step {
    kernels: Kernels,
    spec: StepSpec,
    values: Vec<TensorType>,
    constants: Vec<Arc<Tensor>>,
    output: Option<TensorType>,
    result: TensorType,
    /// How it is computed, where not operator by operator.
    prepared: Option<Prepared>,
}

impl Kernels {
    /// Prepares a step for values of these types and these constants; `output` is the type of [`Source::Output`].
    ///
    /// # Errors
    /// If an operator does not accept its operands, or a link changes the type of the result.
    pub fn prepare(
        &self,
        spec: StepSpec,
        values: &[TensorType],
        constants: Vec<Arc<Tensor>>,
        output: Option<&TensorType>,
    ) -> Result<Step, OperatorError> {
        let (root, result) = spec.results(values, &constants, output)?;
        let prepared =
            self.fast().and_then(|fast| fast.prepare(&spec, values, &constants, output, root));
        let (values, output) = (values.to_vec(), output.cloned());
        Ok(Step { kernels: self.clone(), spec, values, constants, output, result, prepared })
    }
}

impl StepSpec {
    /// The type of the result for values and constants of these types.
    ///
    /// # Errors
    /// As for [`Kernels::prepare`].
    pub fn infer(
        &self,
        values: &[TensorType],
        constants: &[Arc<Tensor>],
        output: Option<&TensorType>,
    ) -> Result<TensorType, OperatorError> {
        Ok(self.results(values, constants, output)?.1)
    }

    /// The types of the operator's result and of the step's.
    fn results(
        &self,
        values: &[TensorType],
        constants: &[Arc<Tensor>],
        output: Option<&TensorType>,
    ) -> Result<(TensorType, TensorType), OperatorError> {
        let view = |operand: &Operand| {
            let source = match operand.source {
                Source::Value(index) => values.get(index),
                Source::Constant(index) => constants.get(index).map(|x| x.tensor_type()),
                Source::Output => output,
            };
            moved(source.ok_or_else(|| self.absent())?.clone(), &operand.view)
        };
        let operands = self.operands.iter().map(view).collect::<Result<Vec<_>, _>>()?;
        let result = one(self.operator.infer(&operands)?, &self.operator)?;
        for link in &self.chain {
            let types = link.operands.iter().map(|operand| match operand {
                LinkOperand::Chain => Ok(result.clone()),
                LinkOperand::Other(other) => view(other),
            });
            let types = types.collect::<Result<Vec<_>, _>>()?;
            let next = one(link.operator.infer(&types)?, &link.operator)?;
            if next != result {
                let reason = format!("as a link it would turn {result} into {next}");
                return Err(OperatorError::Shape { operator: link.operator.name(), reason });
            }
        }
        let end = moved(result.clone(), &self.layout)?;
        Ok((result, end))
    }

    fn absent(&self) -> OperatorError {
        OperatorError::Arity {
            operator: self.operator.name(),
            expected: "more",
            found: self.operands.len(),
        }
    }
}

fn one(mut results: Vec<TensorType>, operator: &Operator) -> Result<TensorType, OperatorError> {
    let found = results.len();
    let wrong = OperatorError::Arity { operator: operator.name(), expected: "1", found };
    results.pop().ok_or(wrong)
}

fn moved(mut seen: TensorType, view: &[Operator]) -> Result<TensorType, OperatorError> {
    for operator in view {
        seen = one(operator.infer(&[seen])?, operator)?;
    }
    Ok(seen)
}

impl Step {
    /// The type of the output.
    pub fn result(&self) -> &TensorType {
        &self.result
    }

    /// Whether it is computed as one, not operator by operator.
    pub fn is_fused(&self) -> bool {
        self.prepared.is_some()
    }

    /// Runs the step for every job.
    ///
    /// # Errors
    /// If a job's operands are not those that the step was prepared for.
    pub fn run(&self, jobs: &mut [StepJob<'_>]) -> Result<(), OperatorError> {
        let (Some(prepared), Some(fast)) = (&self.prepared, self.kernels.fast()) else {
            return jobs.iter_mut().try_for_each(|job| self.one_by_one(job));
        };
        for job in jobs.iter_mut() {
            self.check(job)?;
            if job.output.tensor_type() != &self.result {
                *job.output = Tensor::zeros(&self.result).map_err(|source| {
                    OperatorError::Tensor { operator: self.spec.operator.name(), source }
                })?;
            }
        }
        fast.run_prepared(prepared, &self.constants, jobs)
    }

    /// Whether a job has the operands that the step was prepared for.
    fn check(&self, job: &StepJob<'_>) -> Result<(), OperatorError> {
        let operator = self.spec.operator.name();
        if job.operands.len() != self.values.len() {
            let found = job.operands.len();
            return Err(OperatorError::Arity { operator, expected: "its", found });
        }
        let found = job.operands.iter().map(|x| x.tensor_type());
        let output = self.output.iter().map(|expected| (job.output.tensor_type(), expected));
        match found.zip(&self.values).chain(output).find(|(found, expected)| found != expected) {
            None => Ok(()),
            Some((found, expected)) => {
                let reason = format!("prepared for {expected}, found {found}");
                Err(OperatorError::Shape { operator, reason })
            }
        }
    }

    /// Every operator for itself: what a step means.
    fn one_by_one(&self, job: &mut StepJob<'_>) -> Result<(), OperatorError> {
        let run = |operator: &Operator, operands: &[&Tensor]| {
            let mut results = self.kernels.run(operator, operands)?;
            results.pop().ok_or_else(|| self.spec.absent())
        };
        let moved = |mut seen: Tensor, view: &[Operator]| {
            for operator in view {
                seen = run(operator, &[&seen])?;
            }
            Ok::<_, OperatorError>(seen)
        };
        // A tensor is copied only to be moved: constants may be large.
        let given = |operand: &Operand| -> Result<Cow<'_, Tensor>, OperatorError> {
            let source = match operand.source {
                Source::Value(index) => job.operands.get(index).copied(),
                Source::Constant(index) => self.constants.get(index).map(Arc::as_ref),
                Source::Output => Some(&*job.output),
            };
            let source = source.ok_or_else(|| self.spec.absent())?;
            match operand.view.split_first() {
                None => Ok(Cow::Borrowed(source)),
                Some((first, rest)) => moved(run(first, &[source])?, rest).map(Cow::Owned),
            }
        };
        let operands = self.spec.operands.iter().map(given).collect::<Result<Vec<_>, _>>()?;
        let operands: Vec<&Tensor> = operands.iter().map(AsRef::as_ref).collect();
        let mut result = run(&self.spec.operator, &operands)?;
        for link in &self.spec.chain {
            let others = link.operands.iter().map(|operand| match operand {
                LinkOperand::Chain => Ok(Cow::Borrowed(&result)),
                LinkOperand::Other(other) => given(other),
            });
            let others = others.collect::<Result<Vec<_>, _>>()?;
            let others: Vec<&Tensor> = others.iter().map(AsRef::as_ref).collect();
            let next = run(&link.operator, &others)?;
            result = next;
        }
        *job.output = moved(result, &self.spec.layout)?;
        Ok(())
    }
}
