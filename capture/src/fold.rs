//! What depends on constants alone is computed once, by the reference kernels, and becomes a constant itself.
//!
//! The importer's CPU has no say in it: the arithmetic is the canonical one. Tensors that are only one value or
//! one row repeated (`full`, `expand`) stay operators, since they cost a run nothing and an artifact much.
//! Values that no output needs are left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use gainsay_canon::{Kernels, Operator, OperatorError, Tensor};

use crate::graph::{ConstantName, Graph, Origin, Value, ValueId};

/// The graph with its constants folded and its dead values gone.
pub(crate) fn fold(graph: Graph, kernels: &Kernels) -> Result<Graph, OperatorError> {
    let plan = Plan::of(&graph);
    let mut computed: BTreeMap<ValueId, Arc<Tensor>> = BTreeMap::new();
    let mut folded = Graph::default();
    let mut moved: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut paths: BTreeMap<ValueId, String> = BTreeMap::new();
    for (id, Value { origin, tensor_type }) in graph.numbered() {
        let path = plan.is_constant(id).then(|| common_path(origin, &paths)).flatten();
        if let Some(path) = path {
            paths.insert(id, path);
        }
        if plan.computed[id.index()] {
            computed.insert(id, compute(origin, &computed, kernels)?);
        }
        let value = match origin {
            Origin::Input(position) => {
                let name =
                    graph.inputs.get(*position).map(|(name, _)| name.clone()).unwrap_or_default();
                folded.input(name, tensor_type.clone())
            }
            _ if !plan.kept[id.index()] => continue,
            Origin::Constant { name, tensor } => folded.constant(name.clone(), tensor.clone()),
            Origin::Operator { .. } if plan.computed[id.index()] => match computed.get(&id) {
                Some(tensor) => folded.constant(derived(paths.get(&id)), tensor.clone()),
                None => continue,
            },
            Origin::Operator { operator, operands } => {
                let operands: Vec<ValueId> =
                    operands.iter().filter_map(|operand| moved.get(operand)).copied().collect();
                folded.push(operator.clone(), &operands)?
            }
        };
        moved.insert(id, value);
    }
    folded.outputs = graph
        .outputs
        .into_iter()
        .filter_map(|(name, value)| moved.get(&value).map(|&value| (name, value)))
        .collect();
    Ok(folded)
}

/// What becomes of every value.
struct Plan {
    constant: Vec<bool>,
    /// Stands in the folded graph.
    kept: Vec<bool>,
    /// Is computed while folding.
    computed: Vec<bool>,
}

impl Plan {
    fn of(graph: &Graph) -> Self {
        let count = graph.values.len();
        let mut plan =
            Self { constant: Vec::new(), kept: vec![false; count], computed: vec![false; count] };
        for value in &graph.values {
            let constant = match &value.origin {
                Origin::Input(_) => false,
                Origin::Constant { .. } => true,
                Origin::Operator { operands, .. } => {
                    operands.iter().all(|&operand| plan.is_constant(operand))
                }
            };
            plan.constant.push(constant);
        }
        for (_, value) in &graph.outputs {
            plan.kept[value.index()] = true;
        }
        // Operands come before their readers, so one walk backwards sees every reader first.
        for (at, value) in graph.values.iter().enumerate().rev() {
            plan.spread(at, &value.origin);
        }
        plan
    }

    fn spread(&mut self, at: usize, origin: &Origin) {
        let Origin::Operator { operator, operands } = origin else { return };
        let repeated = matches!(operator, Operator::Full { .. } | Operator::Expand { .. });
        if self.kept[at] && self.constant[at] && !repeated {
            self.computed[at] = true;
        }
        for operand in operands {
            if self.computed[at] {
                self.computed[operand.index()] = true;
            } else if self.kept[at] {
                self.kept[operand.index()] = true;
            }
        }
    }

    fn is_constant(&self, value: ValueId) -> bool {
        self.constant.get(value.index()).copied().unwrap_or(false)
    }
}

fn compute(
    origin: &Origin,
    computed: &BTreeMap<ValueId, Arc<Tensor>>,
    kernels: &Kernels,
) -> Result<Arc<Tensor>, OperatorError> {
    let missing = |operator: &Operator| OperatorError::Arity {
        operator: operator.name(),
        expected: "constants",
        found: 0,
    };
    match origin {
        Origin::Constant { tensor, .. } => Ok(tensor.clone()),
        Origin::Input(_) => Err(missing(&Operator::Where)),
        Origin::Operator { operator, operands } => {
            let operands: Vec<&Tensor> = operands
                .iter()
                .filter_map(|operand| computed.get(operand))
                .map(Arc::as_ref)
                .collect();
            let tensor = kernels.run(operator, &operands)?.pop();
            tensor.map(Arc::new).ok_or_else(|| missing(operator))
        }
    }
}

/// The path that all parameters behind a constant share, if it has any.
fn common_path(origin: &Origin, paths: &BTreeMap<ValueId, String>) -> Option<String> {
    match origin {
        Origin::Constant {
            name: ConstantName::Parameter(path) | ConstantName::Derived(path),
            ..
        } => Some(path.clone()),
        Origin::Operator { operands, .. } => operands
            .iter()
            .filter_map(|operand| paths.get(operand))
            .cloned()
            .reduce(|left, right| {
                let shared =
                    left.split('.').zip(right.split('.')).take_while(|(left, right)| left == right);
                shared.map(|(name, _)| name).collect::<Vec<_>>().join(".")
            }),
        Origin::Input(_) | Origin::Constant { .. } => None,
    }
}

fn derived(path: Option<&String>) -> ConstantName {
    match path {
        Some(path) if !path.is_empty() => ConstantName::Derived(path.clone()),
        _ => ConstantName::Anonymous,
    }
}
