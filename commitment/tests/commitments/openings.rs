//! Openings: what is accepted, and that nothing else is.

use gainsay_commitment::{
    Digest, NodeId, Opening, OpeningError, TraceShape, TraceTree, empty, leaf_digest, trace_digest,
};

use crate::reference;

#[test]
fn every_state_of_every_small_trace_opens_and_verifies() {
    for layers in 1..=200u32 {
        let states = reference::states(11, layers as usize + 1);
        let tree = TraceTree::new(&states).unwrap();
        let (shape, root) = (tree.shape(), tree.root());
        for (index, state) in (0u32..).zip(&states) {
            let opening = tree.open(index).unwrap();
            let opened = opening.verify(shape, index, *state, root).unwrap();
            assert_eq!(opened.nodes.len(), 2 * usize::from(shape.depth()) + 1);
            for (node, hash) in opened.nodes {
                assert_eq!(tree.node(node), Ok(hash), "{layers} layers, state {index}, {node:?}");
            }
        }
    }
}

#[test]
fn another_state_index_root_or_shape_is_refused() {
    for layers in 1..=40u32 {
        let states = reference::states(5, layers as usize + 1);
        let tree = TraceTree::new(&states).unwrap();
        let (shape, root) = (tree.shape(), tree.root());
        let wrong = reference::state(u64::MAX);
        for index in 0..=layers {
            let opening = tree.open(index).unwrap();
            let state = states[index as usize];
            assert!(opening.verify(shape, index, wrong, root).is_err());
            assert!(opening.verify(shape, index, state, wrong).is_err());
            for other in (0..=layers + 2).filter(|other| *other != index) {
                assert!(opening.verify(shape, other, state, root).is_err());
                let renamed = Opening { index: other, ..opening.clone() };
                assert!(renamed.verify(shape, other, state, root).is_err());
            }
            for other in (1..=layers + 3).filter(|other| *other != layers) {
                let other = TraceShape::new(other).unwrap();
                assert!(opening.verify(other, index, state, root).is_err(), "{layers}: {other:?}");
            }
        }
    }
}

#[test]
fn every_wrong_number_of_siblings_is_refused() {
    let states = reference::states(5, 12);
    let tree = TraceTree::new(&states).unwrap();
    let depth = usize::from(tree.shape().depth());
    for count in (0..=300).filter(|count| *count != depth) {
        let mut opening = tree.open(3).unwrap();
        opening.siblings.resize(count, Digest::default());
        let refused = opening.verify(tree.shape(), 3, states[3], tree.root());
        assert_eq!(refused, Err(OpeningError::Depth { got: count, depth: depth as u8 }));
    }
}

#[test]
fn every_flipped_bit_of_a_sibling_is_refused() {
    let states = reference::states(5, 11);
    let tree = TraceTree::new(&states).unwrap();
    for index in 0..=10u32 {
        let opening = tree.open(index).unwrap();
        for sibling in 0..opening.siblings.len() {
            for bit in 0..256 {
                let mut bad = opening.clone();
                bad.siblings[sibling].0[bit / 8] ^= 1 << (bit % 8);
                let state = states[index as usize];
                assert!(bad.verify(tree.shape(), index, state, tree.root()).is_err());
            }
        }
    }
}

#[test]
fn indices_beyond_the_last_state_are_refused_even_for_true_padding() {
    // A tree of 6 states has two EMPTY leaves: nobody may open them as states 6 and 7.
    let states = reference::states(5, 6);
    let tree = TraceTree::new(&states).unwrap();
    for index in [6, 7, 8, 1 << 24, u32::MAX] {
        let siblings = (0..tree.shape().depth())
            .map(|level| {
                let index = (index >> level) ^ 1;
                tree.node(NodeId { level, index }).unwrap_or_default()
            })
            .collect();
        let opening = Opening { index, siblings };
        let leaf = empty(0).unwrap();
        let refused = opening.verify_leaf(tree.shape(), index, leaf, tree.root());
        assert_eq!(refused, Err(OpeningError::Index { index, expected: index }));
    }
}

#[test]
fn a_path_is_not_accepted_for_a_node_above_or_below_its_leaf() {
    // An inner node offered as a leaf, with the rest of the path: one sibling too few. With a filler: wrong root.
    let states = reference::states(5, 8);
    let tree = TraceTree::new(&states).unwrap();
    let inner = tree.node(NodeId { level: 1, index: 0 }).unwrap();
    let mut opening = tree.open(0).unwrap();
    opening.siblings.remove(0);
    assert!(opening.verify_leaf(tree.shape(), 0, inner, tree.root()).is_err());
    opening.siblings.push(Digest::default());
    assert!(opening.verify_leaf(tree.shape(), 0, inner, tree.root()).is_err());
    let smaller = TraceShape::new(3).unwrap();
    let opening = Opening { index: 0, siblings: tree.open(0).unwrap().siblings[1..].to_vec() };
    assert!(opening.verify_leaf(smaller, 0, inner, tree.root()).is_err());
}

/// A path of `index` through a tree whose padding leaves are `padding` instead of EMPTY, and its trace root.
fn with_padding(states: &[Digest], index: u32, padding: [u8; 32]) -> (Opening, Digest) {
    let count = states.len() as u32;
    let mut level: Vec<[u8; 32]> =
        (0..count).map(|i| reference::leaf(i, count, &states[i as usize])).collect();
    level.resize(states.len().next_power_of_two(), padding);
    let mut siblings = Vec::new();
    let mut place = index as usize;
    while level.len() > 1 {
        siblings.push(Digest(level[place ^ 1]));
        level = level.chunks(2).map(|pair| reference::node(pair[0], pair[1])).collect();
        place /= 2;
    }
    (Opening { index, siblings }, trace_digest(count, Digest(level[0])))
}

#[test]
fn padding_that_is_not_empty_is_refused_wherever_the_path_shows_it() {
    for layers in (1..=40u32).filter(|layers| !(layers + 1).is_power_of_two()) {
        let states = reference::states(5, layers as usize + 1);
        let shape = TraceShape::new(layers).unwrap();
        let honest = reference::derive("gainsay 1 empty", &[]);
        let last = states[layers as usize];
        for index in 0..=layers {
            let (opening, root) = with_padding(&states, index, honest);
            assert!(opening.verify(shape, index, states[index as usize], root).is_ok());
        }
        let repeated = reference::leaf(layers, layers + 1, &last);
        for trap in [[0; 32], repeated] {
            // The last state's path has all padding beside it, so its opening proves that padding is EMPTY.
            let (opening, root) = with_padding(&states, layers, trap);
            let refused = opening.verify(shape, layers, last, root);
            assert!(matches!(refused, Err(OpeningError::Padding(_))), "{layers}: {refused:?}");
        }
    }
}

#[test]
fn an_opening_by_leaf_is_the_opening_by_state() {
    let states = reference::states(5, 6);
    let tree = TraceTree::new(&states).unwrap();
    let opening = tree.open(4).unwrap();
    let leaf = leaf_digest(4, 6, states[4]);
    assert_eq!(
        opening.verify_leaf(tree.shape(), 4, leaf, tree.root()),
        opening.verify(tree.shape(), 4, states[4], tree.root())
    );
}
