//! Plays a whole scene: time moves on only when everybody who will act has acted.

use std::collections::BTreeSet;

use gainsay_protocol::{ClaimPhase, Due, JobPhase, JobState, Key, Side, Time, next_deadline};

use super::fake::FakeArbiter;
use super::world::World;

/// Who takes part, and what to expect of them.
pub struct Watch<'a> {
    /// Keys of the executors that take jobs.
    pub executors: Vec<Key>,
    /// How many claims each challenger has dealt with so far; each deals with every claim.
    pub checked: Vec<Box<dyn Fn() -> u64 + 'a>>,
    /// Whether the executor of this job's claim answers in disputes.
    pub answers: Box<dyn Fn(&JobState) -> bool + 'a>,
}

/// Moves the clock from one deadline to the next until every job is over.
pub async fn drive(arbiter: &FakeArbiter, watch: &Watch<'_>) {
    loop {
        arbiter.until("everybody has acted", |world| is_quiet(world, watch)).await;
        let mut deadlines: Vec<Time> = arbiter.world().live().filter_map(next_deadline).collect();
        deadlines.sort();
        let Some(next) = deadlines.first().copied() else { return };
        arbiter.change(|world| world.advance(next));
    }
}

fn is_quiet(world: &World, watch: &Watch<'_>) -> bool {
    let claims: u64 = world.jobs.values().map(|job| job.claims.len() as u64).sum();
    // Claims are looked at in their windows only, so no window may end before.
    watch.checked.iter().all(|checked| checked() >= claims)
        && world.live().all(|job| is_job_quiet(world, job, watch))
}

fn is_job_quiet(world: &World, job: &JobState, watch: &Watch<'_>) -> bool {
    let barred: BTreeSet<Key> = job.barred.clone();
    match (&job.phase, job.claim().map(|claim| (claim, &claim.phase))) {
        (JobPhase::Open, _) => watch.executors.iter().all(|key| barred.contains(key)),
        (JobPhase::Taken(_), _) => false,
        (JobPhase::Claimed, Some((claim, ClaimPhase::Revealing))) => {
            claim.challenges.iter().all(|challenge| challenge.revealed.is_some())
        }
        (JobPhase::Claimed, Some((claim, ClaimPhase::Disputed))) => {
            let answers = (watch.answers)(job);
            claim.disputes.iter().all(|dispute| {
                let due = |side| claim.due(&world.params, side, &dispute.counter_root);
                due(Side::Challenger) == Due::Nothing
                    && (!answers || due(Side::Executor) == Due::Nothing)
            })
        }
        _ => true,
    }
}
