//! Who is at the other end: an ed25519 public key.
//!
//! A `PeerKey` is always a point of the curve that is not of small order, because a signature by a small-order
//! key can be made to fit many messages, so it identifies nobody. An `Identity` is the secret half; it never
//! shows in `Debug` and its seed is wiped when it is dropped.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

/// An ed25519 public key that a peer has proved to hold, or that it is expected to prove.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct PeerKey([u8; 32]);

/// Bytes that are no usable ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a point of the curve.
    #[error("the bytes are not a point of the ed25519 curve")]
    NotAPoint,
    /// A point of small order.
    #[error("the key is of small order and identifies nobody")]
    SmallOrder,
}

impl PeerKey {
    /// Takes the 32 bytes of an RFC 8032 public key.
    ///
    /// # Errors
    /// If they are not a point of the curve, or one of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(bytes))
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl BorshDeserialize for PeerKey {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let bytes = <[u8; 32]>::deserialize_reader(reader)?;
        Self::from_bytes(bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
        let public = PeerKey(SigningKey::from_bytes(&seed).verifying_key().to_bytes());
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

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, secret)", self.public)
    }
}

#[cfg(test)]
mod tests;
