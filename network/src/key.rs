//! Who is at the other end: a key that was proved in the handshake.
//!
//! A `PeerKey` is a protocol `Key`, so always a point of the curve that is not of small order: a signature by a
//! small-order key can be made to fit many messages, so it identifies nobody. An `Identity` is the secret half;
//! it never shows in `Debug` and its seed is wiped when it is dropped.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_protocol::{Key, Keypair, ParseKeyError};
use zeroize::Zeroizing;

/// The key of the peer of a connection: one that it has proved, or that it is expected to prove.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PeerKey(Key);

impl PeerKey {
    /// Takes the 32 bytes of an RFC 8032 public key.
    ///
    /// # Errors
    /// If they are not a point of the curve, or one of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseKeyError> {
        Key::from_bytes(bytes).map(Self)
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The participant whose key it is.
    pub fn key(&self) -> Key {
        self.0
    }
}

impl From<Key> for PeerKey {
    fn from(key: Key) -> Self {
        Self(key)
    }
}

impl From<PeerKey> for Key {
    fn from(peer: PeerKey) -> Self {
        peer.0
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({self})")
    }
}

/// The secret that a node proves its key with.
#[derive(Clone)]
pub struct Identity {
    seed: Zeroizing<[u8; 32]>,
    public: PeerKey,
}

impl Identity {
    /// Takes an RFC 8032 seed. The public key of a seed is never of small order.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let public = PeerKey(Keypair::from_seed(&seed).key());
        Self { seed, public }
    }

    /// The public key.
    pub fn public(&self) -> PeerKey {
        self.public
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

impl From<&Keypair> for Identity {
    fn from(keypair: &Keypair) -> Self {
        Self { seed: keypair.seed(), public: PeerKey(keypair.key()) }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, secret)", self.public)
    }
}

#[cfg(test)]
mod tests;
