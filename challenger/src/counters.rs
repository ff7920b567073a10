//! What a challenger has done since it started.

use gainsay_player::Count;

/// The counts of a challenger.
#[derive(Debug, Default)]
pub struct Counters {
    /// Runs of a program.
    pub runs: Count,
    /// Claims that were re-run and found right.
    pub agreed: Count,
    /// Claims that were re-run and found wrong.
    pub differed: Count,
    /// Commitments accepted.
    pub commits: Count,
    /// Reveals accepted.
    pub reveals: Count,
    /// Dissection moves accepted.
    pub moves: Count,
    /// Evidence accepted.
    pub evidence: Count,
    /// Messages refused.
    pub refusals: Count,
    /// Wrong claims whose window ended before they were challenged.
    pub missed: Count,
    /// Acts that failed and are tried again.
    pub failures: Count,
}
