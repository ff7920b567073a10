//! A toy program: one tensor of eight bytes flows through `n` layers, each of which hashes it.
//!
//! It stands for the arithmetic. A [`Trace`] is one run of it, true or with lies at chosen states; a forged
//! one has nothing behind its root but the two openings that admission asks for.

use std::collections::BTreeMap;

use gainsay_commitment::{
    Arity, Context, Digest, NodeId, Opening, StateList, TraceShape, TraceTree, content,
    descendants, empty, hash_bytes, leaf_digest, trace_digest,
};
use gainsay_protocol::{PortType, ProgramFacts, TensorRef};

/// What flows: eight bytes.
pub type Value = [u8; 8];

/// Layer `index` of the toy program.
pub fn layer(index: u32, input: Value) -> Value {
    first_bytes(&[&index.to_le_bytes()[..], &input].concat())
}

fn first_bytes(bytes: &[u8]) -> Value {
    let digest = content(bytes);
    std::array::from_fn(|at| digest.0[at])
}

/// The value as a tensor of eight bytes.
pub fn tensor(value: Value) -> TensorRef {
    TensorRef { dtype: 1, shape: vec![8], content: content(&value) }
}

/// The number under which state `index` lists its tensor: a position at both ends, a slot between.
pub fn number(layers: u32, index: u32) -> u32 {
    if index == layers { 0 } else { index }
}

/// The list of state `index`.
pub fn list(layers: u32, index: u32, value: Value) -> StateList {
    StateList(vec![(number(layers, index), tensor(value).digest())])
}

/// What the registry says of the toy program.
pub fn facts(layers: u32) -> ProgramFacts {
    let port = PortType { dtype: 1, shape: vec![8] };
    ProgramFacts { layers, inputs: vec![port.clone()], outputs: vec![port], below: Vec::new() }
}

/// The run on the usual input that lies at those states only: bit `i - 1` for state `i`.
pub fn lie(layers: u32, wrong: u64, liar: u64) -> Trace {
    Trace::lying(layers, *b"the data", wrong, Lies::Inconsistent, liar)
}

#[derive(Clone, Debug)]
enum Tree {
    Grown(TraceTree),
    Forged { root: Digest, nodes: BTreeMap<NodeId, Digest> },
}

/// Which states are lies, and what follows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lies {
    /// After a lie the layers compute on from it.
    Consistent,
    /// After a lie the true states follow again.
    #[default]
    Inconsistent,
}

/// One run of the toy program, as somebody tells it.
#[derive(Clone, Debug)]
pub struct Trace {
    pub layers: u32,
    pub values: Vec<Value>,
    pub lists: Vec<StateList>,
    tree: Tree,
}

impl Trace {
    /// The true run.
    pub fn honest(layers: u32, input: Value) -> Self {
        Self::lying(layers, input, 0, Lies::Consistent, 0)
    }

    /// A run in which state `i` is a lie of `liar` for every set bit `i - 1` of `wrong`.
    pub fn lying(layers: u32, input: Value, wrong: u64, lies: Lies, liar: u64) -> Self {
        Self::told(layers, input, lies, |index| {
            let text = [&b"lie"[..], &liar.to_le_bytes(), &index.to_le_bytes()];
            (wrong >> (index - 1) & 1 == 1).then(|| first_bytes(&text.concat()))
        })
    }

    /// A run in which state `i` has the value that `lie` gives for it.
    pub fn told(layers: u32, input: Value, lies: Lies, lie: impl Fn(u32) -> Option<Value>) -> Self {
        let (mut values, mut truth) = (vec![input], input);
        for index in 1..=layers {
            truth = layer(index, truth);
            let before = values[index as usize - 1];
            values.push(match (lie(index), lies) {
                (Some(lie), _) => lie,
                (None, Lies::Consistent) => layer(index, before),
                (None, Lies::Inconsistent) => truth,
            });
        }
        let lists = (0..=layers).map(|i| list(layers, i, values[i as usize])).collect();
        Self::from_lists(layers, values, lists)
    }

