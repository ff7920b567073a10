//! `hostile_bytes_safe`: whatever a peer sends as a proof, nothing panics and nothing false is accepted.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{
    Arity, Digest, MAX_LAYERS, NodeId, Opening, StateList, TraceShape, TraceTree, check_reveal,
    descendants,
};
use proptest::prelude::*;

use crate::reference;

fn digest() -> impl Strategy<Value = Digest> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(Digest),
        Just(Digest::default()),
        (0u8..26).prop_map(|level| gainsay_commitment::empty(level).unwrap_or_default()),
        (0u64..12).prop_map(reference::state),
    ]
}

fn node_id() -> impl Strategy<Value = NodeId> {
    let level = prop_oneof![0u8..=5, any::<u8>()];
    let index = prop_oneof![0u32..40, any::<u32>(), Just(u32::MAX)];
    (level, index).prop_map(|(level, index)| NodeId { level, index })
}

fn shape() -> impl Strategy<Value = TraceShape> {
    prop_oneof![1u32..=40, 1u32..=MAX_LAYERS, Just(MAX_LAYERS)]
        .prop_map(|layers| TraceShape::new(layers).unwrap())
}

fn arity() -> impl Strategy<Value = Arity> {
    (1u32..=8).prop_map(|log2| Arity::new(1 << log2).unwrap())
}

/// Decoding never panics, and what decodes has exactly one encoding: the bytes it came from.
fn decodes_canonically<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) {
    if let Ok(value) = borsh::from_slice::<T>(bytes) {
        assert_eq!(borsh::to_vec(&value).unwrap(), bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_openings_are_refused(
        shape in shape(),
        index: u32,
        asked in prop_oneof![0u32..40, any::<u32>()],
        siblings in proptest::collection::vec(digest(), 0..30),
        state in digest(),
        root in digest(),
        same in any::<bool>(),
        exact in any::<bool>(),
    ) {
        let mut siblings = siblings;
        if exact {
            siblings.resize(shape.depth().into(), Digest::default());
        }
        let asked = if same { index } else { asked };
        let opening = Opening { index, siblings };
        prop_assert!(opening.verify(shape, asked, state, root).is_err());
        prop_assert!(opening.verify_leaf(shape, asked, state, root).is_err());
    }

    #[test]
    fn arbitrary_reveals_are_refused(
        shape in shape(),
        node in node_id(),
        arity in arity(),
        known in digest(),
        revealed in proptest::collection::vec(digest(), 0..260),
        exact in any::<bool>(),
    ) {
        let mut revealed = revealed;
        if exact {
            revealed.resize(descendants(node, arity).len(), Digest::default());
        }
        prop_assert!(check_reveal(shape, node, arity, known, &revealed).is_err());
    }

    #[test]
    fn arbitrary_bytes_decode_canonically_or_not_at_all(bytes: Vec<u8>) {
        decodes_canonically::<Opening>(&bytes);
        decodes_canonically::<StateList>(&bytes);
        decodes_canonically::<NodeId>(&bytes);
        decodes_canonically::<Arity>(&bytes);
        decodes_canonically::<Digest>(&bytes);
    }

    #[test]
    fn an_opening_with_changed_bytes_never_proves_the_state(
        layers in 1u32..=20,
        at: proptest::sample::Index,
        place: proptest::sample::Index,
        change in 1u8..=255,
    ) {
        let states = reference::states(3, layers as usize + 1);
        let tree = TraceTree::new(&states).unwrap();
        let index = at.index(states.len());
        let mut bytes = borsh::to_vec(&tree.open(index as u32).unwrap()).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        if let Ok(opening) = borsh::from_slice::<Opening>(&bytes) {
            let verified = opening.verify(tree.shape(), index as u32, states[index], tree.root());
            prop_assert!(verified.is_err());
        }
    }

    #[test]
    fn tree_accessors_never_panic(
        count in 0usize..20,
        node in node_id(),
        index in prop_oneof![0u32..24, any::<u32>()],
        arity in arity(),
    ) {
        if let Ok(tree) = TraceTree::new(&reference::states(3, count)) {
            prop_assert_eq!(tree.node(node).is_ok(), tree.shape().contains(node));
            prop_assert_eq!(tree.open(index).is_ok(), (index as usize) < count);
            let can = tree.shape().contains(node) && node.level > 0;
            prop_assert_eq!(tree.reveal(node, arity).is_ok(), can);
        }
    }
}

#[test]
fn a_huge_announced_length_neither_panics_nor_allocates() {
    for bytes in [
        [&0u32.to_le_bytes()[..], &u32::MAX.to_le_bytes()].concat(),
        [&u32::MAX.to_le_bytes()[..], &u32::MAX.to_le_bytes(), &[0; 64]].concat(),
    ] {
        assert!(borsh::from_slice::<Opening>(&bytes).is_err());
        assert!(borsh::from_slice::<StateList>(&bytes).is_err());
    }
}
