//! The trace tree once more, straight from PROTOCOL section 1: recursive, over plain byte strings, with
//! nothing shared with the crate but the digest type.

use gainsay_commitment::Digest;

/// `H(context; bytes)`.
pub fn derive(context: &str, bytes: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, bytes)
}

/// A toy state digest: the digest of a number.
pub fn state(number: u64) -> Digest {
    Digest(derive("gainsay test state", &number.to_le_bytes()))
}

/// `count` toy states from a seed.
pub fn states(seed: u64, count: usize) -> Vec<Digest> {
    (0..count as u64).map(|index| state(seed.wrapping_mul(0x1_0000).wrapping_add(index))).collect()
}

/// `leaf_i = H(leaf; i, n+1, S_i)`.
pub fn leaf(index: u32, count: u32, state: &Digest) -> [u8; 32] {
    let mut bytes = Vec::new();
    bytes.extend(index.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(state.0);
    derive("gainsay 1 leaf", &bytes)
}

/// `H(node; left, right)`.
pub fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    derive("gainsay 1 node", &[left, right].concat())
}

/// The subtree of height `level` whose first leaf is `start`.
pub fn subtree(states: &[Digest], start: usize, level: u32) -> [u8; 32] {
    if level == 0 {
        return match states.get(start) {
            Some(state) => leaf(start as u32, states.len() as u32, state),
            None => derive("gainsay 1 empty", &[]),
        };
    }
    let half = 1usize << (level - 1);
    node(subtree(states, start, level - 1), subtree(states, start + half, level - 1))
}

/// The height of the tree over that many states.
pub fn height(states: usize) -> u32 {
    states.next_power_of_two().trailing_zeros()
}

/// `H(trace; n+1, root)`.
pub fn trace_root(states: &[Digest]) -> Digest {
    let mut bytes = (states.len() as u32).to_le_bytes().to_vec();
    bytes.extend(subtree(states, 0, height(states.len())));
    Digest(derive("gainsay 1 trace", &bytes))
}
