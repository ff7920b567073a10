//! From Burn's recorded operations to canonical operators.
//!
//! Only what the outputs need is lowered, so an operation is refused only if it matters. Burn's semantics per
//! operation are followed exactly; every result's type is compared with the type that Burn recorded.

mod activation;
mod attention;
mod base;
mod convolution;
mod indexing;
mod linear;
mod module;
mod numeric;
mod order;
mod pooling;
mod reduction;
mod sampling;
mod steps;
#[cfg(test)]
mod tests;
mod typed;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use burn::tensor::TensorData;
use burn_capture::TensorId;
use burn_ir::{OperationIr, TensorIr};
use gainsay_canon::Tensor;

use crate::error::{Fault, Nearby, Place, Refusal};
use crate::graph::{ConstantName, Graph, Origin, ValueId};
use crate::parameters::module_of;
use crate::record::{Recording, default_name};
use crate::table::{Rule, entry};

/// Lowers a recording. Constants that an earlier run had at the same place are shared with its graph.
///
/// # Errors
/// Names the first operation that has no canonical form.
pub(crate) fn lower(
    recording: &Recording,
    names: &[Option<String>],
    earlier: Option<&Graph>,
) -> Result<Graph, Fault> {
    let needed = needed(recording);
    let mut lowering = Lowering {
        recording,
        earlier,
        graph: Graph::default(),
        values: BTreeMap::new(),
        readers: readers(recording, &needed),
    };
    lowering.inputs(names)?;
    for (at, operation) in recording.operations.iter().enumerate() {
        if operation.outputs().any(|out| needed.contains(&out.id)) {
            lowering.operation(operation).map_err(|refusal| Fault::Operation {
                place: Box::new(place(recording, at)),
                refusal,
            })?;
        }
    }
    for (name, id) in &recording.outputs {
        let value = lowering.by_id(*id);
        let value = value.map_err(|refusal| Fault::Value { name: name.clone(), refusal })?;
        lowering.graph.outputs.push((name.clone(), value));
    }
    Ok(lowering.graph)
}

/// The tensors that some output depends on.
fn needed(recording: &Recording) -> BTreeSet<TensorId> {
    let mut needed: BTreeSet<TensorId> = recording.outputs.iter().map(|(_, id)| *id).collect();
    for operation in recording.operations.iter().rev() {
        if operation.outputs().any(|out| needed.contains(&out.id)) {
            needed.extend(operation.inputs().map(|tensor| tensor.id));
        }
    }
    needed
}

/// How often each tensor is read by what is needed, or returned.
fn readers(recording: &Recording, needed: &BTreeSet<TensorId>) -> BTreeMap<TensorId, usize> {
    let mut readers: BTreeMap<TensorId, usize> = BTreeMap::new();
    let operations = recording.operations.iter();
    let read = operations
        .filter(|operation| operation.outputs().any(|out| needed.contains(&out.id)))
        .flat_map(|operation| operation.inputs().map(|tensor| tensor.id));
    for id in read.chain(recording.outputs.iter().map(|(_, id)| *id)) {
        *readers.entry(id).or_default() += 1;
    }
    readers
}

/// Where in the module an operation stands, by the parameters read around it.
fn place(recording: &Recording, at: usize) -> Place {
    let module = |operation: &OperationIr| {
        let paths = operation.inputs().filter_map(|tensor| recording.parameters.get(&tensor.id));
        paths.map(|path| module_of(path)).next()
    };
    let computed = |operation: &&OperationIr| {
        let mut outputs = operation.outputs();
        !matches!(operation, OperationIr::Init(_))
            && !outputs.any(|out| recording.inputs.contains(&out.id))
    };
    let (before, rest) = recording.operations.split_at(at.min(recording.operations.len()));
    let (operation, after) =
        rest.split_first().map_or((None, rest), |(first, after)| (Some(first), after));
    Place {
        operator: operation.map(operator).unwrap_or_default(),
        position: before.iter().filter(computed).count() + 1,
        of: recording.operations.iter().filter(computed).count(),
        nearby: Nearby {
            inside: operation.and_then(module),
            after: before.iter().rev().find_map(module),
            before: after.iter().find_map(module),
        },
    }
}

