//! The kinds of lie, and who tells them.

use std::fmt;
use std::str::FromStr;

use gainsay_commitment::{Context, hash};
use gainsay_executor::CheatKind;

use crate::cli::args::DemoArgs;

/// How many executors the demo starts.
pub const EXECUTORS: usize = 3;
/// How many challengers the demo starts.
pub const CHALLENGERS: usize = 3;
/// The name of the executor that tells the operator's canaries.
pub const CANARY: &str = "canary";

/// A kind of lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An executor's.
    Executor(CheatKind),
    /// A challenger's: it disputes a correct claim.
    FalseAlarm,
}

impl Kind {
    /// Every kind.
    pub fn all() -> Vec<Self> {
        let executors = CheatKind::ALL.iter().copied().map(Self::Executor);
        executors.chain([Self::FalseAlarm]).collect()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Executor(kind) => kind.fmt(f),
            Self::FalseAlarm => f.write_str("false-alarm"),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all().into_iter().find(|kind| kind.to_string() == text).ok_or_else(|| {
            let known: Vec<String> = Self::all().iter().map(Self::to_string).collect();
            format!("{text:?} is no kind of lie: {}", known.join(", "))
        })
    }
}

/// Who lies and how; a pure function of the arguments.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The executors' kinds of lie; empty if they are all honest.
    pub executor_kinds: Vec<CheatKind>,
    /// Which executor lies, from 0.
    pub liar: usize,
    /// Which challenger raises a false alarm, from 0; none if nobody does.
    pub alarmist: Option<usize>,
    /// How many of the jobs are canaries.
    pub canaries: usize,
    seed: u64,
}

impl Plan {
    /// The plan for these arguments.
    pub fn new(args: &DemoArgs) -> Self {
        let kinds = if args.cheat.is_empty() { Kind::all() } else { args.cheat.clone() };
        let executor_kinds = kinds
            .iter()
            .filter_map(|kind| match kind {
                Kind::Executor(kind) => Some(*kind),
                Kind::FalseAlarm => None,
            })
            .collect();
        // The first job is an ordinary one.
        let canaries =
            (args.jobs as usize / 16).clamp(1, 2).min((args.jobs as usize).saturating_sub(1));
        let mut plan = Self { executor_kinds, liar: 0, alarmist: None, canaries, seed: args.seed };
        plan.liar = (plan.draw("liar", 0) % EXECUTORS as u64) as usize;
        if kinds.contains(&Kind::FalseAlarm) {
            plan.alarmist = Some((plan.draw("alarmist", 0) % CHALLENGERS as u64) as usize);
        }
        plan
    }

    /// A number that follows from the seed, a purpose and an index.
    pub fn draw(&self, purpose: &str, index: u64) -> u64 {
        let digest = hash(Context::Cause, &("demo", self.seed, purpose, index));
        let mut bytes = [0u8; 8];
        bytes.copy_from_slice(&digest.as_bytes()[..8]);
        u64::from_le_bytes(bytes)
    }
}
