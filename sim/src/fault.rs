//! What can go wrong around the participants, each kind of which can be switched off.

use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    /// Packets are lost.
    Loss,
    /// Packets are late, each by another time, so that they overtake one another.
    Delay,
    /// Packets arrive twice.
    Duplication,
    /// A player is cut off for a while.
    Partition,
    /// A player loses its memory.
    PlayerCrash,
    /// A player's clock is wrong.
    ClockSkew,
    /// The arbiter crashes at a persist point.
    ArbiterCrash,
    /// The arbiter's heartbeats do not get through for a while.
    ArbiterStall,
    /// Deadlines take effect late.
    LateSweeper,
    /// The arbiter's replays and runs fail.
    FailedReplay,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Loss,
        Self::Delay,
        Self::Duplication,
        Self::Partition,
        Self::PlayerCrash,
        Self::ClockSkew,
        Self::ArbiterCrash,
        Self::ArbiterStall,
        Self::LateSweeper,
        Self::FailedReplay,
    ];

    /// The name, for reports and the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Delay => "delay",
            Self::Duplication => "duplication",
            Self::Partition => "partition",
            Self::PlayerCrash => "player-crash",
            Self::ClockSkew => "clock-skew",
            Self::ArbiterCrash => "arbiter-crash",
            Self::ArbiterStall => "arbiter-stall",
            Self::LateSweeper => "late-sweeper",
            Self::FailedReplay => "failed-replay",
        }
    }
}

/// A set of kinds of faults.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Faults(u16);

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self(0);

    /// Everything can go wrong.
    pub fn all() -> Self {
        Fault::ALL.into_iter().fold(Self::NONE, Self::with)
    }

    /// With one kind more.
    pub fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u8)
    }

    /// Without one kind.
    pub fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u8))
    }

    /// Whether the kind is in it.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u8) != 0
    }

    /// The kinds in it.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.has(*fault))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Fault::name).collect();
        write!(f, "{{{}}}", names.join(" "))
    }
}