    fn from_lists(layers: u32, values: Vec<Value>, lists: Vec<StateList>) -> Self {
        let states: Vec<Digest> = (0u32..).zip(&lists).map(|(i, list)| list.digest(i)).collect();
        Self { layers, values, lists, tree: Tree::Grown(TraceTree::new(&states).unwrap()) }
    }

    /// The same run with another list in one state: hashed all the same, but no state of the program.
    pub fn with_list(mut self, index: u32, list: StateList) -> Self {
        self.lists[index as usize] = list;
        Self::from_lists(self.layers, self.values, self.lists)
    }

    /// The same run with no value of its own behind state `index`, only a list of that tensor digest.
    pub fn with_unknown_tensor(self, index: u32) -> Self {
        let list =
            StateList(vec![(number(self.layers, index), content(b"nobody has these bytes"))]);
        self.with_list(index, list)
    }

    /// A root with the true openings of `S_0` and this run's `S_n`, and no trace between them.
    pub fn forged(layers: u32, input: Value, output: Value, forger: u64) -> Self {
        let shape = TraceShape::new(layers).unwrap();
        let mut values = vec![[0; 8]; layers as usize + 1];
        (values[0], values[layers as usize]) = (input, output);
        let lists: Vec<_> = (0..=layers).map(|i| list(layers, i, values[i as usize])).collect();
        let mut nodes = BTreeMap::new();
        let ends = [0, layers].map(|i| leaf_digest(i, layers + 1, lists[i as usize].digest(i)));
        let top = forge(shape, shape.root(), ends, forger, &mut nodes);
        let root = trace_digest(layers + 1, top);
        Self { layers, values, lists, tree: Tree::Forged { root, nodes } }
    }

    pub fn shape(&self) -> TraceShape {
        TraceShape::new(self.layers).unwrap()
    }

    pub fn root(&self) -> Digest {
        match &self.tree {
            Tree::Grown(tree) => tree.root(),
            Tree::Forged { root, .. } => *root,
        }
    }

    /// The hash of a node, if there is one behind this root.
    pub fn node(&self, node: NodeId) -> Option<Digest> {
        match &self.tree {
            Tree::Grown(tree) => tree.node(node).ok(),
            Tree::Forged { nodes, .. } => nodes.get(&node).copied(),
        }
    }

    /// The opening of a state, if it can be made.
    pub fn open(&self, index: u32) -> Option<Opening> {
        let siblings = (0..self.shape().depth())
            .map(|level| self.node(NodeId { level, index: (index >> level) ^ 1 }))
            .collect::<Option<_>>()?;
        Some(Opening { index, siblings })
    }

    /// The descendants that a dissection step asks for, if there are any behind this root.
    pub fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        descendants(node, arity).into_iter().map(|child| self.node(child)).collect()
    }

    pub fn state(&self, index: u32) -> Digest {
        self.lists[index as usize].digest(index)
    }

    pub fn output(&self) -> Value {
        self.values[self.layers as usize]
    }

    /// The first state in which two traces differ.
    pub fn first_difference(&self, other: &Self) -> Option<u32> {
        (0..=self.layers).find(|index| self.state(*index) != other.state(*index))
    }
}

/// Fills `nodes` with the paths of both ends, their siblings invented, and returns the hash of `node`.
pub fn forge(
    shape: TraceShape,
    node: NodeId,
    ends: [Digest; 2],
    forger: u64,
    nodes: &mut BTreeMap<NodeId, Digest>,
) -> Digest {
    let first = node.index << node.level;
    let span = first..first + (1 << node.level);
    let hash = if shape.is_padding(node) {
        empty(node.level).unwrap()
    } else if !span.contains(&0) && !span.contains(&shape.layers()) {
        let text =
            [&b"forged"[..], &forger.to_le_bytes(), &[node.level], &node.index.to_le_bytes()];
        content(&text.concat())
    } else if node.level == 0 {
        ends[usize::from(node.index > 0)]
    } else {
        let child = |index| NodeId { level: node.level - 1, index };
        let left = forge(shape, child(2 * node.index), ends, forger, nodes);
        let right = forge(shape, child(2 * node.index + 1), ends, forger, nodes);
        hash_bytes(Context::Node, &[left.0, right.0].concat())
    };
    nodes.insert(node, hash);
    hash
}
