//! Shapes, trees and the digests of states.

use gainsay_commitment::{
    Arity, Context, Digest, MAX_LAYERS, NodeId, StateList, TraceShape, TraceTree, TreeError,
    artifact_digest, content, descendants, empty, hash, hash_bytes, layer_table_digest,
    leaf_digest, program_digest, state_digest, tensor_digest, trace_digest,
};
use proptest::prelude::*;

use crate::reference;

#[test]
fn trace_roots_match_an_independent_recursive_tree() {
    for layers in 1..=200usize {
        let states = reference::states(layers as u64, layers + 1);
        let tree = TraceTree::new(&states).unwrap();
        assert_eq!(tree.root(), reference::trace_root(&states), "{layers} layers");
    }
}

#[test]
fn every_node_matches_an_independent_recursive_tree() {
    for layers in 1..=40usize {
        let states = reference::states(7, layers + 1);
        let tree = TraceTree::new(&states).unwrap();
        let depth = tree.shape().depth();
        assert_eq!(u32::from(depth), reference::height(layers + 1));
        for level in 0..=depth {
            for index in 0..1u32 << (depth - level) {
                let start = (index as usize) << level;
                let expected = Digest(reference::subtree(&states, start, level.into()));
                assert_eq!(tree.node(NodeId { level, index }), Ok(expected));
            }
            let beyond = NodeId { level, index: 1 << (depth - level) };
            assert_eq!(tree.node(beyond), Err(TreeError::Node(beyond)));
        }
    }
}

#[test]
fn repeating_the_last_state_changes_the_root() {
    let [a, b, c] = [1, 2, 3].map(reference::state);
    let three = TraceTree::new(&[a, b, c]).unwrap();
    let four = TraceTree::new(&[a, b, c, c]).unwrap();
    assert_ne!(three.root(), four.root());
    assert_ne!(
        three.node(three.shape().root()).unwrap(),
        four.node(four.shape().root()).unwrap(),
        "not even the inner roots agree"
    );
}

#[test]
fn a_trace_that_ends_in_an_empty_digest_is_not_a_shorter_one() {
    let [a, b, c] = [1, 2, 3].map(reference::state);
    let three = TraceTree::new(&[a, b, c]).unwrap();
    let four = TraceTree::new(&[a, b, c, empty(0).unwrap()]).unwrap();
    assert_ne!(three.root(), four.root());
}

#[test]
fn a_tree_needs_at_least_two_states() {
    assert_eq!(TraceTree::new(&[]).unwrap_err(), TreeError::Layers(0));
    let one = [reference::state(1)];
    assert_eq!(TraceTree::new(&one).unwrap_err(), TreeError::Layers(0));
}

#[test]
fn the_last_index_can_be_opened_and_the_next_cannot() {
    let tree = TraceTree::new(&reference::states(3, 6)).unwrap();
    assert!(tree.open(5).is_ok());
    for index in [6, 7, 8, u32::MAX] {
        assert_eq!(tree.open(index), Err(TreeError::Index { index, last: 5 }));
    }
}

#[test]
fn shapes_are_bounded_and_exact() {
    for layers in [0, MAX_LAYERS + 1, u32::MAX] {
        assert_eq!(TraceShape::new(layers), Err(TreeError::Layers(layers.into())));
    }
    let cases = [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (255, 8), (256, 9)];
    for (layers, depth) in cases {
        let shape = TraceShape::new(layers).unwrap();
        assert_eq!((shape.layers(), shape.states()), (layers, layers + 1));
        assert_eq!(shape.depth(), depth, "{layers} layers");
    }
    let largest = TraceShape::new(MAX_LAYERS).unwrap();
    assert_eq!((largest.states(), largest.depth()), (1 << 24, 24));
    assert!(empty(largest.depth()).is_some());
    assert!(largest.contains(NodeId { level: 0, index: (1 << 24) - 1 }));
    assert!(!largest.is_padding(NodeId { level: 0, index: (1 << 24) - 1 }));
}

#[test]
fn padding_is_what_lies_wholly_right_of_the_last_state() {
    for layers in 1..=70u32 {
        let shape = TraceShape::new(layers).unwrap();
        for level in 0..=shape.depth() {
            for index in 0..1u32 << (shape.depth() - level) {
                let node = NodeId { level, index };
                let leaves = u64::from(index) << level..u64::from(index + 1) << level;
                let all_padding = leaves.clone().all(|leaf| leaf > u64::from(layers));
                assert_eq!(shape.is_padding(node), all_padding, "{layers} layers, {node:?}");
            }
        }
    }
}

#[test]
fn empty_levels_double_the_level_below_and_end_at_the_tallest_tree() {
    let mut expected = reference::derive("gainsay 1 empty", &[]);
    for level in 0..=24u8 {
        assert_eq!(empty(level), Some(Digest(expected)));
        expected = reference::node(expected, expected);
    }
    for level in 25..=255u8 {
        assert_eq!(empty(level), None);
    }
}

