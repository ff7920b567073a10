//! What an executor has done since it started.

use gainsay_player::Count;

/// The counts of an executor.
#[derive(Debug, Default)]
pub struct Counters {
    /// Jobs taken.
    pub takes: Count,
    /// Jobs that somebody else took first.
    pub lost_races: Count,
    /// Runs of a program.
    pub runs: Count,
    /// Claims accepted.
    pub claims: Count,
    /// Claims sent again as they were stored.
    pub resent: Count,
    /// Dissection moves accepted.
    pub moves: Count,
    /// Evidence accepted.
    pub evidence: Count,
    /// Messages refused.
    pub refusals: Count,
    /// Acts that failed and are tried again.
    pub failures: Count,
}
