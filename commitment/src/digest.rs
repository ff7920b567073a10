//! Digests and domain separation.
//!
//! Every hash that means something is BLAKE3 in key-derivation mode under a context of its own, so that no
//! two kinds of object can be mistaken for each other. The one exception is `content`, the plain BLAKE3 of
//! raw bytes, which is what blobs are named by.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use borsh::{BorshDeserialize, BorshSerialize};

/// A 32-byte BLAKE3 digest.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Default,
)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first four bytes in hexadecimal, for people; not an identifier.
    pub fn short(&self) -> String {
        self.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that is not a digest: 64 lower-case hexadecimal digits are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected 64 lower-case hexadecimal digits, got {0:?}")]
pub struct ParseDigestError(String);

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseDigestError(text.chars().take(80).collect());
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0u8; 32];
        if text.len() != 64 {
            return Err(refuse());
        }
        let (pairs, _) = text.as_bytes().as_chunks();
        for (out, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = digit(*high).zip(digit(*low)).ok_or_else(refuse)?;
            *out = (high << 4) | low;
        }
        Ok(Self(bytes))
    }
}

macro_rules! contexts {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a digest is of. The text is the BLAKE3 key-derivation context.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Context { $($(#[$doc])* $name,)* }

        impl Context {
            /// Every context.
            pub const ALL: &[Context] = &[$(Context::$name,)*];

            /// The context's text.
            pub fn text(self) -> &'static str {
                match self { $(Context::$name => $text,)* }
            }

            fn key(self) -> &'static ContextKey {
                match self {
                    $(Context::$name => {
                        static KEY: OnceLock<ContextKey> = OnceLock::new();
                        KEY.get_or_init(|| hash_derive_key_context($text))
                    })*
                }
            }
        }
    };
}

contexts! {
    /// A tensor: element type, shape, content.
    Tensor = "gainsay 1 tensor",
    /// A state: index and list of live tensors.
    State = "gainsay 1 state",
    /// A leaf of the trace tree.
    Leaf = "gainsay 1 leaf",
    /// An inner node of the trace tree.
    Node = "gainsay 1 node",
    /// The padding leaf.
    Empty = "gainsay 1 empty",
    /// A trace root.
    Trace = "gainsay 1 trace",
    /// A step below a layer: a leaf of its tree.
    Step = "gainsay 1 step",
    /// A state below a layer: layer, step and list of live tensors.
    InnerState = "gainsay 1 inner state",
    /// A sub-root: the commitment to all steps of one layer.
    Steps = "gainsay 1 steps",
    /// A program.
    Program = "gainsay 1 program",
    /// A layer table.
    LayerTable = "gainsay 1 layer table",
    /// An artifact's manifest.
    Artifact = "gainsay 1 artifact",
    /// The hidden commitment of a challenge.
    Commitment = "gainsay 1 commitment",
    /// A signed message: what the signature is over.
    Message = "gainsay 1 message",
    /// Signed bytes as stored, signature included.
    Envelope = "gainsay 1 envelope",
    /// The arbiter's receipt for a message.
    Receipt = "gainsay 1 receipt",
    /// A network's name and authorities.
    Network = "gainsay 1 network",
    /// An entry of the arbiter's log.
    LogEntry = "gainsay 1 log entry",
    /// The cause of a transfer.
    Cause = "gainsay 1 cause",
    /// A judged case.
    Case = "gainsay 1 case",
    /// The arbiter's verdict about a case.
    Verdict = "gainsay 1 verdict",
    /// The operator's hidden commitment to a lie that it plants.
    Canary = "gainsay 1 canary",
}

/// An incremental hash under a context.
#[derive(Clone)]
pub struct DigestHasher(blake3::Hasher);

impl DigestHasher {
    /// Starts a hash under `context`.
    pub fn new(context: Context) -> Self {
        Self(blake3::Hasher::new_from_context_key(context.key()))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The digest of everything added.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl std::io::Write for DigestHasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `H(context; bytes)`.
pub fn hash_bytes(context: Context, bytes: &[u8]) -> Digest {
    DigestHasher::new(context).update(bytes).finish()
}

/// `H(context; borsh(value))`.
///
/// Serialising into a hash cannot fail unless a value's own encoding refuses it (a NaN, a length over
/// 32 bits); such a value hashes as the part written before, under a trailing mark no valid encoding has.
pub fn hash<T: BorshSerialize>(context: Context, value: &T) -> Digest {
    let mut hasher = DigestHasher::new(context);
    if value.serialize(&mut hasher).is_err() {
        hasher.update(b"\xffgainsay: unencodable");
    }
    hasher.finish()
}
