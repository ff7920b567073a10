//! Rules broken on purpose, each to show that a check sees it. No game that anybody relies on has one.

/// A rule that the simulated arbiter breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Breakage {
    /// Money appears.
    MintsUnasked,
    /// A bond is locked and freed once more after it ended.
    EndsBondTwice,
    /// Verdicts are turned round.
    JudgesWrongly,
    /// Verdicts on steps below a layer are turned round.
    JudgesStepsWrongly,
    /// A chunk after the one that a pair came down to is judged.
    JudgesAnotherChunk,
    /// When one sub-root loses, the others of its side have no time left.
    SpoilsOtherPairs,
    /// Who posted a sub-root that lost gets the bond back if the side wins.
    FreesLostSubRoots,
    /// Of two commitments to one claim both are paid.
    PaysBonusTwice,
    /// What is opened of a canary stays in escrow.
    KeepsBonuses,
    /// Bonds that should be freed are burned.
    BurnsFreedBonds,
    /// What should be burned goes back to the owner.
    BurnsNothing,
    /// The layer after the one the dispute came down to is judged.
    JudgesAnotherLayer,
    /// Replays are not cached.
    ReplaysAgain,
    /// Deadlines never take effect.
    NeverSweeps,
    /// Moves are refused in the last half of a clock.
    RefusesSlowMoves,
    /// Messages are judged by an earlier time.
    JudgesByOldTime,
    /// Deadlines take effect before they come.
    SweepsEarly,
    /// Serving time goes on while the arbiter is away.
    ChargesDowntime,
    /// An ended job is opened again.
    ReopensEnded,
    /// A message that comes again is decided on again.
    ForgetsMessages,
    /// A move somebody else has made is refused.
    RefusesDoneMoves,
    /// A message gives time to disputes that it does not concern.
    MixesDisputes,
    /// A crash loses the last acknowledged entry.
    LosesLastEntry,
    /// The tables are changed beside the log.
    WritesBesideLog,
    /// A start writes an old entry anew.
    RewritesLog,
}

impl Breakage {
    /// Every breakage with the name of the invariant that must see it.
    pub const ALL: [(Self, &'static str); 25] = [
        (Self::MintsUnasked, "conservation"),
        (Self::EndsBondTwice, "bond_ends_once"),
        (Self::JudgesWrongly, "truth_wins"),
        (Self::JudgesStepsWrongly, "truth_wins"),
        (Self::JudgesAnotherChunk, "first_divergence"),
        (Self::SpoilsOtherPairs, "isolation"),
        (Self::FreesLostSubRoots, "sham_costs"),
        (Self::PaysBonusTwice, "sham_costs"),
        (Self::KeepsBonuses, "conservation"),
        (Self::BurnsFreedBonds, "honest_never_loses"),
        (Self::BurnsNothing, "sham_costs"),
        (Self::JudgesAnotherLayer, "first_divergence"),
        (Self::ReplaysAgain, "bounded_work"),
        (Self::NeverSweeps, "bounded_delay"),
        (Self::RefusesSlowMoves, "winnable_stays"),
        (Self::JudgesByOldTime, "no_late_move"),
        (Self::SweepsEarly, "no_late_move"),
        (Self::ChargesDowntime, "downtime_free"),
        (Self::ReopensEnded, "terminal_absorbs"),
        (Self::ForgetsMessages, "once_only"),
        (Self::RefusesDoneMoves, "done_by_another"),
        (Self::MixesDisputes, "isolation"),
        (Self::LosesLastEntry, "prefix_recovery"),
        (Self::WritesBesideLog, "db_is_fold"),
        (Self::RewritesLog, "log_append_only"),
    ];
}
