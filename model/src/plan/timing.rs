//! Where the time of a run goes. This crate reads no clock: callers bring one.

use std::time::Duration;

/// What a run is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Run this step of the plan.
    Step(usize),
    /// Hash and list this state.
    Commit(u32),
    /// Hash so many bytes of a state.
    Hash(u64),
    /// Take the values that are returned, and give memory back.
    Return,
    /// Nothing more.
    End,
}

/// Sees every [`Moment`] of a run when it comes.
pub(crate) type Watch<'a> = dyn FnMut(Moment) + 'a;

/// How long a traced run took, and how much of it went into committing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceTiming {
    /// Hashing states and listing them.
    pub hashing: Duration,
    /// How many bytes were hashed.
    pub hashed: u64,
    /// Everything.
    pub total: Duration,
}

/// Adds up, from a clock, the time between moments by what it was spent on.
pub(crate) struct Stopwatch<C> {
    clock: C,
    since: Option<(Moment, Duration)>,
    pub(crate) timing: TraceTiming,
    /// Per step.
    pub(crate) steps: Vec<Duration>,
}

impl<C: FnMut() -> Duration> Stopwatch<C> {
    pub(crate) fn new(clock: C) -> Self {
        Self { clock, since: None, timing: TraceTiming::default(), steps: Vec::new() }
    }

    pub(crate) fn see(&mut self, moment: Moment) {
        if let Moment::Hash(bytes) = moment {
            // A part of committing, which is being timed already.
            self.timing.hashed = self.timing.hashed.saturating_add(bytes);
            return;
        }
        let now = (self.clock)();
        if let Some((before, since)) = self.since {
            let spent = now.saturating_sub(since);
            self.timing.total += spent;
            match before {
                Moment::Commit(_) => self.timing.hashing += spent,
                Moment::Step(step) => {
                    if self.steps.len() <= step {
                        self.steps.resize(step + 1, Duration::ZERO);
                    }
                    if let Some(steps) = self.steps.get_mut(step) {
                        *steps += spent;
                    }
                }
                Moment::Hash(_) | Moment::Return | Moment::End => {}
            }
        }
        self.since = Some((moment, now));
    }
}
