//! Amounts and times, so that neither can be taken for the other or for a count.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

/// An amount in micro-credits. All arithmetic is checked.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
)]
pub struct Amount(pub u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `self + other`, unless it overflows.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `self - other`, or zero if that is negative.
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `percent` percent of the amount, rounded down; `percent` is at most 100.
    pub fn percent(self, percent: u8) -> Self {
        let share = u128::from(self.0) * u128::from(percent.min(100)) / 100;
        Self(u64::try_from(share).unwrap_or(self.0))
    }

    /// The amount over `parts`, rounded down; nothing for no parts.
    pub fn over(self, parts: u64) -> Self {
        Self(self.0.checked_div(parts).unwrap_or(0))
    }

    /// `self * count / total`, rounded down; nothing if `total` is zero.
    pub fn share(self, count: u64, total: u64) -> Self {
        let share = (u128::from(self.0) * u128::from(count)).checked_div(total.into()).unwrap_or(0);
        Self(u64::try_from(share).unwrap_or(u64::MAX))
    }

    /// The smaller amount.
    pub fn at_most(self, other: Self) -> Self {
        self.min(other)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A length of serving time in milliseconds.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
)]
pub struct Millis(pub u64);

/// A moment in the arbiter's serving time: milliseconds it has served since the network began.
///
/// Serving time is monotone and does not advance while the arbiter is down, so no clock charges downtime.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
)]
pub struct Time(pub u64);

impl Time {
    /// The moment `length` later; the last representable one if that overflows.
    pub fn after(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// How long ago `earlier` was; zero if it is later.
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}
