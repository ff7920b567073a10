//! The strategy of a dispute: a pure function from what is known to the one move that is missing.
//!
//! It is the same for both sides and needs no memory: a move that was already made, by this player or by another
//! of its side, is not due. `first_divergence` is why a challenger can open the agreed state under the claim's
//! root: what is not known of the claim's tree on that path is equal in its own.

use gainsay_commitment::{Digest, TreeError};
use gainsay_model::{Evidence, RunError};
use gainsay_protocol::{
    ClaimState, Dispute, Dissection, Due, DueBelow, EvidenceMessage, Key, Message, Params, Side,
    TensorRef,
};

use crate::below::missing_moves_below;
use crate::source::TraceSource;
use crate::tensors;

/// A move: a message, and the blobs that the arbiter must hold before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// What to say.
    pub message: Message,
    /// Bytes that it names.
    pub blobs: Vec<Vec<u8>>,
}

/// Why a due move cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The tree is not that of the side.
    #[error("the side's root is {due}, the tree here has {own}")]
    OtherRoot {
        /// The side's root.
        due: Digest,
        /// The root of the tree to play from.
        own: Digest,
    },
    /// The tree does not know what is due.
    #[error("{due:?} is due and not known here")]
    Unknown {
        /// What is due.
        due: Due,
    },
    /// The tree does not know what is due below a layer.
    #[error("{due:?} is due below the layer and not known here")]
    UnknownBelow {
        /// What is due.
        due: DueBelow,
    },
    /// The state before the disputed layer is not the one that the sides agreed on.
    #[error("the state before layer {layer} as run here is not the agreed one")]
    Disagrees {
        /// The disputed layer.
        layer: u32,
    },
    /// The run could not be carried out.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The claim's trace is out of range.
    #[error(transparent)]
    Shape(#[from] TreeError),
}

/// The move that `key` owes for `side` in the dispute of `claim` with `counter_root`, played from the tree `own`; `None` if
/// it owes nothing.
///
/// # Errors
/// If the tree is not the side's, or does not know the answer; never for a side that ran the program honestly.
pub fn missing_move(
    params: &Params,
    claim: &ClaimState,
    (side, key): (Side, Key),
    counter_root: &Digest,
    own: &dyn TraceSource,
) -> Result<Option<Move>, MoveError> {
    let found = at_most((own, 1), params, claim, (side, key), counter_root)?;
    Ok(found.into_iter().next())
}

/// Every move that `key` owes there: below a layer one for each pair of its sub-root, else at most one.
///
/// # Errors
/// As [`missing_move`].
pub fn missing_moves(
    params: &Params,
    claim: &ClaimState,
    (side, key): (Side, Key),
    counter_root: &Digest,
    own: &dyn TraceSource,
) -> Result<Vec<Move>, MoveError> {
    at_most((own, usize::MAX), params, claim, (side, key), counter_root)
}

fn at_most(
    (own, most): (&dyn TraceSource, usize),
    params: &Params,
    claim: &ClaimState,
    (side, key): (Side, Key),
    counter_root: &Digest,
) -> Result<Vec<Move>, MoveError> {
    let due = claim.due(params, side, counter_root);
    let below = claim.dispute(counter_root).and_then(Dispute::below_layer);
    if due == Due::Nothing && below.is_none() {
        return Ok(Vec::new());
    }
    let root = match side {
        Side::Executor => claim.claim.root,
        Side::Challenger => *counter_root,
    };
    if own.root() != root {
        return Err(MoveError::OtherRoot { due: root, own: own.root() });
    }
    match due {
        Due::Nothing => missing_moves_below(params, claim, (side, key), counter_root, (own, most)),
        Due::Reveal(node) => {
            let children = own.reveal(node, params.arity).ok_or(MoveError::Unknown { due })?;
            let claim = claim.id;
            let message = Message::Dissection(Dissection { claim, root, node, children });
            Ok(vec![Move { message, blobs: Vec::new() }])
        }
        Due::Evidence(layer) => {
            let evidence = own.evidence(layer)?.ok_or(MoveError::Unknown { due })?;
            Ok(vec![evidence_move(claim, side, counter_root, layer, (own, evidence))?])
        }
    }
}

fn evidence_move(
    claim: &ClaimState,
    side: Side,
    counter_root: &Digest,
    layer: u32,
    (own, evidence): (&dyn TraceSource, Evidence),
) -> Result<Move, MoveError> {
    let unknown = MoveError::Unknown { due: Due::Evidence(layer) };
    let disagrees = MoveError::Disagrees { layer };
    let Some(before) = layer.checked_sub(1) else {
        return Err(unknown);
    };
    let shape = claim.shape()?;
    let Some(opening) = own.opening(before) else {
        return Err(unknown);
    };
    let opening = match side {
        Side::Executor => opening,
        Side::Challenger => {
            let known = claim.known(Side::Executor, counter_root);
            let Some(opening) = known.opening(shape, before, Some(&opening)) else {
                return Err(unknown);
            };
            opening
        }
    };
    let state = evidence.list.digest(before);
    if opening.verify(shape, before, state, claim.claim.root).is_err() {
        return Err(disagrees);
    }
    let named = |given: &gainsay_model::EvidenceTensor| -> (u32, TensorRef) {
        (given.slot.0, tensors::reference_with(&given.tensor, &given.bytes))
    };
    let message = Message::Evidence(EvidenceMessage {
        claim: claim.id,
        counter_root: *counter_root,
        layer,
        list: evidence.list,
        opening,
        tensors: evidence.tensors.iter().map(named).collect(),
    });
    let blobs = evidence.tensors.into_iter().map(|given| given.bytes).collect();
    Ok(Move { message, blobs })
}

#[cfg(test)]
mod tests;