#[test]
fn nodes_outside_every_tree_are_never_contained() {
    for layers in [1, 2, 100, MAX_LAYERS] {
        let shape = TraceShape::new(layers).unwrap();
        for level in [shape.depth() + 1, 31, 32, 63, 64, 255] {
            for index in [0, 1, u32::MAX] {
                let node = NodeId { level, index };
                assert!(!shape.contains(node), "{node:?}");
                assert!(!shape.is_padding(node), "{node:?}");
            }
        }
    }
}

#[test]
fn descendants_of_any_node_are_computed_without_overflow() {
    for arity in [2, 16, 256].map(|arity| Arity::new(arity).unwrap()) {
        for level in [0, 1, 2, 24, 255] {
            for index in [0, 1, u32::MAX / 2, u32::MAX] {
                let node = NodeId { level, index };
                let below = descendants(node, arity);
                assert!(below.len() <= arity.get() as usize);
                for child in below {
                    assert!(child.level < level);
                    assert_eq!(child.index >> (level - child.level), index);
                }
            }
        }
    }
}

#[test]
fn every_context_is_its_own_domain() {
    let texts: std::collections::BTreeSet<_> = Context::ALL.iter().map(|c| c.text()).collect();
    let digests: std::collections::BTreeSet<_> =
        Context::ALL.iter().map(|c| hash_bytes(*c, b"the same bytes")).collect();
    assert_eq!(texts.len(), Context::ALL.len());
    assert_eq!(digests.len(), Context::ALL.len());
    assert!(!digests.contains(&content(b"the same bytes")));
}

#[test]
fn digests_print_and_parse() {
    let digest = reference::state(9);
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert_eq!(digest.short(), digest.to_string()[..8]);
    assert_eq!(digest.as_bytes(), &digest.0);
    let long = "0".repeat(100_000);
    let upper = digest.to_string().to_uppercase();
    for bad in ["", "00", &long, &upper, &format!("{digest} "), &"é".repeat(32)] {
        assert!(bad.parse::<Digest>().is_err(), "{bad:.20}");
        assert!(bad.parse::<Digest>().unwrap_err().to_string().len() < 500);
    }
}

proptest! {
    #[test]
    fn hashing_is_key_derivation_under_the_context(bytes: Vec<u8>) {
        for context in Context::ALL {
            let expected = Digest(reference::derive(context.text(), &bytes));
            prop_assert_eq!(hash_bytes(*context, &bytes), expected);
        }
        prop_assert_eq!(content(&bytes).0, *blake3::hash(&bytes).as_bytes());
    }

    #[test]
    fn typed_digests_are_over_their_written_out_bytes(
        index: u32, count: u32, dtype: u8, shape: Vec<u64>, list: Vec<(u32, [u8; 32])>, body: [u8; 32],
    ) {
        let length = |len: usize| (len as u32).to_le_bytes();
        let body = Digest(body);

        let mut tensor = vec![dtype];
        tensor.extend(length(shape.len()));
        tensor.extend(shape.iter().flat_map(|side| side.to_le_bytes()));
        tensor.extend(body.0);
        let expected = Digest(reference::derive("gainsay 1 tensor", &tensor));
        prop_assert_eq!(tensor_digest(dtype, &shape, body), expected);

        let mut state = index.to_le_bytes().to_vec();
        state.extend(length(list.len()));
        for (number, digest) in &list {
            state.extend(number.to_le_bytes());
            state.extend(digest);
        }
        let expected = Digest(reference::derive("gainsay 1 state", &state));
        let list = StateList(list.into_iter().map(|(number, bytes)| (number, Digest(bytes))).collect());
        prop_assert_eq!(state_digest(index, &list), expected);
        prop_assert_eq!(list.digest(index), expected);

        prop_assert_eq!(leaf_digest(index, count, body).0, reference::leaf(index, count, &body));
        let trace = [&count.to_le_bytes()[..], &body.0].concat();
        let expected = Digest(reference::derive("gainsay 1 trace", &trace));
        prop_assert_eq!(trace_digest(count, body), expected);
    }

    #[test]
    fn blob_digests_are_contexts_over_the_bytes(bytes: Vec<u8>) {
        prop_assert_eq!(program_digest(&bytes), hash_bytes(Context::Program, &bytes));
        prop_assert_eq!(layer_table_digest(&bytes), hash_bytes(Context::LayerTable, &bytes));
        prop_assert_eq!(artifact_digest(&bytes), hash_bytes(Context::Artifact, &bytes));
    }
}

#[test]
fn a_value_that_cannot_be_encoded_hashes_unlike_its_prefix() {
    let nan = hash(Context::Case, &(1u32, f32::NAN));
    assert_ne!(nan, hash(Context::Case, &1u32));
    assert_ne!(nan, hash(Context::Case, &(1u32, 0f32)));
}
