//! A program while it is being lowered: canonical operators over values whose constants are at hand.
//!
//! Operands come before their readers; types are inferred at every step. Constants are shared: the graphs of several runs
//! of one closure hold a model's weights once.

use std::sync::Arc;

use gainsay_canon::{Operator, OperatorError, Tensor, TensorType};

/// The number of a value in a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ValueId(u32);

impl ValueId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// The input at this position.
    Input(usize),
    /// Known when the program is captured.
    Constant { name: ConstantName, tensor: Arc<Tensor> },
    /// Computed.
    Operator { operator: Operator, operands: Vec<ValueId> },
}

/// What a constant is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConstantName {
    /// A parameter, by its module path.
    Parameter(String),
    /// Computed from parameters with this common path.
    Derived(String),
    /// Derived from the model's configuration alone.
    Anonymous,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) origin: Origin,
    pub(crate) tensor_type: TensorType,
}

/// The program.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<(String, TensorType)>,
    pub(crate) values: Vec<Value>,
    pub(crate) outputs: Vec<(String, ValueId)>,
}

impl Graph {
    pub(crate) fn input(&mut self, name: String, tensor_type: TensorType) -> ValueId {
        self.inputs.push((name, tensor_type.clone()));
        self.add(Origin::Input(self.inputs.len() - 1), tensor_type)
    }

    pub(crate) fn constant(&mut self, name: ConstantName, tensor: Arc<Tensor>) -> ValueId {
        let tensor_type = tensor.tensor_type().clone();
        self.add(Origin::Constant { name, tensor }, tensor_type)
    }

    /// Applies an operator.
    pub(crate) fn push(
        &mut self,
        operator: Operator,
        operands: &[ValueId],
    ) -> Result<ValueId, OperatorError> {
        let types: Vec<TensorType> =
            operands.iter().filter_map(|&operand| self.type_of(operand)).cloned().collect();
        let mut results = operator.infer(&types)?;
        // Every operator of version 1 has exactly one result.
        let Some(tensor_type) = results.pop() else {
            return Err(OperatorError::Arity {
                operator: operator.name(),
                expected: "one result",
                found: 0,
            });
        };
        Ok(self.add(Origin::Operator { operator, operands: operands.to_vec() }, tensor_type))
    }

    fn add(&mut self, origin: Origin, tensor_type: TensorType) -> ValueId {
        self.values.push(Value { origin, tensor_type });
        ValueId(self.values.len() as u32 - 1)
    }

    pub(crate) fn get(&self, value: ValueId) -> Option<&Value> {
        self.values.get(value.index())
    }

    pub(crate) fn type_of(&self, value: ValueId) -> Option<&TensorType> {
        self.get(value).map(|value| &value.tensor_type)
    }

    /// Every value with its number, in order.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (ValueId, &Value)> {
        (0..).map(ValueId).zip(&self.values)
    }

    /// The first way in which the graphs differ, in words.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        for (at, (left, right)) in self.values.iter().zip(&other.values).enumerate() {
            let what = match (&left.origin, &right.origin) {
                _ if left == right => continue,
                (Origin::Constant { name, .. }, Origin::Constant { .. })
                    if left.tensor_type == right.tensor_type =>
                {
                    format!("the values of a constant {}{name}", left.tensor_type)
                }
                (Origin::Operator { operator, .. }, Origin::Operator { operator: second, .. }) => {
                    format!("`{operator}` in one run, `{second}` in another, at value {at}")
                }
                _ => format!(
                    "value {at} is {} in one run, {} in another",
                    left.tensor_type, right.tensor_type
                ),
            };
            return Some(what);
        }
        if self.values.len() != other.values.len() {
            return Some(format!(
                "{} values in one run, {} in another",
                self.values.len(),
                other.values.len()
            ));
        }
        (self != other).then(|| "the inputs or outputs".to_owned())
    }
}

impl std::fmt::Display for ConstantName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Parameter(path) | Self::Derived(path) => write!(f, " of `{path}`"),
            Self::Anonymous => Ok(()),
        }
    }
}
