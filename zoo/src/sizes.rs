//! The static shapes that programs are captured for.

/// Texts at a time, and tokens of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Texts at a time.
    pub batch: usize,
    /// Tokens of each.
    pub seq: usize,
}

impl Sequence {
    /// The name of a program of this size, as `embed-1x128`.
    #[must_use]
    pub fn program(&self, verb: &str) -> String {
        format!("{verb}-{}x{}", self.batch, self.seq)
    }
}

/// Images at a time, and their height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Images {
    /// Images at a time.
    pub batch: usize,
    /// Height and width.
    pub side: usize,
}

impl Images {
    /// The name of a program of this size, as `classify-1x224`.
    #[must_use]
    pub fn program(&self, verb: &str) -> String {
        format!("{verb}-{}x{}", self.batch, self.side)
    }
}
