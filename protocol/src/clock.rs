//! Clocks: a budget of serving time per side, and the one function that says who is late.

use std::cmp::Ordering;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Millis, Time};

/// One side's clock in a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Clock {
    left: Millis,
    running_since: Option<Time>,
    /// What gaps in the arbiter's service can still add: at most the budget in all.
    gap_left: Millis,
}

impl Clock {
    /// A stopped clock with `budget` left.
    pub fn new(budget: Millis) -> Self {
        Self { left: budget, running_since: None, gap_left: budget }
    }

    /// What is left at `now`.
    pub fn left(&self, now: Time) -> Millis {
        let spent = self.running_since.map_or(Millis(0), |since| now.since(since));
        Millis(self.left.0.saturating_sub(spent.0))
    }

    /// When it ends if it keeps running; `None` while it stands.
    pub fn ends(&self) -> Option<Time> {
        self.running_since.map(|since| since.after(self.left))
    }

    /// Whether it runs and nothing is left.
    pub fn is_late(&self, now: Time) -> bool {
        self.ends().is_some_and(|end| now >= end)
    }

    /// Starts it at `now` with at least `grace` left; a running one only gets the grace.
    pub fn start(&mut self, now: Time, grace: Millis) {
        self.left = self.left(now).max(grace);
        self.running_since = Some(now);
    }

    /// Stops it at `now`.
    pub fn stop(&mut self, now: Time) {
        self.left = self.left(now);
        self.running_since = None;
    }

    /// Gives a running clock at least `grace` from `now` on, after the arbiter was away; one that has ended
    /// stays so. All such gifts together are at most the budget, so that an arbiter that restarts for ever
    /// freezes nothing.
    pub fn extend(&mut self, now: Time, grace: Millis) {
        if self.running_since.is_some() && !self.is_late(now) {
            let left = self.left(now);
            let given = Millis(grace.0.saturating_sub(left.0)).min(self.gap_left);
            self.gap_left = Millis(self.gap_left.0.saturating_sub(given.0));
            self.left = Millis(left.0.saturating_add(given.0));
            self.running_since = Some(now);
        }
    }
}

/// Who is late at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody; the first running clock ends at this moment, if any runs.
    InTime(Option<Time>),
    /// The executor owes a move and its clock has ended.
    ExecutorLate,
    /// The challengers owe a move and their clock has ended.
    ChallengerLate,
    /// Both: at the same moment, or where they owe the same together.
    BothLate,
}

/// Classifies two clocks at `now`: used by the state machine, the sweeper and every view alike.
///
/// The first clock to end decides, whenever one looks: how late the sweeper comes changes no outcome.
pub fn classify(now: Time, executor: &Clock, challenger: &Clock) -> Standing {
    let late = |clock: &Clock| clock.ends().filter(|end| now >= *end);
    match (late(executor), late(challenger)) {
        (Some(executor), Some(challenger)) => match executor.cmp(&challenger) {
            Ordering::Less => Standing::ExecutorLate,
            Ordering::Equal => Standing::BothLate,
            Ordering::Greater => Standing::ChallengerLate,
        },
        (Some(_), None) => Standing::ExecutorLate,
        (None, Some(_)) => Standing::ChallengerLate,
        (None, None) => {
            Standing::InTime(executor.ends().into_iter().chain(challenger.ends()).min())
        }
    }
}
