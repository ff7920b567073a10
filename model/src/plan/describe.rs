//! A plan described: as text for people, and as a value to be serialised for programs.

use std::fmt;

use gainsay_canon::{LinkOperand, Operand, Operator, Source};
use serde::Serialize;

use super::fusion::Constant;
use super::{Place, Plan, PlannedStep};
use crate::typed::TypedProgram;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepDescription {
    /// Its position.
    pub step: usize,
    /// The layer it belongs to, or the part of a finer trace; from 1.
    pub part: usize,
    /// The operator with its attributes.
    pub operator: String,
    /// What it reads, with the movement operators it is seen through.
    pub operands: Vec<String>,
    /// The elementwise operators that follow.
    pub chain: Vec<String>,
    /// The movement operators that arrange the result.
    pub layout: Vec<String>,
    /// The buffer written; of the same buffer's earlier content if `in_place`.
    pub buffer: usize,
    /// Whether an operand is overwritten.
    pub in_place: bool,
    /// The last step during which the result is needed.
    pub until: usize,
    /// The type of the result.
    pub result: String,
    /// Its bytes.
    pub bytes: u64,
    /// The positions of the instructions carried out.
    pub instructions: Vec<u32>,
    /// Their arithmetic, in FLOP.
    pub flop: u64,
}

/// A whole plan. `Display` writes it for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanDescription {
    /// The steps, in the order they run.
    pub steps: Vec<StepDescription>,
    /// The instructions of the program.
    pub instructions: usize,
    /// Bytes of each buffer.
    pub buffers: Vec<u64>,
    /// Bytes of all buffers together.
    pub planned_bytes: u64,
}

impl Plan {
    /// Describes the plan of `program`.
    pub fn describe(&self, program: &TypedProgram) -> PlanDescription {
        let describe = |(index, step): (usize, &PlannedStep)| {
            let flop = |at: &u32| program.costs().get(*at as usize).copied().unwrap_or(0);
            StepDescription {
                step: index,
                part: self.boundaries.partition_point(|boundary| boundary.steps_end <= index),
                operator: operator(&step.spec.operator),
                operands: step
                    .spec
                    .operands
                    .iter()
                    .map(|x| self.operand(x, step, program))
                    .collect(),
                chain: self.chain(step, program),
                layout: step.spec.layout.iter().map(operator).collect(),
                buffer: step.buffer,
                in_place: step.over.is_some(),
                until: step.until,
                result: step.result.to_string(),
                bytes: step.result.byte_len().unwrap_or(0) as u64,
                instructions: step.instructions.clone(),
                flop: step.instructions.iter().map(flop).sum(),
            }
        };
        PlanDescription {
            steps: self.steps.iter().enumerate().map(describe).collect(),
            instructions: program.program().instructions.len(),
            buffers: self.buffers.iter().map(|x| x.byte_len().unwrap_or(0) as u64).collect(),
            planned_bytes: self.planned_bytes(),
        }
    }

    fn chain(&self, step: &PlannedStep, program: &TypedProgram) -> Vec<String> {
        let link = |link: &gainsay_canon::Link| {
            let operands: Vec<String> = link
                .operands
                .iter()
                .map(|operand| match operand {
                    LinkOperand::Chain => "_".to_owned(),
                    LinkOperand::Other(other) => self.operand(other, step, program),
                })
                .collect();
            format!("{}({})", operator(&link.operator), operands.join(", "))
        };
        step.spec.chain.iter().map(link).collect()
    }

    fn operand(&self, operand: &Operand, step: &PlannedStep, program: &TypedProgram) -> String {
        let base = match operand.source {
            Source::Output => step.over.map_or("output".to_owned(), |made| format!("#{made}")),
            Source::Value(at) => {
                match step.values.get(at).map(|value| (value.place, value.made_by)) {
                    Some((_, Some(made))) => format!("#{made}"),
                    Some((Place::Input(at), _)) => {
                        let input = program.program().inputs.get(at as usize);
                        input.map_or("?".to_owned(), |input| input.name.clone())
                    }
                    _ => "?".to_owned(),
                }
            }
            Source::Constant(at) => {
                let constant = step.constants.get(at).copied();
                constant.map_or("?".to_owned(), |at| self.constant(at, program))
            }
        };
        let view = operand.view.iter().map(|seen| format!(".{}", operator(seen)));
        [base].into_iter().chain(view).collect()
    }

    fn constant(&self, at: usize, program: &TypedProgram) -> String {
        match self.constants.get(at) {
            // The program's weights are the first constants, in their order.
            Some(Constant::Weight(_)) => {
                program.weight_names().get(at).cloned().unwrap_or("?".to_owned())
            }
            Some(Constant::Moved { constant, view, .. }) => {
                let view = view.iter().map(|seen| format!(".{}", operator(seen)));
                [self.constant(*constant, program)].into_iter().chain(view).collect()
            }
            None => "?".to_owned(),
        }
    }
}

/// The operator's name and attributes, as the artifact's description writes them.
fn operator(operator: &Operator) -> String {
    operator.to_string()
}

impl fmt::Display for PlanDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} steps for {} instructions, {} buffers of {} bytes",
            self.steps.len(),
            self.instructions,
            self.buffers.len(),
            self.planned_bytes
        )?;
        for step in &self.steps {
            let chain = step.chain.iter().map(|link| format!(" > {link}"));
            let layout = step.layout.iter().map(|seen| format!(" > {seen}"));
            writeln!(
                f,
                "{:>5}  {:>4}  {}({}){}{}  -> {} in buffer {}{}, {} bytes",
                format!("#{}", step.step),
                step.part,
                step.operator,
                step.operands.join(", "),
                chain.collect::<String>(),
                layout.collect::<String>(),
                step.result,
                step.buffer,
                if step.in_place { " in place" } else { "" },
                step.bytes,
            )?;
        }
        Ok(())
    }
}
