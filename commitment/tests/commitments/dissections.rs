//! Dissection steps, and whole dissections between two trees.

use gainsay_commitment::{
    Arity, ArityError, Digest, NodeId, Padding, RevealError, TraceShape, TraceTree, check_reveal,
    descendants, empty,
};
use proptest::prelude::*;

use crate::reference;

fn arities() -> impl Iterator<Item = Arity> {
    (1..=8).map(|log2| Arity::new(1 << log2).unwrap())
}

#[test]
fn arities_are_the_powers_of_two_from_2_to_256() {
    for value in (0..=1025).chain([u32::MAX, 1 << 31]) {
        let allowed = [2, 4, 8, 16, 32, 64, 128, 256].contains(&value);
        match Arity::new(value) {
            Ok(arity) => assert!(allowed && arity.get() == value && 1 << arity.levels() == value),
            Err(error) => assert!(!allowed && error == ArityError(value)),
        }
    }
}

#[test]
fn an_arity_decodes_only_from_its_one_encoding() {
    for byte in 0..=255u8 {
        match borsh::from_slice::<Arity>(&[byte]) {
            Ok(arity) => {
                assert!((1..=8).contains(&byte));
                assert_eq!(borsh::to_vec(&arity).unwrap(), [byte]);
            }
            Err(_) => assert!(!(1..=8).contains(&byte), "{byte}"),
        }
    }
    assert!(borsh::from_slice::<Arity>(&[]).is_err());
    assert!(borsh::from_slice::<Arity>(&[1, 0]).is_err());
}

#[test]
fn the_last_step_is_shorter() {
    let node = NodeId { level: 2, index: 3 };
    let four = Arity::new(16).unwrap();
    let below: Vec<_> = (12..16).map(|index| NodeId { level: 0, index }).collect();
    assert_eq!(descendants(node, four), below);
    assert_eq!(descendants(NodeId::leaf(3), four), []);
}

#[test]
fn every_owner_reveal_is_accepted_and_shows_true_nodes() {
    for arity in arities() {
        for layers in [1u32, 2, 3, 6, 7, 8, 20, 33] {
            let tree = TraceTree::new(&reference::states(4, layers as usize + 1)).unwrap();
            let shape = tree.shape();
            for level in 1..=shape.depth() {
                for index in 0..1u32 << (shape.depth() - level) {
                    let node = NodeId { level, index };
                    let children = tree.reveal(node, arity).unwrap();
                    let known = tree.node(node).unwrap();
                    let reveal = check_reveal(shape, node, arity, known, &children).unwrap();
                    assert_eq!(reveal.padding, Padding::Empty);
                    assert_eq!(reveal.nodes.len(), 2 * children.len() - 2);
                    for (place, hash) in reveal.nodes {
                        assert_ne!(place, node);
                        assert_eq!(tree.node(place), Ok(hash));
                    }
                }
            }
        }
    }
}

#[test]
fn a_reveal_of_wrong_length_order_or_content_is_refused() {
    let tree = TraceTree::new(&reference::states(4, 20)).unwrap();
    let shape = tree.shape();
    for arity in arities() {
        for node in [shape.root(), NodeId { level: 1, index: 3 }, NodeId { level: 2, index: 1 }] {
            let known = tree.node(node).unwrap();
            let children = tree.reveal(node, arity).unwrap();
            let check = |children: &[Digest]| check_reveal(shape, node, arity, known, children);
            for count in (0..=520).filter(|count| *count != children.len()) {
                let mut bad = children.clone();
                bad.resize(count, Digest::default());
                let due = children.len();
                assert_eq!(check(&bad), Err(RevealError::Count { got: count, due }));
            }
            for at in 0..children.len() {
                let mut bad = children.clone();
                bad[at].0[31] ^= 1;
                assert!(matches!(check(&bad), Err(RevealError::Hash { .. })));
            }
            let mut reversed = children.clone();
            reversed.reverse();
            assert!(check(&reversed).is_err());
        }
    }
}

#[test]
fn leaves_and_nodes_outside_the_tree_cannot_be_dissected() {
    let tree = TraceTree::new(&reference::states(4, 20)).unwrap();
    let arity = Arity::new(16).unwrap();
    let outside = [(0, 0), (0, u32::MAX), (1, 16), (5, 1), (6, 0), (64, 0), (255, u32::MAX)];
    for (level, index) in outside {
        let node = NodeId { level, index };
        let refused = check_reveal(tree.shape(), node, arity, Digest::default(), &[]);
        assert_eq!(refused, Err(RevealError::Node(node)));
        assert!(tree.reveal(node, arity).is_err());
    }
}

