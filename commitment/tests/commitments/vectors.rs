//! Committed vectors: what every implementation, on every machine and for ever, must compute.
//!
//! `vectors.txt` was made by an independent program from PROTOCOL section 1; a line is a name and a digest.

use std::collections::BTreeMap;

use gainsay_commitment::{
    Context, Digest, StateList, StepTree, TraceTree, content, empty, hash_bytes,
    inner_state_digest, leaf_digest, state_digest, tensor_digest,
};

fn committed() -> BTreeMap<&'static str, Digest> {
    include_str!("vectors.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, digest) = line.rsplit_once(' ').unwrap();
            (name, digest.parse().unwrap())
        })
        .collect()
}

fn computed() -> BTreeMap<String, Digest> {
    let mut found = BTreeMap::new();
    for context in Context::ALL {
        found.insert(format!("context {}", context.text()), hash_bytes(*context, b"abc"));
    }
    for level in 0..=24u8 {
        found.insert(format!("empty {level}"), empty(level).unwrap());
    }
    found.insert("content abc".into(), content(b"abc"));
    let tensor = tensor_digest(3, &[2, 3], content(&(0..24).collect::<Vec<u8>>()));
    found.insert("tensor".into(), tensor);
    found.insert("tensor scalar".into(), tensor_digest(0, &[], content(&[])));
    let list = StateList(vec![(0, tensor), (7, content(b"abc"))]);
    found.insert("state 5".into(), state_digest(5, &list));
    found.insert("state 0 of nothing".into(), state_digest(0, &StateList::default()));
    found.insert("leaf 2 of 4".into(), leaf_digest(2, 4, content(b"abc")));
    for layers in [1u8, 2, 3, 4, 7, 8, 12, 31, 100] {
        let states: Vec<Digest> = (0..=layers).map(|index| content(&[index])).collect();
        found.insert(format!("trace of {layers} layers"), TraceTree::new(&states).unwrap().root());
    }
    let list = StateList(vec![(4, content(b"abc")), (9, content(b"d"))]);
    found.insert("inner state 2 of layer 3".into(), inner_state_digest(3, 2, &list));
    for steps in [1u8, 2, 3, 7, 8, 100] {
        let states: Vec<Digest> = (0..=steps).map(|index| content(&[index])).collect();
        let tree = StepTree::new(3, &states).unwrap();
        found.insert(format!("sub-root of {steps} steps of layer 3"), tree.root());
    }
    found
}

#[test]
fn every_committed_vector_is_computed_again() {
    let (committed, computed) = (committed(), computed());
    for (name, digest) in &computed {
        assert_eq!(committed.get(name.as_str()), Some(digest), "{name}");
    }
    assert_eq!(committed.len(), computed.len());
}

#[test]
fn a_digest_is_its_bytes_and_a_hasher_takes_them_as_a_writer() {
    use std::io::Write as _;

    let mut hasher = gainsay_commitment::DigestHasher::new(Context::State);
    hasher.write_all(b"ab").unwrap();
    hasher.flush().unwrap();
    let digest = hasher.finish();
    assert_eq!(digest, hash_bytes(Context::State, b"ab"));
    assert_eq!(digest.as_ref(), &digest.0[..]);
}
