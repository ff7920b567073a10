//! Writing a program one operator at a time, with types checked at every step.
//!
//! [`ProgramBuilder::finish`] gives the program its one form: instructions that no output needs are left
//! out, weights that nothing reads too, and slots are numbered inputs, weights, instructions.

use std::collections::BTreeMap;

use gainsay_canon::{Operator, OperatorError, TensorType};

use crate::program::{Input, Instruction, Output, Program, Slot};

/// A value while a program is being written; its slot is known only when the program is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A value of another builder.
    #[error("{operator} reads a value that is not of this program")]
    Value {
        /// Who reads it.
        operator: &'static str,
    },
    /// An operator that does not take these operands.
    #[error("step {step} ({operator}): {source}")]
    Operator {
        /// How many operators were written before.
        step: usize,
        /// The operator.
        operator: &'static str,
        /// Canon's reason.
        #[source]
        source: OperatorError,
    },
    /// An operator with more or fewer results than one.
    #[error("step {step} ({operator}) does not have exactly one result")]
    Results {
        /// How many operators were written before.
        step: usize,
        /// The operator.
        operator: &'static str,
    },
}

#[derive(Clone, Debug)]
enum Source {
    Input(u32),
    Weight,
    Operator { operator: Operator, operands: Vec<Value> },
}

/// A program being written.
#[derive(Clone, Debug)]
pub struct ProgramBuilder {
    name: String,
    inputs: Vec<Input>,
    values: Vec<(Source, TensorType)>,
    weights: BTreeMap<u32, Value>,
    steps: usize,
    outputs: Vec<(String, Value)>,
}

impl ProgramBuilder {
    /// An empty program.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            inputs: Vec::new(),
            values: Vec::new(),
            weights: BTreeMap::new(),
            steps: 0,
            outputs: Vec::new(),
        }
    }

    /// Adds the next input.
    pub fn input(&mut self, name: impl Into<String>, tensor: TensorType) -> Value {
        let position = self.inputs.len() as u32;
        self.inputs.push(Input { name: name.into(), tensor: tensor.clone() });
        self.value(Source::Input(position), tensor)
    }

    /// The weight at `index` of the artifact's weights; the same value however often it is asked for.
    pub fn weight(&mut self, index: u32, tensor: TensorType) -> Value {
        if let Some(value) = self.weights.get(&index) {
            return *value;
        }
        let value = self.value(Source::Weight, tensor);
        self.weights.insert(index, value);
        value
    }

    /// Applies an operator.
    ///
    /// # Errors
    /// If canon does not define the operator for these operands.
    pub fn push(&mut self, operator: Operator, operands: &[Value]) -> Result<Value, BuildError> {
        let name = operator.name();
        let types: Vec<TensorType> = operands
            .iter()
            .map(|&operand| {
                self.type_of(operand).cloned().ok_or(BuildError::Value { operator: name })
            })
            .collect::<Result<_, _>>()?;
        let step = self.steps;
        let refused = |source| BuildError::Operator { step, operator: name, source };
        let results = operator.infer(&types).map_err(refused)?;
        let [tensor] = <[TensorType; 1]>::try_from(results)
            .map_err(|_| BuildError::Results { step, operator: name })?;
        self.steps += 1;
        Ok(self.value(Source::Operator { operator, operands: operands.to_vec() }, tensor))
    }

    /// Returns a value; one value may be returned more than once.
    pub fn output(&mut self, name: impl Into<String>, value: Value) {
        self.outputs.push((name.into(), value));
    }

    /// The type of a value of this builder.
    pub fn type_of(&self, value: Value) -> Option<&TensorType> {
        self.values.get(value.0 as usize).map(|(_, tensor)| tensor)
    }

    /// The program, without what no output needs. Limits and names are checked by [`Program::validate`].
    pub fn finish(self) -> Program {
        let needed = self.needed();
        let is_needed = |value: Value| needed.get(value.0 as usize).copied().unwrap_or(false);
        let weights: Vec<(u32, Value)> =
            self.weights.iter().map(|(i, v)| (*i, *v)).filter(|(_, v)| is_needed(*v)).collect();

        let mut slots: Vec<Slot> = vec![Slot(u32::MAX); self.values.len()];
        for (position, (_, value)) in weights.iter().enumerate() {
            set(&mut slots, value.0, (self.inputs.len() + position) as u32);
        }
        let mut next = (self.inputs.len() + weights.len()) as u32;
        let mut instructions = Vec::new();
        for (at, (source, _)) in (0u32..).zip(self.values) {
            match source {
                Source::Input(position) => set(&mut slots, at, position),
                Source::Weight => {}
                Source::Operator { operator, operands } if is_needed(Value(at)) => {
                    set(&mut slots, at, next);
                    next += 1;
                    let operands = operands.iter().map(|&operand| slot(&slots, operand)).collect();
                    instructions.push(Instruction { operator, operands });
                }
                Source::Operator { .. } => {}
            }
        }
        let outputs = self.outputs.into_iter();
        Program {
            name: self.name,
            inputs: self.inputs,
            weights: weights.into_iter().map(|(index, _)| index).collect(),
            instructions,
            outputs: outputs
                .map(|(name, value)| Output { name, slot: slot(&slots, value) })
                .collect(),
        }
    }

    fn value(&mut self, source: Source, tensor: TensorType) -> Value {
        let value = Value(self.values.len() as u32);
        self.values.push((source, tensor));
        value
    }

    /// Which values some output depends on.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.values.len()];
        let mark = |needed: &mut Vec<bool>, value: &Value| {
            if let Some(entry) = needed.get_mut(value.0 as usize) {
                *entry = true;
            }
        };
        self.outputs.iter().for_each(|(_, value)| mark(&mut needed, value));
        // Operands come before their readers, so one walk backwards sees every reader first.
        for (at, (source, _)) in self.values.iter().enumerate().rev() {
            if let (Source::Operator { operands, .. }, Some(true)) = (source, needed.get(at)) {
                operands.iter().for_each(|operand| mark(&mut needed, operand));
            }
        }
        needed
    }
}

fn set(slots: &mut [Slot], at: u32, number: u32) {
    if let Some(slot) = slots.get_mut(at as usize) {
        *slot = Slot(number);
    }
}

/// The slot of a value; one that does not exist gets a slot that validation refuses.
fn slot(slots: &[Slot], value: Value) -> Slot {
    slots.get(value.0 as usize).copied().unwrap_or(Slot(u32::MAX))
}
