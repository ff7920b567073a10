//! A root with no trace behind it: the model is never run.
//!
//! It is admitted, because `S_0` and the made-up outputs are where they must be and the padding is EMPTY; every
//! other hash on their paths is random. Beyond those paths nothing is known, so nothing there can be answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use gainsay_canon::{DType, Tensor, TensorType};
use gainsay_commitment::{
    Arity, Context, Digest, DigestHasher, NodeId, Opening, TraceShape, descendants, empty,
    leaf_digest, trace_digest,
};
use gainsay_model::{Evidence, RunError, port_state};
use gainsay_player::TraceSource;

use super::wrong_weights::Numbers;
use super::{Assignment, ConductError, Defence, Performance};

/// The nodes on the paths of the first and the last state, and nothing else.
#[derive(Debug)]
struct Garbage {
    shape: TraceShape,
    nodes: BTreeMap<NodeId, Digest>,
    root: Digest,
}

/// A claim about made-up outputs.
pub(super) fn perform(assignment: &Assignment, seed: u64) -> Result<Performance, ConductError> {
    let mut numbers = Numbers(seed);
    let program = assignment.runner.program();
    let ports = program.program().outputs.iter();
    let outputs = ports
        .filter_map(|output| program.type_of(output.slot))
        .map(|tensor_type| made_up(tensor_type, &mut numbers))
        .collect::<Result<Vec<_>, _>>()?;
    let shape = TraceShape::new(assignment.layers())?;
    let first = port_state(&assignment.inputs).digest(0);
    let last = port_state(&outputs).digest(shape.layers());
    let source = Arc::new(Garbage::new(shape, first, last, &mut numbers));
    Ok(Performance { source, outputs, defence: Defence::Answers })
}

fn made_up(
    tensor_type: &TensorType,
    numbers: &mut Numbers,
) -> Result<Tensor, gainsay_canon::TensorError> {
    let count = tensor_type.elements()?;
    let shape = tensor_type.shape.clone();
    match tensor_type.dtype {
        DType::F32 => Tensor::f32(shape, (0..count).map(|_| numbers.unit()).collect()),
        DType::Bool => Tensor::bool(shape, (0..count).map(|_| numbers.next() & 1 == 1).collect()),
        _ => {
            let bytes: Vec<u8> = (0..tensor_type.byte_len()?)
                .map(|_| numbers.next().to_le_bytes().first().copied().unwrap_or(0))
                .collect();
            Tensor::from_bytes(tensor_type, &bytes)
        }
    }
}

impl Garbage {
    fn new(shape: TraceShape, first: Digest, last: Digest, numbers: &mut Numbers) -> Self {
        let states = shape.states();
        let mut nodes = BTreeMap::from([
            (NodeId::leaf(0), leaf_digest(0, states, first)),
            (NodeId::leaf(shape.layers()), leaf_digest(shape.layers(), states, last)),
        ]);
        for level in 0..shape.depth() {
            let path: Vec<NodeId> =
                nodes.keys().filter(|node| node.level == level).copied().collect();
            for node in path {
                let (left, right) = (node.index & !1, node.index | 1);
                let mut known = |index| {
                    let place = NodeId { level, index };
                    *nodes.entry(place).or_insert_with(|| random_node(shape, place, numbers))
                };
                let (left, right) = (known(left), known(right));
                let above = NodeId { level: level + 1, index: node.index >> 1 };
                nodes.insert(above, node_above(&left, &right));
            }
        }
        let top = nodes.get(&shape.root()).copied().unwrap_or_default();
        Self { shape, nodes, root: trace_digest(states, top) }
    }
}

fn random_node(shape: TraceShape, place: NodeId, numbers: &mut Numbers) -> Digest {
    match empty(place.level) {
        Some(empty) if shape.is_padding(place) => empty,
        _ => {
            let mut bytes = [0; 32];
            for part in bytes.chunks_mut(8) {
                part.copy_from_slice(&numbers.next().to_le_bytes());
            }
            Digest(bytes)
        }
    }
}

fn node_above(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = DigestHasher::new(Context::Node);
    hasher.update(left.as_bytes()).update(right.as_bytes()).finish()
}

impl TraceSource for Garbage {
    fn root(&self) -> Digest {
        self.root
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        descendants(node, arity).into_iter().map(|place| self.nodes.get(&place).copied()).collect()
    }

    fn opening(&self, index: u32) -> Option<Opening> {
        let beside = |level: u8| NodeId { level, index: (index >> level) ^ 1 };
        let siblings = (0..self.shape.depth()).map(|level| self.nodes.get(&beside(level)).copied());
        Some(Opening { index, siblings: siblings.collect::<Option<_>>()? })
    }

    fn evidence(&self, _layer: u32) -> Result<Option<Evidence>, RunError> {
        Ok(None)
    }
}
