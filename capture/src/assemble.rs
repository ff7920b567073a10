//! Folded graphs as one artifact: weights named and shared, programs written by the model's builder.

use std::sync::Arc;

use gainsay_canon::Tensor;
use gainsay_model::{Artifact, BuildError, Program, ProgramBuilder, Value as Built};

use crate::error::{CaptureError, Fault};
use crate::graph::{ConstantName, Graph, Origin};

/// The artifact of these programs.
pub(crate) fn assemble(name: &str, graphs: Vec<(String, Graph)>) -> Result<Artifact, CaptureError> {
    let mut weights = Weights::default();
    let mut programs = Vec::with_capacity(graphs.len());
    for (program, graph) in graphs {
        let written = write(&program, graph, &mut weights);
        programs.push(written.map_err(|source| CaptureError::Program {
            program,
            fault: Box::new(Fault::Build(source)),
        })?);
    }
    Ok(Artifact::new(name, weights.named, programs)?)
}

fn write(name: &str, graph: Graph, weights: &mut Weights) -> Result<Program, BuildError> {
    let mut builder = ProgramBuilder::new(name);
    let mut built: Vec<Built> = Vec::with_capacity(graph.values.len());
    for value in graph.values {
        built.push(match value.origin {
            Origin::Input(position) => {
                let name =
                    graph.inputs.get(position).map(|(name, _)| name.as_str()).unwrap_or_default();
                builder.input(name, value.tensor_type)
            }
            Origin::Constant { name, tensor } => {
                let index = weights.index(&name, tensor);
                builder.weight(index, value.tensor_type)
            }
            Origin::Operator { operator, operands } => {
                let operands: Vec<Built> = operands
                    .iter()
                    .filter_map(|operand| built.get(operand.index()))
                    .copied()
                    .collect();
                builder.push(operator, &operands)?
            }
        });
    }
    for (name, value) in graph.outputs {
        if let Some(&value) = built.get(value.index()) {
            builder.output(name, value);
        }
    }
    Ok(builder.finish())
}

/// The weights of an artifact: each content under each base name once.
#[derive(Default)]
struct Weights {
    named: Vec<(String, Tensor)>,
}

impl Weights {
    /// The index of a constant. The same content is not stored twice under one name; another content gets a number.
    fn index(&mut self, name: &ConstantName, tensor: Arc<Tensor>) -> u32 {
        let mut number = 0usize;
        loop {
            let candidate = match (name, number) {
                (ConstantName::Parameter(path), 0) => path.clone(),
                (ConstantName::Parameter(path), number) => format!("{path}.{number}"),
                (ConstantName::Derived(path), 0) => format!("{path}.folded"),
                (ConstantName::Derived(path), number) => format!("{path}.folded.{number}"),
                (ConstantName::Anonymous, number) => format!("constant.{number}"),
            };
            match self.named.iter().position(|(name, _)| *name == candidate) {
                Some(at) if self.named.get(at).is_some_and(|(_, known)| *known == *tensor) => {
                    return at as u32;
                }
                Some(_) => number += 1,
                None => {
                    self.named.push((candidate, Arc::unwrap_or_clone(tensor)));
                    return self.named.len() as u32 - 1;
                }
            }
        }
    }
}