/// An operation's name, for a custom one its id.
fn operator(operation: &OperationIr) -> String {
    match operation {
        OperationIr::Custom(custom) => custom.id.clone(),
        _ => entry(operation).operator.to_owned(),
    }
}

/// A lowering under way.
struct Lowering<'a> {
    recording: &'a Recording,
    earlier: Option<&'a Graph>,
    graph: Graph,
    values: BTreeMap<TensorId, ValueId>,
    /// How often each tensor is read.
    readers: BTreeMap<TensorId, usize>,
}

type Step = Result<ValueId, Refusal>;

impl Lowering<'_> {
    fn inputs(&mut self, names: &[Option<String>]) -> Result<(), Fault> {
        let outputs = self.recording.operations.iter().flat_map(OperationIr::outputs);
        let produced: BTreeMap<TensorId, &TensorIr> =
            outputs.map(|tensor| (tensor.id, tensor)).collect();
        let count = self.recording.inputs.len();
        for (position, id) in self.recording.inputs.iter().enumerate() {
            let given = names.get(position).cloned().flatten();
            let name = given.unwrap_or_else(|| default_name("input", position, count));
            let tensor = produced.get(id).ok_or(Refusal::Unknown);
            let tensor_type = tensor
                .and_then(|tensor| value::tensor_type(tensor))
                .map_err(|refusal| Fault::Value { name: name.clone(), refusal })?;
            let value = self.graph.input(name, tensor_type);
            self.values.insert(*id, value);
        }
        Ok(())
    }

    /// The value of a tensor, which is an input, computed before, or a constant read for the first time.
    fn by_id(&mut self, id: TensorId) -> Step {
        if let Some(value) = self.values.get(&id) {
            return Ok(*value);
        }
        let data = self.recording.values.get(&id).ok_or(Refusal::Unknown)?;
        let name = match self.recording.parameters.get(&id) {
            Some(path) => ConstantName::Parameter(path.clone()),
            None => ConstantName::Anonymous,
        };
        let tensor = match self.known_constant(data) {
            Some(tensor) => tensor,
            None => Arc::new(value::tensor(data)?),
        };
        let value = self.graph.constant(name, tensor);
        self.values.insert(id, value);
        Ok(value)
    }

    /// The constant at this place in an earlier run, if it is the same one.
    fn known_constant(&self, data: &TensorData) -> Option<Arc<Tensor>> {
        match &self.earlier?.values.get(self.graph.values.len())?.origin {
            Origin::Constant { tensor, .. } if value::is(data, tensor) => Some(Arc::clone(tensor)),
            _ => None,
        }
    }

    fn read(&mut self, tensor: &TensorIr) -> Step {
        self.by_id(tensor.id)
    }

    /// Says that `value` is what Burn calls `out`.
    fn define(&mut self, out: &TensorIr, value: ValueId) -> Result<(), Refusal> {
        let expected = value::tensor_type(out)?;
        match self.graph.type_of(value) {
            Some(found) if *found == expected => {
                self.values.insert(out.id, value);
                Ok(())
            }
            Some(found) => Err(Refusal::Type { expected, found: found.clone() }),
            None => Err(Refusal::Unknown),
        }
    }

    fn operation(&mut self, operation: &OperationIr) -> Result<(), Refusal> {
        // An input without a value is recorded as an empty tensor: it is defined already.
        if operation.outputs().all(|out| self.values.contains_key(&out.id)) {
            return Ok(());
        }
        if let Rule::Refused(reason) = entry(operation).rule {
            return Err(Refusal::Refused(reason));
        }
        match operation {
            OperationIr::Init(_) | OperationIr::Drop(_) => Ok(()),
            OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => {
                self.base(op)
            }
            OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => self.numeric(op),
            OperationIr::Float(_, op) => self.float(op),
            OperationIr::Int(op) => self.int(op),
            OperationIr::Bool(op) => self.boolean(op),
            OperationIr::Module(op) => self.module(op),
            OperationIr::Activation(op) => self.activation(op),
            OperationIr::Custom(_) | OperationIr::Distributed(_) => Err(Refusal::Unknown),
        }
    }
}
