//! `downtime_free` and `bounded_delay`: the simulator knows real time, the arbiter's gaps and its lateness.

use gainsay_protocol::{ClaimId, JobState, LoggedEvent, Millis, Params, ProgramFacts, Time};

use super::{Commit, Violation, broken, rounds, rounds_below};
use crate::arbiter::{Arbiter, HEARTBEAT_MS, MOST_CHARGED_MS};

/// What the arbiter may be late by, in serving time; the simulator's plan says it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// The most the sweeper is late.
    pub(crate) sweep_ms: u64,
    /// The most a replay or a run takes, retries after crashes included.
    pub(crate) work_ms: u64,
}

/// Serving time as seen from outside.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) bounds: Bounds,
    pub(super) now: Time,
    real_ms: u64,
    serving: bool,
    silent_since: Option<(u64, Time)>,
    /// When the arbiter said that it serves again.
    gaps: Vec<Time>,
}

impl Times {
    pub(super) fn new(bounds: Bounds) -> Self {
        let (now, gaps) = (Time(0), Vec::new());
        Self { bounds, now, real_ms: 0, serving: false, silent_since: None, gaps }
    }

    /// Between two looks serving time is monotone, goes on by at most what really passed, not at all while the
    /// arbiter is down, and by at most one period after the last heartbeat that got through.
    pub(super) fn serving(&mut self, arbiter: &Arbiter, real_ms: u64, found: &mut Vec<Violation>) {
        let (now, passed) = (arbiter.by_clock(), real_ms.saturating_sub(self.real_ms));
        let charged = now.since(self.now).0;
        let up = arbiter.is_up();
        // What a process alone knew of the time is gone with it.
        let least = if up { self.now } else { Time(0) };
        if now < least {
            broken(found, "downtime_free", format!("time went back from {least:?} to {now:?}"));
        }
        if charged > passed || (charged > 0 && !self.serving) {
            let what = format!("{charged} ms charged for {passed} ms, serving: {}", self.serving);
            broken(found, "downtime_free", what);
        }
        let beating = up && arbiter.beats();
        let (since, then) = *self.silent_since.get_or_insert((real_ms, now));
        let silent = real_ms.saturating_sub(since);
        if !beating && now.since(then).0 > MOST_CHARGED_MS {
            let what = format!("{} ms charged in {silent} ms of silence", now.since(then).0);
            broken(found, "downtime_free", what);
        }
        if beating {
            self.silent_since = None;
        }
        (self.now, self.real_ms, self.serving) = (now, real_ms, up);
    }

    pub(super) fn resumed(&mut self, commit: &Commit) {
        if commit.entry.event == LoggedEvent::Resumed {
            self.gaps.push(commit.entry.time);
        }
    }

    /// D_max, in serving time: both sides' graces count, and what gaps and the arbiter's own lateness add.
    fn longest(&self, params: &Params, facts: &ProgramFacts, admitted: Time) -> Millis {
        let Params { window, reveal, budget, grace, .. } = params;
        let gaps = self.gaps.iter().filter(|gap| **gap >= admitted).count() as u64;
        let disputes = 2 * budget.0 + 2 * rounds(params, facts.layers) * grace.0;
        // Time for sub-roots, then the clocks of the pairs, all at once.
        let pair = |deep| 3 * budget.0 + 2 * rounds_below(params, deep) * grace.0;
        let below = facts.below.iter().map(pair).max();
        let (clocks, sweeps) = if below.is_some() { (5, 6) } else { (2, 4) };
        let disputes = disputes + below.unwrap_or(0);
        let given = gaps * 2 * grace.0 + clocks * (gaps * grace.0).min(budget.0);
        let late = sweeps * (self.bounds.sweep_ms + HEARTBEAT_MS) + 2 * self.bounds.work_ms;
        Millis(window.0 + reveal.0 + disputes + given + late)
    }

    /// An ended claim ended in time.
    pub(super) fn bounded_delay(
        &self,
        arbiter: &Arbiter,
        job: &JobState,
        found: &mut Vec<Violation>,
    ) {
        for claim in &job.claims {
            let took = claim.ended.unwrap_or(self.now).since(claim.admitted);
            let longest = self.longest(arbiter.params_of(job), &job.facts, claim.admitted);
            if took > longest {
                broken(found, "bounded_delay", describe(claim.id, took, longest));
            }
        }
    }

    /// No claim under way is overdue.
    pub(super) fn overdue(&self, arbiter: &Arbiter, found: &mut Vec<Violation>) {
        for job in arbiter.tables.jobs.values().filter(|job| !job.is_terminal()) {
            self.bounded_delay(arbiter, job, found);
        }
    }
}

fn describe(claim: ClaimId, took: Millis, longest: Millis) -> String {
    format!("claim {claim:?} took {} ms of at most {}", took.0, longest.0)
}
