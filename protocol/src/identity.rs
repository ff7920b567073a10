//! Identities: ed25519 keys, the network's id and the ids of messages.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use gainsay_commitment::{Context, Digest, hash};
use zeroize::Zeroizing;

/// A participant's public key. Decoding checks that it is a point of the curve and not a weak one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Key([u8; 32]);

/// A text or bytes that are no usable public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an ed25519 public key: {0}")]
pub struct ParseKeyError(String);

impl Key {
    /// Checks that the bytes are a usable ed25519 public key.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseKeyError> {
        let key = VerifyingKey::from_bytes(&bytes)
            .map_err(|_| ParseKeyError("not a point of the curve".into()))?;
        if key.is_weak() {
            return Err(ParseKeyError("a point of small order".into()));
        }
        Ok(Self(bytes))
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first four bytes in hexadecimal, for people; not an identifier.
    pub fn short(&self) -> String {
        Digest(self.0).short()
    }

    /// Checks a signature strictly: no malleable signature and no weak key is accepted.
    pub fn verify(&self, digest: &Digest, signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(digest.as_bytes(), &signature).is_ok())
    }
}

impl BorshDeserialize for Key {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let bytes = <[u8; 32]>::deserialize_reader(reader)?;
        Self::from_bytes(bytes)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digest(self.0).fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digest: Digest = text.parse().map_err(|_| {
            let shown: String = text.chars().take(80).collect();
            ParseKeyError(format!("expected 64 lower-case hexadecimal digits, got {shown:?}"))
        })?;
        Self::from_bytes(digest.0)
    }
}

/// An ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// A participant's secret key. It is wiped on drop and never printed.
pub struct Keypair {
    secret: SigningKey,
    public: Key,
}

impl Keypair {
    /// The key pair of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(seed);
        let public = Key(secret.verifying_key().to_bytes());
        Self { secret, public }
    }

    /// The public key.
    pub fn key(&self) -> Key {
        self.public
    }

    /// The seed, for writing a key file or for the transport's handshake.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes())
    }

    /// Signs a digest that was made under a context.
    pub fn sign(&self, digest: &Digest) -> Signature {
        Signature(self.secret.sign(digest.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({}, secret redacted)", self.public.short())
    }
}

/// The network's id: every signature is for one network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct NetworkId(pub Digest);

impl NetworkId {
    /// The id of the network of that name run by that arbiter, with that operator's mint.
    pub fn new(name: &str, arbiter: Key, operator: Key) -> Self {
        Self(hash(Context::Network, &(name, arbiter, operator)))
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkId({})", self.0.short())
    }
}

/// The id of a message: a digest of network, signer and content, whatever the signature.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct MessageId(pub Digest);

/// What a signature is over.
#[derive(BorshSerialize)]
pub struct Unsigned<'a, T: BorshSerialize> {
    /// The network the message is for.
    pub network: NetworkId,
    /// Who says it.
    pub signer: Key,
    /// What is said.
    pub message: &'a T,
}

impl<T: BorshSerialize> Unsigned<'_, T> {
    /// The message's id, which is also what is signed.
    pub fn id(&self) -> MessageId {
        MessageId(hash(Context::Message, self))
    }
}
