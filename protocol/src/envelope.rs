//! Signed envelopes, and the two checks between a peer's bytes and the state machine.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::Digest;

use crate::{Key, Keypair, Message, MessageId, NetworkId, Signature, Unsigned};

/// A message with its signer and signature, as sent and stored.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signed {
    /// The network it is for.
    pub network: NetworkId,
    /// Who says it.
    pub signer: Key,
    /// What is said.
    pub message: Message,
    /// Ed25519 over the message's id.
    pub signature: Signature,
}

/// Why an envelope is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is for another network.
    #[error("the message is for network {got}, this is network {expected}")]
    Network {
        /// The network in the envelope.
        got: Digest,
        /// This network.
        expected: Digest,
    },
    /// The signature is not the signer's.
    #[error("the signature of this {kind} message is not by {signer}")]
    Signature {
        /// The message's kind.
        kind: &'static str,
        /// The alleged signer.
        signer: Key,
    },
    /// The bytes are not a message.
    #[error("not a signed message: {0}")]
    Encoding(String),
}

/// A message names blobs that are not held: send them first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} blob(s) named by the message are not held here, the first is {}: send them first", .0.len(), .0.first().copied().unwrap_or_default())]
pub struct MissingBlobs(pub Vec<Digest>);

// As `map_err` wants it.
#[allow(clippy::needless_pass_by_value)]
fn encoding(error: std::io::Error) -> EnvelopeError {
    EnvelopeError::Encoding(error.to_string())
}

impl Signed {
    /// Signs `message` for `network`.
    pub fn new(keypair: &Keypair, network: NetworkId, message: Message) -> Self {
        let signer = keypair.key();
        let id = Unsigned { network, signer, message: &message }.id();
        Self { network, signer, signature: keypair.sign(&id.0), message }
    }

    /// The message's id.
    pub fn id(&self) -> MessageId {
        Unsigned { network: self.network, signer: self.signer, message: &self.message }.id()
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EnvelopeError> {
        borsh::to_vec(self).map_err(encoding)
    }

    /// Decodes canonical bytes; nothing may follow them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        borsh::from_slice(bytes).map_err(encoding)
    }

    /// Checks network and signature.
    pub fn verify(self, network: NetworkId) -> Result<Verified, EnvelopeError> {
        if self.network != network {
            return Err(EnvelopeError::Network { got: self.network.0, expected: network.0 });
        }
        let id = self.id();
        if !self.signer.verify(&id.0, &self.signature) {
            return Err(EnvelopeError::Signature {
                kind: self.message.kind(),
                signer: self.signer,
            });
        }
        let size_bytes = self.to_bytes()?.len() as u64;
        Ok(Verified { id, size_bytes, signed: self })
    }
}

/// An envelope whose network and signature are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    id: MessageId,
    size_bytes: u64,
    signed: Signed,
}

impl Verified {
    /// The message's id.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Who said it.
    pub fn signer(&self) -> Key {
        self.signed.signer
    }

    /// What was said.
    pub fn message(&self) -> &Message {
        &self.signed.message
    }

    /// The envelope as stored.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }

    /// Length of the canonical bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Checks that every blob the message names is held.
    pub fn ready(self, held: &BTreeSet<Digest>) -> Result<Ready, MissingBlobs> {
        let missing: Vec<Digest> = self
            .message()
            .required_blobs()
            .into_iter()
            .filter(|blob| !held.contains(blob))
            .collect();
        if missing.is_empty() { Ok(Ready(self)) } else { Err(MissingBlobs(missing)) }
    }
}

/// A verified message whose blobs are held: the only kind the state machine takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready(Verified);

impl std::ops::Deref for Ready {
    type Target = Verified;

    fn deref(&self) -> &Verified {
        &self.0
    }
}
