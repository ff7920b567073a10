//! What only this challenger can compute: which claims it looks at, and the salts of its commitments.
//!
//! Both follow from its key, so nothing need be stored and nobody else can predict them.

use std::fmt;
use std::str::FromStr;

use gainsay_protocol::{ClaimId, Keypair, MessageId};
use zeroize::Zeroizing;

/// Derived from a challenger's key.
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// The secret of a key pair.
    pub fn of(keypair: &Keypair) -> Self {
        let derived = blake3::derive_key("gainsay 1 challenger secret", keypair.seed().as_slice());
        Self(Zeroizing::new(derived))
    }

    /// The salt of the commitment on a claim.
    pub fn salt(&self, claim: ClaimId) -> [u8; 32] {
        self.keyed(b"salt", claim)
    }

    /// Whether the claim is in the sample.
    pub fn samples(&self, claim: ClaimId, rate: SamplingRate) -> bool {
        let [a, b, c, d, e, f, g, ..] = self.keyed(b"sample", claim);
        // 53 bits: as many as a double holds.
        let drawn = u64::from_le_bytes([a, b, c, d, e, f, g & 0x1f, 0]);
        (drawn as f64) < rate.0 * (1u64 << 53) as f64
    }

    fn keyed(&self, purpose: &[u8], claim: ClaimId) -> [u8; 32] {
        let ClaimId(MessageId(claim)) = claim;
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose).update(claim.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The share of claims that is checked, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct SamplingRate(f64);

/// A number that is no share.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("a sampling rate is a number from 0 to 1, not {0}")]
pub struct SamplingRateError(String);

impl SamplingRate {
    /// Every claim.
    pub const ALL: Self = Self(1.0);

    /// The share `rate`.
    ///
    /// # Errors
    /// If it is not from 0 to 1.
    pub fn new(rate: f64) -> Result<Self, SamplingRateError> {
        if (0.0..=1.0).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(SamplingRateError(rate.to_string()))
        }
    }

    /// The share.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for SamplingRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SamplingRate {
    type Err = SamplingRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || SamplingRateError(text.chars().take(40).collect());
        Self::new(text.parse().map_err(|_| refused())?)
    }
}

#[cfg(test)]
mod tests {
    use gainsay_commitment::content;

    use super::*;

    fn claim(number: u32) -> ClaimId {
        ClaimId(MessageId(content(&number.to_le_bytes())))
    }

    #[test]
    fn a_sample_has_about_its_rate_and_the_bounds_are_exact() {
        let secret = Secret::of(&Keypair::from_seed(&[7; 32]));
        let count = |rate| {
            let rate = SamplingRate::new(rate).unwrap();
            (0..2000).filter(|number| secret.samples(claim(*number), rate)).count()
        };
        assert_eq!((count(0.0), count(1.0)), (0, 2000));
        let quarter = count(0.25);
        assert!((400..600).contains(&quarter), "{quarter} of 2000");
    }

    #[test]
    fn samples_and_salts_are_the_same_again_and_differ_between_keys() {
        let (one, other) =
            ([1; 32], [2; 32]).map_pair(|seed| Secret::of(&Keypair::from_seed(&seed)));
        let again = Secret::of(&Keypair::from_seed(&[1; 32]));
        assert_eq!(one.salt(claim(1)), again.salt(claim(1)));
        assert_ne!(one.salt(claim(1)), other.salt(claim(1)));
        assert_ne!(one.salt(claim(1)), one.salt(claim(2)));
        let half = SamplingRate::new(0.5).unwrap();
        let differs =
            |number| one.samples(claim(number), half) != other.samples(claim(number), half);
        assert!((0..100).any(differs));
    }

    trait Pair<T> {
        fn map_pair<U>(self, f: impl Fn(T) -> U) -> (U, U);
    }

    impl<T> Pair<T> for (T, T) {
        fn map_pair<U>(self, f: impl Fn(T) -> U) -> (U, U) {
            (f(self.0), f(self.1))
        }
    }

    #[test]
    fn rates_outside_0_to_1_are_refused() {
        for text in ["-0.1", "1.5", "NaN", "many"] {
            assert!(text.parse::<SamplingRate>().is_err(), "{text}");
        }
        assert_eq!("0.25".parse::<SamplingRate>().unwrap().get(), 0.25);
    }
}
