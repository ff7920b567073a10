//! The tree below a layer: openings and reveals, and that nothing of it passes for anything else.

use gainsay_commitment::{
    Arity, NodeId, StateList, StepShape, StepTree, TraceTree, check_reveal, content,
    inner_state_digest, state_digest,
};

use crate::reference;

#[test]
fn every_step_of_every_small_layer_opens_under_its_sub_root_and_no_other() {
    for steps in 1..=40u32 {
        let states = reference::states(7, steps as usize + 1);
        let tree = StepTree::new(3, &states).unwrap();
        let (shape, root) = (tree.shape(), tree.root());
        assert_eq!((shape.layer(), shape.steps()), (3, steps));
        let others = [StepShape::new(2, steps).unwrap(), StepShape::new(3, steps + 1).unwrap()];
        for (step, state) in (0u32..).zip(&states) {
            let opening = tree.open(step).unwrap();
            shape.verify(&opening, step, *state, root).unwrap();
            let beside = reference::state(u64::MAX);
            assert!(shape.verify(&opening, step, beside, root).is_err());
            assert!(shape.verify(&opening, step, *state, beside).is_err());
            assert!(shape.verify(&opening, step + 1, *state, root).is_err());
            for other in others {
                assert!(other.verify(&opening, step, *state, root).is_err());
            }
            // Neither is a sub-root a trace root, nor a step's leaf a trace's.
            assert!(opening.verify(shape.tree(), step, *state, root).is_err());
        }
        assert_ne!(root, TraceTree::new(&states).unwrap().root());
        assert_ne!(root, StepTree::new(4, &states).unwrap().root());
    }
}

#[test]
fn the_nodes_of_a_sub_root_are_dissected_as_those_of_a_trace() {
    let states = reference::states(9, 12);
    let tree = StepTree::new(1, &states).unwrap();
    let (shape, arity) = (tree.shape(), Arity::new(4).unwrap());
    let opened = shape.verify(&tree.open(11).unwrap(), 11, states[11], tree.root()).unwrap();
    let root = opened.nodes.last().copied().unwrap();
    assert_eq!(root.0, shape.tree().root());
    let revealed = tree.reveal(root.0, arity).unwrap();
    let shown = check_reveal(shape.tree(), root.0, arity, root.1, &revealed).unwrap();
    assert!(shown.nodes.contains(&(NodeId { level: 2, index: 0 }, revealed[0])));
    assert!(check_reveal(shape.tree(), root.0, arity, content(b""), &revealed).is_err());
}

#[test]
fn a_layer_without_steps_has_no_tree() {
    assert!(StepTree::new(1, &[]).is_err());
    assert!(StepTree::new(1, &reference::states(1, 1)).is_err());
    assert!(StepShape::new(1, 0).is_err());
}

#[test]
fn an_inner_state_is_bound_to_layer_and_step_and_is_no_state() {
    let list = StateList(vec![(5, content(b"x"))]);
    let digest = inner_state_digest(2, 3, &list);
    let others = [
        inner_state_digest(3, 2, &list),
        inner_state_digest(2, 4, &list),
        inner_state_digest(2, 3, &StateList::default()),
        state_digest(2, &list),
        state_digest(3, &list),
    ];
    assert!(!others.contains(&digest));
}
