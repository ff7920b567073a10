//! Dissection: both sides open the descendants of a node on which they disagree.
//!
//! A reveal is unique: it must hash to what that side is already known to have, so nobody but the owner of a
//! root can choose it, and a wrong one changes nothing.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::Digest;
use crate::state::node_digest;
use crate::tree::{NodeId, TraceShape, empty};

/// How many descendants one dissection step opens: a power of two from 2 to 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize)]
pub struct Arity {
    log2: u8,
}

impl BorshDeserialize for Arity {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let log2 = u8::deserialize_reader(reader)?;
        1u32.checked_shl(log2.into())
            .ok_or(ArityError(u32::MAX))
            .and_then(Self::new)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

/// An arity that is not a power of two from 2 to 256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the dissection arity must be a power of two from 2 to 256, not {0}")]
pub struct ArityError(pub u32);

impl Arity {
    /// An arity of `arity` descendants.
    pub fn new(arity: u32) -> Result<Self, ArityError> {
        if arity.is_power_of_two() && (2..=256).contains(&arity) {
            Ok(Self { log2: arity.trailing_zeros() as u8 })
        } else {
            Err(ArityError(arity))
        }
    }

    /// The number of descendants.
    pub fn get(self) -> u32 {
        1 << self.log2
    }

    /// Levels that one step goes down, from 1 to 8.
    pub fn levels(self) -> u8 {
        self.log2
    }
}

/// The nodes one step below `node`, from left to right; the last step is shorter. Empty for a leaf.
pub fn descendants(node: NodeId, arity: Arity) -> Vec<NodeId> {
    let down = arity.levels().min(node.level);
    if down == 0 {
        return Vec::new();
    }
    let level = node.level - down;
    let first = u64::from(node.index) << down;
    (first..first + (1u64 << down))
        .filter_map(|index| u32::try_from(index).ok().map(|index| NodeId { level, index }))
        .collect()
}

/// Whether the padding a reveal shows is as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Every node that holds only padding is EMPTY.
    Empty,
    /// This node holds only padding and is not EMPTY: the side that revealed it loses.
    NotEmpty(NodeId),
}

/// An accepted reveal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reveal {
    /// Every node hash it shows below the dissected node, those between included.
    pub nodes: Vec<(NodeId, Digest)>,
    /// The state of the padding.
    pub padding: Padding,
}

/// Why a reveal is refused; nothing changes by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevealError {
    /// The node is a leaf or outside the tree.
    #[error("node {0:?} cannot be dissected")]
    Node(NodeId),
    /// Too few or too many descendants.
    #[error("{got} descendants given where {due} are due")]
    Count {
        /// How many were given.
        got: usize,
        /// How many are due.
        due: usize,
    },
    /// They do not hash to the known node.
    #[error("the descendants hash to {got}, this side is known to have {known}")]
    Hash {
        /// What they hash to.
        got: Digest,
        /// What the side is known to have.
        known: Digest,
    },
}

/// Checks a side's reveal of the descendants of `node`, whose hash on that side is `known`.
pub fn check_reveal(
    shape: TraceShape,
    node: NodeId,
    arity: Arity,
    known: Digest,
    revealed: &[Digest],
) -> Result<Reveal, RevealError> {
    if !shape.contains(node) || node.level == 0 {
        return Err(RevealError::Node(node));
    }
    let places = descendants(node, arity);
    if revealed.len() != places.len() {
        return Err(RevealError::Count { got: revealed.len(), due: places.len() });
    }
    let mut level: Vec<(NodeId, Digest)> =
        places.into_iter().zip(revealed.iter().copied()).collect();
    let mut nodes = level.clone();
    while level.len() > 1 {
        level = level.chunks_exact(2).filter_map(parent).collect();
        nodes.extend(level.iter().filter(|(place, _)| *place != node));
    }
    let got = level.first().map(|(_, digest)| *digest).unwrap_or_default();
    if got != known {
        return Err(RevealError::Hash { got, known });
    }
    let bad = nodes
        .iter()
        .find(|(place, digest)| shape.is_padding(*place) && empty(place.level) != Some(*digest));
    let padding = bad.map_or(Padding::Empty, |(place, _)| Padding::NotEmpty(*place));
    Ok(Reveal { nodes, padding })
}

fn parent(pair: &[(NodeId, Digest)]) -> Option<(NodeId, Digest)> {
    match pair {
        [(left, left_hash), (_, right_hash)] => {
            let place = NodeId { level: left.level + 1, index: left.index >> 1 };
            Some((place, node_digest(left_hash, right_hash)))
        }
        _ => None,
    }
}