#[test]
fn padding_that_is_not_empty_is_flagged_wherever_a_reveal_shows_it() {
    // States 0..=4 of 8 leaves: 5, 6 and 7 are padding. A hostile tree has something else there.
    let states = reference::states(4, 5);
    let shape = TraceShape::new(4).unwrap();
    for trap in 5..8usize {
        let mut leaves: Vec<[u8; 32]> =
            (0..5).map(|i| reference::leaf(i, 5, &states[i as usize])).collect();
        leaves.resize(8, empty(0).unwrap().0);
        leaves[trap] = reference::leaf(4, 5, &states[4]);
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            levels.push(below.chunks(2).map(|pair| reference::node(pair[0], pair[1])).collect());
        }
        let at = |node: NodeId| Digest(levels[usize::from(node.level)][node.index as usize]);
        for arity in arities() {
            for level in 1..=3u8 {
                for index in 0..1u32 << (3 - level) {
                    let node = NodeId { level, index };
                    let children: Vec<_> = descendants(node, arity).into_iter().map(at).collect();
                    let reveal = check_reveal(shape, node, arity, at(node), &children).unwrap();
                    let shows_trap = reveal.nodes.iter().any(|(place, _)| {
                        shape.is_padding(*place) && trap >> place.level == place.index as usize
                    });
                    assert_eq!(reveal.padding != Padding::Empty, shows_trap, "{trap} {node:?}");
                }
            }
        }
    }
}

/// Plays a whole dissection from the root and returns the leaf it ends at and the number of steps.
fn dissect(ours: &TraceTree, theirs: &TraceTree, arity: Arity) -> (u32, u32) {
    let shape = ours.shape();
    let (mut node, mut steps) = (shape.root(), 0);
    while node.level > 0 {
        let side = |tree: &TraceTree| {
            let known = tree.node(node).unwrap();
            check_reveal(shape, node, arity, known, &tree.reveal(node, arity).unwrap()).unwrap()
        };
        let (left, right) = (side(ours), side(theirs));
        assert_eq!((left.padding, right.padding), (Padding::Empty, Padding::Empty));
        let lowest = descendants(node, arity);
        let differs = |place: &NodeId| {
            let hash = |nodes: &[(NodeId, Digest)]| {
                nodes.iter().find(|(at, _)| at == place).map(|(_, hash)| *hash)
            };
            hash(&left.nodes) != hash(&right.nodes)
        };
        node = lowest.into_iter().find(differs).unwrap();
        steps += 1;
    }
    (node.index, steps)
}

#[test]
fn dissection_ends_at_the_first_difference_for_every_arity_and_place() {
    for arity in arities() {
        for layers in [1u32, 2, 3, 5, 8, 15, 16, 31, 70] {
            let honest = reference::states(4, layers as usize + 1);
            let ours = TraceTree::new(&honest).unwrap();
            for first in 0..=layers {
                let mut states = honest.clone();
                for (index, state) in states.iter_mut().enumerate().skip(first as usize) {
                    // Some later states agree again.
                    if index == first as usize || index % 3 == 0 {
                        *state = reference::state(1_000_000 + index as u64);
                    }
                }
                let theirs = TraceTree::new(&states).unwrap();
                let (leaf, steps) = dissect(&ours, &theirs, arity);
                assert_eq!(leaf, first, "{layers} layers, arity {}", arity.get());
                let depth = u32::from(ours.shape().depth());
                assert_eq!(steps, depth.div_ceil(arity.levels().into()));
            }
        }
    }
}

proptest! {
    #[test]
    fn dissection_ends_at_the_first_difference_of_any_two_traces(
        layers in 1u32..=200,
        wrong in proptest::collection::vec(any::<proptest::sample::Index>(), 1..20),
        log2 in 1u32..=8,
    ) {
        let honest = reference::states(4, layers as usize + 1);
        let mut states = honest.clone();
        for index in &wrong {
            let index = index.index(states.len());
            states[index] = reference::state(1_000_000 + index as u64);
        }
        let expected = honest.iter().zip(&states).position(|(a, b)| a != b).unwrap() as u32;
        let (ours, theirs) = (TraceTree::new(&honest).unwrap(), TraceTree::new(&states).unwrap());
        let (leaf, _) = dissect(&ours, &theirs, Arity::new(1 << log2).unwrap());
        prop_assert_eq!(leaf, expected);
    }
}
